"""Questions at random, from a seed: every way to ask for records that the doors know, and addresses that answers gave.

What an answer tells (the next page, a file, a link of a page) goes into one pool that everybody takes from, whoever it
was told: a page token or the address of an export must be worth nothing in another's hands.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette

from benhan.core.access import Door, Permission
from benhan.core.access.consents import Purpose
from benhan.core.fhir import compartments
from benhan.core.fhir.definitions import PARAMETERS
from benhan.core.store.records import NUMBERS
from tests.asking import Answer, Headers
from tests.security.askers import Asker
from tests.security.marks import LETTERS
from tests.security.world import World

#: What would end the asker's own session or account.
_ENDS = (
    "/dang-xuat",
    "/khoa-man-hinh",
    "/nguoi-benh/thoat",
    "/nguoi-benh/tai-khoan",
    "/nguoi-benh/chon",
    "/app/session",
    "/app/records",
    "/quan-tri",
    "/tai-khoan",
    "/dang-nhap",
)
_FORM = ("content-type", "application/x-www-form-urlencoded")
_JSON = ("content-type", "application/fhir+json")
_SAME_ORIGIN = ("sec-fetch-site", "same-origin")
_LINK = re.compile(rb'(?:href|hx-get|action|src)="(/[^"#]{1,300})"')
_MOST_LEARNED, _LEARNED_A_TIME = 4000, 3
_HEAR_SECONDS = 0.2
_PAPER = (".pdf", ".xlsx")
#: A type is asked for so much more often, because it has more to tell.
_OFTEN = (
    "Patient",
    "Encounter",
    "Observation",
    "Condition",
    "Task",
    "MedicationRequest",
    "ServiceRequest",
    "Composition",
)


class Question(NamedTuple):
    """One request."""

    method: str
    address: str
    headers: Headers = ()
    body: bytes = b""
    #: Of a stream that does not end, the seconds it is listened to.
    hear: float | None = None


class Questions:
    """A source of questions; the same seed and answers give the same ones."""

    def __init__(self, seed: int, app: Starlette, world: World, since: str) -> None:
        """`since`: a position in the feed, behind which records of every hospital changed."""
        self._chance = Random(seed)
        self._since = since
        self._world = world
        self._doors = [
            (method, door)
            for door in app.state.doors
            if isinstance(door, Door) and not door.path.startswith("/fhir")
            for method in door.methods
            if method == "GET" or not door.path.startswith(_ENDS)
        ]
        self._learned: list[str] = []
        self._types = [*NUMBERS, *_OFTEN * 20]
        self._codes = [f"{79100 + n}" for n in range(len(LETTERS))]
        self._compartments = sorted(compartments.compartments())

    def next(self, who: Asker) -> Question:
        """A question for this asker: mostly what she may ask."""
        chance = self._chance.random()
        if self._learned and chance < 0.2:
            return Question("GET", self._chance.choice(self._learned), self._manner())
        if chance >= 0.975:
            return self._stream(who)
        if (Permission.FHIR in who.permissions) is (chance < 0.95):
            return self._fhir()
        return self._page(who)

    def learn(self, answer: Answer) -> None:
        """Remember some of the addresses in an answer."""
        told = [answer.header("content-location"), answer.header("location")]
        kind = answer.header("content-type")
        if kind.startswith("text/html"):
            links = [one.decode() for one in _LINK.findall(answer.body)]
            told += [one.replace("&amp;", "&") for one in self._some(links)]
        elif "json" in kind and answer.body.startswith(b"{"):
            body = json.loads(answer.body)
            told += self._some([one["url"] for one in body.get("link", ()) if isinstance(one, dict) and "url" in one])
            told += self._some([one["url"] for one in body.get("output", ()) if isinstance(one, dict) and "url" in one])
            told += [body["next"]] if isinstance(body.get("next"), str) else []
        for one in told:
            parts = urlsplit(one)
            if parts.path and not parts.path.startswith(("/static", *_ENDS)):
                address = parts.path + (f"?{parts.query}" if parts.query else "")
                if len(self._learned) < _MOST_LEARNED:
                    self._learned.append(address)
                else:
                    self._learned[self._chance.randrange(_MOST_LEARNED)] = address

    def _some(self, many: list[str]) -> list[str]:
        return self._chance.sample(many, min(len(many), _LEARNED_A_TIME))

    def _manner(self) -> list[tuple[str, str]]:
        """How an answer is wanted."""
        return self._chance.choice([
            [], [], [], [("hx-request", "true")], [("accept", "application/fhir+xml")], [("prefer", "handling=strict")],
            [("accept-language", "en")], [("prefer", "respond-async")], [("if-none-match", 'W/"1"')],
        ])  # fmt: skip

    def _page(self, who: Asker) -> Question:
        doors = self._doors
        if self._chance.random() < 0.75:
            doors = [one for one in doors if one[1].permission in who.permissions] or doors
        method, door = self._chance.choice(doors)
        if door.path.endswith(_PAPER) and self._chance.random() < 0.7:  # a paper is dear to make
            method, door = self._chance.choice(doors)
        address = re.sub(r"{(\w+)(?::\w+)?}", self._place, door.path)
        query = self._chance.choice([
            "", "", "q=zq", f"q={self._id('Patient')}", f"co-so={self._chance.choice(self._codes)}", "lang=en",
            "trang=2", "ngay=2026-11-20", f"patient={self._id('Patient')}",
        ])  # fmt: skip
        if door.app and method != "GET":
            return Question(method, address, [_JSON, *self._manner()], _encoded({"id": self._id("RelatedPerson")}))
        if method == "GET":
            return Question("GET", address + (f"?{query}" if query else ""), self._manner())
        return Question(method, address, [_FORM, _SAME_ORIGIN, *self._manner()], query.encode())

    def _place(self, found: re.Match[str]) -> str:
        kinds = {
            "visit": "Encounter", "patient": "Patient", "ticket": "Task", "order": "ServiceRequest",
            "id": "Appointment", "schedule": "Schedule", "observation": "Observation", "condition": "Condition",
            "line": "MedicationRequest", "consent": "Consent", "request": "Communication",
        }  # fmt: skip
        name = found[1]
        if name in kinds:
            return self._id(kinds[name])
        if name == "code" and found.string.startswith("/app/facilities"):
            return self._chance.choice(self._codes)
        if name == "service":
            return self._id("HealthcareService")
        if name == "room":
            return self._id("Location")
        if name == "purpose":
            return self._chance.choice(list(Purpose))
        if name == "account":
            return self._chance.choice(self._world.houses[self._chance.choice(LETTERS)].accounts).id
        return self._chance.choice(["khong-co", "goi", "xong", "1"])

    def _id(self, name: str) -> str:
        return self._chance.choice(self._world.ids.get(name) or ["khong-co"])

    def _fhir(self) -> Question:
        ask = self._chance.choices(
            [self._read, self._search, self._chain, self._along, self._history, self._everything, self._compartment,
             self._system, self._form, self._batch, self._operation, self._export, self._changes, self._nonsense],
            [14, 22, 12, 14, 6, 6, 8, 4, 5, 4, 7, 2, 3, 4],
        )[0]  # fmt: skip
        return ask()

    def _read(self) -> Question:
        if self._chance.random() < 0.4:  # what one hospital alone has
            name, id_ = self._chance.choice(self._world.own[self._chance.choice(LETTERS)])
        else:
            name = self._chance.choice(list(self._world.ids))
            id_ = self._id(name)
        tail = self._chance.choice(["", "", "", "/_history", "/_history/1", "/$meta", "/$validate"])
        return Question("GET", f"/fhir/{name}/{id_}{tail}", self._manner())

    def _search(self) -> Question:
        name = self._type()
        return Question("GET", f"/fhir/{name}?{urlencode([*self._terms(name), *self._shape(name)])}", self._manner())

    def _form(self) -> Question:
        name = self._type()
        body = urlencode([*self._terms(name), *self._shape(name)]).encode()
        return Question("POST", f"/fhir/{name}/_search", [_FORM, *self._manner()], body)

    def _chain(self) -> Question:
        name = self._chance.choice(
            ("Observation", "Encounter", "Condition", "Task", "MedicationRequest", "Appointment")
        )
        asked = self._chance.choice([
            ("patient.name", "zq"), ("patient:Patient.family", "nguyen"), ("subject:Patient._tag", "urn:dau|"),
            ("patient.identifier", "urn:dau|"), ("encounter.location.name", "phong"),
            ("patient.general-practitioner.name", "zq"), ("_has:Provenance:target:_lastUpdated", "gt2020"),
            ("_has:Observation:encounter:code", "8867-4"),
        ])  # fmt: skip
        if self._chance.random() < 0.3:
            name, asked = "Patient", self._chance.choice([
                ("_has:Observation:patient:status", "final"), ("_has:Encounter:patient:location.name", "phong"),
                ("_has:Observation:subject:_has:Provenance:target:agent.name", "zq"), ("organization.name", "bv"),
            ])  # fmt: skip
        return Question("GET", f"/fhir/{name}?{urlencode([asked, *self._shape(name)])}", self._manner())

    def _along(self) -> Question:
        name = self._type()
        more = self._chance.choice([
            ("_include", "*"), ("_include", f"{name}:patient"), ("_include", f"{name}:subject"),
            ("_include:iterate", "Encounter:location"), ("_revinclude", "*"), ("_revinclude", "Provenance:target"),
            ("_revinclude", "Observation:patient"), ("_revinclude:iterate", "Task:focus"),
            ("_include", f"{name}:encounter"),
        ])  # fmt: skip
        terms = self._terms(name) if self._chance.random() < 0.5 else [("_id", self._id(name))]
        return Question("GET", f"/fhir/{name}?{urlencode([*terms, more, *self._shape(name)])}", self._manner())

    def _history(self) -> Question:
        name = self._type()
        where = self._chance.choice([f"{name}/_history", "_history", f"{name}/{self._id(name)}/_history"])
        asked = self._chance.choice(["", "_count=3", "_since=2020-01-01", "_count=50&_sort=-_lastUpdated"])
        return Question("GET", f"/fhir/{where}?{asked}", self._manner())

    def _everything(self) -> Question:
        where = self._chance.choice([
            f"Patient/{self._id('Patient')}", f"Patient/{self._id('Patient')}", "Patient",
            f"Encounter/{self._id('Encounter')}",
        ])  # fmt: skip
        asked = self._chance.choice(
            ["_count=20", "_type=Observation,Condition&_count=30", "start=2026-01-01&_count=20"]
        )
        return Question("GET", f"/fhir/{where}/$everything?{asked}", self._manner())

    def _compartment(self) -> Question:
        base = self._chance.choice(self._compartments)
        member = self._chance.choice(["*", self._type()])
        terms = urlencode(self._shape(member) if member != "*" else [("_count", "20")])
        return Question("GET", f"/fhir/{base}/{self._id(base)}/{member}?{terms}", self._manner())

    def _system(self) -> Question:
        named = ",".join(self._chance.sample(_OFTEN, 3))
        asked = self._chance.choice([f"_type={named}", "", f"_type={named}&_tag=urn:dau|", f"_type={named}&_text=zq"])
        return Question("GET", f"/fhir?{asked}&_count={self._chance.choice((3, 30))}", self._manner())

    def _batch(self) -> Question:
        kind = self._chance.choice(["batch", "transaction"])
        asked = [self._read(), self._search(), self._along(), self._history()]
        entries = [{"request": {"method": "GET", "url": one.address.removeprefix("/fhir/")}} for one in asked]
        return Question("POST", "/fhir", [_JSON], _encoded({"resourceType": "Bundle", "type": kind, "entry": entries}))

    def _operation(self) -> Question:
        patient = {"resourceType": "Patient", "name": [{"text": "Nguyễn zq"}], "gender": "male"}
        match = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}]}
        return self._chance.choice([
            Question("POST", "/fhir/Patient/$match", [_JSON], _encoded(match)),
            Question("GET", f"/fhir/Composition/{self._id('Composition')}/$document", self._manner()),
            Question("GET", f"/fhir/Observation/$lastn?patient={self._id('Patient')}&max=3"),
            Question("GET", "/fhir/Observation/$lastn?category=vital-signs"),
            Question("GET", f"/fhir/AuditEvent?patient={self._id('Patient')}&_count=20"),
            Question("GET", "/fhir/AuditEvent?_count=30"),
            Question("POST", f"/fhir/{self._type()}/$validate", [_JSON], _encoded(patient)),
            Question("GET", "/fhir/Subscription/$status"),
            Question("GET", "/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender"),
            Question("GET", "/fhir/metadata"),
        ])  # fmt: skip

    def _export(self) -> Question:
        where = self._chance.choice(["", "Patient/", f"Group/{self._group()}/"])
        asked = f"_type={self._type()},Patient" if self._chance.random() < 0.7 else ""
        return Question("GET", f"/fhir/{where}$export?{asked}", [("prefer", "respond-async")])

    def _group(self) -> str:
        return next((id_ for name, id_ in self._world.own[self._chance.choice(LETTERS)] if name == "Group"), "khong-co")

    def _changes(self) -> Question:
        asked = self._chance.choice(["_count=20", f"_type={self._type()}&_count=30", "since=now"])
        return Question("GET", f"/fhir/_changes?{asked}", self._manner())

    def _stream(self, who: Asker) -> Question:
        """What changed while nobody listened, and what changes now; a program asks the feed more often than not."""
        chance, told = self._chance, sorted({name for name, _id in self._world.own[self._chance.choice(LETTERS)]})
        types = ",".join(chance.sample(told, 10))
        feed = [f"/fhir/_changes?since={self._since}", f"/fhir/_changes?_type={chance.choice(told)}", "/fhir/_changes"]
        if Permission.FHIR in who.permissions and chance.random() < 0.6:
            return self._heard(feed[0])
        return self._heard(chance.choice([
            f"/live?types={types}&since={self._since}", f"/live?types={types}&since={self._since}",
            f"/live?types={types}&since={self._since}&patient={self._id('Patient')}",
            f"/nguoi-benh/truc-tiep?since={self._since}", f"/app/live?since={self._since}",
            f"/so-y-te/truc-tiep?since={self._since}", *feed,
        ]))  # fmt: skip

    def _heard(self, address: str) -> Question:
        return Question("GET", address, [("accept", "text/event-stream")], hear=_HEAR_SECONDS)

    def _nonsense(self) -> Question:
        """What gives error texts."""
        name, id_ = self._type(), self._id("Patient")
        right = {"resourceType": "Patient", "id": id_, "gender": "other"}
        wrong = {**right, "gender": "x"}
        patch = b'[{"op":"test","path":"/gender","value":"zz"}]'
        return self._chance.choice([
            Question("GET", f"/fhir/{name}?khong-co=1", [("prefer", "handling=strict")]),
            Question("GET", f"/fhir/{name}?_lastUpdated=hom-qua"), Question("GET", f"/fhir/{name}/{id_}/khong-co"),
            Question("GET", f"/fhir/Rac/{id_}"), Question("PUT", f"/fhir/{name}/{id_}", [_JSON], b"{"),
            Question("PUT", f"/fhir/Patient/{id_}", [_JSON], _encoded(wrong)),
            Question("PATCH", f"/fhir/Patient/{id_}", [("content-type", "application/json-patch+json")], patch),
            Question("DELETE", f"/fhir/{name}?_id=khong-co"),
            Question("POST", f"/fhir/{name}", [_JSON], b'{"resourceType":"Patient"}'),
            Question("GET", f"/fhir/{name}?_after={self._chance.choice(['x', '0', '999999'])}"),
            Question("PUT", f"/fhir/Patient/{id_}", [_JSON, ("if-match", 'W/"77"')], _encoded(right)),
        ])  # fmt: skip

    def _type(self) -> str:
        return self._chance.choice(self._types)

    def _terms(self, name: str) -> list[tuple[str, str]]:
        if self._chance.random() < 0.25:
            return []
        code = self._chance.choice(sorted(PARAMETERS[name]))
        value = {
            "string": self._chance.choice(["zq", "nguyen", "phong", "a"]),
            "token": self._chance.choice(["urn:dau|", "final", "active", "AMB", "male"]),
            "reference": self._chance.choice(
                [f"Patient/{self._id('Patient')}", self._id("Encounter"), "Practitioner/nv-bs01"]
            ),
            "date": self._chance.choice(["gt2020-01-01", "2026-11", "le2030"]),
            "quantity": "gt1", "number": "gt0", "uri": "http://hl7.org", "composite": "8867-4$gt1", "special": "zq",
        }.get(PARAMETERS[name][code].kind, "zq")  # fmt: skip
        modifier = self._chance.choice(["", "", "", ":missing", ":not", ":contains"])
        return [(code + modifier, "false" if modifier == ":missing" else value)]

    def _shape(self, name: str) -> list[tuple[str, str]]:
        codes = sorted(PARAMETERS.get(name, ()))
        return self._chance.choice([
            [], [("_count", "5")], [("_count", "40"), ("_sort", f"-{self._chance.choice(codes or ['_id'])}")],
            [("_summary", "true")], [("_total", "accurate"), ("_count", "3")], [("_elements", "name,subject,code")],
            [("_summary", "count")],
            [("_sort", "_lastUpdated"), ("_count", "10")],
        ])  # fmt: skip


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()
