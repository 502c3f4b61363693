"""What the department of health (Sở Y tế) sees of its hospitals; each folder is one of its jobs.

Called by `app.py`. Works on figures without personal data and never opens a patient's record.
Law 15/2023/QH15 (state management of examination and treatment); Luật 91/2025/QH15 (personal data).
"""
