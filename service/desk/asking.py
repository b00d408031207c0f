"""Asking the rooms: an officer's act is a request, and waiting until the rooms have answered it."""

import asyncio

import asyncpg

from schemas.draft import ContestDraft
from service.database.queries import load
from service.desk.staffing import require
from service.handover import Act
from service.refusals import NotFound, NotReady, WrongPhase
from voting.proof import canonical

_SQL = load("desk")
WAIT_SECONDS = 60.0
_PHASE_BEFORE: dict[Act, str] = {"open": "approved", "close": "open", "draw": "closed", "publish": "closed"}


async def ask(conn: asyncpg.Connection, contest_id: str, act: Act, *, by: str) -> None:
    """Write a request for the rooms.

    Args:
        conn: A connection of the desk with no transaction open.
        contest_id: The contest.
        act: What they should do.
        by: E-mail of who asks.

    Raises:
        NotAllowed, NotFound: Not this person; no such contest.
        WrongPhase: Not in this phase, or not at this time: before `issues_from` a contest opens, after `closes_at` it
            closes.
    """
    async with conn.transaction():
        await require(conn, by, "officer", "approver", "clerk", "administrator")
        row = await conn.fetchrow(_SQL["hold_contest"], contest_id)
        if row is None:
            raise NotFound(f"there is no contest {contest_id!r}")
        if act == "close" and row["phase"] == "closed":
            return  # the box closes in time by itself; asking is harmless
        if row["phase"] != _PHASE_BEFORE[act]:
            raise WrongPhase(f"contest {contest_id!r} is {row['phase']}; to {act} it must be {_PHASE_BEFORE[act]}")
        draft: ContestDraft = canonical.decode(row["draft"], ContestDraft)
        now = await conn.fetchval(_SQL["read_posix"])
        if act == "open" and now > draft.issues_from:
            raise WrongPhase(f"contest {contest_id!r} must open before its codes work (codes_from), which is past")
        if act == "close" and now < draft.closes_at:
            raise WrongPhase(f"contest {contest_id!r} closes in {draft.closes_at - now} seconds, and not before")
        await conn.execute(_SQL["add_request"], contest_id, act, by)


async def wait(conn: asyncpg.Connection, contest_id: str, act: Act, *, seconds: float = WAIT_SECONDS) -> None:
    """Wait until the newest request for an act is settled.

    Raises:
        NotReady: A room refused, or nobody answered in time: is the service running?
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        row = await conn.fetchrow(_SQL["read_request"], contest_id, act)
        if row is None or row["state"] == "done":
            return
        if row["state"] == "refused":
            raise NotReady(row["answer"])
        if asyncio.get_running_loop().time() > deadline:
            raise NotReady(f"no answer to {act} {contest_id!r} in {seconds:.0f} s: is `weighin serve` running?")
        await asyncio.sleep(0.05)
