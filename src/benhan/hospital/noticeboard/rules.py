"""What the board says: where the house is and when it is open; news from a day to a day. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.hospital import weekly
from benhan.hospital.weekly import DAYS, Session

MOST_TITLE: Final = 120
MOST_WORDS: Final = 4000


class State(StrEnum):
    """Where a piece of news stands. Values: FHIR Communication.status."""

    DRAFT = "preparation"
    OUT = "completed"
    TAKEN_BACK = "stopped"


STATE_NAMES: Final = {
    State.DRAFT: later("bản nháp"), State.OUT: later("đã đăng"), State.TAKEN_BACK: later("đã gỡ"),
}  # fmt: skip


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """Where the house is, and when it is open. `latitude`, `longitude`: WGS 84, in degrees; both or none."""

    about: str = ""
    address: str = ""
    phone: str = ""
    sessions: tuple[Session, ...] = ()
    latitude: Decimal | None = None
    longitude: Decimal | None = None


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of news: shown from a day to a day, both included, once it is out."""

    id: str
    state: State
    title: str
    words: str
    first: date
    last: date

    def shown(self, on: date) -> bool:
        """Whether people see it on that day."""
        return self.state is State.OUT and self.first <= on <= self.last


def details(place: r4.Location) -> Details:
    """A Location read as the details of the house."""
    at = place.position
    return Details(
        about=place.description or "", address=(place.address and place.address.text) or "",
        phone=next((one.value or "" for one in place.telecom or [] if one.system == "phone"), ""),
        sessions=tuple(
            found for one in place.hoursOfOperation or []
            if (found := weekly.session(one.daysOfWeek, one.openingTime, one.closingTime))
        ),
        latitude=at.latitude if at else None, longitude=at.longitude if at else None,
    )  # fmt: skip


def location(id_: str, name: str, house: Details) -> r4.Location:
    """The Location that keeps the details."""
    position = None
    if house.latitude is not None and house.longitude is not None:
        position = r4.LocationPosition(latitude=house.latitude, longitude=house.longitude)
    site = r4.Coding(system=systems.LOCATION_PHYSICAL_TYPE, code="si", display="Site")
    return r4.Location(
        id=id_, status="active", mode="instance", name=name, description=house.about or None,
        physicalType=r4.CodeableConcept(coding=[site]),
        address=r4.Address(text=house.address) if house.address else None,
        telecom=[r4.ContactPoint(system="phone", value=house.phone)] if house.phone else None,
        position=position,
        hoursOfOperation=[
            r4.LocationHoursOfOperation(
                daysOfWeek=[DAYS[day] for day in one.days], openingTime=f"{one.start:%H:%M:%S}",
                closingTime=f"{one.end:%H:%M:%S}",
            )
            for one in house.sessions
        ] or None,
    )  # fmt: skip


def news(kept: r4.Communication) -> News:
    """A Communication read as news.

    Raises:
        NotFound: it is none.
    """
    ours = any(one.system == systems.NEWS for place in kept.category or [] for one in place.coding or [])
    period = next((one.valuePeriod for one in kept.extension or [] if one.url == systems.EXTENSION_SHOWN), None)
    if not ours or period is None:
        raise NotFound(_("Không có tin này."))
    return News(
        id=kept.id or "", state=State(kept.status or ""), title=(kept.topic and kept.topic.text) or "",
        words=next((one.contentString or "" for one in kept.payload or []), ""),
        first=date.fromisoformat(period.start or ""), last=date.fromisoformat(period.end or ""),
    )  # fmt: skip


def communication(one: News) -> r4.Communication:
    """The Communication that keeps a piece of news."""
    period = r4.Period(start=one.first.isoformat(), end=one.last.isoformat())
    return r4.Communication(
        id=one.id or None, status=one.state, topic=r4.CodeableConcept(text=one.title),
        category=[r4.CodeableConcept(coding=[r4.Coding(system=systems.NEWS, code="news")])],
        payload=[r4.CommunicationPayload(contentString=one.words)],
        sent=clock.fhir_instant(clock.now()) if one.state is State.OUT else None,
        extension=[r4.Extension(url=systems.EXTENSION_SHOWN, valuePeriod=period)],
    )  # fmt: skip


def in_order(found: Iterable[News]) -> list[News]:
    """The latest first."""
    return sorted(found, key=lambda one: (one.first, one.id), reverse=True)
