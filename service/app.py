"""The application: the only file that knows all rooms."""

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp

from schemas.problem import Problem
from service.box import duties as box_duties
from service.box import routes as box_routes
from service.box.casting import Box
from service.database.pool import acquire, open_pool
from service.desk import duties as desk_duties
from service.doors import NO_STORE, answer_error, guard, harden, refuse_undeclared, with_head
from service.keys import KeyFolder, refuse_foreign_keys
from service.measuring import MEDIA_TYPE, Progress, expose
from service.public import api, pages, store
from service.refusals import Refused, UnsafeInstallation
from service.registrar import duties as registrar_duties
from service.registrar import routes as registrar_routes
from service.registrar.issuing import Registrar
from service.settings import ROOMS, ROOMS_VARIABLE, Room, Settings, read_settings
from service.tallier import duties as tallier_duties

ATTEND_SECONDS = 0.2
"""How often a room looks whether something waits for it."""
_ATTEND_LOCKS: dict[Room, int] = {"registrar": 0x77690001, "box": 0x77690002, "tallier": 0x77690003, "desk": 0x77690004}

_log = logging.getLogger("weighin")
Deed = Callable[[asyncpg.Connection], Awaitable[None]]


def create_app(settings: Settings, rooms: Sequence[Room] = ROOMS) -> Litestar:
    """Return the application that runs `rooms`.

    Raises:
        UnsafeInstallation: It could read the keys of a room that it does not run, or no database is named.
        RuntimeError: A route does not say who may use it.
    """
    if settings.database_url is None:
        raise UnsafeInstallation("a worker needs WEIGHIN_DATABASE_URL")
    if set(rooms) != set(ROOMS):
        refuse_foreign_keys(settings.data, tuple(rooms))
    app = Litestar(
        route_handlers=_handlers(rooms),
        guards=[guard],
        dependencies={"conn": Provide(_provide_conn)},
        lifespan=[_lifespan(settings, rooms)],
        before_send=[harden(https=settings.base_url.startswith("https://"))],
        state=State({"base_url": settings.base_url}),
        exception_handlers={Exception: _answer_as_page if "public" in rooms else answer_error},
        openapi_config=OpenAPIConfig(
            title="Weigh In",
            version="1",
            render_plugins=[api.DocumentPlugin(path="/openapi.json")],
            use_handler_docstrings=True,
            openapi_router=Router("/api", route_handlers=[], opt={"access": "public"}),
        )
        if "public" in rooms
        else None,
        logging_config=None,
        debug=False,
    )
    refuse_undeclared(app)
    return app


def from_environment() -> ASGIApp:
    """Return the application of a worker process; `serve` has set the environment."""
    chosen = os.environ.get(ROOMS_VARIABLE, "").split()
    rooms = tuple(room for room in ROOMS if room in chosen) or ROOMS
    return with_head(create_app(read_settings(os.environ), rooms))


@get("/health/live", opt={"access": "public"}, include_in_schema=False)
async def live() -> str:
    """The process answers."""
    return "ok"


@get("/health/ready", opt={"access": "public"}, include_in_schema=False)
async def ready(state: State) -> str:
    """The process reaches its database."""
    async with acquire(next(iter(state.pools.values()))) as conn:
        await conn.fetchval("SELECT 1")
    return "ok"


@get("/metrics", opt={"access": "public"}, include_in_schema=False)
async def metrics(state: State) -> Response[str]:
    """Numbers for those who keep the service running."""
    contests: list[Progress] = []
    if "public" in state.pools:
        async with acquire(state.pools["public"]) as conn:
            used = {contest.id: contest.issued for contest in await store.list_contests(conn)}
            contests = [Progress(*row, codes_used=used.get(row[0], 0)) for row in await store.count_epochs(conn)]
    text = expose(started_at=state.started_at, pools=state.pools, contests=contests)
    return Response(text, media_type=MEDIA_TYPE, headers=NO_STORE)


def _answer_as_page(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a browser's page with a page, everything else with a problem document."""
    told = answer_error(request, error)
    if request.url.path.startswith(("/api/", "/health/")) or "text/html" not in request.headers.get("accept", ""):
        return told
    return pages.problem_page(request, msgspec.json.decode(told.content, type=Problem))


def _handlers(rooms: Sequence[Room]) -> list[Any]:
    handlers: list[Any] = [live, ready, metrics]
    if "registrar" in rooms:
        handlers += [registrar_routes.issue, registrar_routes.issued]
    if "box" in rooms:
        handlers += [box_routes.cast_ballot]
    if "public" in rooms:
        handlers += [*api.ROUTES, pages.create_pages_router()]
    return handlers


def _lifespan(settings: Settings, rooms: Sequence[Room]) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        _stop_with_parent()
        app.state.started_at = int(time.time())
        assert settings.database_url is not None, "create_app has checked it"
        host = urlsplit(settings.base_url).netloc
        keys = {room: KeyFolder(settings.data, room) for room in rooms if room != "public"}
        app.state.pools = pools = {
            room: await open_pool(settings.database_url, room, size=12 if room == "public" else 8) for room in rooms
        }
        deeds: dict[Room, Deed] = {}
        if "registrar" in rooms:
            app.state.registrar = Registrar(pools["registrar"], keys["registrar"])
            deeds["registrar"] = lambda conn: registrar_duties.attend(conn, keys["registrar"], host)
        if "box" in rooms:
            app.state.box = Box(pools["box"], keys["box"])
            deeds["box"] = lambda conn: box_duties.attend(conn, keys["box"], host)
        if "tallier" in rooms:
            deeds["tallier"] = lambda conn: tallier_duties.attend(conn, keys["tallier"])
        if "desk" in rooms:
            deeds["desk"] = lambda conn: desk_duties.attend(conn, keys["desk"], host)
        gc.collect()
        gc.freeze()  # what is loaded now stays: looking through it again would stop everything for a tenth of a second
        tasks = [asyncio.create_task(_keep_attending(room, pools[room], deed)) for room, deed in deeds.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if "box" in rooms:
                await app.state.box.close()
            if "registrar" in rooms:
                await app.state.registrar.close()
            for pool in pools.values():
                with suppress(TimeoutError):
                    await asyncio.wait_for(pool.close(), 10)

    return lifespan


async def _keep_attending(room: Room, pool: asyncpg.Pool, deed: Deed) -> None:
    """Let a room do what waits for it, again and again. Of several processes, one at a time."""
    lock = _ATTEND_LOCKS[room]
    while True:
        try:
            async with acquire(pool) as conn:
                if await conn.fetchval("SELECT pg_try_advisory_lock($1)", lock):
                    try:
                        await deed(conn)
                    finally:
                        if not conn.is_closed():
                            await conn.fetchval("SELECT pg_advisory_unlock($1)", lock)
        except (Refused, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _log.warning("%s: %s, trying again", room, type(error).__name__)
            await asyncio.sleep(1)
        except Exception as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
            _log.error("%s: %s at %s", room, type(error).__name__, where)
            await asyncio.sleep(1)
        await asyncio.sleep(ATTEND_SECONDS)


async def _provide_conn(state: State) -> AsyncIterator[asyncpg.Connection]:
    async with acquire(state.pools["public"]) as conn:
        yield conn


def _stop_with_parent() -> None:
    """End this worker when the process that started it is gone, also when that was killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() == 1 and os.environ.get(ROOMS_VARIABLE):
            os.kill(os.getpid(), signal.SIGTERM)
