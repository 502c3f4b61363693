"""What of the list of TT 30/2023/TT-BYT a facility has compared with the paper itself.

The program carries the list as far as two readings of it agree (`remote_conditions.toml`). Whoever holds the signed
paper confirms the rest: the administrator says so by name, as a ValueSet whose versions tell who and when. Source: Law
15/2023/QH15 art. 80 clause 1 a.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.remote_conditions import is_remote, listed

URL: Final = f"{systems.BENHAN}/ValueSet/remote-conditions"
#: Codes that a facility may add from the paper.
MOST: Final = 30
_CODE: Final = re.compile(r"[A-Z]\d\d(\.\d{1,2})?")


class Compared(msgspec.Struct, frozen=True):
    """The codes that a facility found in the paper; who said so last, and on which day."""

    codes: frozenset[str] = frozenset()
    by: str = ""
    on: str = ""

    @property
    def others(self) -> list[str]:
        """Those that no entry of the list carries."""
        return sorted(self.codes - {code for one in listed().entries for code in one.codes})


async def compared(tx: Transaction, who: Subject) -> Compared:
    """What her facility has found in the paper."""
    found = await _kept(tx, who)
    if found is None or found.compose is None:
        return Compared()
    codes = frozenset(one.code or "" for each in found.compose.include for one in each.concept or [])
    return Compared(codes, found.publisher or "", (found.date or "")[:10])


async def of_visit(tx: Transaction, who: Subject, visit: r4.Encounter) -> frozenset[str]:
    """The same codes, asked where they matter: at a visit at a distance."""
    return (await compared(tx, who)).codes if is_remote(visit) else frozenset()


async def compare(tx: Transaction, who: Subject, entries: Iterable[str], others: str) -> None:
    """Say which entries (by their first code) and which other ICD-10 codes stand in the signed paper.

    Raises:
        Forbidden: she does not administer the facility; Invalid: what is no ICD-10 code, or more than `MOST` of them.
    """
    who.must_administer("ValueSet")
    chosen = set(entries)
    codes = [code for one in listed().entries if one.codes[0] in chosen for code in one.codes] + _codes(others)
    concepts = [r4.ValueSetComposeIncludeConcept(code=code) for code in dict.fromkeys(codes)]
    include = [r4.ValueSetComposeInclude(system=systems.ICD10, concept=concepts)] if concepts else []
    made = r4.ValueSet(
        url=URL, status="active" if concepts else "retired", date=clock.today().isoformat(),
        publisher=who.name or who.account, description=f"{listed().law}: compared with the signed paper",
        compose=r4.ValueSetCompose(include=include) if include else None,
    )  # fmt: skip
    found = await _kept(tx, who)
    if found is None:
        await store.create(tx, who, made)
    else:
        await store.update(tx, who, msgspec.structs.replace(made, id=found.id), if_match=version_of(found))


async def _kept(tx: Transaction, who: Subject) -> r4.ValueSet | None:
    return next(iter((await store.search(tx, who, r4.ValueSet, {"url": URL, "_count": "1"})).resources), None)


def _codes(text: str) -> list[str]:
    found = re.split(r"[\s,;]+", text.upper().strip()) if text.strip() else []
    for one in found:
        if not _CODE.fullmatch(one):
            raise Invalid(_("“%(code)s” không phải mã ICD-10 (ví dụ J10 hoặc J10.1).", code=one[:20]), where="ma-khac")
    if len(found) > MOST:
        raise Invalid(_("Tối đa %(n)s mã.", n=MOST), where="ma-khac")
    return found
