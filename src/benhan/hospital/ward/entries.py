"""Entries of the daily sheet: a draft of its author, signed whole with its orders, never changed afterwards.

Whoever signs answers for what she saw: a draft that changed in another window is not signed. What is signed is
corrected by another entry; the first stays readable. Source: TT 32/2023/TT-BYT (36/BV2: signed at each writing);
TT 13/2025/TT-BYT; ADR 36.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, signature
from benhan.core.access.accounts import confirm_password
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound, VersionConflict
from benhan.core.kit import clock
from benhan.core.language import _, speaking
from benhan.core.store.records import version_of
from benhan.core.store.rows import hash64
from benhan.hospital import daily, papers, signing
from benhan.hospital import stay as words
from benhan.hospital.daily import COURSE, Entry, Order, Stop
from benhan.hospital.visit import IMAGING, LABORATORY, code_of, concept, id_of, stamp
from benhan.hospital.ward import dosing, order_lines
from benhan.hospital.ward.order_lines import Line
from benhan.hospital.writing import Texts, clean, merge

#: Entries that a sheet shows; orders of each type that are read.
MOST: Final = "200"
_ID: Final = re.compile(r"td-[0-9a-f]{32}")
_TYPES: Final[tuple[type[Order], ...]] = (r4.MedicationRequest, r4.ServiceRequest, r4.NutritionOrder)


class Clash(VersionConflict):
    """412: the same part was changed in another window; `mine` is what was typed here."""

    def __init__(self, parts: list[str], mine: Texts, theirs: Texts) -> None:
        super().__init__(
            _("Tờ này vừa được sửa ở cửa sổ khác."), advice=_("Xem hai bản rồi chọn bản giữ lại."), where="course"
        )
        self.parts, self.mine, self.theirs = parts, dict(mine), dict(theirs)


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A stay's sheet: its signed entries, the newest first; what is being written by her; by whom else."""

    stay: r4.Encounter
    signed: list[Entry]
    draft: Entry | None
    others: list[str]
    #: Every order in force or being written, and those of the draft, by reference.
    orders: dict[str, Order]

    @property
    def lines(self) -> list[Line]:
        """The orders of the draft."""
        found = [self.orders[one] for one in self.draft.orders if one in self.orders] if self.draft else []
        return [order_lines.line(one) for one in found]

    @property
    def standing(self) -> list[Line]:
        """Signed orders that nobody ended: medicines first, in the order in which they were given."""
        found = [order_lines.line(one) for one in self.orders.values() if one.status == "active"]
        return sorted(found, key=lambda one: (list(order_lines.NAMES).index(one.kind), one.at or clock.now(), one.ref))

    @property
    def carried(self) -> set[str]:
        """What the draft carries on, or puts another order in the place of."""
        return {one.prior for one in self.lines if one.prior}

    @property
    def stopped(self) -> dict[str, str]:
        """What the draft stops, and why."""
        return {one.order: one.why for one in self.draft.stops} if self.draft else {}

    @property
    def left(self) -> list[Line]:
        """What runs out within a day and is neither carried on nor stopped: told before she signs."""
        at = clock.now()
        decided = {*self.carried, *self.stopped}
        return [one for one in self.standing if one.lasting and one.ends_soon(at) and one.ref not in decided]

    @property
    def corrected(self) -> set[str]:
        """Signed entries that another took the place of."""
        return {one.replaces for one in self.signed if one.replaces}

    @property
    def seal(self) -> str:
        """What tells the orders and stops of the draft, as they were seen, from others."""
        said = [f"{one.ref}/{one.version}" for one in self.lines] + [f"{k} {v}" for k, v in self.stopped.items()]
        return blake2b("\n".join(said).encode(), digest_size=8).hexdigest()


def new_id() -> str:
    """The id of an entry before it is written: a form sent twice writes one."""
    return f"td-{secrets.token_hex(16)}"


async def hold(tx: Transaction, who: Subject, stay: str) -> None:
    """Nobody else writes the sheet of this stay until the transaction ends."""
    await tx.execute("select pg_advisory_xact_lock($1)", hash64(f"daily sheet of {who.facility}/{stay}"))


async def sheet(tx: Transaction, who: Subject, stay: r4.Encounter) -> Sheet:
    """The sheet of a stay.

    Raises:
        Forbidden: as the store.
    """
    here = {"encounter": f"Encounter/{stay.id}", "_count": MOST}
    typed = {"type": f"{systems.LOINC}|{daily.PROGRESS}", "_sort": "-date"}
    found = (await store.search(tx, who, r4.Composition, {**here, **typed})).resources
    entries = [daily.entry(one) for one in found if daily.is_entry(one)]
    me = f"Practitioner/{who.practitioner}"
    drafts = [one for one in entries if one.status == daily.DRAFT]
    signed = sorted((one for one in entries if one.status == daily.SIGNED), key=_time, reverse=True)
    orders: list[Order] = []
    for type_ in _TYPES:
        orders += (await store.search(tx, who, type_, {**here, "status": "active,draft"})).resources
    return Sheet(
        stay=stay, signed=signed, draft=next((one for one in drafts if one.author == me), None),
        others=[one.by for one in drafts if one.author != me],
        orders={order_lines.ref(one): one for one in orders if _of_ward(one)},
    )  # fmt: skip


def _time(one: Entry) -> tuple[str, str]:
    return (one.at.isoformat() if one.at else "", one.id)


def _of_ward(order: Order) -> bool:
    return not isinstance(order, r4.MedicationRequest) or dosing.is_inpatient(order)


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def must_lie(stay: r4.Encounter) -> None:
    """Refuse to write for somebody who does not lie here.

    Raises:
        Conflict: she waits for a bed, or has left.
    """
    if stay.status not in words.LYING:
        raise Conflict(_("Người bệnh chưa vào khoa hoặc đã ra viện: không ghi tờ điều trị được."), where="luot")


def must_be_named(who: Subject) -> None:
    """Refuse to write for an account that belongs to no practitioner. Raises: Conflict."""
    if not who.practitioner:
        raise Conflict(_("Tài khoản này chưa gắn với một người hành nghề nên không ghi tờ điều trị được."))


async def save(
    tx: Transaction, who: Subject, stay: r4.Encounter, id_: str, typed: Texts, seen: str,
    verbal: datetime | None = None,
) -> Entry | None:  # fmt: skip
    """Keep what was typed, as her draft. The same again writes nothing; nothing typed makes no draft.

    Raises:
        Clash: she changed the same part in another window; nothing is written.
        Conflict: nobody lies here any more; Invalid: it was said in the future.
    """
    must_lie(stay)
    must_be_named(who)
    if verbal and verbal > clock.now():
        raise Invalid(_("Giờ ra y lệnh miệng không ở tương lai."), where="mieng-luc")
    await hold(tx, who, stay.id or "")
    found = await sheet(tx, who, stay)
    if (signed := next((one for one in found.signed if one.id == id_), None)) is not None:
        return signed  # sent twice: it was signed by the first
    stored = found.draft.course if found.draft else dict.fromkeys(COURSE, "")
    mine = {code: clean(text) for code, text in typed.items() if code in COURSE}
    merged = merge(stored, mine, seen, COURSE)
    if merged.clashes:
        raise Clash(merged.clashes, mine, stored)
    said = found.draft.verbal if found.draft else None
    if merged.texts == stored and verbal == said:
        return found.draft
    held = await draft(tx, who, stay, found, id_)
    return await write(tx, who, held, course=merged.texts, verbal=verbal, retimed=True)


async def draft(
    tx: Transaction, who: Subject, stay: r4.Encounter, found: Sheet, id_: str = "", *, replaces: str = "",
    adds: str = "",
) -> r4.Composition:  # fmt: skip
    """Her draft, begun if there is none."""
    must_lie(stay)
    must_be_named(who)
    if found.draft:
        return await store.read(tx, who, r4.Composition, found.draft.id)
    links = [("replaces", replaces), ("appends", adds)]
    related = [
        r4.CompositionRelatesTo(code=code, targetReference=r4.Reference(reference=f"Composition/{other}"))
        for code, other in links if other
    ]  # fmt: skip
    return await store.create(tx, who, r4.Composition(
        id=id_ if _ID.fullmatch(id_) else new_id(), status=daily.DRAFT,
        type=concept(systems.LOINC, daily.PROGRESS, daily.TITLE), subject=stay.subject,
        encounter=store.reference(stay), date=stamp(clock.now()), author=[writer(who)], title=daily.TITLE,
        relatesTo=related or None,
    ))  # fmt: skip


async def write(
    tx: Transaction, who: Subject, held: r4.Composition, *, course: dict[str, str] | None = None,
    orders: Sequence[str] | None = None, stops: Sequence[Stop] | None = None,
    verbal: datetime | None = None, retimed: bool = False,
) -> Entry:  # fmt: skip
    """The draft with other parts; what is not given stays (`retimed`: `verbal` is given)."""
    now = daily.entry(held)
    said = verbal if retimed else now.verbal
    parts = daily.sections(
        now.course if course is None else course, now.orders if orders is None else orders, (),
        now.stops if stops is None else stops,
    )  # fmt: skip
    extension = [r4.Extension(url=systems.EXTENSION_VERBAL, valueDateTime=stamp(said))] if said else None
    changed = msgspec.structs.replace(held, section=parts, extension=extension, date=stamp(clock.now()))
    return daily.entry(await store.update(tx, who, changed, if_match=version_of(held)))


async def discard(tx: Transaction, who: Subject, stay: r4.Encounter) -> None:
    """Her draft is thrown away, and its orders with it. Twice is once."""
    await hold(tx, who, stay.id or "")
    found = await sheet(tx, who, stay)
    if found.draft is None:
        return
    for one in found.draft.orders:
        if (order := found.orders.get(one)) is not None and order.status == "draft":
            await store.update(tx, who, msgspec.structs.replace(order, status=_void(order)), if_match=version_of(order))
    held = await store.read(tx, who, r4.Composition, found.draft.id)
    await store.update(tx, who, msgspec.structs.replace(held, status=daily.VOID), if_match=version_of(held))


def _void(order: Order) -> str:
    return "cancelled" if isinstance(order, r4.MedicationRequest) else "revoked"


async def correct(tx: Transaction, who: Subject, stay: r4.Encounter, id_: str, *, anew: bool) -> Entry:
    """Begin an entry that takes the place of a signed one (its words to be changed), or adds to it.

    Raises:
        NotFound: there is no such entry; Conflict: she is writing another, or it was corrected already.
    """
    await hold(tx, who, stay.id or "")
    found = await sheet(tx, who, stay)
    former = next((one for one in found.signed if one.id == id_), None)
    if former is None:
        raise NotFound(_("Không có lần ghi này."))
    if found.draft:
        raise Conflict(_("Bạn đang ghi dở một lần khác: ký hoặc bỏ bản nháp trước."))
    if anew and id_ in found.corrected:
        raise Conflict(_("Lần ghi này đã được đính chính."))
    links = {"replaces": id_} if anew else {"adds": id_}
    held = await draft(tx, who, stay, found, **links)
    return await write(tx, who, held, course=former.course) if anew else daily.entry(held)


# ── Signing ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def sign(tx: Transaction, who: Subject, stay: r4.Encounter, seen: str, password: str) -> Entry:
    """Sign her draft: its words, its orders in force from now on, what it stops. `seen`: the seal of its orders.

    Raises:
        Invalid: nothing is written, the password is wrong; Conflict: its orders are not what was seen.
    """
    if not await confirm_password(tx, who, password):
        raise Invalid(_("Mật khẩu không đúng. Chưa ký."), where="password")
    await hold(tx, who, stay.id or "")
    found = await sheet(tx, who, stay)
    return await _signed(tx, who, found, seen)


async def sign_all(tx: Transaction, who: Subject, stays: Sequence[r4.Encounter], password: str) -> int:
    """Sign her drafts of these stays with one confirmation; gives how many. All of them or none.

    Raises:
        Invalid: the password is wrong.
    """
    if not await confirm_password(tx, who, password):
        raise Invalid(_("Mật khẩu không đúng. Chưa ký."), where="password")
    done = 0
    for stay in stays:
        await hold(tx, who, stay.id or "")
        found = await sheet(tx, who, stay)
        if found.draft and not found.draft.empty:
            await _signed(tx, who, found, found.seal)
            done += 1
    return done


async def _signed(tx: Transaction, who: Subject, found: Sheet, seen: str) -> Entry:
    must_lie(found.stay)
    if found.draft is None or found.draft.empty:
        raise Invalid(_("Chưa ghi diễn biến hay y lệnh nào để ký."), where="")
    if found.seal != seen:
        raise Conflict(_("Y lệnh đã thay đổi từ lúc mở trang: xem lại rồi ký."), where="y-lenh")
    async with tx.savepoint():
        at, behind = clock.now(), in_name_of(who, Role.WARD_SERVICE)
        given = [found.orders[one] for one in found.draft.orders if one in found.orders]
        orders = [await _given(tx, who, one, at, found.draft.verbal) for one in given]
        held = await store.read(tx, who, r4.Composition, found.draft.id)
        final = await store.update(tx, who, _final(who, held, found.draft, orders, at), if_match=version_of(held))
        await _sign(tx, who, found.stay, [final, *orders], at)
        why = found.stopped
        for one in found.standing:
            if one.ref in why or one.ref in found.carried or (one.lasting and one.over(at)):
                order = found.orders[one.ref]
                over = order_lines.ended(order, why.get(one.ref, ""), who.name or "", at)
                await store.update(tx, behind, over, if_match=version_of(order))
        await signing.expect(tx, who, found.stay, [papers.DAILY_SHEET])
    return daily.entry(final)


async def _given(tx: Transaction, who: Subject, order: Order, at: datetime, verbal: datetime | None) -> Order:
    now = order_lines.in_force(order, at, verbal)
    if isinstance(now, r4.ServiceRequest) and code_of(next(iter(now.category or []), None)) in _NUMBERED:
        number = await store.number(tx, who, f"order:{clock.today().year}")
        value = f"{clock.today().year % 100:02d}-{number:06d}"
        now = msgspec.structs.replace(now, identifier=[r4.Identifier(system=systems.ORDER_NUMBER, value=value)])
    return await store.update(tx, who, now, if_match=version_of(order))


_NUMBERED: Final = frozenset({LABORATORY, IMAGING})


def _final(who: Subject, held: r4.Composition, entry: Entry, orders: Sequence[Order], at: datetime) -> r4.Composition:
    me = writer(who)
    with speaking("vi"):
        told = [order_lines.line(one).name for one in orders]
    return msgspec.structs.replace(
        held, status=daily.SIGNED, date=stamp(at), author=[me],
        attester=[r4.CompositionAttester(mode="legal", time=stamp(at), party=me if me.reference else None)],
        section=daily.sections(entry.course, [order_lines.ref(one) for one in orders], told, entry.stops),
    )  # fmt: skip


async def _sign(
    tx: Transaction, who: Subject, stay: r4.Encounter, records: Sequence[r4.Resource], at: datetime
) -> None:  # fmt: skip
    # It names the patient and not the stay: a stay is signed when its record is closed (ADR 29), and archived after.
    made = signature.provenance(
        records, account=who.account, signer=writer(who), when=at.isoformat(timespec="milliseconds"),
        about=[stay.subject or r4.Reference()],
    )  # fmt: skip
    kept = await store.create(tx, who, made)
    named = ", ".join(f"{codec.type_name(one)}/{one.id}" for one in records)
    record(tx, who, Event("sign", "Provenance", kept.id, id_of(stay.subject), rule="password", detail=named))


async def signatures(tx: Transaction, who: Subject, entries: Sequence[Entry]) -> dict[str, signature.Signed]:
    """Who signed each entry, by the entry's id."""
    found: dict[str, signature.Signed] = {}
    ids = [one.id for one in entries]
    for start in range(0, len(ids), 50):
        named = ",".join(f"Composition/{one}" for one in ids[start : start + 50])
        page = await store.search(tx, who, r4.Provenance, {"target": named, "_count": MOST})
        for made in page.resources:
            given = signature.read(made)
            for name in given.records if given and not given.jws else ():
                if name.startswith("Composition/") and given:
                    found[name.split("/")[1]] = given
    return found


async def as_signed(tx: Transaction, who: Subject, signed: signature.Signed) -> list[r4.Resource]:
    """The signed versions of an entry and its orders."""
    found = []
    for name in signed.records:
        type_name, id_, _history, version = name.split("/")
        found.append(await store.vread(tx, who, codec.resource_type(type_name), id_, version))
    return found


def writer(who: Subject) -> r4.Reference:
    """The person who writes, as records name her."""
    return r4.Reference(reference=f"Practitioner/{who.practitioner}" if who.practitioner else None, display=who.name)
