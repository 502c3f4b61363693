"""The whole application on one page: doors, navigation, feeds, and what starts and stops with the process."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benhan.core.access import Door, Edge, LiveDoor, door_table
from benhan.core.access.idle import Daily
from benhan.core.access.seals.sealer import sealer
from benhan.core.access.sockets import SocketDoor, socket_routes
from benhan.core.api.dispatch import not_allowed
from benhan.core.api.smart import AUTHORIZE
from benhan.core.api.wire import Wire
from benhan.core.db import PLATFORM, Database
from benhan.core.db.migrate import migrations
from benhan.core.fhir import codec
from benhan.core.fhir.outcome import NotFound, Problem
from benhan.core.kit import assets, codes, json_forms, pages
from benhan.core.language import APP, LanguageMiddleware, _, learn
from benhan.core.store import conformance, feed
from benhan.core.store.guarding import Shut
from benhan.core.store.live import Live
from benhan.core.store.subscriptions import deliverer, endpoints
from benhan.core.vault import master_of, ring_of, use
from benhan.core.vault.refreshing import Refreshing
from benhan.entrance import glass
from benhan.entrance.outside import exchanges
from benhan.entrance.sign_in import second_factor_roles
from benhan.hospital.cashier.status import Asking
from benhan.hospital.certificate_pages import signing_means
from benhan.hospital.chart.packs.wards import Packing
from benhan.patient import miniapp
from benhan.patient.live import Halls
from benhan.patient.oa.accounts import Accounts, Keeping, oa_app
from benhan.patient.oa.events import Hearing
from benhan.patient.oa.sending import senders
from benhan.patient.own_copy import Copying
from benhan.patient.posting import Noticing, Posting
from benhan.patient.telling import Telling
from benhan.patient.zalo import zalo
from benhan.settings import Settings

learn(Path(__file__).parent)

#: Everything that publishes doors. Each module has `DOORS`, most have `NAV`, some have `FOLLOWERS` of the feed,
#: `PAPERS` of a visit, those `TO_SIGN`, what they have `HANDED_OUT`, or `OPERATIONS` of FHIR (`$…`; these stand before
#: `rest`, whose `/fhir/{type}/{id}` would swallow them).
ROOMS = (
    "benhan.entrance.pages",
    "benhan.entrance.sign_in",
    "benhan.entrance.outside",
    "benhan.entrance.live",
    "benhan.core.api.smart",
    "benhan.core.api.operations",
    "benhan.core.api.validate",
    "benhan.core.api.bulk",
    "benhan.core.api.imports",
    "benhan.core.api.reindex",
    "benhan.core.api.changes",
    "benhan.core.api.subscriptions",
    "benhan.core.api.terminology",
    "benhan.core.api.audit_events",
    "benhan.core.api.openapi",
    "benhan.core.api.rest",
    "benhan.core.api.searching",
    "benhan.hospital.reception.pages",
    "benhan.hospital.clinic.pages",
    "benhan.hospital.lab.pages",
    "benhan.hospital.imaging.pages",
    "benhan.hospital.review.pages",
    "benhan.hospital.review.pages_glass",
    "benhan.hospital.chart.pages",
    "benhan.hospital.ward.pages",
    "benhan.hospital.chart.pages_records",
    "benhan.hospital.chart.pages_packs",
    "benhan.hospital.referral_pages",
    "benhan.hospital.signing_pages",
    "benhan.hospital.certificate_pages",
    "benhan.hospital.verify_pages",
    "benhan.hospital.cashier.pages",
    "benhan.hospital.cashier.pages_setup",
    "benhan.hospital.cashier.pages_packages",
    "benhan.hospital.cashier.app",
    "benhan.hospital.cashier.guest",
    "benhan.hospital.cashier.pages_unmatched",
    "benhan.hospital.cashier.callback",
    "benhan.hospital.cashier.notice_door",
    "benhan.hospital.feedback.pages",
    "benhan.hospital.feedback.app",
    "benhan.hospital.noticeboard.pages",
    "benhan.hospital.noticeboard.app",
    "benhan.hospital.questions.pages",
    "benhan.hospital.questions.roster_pages",
    "benhan.hospital.questions.app",
    "benhan.hospital.remote.pages",
    "benhan.hospital.remote.app",
    "benhan.patient.entry_pages",
    "benhan.patient.own_person",
    "benhan.patient.relatives_pages",
    "benhan.hospital.rights.pages",
    "benhan.hospital.rights.office",
    "benhan.patient.consent_pages",
    "benhan.patient.request_pages",
    "benhan.patient.message_pages",
    "benhan.patient.oa.pages",
    "benhan.patient.oa.inbox",
    "benhan.patient.oa.webhooks",
    "benhan.patient.pages",
    "benhan.patient.app_session",
    "benhan.patient.app_people",
    "benhan.patient.app_record",
    "benhan.patient.app_openings",
    "benhan.patient.addresses",
    "benhan.patient.papers",
    "benhan.patient.own_copy",
    "benhan.patient.sharing",
    "benhan.patient.app_consents",
    "benhan.patient.app_fees",
    "benhan.province.population.pages",
    "benhan.province.population.own",
    "benhan.province.rollout.pages",
    "benhan.province.rollout.pages_site",
    "benhan.province.rollout.pages_visit",
    "benhan.province.rollout.pages_views",
    "benhan.province.rollout.pages_papers",
    "benhan.province.rollout.pages_lists",
    "benhan.province.rollout.criteria.pages",
    "benhan.province.rollout.plan.pages",
    "benhan.entrance.subscriptions",
    "benhan.entrance.invitation",
    "benhan.entrance.own_account",
    "benhan.entrance.lock_page",
    "benhan.entrance.glass",
    "benhan.entrance.staff",
    "benhan.entrance.licences",
    "benhan.entrance.staff_account",
    "benhan.entrance.programs",
    "benhan.entrance.authorize",
)

#: After how many new objects the youngest are looked through for garbage; and the older after how many such rounds.
COLLECTING = (10_000, 20, 20)
#: The only routes without a permission: they touch no record.
PLAIN_PATHS = ("/healthz", "/readyz", "/static", miniapp.MOUNT, pages.PREFERENCES_PATH)
#: Who comes through which door, as it was reviewed.
REVIEWED = Path(__file__).with_name("doors.md")


def published() -> list[door_table.AnyDoor]:
    """Every door of every room."""
    return [door for name in ROOMS for door in import_module(name).DOORS]


def create_app(settings: Settings, database: Database | None = None) -> Starlette:
    """Compose the application. A database may be lent (tests); otherwise it connects by the settings.

    Raises:
        TypeError: a route without a declared permission.
        UnreviewedError: doors, or those whom they let in, are not what was reviewed.
    """
    rooms = [import_module(name) for name in ROOMS]
    every = published()
    doors: list[Door | LiveDoor] = [door for door in every if not isinstance(door, SocketDoor)]
    endpoints.allow(settings.inner_networks())
    conformance.unknown_extensions(settings.unknown_extensions)
    deliverer.serve_as(f"{settings.public_url.rstrip('/')}/fhir")
    second_factor_roles(settings)
    use(master_of(settings.master_key) if settings.master_key else None)
    edge = Edge(lambda: app.state.database, refuse)
    ways = [*socket_routes(every), *edge.routes(doors)]
    door_table.compare(every, PLAIN_PATHS, REVIEWED.read_text("utf-8"))
    app = Starlette(
        routes=[*ways, *_plain_routes()],
        lifespan=_lifespan,
        middleware=[
            Middleware(wrap_asgi_with_proxy_headers, trusted_hosts=settings.proxies()),
            Middleware(SecurityHeaders, https=settings.public_url.startswith("https://")),
            Middleware(OtherPages, app_origins=settings.origins()),
            *(Middleware(m) for m in (FeedPlace, LanguageMiddleware, Wire)),
        ],
        exception_handlers={404: _nothing_here, 405: _other_method, 500: _broken},
    )
    app.state.settings = settings
    app.state.database = database
    app.state.providers = exchanges(settings)
    app.state.oa = oa_app(settings)
    app.state.zalo = zalo(settings)
    app.state.doors = doors
    app.state.sockets = [door for door in every if isinstance(door, SocketDoor)]
    app.state.operations = tuple(operation for room in rooms for operation in getattr(room, "OPERATIONS", ()))
    app.state.papers = {kind: make for room in rooms for kind, make in getattr(room, "PAPERS", {}).items()}
    app.state.to_sign = {kind: make for room in rooms for kind, make in getattr(room, "TO_SIGN", {}).items()}
    app.state.signing = signing_means(settings)
    app.state.handed_out = {kind: opens for room in rooms for kind, opens in getattr(room, "HANDED_OUT", {}).items()}
    app.state.nav = [item for room in rooms for item in getattr(room, "NAV", ())]
    app.state.followers = [follower for room in rooms for follower in getattr(room, "FOLLOWERS", ())]
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    lent = app.state.database
    settings: Settings = app.state.settings
    database = lent or await Database.connect(
        settings.dsn.get_secret_value(), size=settings.pool, statement_seconds=settings.statement_seconds
    )
    await ring_of(database).refresh()
    app.state.database = database
    app.state.senders = senders(settings, database)
    app.state.live = Live(database)
    await app.state.live.start()
    app.state.halls = Halls(database, app.state.live)
    warming = asyncio.create_task(asyncio.to_thread(_warm, alone=lent is None))
    tasks = [
        *(follower(database) for follower in app.state.followers),
        Daily(database, settings.idle_account_days),
        Refreshing(database),
        Copying(database, settings.public_url),
        app.state.halls,
    ]
    if app.state.senders:
        remind = timedelta(hours=settings.remind_hours)
        posting = Posting(database, app.state.senders, settings.public_url)
        tasks += [Telling(database, app.state.senders), posting, Noticing(database, remind)]
    if app.state.oa:
        accounts = Accounts(app.state.oa, database)
        tasks += [Keeping(database, accounts), Hearing(database, accounts)]
    if settings.zalo_payment:
        tasks.append(Asking(database, settings.zalo_payment))
    if settings.pack_folder:
        tasks.append(Packing(database, settings.pack_folder, settings.pack_minutes))
    if seals := sealer(database, settings.audit_key, settings.audit_keeper):
        tasks.append(seals)
    for task in tasks:
        await task.start()
    yield
    for task in tasks:
        await task.stop()
    await app.state.live.stop()
    await warming
    if lent is None:
        await database.close()


def _warm(*, alone: bool) -> None:
    """No first search pays for its index, no first view for its template.

    `alone`: the process is the application's own, and what is loaded by now stays. Looking through it for garbage
    stopped every request for 0.15 s, some times a minute; looking less often takes a third off what a long list costs.
    """
    codes.warm()
    for name in pages.environment().list_templates(extensions=["html"]):
        pages.environment().get_template(name)
    if alone:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTING)


class SecurityHeaders:
    """The same headers on every answer; a page may say one more exactly. Unless it says so, it is kept nowhere."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        given = pages.HEADERS | (pages.HTTPS_HEADERS if https else {})
        self._headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add them as the answer starts."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                said = {name.lower() for name, _value in own}
                kept = b"cache-control" in said
                given = (one for one in self._headers if one[0] not in said)
                message["headers"] = [*own, *given, *(() if kept else _NOT_KEPT)]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


_NOT_KEPT = ((b"cache-control", b"no-store"),)


class OtherPages:
    """Programs in a browser ask from pages of their own (CORS): with their token, never with somebody's cookie.

    Without `Allow-Credentials` a browser shows their page nothing that it fetched with a cookie.
    """

    def __init__(self, app: ASGIApp, *, app_origins: Sequence[str]) -> None:
        self._app, self._app_origins = app, frozenset(app_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the doors for programs be read from anywhere, those of the patient's app from where it is served."""
        if scope["type"] != "http" or (given := self._open_to(scope)) is None:
            return await self._app(scope, receive, send)
        asked = {name for name, _value in scope["headers"]}
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
            return await Response(status_code=204, headers={**given, **_PREFLIGHT})(scope, receive, send)

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.lower().encode(), value.encode()) for name, value in given.items()]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        return await self._app(scope, receive, opened)

    def _open_to(self, scope: Scope) -> dict[str, str] | None:
        """What an answer says about who may read it; None: nobody else's page."""
        path = scope["path"] + "/"
        if path.startswith(("/fhir/", "/oauth/")):
            return None if scope["path"] == AUTHORIZE else _OPEN  # that is a page for people
        if not path.startswith(APP):
            return None
        origin = Headers(scope=scope).get("origin", "")
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin in self._app_origins else None


_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Content-Location, ETag, Last-Modified, WWW-Authenticate",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, "
    "If-None-Exist, If-Modified-Since, Accept-Language, Idempotency-Key, Booking-Pass, Room-Seat, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}


class FeedPlace:
    """Every request carries where the change feed stood when it came in: live parts of its page hear what follows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Note the place."""
        if live := getattr(scope["app"].state, "live", None):
            scope[pages.FEED] = live.here
        return self._app(scope, receive, send)


def refuse(request: Request, problem: Problem) -> Response:
    """An error as the asker understands it: OperationOutcome, page, or fragment."""
    if request.url.path.startswith("/fhir"):
        challenge = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
        return Response(codec.encode(problem.outcome()), problem.status, challenge, "application/fhir+json")
    if request.url.path.startswith(APP):
        return json_forms.refused(problem)
    template = "kit/problem_fragment.html" if pages.is_fragment(request) else "kit/problem.html"
    return pages.render(
        request, template, problem.status, what=problem.message, where=problem.where, advice=problem.advice,
        glass=_glass(request, problem),
    )  # fmt: skip


def _glass(request: Request, problem: Problem) -> str | None:
    """Where she may break the glass, if a rule closes a record that this opens to her."""
    if not isinstance(problem, Shut) or problem.record is None:
        return None
    looks = request.method == "GET" and not pages.is_fragment(request)
    return glass.offer(problem.record, request.url.path if looks else glass.PATH)


async def _nothing_here(request: Request, error: Exception) -> Response:
    return refuse(request, NotFound(_("Không có trang này."), advice=_("Kiểm tra địa chỉ hoặc về trang đầu.")))


async def _other_method(request: Request, error: Exception) -> Response:
    allow = dict(getattr(error, "headers", None) or {})
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    answer = refuse(request, not_allowed(request.method, allow.get("Allow", "").split(", ")))
    answer.headers.update(allow)
    return answer


async def _broken(request: Request, error: Exception) -> Response:
    return refuse(
        request,
        Problem(
            500,
            "exception",
            _("Máy chủ gặp lỗi; việc vừa làm chưa được lưu."),
            advice=_("Thử lại; nếu vẫn lỗi, báo quản trị."),
        ),
    )


async def healthz(request: Request) -> Response:
    """The process is alive."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Database, migrations and feed, each in a word; 503 while one of them is not ready."""
    try:
        async with request.app.state.database.transaction(PLATFORM) as tx:
            found = {"database": "ok", "feed_lag_seconds": round(await feed.lag_seconds(tx), 3)}
            done = {row["name"] for row in await tx.fetch("select name from migration")}
    except Exception as error:
        return JSONResponse({"status": "waiting", "database": type(error).__name__}, 503)
    missing = sorted(set(migrations()) - done)
    ready = not missing
    return JSONResponse(
        {"status": "ready" if ready else "waiting", **found, "migrations_missing": missing},
        200 if ready else 503,
    )


def _plain_routes() -> list[BaseRoute]:
    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route(pages.PREFERENCES_PATH, pages.preferences, methods=["POST"]),
        Mount("/static", assets.static_app()),
        Mount(miniapp.MOUNT, miniapp.served()),
    ]
