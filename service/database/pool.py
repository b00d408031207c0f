"""Connections: one bounded pool a room, each under the room's own database role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from service.database.queries import load
from service.refusals import TooBusy

_SQL = load("database")
ACQUIRE_SECONDS = 5.0
_SETTINGS = {
    "application_name": "weighin",
    "jit": "off",
    "statement_timeout": "60s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",
}
_PASSING = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # stopped, starting, or out of time
    asyncpg.InsufficientResourcesError,  # no connections, memory or disk left
    asyncpg.TransactionRollbackError,  # a deadlock
    asyncpg.LockNotAvailableError,
)
"""What the database says when it would do the same thing a moment later."""


async def open_pool(url: str, room: str | None, *, size: int = 8) -> asyncpg.Pool:
    """Return a pool whose connections work under the role of `room`; None keeps the role that signed in.

    Args:
        url: Address of the database; its role must be a member of the room's.
        room: "registrar", "box", "tallier", "desk" or "public".
        size: Connections at most. All pools of all processes together stay below max_connections.
    """
    role = {} if room is None else {"role": f"weighin_{room}"}
    return await asyncpg.create_pool(
        url, min_size=0, max_size=size, timeout=10, command_timeout=90, init=_wait_for_disk, reset=_no_reset,
        server_settings=_SETTINGS | role,
    )  # fmt: skip


@asynccontextmanager
async def acquire(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Take a connection, and wait a few seconds for it at most.

    Raises:
        TooBusy: All are in use, the database can't be reached, or was lost during the work.
    """
    try:
        conn = await pool.acquire(timeout=ACQUIRE_SECONDS)
    except (TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, *_PASSING) as error:
        raise TooBusy("the database is busy; try again in a moment") from error
    try:
        yield conn
    except (ConnectionError, *_PASSING) as error:
        raise TooBusy("the database was lost for a moment; try again") from error
    except asyncpg.InternalClientError as error:
        # The server hung up between two messages, and asyncpg no longer knows where in the conversation it is.
        conn.terminate()
        raise TooBusy("the database was lost for a moment; try again") from error
    except asyncpg.InterfaceError as error:
        if not conn.is_closed():
            raise
        raise TooBusy("the database was lost for a moment; try again") from error
    finally:
        await pool.release(conn)


async def _wait_for_disk(conn: asyncpg.Connection) -> None:
    """Have every commit wait for the disk. Said once connected, so that what the server would do stays to be read."""
    await conn.execute(_SQL["wait_for_disk"])


async def _no_reset(_conn: asyncpg.Connection) -> None:
    """Our acts leave no session state and own their transactions, so the reset's round trip is not needed."""
