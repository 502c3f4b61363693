"""An act as a FHIR AuditEvent in the shape of IHE BALP (Basic Audit Log Patterns 1.1). Pure.

No `meta.profile` is claimed: BALP wants the network address of the client of each act, and what the program does by
itself, like acts of before addresses were kept, has none.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from benhan.core.access.acts import Act
from benhan.core.fhir import r4

TERMS: Final = "http://terminology.hl7.org/CodeSystem"
_TYPES, _DICOM, _LIFE = (
    f"{TERMS}/audit-event-type",
    "http://dicom.nema.org/resources/ontology/DCM",
    f"{TERMS}/iso-21089-lifecycle",
)
_REST: Final = "http://hl7.org/fhir/restful-interaction"


def _rest(code: str, letter: str) -> tuple[r4.Coding, r4.Coding | None, str]:
    return (
        r4.Coding(system=_TYPES, code="rest", display="RESTful Operation"),
        r4.Coding(system=_REST, code=code),
        letter,
    )


def _dicom(code: str, display: str, letter: str, life: str = "") -> tuple[r4.Coding, r4.Coding | None, str]:
    subtype = r4.Coding(system=_LIFE, code=life) if life else None
    return r4.Coding(system=_DICOM, code=code, display=display), subtype, letter


def _login(code: str, display: str) -> tuple[r4.Coding, r4.Coding | None, str]:
    type_ = r4.Coding(system=_DICOM, code="110114", display="User Authentication")
    return type_, r4.Coding(system=_DICOM, code=code, display=display), "E"


#: Act → type, subtype and action of the event. What is not here is a RESTful operation that was executed.
SAID: Final = {
    "create": _rest("create", "C"),
    "read": _rest("read", "R"),
    "update": _rest("update", "U"),
    "delete": _rest("delete", "D"),
    "search": _rest("search", "E"),
    "sign-in": _login("110122", "Login"),
    "sign-out": _login("110123", "Logout"),
    "confirm-password": _dicom("110114", "User Authentication", "E", "verify"),
    "break-glass": _dicom("110127", "Emergency Override Started", "E"),
    "end-glass": _dicom("110138", "Emergency Override Stopped", "E"),
    "sign": (_rest("create", "C")[0], r4.Coding(system=_LIFE, code="attest"), "C"),
    "refused": _dicom("110113", "Security Alert", "E"),
    "read-audit": _dicom("110101", "Audit Log Used", "R"),
    "export-audit": _dicom("110101", "Audit Log Used", "R", "extract"),
    "print": _dicom("110106", "Export", "R", "report"),
    "export": _dicom("110106", "Export", "R", "extract"),
    "download": _dicom("110106", "Export", "R", "transmit"),
    "import": _dicom("110107", "Import", "C", "receive"),
    "load": _dicom("110107", "Import", "C", "receive"),
    "personal-link": _dicom("110106", "Export", "E", "disclose"),
}
OTHERWISE: Final = _rest("operation", "E")


def actions_of(letters: frozenset[str]) -> tuple[str, ...] | None:
    """The acts that are shown under these letters of AuditEvent.action; None where "any other" is among them."""
    return None if "E" in letters else tuple(act for act, (_t, _s, letter) in SAID.items() if letter in letters)


def letter_of(action: str) -> str:
    """AuditEvent.action of an act: C, R, U, D or E."""
    return SAID.get(action, OTHERWISE)[2]


def audit_event(act: Act, facility_code: str, facility_name: str) -> r4.AuditEvent:
    """The act as an AuditEvent; its id is the place of the row."""
    type_, subtype, letter = SAID.get(act.action, OTHERWISE)
    return r4.AuditEvent(
        id=act.key,
        type=type_,
        subtype=[subtype or r4.Coding(code=act.action)],
        action=letter,
        recorded=act.at.isoformat(timespec="milliseconds"),
        outcome="0" if act.allowed else "4",
        outcomeDesc=None if act.allowed else act.rule or None,
        agent=[_who(act), _server()],
        source=r4.AuditEventSource(
            site=facility_code or None,
            observer=r4.Reference(display=f"Benhan · {facility_name}"),
            type=[r4.Coding(system=f"{TERMS}/security-source-type", code="4", display="Application Server")],
        ),
        entity=_entities(act),
    )


def _who(act: Act) -> r4.AuditEventAgent:
    """Who did it: a person at the facility, a patient, or a program."""
    program = act.account.startswith(("client:", "service:"))
    kind = (
        r4.Coding(system=_DICOM, code="110153", display="Source Role ID")
        if program
        else r4.Coding(system=f"{TERMS}/v3-ParticipationType", code="IRCP", display="information recipient")
    )
    known = f"Practitioner/{act.practitioner}" if act.practitioner else None
    if act.account.startswith("patient:"):
        known = f"Patient/{act.account.removeprefix('patient:')}"
    return r4.AuditEventAgent(
        type=r4.CodeableConcept(coding=[kind]),
        role=[r4.CodeableConcept(text=role) for role in act.roles] or None,
        who=r4.Reference(reference=known, identifier=r4.Identifier(value=act.account), display=act.name or None),
        altId=act.account,
        name=act.name or None,
        requestor=True,
        network=r4.AuditEventAgentNetwork(address=act.address, type="2") if act.address else None,
    )


def _server() -> r4.AuditEventAgent:
    kind = r4.Coding(system=_DICOM, code="110152", display="Destination Role ID")
    return r4.AuditEventAgent(
        type=r4.CodeableConcept(coding=[kind]), who=r4.Reference(display="Benhan"), requestor=False
    )


def _entities(act: Act) -> list[r4.AuditEventEntity] | None:
    found = []
    if act.action == "search":
        query = b64encode(f"{act.type or ''}?{act.detail}".encode()).decode()
        found.append(_entity("2", "24", None, query=query, detail=_details(act)))
    elif act.type:  # of several types, where a request showed such records of one patient
        found += [_entity("2", "4", _about(act, type_), detail=_details(act)) for type_ in act.type.split(",")]
    elif details := _details(act):
        found.append(_entity("4", "13", None, name=act.action, detail=details))
    if act.patient:
        found.append(_entity("1", "1", r4.Reference(reference=f"Patient/{act.patient}")))
    return found or None


def _about(act: Act, type_: str) -> r4.Reference:
    """What was touched. Who may sign in has an account here; that is no Account of FHIR."""
    if type_ == "Account" and act.id:
        return r4.Reference(identifier=r4.Identifier(value=act.id), display="sign-in account")
    return r4.Reference(reference=f"{type_}/{act.id}") if act.id else r4.Reference(type=type_)


def _entity(
    type_: str, role: str, what: r4.Reference | None, *, query: str | None = None, name: str | None = None,
    detail: list[r4.AuditEventEntityDetail] | None = None,
) -> r4.AuditEventEntity:  # fmt: skip
    return r4.AuditEventEntity(
        what=what,
        type=r4.Coding(system=f"{TERMS}/audit-entity-type", code=type_),
        role=r4.Coding(system=f"{TERMS}/object-role", code=role),
        query=query,
        name=name,
        detail=detail,
    )


def _details(act: Act) -> list[r4.AuditEventEntityDetail] | None:
    """By which rule, in which session, and what else is said of the act."""
    said = (("rule", act.rule), ("session", act.session or ""), ("detail", act.detail))
    return [r4.AuditEventEntityDetail(type=name, valueString=value) for name, value in said if value] or None
