"""FHIR R4 as Python: generated types, strict JSON, validation, search parameters. Pure: no input or output.

Called by every floor above: store, api and departments speak to each other in these types.
Standard: HL7 FHIR R4 (4.0.1); Vietnamese identifier systems from VN Core (drafts, CC0).
"""
