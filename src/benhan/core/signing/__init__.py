"""Signing with certificates: who may, with which key, and what stands in a signed PDF and beside it.

Knows no hospital word; `hospital/signing.py` says which papers are signed. Law 20/2023/QH15 art. 22–23;
NĐ 23/2025/NĐ-CP art. 15–17 (a certificate is checked before it signs); TT 13/2025/TT-BYT art. 3.
Why as it is: docs/adr/0028.
"""
