"""The words of an inpatient stay that all departments share: codes, states, and how to read where somebody lies.

A stay is an `Encounter` of class IMP: `planned` while she waits for a bed, `in-progress` in the department, `onleave`
while she is out and her bed is kept, `finished` after discharge or death. Its department is the `serviceProvider`; its
`location` holds every department and bed she was in, each with its time. Who made it last is the attending (ATND).
Source: Luật KCB 15/2023 Đ69; TT 32/2023/TT-BYT (36, 43, 44/BV2); HL7 FHIR R4 Encounter, table 0116 (state of a bed).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.language import later
from benhan.hospital.visit import code_of, id_of, in_state, moment, stamp

INPATIENT: Final = "IMP"
WAITING, PRESENT, AWAY, ENDED, CANCELLED = "planned", "in-progress", "onleave", "finished", "cancelled"
#: A stay in one of these states has not ended; a person has one of them at most (`core.store.uniqueness`).
OPEN: Final = (WAITING, PRESENT, AWAY)
LYING: Final = (PRESENT, AWAY)
STATES: Final = {
    WAITING: later("Chờ giường"), PRESENT: later("Đang nằm"), AWAY: later("Ra ngoài có phép"),
    ENDED: later("Đã ra viện"), CANCELLED: later("Đã huỷ"),
}  # fmt: skip

#: Kinds of place (`Location.type`, ROOM_TYPE); what FHIR calls them is `physicalType`.
WARD, ROOM, BED = "ward", "ward-room", "bed"
PHYSICAL: Final = {WARD: ("wa", "Ward"), ROOM: ("ro", "Room"), BED: ("bd", "Bed")}

#: State of a bed. Source: HL7 v2 table 0116. O is written by who puts somebody into it, the others by hand.
FREE, TAKEN, TO_CLEAN, UNCLEAN, ISOLATED, SHUT = "U", "O", "H", "K", "I", "C"
BED_STATES: Final = {
    FREE: later("Trống"), TAKEN: later("Có người"), TO_CLEAN: later("Chờ dọn"),
    UNCLEAN: later("Nhiễm bẩn"), ISOLATED: later("Cách ly"), SHUT: later("Đóng"),
}  # fmt: skip
#: Beds that take somebody; an isolated one takes who needs it.
READY: Final = (FREE, ISOLATED)

#: From where somebody is admitted. Source: HL7 admit-source.
SOURCES: Final = {
    "outp": later("Từ phòng khám"), "emd": later("Từ cấp cứu"),
    "hosp-trans": later("Cơ sở khác chuyển đến"), "born": later("Sinh tại đây"),
    "other": later("Khác"),
}  # fmt: skip
#: What came of the treatment, as 01–29/BV1 and the discharge paper ask it.
RESULTS: Final = {
    "recovered": later("Khỏi"), "improved": later("Đỡ, giảm"), "unchanged": later("Không thay đổi"),
    "worse": later("Nặng hơn"), "dead": later("Tử vong"),
}  # fmt: skip
#: How somebody leaves. Source: HL7 discharge-disposition; `aadvice` is "xin về".
DISPOSITIONS: Final = {
    "home": later("Ra viện"), "aadvice": later("Xin về"), "other-hcf": later("Chuyển cơ sở khác"),
    "alt-home": later("Bỏ về"), "exp": later("Tử vong"),
}  # fmt: skip


class Stretch(msgspec.Struct, frozen=True):
    """A time that somebody was in a department or a bed."""

    place: str
    name: str
    began: datetime | None
    ended: datetime | None


def is_stay(visit: r4.Encounter) -> bool:
    """Whether it is an inpatient stay."""
    return visit.class_.code == INPATIENT


def bed(stay: r4.Encounter) -> str | None:
    """The id of the bed that is hers now: she lies in it, or it is kept while she is away."""
    found = _current(stay, BED)
    return id_of(found.location) if found else None


def bed_name(stay: r4.Encounter) -> str:
    """What her bed is called; "" while she has none."""
    found = _current(stay, BED)
    return (found.location.display or "") if found else ""


def department(stay: r4.Encounter) -> str | None:
    """The id of the Organization that treats her now, or awaits her."""
    return id_of(stay.serviceProvider)


def department_name(stay: r4.Encounter) -> str:
    """Its name."""
    return (stay.serviceProvider.display or "") if stay.serviceProvider else ""


def began(stay: r4.Encounter) -> datetime | None:
    """When she was admitted; None while she waits."""
    return moment(stay.period.start) if stay.period else None


def ended(stay: r4.Encounter) -> datetime | None:
    """When she left."""
    return moment(stay.period.end) if stay.period else None


def days(stay: r4.Encounter, on: date) -> int:
    """Which day of the stay this is, from 1: as a ward counts ("ngày thứ 3"); not the days that are paid for."""
    first = clock.day_of(stay.period.start) if stay.period and stay.period.start else None
    return max(1, (on - first).days + 1) if first else 0


def stretches(stay: r4.Encounter, kind: str) -> list[Stretch]:
    """The departments (WARD) or beds (BED) she was in, in the order of time."""
    found = []
    for one in stay.location or []:
        if code_of(one.physicalType) == PHYSICAL[kind][0]:
            time = one.period or r4.Period()
            place = id_of(one.location) or ""
            found.append(Stretch(place, one.location.display or "", moment(time.start), moment(time.end)))
    return found


def result(stay: r4.Encounter) -> str:
    """What came of the treatment: a code of RESULTS, "" while nobody said."""
    said = next((one for one in stay.extension or [] if one.url == systems.EXTENSION_RESULT), None)
    return code_of(said.valueCodeableConcept, systems.TREATMENT_RESULT) or "" if said else ""


def attending(stay: r4.Encounter) -> str:
    """The name of the doctor who treats her; "" where nobody is named."""
    for one in stay.participant or []:
        if any(code_of(kind) == "ATND" for kind in one.type or []) and one.individual and not _over(one.period):
            return one.individual.display or ""
    return ""


def physical(kind: str) -> r4.CodeableConcept:
    """What FHIR calls a ward, a room, a bed."""
    code, display = PHYSICAL[kind]
    return r4.CodeableConcept(
        coding=[r4.Coding(system=systems.LOCATION_PHYSICAL_TYPE, code=code, display=display)]
    )  # fmt: skip


def in_place(stay: r4.Encounter, place: r4.Reference, kind: str, at: datetime) -> r4.Encounter:
    """In another bed (BED), or in another department (WARD), from now on; what she leaves has its end."""
    kinds = (WARD, BED) if kind == WARD else (BED,)
    entered = r4.EncounterLocation(
        location=place, status="active", physicalType=physical(kind), period=r4.Period(start=stamp(at))
    )
    return msgspec.structs.replace(stay, location=[*(without_place(stay, at, *kinds).location or []), entered])


def without_place(stay: r4.Encounter, at: datetime, *kinds: str) -> r4.Encounter:
    """In no bed (BED), in no department (WARD) any more."""
    left = [
        _left(one, at) if any(_is(one, kind) and _holds(one) for kind in kinds) else one for one in stay.location or []
    ]
    return msgspec.structs.replace(stay, location=left or None)


def away(stay: r4.Encounter, at: datetime) -> r4.Encounter:
    """Out with leave: her bed is kept."""
    return _bed_is(in_state(stay, AWAY, at), "reserved")


def back(stay: r4.Encounter, at: datetime) -> r4.Encounter:
    """Come back."""
    return _bed_is(in_state(stay, PRESENT, at), "active")


def _bed_is(stay: r4.Encounter, status: str) -> r4.Encounter:
    kept = [
        msgspec.structs.replace(one, status=status) if _is(one, BED) and _holds(one) else one
        for one in stay.location or []
    ]
    return msgspec.structs.replace(stay, location=kept or None)


def _current(stay: r4.Encounter, kind: str) -> r4.EncounterLocation | None:
    return next((one for one in reversed(stay.location or []) if _is(one, kind) and _holds(one)), None)


def _is(one: r4.EncounterLocation, kind: str) -> bool:
    return code_of(one.physicalType) == PHYSICAL[kind][0]


def _holds(one: r4.EncounterLocation) -> bool:
    return one.status in ("active", "reserved")


def _left(one: r4.EncounterLocation, at: datetime) -> r4.EncounterLocation:
    time = msgspec.structs.replace(one.period or r4.Period(), end=stamp(at))
    return msgspec.structs.replace(one, status="completed", period=time)


def _over(period: r4.Period | None) -> bool:
    return bool(period and period.end)
