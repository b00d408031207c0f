"""The open API: what is published, as it was published."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import FromPath
from litestar.response import Stream

from schemas.listing import ContestListing
from service import published
from service.database.pool import acquire
from service.public import store
from service.public.api_description import complete
from service.refusals import NotFound

Asker = Request[Any, Any, State]
_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".tar": "application/x-tar",
    ".md": "text/markdown",
}
_encoder = msgspec.json.Encoder(order="sorted")
FIXED = {"cache-control": "public, max-age=31536000, immutable"}
FRESH = {"cache-control": "no-cache"}


@get("/api/v1/contests", opt={"access": "public"})
async def list_contests(conn: NamedDependency[asyncpg.Connection]) -> Response[bytes]:
    """Every public contest."""
    return _json(await store.list_contests(conn))


@get("/api/v1/contests/{contest_id:str}", opt={"access": "public"})
async def find_contest(conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]) -> Response[bytes]:
    """One contest: definition, texts, phase, turnout."""
    return _json(await store.find_contest(conn, contest_id))


@get("/api/v1/contests/{contest_id:str}/manifest", opt={"access": "public"})
async def read_manifest(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]
) -> Response[bytes]:
    """The signed manifest, a note."""
    return await _file(request, conn, contest_id, "manifest.note", FRESH)


@get("/api/v1/contests/{contest_id:str}/notices", opt={"access": "public"})
async def list_notices(conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]) -> Response[bytes]:
    """The signed notices, oldest first: a list of notes."""
    await store.find_contest(conn, contest_id)
    notices = [note.decode() for note in await store.read_notices(conn, contest_id)]
    return Response(_encoder.encode(notices), media_type="application/json", headers=FRESH)


@get("/api/v1/contests/{contest_id:str}/policy", opt={"access": "public"})
async def read_policy(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]
) -> Response[bytes]:
    """Who must sign the log's checkpoints (C2SP tlog-policy)."""
    return await _file(request, conn, contest_id, "policy.txt", FRESH)


@get("/api/v1/contests/{contest_id:str}/roll", opt={"access": "public"})
async def read_roll(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]
) -> Response[bytes]:
    """The roll: the public keys of all codes."""
    return await _file(request, conn, contest_id, "roll.txt", FRESH)


@get("/api/v1/contests/{contest_id:str}/log/checkpoint", opt={"access": "public"})
async def read_checkpoint(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]
) -> Response[bytes]:
    """The log's newest checkpoint, a note. Never cached."""
    return await _file(request, conn, contest_id, "log/checkpoint", {"cache-control": "no-store"})


@get("/api/v1/contests/{contest_id:str}/log/epoch/{number:str}", opt={"access": "public"})
async def read_epoch(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str], number: FromPath[str]
) -> Response[bytes]:
    """The entries of one epoch, 33 bytes each. They never change."""
    if not (number.isascii() and number.isdigit() and len(number) <= 9 and str(int(number)) == number):
        raise NotFound("an epoch is named by its number, such as /log/epoch/0")
    return await _file(request, conn, contest_id, f"log/epoch/{number}", FIXED)


@get("/api/v1/contests/{contest_id:str}/issuance/checkpoint", opt={"access": "public"})
async def read_issuance_checkpoint(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]
) -> Response[bytes]:
    """The newest checkpoint of the first issuer's log. Never cached."""
    listing = await store.find_contest(conn, contest_id)
    name = f"issuance/{listing.issuer_hosts[0]}/checkpoint"
    return await _file(request, conn, contest_id, name, {"cache-control": "no-store"})


@get("/api/v1/contests/{contest_id:str}/outcome", opt={"access": "public"})
async def read_outcome(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]
) -> Response[bytes]:
    """The whole count, once it is published."""
    return await _file(request, conn, contest_id, "tally/rounds.json", FRESH)


@get("/api/v1/contests/{contest_id:str}/bundle", opt={"access": "public"})
async def read_bundle(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str]
) -> Response[bytes]:
    """Everything an auditor needs, one canonical tar; whole or a Range of it."""
    return await _file(request, conn, contest_id, "bundle.tar", FRESH, filename=f"{contest_id}.tar")


@get("/api/v1/contests/{contest_id:str}/files/{name:path}", opt={"access": "public"})
async def read_one_file(
    request: Asker, conn: NamedDependency[asyncpg.Connection], contest_id: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """One published file by its name in the bundle."""
    return await _file(request, conn, contest_id, name.lstrip("/"), FRESH)


class DocumentPlugin(OpenAPIRenderPlugin):
    """Serves the OpenAPI document, completed; pages for people are our own."""

    def __init__(self, *, path: str) -> None:
        super().__init__(path=path, media_type=OpenAPIMediaType.OPENAPI_JSON)

    def render(self, request: Asker, openapi_schema: dict[str, Any]) -> bytes:
        """Return the document as bytes."""
        return msgspec.json.encode(complete(openapi_schema, base_url=request.app.state.base_url))


def _json(value: ContestListing | list[ContestListing]) -> Response[bytes]:
    return Response(_encoder.encode(value), media_type="application/json", headers=FRESH)


async def _file(
    request: Asker,
    conn: asyncpg.Connection,
    contest_id: str,
    name: str,
    headers: dict[str, str],
    *,
    filename: str | None = None,
) -> Response[Any]:
    if "\0" in contest_id + name or len(contest_id) + len(name) > 300:
        raise NotFound("there is no such file")
    there = await published.describe(conn, contest_id, name)
    etag = f'"{there.tag[:32]}"'
    headers = headers | {"etag": etag, "accept-ranges": "bytes"}
    if filename:
        headers["content-disposition"] = f'attachment; filename="{filename}"'
    suffix = name[name.rfind(".") :] if "." in name.rsplit("/", 1)[-1] else ""
    media_type = _TYPES.get(
        suffix, "application/octet-stream" if suffix == ".bin" or "/epoch/" in name else "text/plain"
    )
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    span, status_code = _range(request.headers.get("range", ""), there.size), 200
    if span is not None and request.headers.get("if-range", etag) == etag:
        headers["content-range"] = f"bytes {span[0]}-{span[1]}/{there.size}"
        status_code = 206
    else:
        span = (0, there.size - 1)
    parts = list(published.parts(*span))
    if len(parts) > 1:
        headers["content-length"] = str(span[1] - span[0] + 1)
        stream = _stream(request.app.state.pools["public"], contest_id, name, parts)
        return Stream(stream, status_code=status_code, headers=headers, media_type=media_type)
    body = await published.read_part(conn, contest_id, name, parts[0]) if parts else b""
    return Response(body, status_code=status_code, headers=headers, media_type=media_type)


async def _stream(
    pool: asyncpg.Pool, contest_id: str, name: str, parts: Sequence[tuple[int, int, int]]
) -> AsyncIterator[bytes]:
    """Give a large file a part at a time. Who reads slowly holds no connection meanwhile."""
    for part in parts:
        async with acquire(pool) as conn:
            body = await published.read_part(conn, contest_id, name, part)
        yield body


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Return first and last byte of a single satisfiable range (RFC 9110 section 14.2); None for the whole file."""
    unit, _, spec = text.partition("=")
    first, dash, last = spec.strip().partition("-")
    digits = first + last
    if unit != "bytes" or not dash or not digits.isascii() or not digits.isdigit() or len(digits) > 30:
        return None
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) and size else None
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    return (start, end) if start <= end else None


ROUTES = (
    list_contests, find_contest, read_manifest, list_notices, read_policy, read_roll,
    read_checkpoint, read_epoch,
    read_issuance_checkpoint, read_outcome, read_bundle, read_one_file,
)  # fmt: skip
