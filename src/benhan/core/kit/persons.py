"""What a record says of its person in a word: name, telephone, a number of a system. Pure."""

from __future__ import annotations

from benhan.core.fhir import r4


def identifier(resource: object, system: str) -> str | None:
    """The value of an identifier of a system."""
    for one in getattr(resource, "identifier", None) or []:
        if one.system == system and one.value:
            return str(one.value)
    return None


def full_name(person: r4.Patient | r4.Practitioner) -> str:
    """The name as it is written in Vietnam: family, middle, given."""
    for name in person.name or []:
        return name.text or " ".join([*([name.family] if name.family else []), *filter(None, name.given or [])])
    return "Chưa rõ tên"


def phone_of(person: r4.Patient | r4.Practitioner) -> str | None:
    """The first phone number."""
    return next((t.value for t in person.telecom or [] if t.system == "phone" and t.value), None)
