"""The rules about records, to be read by a lawyer: who may do what with which records, and what stays closed.

A rule that allows gives letters on types to a role: `staff.py`, `patients.py`, `services.py`. A rule that denies closes
records that carry a label, until something lifts it, and wins over every rule that allows: `closed.py`. Nothing is
allowed that does not stand here. Each rule says in Vietnamese and English what it means, and on which article it rests.
`policy.py` checks and compiles them when the program starts; docs/why/policy.md shows them as one table.

What the words mean stands in `vocabulary.py`. Letters: c create, r read (with history), u update, d delete, s search;
p print, x export, h share. Reading is not copying: who may read a record may not print or share it for that.
"""

from __future__ import annotations

from typing import Final

from benhan.core.access.rules.closed import BREAKING, DENIED, NO_CONSENT_NEEDED
from benhan.core.access.rules.patients import PATIENTS
from benhan.core.access.rules.services import SERVICES
from benhan.core.access.rules.staff import STAFF
from benhan.core.access.vocabulary import Allow

__all__ = ["ALLOWED", "BREAKING", "DENIED", "NO_CONSENT_NEEDED"]

ALLOWED: Final[tuple[Allow, ...]] = (*STAFF, *PATIENTS, *SERVICES)
