"""How rooms work together without calling each other: the desk asks, each room hands in its part."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import asyncpg

from schemas.contest import Manifest
from schemas.draft import ContestDraft
from service import published
from service.database.queries import load
from service.refusals import Refused
from voting.proof import canonical, statement

Act = Literal["open", "close", "draw", "publish"]
Room = Literal["registrar", "box", "tallier"]
ROOMS: tuple[Room, ...] = get_args(Room)

_SQL = load(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class Asked:
    """A request of the desk that waits: its number and its contest."""

    request_id: int
    contest_id: str


async def list_requests(conn: asyncpg.Connection, act: Act) -> list[Asked]:
    """Return the requests for `act` that wait, oldest first."""
    return [Asked(row["request_id"], row["contest_id"]) for row in await conn.fetch(_SQL["list_requests"], act)]


async def refuse(conn: asyncpg.Connection, asked: Asked, room: Room, refusal: Refused) -> None:
    """Tell the desk why a room can't do what is asked; the desk passes it on to who asked."""
    async with conn.transaction():
        await hand_in(conn, asked.contest_id, room, f"refused-{asked.request_id}", str(refusal).encode())


async def read_draft(conn: asyncpg.Connection, contest_id: str) -> ContestDraft:
    """Return what the department wrote."""
    draft: ContestDraft = canonical.decode(await conn.fetchval(_SQL["read_draft"], contest_id), ContestDraft)
    return draft


async def list_signed(conn: asyncpg.Connection) -> list[tuple[str, Manifest]]:
    """Return the contests that have a signed manifest and are not over, each with it."""
    return [
        (row["contest_id"], statement.verify_manifest(row["manifest"])) for row in await conn.fetch(_SQL["list_signed"])
    ]


async def hand_in(conn: asyncpg.Connection, contest_id: str, room: Room, part: str, body: bytes) -> None:
    """Hand in a part, inside the caller's transaction. A part that is there already stays as it is."""
    for number, piece in enumerate(published.cut(body)):
        await conn.execute(_SQL["hand_in"], contest_id, room, part, number, piece)


async def read_part(conn: asyncpg.Connection, contest_id: str, room: Room, part: str) -> bytes | None:
    """Return a part that a room has handed in; None where it has not."""
    rows = await conn.fetch(_SQL["read_part"], contest_id, room, part)
    return b"".join(row["body"] for row in rows) if rows else None


async def list_parts(conn: asyncpg.Connection, contest_id: str, room: Room) -> list[str]:
    """Return the names of the parts that a room has handed in."""
    return [row["part"] for row in await conn.fetch(_SQL["list_parts"], contest_id, room)]
