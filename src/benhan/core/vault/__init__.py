"""What the application encrypts before PostgreSQL sees it: keys of each facility under one master key, and envelopes.

Called by `access` (secrets of accounts, signing keys) and `store` (bodies of people and of labelled records). Why, and
against whom: docs/why/secrets.md. Source: NIST SP 800-38D (GCM), SP 800-57 (a hierarchy of keys); OWASP ASVS 5.0, V11.
"""

from benhan.core.vault import carried
from benhan.core.vault.envelope import Damaged, Place
from benhan.core.vault.keyring import Column, Keyring, Keys, keys_of, ring_of, use
from benhan.core.vault.master import Master, MasterError, master_of

__all__ = [
    "Column",
    "Damaged",
    "Keyring",
    "Keys",
    "Master",
    "MasterError",
    "Place",
    "carried",
    "keys_of",
    "master_of",
    "ring_of",
    "use",
]  # fmt: skip
