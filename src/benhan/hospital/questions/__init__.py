"""Questions to a doctor: asked from the patient's app, answered by doctors within registered hours, kept as record.

Called by the patient's app and by doctors. Source: Law 15/2023 art. 69 (what is written of a patient's health is part
of her record), art. 10 (privacy); why a thread is made of Communications: docs/adr/0023.
"""
