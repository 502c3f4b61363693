"""The self-assessment of a facility: criteria as data, answered with evidence, looked at one by one, approved whole.

A facility's reporter answers and sends; officers and verifiers of the Department accept or return each answer. Answers
to TT 13/2025/TT-BYT art. 1–3 and to CV 365/TTYQG-GPQLCL; `criteria.toml` says where each is from, ADR 34 why so.
"""
