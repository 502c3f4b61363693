"""The laboratory's results desk: who waits for which test, values with ranges and flags, release to the doctor.

Called by laboratory staff; reads the clinic's `ServiceRequest`s, writes `Observation`s and `DiagnosticReport`s.
Source: TT 49/2018/TT-BYT (tests in treatment, ranges, critical values); HL7 FHIR R4. The full LIS follows.
"""
