"""Records in the store: one QuestionnaireResponse for each visit, `{visit}-1`; opened again it is `{visit}-2`.

Its form is kept beside it as a Questionnaire, whole: a record is read by the version it was written with, whatever
the files of the program say by then. Who may read and write is the policy's; who belongs to the department is asked
here.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound, VersionConflict
from benhan.core.kit.clock import now
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.chart.forms import form as form_now
from benhan.hospital.chart.forms import forms
from benhan.hospital.chart.forms.answering import wrong
from benhan.hospital.chart.forms.filling import calculated, filled_in
from benhan.hospital.chart.forms.questionnaires import questionnaire
from benhan.hospital.chart.forms.structure import Form, Item, Kind
from benhan.hospital.chart.records import merging
from benhan.hospital.chart.records.answers import flat, nested
from benhan.hospital.chart.records.entries import Said, Unit, units, whole
from benhan.hospital.chart.records.gathering import Facts
from benhan.hospital.chart.records.life import Event, State, must_allow, state_of
from benhan.hospital.chart.records.sections import Section
from benhan.hospital.visit import id_of, stamp

#: How often a record may be opened again; more is no mistake of writing.
_MOST = 9
#: How often a save starts again when somebody else saves at the same moment.
_TRIES = 4
#: Forms that are a record: the first annex of TT 32/2023/TT-BYT (BV1). The second are papers of it.
_RECORDS = "/BV1"
_NO_VISIT = frozenset({"cancelled", "entered-in-error", "planned"})


class Kept(msgspec.Struct, frozen=True):
    """A record with its form; `former`: those that it took the place of, each signed, the first one first."""

    record: r4.QuestionnaireResponse
    form: Form
    former: list[r4.QuestionnaireResponse]

    @property
    def visit(self) -> str:
        """Whose visit it is the record of: its address."""
        return id_of(self.record.encounter) or ""

    @property
    def state(self) -> State:
        """Where it stands; that its file lies in the archive is said by the archive alone (`core/store/archive.py`)."""
        return state_of(self.record)

    @property
    def said(self) -> Said:
        """Its answers by key."""
        return flat(self.form, self.record)

    @property
    def tables(self) -> dict[str, Item]:
        """The tables of its form, whose rows are added, by key."""
        return {item.link: item for item in self.form.walk() if item.kind is Kind.TABLE}


class Clash(VersionConflict):
    """412: fields that somebody else changed too; nothing was written."""

    def __init__(self, kept: Kept, units: list[Unit], typed: dict[str, Said]) -> None:
        super().__init__(_("Người khác vừa sửa cùng mục này."), advice=_("Xem hai bản rồi chọn bản giữ lại."))
        self.kept, self.units, self.typed = kept, units, typed


def record_forms() -> list[Form]:
    """The forms that a record can have, in the order of their codes."""
    return [one for one in forms().values() if one.code.endswith(_RECORDS)]


async def find(tx: Transaction, who: Subject, visit: str) -> Kept | None:
    """The record of a visit, if anybody opened one.

    Raises:
        Forbidden: she may not read it.
    """
    ids = [f"{visit}-{number}" for number in range(1, _MOST + 1)]
    found = await store.read_many(tx, who, r4.QuestionnaireResponse, ids)
    written = [found[id_] for id_ in ids if id_ in found]
    if not written:
        return None
    return Kept(written[-1], await form_of(tx, who, written[-1]), written[:-1])


async def the(tx: Transaction, who: Subject, visit: str) -> Kept:
    """The record of a visit.

    Raises:
        NotFound: nobody opened one; Forbidden.
    """
    found = await find(tx, who, visit)
    if found is None:
        raise NotFound(_("Lượt này chưa có hồ sơ bệnh án."), advice=_("Chọn mẫu để mở hồ sơ."))
    return found


# ── The form and its version ────────────────────────────────────────────────────────────────────────────────────


async def form_of(tx: Transaction, who: Subject, record: r4.QuestionnaireResponse) -> Form:
    """The form as it was when the record was opened.

    Raises:
        NotFound: the Questionnaire that the record names is not kept here, or holds no form.
    """
    kept = await store.read(tx, who, r4.Questionnaire, _id_of(record.questionnaire or ""))
    source = next((one.valueBase64Binary for one in kept.extension or [] if one.url == systems.EXTENSION_FORM), None)
    if source is None:
        raise NotFound(_("Bản mẫu của hồ sơ này không đọc được."), advice=_("Báo phòng CNTT."))
    return _read(source)


@lru_cache(64)
def _read(source: str) -> Form:
    return msgspec.json.decode(b64decode(source), type=Form)


async def keep_form(tx: Transaction, who: Subject, form: Form) -> None:
    """Keep this version of a form, if the facility has not kept it yet: written once, never changed."""
    made = kept_form(form)
    if made.id not in await store.read_many(tx, who, r4.Questionnaire, [made.id]):
        await store.update(tx, in_name_of(who, Role.ARCHIVE_SERVICE), made, if_match="0")


def kept_form(form: Form) -> r4.Questionnaire:
    """A form as the store keeps it: the Questionnaire that others read, and the form whole."""
    made = questionnaire(form)
    source = b64encode(msgspec.json.encode(form)).decode()
    whole_form = r4.Extension(url=systems.EXTENSION_FORM, valueBase64Binary=source)
    return msgspec.structs.replace(
        made, id=_id_of(f"{made.url}|{made.version}"), extension=[*(made.extension or []), whole_form]
    )  # fmt: skip


def code_of(record: r4.QuestionnaireResponse) -> str:
    """The code of a record's form: "01/BV1"."""
    return (record.questionnaire or "").partition("|")[0].rpartition("/")[2].replace("-", "/")


def _id_of(canonical: str) -> str:
    """The id of a Questionnaire by its canonical address: `…/01-BV1|TT32-2023.1` → "01-BV1.TT32-2023.1"."""
    url, _bar, version = canonical.partition("|")
    return f"{url.rpartition('/')[2]}.{version}"


# ── Opening and writing ─────────────────────────────────────────────────────────────────────────────────────────


async def open_record(tx: Transaction, who: Subject, found: Facts, code: str) -> Kept:
    """Open the record of a visit with a form, filled in with what is known.

    A draft takes another form; its answers to questions that both forms ask stay.

    Raises:
        Forbidden: not of the department; NotFound: no such form; Conflict: the visit has a record, or takes none.
    """
    await must_belong(tx, who, found.visit)
    form = form_now(code)
    if not code.endswith(_RECORDS):
        raise Invalid(_("Mẫu %(code)s không phải mẫu hồ sơ bệnh án.", code=code), where="form")
    if found.visit.status in _NO_VISIT:
        raise Conflict(_("Lượt này chưa bắt đầu hoặc đã huỷ nên không mở hồ sơ được."))
    await keep_form(tx, who, form)
    there = await find(tx, who, found.visit.id or "")
    if there is None:
        return Kept(await store.create(tx, who, _opened(who, found, form)), form, [])
    must_allow(there.state, Event.CHANGE_FORM)
    if there.former:
        raise Conflict(_("Hồ sơ mở lại giữ nguyên mẫu đã ký."))
    changed = _opened(who, found, form)
    before = there.said
    shared = [one.key for one in units(form.items) if one.key in before and _alike(form, there.form, one.key)]
    said = whole(flat(form, changed), {key: {key: before[key]} for key in shared}, {})
    return Kept(await _write(tx, who, there, form, said, changed), form, [])


def _alike(one: Form, other: Form, link: str) -> bool:
    """Whether both forms ask the same at an address."""
    first, second = (next((item for item in form.walk() if item.link == link), None) for form in (one, other))
    return first is not None and second is not None and first.kind is second.kind and first.options == second.options


def _opened(who: Subject, found: Facts, form: Form) -> r4.QuestionnaireResponse:
    made = filled_in(form, found.found)
    return msgspec.structs.replace(
        made, id=f"{found.visit.id}-1", subject=found.visit.subject, authored=stamp(now()), source=writer(who),
        encounter=r4.Reference(reference=f"Encounter/{found.visit.id}"),
    )  # fmt: skip


async def save(
    tx: Transaction, who: Subject, visit: r4.Encounter, section: Section, typed: dict[str, Said], seen: str
) -> Kept:  # fmt: skip
    """Keep what was typed on a page. The same again writes nothing.

    Raises:
        Clash: somebody else changed one of the fields; nothing is written. Conflict: the record is closed.
        Forbidden: not of the department. Invalid: an answer does not fit the form.
    """
    await must_belong(tx, who, visit)
    for last in range(_TRIES):
        kept = await the(tx, who, visit.id or "")
        must_allow(kept.state, Event.WRITE)
        stored = kept.said
        merged = merging.merge(list(units(section.items)), stored, typed, seen)
        if merged.clashes:
            raise Clash(kept, merged.clashes, merged.found)
        if not merged.found:
            return kept
        said = whole(stored, merged.found, kept.tables)
        try:
            async with tx.savepoint():
                return Kept(await _write(tx, who, kept, kept.form, said, kept.record), kept.form, kept.former)
        except VersionConflict:  # somebody saved between our read and our write
            if last == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _write(
    tx: Transaction, who: Subject, kept: Kept, form: Form, said: Said, base: r4.QuestionnaireResponse
) -> r4.QuestionnaireResponse:
    made = calculated(form, {key: given[0] for key, given in said.items() if given})
    for item in form.walk():
        if item.calculation:
            said.pop(item.link, None)
            if item.link in made:
                said[item.link] = [made[item.link]]
    changed = msgspec.structs.replace(base, item=nested(form, said), authored=stamp(now()))
    for one in wrong(questionnaire(form), changed):
        raise Invalid((one.details and one.details.text) or one.diagnostics or "", where=(one.expression or [""])[0])
    return await store.update(tx, who, changed, if_match=version_of(kept.record))


async def admit(tx: Transaction, who: Subject, visit: r4.Encounter) -> Kept:
    """Take a draft on: its form is fixed, the doctor answers for it, its clocks run. Twice is once for her.

    Raises:
        Conflict: it is closed, or another doctor has taken it on; Forbidden: not of the department.
    """
    await must_belong(tx, who, visit)
    kept = await the(tx, who, visit.id or "")
    me = writer(who)
    if kept.state is State.ACTIVE and kept.record.author and kept.record.author.reference == me.reference:
        return kept
    must_allow(kept.state, Event.ADMIT)
    taken = msgspec.structs.replace(kept.record, author=me, authored=stamp(now()))
    return Kept(await store.update(tx, who, taken, if_match=version_of(kept.record)), kept.form, kept.former)


def writer(who: Subject) -> r4.Reference:
    """The person who writes, as records name her."""
    if who.practitioner:
        return r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    return r4.Reference(display=who.name or who.account)


# ── The department ──────────────────────────────────────────────────────────────────────────────────────────────


async def must_belong(tx: Transaction, who: Subject, visit: r4.Encounter) -> None:
    """Only a doctor of the visit's department, or one who takes part in the visit, writes its record.

    Raises:
        Forbidden: she is neither. A visit that names no department is open to every doctor here.
    """
    if not await belongs(tx, who, visit):
        raise Forbidden(
            _("Hồ sơ này thuộc khoa khác: chỉ bác sĩ của khoa hoặc người tham gia điều trị ghi được."),
            where="QuestionnaireResponse", advice=_("Nhờ khoa thêm bạn vào lượt điều trị."),
        )  # fmt: skip


async def belongs(tx: Transaction, who: Subject, visit: r4.Encounter) -> bool:
    """Whether she is of the visit's department, or takes part in it."""
    me = f"Practitioner/{who.practitioner}"
    if any(one.individual and one.individual.reference == me for one in visit.participant or []):
        return True
    places = await store.read_many(
        tx, who, r4.Location, [id_of(one.location) for one in visit.location or []]
    )  # fmt: skip
    theirs = {id_of(one.managingOrganization) for one in places.values()} | {id_of(visit.serviceProvider)}
    houses = await store.read_many(tx, who, r4.Organization, theirs)
    departments = {id_ for id_, one in houses.items() if one.partOf}  # what is part of nothing is the hospital itself
    return not departments or bool(departments & await _mine(tx, who))


async def _mine(tx: Transaction, who: Subject) -> set[str]:
    if who.departments or not who.practitioner:
        return set(who.departments)
    asked = {"practitioner": f"Practitioner/{who.practitioner}", "_count": "20"}
    works = (await store.search(tx, who, r4.PractitionerRole, asked)).resources
    return {id_ for one in works if one.active is not False and (id_ := id_of(one.organization))}
