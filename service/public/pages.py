"""The pages that everyone can read: one handler a page, each from path to store to rendering."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from schemas.bundle import Result
from schemas.listing import ContestListing
from schemas.outcome import BudgetRounds, RankedRounds
from schemas.problem import Problem
from service.public import store
from service.public.api_description import complete, problem_types
from service.public.assets import Assets, load_assets
from service.public.explaining import Explainer
from service.public.languages import load, negotiate
from service.public.method_page import describe, read_source
from service.public.rendering import FILES, Pages, Site, Visit
from service.refusals import NotFound
from voting import methods
from voting.errors import InvalidMethod

Asker = Request[Any, Any, State]

STATIC_HEADERS = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
DOWNLOADS = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".note": "text/plain",
    ".txt": "text/plain",
}


def create_pages_router(site: Site | None = None, assets: Assets | None = None) -> Router:
    """Return the routes of all pages.

    They need a dependency `conn`, a connection that may read what is published.

    Args:
        site: What differs from one installation to the next.
        assets: Files for browsers; from frontend/ where not given.
    """
    pages = Pages(site or Site(), assets or _assets())
    explainer = Explainer()

    @get("/", opt={"access": "public"}, include_in_schema=False)
    async def home(
        request: Asker, conn: NamedDependency[asyncpg.Connection], lang: FromQuery[str | None] = None
    ) -> Response[bytes]:
        """What is open, coming and decided."""
        contests = await store.list_contests(conn)
        visit = await _visit(pages, request, conn, lang)
        return _page(pages, pages.home(contests, await store.read_place(conn), visit), visit)

    @get("/contests/{contest_id:str}", opt={"access": "public"}, include_in_schema=False)
    async def contest(
        request: Asker,
        conn: NamedDependency[asyncpg.Connection],
        contest_id: FromPath[str],
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """One contest."""
        listing = await store.find_contest(conn, contest_id)
        visit = await _visit(pages, request, conn, lang)
        return _page(pages, pages.contest(listing, await store.read_place(conn), visit), visit)

    @get("/contests/{contest_id:str}/vote", opt={"access": "public"}, include_in_schema=False)
    async def vote(
        request: Asker,
        conn: NamedDependency[asyncpg.Connection],
        contest_id: FromPath[str],
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Where a ballot is filled in."""
        listing = await store.find_contest(conn, contest_id)
        visit = await _visit(pages, request, conn, lang)
        html = pages.vote(listing, await store.read_place(conn), visit)
        return _page(pages, html, visit, contest=listing, cache="no-store")

    @get("/contests/{contest_id:str}/result", opt={"access": "public"}, include_in_schema=False)
    async def result(
        request: Asker,
        conn: NamedDependency[asyncpg.Connection],
        contest_id: FromPath[str],
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """A published result; before publication there is no such page."""
        listing = await store.find_contest(conn, contest_id)
        note = await store.read_file(conn, contest_id, "result.note")
        rounds = await store.read_file(conn, contest_id, "tally/rounds.json")
        visit = await _visit(pages, request, conn, lang)
        place = await store.read_place(conn)
        count, result = read_rounds(listing, rounds), read_result(note)
        explained = await explainer.explain(conn, listing, count, result)
        return _page(pages, pages.result(listing, count, result, explained, place, visit), visit)

    @get("/contests/{contest_id:str}/files/{name:path}", opt={"access": "public"}, include_in_schema=False)
    async def file(
        conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str], name: FromPath[str]
    ) -> Response[bytes]:
        """One published file, to be kept."""
        plain = name.removeprefix("/")
        if plain not in {known for known, _label in FILES}:
            raise NotFound(f"no file {plain!r} is offered here; all files are in the bundle")
        body = await store.read_file(conn, contest_id, plain)
        suffix = plain[plain.rfind(".") :] if "." in plain else ".txt"
        saved = f"{contest_id}-{plain.replace('/', '-')}"
        headers = {
            "content-disposition": f'attachment; filename="{saved}"',
            "cache-control": "no-cache",
            "x-content-type-options": "nosniff",
        }
        return Response(body, media_type=DOWNLOADS.get(suffix, DOWNLOADS[".txt"]), headers=headers)

    @get("/audit", opt={"access": "public"}, include_in_schema=False)
    async def audit_list(
        request: Asker, conn: NamedDependency[asyncpg.Connection], lang: FromQuery[str | None] = None
    ) -> Response[bytes]:
        """Every contest whose count can be checked."""
        contests = await store.list_contests(conn)
        visit = await _visit(pages, request, conn, lang)
        return _page(pages, pages.audits(contests, await store.read_place(conn), visit), visit)

    @get("/contests/{contest_id:str}/audit", opt={"access": "public"}, include_in_schema=False)
    async def audit(
        request: Asker,
        conn: NamedDependency[asyncpg.Connection],
        contest_id: FromPath[str],
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """How to check a count, and everything that is needed for it."""
        listing = await store.find_contest(conn, contest_id)
        visit = await _visit(pages, request, conn, lang)
        found = await store.read_audit(conn, listing)
        return _page(pages, pages.audit(listing, found, await store.read_place(conn), visit), visit)

    @get("/contests/{contest_id:str}/code", opt={"access": "public"}, include_in_schema=False)
    async def code(
        request: Asker,
        conn: NamedDependency[asyncpg.Connection],
        contest_id: FromPath[str],
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Where the holder of a code asks whether it was used."""
        listing = await store.find_contest(conn, contest_id)
        visit = await _visit(pages, request, conn, lang)
        html = pages.code(listing, await store.read_place(conn), visit)
        return _page(pages, html, visit, contest=listing, cache="no-store")

    @get("/contests/{contest_id:str}/check", opt={"access": "public"}, include_in_schema=False)
    async def check(
        request: Asker,
        conn: NamedDependency[asyncpg.Connection],
        contest_id: FromPath[str],
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Where a voter looks for a ballot in the log. The search is the browser's; nobody asks us for a ballot."""
        listing = await store.find_contest(conn, contest_id)
        visit = await _visit(pages, request, conn, lang)
        html = pages.check(listing, await store.read_place(conn), visit)
        return _page(pages, html, visit, contest=listing, cache="no-store")

    @get("/privacy", opt={"access": "public"}, include_in_schema=False)
    async def privacy(
        request: Asker, conn: NamedDependency[asyncpg.Connection], lang: FromQuery[str | None] = None
    ) -> Response[bytes]:
        """Who can see what, and what could go wrong."""
        visit = await _visit(pages, request, conn, lang)
        return _page(pages, pages.privacy(await store.read_place(conn), visit), visit)

    @get("/api/docs", opt={"access": "public"}, include_in_schema=False)
    async def api_docs(
        request: Asker, conn: NamedDependency[asyncpg.Connection], lang: FromQuery[str | None] = None
    ) -> Response[bytes]:
        """The API's documentation, made from its OpenAPI document."""
        document = complete(request.app.openapi_schema.to_schema(), base_url=_base_url(request))
        visit = await _visit(pages, request, conn, lang)
        return _page(pages, pages.api(document, await store.read_place(conn), visit), visit)

    @get("/problems/{slug:str}", opt={"access": "public"}, include_in_schema=False)
    async def problem_type(slug: FromPath[str]) -> Redirect:
        """What the type of a problem leads to: its line in the documentation."""
        if slug not in {problem.slug for problem in problem_types()}:
            raise NotFound(f"there is no problem {slug!r}")
        return Redirect(f"/api/docs#problem-{slug}", status_code=302)

    @get("/methods", opt={"access": "public"}, include_in_schema=False)
    async def method_list(
        request: Asker, conn: NamedDependency[asyncpg.Connection], lang: FromQuery[str | None] = None
    ) -> Response[bytes]:
        """All counting methods."""
        visit = await _visit(pages, request, conn, lang)
        known = list(dict.fromkeys(method.id for method in methods.METHODS))
        return _page(pages, pages.methods(known, await store.read_place(conn), visit), visit)

    @get("/methods/{method_id:str}", opt={"access": "public"}, include_in_schema=False)
    async def method(
        request: Asker,
        conn: NamedDependency[asyncpg.Connection],
        method_id: FromPath[str],
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """The exact rules of one method."""
        found = _method(method_id)
        visit = await _visit(pages, request, conn, lang)
        html = pages.method(describe(found), await store.read_place(conn), visit)
        return _page(pages, html, visit)

    @get("/methods/{method_id:str}/code/{file:str}", opt={"access": "public"}, include_in_schema=False)
    async def code_of_method(method_id: FromPath[str], file: FromPath[str]) -> Response[bytes]:
        """A program that counts by one method, as text."""
        body = read_source(_method(method_id), file)
        return Response(body, media_type="text/plain", headers={"cache-control": "no-cache"})

    @get("/methods/{method_id:str}/vectors.json", opt={"access": "public"}, include_in_schema=False)
    async def vectors(method_id: FromPath[str]) -> Response[bytes]:
        """The worked examples of one method, for programs."""
        return Response(
            _method(method_id).vectors, media_type="application/json", headers={"cache-control": "no-cache"}
        )

    @get("/static/{name:str}", opt={"access": "public"}, include_in_schema=False)
    async def static(name: FromPath[str]) -> Response[bytes]:
        """A file whose address has the hash of its content in it."""
        asset = pages.assets.by_name.get(name)
        if asset is None:
            raise NotFound(f"there is no file {name!r}")
        return Response(asset.body, media_type=asset.media_type, headers=STATIC_HEADERS)

    handlers = [
        home, contest, vote, result, file, method_list, method, code_of_method, vectors, static,
        audit_list, audit, code, check, privacy, api_docs, problem_type,
    ]  # fmt: skip
    return Router("/", route_handlers=handlers)


def problem_page(request: Asker, problem: Problem) -> Response[bytes]:
    """Return a refusal as a page, for a browser that asked for one. Needs no database."""
    pages = _problem_pages()
    language = negotiate(
        pages.languages, asked=request.query_params.get("lang"), accepts=request.headers.get("accept-language")
    )
    chosen = request.query_params.get("lang") == language.tag
    visit = Visit(language=language, path=request.url.path, chosen=chosen, now=0)
    html = pages.problem(problem.status, problem.detail, None, visit)
    return _page(pages, html, visit, status=problem.status, cache="no-store")


def read_result(note: bytes) -> Result:
    """Return the body of a result note. The signatures are for auditors; the note comes from our own store."""
    return msgspec.json.decode(note.split(b"\n", 2)[1], type=Result)


def read_rounds(contest: ContestListing, body: bytes) -> RankedRounds | BudgetRounds:
    """Return the rounds of a contest's count."""
    if contest.kind == "ranked":
        return msgspec.json.decode(body, type=RankedRounds)
    return msgspec.json.decode(body, type=BudgetRounds)


def security_headers(pages: Pages, contest: ContestListing | None = None) -> Mapping[str, str]:
    """Return what every page tells the browser: own scripts and styles only, nothing inline, no referrer."""
    origins = {pages.site.url_of(host) for host in (*contest.issuer_hosts, contest.box_host)} if contest else set()
    connect = " ".join(["'self'", *sorted(origins - {""})])
    policy = {
        "default-src": "'none'",
        "base-uri": "'none'",
        "connect-src": connect,
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "img-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


def _base_url(request: Asker) -> str:
    """The service's address as the settings have it; in a test without settings, as it was called."""
    base_url: str = request.app.state.get("base_url", "") or str(request.base_url)
    return base_url.rstrip("/")


async def _visit(pages: Pages, request: Asker, conn: asyncpg.Connection, lang: str | None) -> Visit:
    language = negotiate(pages.languages, asked=lang, accepts=request.headers.get("accept-language"))
    now = await store.read_clock(conn)
    return Visit(language=language, path=request.url.path, chosen=lang == language.tag, now=now)


def _page(
    pages: Pages,
    html: str,
    visit: Visit,
    *,
    contest: ContestListing | None = None,
    status: int = 200,
    cache: str = "no-cache",
) -> Response[bytes]:
    headers = {
        **security_headers(pages, contest),
        "cache-control": cache,
        "content-language": visit.language.tag,
        "vary": "accept-language",
    }
    return Response(html.encode(), status_code=status, media_type="text/html", headers=headers)


def _method(name: str) -> methods.Method:
    try:
        return methods.find(name)
    except InvalidMethod as error:
        raise NotFound(str(error)) from None


@cache
def _assets() -> Assets:
    return load_assets()


@cache
def _problem_pages() -> Pages:
    return Pages(Site(), _assets(), load())
