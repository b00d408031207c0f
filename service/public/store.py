"""What pages and the API read: published files, decoded."""

import asyncpg
import msgspec

from schemas.listing import ContestListing, Place
from schemas.turnout import Turnout
from service import published
from service.database.queries import load
from service.public.auditing import (
    Audit,
    list_downloads,
    read_manifest,
    read_notice,
    read_state,
    read_states,
    trust_of,
)
from service.refusals import NotFound
from voting import bundle

_SQL = load("public")


async def read_clock(conn: asyncpg.Connection) -> int:
    """Return the moment by the service's clock, POSIX seconds."""
    return int(await conn.fetchval(_SQL["read_posix"]))


async def list_contests(conn: asyncpg.Connection) -> list[ContestListing]:
    """Return every contest that is public, by id, each with its turnout so far."""
    files: dict[str, dict[str, bytes]] = {}
    for row in await conn.fetch(_SQL["read_listings"]):
        files.setdefault(row["contest_id"], {})[row["name"]] = row["body"]
    return [_listing(by_name) for by_name in files.values() if "listing.json" in by_name]


async def find_contest(conn: asyncpg.Connection, contest_id: str) -> ContestListing:
    """Return one contest.

    Raises:
        NotFound: There is none of this id, or it is not public yet.
    """
    try:
        files = {"listing.json": await published.read(conn, contest_id, "listing.json")}
    except NotFound:
        raise NotFound(f"there is no contest {contest_id!r}") from None
    if "turnout.json" in await published.names(conn, contest_id):
        files["turnout.json"] = await published.read(conn, contest_id, "turnout.json")
    return _listing(files)


async def read_place(conn: asyncpg.Connection) -> Place:
    """Return whose service this is; a neutral place where nobody has said."""
    try:
        return msgspec.json.decode(await published.read(conn, "", "place.json"), type=Place)
    except NotFound:
        rehearsal = bool(await conn.fetchval(_SQL["read_rehearsal"]))
        return Place(name={"en": "Weigh In"}, tagline={}, about={}, rehearsal=rehearsal)


async def read_file(conn: asyncpg.Connection, contest_id: str, name: str) -> bytes:
    """Return a published file by its name in the bundle.

    Raises:
        NotFound: It is not published, or not yet.
    """
    return await published.read(conn, contest_id, name)


async def read_size(conn: asyncpg.Connection, contest_id: str, name: str) -> int | None:
    """Return the bytes of a published file; None where it is not published."""
    sizes = {row["name"]: int(row["size"]) for row in await conn.fetch(_SQL["list_sizes"], contest_id)}
    return sizes.get(name)


async def read_audit(conn: asyncpg.Connection, contest: ContestListing) -> Audit:
    """Return what there is to check a contest by.

    Raises:
        NotFound: The contest has no manifest yet.
    """
    sizes = {row["name"]: row["size"] for row in await conn.fetch(_SQL["list_sizes"], contest.id)}
    manifest = read_manifest(await published.read(conn, contest.id, bundle.MANIFEST))
    if bundle.LOG_CHECKPOINTS in sizes:
        states = read_states(await published.read(conn, contest.id, bundle.LOG_CHECKPOINTS))[::-1]
    elif bundle.LOG_CHECKPOINT in sizes:
        states = (read_state(await published.read(conn, contest.id, bundle.LOG_CHECKPOINT)),)
    else:
        states = ()
    is_published = bundle.RESULT in sizes
    return Audit(
        published=is_published,
        trust=trust_of(manifest),
        states=states,
        downloads=list_downloads(sizes, contest.issuer_hosts, published=is_published),
        notices=tuple(map(read_notice, await read_notices(conn, contest.id))),
    )


async def read_notices(conn: asyncpg.Connection, contest_id: str) -> list[bytes]:
    """Return the signed notices of a contest, oldest first."""
    names = [name for name in await published.names(conn, contest_id) if name.startswith("notices/")]
    return [await published.read(conn, contest_id, name) for name in names]


async def count_epochs(conn: asyncpg.Connection) -> list[tuple[str, int, int]]:
    """Return for each contest with a log: its id, epochs so far, and their entries."""
    return [(row["contest_id"], row["epochs"], row["entries"]) for row in await conn.fetch(_SQL["count_epochs"])]


def _listing(files: dict[str, bytes]) -> ContestListing:
    listing = msgspec.json.decode(files["listing.json"], type=ContestListing)
    if "turnout.json" in files:
        turnout = msgspec.json.decode(files["turnout.json"], type=Turnout)
        listing = msgspec.structs.replace(listing, issued=turnout.issued)
    return listing
