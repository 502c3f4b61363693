"""The record store by itself: `python -m bench.store`. Requests a second and milliseconds, 8 clients.

Each operation runs over HTTP (Granian, a bearer token, the whole edge: session, permission, audit, commit) and in this
process on the store's functions (one transaction each, audited and committed the same). The records are those of
`../shared/bench/fhirbench.py`, by which the peers in components.md were measured; the hospital they go into has more.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import msgspec

from bench.browser import Browser
from bench.figures import Figure, figure, machine
from bench.serving import server
from bench.world import World, world
from benhan.core import store
from benhan.core.access.accounts import create_client
from benhan.core.access.subject import parse_scopes
from benhan.core.api import bundles
from benhan.core.db import Database, Transaction
from benhan.core.fhir import codec, r4, systems

MRN = "http://bench.example/mrn"
FAMILIES = ("Nguyen", "Tran", "Le", "Pham", "Hoang", "Huynh", "Phan", "Vu", "Vo", "Dang", "Bui", "Do", "Ho", "Ngo")
GIVEN = ("An", "Binh", "Chi", "Dung", "Giang", "Ha", "Hieu", "Hoa", "Hung", "Khanh", "Lan", "Linh", "Long", "Mai")
CODES = ("8867-4", "8310-5", "9279-1", "29463-7", "8302-2", "2339-0", "718-7", "2160-0")
#: Bundles of two patients and 48 observations that are there before anything is measured.
LOADED = 100
FULL = "system/*.cruds"

#: An operation: what is sent over HTTP (method, target, body), and the same as a call of the store.
Call = Callable[[Transaction], Awaitable[object]]
Operation = Callable[[], tuple[str, str, bytes | None, Call]]


class Rate(msgspec.Struct, frozen=True):
    """How often an operation was done in a second by all clients together, and how long one took."""

    per_second: float
    figure: Figure


class People:
    """Makes the records, and remembers those that are there to be found."""

    def __init__(self, place: World) -> None:
        self.who = place.house.loader
        self.chance = Random(7)
        self.numbers: Iterator[int] = itertools.count(int(time.time()) % 1_000_000 * 1000)
        self.known: list[tuple[str, str]] = []

    def patient(self) -> r4.Patient:
        """Somebody new."""
        number, chance = next(self.numbers), self.chance
        family = f"{chance.choice(FAMILIES)}{number % 97:02d}"
        return r4.Patient(
            active=True,
            identifier=[r4.Identifier(system=MRN, value=f"MRN{number:08d}")],
            name=[r4.HumanName(use="official", family=family, given=[chance.choice(GIVEN), chance.choice(GIVEN)])],
            telecom=[r4.ContactPoint(system="phone", value=f"09{number:08d}", use="mobile")],
            gender=chance.choice(("male", "female")),
            birthDate=f"{chance.randint(1930, 2020)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
            address=[r4.Address(use="home", line=["12 Trần Hưng Đạo"], city="Hà Nội", country="VN")],
        )

    def observation(self, subject: str) -> r4.Observation:
        """A measurement of somebody."""
        chance = self.chance
        at = f"20{chance.randint(15, 25)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}T08:30:00Z"
        return r4.Observation(
            status="final",
            code=r4.CodeableConcept(coding=[r4.Coding(system=systems.LOINC, code=chance.choice(CODES))]),
            subject=r4.Reference(reference=subject),
            effectiveDateTime=at,
            valueQuantity=r4.Quantity(value=chance.randint(40, 180), unit="/min", system=systems.UCUM, code="/min"),
        )

    def bundle(self) -> r4.Bundle:
        """A transaction of two patients with 24 observations each."""
        entries = []
        for _ in range(2):
            url = f"urn:uuid:{next(self.numbers):032x}"
            records = [self.patient(), *(self.observation(url) for _ in range(24))]
            for n, one in enumerate(records):
                request = r4.BundleEntryRequest(method="POST", url=codec.type_name(one))
                entries.append(r4.BundleEntry(fullUrl=url if n == 0 else None, resource=one, request=request))
        return r4.Bundle(type="transaction", entry=entries)

    def anybody(self) -> tuple[str, str]:
        """Id and number of somebody who is there."""
        return self.chance.choice(self.known)


def operations(people: People) -> dict[str, Operation]:
    """What is measured, by name."""
    who = people.who

    def read() -> tuple[str, str, bytes | None, Call]:
        id_, _ = people.anybody()
        return "GET", f"/fhir/Patient/{id_}", None, lambda tx: store.read(tx, who, r4.Patient, id_)

    def create(make: Callable[[], r4.Resource]) -> Operation:
        def one() -> tuple[str, str, bytes | None, Call]:
            made = make()
            name = codec.type_name(made)
            return "POST", f"/fhir/{name}", codec.encode(made), lambda tx: store.create(tx, who, made)

        return one

    def search(type_: type[r4.Resource], asked: Callable[[], dict[str, str]]) -> Operation:
        def one() -> tuple[str, str, bytes | None, Call]:
            params = asked()
            target = f"/fhir/{codec.type_name(type_)}?{urlencode(params)}"
            return "GET", target, None, lambda tx: store.search(tx, who, type_, params)

        return one

    def transaction() -> tuple[str, str, bytes | None, Call]:
        made = people.bundle()
        return "POST", "/fhir", codec.encode(made), lambda tx: bundles.process(tx, who, made, "/fhir")

    def code() -> str:
        return f"{systems.LOINC}|{people.chance.choice(CODES)}"

    def family() -> str:
        return f"{people.chance.choice(FAMILIES)}{people.chance.randint(0, 96):02d}"

    return {
        "read by id": read,
        "Patient by identifier": search(r4.Patient, lambda: {"identifier": f"{MRN}|{people.anybody()[1]}"}),
        "Patient by name": search(r4.Patient, lambda: {"name": family(), "_count": "20"}),
        "Observation patient+code, _sort=-date": search(
            r4.Observation,
            lambda: {"patient": people.anybody()[0], "code": code(), "_sort": "-date", "_count": "10"},
        ),
        "create Patient": create(people.patient),
        "create Observation": create(lambda: people.observation(f"Patient/{people.anybody()[0]}")),
        "transaction of 50": transaction,
    }


def main() -> None:
    """Measure, print a table of both ways, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000, help="patients: up to 10000, or 100000")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "benhan-bench")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--port", type=int, default=8498)
    parser.add_argument("--output", type=Path, default=Path("bench/results/store.json"))
    asked = parser.parse_args()
    place = asyncio.run(world(asked.data, asked.size, lambda text: print(text, flush=True)))
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as notes:
            token, people = asyncio.run(_prepared(place))
            with server(place.dsn, asked.port, asked.workers, Path(notes)):
                http = asyncio.run(_over_http(people, token, asked))
            inside = asyncio.run(_in_process(place, people, asked))
    finally:
        place.stop()
    print(machine(), "\n\n| operation | HTTP/s | p50 | p95 | in process/s | p50 | p95 |\n|---|" + "---:|" * 6)
    for name, over in http.items():
        cells = [f"{one.per_second:.0f} | {one.figure.p50} | {one.figure.p95}" for one in (over, inside[name])]
        refused = f" ({over.figure.refused} refused)" if over.figure.refused else ""
        print(f"| {name}{refused} | {' | '.join(cells)} |")
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_bytes(msgspec.json.encode({"machine": machine(), "http": http, "in process": inside}))


async def _prepared(place: World) -> tuple[str, People]:
    """A token for a program that may do everything, and the people that are looked for."""
    people = People(place)
    database = await Database.connect(place.dsn, statement_seconds=60)
    async with database.transaction(place.house.key) as tx:
        parse_scopes(FULL)
        token = await create_client(tx, place.house.key, f"bench {time.time():.0f}", FULL)
    for _ in range(LOADED):
        async with database.transaction(place.house.key) as tx:
            answer = await bundles.process(tx, people.who, people.bundle(), "/fhir")
        found = [entry.resource for entry in answer.entry or [] if isinstance(entry.resource, r4.Patient)]
        people.known += [(str(one.id), str((one.identifier or [])[0].value)) for one in found]
    await database.close()
    return token, people


async def _over_http(people: People, token: str, asked: argparse.Namespace) -> dict[str, Rate]:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
    browsers = [Browser(asked.port, [], headers) for _ in range(asked.clients)]

    async def ask(client: int, operation: Operation) -> bool:
        method, target, body, _ = operation()
        browser = browsers[client]
        answer = await (browser.send("", target, body or b"") if method == "POST" else browser.get("", target))
        return answer.status < 400

    found = {name: await _rate(asked, one, ask) for name, one in operations(people).items()}
    for browser in browsers:
        await browser.close()
    return found


async def _in_process(place: World, people: People, asked: argparse.Namespace) -> dict[str, Rate]:
    database = await Database.connect(place.dsn, size=asked.clients)

    async def ask(_client: int, operation: Operation) -> bool:
        *_, call = operation()
        async with database.transaction(place.house.key) as tx:
            await call(tx)
        return True

    found = {name: await _rate(asked, one, ask) for name, one in operations(people).items()}
    await database.close()
    return found


async def _rate(
    asked: argparse.Namespace, operation: Operation, ask: Callable[[int, Operation], Awaitable[bool]]
) -> Rate:
    times: list[float] = []
    refused = 0

    async def client(number: int, until: float) -> None:
        nonlocal refused
        while time.perf_counter() < until:
            began = time.perf_counter()
            refused += not await ask(number, operation)
            times.append((time.perf_counter() - began) * 1000)

    async def everybody(seconds: float) -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(number, until) for number in range(asked.clients)))

    await everybody(asked.seconds / 5)
    times.clear()
    refused = 0
    began = time.perf_counter()
    await everybody(asked.seconds)
    return Rate(len(times) / (time.perf_counter() - began), figure(times, refused))


if __name__ == "__main__":
    main()
