"""An application of the kit alone: the components page, the preferences and the built assets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest_asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

from benhan.core.fhir.outcome import Forbidden, Problem, VersionConflict
from benhan.core.kit import assets, components, forms, pages
from benhan.core.language import LanguageMiddleware
from tests.browser import serve

NURSE = SimpleNamespace(
    name="Trần Thu Hà", facility_name="BVĐK Sông Hồng", may=lambda permission: permission != "province",
    patient=None, person=None, lock_minutes=0, broken_glass=frozenset(),
)  # fmt: skip


async def kit(request: Request) -> Response:
    request.state.who = NURSE
    response = await components.components_page(request, None, NURSE)
    response.headers.update(pages.HEADERS)
    return response


async def told(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    template = "kit/problem_fragment.html" if pages.is_fragment(request) else "kit/problem.html"
    return pages.render(
        request, template, error.status, what=error.message, where=error.where, advice=error.advice, glass=None
    )


async def problem(request: Request) -> Response:
    what = "Không có <b>trang</b> này"
    return pages.render(request, "kit/problem.html", 404, what=what, where=None, advice=None, glass=None)


#: The note of the autosave example: what is stored and its version. "khoa" as text plays another doctor's change.
NOTE = {"text": "", "version": 1}


async def note(request: Request) -> Response:
    """A form that saves itself, a button that is refused, and a part that lives."""
    request.state.who = NURSE
    return pages.render(request, "trial/note.html", note=NOTE)


async def save_note(request: Request) -> Response:
    form = await forms.read_form(request, [forms.text("text", "Bệnh sử"), forms.number("version", "Bản")])
    if form["text"] == "khoa":
        raise VersionConflict("BS Hạnh vừa sửa bệnh án này", advice="Tải lại để xem")
    NOTE.update(text=form["text"], version=form["version"] + 1)
    return Response(status_code=204, headers={"ETag": f'W/"{NOTE["version"]}"'})


async def refuse(_request: Request) -> Response:
    raise Forbidden("Bạn không có quyền ký", advice="Hỏi trưởng khoa")


async def live(_request: Request) -> Response:
    async def events() -> AsyncIterator[str]:
        yield 'event: Task\ndata: {"type":"Task","id":"1"}\n\n'
        await asyncio.sleep(30)

    return StreamingResponse(events(), media_type="text/event-stream")


async def queue(_request: Request) -> Response:
    return Response("N-048", media_type="text/html")


@pytest_asyncio.fixture(scope="session")
async def kit_app() -> Starlette:
    """Everything of the kit that has a URL."""
    assets.build(print)
    pages.register("trial", "tests.core.kit.trial")
    app = Starlette(
        routes=[
            Route("/kit", kit, methods=["GET", "POST"]),
            Route("/problem", problem),
            Route("/note", note),
            Route("/note/save", save_note, methods=["POST"]),
            Route("/refuse", refuse, methods=["POST"]),
            Route("/live", live),
            Route("/queue", queue),
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
