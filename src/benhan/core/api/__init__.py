"""The doors for machines: FHIR REST over the record store.

Called by other hospitals' software with a bearer token (`benhan token`). Standard: HL7 FHIR R4, RESTful API (3.1.0).
"""
