"""What every door has in common: who may come in, how answers look, how errors are told."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, cast

import asyncpg
import msgspec
from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from schemas.problem import Problem
from service.problems import RETRY_AFTER_SECONDS, make_problem, problem_of

_log = logging.getLogger("weighin")
ACCESS = ("public", "voter")
"""Who may use a route: everyone; a voter, who proves it by what they send."""
NO_STORE = {"cache-control": "no-store"}


HARDENED = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
"""What every answer says that does not say it in its own way, as pages do."""
HSTS = {b"strict-transport-security": b"max-age=31536000"}
"""Added where browsers reach us by https."""


def harden(*, https: bool) -> Callable[[Message, Scope], Awaitable[None]]:
    """Return a hook that puts security headers on every answer, errors and answers of the framework included.

    Args:
        https: Whether browsers reach the service by https.
    """
    extra = tuple((HARDENED | (HSTS if https else {})).items())

    async def add_headers(message: Message, _scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            there = {name.lower() for name, _ in headers}
            message["headers"] = headers + [pair for pair in extra if pair[0] not in there]

    return add_headers


def with_head(app: ASGIApp) -> ASGIApp:
    """Return an application that answers HEAD as it answers GET, without the body (RFC 9110 section 9.3.2)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD":
            await app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await app(cast(Scope, {**scope, "method": "GET"}), receive, send_without_body)

    return answer


def canonical_answer(body: bytes, *, status_code: int = 200) -> Response[bytes]:
    """Return canonical JSON as it is, never to be kept by a cache."""
    return Response(body, status_code=status_code, media_type="application/json", headers=NO_STORE)


async def guard(_connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in whom the route's `opt["access"]` names; a route that names nobody lets nobody in.

    It waits for nothing, yet is asynchronous: Litestar gives a guard that is not to a thread, which costs more than a
    signature.

    Raises:
        NotAuthorizedException: The route does not say who may use it.
    """
    if handler.opt.get("access") not in ACCESS:
        raise NotAuthorizedException("this route does not say who may use it")


def refuse_undeclared(app: Litestar) -> None:
    """Check, before the service starts, that every route of ours says who may use it.

    Raises:
        RuntimeError: One does not.
    """
    silent = sorted(
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method != "OPTIONS" and handler.opt.get("access") not in ACCESS
    )
    if silent:
        raise RuntimeError(f"routes without access control: {', '.join(silent)}")


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer an error with its problem document.

    What is ours and not the caller's is logged as exception type and source line only: no address, no body, no
    headers, no path. The answer carries a random number to name it by.
    """
    while isinstance(error, ExceptionGroup):  # what Litestar makes of an error in the cleaning up of a dependency
        error = error.exceptions[0]
    problem = problem_of(error)
    headers = dict(NO_STORE)
    if problem is None and isinstance(error, HTTPException):
        problem = _http_problem(error)
        headers |= {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    if problem is None and isinstance(error, asyncpg.DataError):
        # Such as NUL in an address: text that the database can't hold names nothing that is there.
        problem = make_problem(400, "invalid-request", "the request holds a character that no name here has")
    if problem is None:
        number = secrets.token_hex(4)
        _log.error("error %s: %s at %s", number, type(error).__name__, _where(error))
        problem = make_problem(500, "our-error", f"something broke on our side; tell us this number: {number}")
    if problem.status == 503:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type="application/problem+json", headers=headers
    )


def _http_problem(error: HTTPException) -> Problem:
    slugs = {
        400: ("invalid-request", "the request can't be read"),
        401: ("not-allowed", "this needs a sign-in"),
        403: ("not-allowed", "this is not allowed"),
        404: ("not-found", "there is nothing at this address"),
        405: ("method-not-allowed", "this address does not take that method"),
        413: ("too-large", "the request is larger than this address takes"),
    }
    slug, detail = slugs.get(error.status_code, ("invalid-request", "the request can't be answered"))
    return make_problem(error.status_code, slug, detail)


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "nowhere"
