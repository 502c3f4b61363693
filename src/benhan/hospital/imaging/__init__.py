"""Imaging's reading desk: who waits for which picture or tracing, technique, findings, conclusion, release.

Called by radiologists and technicians; reads the clinic's `ServiceRequest`s, writes `DiagnosticReport`s.
Source: QĐ 25/2013/QĐ-BYT (imaging procedures); HL7 FHIR R4. Pictures (RIS, PACS) follow.
"""
