"""A database made ready: migrated, and said to be a rehearsal or not. A rehearsal's clock can be moved forward."""

from pathlib import Path

import asyncpg

from service.database.migrate import migrate
from service.database.queries import load
from service.refusals import UnsafeInstallation

_SQL = load(Path(__file__).with_suffix(".sql"))


async def install(url: str, *, rehearsal: bool = False, start_at: int | None = None) -> list[str]:
    """Bring a database up to date, and say once whether it is a rehearsal.

    Args:
        url: The database, by a role that owns it.
        rehearsal: For demonstrations, tests and replays: its clock can be moved, and everything it makes says so.
        start_at: Where a new rehearsal's clock starts, POSIX seconds.

    Returns:
        The migrations that were applied.

    Raises:
        UnsafeInstallation: It was made the other way.
        service.database.migrate.MigrationError: The files do not fit the database.
    """
    conn = await asyncpg.connect(url)
    try:
        applied = await migrate(conn)
        await conn.execute(_SQL["begin"], rehearsal, None if start_at is None else float(start_at))
        if await conn.fetchval(_SQL["read_rehearsal"]) != rehearsal:
            raise UnsafeInstallation(
                "this database is a rehearsal and can't hold a real contest" if not rehearsal
                else "this database holds real contests: a rehearsal needs one of its own"
            )  # fmt: skip
    finally:
        await conn.close()
    return applied


async def move_clock(url: str, to: int) -> None:
    """Move a rehearsal's clock forward to `to`, POSIX seconds; where it is later already, nothing happens."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(_SQL["move_clock"], float(to))
    finally:
        await conn.close()


async def read_clock(url: str) -> int:
    """Return the moment by the service's clock, POSIX seconds."""
    conn = await asyncpg.connect(url)
    try:
        return int(await conn.fetchval(_SQL["read_posix"]))
    finally:
        await conn.close()
