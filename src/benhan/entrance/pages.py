"""The way from `/` to the page where somebody's work begins, and the page of all components."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Role, Subject
from benhan.core.db import Transaction
from benhan.core.kit import pages
from benhan.core.kit.components import components_page

pages.register("entrance", "benhan.entrance")

#: Where a role's day begins, in the order of preference for somebody with several roles.
FIRST_PAGE = {
    Role.RECEPTION: "/tiep-don",
    Role.DOCTOR: "/kham",
    Role.NURSE: "/kham",
    Role.LABORATORY: "/xet-nghiem",
    Role.IMAGING: "/chan-doan-hinh-anh",
    Role.PHARMACY: "/thuoc",
    Role.PROVINCE: "/so-y-te",
    Role.ROLLOUT_OFFICER: "/so-y-te/so-hoa",
    Role.ROLLOUT_VERIFIER: "/so-y-te/so-hoa",
    Role.ROLLOUT_REPORTER: "/so-y-te/so-hoa/co-so",
    Role.PLANNING: "/lich-hen",
    Role.ADMINISTRATOR: "/lich-kham",
    Role.REVIEWER: "/quan-tri/nhat-ky",
    Role.CASHIER: "/hang-doi",
    Role.DISPLAY: "/man-hinh",
    Role.PATIENT: "/nguoi-benh",
    Role.RELATIVE: "/nguoi-benh",
    Role.PERSON: "/nguoi-benh/chon",
}


async def home(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/`: to the first page of the role; the public gets the choice of booking or signing in."""
    for role, path in FIRST_PAGE.items():
        if role in who.roles:
            return RedirectResponse(path, 303)
    return pages.render(request, "entrance/home.html", facility=who.facility_name)


DOORS = [
    Door("/", home, Permission.ANYONE),
    Door("/kit", components_page, Permission.ANYONE, ("GET", "POST")),
]
