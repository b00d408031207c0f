"""Published files: written by the rooms, read by everyone. A file is public because it is here."""

from collections.abc import Iterator

import asyncpg

from service.database.queries import load
from service.refusals import NotFound

_SQL = load("public")
PIECE_SIZE = 4 * 2**20
"""Bytes in a row: large files are cut."""


async def write(conn: asyncpg.Connection, contest_id: str, name: str, body: bytes) -> None:
    """Publish a file, or put a newer version in the place of an older one. Inside the caller's transaction."""
    await conn.execute(_SQL["remove_file"], contest_id, name)
    for number, piece in enumerate(cut(body)):
        await conn.execute(_SQL["add_piece"], contest_id, name, number, piece)


async def read(conn: asyncpg.Connection, contest_id: str, name: str) -> bytes:
    """Return a published file.

    Raises:
        NotFound: It is not published, or not yet.
    """
    pieces = await conn.fetch(_SQL["read_pieces"], contest_id, name)
    if not pieces:
        raise NotFound(f"{name} is not published for {contest_id!r}, or not yet")
    return b"".join(row["body"] for row in pieces)


async def names(conn: asyncpg.Connection, contest_id: str) -> list[str]:
    """Return the names of a contest's published files, sorted bytewise."""
    return [row["name"] for row in await conn.fetch(_SQL["list_names"], contest_id)]


async def contests(conn: asyncpg.Connection) -> list[str]:
    """Return the ids of all contests that are public, sorted."""
    return [row["contest_id"] for row in await conn.fetch(_SQL["list_contests"])]


def cut(body: bytes) -> Iterator[bytes]:
    """Return the pieces that a file is stored in; an empty file has one."""
    return (body[start : start + PIECE_SIZE] for start in range(0, max(1, len(body)), PIECE_SIZE))
