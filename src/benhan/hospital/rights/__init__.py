"""The patient's rights at the hospital: consents taken at the desk with her.

Called by reception, wards and the planning office. Source: Luật 91/2025/QH15, NĐ 356/2025/NĐ-CP; Law 15/2023 art. 12.
"""
