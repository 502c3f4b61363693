"""What a doctor assessed without a visit: a signed note (Composition) that came of a patient's question. Pure.

It was written by who answers questions (docs/adr/0023); the clinic reads it.
"""

from __future__ import annotations

from benhan.core.fhir import r4, systems
from benhan.hospital.visit import code_of, plain


def is_one(note: r4.Composition) -> bool:
    """Whether a note came of a question, and stands."""
    of_question = any(code_of(one, systems.QUESTION) for one in note.category or [])
    return of_question and note.status in ("final", "amended")


def words(note: r4.Composition) -> str:
    """What the doctor assessed: the last part, after what she was asked."""
    return plain(note.section[-1].text) if note.section else ""
