"""Seals on the audit: what was written there stays as it was written, and whoever changes it is found out.

Called by the server processes (`Sealer`), `benhan audit verify` and the tests.
Source: TT 13/2025/TT-BYT art. 5, ANM-R11 (a trace that cannot be altered); RFC 6962 (Merkle tree), RFC 8032 (Ed25519).
"""
