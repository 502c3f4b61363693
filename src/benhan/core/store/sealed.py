"""What is signed stays as it was signed: no door changes it, additions are records of their own.

Source: TT 13/2025/TT-BYT (a signed record is only added to); Law 20/2023 on electronic transactions, art. 23.
"""

from __future__ import annotations

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict
from benhan.core.fhir.search import PARAMETERS
from benhan.core.store.rows import hash64

#: Signatures themselves, and the papers they stand under.
SEALED = frozenset({"Composition", "Provenance"})

_SIGNED = PARAMETERS["Provenance"]["signature-type"].id
_TARGET = PARAMETERS["Provenance"]["target"].id
_IS_SIGNED = """
select exists (select from token target join token signature on signature.rid = target.rid
    where target.facility = $1 and target.param = $2 and target.hash = $3 and signature.param = $4)
"""
_IS_SIGNATURE = """
select exists (select from token where rid = (select key from resource where facility = $1 and type = $2 and id = $3)
    and param = $4)
"""


async def refuse_if_sealed(tx: Transaction, who: Subject, name: str, number: int, id_: str) -> None:
    """Refuse to change or delete a signed paper, or a signature.

    Raises:
        Conflict: it is one.
    """
    if name not in SEALED:
        return
    if name == "Provenance":
        sealed = await tx.fetchval(_IS_SIGNATURE, who.facility, number, id_, _SIGNED)
    else:
        sealed = await tx.fetchval(_IS_SIGNED, who.facility, _TARGET, hash64(f"{name}/{id_}"), _SIGNED)
    if sealed:
        raise Conflict(f"{name}/{id_} đã được ký nên không sửa được.", where=name, advice="Ghi bổ sung và ký bổ sung.")
