"""`/app/facilities/{code}/board`: the house as everybody may know it. Contract: docs/reference/app-api.md."""

from __future__ import annotations

from datetime import date
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject, phone_steps
from benhan.core.db import Transaction
from benhan.core.kit import clock, json_forms
from benhan.core.kit.json_forms import House, Said
from benhan.hospital import weekly
from benhan.hospital.noticeboard import actions

PATH: Final = "/app/facilities/{code}/board"


class News(Said):
    """A piece of news; `first`, `last`: the days on which it is shown."""

    id: str
    title: str
    words: str
    first: date
    last: date


class Position(Said):
    """WGS 84, in degrees."""

    latitude: float
    longitude: float


class Price(Said):
    """What a service costs today, in đồng."""

    name: str
    amount: int


class Board(Said):
    """The house: where, when, and what is new. What was not written is ""."""

    facility: House
    about: str
    address: str
    phone: str
    hours: list[weekly.Hours]
    position: Position | None
    news: list[News]
    prices: list[Price]


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The board of a facility; nobody signs in for it."""
    here = await phone_steps.at(tx, who, request.path_params["code"])
    if here.facility != who.facility:
        await tx.reach(here.facility)
    house, news = await actions.board(tx, here, clock.today())
    costs = await actions.costs(tx, here, clock.today())
    at = None
    if house.latitude is not None and house.longitude is not None:
        at = Position(latitude=float(house.latitude), longitude=float(house.longitude))
    return json_forms.answer(Board(
        facility=House(code=here.facility_code, name=here.facility_name), about=house.about, address=house.address,
        phone=house.phone, position=at, hours=[weekly.said(one.days, one.start, one.end) for one in house.sessions],
        news=[News(id=one.id, title=one.title, words=one.words, first=one.first, last=one.last) for one in news],
        prices=[Price(name=one.name, amount=one.amount) for one in costs],
    ))  # fmt: skip


DOORS = [Door(PATH, show, Permission.ANYONE, app=True)]
