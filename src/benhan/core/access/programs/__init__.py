"""Programs of other software: how they are registered, prove who they are, and get tokens for what was granted.

Asked by the doors of `core/api/smart.py`, the authorization page and the administrator's page (`entrance`).
Source: SMART App Launch 2.2; RFC 6749, 7009, 7521–7523, 7636, 7662, 9207; OpenID Connect Core 1.0. ADR 0012.
"""
