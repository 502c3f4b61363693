"""The records of the FHIR bench and the requests that are sent: those of ../shared/bench/fhirbench.py, by which the
peers were measured, and a mix as on a ward, where nearly every question is about one patient.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from urllib.parse import urlencode

import msgspec

MRN = "http://bench.example/mrn"
CARD = "http://bench.example/bhyt"
#: A category that half of all observations have, or one.
MARK = "http://bench.example/mark"
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
FAMILIES = (
    "Nguyen", "Tran", "Le", "Pham", "Hoang", "Huynh", "Phan", "Vu", "Vo", "Dang", "Bui", "Do", "Ho", "Ngo", "Duong",
    "Ly",
)  # fmt: skip
GIVEN = ("An", "Binh", "Chi", "Dung", "Giang", "Ha", "Hieu", "Hoa", "Hung", "Khanh", "Lan", "Linh", "Long", "Mai")
CODES = (
    ("8867-4", "Heart rate", "/min", 60, 110), ("8310-5", "Body temperature", "Cel", 36, 40),
    ("9279-1", "Respiratory rate", "/min", 10, 30), ("29463-7", "Body weight", "kg", 40, 110),
    ("8302-2", "Body height", "cm", 140, 195), ("2339-0", "Glucose", "mg/dL", 60, 300),
    ("718-7", "Hemoglobin", "g/dL", 8, 18), ("2160-0", "Creatinine", "mg/dL", 0.4, 3),
)  # fmt: skip
#: Records of one person: herself and her observations.
EACH = 25
SMALLEST = 20_000
#: Requests that are made before the clock runs; they are sent again and again. Writes make a new record each time.
MADE = 3000

Json = dict[str, Any]


class Ward:
    """Makes records and requests over a world of so many records."""

    def __init__(self, size: int, seed: int = 7) -> None:
        self.people = size // EACH
        #: As many people share a family name in every size of world, so that pages are of one length.
        self._suffixes = 97 * max(1, size // SMALLEST)
        self._chance = Random(seed)
        self._numbers = itertools.count(10_000_000 + seed * 1_000_000)

    def patient(self, number: int, id_: str | None = None) -> Json:
        """A person; the same number always has the same family name."""
        chance = self._chance
        return {
            "resourceType": "Patient", **({"id": id_} if id_ else {}), "active": True,
            "identifier": [
                {"use": "usual", "system": MRN, "value": f"MRN{number:08d}"},
                {"system": CARD, "value": f"DN4{number:012d}"},
            ],
            "name": [
                {"use": "official", "family": self._family(number), "given": [chance.choice(GIVEN) for _ in range(2)]}
            ],
            "telecom": [{"system": "phone", "value": f"09{number:08d}", "use": "mobile"}],
            "gender": chance.choice(["male", "female"]),
            "birthDate": f"{chance.randint(1930, 2020)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
            "address": [
                {"use": "home", "line": [f"{chance.randint(1, 500)} Tran Hung Dao"], "city": "Ha Noi",
                 "district": "Hoan Kiem", "country": "VN"}
            ],
        }  # fmt: skip

    def observation(self, subject: str, id_: str | None = None, mark: str | None = None) -> Json:
        """A measurement of somebody."""
        chance = self._chance
        code, display, unit, low, high = chance.choice(CODES)
        at = (
            f"20{chance.randint(15, 25)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
            f"T{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:00Z"
        )
        found: Json = {
            "resourceType": "Observation", **({"id": id_} if id_ else {}), "status": "final",
            "category": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
                "display": "Vital Signs",
            }]}],
            "code": {"coding": [{"system": LOINC, "code": code, "display": display}], "text": display},
            "subject": {"reference": subject}, "effectiveDateTime": at, "issued": at,
            "valueQuantity": {"value": round(chance.uniform(low, high), 1), "unit": unit, "system": UCUM, "code": unit},
        }  # fmt: skip
        if mark:
            found["category"].append({"coding": [{"system": MARK, "code": mark}]})
        return found

    def person(self, number: int) -> list[Json]:
        """Somebody who is there from the start, with her observations: half of all are marked, and one is alone."""
        id_ = f"bench-{number:07d}"
        records = [self.patient(number, id_)]
        for n in range(1, EACH):
            mark = "alone" if number == 3 and n == 1 else "half" if n % 2 else None
            records.append(self.observation(f"Patient/{id_}", f"{id_}-{n:02d}", mark))
        return records

    def bundle(self) -> Json:
        """A transaction of two people with 24 observations each, as a device or another hospital sends it."""
        entries = []
        for _ in range(2):
            url = f"urn:uuid:{self._uuid()}"
            for n in range(EACH):
                one = self.observation(url) if n else self.patient(next(self._numbers))
                request = {"method": "POST", "url": one["resourceType"]}
                full = f"urn:uuid:{self._uuid()}" if n else url
                entries.append({"fullUrl": full, "resource": one, "request": request})
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    def somebody(self) -> str:
        """The id of one who is there."""
        return f"bench-{self._chance.randrange(self.people):07d}"

    def _family(self, number: int) -> str:
        return f"{FAMILIES[number % len(FAMILIES)]}{number // len(FAMILIES) % self._suffixes:02d}"

    def _uuid(self) -> str:
        bits = self._chance.getrandbits
        return f"{bits(32):08x}-{bits(16):04x}-4{bits(12):03x}-a{bits(12):03x}-{bits(48):012x}"

    def requests(self, token: str) -> dict[str, Callable[[], Iterator[bytes]]]:
        """By name of the operation: an endless supply of whole HTTP requests."""
        head = f"Host: bench\r\nAuthorization: Bearer {token}\r\nAccept: application/fhir+json\r\n"

        def get(path: Callable[[], str]) -> Callable[[], Iterator[bytes]]:
            return lambda: (f"GET /fhir/{path()} HTTP/1.1\r\n{head}\r\n".encode() for _ in itertools.count())

        def search(type_: str, asked: Callable[[], Json]) -> Callable[[], Iterator[bytes]]:
            return get(lambda: f"{type_}?{urlencode(asked())}")

        def post(path: str, make: Callable[[], Json]) -> Callable[[], Iterator[bytes]]:
            def one() -> bytes:
                body = msgspec.json.encode(make())
                more = f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
                return f"POST {path} HTTP/1.1\r\n{head}{more}".encode() + body

            return lambda: (one() for _ in itertools.count())

        chance = self._chance
        found = {
            "read": get(lambda: f"Patient/{self.somebody()}"),
            "identifier": search("Patient", lambda: {"identifier": f"{MRN}|MRN{chance.randrange(self.people):08d}"}),
            "family": search("Patient", lambda: {"family": self._family(chance.randrange(self.people)), "_count": 20}),
            "sorted": search("Observation", lambda: {**self._of_one(), "_sort": "-date", "_count": 10}),
            "include": search(
                "Observation", lambda: {"patient": self.somebody(), "_include": "Observation:subject", "_count": 20}
            ),
            "chained": search(
                "Observation",
                lambda: {"subject:Patient.identifier": f"{MRN}|MRN{chance.randrange(self.people):08d}", "_count": 20},
            ),
            "total": search("Observation", lambda: {"code": self._code(), "_total": "accurate", "_count": 1}),
            "one row": search("Observation", lambda: {"category": f"{MARK}|alone", "_sort": "-date", "_count": 10}),
            "half of all": search("Observation", lambda: {"category": f"{MARK}|half", "_sort": "-date", "_count": 10}),
            "both": search("Observation", lambda: {"category": f"{MARK}|alone", "code": self._code(), "_count": 10}),
            "create Patient": post("/fhir/Patient", lambda: self.patient(next(self._numbers))),
            "create Observation": post("/fhir/Observation", lambda: self.observation(f"Patient/{self.somebody()}")),
            "transaction of 50": post("/fhir", self.bundle),
        }
        found["ward"] = lambda: self._mixed(found, get)
        return found

    def _mixed(
        self, found: dict[str, Callable[[], Iterator[bytes]]], get: Callable[[Callable[[], str]], Any]
    ) -> Iterator[bytes]:
        """Eight of ten are reads and searches within one patient; she is looked for; something is written."""
        parts: list[tuple[int, Iterator[bytes]]] = [
            (20, found["read"]()),
            (15, get(lambda: f"Observation/{self.somebody()}-{self._chance.randint(1, EACH - 1):02d}")()),
            (25, get(lambda: f"Observation?patient={self.somebody()}&_sort=-date&_count=20")()),
            (20, found["sorted"]()), (8, found["identifier"]()), (4, found["family"]()),
            (7, found["create Observation"]()), (1, found["create Patient"]()),
        ]  # fmt: skip
        weights = [weight for weight, _ in parts]
        while True:
            yield next(self._chance.choices(parts, weights)[0][1])

    def _of_one(self) -> Json:
        return {"patient": self.somebody(), "code": self._code()}

    def _code(self) -> str:
        return f"{LOINC}|{self._chance.choice(CODES)[0]}"
