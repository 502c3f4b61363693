"""The outpatient consultation: the doctor's room, her patient's page, vital signs, note, diagnoses, orders.

Called by `app.py` through `pages.py`; writes Encounter, Composition, Condition, ServiceRequest, Observation.
Source: QĐ 1313/QĐ-BYT (steps of a visit), TT 32/2023/TT-BYT (outpatient record), TT 06/2026/TT-BYT (ICD-10).
"""
