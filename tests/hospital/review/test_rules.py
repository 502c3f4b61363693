"""What is unusual about opening a record, and in which order a reviewer sees it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from benhan.core.access.reviewing import Opening
from benhan.core.language import speaking
from benhan.core.store.acquaintance import Face
from benhan.hospital.review.rules import BULK, Facts, Reason, judged, reasons, same_person, text

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
LAN = Face("bs-lan", "Nguyễn Thị Lan", "1980-02-03", "", "001080000001", "", "12 Hàng Bông", "Phường Hoàn Kiếm Hà Nội")
BINH = msgspec.structs.replace(LAN, id="bs-binh", name="Trần Văn Bình", citizen="001080000002", street="", ward="")
STRANGER = Face("p1", "Lê Văn Khách", "1990-01-01", "BN-1", "001090000009", "", "5 Lê Lợi", "Phường Huế")


def opening(**other: object) -> Opening:
    usual = Opening("lan", "p1", AT, AT, 3, ("Patient",), ("read",), None, False, 2, "Lan", ("doctor",), "bs-lan")
    return msgspec.structs.replace(usual, **other)


def facts(patient: Face = STRANGER, *visited: Opening) -> Facts:
    return Facts({"p1": patient}, {"bs-lan": LAN, "bs-binh": BINH}, frozenset(visited))


def test_a_patient_with_a_visit_opened_by_day_is_nothing_unusual() -> None:
    one = opening()
    assert reasons(one, facts(STRANGER, one)) == []


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        (msgspec.structs.replace(LAN, id="p1"), Reason.OWN),
        (msgspec.structs.replace(LAN, id="p1", citizen="", phone=""), Reason.OWN),
        (msgspec.structs.replace(BINH, id="p1"), Reason.COLLEAGUE),
        (msgspec.structs.replace(LAN, id="p1", name="Nguyen Van Ut", citizen="1", birth=""), Reason.RELATIVE),
        (msgspec.structs.replace(LAN, id="p1", name="Lê Văn Út", citizen="1", street="14 hàng bông"), Reason.NEIGHBOUR),
    ],
)
def test_who_the_patient_is_to_the_reader(patient: Face, reason: Reason) -> None:
    one = opening()
    assert reasons(one, facts(patient, one)) == [reason]


def test_the_same_ward_or_surname_alone_is_nothing() -> None:
    one = opening()
    far = msgspec.structs.replace(LAN, id="p1", name="Nguyễn Văn Xa", citizen="1", street="9 Lý Thái Tổ")
    assert reasons(one, facts(far, one)) == []


def test_two_people_of_one_name_are_two() -> None:
    assert not same_person(LAN, msgspec.structs.replace(LAN, citizen="001080000077"))
    assert not same_person(LAN, msgspec.structs.replace(LAN, citizen="", birth="1981-02-03"))


def test_a_record_without_a_visit_is_unusual_unless_it_was_written_in() -> None:
    assert reasons(opening(), facts()) == [Reason.NO_VISIT]
    assert reasons(opening(actions=("read", "update")), facts()) == []


def test_the_night_is_unusual_unless_she_was_at_work() -> None:
    one, working = opening(night=AT), opening(night=AT, duty=True)
    assert reasons(one, facts(STRANGER, one)) == [Reason.NIGHT]
    assert reasons(working, facts(STRANGER, working)) == []
    assert text(Reason.NIGHT, opening(night=datetime(2026, 11, 20, 2, 14))).startswith("Mở lúc 02:14 đêm")


def test_many_patients_in_an_hour_are_unusual_and_said_with_their_number() -> None:
    one, fewer = opening(in_an_hour=BULK), opening(in_an_hour=BULK - 1)
    assert reasons(one, facts(STRANGER, one)) == [Reason.BULK]
    assert reasons(fewer, facts(STRANGER, fewer)) == []
    with speaking("vi"):
        assert f"{BULK} người bệnh" in text(Reason.BULK, one)


def test_the_most_unusual_come_first_then_the_newest() -> None:
    usual, later = opening(), opening(last=AT.replace(hour=9))
    alone = opening(account="binh", practitioner="bs-binh", actions=("search",))
    night = opening(account="hoa", practitioner=None, night=AT)
    found = judged([usual, alone, later, night], facts(STRANGER, usual, later))
    assert [one.opening for one in found] == [night, alone, later, usual]


def test_somebody_everybody_knows_opened_without_care_stands_out() -> None:
    one = opening()
    known = msgspec.structs.replace(facts(STRANGER, one), without_care=frozenset({one}))
    assert reasons(one, known) == [Reason.KNOWN]
    assert text(Reason.KNOWN, one).startswith("Hồ sơ của người nhiều người biết")


def test_a_broken_glass_stands_before_everything_else() -> None:
    glass, worst = opening(glass=True), opening(account="khác", in_an_hour=BULK, night=AT)
    both = facts(msgspec.structs.replace(LAN, id="p1"))
    assert [one.opening for one in judged([worst, glass], both)] == [glass, worst]
    assert reasons(glass, facts(STRANGER, glass)) == [Reason.GLASS]
