"""The patient's own page: her visit today, results, prescriptions, appointments, and who opened her record.

Opened by a personal link and the birth date (`core.access.personal_links`); reads as herself, nothing of others.
Law 15/2023/QH15 art. 10 and 12 (privacy; right to the information in one's record).
"""
