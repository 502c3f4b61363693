"""What both sides of a thread share: reading and writing its lines, in the name of who writes. See docs/adr/0023."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.vault import keys_of
from benhan.hospital.questions import rules
from benhan.hospital.questions.rules import LINE, QUESTION, Line, Question, State

#: What a list shows at most, and a thread.
MOST: Final = "500"
OPEN: Final = ",".join(one for one in State if one is not State.CLOSED)
#: What a patient or a doctor may send along.
JPEG, PDF = "image/jpeg", "application/pdf"
OURS: Final = {"category": f"{systems.QUESTION}|{QUESTION}"}


async def lines(tx: Transaction, who: Subject, found: Question) -> list[Line]:
    """All that was written after the question, in its order."""
    asked = {"part-of": f"Communication/{found.id}", "subject": f"Patient/{found.patient}", "_count": MOST}
    kept = (await store.search(tx, who, r4.Communication, asked)).resources
    return sorted(map(rules.line, kept), key=lambda one: one.at)


async def write(
    tx: Transaction, behind: Subject, found: Question, id_: str, sender: r4.Reference, words: str,
    files: Sequence[tuple[str, str, bytes]], composed: r4.Composition | None = None,
) -> None:  # fmt: skip
    """A line. `composed`: the assessment that it is."""
    parts = await payload(tx, behind, found.patient, words, files)
    if composed:
        parts.append(r4.CommunicationPayload(contentReference=store.reference(composed, composed.title)))
    await store.create(tx, behind, r4.Communication(
        id=id_, status="completed", category=[coded(LINE)], sender=sender, sent=now(), payload=parts,
        partOf=[r4.Reference(reference=f"Communication/{found.id}")],
        subject=r4.Reference(reference=f"Patient/{found.patient}", display=found.name),
    ))  # fmt: skip


async def payload(
    tx: Transaction, behind: Subject, patient: str, words: str, files: Sequence[tuple[str, str, bytes]]
) -> list[r4.CommunicationPayload]:
    """Words, and what is sent along: DocumentReferences of the patient (R5 gave Media's work to them)."""
    kept = [
        await store.create(tx, behind, r4.DocumentReference(
            status="current", subject=r4.Reference(reference=f"Patient/{patient}"), date=now(),
            content=[r4.DocumentReferenceContent(attachment=r4.Attachment(
                contentType=kind, data=base64.b64encode(body).decode(), title=name
            ))],
        ))
        for kind, name, body in files
    ]  # fmt: skip
    return [
        r4.CommunicationPayload(contentString=words.strip()),
        *(
            r4.CommunicationPayload(contentReference=store.reference(one, one.content[0].attachment.title))
            for one in kept
        ),
    ]


async def intended(tx: Transaction, who: Subject, what: str, key: str) -> str:
    """The id of what she means by this key: the same each time it is sent."""
    index = (await keys_of(tx, who.facility)).index
    return blake2b(f"{what}\n{who.account}\n{who.patient}\n{key}".encode(), digest_size=16, key=index).hexdigest()


async def count(tx: Transaction, who: Subject) -> None:
    """Count what is written for this patient today.

    Raises:
        Problem: too often.
    """
    await store.tried(tx, behind(who), f"question {who.patient}", rules.MOST_A_DAY, f"{clock.today()}")


def must_be_open(found: Question) -> None:
    """Refuse to write where it is over.

    Raises:
        Conflict: it is closed.
    """
    if found.state is State.CLOSED:
        raise Conflict(_("Câu hỏi này đã đóng."), advice=_("Đặt câu hỏi mới."))


def worded(words: str) -> None:
    """Refuse what says nothing, or too much.

    Raises:
        Invalid: so it is.
    """
    if not words.strip() or len(words) > rules.MOST_WORDS:
        raise Invalid(_("Viết nội dung, tối đa %(n)s ký tự.", n=rules.MOST_WORDS), where="words")


def behind(who: Subject) -> Subject:
    """The service that keeps threads, in the name of who writes."""
    return in_name_of(who, Role.QUESTION_SERVICE)


def now() -> str:
    """This moment, as a FHIR instant."""
    return clock.fhir_instant(clock.now())


def coded(code: str) -> r4.CodeableConcept:
    """Which part of a thread a record is."""
    return r4.CodeableConcept(coding=[r4.Coding(system=systems.QUESTION, code=code)])


async def file(tx: Transaction, who: Subject, first: Line, lines: Sequence[Line], file_id: str) -> tuple[str, bytes]:
    """What was sent along with a thread that she has opened: its kind and body.

    Raises:
        NotFound: nothing such in it.
    """
    if file_id not in {one.id for line in [first, *lines] for one in line.files}:
        raise NotFound(_("Không có tệp này."))
    kept = (await store.read(tx, behind(who), r4.DocumentReference, file_id)).content[0].attachment
    return kept.contentType or JPEG, base64.b64decode(kept.data or "")
