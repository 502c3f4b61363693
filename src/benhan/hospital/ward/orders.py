"""Orders of a draft of the daily sheet: written, taken off, carried on line by line, stopped for a reason.

Nothing is in force before the entry is signed (`entries.sign`). Source: TT 32/2023/TT-BYT (36/BV2); TT 26/2025/TT-BYT.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _, speaking
from benhan.core.store.records import version_of
from benhan.hospital import daily, medicine_warnings, medicines, ordering
from benhan.hospital.daily import Order, Stop
from benhan.hospital.medicine_warnings import Allergy, NeedsReason, Warned
from benhan.hospital.medicines import Medicine
from benhan.hospital.ordering import NeedsConfirmation
from benhan.hospital.visit import id_of, stamp
from benhan.hospital.ward import dosing, entries, order_lines
from benhan.hospital.ward.dosing import Dosing
from benhan.hospital.ward.entries import Sheet
from benhan.hospital.ward.order_lines import Given, Kind, Line

#: More orders than an entry has; a mistake beyond.
MOST_ORDERS = 60


async def warnings(
    tx: Transaction, who: Subject, found: Sheet, medicine: Medicine, besides: str = ""
) -> list[Warned]:  # fmt: skip
    """What speaks against a medicine here: allergies, and what she is given already or will be with this entry."""
    allergies = await medicine_warnings.allergies(tx, who, id_of(found.stay.subject) or "")
    return against(medicine, allergies, await others(tx, who, found, besides))


def against(medicine: Medicine, allergies: Sequence[Allergy], given: Sequence[Medicine]) -> list[Warned]:
    """Allergies, and the same ingredient twice."""
    return [
        *medicine_warnings.against_allergies(medicine, allergies), *medicine_warnings.doubled(medicine, given)
    ]  # fmt: skip


async def others(tx: Transaction, who: Subject, found: Sheet, besides: str = "") -> list[Medicine]:
    """Medicines of the draft and those in force that it neither carries on nor stops."""
    at, gone = clock.now(), {*found.carried, *found.stopped, besides}
    # What the line itself takes the place of is no other one.
    if (own := found.orders.get(besides)) is not None:
        gone.add(order_lines.line(own).prior)
    codes = [one.code for one in found.lines if one.ref not in gone]
    codes += [one.code for one in found.standing if one.ref not in gone and not one.over(at)]
    return list((await medicines.by_codes(tx, who, sorted({one for one in codes if one}))).values()) if codes else []


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def order_medicine(
    tx: Transaction, who: Subject, stay: r4.Encounter, medicine: Medicine, how: Dosing, reason: str = "",
    *, changes: str = "", version: str = "",
) -> Line:  # fmt: skip
    """Write a medicine into her draft; `changes`: the order of it (as seen at `version`) that is written anew.

    Raises:
        NeedsReason: a recorded allergy speaks against it; Invalid: the dosing breaks a rule.
        VersionConflict: the order was changed in another window.
    """
    await entries.hold(tx, who, stay.id or "")
    found = await entries.sheet(tx, who, stay)
    for field, message in dosing.wrong(medicine, how):
        raise Invalid(message, where=field)
    former = _of_draft(found, changes) if changes else None
    with speaking("vi"):  # what is kept in the record is Vietnamese whatever the screen speaks
        warned = [one for one in await warnings(tx, who, found, medicine, changes) if one.blocks]
    if warned and not reason.strip():
        raise NeedsReason(await warnings(tx, who, found, medicine, changes))
    held, given = await _writing(tx, who, found)
    blank = former if isinstance(former, r4.MedicationRequest) else order_lines.blank_medicine(given)
    made = dosing.ordered(blank, medicine, how)
    made = medicine_warnings.overridden(made, reason.strip() if warned else "", warned, given.by, stamp(given.at))
    if former is not None:
        return order_lines.line(await store.update(tx, who, made, if_match=version))
    return (await _added(tx, who, held, [made]))[0]


async def order_service(
    tx: Transaction, who: Subject, stay: r4.Encounter, code: str, *, urgent: bool = False, confirmed: bool = False
) -> Line:
    """Write a test or a picture into her draft.

    Raises:
        Invalid: there is none such; NeedsConfirmation: the same was ordered today.
    """
    await entries.hold(tx, who, stay.id or "")
    found, service = await entries.sheet(tx, who, stay), ordering.look_up(code)
    if not confirmed:
        same = [one for one in found.orders.values() if isinstance(one, r4.ServiceRequest)]
        if repeated := ordering.repeats(service, "", same, (), clock.now()):
            raise NeedsConfirmation(
                repeated[0].message, code="duplicate", where="service", advice=_("Vẫn chỉ định nếu thật cần làm lại.")
            )
    held, given = await _writing(tx, who, found)
    return (await _added(tx, who, held, [order_lines.service(given, service, urgent=urgent)]))[0]


async def order_care(tx: Transaction, who: Subject, stay: r4.Encounter, kind: Kind, text: str) -> Line:
    """Write a diet, a level of care, monitoring or another order into her draft.

    A diet or a level takes the place of the one before.

    Raises:
        Invalid: no words, or no such level.
    """
    said = " ".join(text.split())[:300]
    if not said or kind not in _IN_WORDS or (kind is Kind.CARE and said not in order_lines.LEVELS):
        raise Invalid(_("Ghi nội dung y lệnh."), where="noi-dung")
    await entries.hold(tx, who, stay.id or "")
    found = await entries.sheet(tx, who, stay)
    held, given = await _writing(tx, who, found)
    same = [one for one in found.lines if one.kind is kind] if kind in order_lines.SINGLE else []
    for one in same:
        held = await _taken_off(tx, who, held, found, one.ref)
    made: Order = order_lines.diet(given, said) if kind is Kind.DIET else order_lines.care(given, kind, said)
    before = [one for one in found.standing if one.kind is kind] if kind in order_lines.SINGLE else []
    if before:
        prior = r4.Reference(reference=before[-1].ref)
        made = (
            order_lines.replacing(made, prior) if isinstance(made, r4.NutritionOrder)
            else msgspec.structs.replace(made, replaces=[prior])
        )  # fmt: skip
    return (await _added(tx, who, held, [made]))[0]


_IN_WORDS = frozenset({Kind.DIET, Kind.CARE, Kind.MONITOR, Kind.OTHER})


async def carry_on(tx: Transaction, who: Subject, stay: r4.Encounter, chosen: Sequence[str]) -> list[Line]:
    """Write the chosen orders of before into her draft again. What is carried on already is not taken twice.

    Raises:
        Invalid: nothing was chosen; NeedsReason: an allergy was recorded since, against one of them.
    """
    await entries.hold(tx, who, stay.id or "")
    found = await entries.sheet(tx, who, stay)
    done = {*found.carried, *found.stopped}
    wanted = [one for one in found.standing if one.ref in set(chosen) and one.lasting and one.ref not in done]
    if not wanted:
        if set(chosen) & done:
            return []
        raise Invalid(_("Chọn ít nhất một y lệnh để ghi tiếp."), where="y-lenh")
    await _must_be_safe(tx, who, found, wanted)
    held, given = await _writing(tx, who, found)
    return await _added(tx, who, held, [order_lines.again(given, found.orders[one.ref]) for one in wanted])


async def _must_be_safe(tx: Transaction, who: Subject, found: Sheet, wanted: Sequence[Line]) -> None:
    """What was borne yesterday may be known not to be borne today. Raises: NeedsReason."""
    asked = [one for one in wanted if one.code and not one.reason]
    known = await medicines.by_codes(tx, who, sorted({one.code for one in asked})) if asked else {}
    allergies = await medicine_warnings.allergies(tx, who, id_of(found.stay.subject) or "") if known else []
    for one in asked:
        if (medicine := known.get(one.code)) is not None:
            warned = medicine_warnings.against_allergies(medicine, allergies)
            if any(each.blocks for each in warned):
                raise NeedsReason([msgspec.structs.replace(each, text=f"{one.title}: {each.text}") for each in warned])


async def take_off(tx: Transaction, who: Subject, stay: r4.Encounter, order: str) -> None:
    """Take an order off her draft. Twice is once."""
    await entries.hold(tx, who, stay.id or "")
    found = await entries.sheet(tx, who, stay)
    if found.draft and order in found.draft.orders:
        held = await store.read(tx, who, r4.Composition, found.draft.id)
        await _taken_off(tx, who, held, found, order)


async def _taken_off(tx: Transaction, who: Subject, held: r4.Composition, found: Sheet, order: str) -> r4.Composition:
    now = daily.entry(held)
    await entries.write(tx, who, held, orders=[one for one in now.orders if one != order])
    one = _of_draft(found, order)
    void = "cancelled" if isinstance(one, r4.MedicationRequest) else "revoked"
    await store.update(tx, who, msgspec.structs.replace(one, status=void), if_match=version_of(one))
    return await store.read(tx, who, r4.Composition, held.id or "")


async def stop(tx: Transaction, who: Subject, stay: r4.Encounter, order: str, why: str) -> None:
    """Her draft stops an order in force, for a reason; it stops when she signs.

    Raises:
        Invalid: no reason; NotFound: there is no such order in force; Conflict: her draft carries it on.
    """
    said = " ".join(why.split())[:300]
    if not said:
        raise Invalid(_("Ghi lý do ngừng."), where="ly-do")
    await entries.hold(tx, who, stay.id or "")
    found = await entries.sheet(tx, who, stay)
    what = next((one for one in found.standing if one.ref == order), None)
    if what is None:
        raise NotFound(_("Y lệnh này không còn hiệu lực."))
    if order in found.carried:
        raise Conflict(_("Bản nháp đang ghi tiếp y lệnh này: bỏ dòng ghi tiếp trước."), where="y-lenh")
    held = await entries.draft(tx, who, stay, found)
    stops = [one for one in daily.entry(held).stops if one.order != order]
    with speaking("vi"):
        await entries.write(tx, who, held, stops=[*stops, Stop(order, what.name, said)])


async def stop_not(tx: Transaction, who: Subject, stay: r4.Encounter, order: str) -> None:
    """Her draft does not stop this order after all. Twice is once."""
    await entries.hold(tx, who, stay.id or "")
    found = await entries.sheet(tx, who, stay)
    if found.draft and order in found.stopped:
        held = await store.read(tx, who, r4.Composition, found.draft.id)
        await entries.write(tx, who, held, stops=[one for one in found.draft.stops if one.order != order])


async def add(tx: Transaction, who: Subject, found: Sheet, made: Sequence[Order]) -> list[Line]:
    """Write orders that were made elsewhere (a set) into her draft."""
    held, _given = await _writing(tx, who, found)
    return await _added(tx, who, held, made)


async def given(tx: Transaction, who: Subject, found: Sheet) -> Given:
    """In whose stay, by whom, in which entry orders are written."""
    return (await _writing(tx, who, found))[1]


async def _writing(tx: Transaction, who: Subject, found: Sheet) -> tuple[r4.Composition, Given]:
    held = await entries.draft(tx, who, found.stay, found)
    by, at = entries.writer(who), clock.now()
    return held, Given(stay=found.stay, by=by, entry=held.id or "", at=at)


async def _added(tx: Transaction, who: Subject, held: r4.Composition, made: Sequence[Order]) -> list[Line]:
    now = daily.entry(held)
    if len(now.orders) + len(made) > MOST_ORDERS:
        raise Invalid(_("Một lần ghi tối đa %(n)s y lệnh.", n=MOST_ORDERS), where="y-lenh")
    kept = [await store.create(tx, who, one) for one in made]
    await entries.write(tx, who, held, orders=[*now.orders, *(order_lines.ref(one) for one in kept)])
    return [order_lines.line(one) for one in kept]


def _of_draft(found: Sheet, order: str) -> Order:
    if found.draft is None or order not in found.draft.orders or order not in found.orders:
        raise NotFound(_("Y lệnh này không còn trong bản nháp của bạn."))
    return found.orders[order]


async def end_all(tx: Transaction, who: Subject, stay: r4.Encounter) -> None:
    """Nothing that lasts is in force after she has left. Tests go on to their results."""
    behind, found = in_name_of(who, Role.WARD_SERVICE), await entries.sheet(tx, who, stay)
    for one in found.standing:
        if one.lasting:
            order = found.orders[one.ref]
            await store.update(tx, behind, order_lines.ended(order), if_match=version_of(order))
