"""Records that are encrypted, kept and looked at in a database of each test's own."""

from __future__ import annotations

from typing import Any

from benhan.core import store
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.vault import master_of
from tests.core.store.elsewhere import Elsewhere

MASTER = master_of("env:BENHAN_TEST_MASTER")
XHTML = "http://www.w3.org/1999/xhtml"
NUMBER, PHONE = "079301234567", "0907654321"


def somebody(number: str = NUMBER, phone: str = PHONE) -> r4.Patient:
    """A person whose number and telephone also stand in her narrative."""
    return r4.Patient(
        identifier=[r4.Identifier(system=systems.CCCD, value=number)],
        name=[r4.HumanName(text="Vàng Thị Mỷ")],
        telecom=[r4.ContactPoint(system="phone", value=phone)],
        text=r4.Narrative(status="generated", div=f'<div xmlns="{XHTML}">Mỷ {number} {phone}</div>'),
    )


def finding(label: str | None) -> r4.Observation:
    """An observation, labelled or not."""
    security = [r4.Coding(code=label)] if label else None
    return r4.Observation(
        status="final", code=r4.CodeableConcept(text="Ghi chú"), valueString="khó nói ra lời",
        meta=r4.Meta(security=security),
    )  # fmt: skip


async def keep(place: Elsewhere, *records: r4.Resource) -> list[r4.Resource]:
    """Write them."""
    async with place.database.transaction(place.loader.facility) as tx:
        return [await store.create(tx, place.loader, one) for one in records]


async def found(place: Elsewhere, params: dict[str, Any]) -> list[str | None]:
    """Ids of the people that a search finds."""
    async with place.database.transaction(place.loader.facility) as tx:
        return [one.id for one in (await store.search(tx, place.loader, r4.Patient, params)).resources]


async def body_in(place: Elsewhere, table: str, id_: str | None) -> bytes:
    """The newest body in `resource` or `history`, as it lies there."""
    kept = await place.value(f"select body from {table} where id = $1 order by version desc limit 1", id_)
    assert isinstance(kept, bytes)
    return kept


async def read(place: Elsewhere, id_: str | None, type_: type[r4.R] = r4.Patient) -> r4.R:  # type: ignore[assignment]
    """A record as the store gives it."""
    async with place.database.transaction(place.loader.facility) as tx:
        return await store.read(tx, place.loader, type_, id_ or "")


def owner(place: Elsewhere) -> Any:
    """The database as the owner of its tables."""
    return Database.as_owner(place.dsn("postgres"))
