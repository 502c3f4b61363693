"""An application of the kit alone: the components page, the preferences and the built assets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest_asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from benhan.core.fhir.outcome import Problem
from benhan.core.kit import assets, components, pages
from benhan.core.kit.language import LanguageMiddleware
from tests.browser import serve

NURSE = SimpleNamespace(
    name="Trần Thu Hà", facility_name="BVĐK Sông Hồng", may=lambda permission: permission != "province"
)


async def kit(request: Request) -> Response:
    request.state.who = NURSE
    response = await components.components_page(request, None, NURSE)
    response.headers.update(pages.HEADERS)
    return response


async def told(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    template = "kit/problem_fragment.html" if pages.is_fragment(request) else "kit/problem.html"
    return pages.render(request, template, error.status, what=error.message, where=error.where, advice=error.advice)


async def problem(request: Request) -> Response:
    what = "Không có <b>trang</b> này"
    return pages.render(request, "kit/problem.html", 404, what=what, where=None, advice=None)


@pytest_asyncio.fixture(scope="session")
async def kit_app() -> Starlette:
    """Everything of the kit that has a URL."""
    assets.build(print)
    app = Starlette(
        routes=[
            Route("/kit", kit, methods=["GET", "POST"]),
            Route("/problem", problem),
            Route(pages.PREFERENCES_PATH, pages.preferences, methods=["POST"]),
            Mount(assets.MOUNT, assets.static_app()),
        ],
        exception_handlers={Problem: told},
        middleware=[Middleware(LanguageMiddleware)],
    )
    app.state.nav = [
        pages.NavItem("Tiếp đón", "/tiep-don", "reception", "g d"),
        pages.NavItem("Bộ giao diện", "/kit", "kit", "g k"),
        pages.NavItem("Sở Y tế", "/so-y-te", "province"),
    ]
    return app


@pytest_asyncio.fixture(scope="session")
async def kit_site(kit_app: Starlette) -> AsyncIterator[str]:
    """The same, served on loopback: its base URL."""
    async with serve(kit_app) as url:
        yield url
