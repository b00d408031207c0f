"""Published files: written by the rooms, read by everyone. A file is public because it is here."""

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Description:
    """A published file without its bytes: its size, and a tag that is another one for every other content."""

    size: int
    tag: str


async def describe(conn: asyncpg.Connection, contest_id: str, name: str) -> Description:
    """Return size and tag of a published file.

    Raises:
        NotFound: It is not published, or not yet.
    """
    row = await conn.fetchrow(_SQL["describe_file"], contest_id, name)
    if row is None:
        raise NotFound(f"{name} is not published for {contest_id!r}, or not yet")
    return Description(size=row["size"], tag=row["tag"])


def parts(first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Give the parts of pieces that hold the bytes from `first` to `last`: piece, start in it, size."""
    while first <= last:
        piece, start = divmod(first, PIECE_SIZE)
        size = min(PIECE_SIZE - start, last - first + 1)
        yield piece, start, size
        first += size


async def read_part(conn: asyncpg.Connection, contest_id: str, name: str, part: tuple[int, int, int]) -> bytes:
    """Return a part of a piece, as `parts` names it.

    Raises:
        NotFound: It is not there any more.
    """
    body: bytes | None = await conn.fetchval(_SQL["read_part"], contest_id, name, *part)
    if body is None or len(body) != part[2]:
        raise NotFound(f"{name} of {contest_id!r} was replaced while it was read")
    return body


async def names(conn: asyncpg.Connection, contest_id: str) -> list[str]:
    """Return the names of a contest's published files, sorted bytewise."""
    return [row["name"] for row in await conn.fetch(_SQL["list_names"], contest_id)]


async def contests(conn: asyncpg.Connection) -> list[str]:
    """Return the ids of all contests that are public, sorted."""
    return [row["contest_id"] for row in await conn.fetch(_SQL["list_contests"])]


def cut(body: bytes) -> Iterator[bytes]:
    """Return the pieces that a file is stored in; an empty file has one."""
    return (body[start : start + PIECE_SIZE] for start in range(0, max(1, len(body)), PIECE_SIZE))
