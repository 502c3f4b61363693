"""The desk of whoever reviews access: who opened which record, the unusual first, each with its reason in words.

Called by the browser (`/quan-tri/nhat-ky`).
Source: Law 15/2023 art. 69 (who may read a record), TT 13/2025/TT-BYT art. 5, Law 91/2025 (personal data).
"""
