"""What the doors of the store share: numbers of types, the question to the policy, the stamp on a record."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from benhan.core.access import Decision, Interaction, Subject, decide
from benhan.core.access.audit import Event, record, record_shown
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden
from benhan.core.language import _, later

#: Resource type → its number in the tables. R4 is closed, so its alphabet is stable.
NUMBERS: dict[str, int] = {name: n for n, name in enumerate(sorted(codec.type_name(t) for t in r4.RESOURCES), 1)}
NAMES: dict[int, str] = {number: name for name, number in NUMBERS.items()}

ACTIONS = {
    Interaction.CREATE: "create",
    Interaction.READ: "read",
    Interaction.UPDATE: "update",
    Interaction.DELETE: "delete",
    Interaction.SEARCH: "search",
    Interaction.PRINT: "print",
    Interaction.EXPORT: "export",
    Interaction.SHARE: "share",
}


#: Types of which the platform (facility 0) keeps some for every facility.
SHARED = frozenset(
    {
        "CodeSystem", "ValueSet", "ConceptMap", "NamingSystem", "SearchParameter", "StructureDefinition",
        "OperationDefinition",
    }
)  # fmt: skip


def reaches(who: Subject, type_name: str) -> list[int]:
    """The facilities whose records of this type she may meet: her own, and of some types the platform's."""
    return [who.facility, 0] if type_name in SHARED and who.facility else [who.facility]


def new_id() -> str:
    """A fresh record id: UUID version 7 (RFC 9562), so that neighbours in time are neighbours in the index."""
    stamp = int(time.time() * 1000) << 80
    noise = secrets.randbits(80) & ~(0xF << 76) & ~(0x3 << 62)
    return str(UUID(int=stamp | noise | (0x7 << 76) | (0x2 << 62)))


def permit(who: Subject, interaction: Interaction, type_name: str, *, where: bool = False) -> Decision:
    """Ask the policy. `where`: the caller holds the decision's conditions (`narrowed.py`).

    Raises:
        Forbidden: it says no; the message names what was asked.
    """
    decision = decide(who, interaction, type_name, where=where)
    if not decision.allowed:
        says = _RULE_SAYS.get(decision.rule, _REFUSED[interaction])
        told = Forbidden(_(says, type=type_name), where=type_name, advice=_("Quy tắc: %(rule)s.", rule=decision.rule))
        told.rule = decision.rule
        raise told
    return decision


def audited(
    tx: Transaction,
    who: Subject,
    interaction: Interaction,
    decision: Decision,
    type_name: str,
    id_: str | None,
    patient: str | None,
    detail: str = "",
) -> None:
    """Leave the trace of an allowed act."""
    record(tx, who, Event(ACTIONS[interaction], type_name, id_, patient, True, decision.rule, detail))


def audited_many(
    tx: Transaction,
    who: Subject,
    decision: Decision,
    type_name: str,
    shown: Iterable[tuple[str, str | None]],
    detail: str = "",
) -> None:
    """Leave the trace of several records shown, as (id, patient): one event a patient, for all types a request shows.

    The house's own records (no patient) leave none: the search itself is trace enough.
    """
    by_patient: dict[str, list[str]] = {}
    for id_, patient in shown:
        if patient is not None:
            by_patient.setdefault(patient, []).append(id_)
    for patient, ids in by_patient.items():
        record_shown(tx, who, patient, type_name, ids, decision.rule, detail)


def stamped(resource: r4.R, id_: str, version: int, updated: datetime) -> r4.R:
    """The record as the server keeps it: its id, version and time set, everything else as given."""
    meta = msgspec.structs.replace(resource.meta or r4.Meta(), versionId=str(version), lastUpdated=instant(updated))
    return msgspec.structs.replace(resource, id=id_, meta=meta)


def now() -> datetime:
    """The moment of a write, to the millisecond FHIR keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@lru_cache(256)
def instant(moment: datetime) -> str:
    """A FHIR instant. The records of one batch share theirs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def version_of(resource: r4.Resource) -> str | None:
    """The version a record was read at."""
    return resource.meta.versionId if resource.meta else None


def reference(resource: r4.Resource, display: str | None = None) -> r4.Reference:
    """A reference to a stored record."""
    return r4.Reference(reference=f"{codec.type_name(resource)}/{resource.id}", display=display)


#: Rules whose refusal is told in words of its own.
_RULE_SAYS = {
    "licence-needed": later(
        "Cơ sở yêu cầu giấy phép hành nghề; giấy phép của bạn thiếu hoặc đã hết hạn nên chưa chẩn đoán, kê đơn, "
        "ký được. Báo người quản trị."
    )
}
_REFUSED = {
    Interaction.CREATE: later("Không có quyền tạo %(type)s."),
    Interaction.READ: later("Không có quyền đọc %(type)s."),
    Interaction.UPDATE: later("Không có quyền sửa %(type)s."),
    Interaction.DELETE: later("Không có quyền xoá %(type)s."),
    Interaction.SEARCH: later("Không có quyền tìm %(type)s."),
    Interaction.PRINT: later("Không có quyền in %(type)s."),
    Interaction.EXPORT: later("Không có quyền xuất %(type)s."),
    Interaction.SHARE: later("Không có quyền chia sẻ %(type)s."),
}
