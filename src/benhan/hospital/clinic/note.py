"""The note of a visit: one Composition, written by several people section by section, never overwritten silently.

Source: HL7 FHIR R4 Composition; TT 32/2023/TT-BYT (contents of the outpatient record).
"""

from __future__ import annotations

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, VersionConflict
from benhan.core.kit.clock import now
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import visit as words
from benhan.hospital import writing
from benhan.hospital.clinic.rules import must_be_open
from benhan.hospital.writing import Texts, clean, fingerprint, merge

#: How often a save starts again when somebody else saves at the same moment.
TRIES = 4


class Clash(msgspec.Struct, frozen=True):
    """One section that two people changed: what it is, what stands there now and by whom, what I wrote."""

    code: str
    theirs: str
    author: str
    mine: str


class NoteClash(VersionConflict):
    """412: the same section was changed by somebody else; `clashes` holds both texts."""

    def __init__(self, clashes: list[Clash], note: r4.Composition | None, typed: Texts) -> None:
        super().__init__(
            _("Người khác vừa sửa cùng mục này."), advice=_("Xem hai bản rồi chọn bản giữ lại."), where="note"
        )
        self.clashes = clashes
        self.note = note
        self.typed = dict(typed)


def texts_of(note: r4.Composition | None) -> dict[str, str]:
    """Every section of the note by its LOINC code; "" where nothing is written."""
    return {code: words.section_text(note, code) if note else "" for code in words.SECTIONS}


def authors_of(note: r4.Composition | None) -> dict[str, str]:
    """Who wrote each section last, by name."""
    found: dict[str, str] = {}
    for section in (note.section or []) if note else []:
        code = words.code_of(section.code, systems.LOINC)
        if code and section.author:
            found[code] = section.author[-1].display or ""
    return found


def seal(texts: Texts) -> str:
    """The fingerprints of all sections: what the `version` field of the form carries."""
    return writing.seal(texts, words.SECTIONS)


def changed_since(note: r4.Composition | None, seen: str) -> list[tuple[str, str]]:
    """Sections that no longer are as a seal saw them: title and who wrote them last."""
    fingerprints, authors = dict(zip(words.SECTIONS, seen.split("-"), strict=False)), authors_of(note)
    return [
        (words.SECTIONS[code], authors.get(code, ""))
        for code, text in texts_of(note).items()
        if code in fingerprints and fingerprint(text) != fingerprints[code]
    ]


async def find(tx: Transaction, who: Subject, visit: r4.Encounter) -> r4.Composition | None:
    """The note of the visit, if anybody wrote one. Addenda are Compositions that relate to it."""
    page = await store.search(
        tx, who, r4.Composition,
        {"encounter": f"Encounter/{visit.id}", "type": f"{systems.LOINC}|{words.NOTE}", "_count": "20"},
    )  # fmt: skip
    return the_note(page.resources)


def the_note(found: list[r4.Composition]) -> r4.Composition | None:
    """The note itself among the Compositions of a visit: the first one, which no other one precedes."""
    notes = [one for one in found if not one.relatesTo and one.status != "entered-in-error"]
    return min(notes, key=lambda one: one.date or "", default=None)


async def save(tx: Transaction, who: Subject, visit: r4.Encounter, typed: Texts, seen: str) -> r4.Composition | None:
    """Keep what was typed. Saving the same again writes nothing.

    Raises:
        NoteClash: somebody else changed a section that was typed here too; nothing is written.
        Conflict: the visit is signed or closed.
    """
    mine = {code: clean(text) for code, text in typed.items() if code in words.SECTIONS}
    for last in range(TRIES):
        note = await find(tx, who, visit)
        must_be_open(visit, note)
        stored = texts_of(note)
        merged = merge(stored, mine, seen, words.SECTIONS)
        if merged.clashes:
            raise NoteClash(_clashes(note, merged.clashes, mine), note, merged.texts)
        if merged.texts == stored:
            return note
        try:
            return await _write(tx, who, visit, note, merged.texts)
        except (VersionConflict, Conflict):  # somebody saved between our read and our write: read again, merge again
            if last == TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _write(
    tx: Transaction, who: Subject, visit: r4.Encounter, note: r4.Composition | None, texts: Texts
) -> r4.Composition:
    me = writer(who)
    sections = _sections(note, texts, me)
    if note is None:
        return await store.create(tx, who, _new_note(visit, sections, me))
    authors = note.author if any(a.reference == me.reference for a in note.author) else [*note.author, me]
    changed = msgspec.structs.replace(note, section=sections, author=authors, date=words.stamp(now()))
    return await store.update(tx, who, changed, if_match=version_of(note))


def _new_note(visit: r4.Encounter, sections: list[r4.CompositionSection] | None, me: r4.Reference) -> r4.Composition:
    # The note takes the id of its visit: two first writers cannot make two notes.
    return r4.Composition(
        id=visit.id,
        status="preliminary",
        type=words.concept(systems.LOINC, words.NOTE, "Phiếu khám bệnh"),
        subject=visit.subject,
        encounter=r4.Reference(reference=f"Encounter/{visit.id}"),
        date=words.stamp(now()),
        author=[me],
        title="Phiếu khám bệnh",
        section=sections,
    )


def _sections(note: r4.Composition | None, texts: Texts, me: r4.Reference) -> list[r4.CompositionSection] | None:
    former = {words.code_of(s.code, systems.LOINC): s for s in (note.section or [])} if note else {}
    kept = []
    for code, title in words.SECTIONS.items():
        before, text = former.pop(code, None), texts.get(code, "")
        if before is not None and words.plain(before.text) == text:
            kept.append(before)
        elif text:
            concept = words.concept(systems.LOINC, code, title)
            kept.append(r4.CompositionSection(title=title, code=concept, author=[me], text=words.narrative(text)))
    return [*kept, *former.values()] or None  # sections that others added (signing, forms) stay


def _clashes(note: r4.Composition | None, codes: list[str], mine: Texts) -> list[Clash]:
    stored, authors = texts_of(note), authors_of(note)
    return [Clash(code, stored[code], authors.get(code, ""), mine.get(code, "")) for code in codes]


def writer(who: Subject) -> r4.Reference:
    """The person who writes, as records name her."""
    if who.practitioner:
        return r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    return r4.Reference(display=who.name or who.account)
