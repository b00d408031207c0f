"""Deadlocks and failed serialisations are the database's way to say "again": 503 and never 500, and again it works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from service import client
from service.box.casting import Box
from service.database.pool import open_pool
from service.problems import problem_of
from service.refusals import TooBusy
from service.registrar.issuing import Registrar
from tests.service.trial import DAY, LONG_EPOCHS, Holder, Opened
from voting.proof import signing

ROW = "INSERT INTO box.pending (contest_id, pk, rev, digest, header, sealed, sig) VALUES ($1, $2, 1, $3, '', '', $4)"
USED = "INSERT INTO registrar.issuance (contest_id, roll_pk, channel, requests, sig) VALUES ($1, $2, 'desk', 'x', $3)"


@asynccontextmanager
async def rival(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection in a transaction that is never the victim of a deadlock, and is rolled back in the end."""
    conn = await asyncpg.connect(url)
    await conn.execute("SET deadlock_timeout = '60s'")
    transaction = conn.transaction()
    await transaction.start()
    try:
        yield conn
    finally:
        await transaction.rollback()
        await conn.close()


async def be_waited_for(conn: asyncpg.Connection) -> None:
    """Wait until somebody waits for a lock of ours."""
    # pg_stat_activity stays as it was first read in a transaction; pg_locks does not.
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    for _ in range(1000):
        if await conn.fetchval(waiting):
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody waits for us")


async def meet(conn: asyncpg.Connection, room: str, contest_id: str) -> None:
    """Wait until somebody waits for us, then wait for them: a circle."""
    await be_waited_for(conn)
    statement = {
        "box": "SELECT FROM box.contest WHERE contest_id = $1 FOR UPDATE",
        "registrar": "SELECT FROM registrar.contest WHERE contest_id = $1 FOR UPDATE",
    }[room]
    await conn.execute(statement, contest_id)


@pytest.fixture(scope="module")
def contest(service) -> Opened:
    """An open contest on the shared service."""
    return service.open("deadlocks", size=4, lasts=200 * DAY, epoch=LONG_EPOCHS)


async def test_a_cast_in_a_deadlock_is_told_to_come_back(service, contest):
    """The cast holds the contest and waits for a row, the rival holds the row and waits for the contest.

    The database makes the cast give up (40P01): 503 with Retry-After, and the same bytes then get their promise.
    Seen to be a 500 with neither TransactionRollbackError in what passes nor PostgresError in the group commit.
    """
    async with httpx.AsyncClient(base_url=service.base_url, timeout=30) as http:
        voter = client.Voter.new(contest.manifest, "resident")
        secret = client.roll_secret_of(contest.codes[0].text, contest.manifest)
        body = Holder(voter, await client.obtain_tokens(http, voter, secret)).ballot()
        path = f"/api/v1/contests/{contest.id}/ballots"
        before = await deadlocks(service.url)
        async with rival(service.url) as conn:
            await conn.execute(ROW, contest.id, voter.pk, bytes(32), bytes(64))
            cast = asyncio.create_task(http.post(path, content=body))
            await meet(conn, "box", contest.id)
            answer = await cast
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["type"] == "/problems/too-busy"
        assert await client.cast(http, contest.manifest, body)
    assert await deadlocks(service.url, least=before + 1) == before + 1


async def test_an_issuance_in_a_deadlock_is_told_to_come_back(service, contest):
    """The same for a token: 503, and the same request then is answered."""
    async with httpx.AsyncClient(base_url=service.base_url, timeout=30) as http:
        voter = client.Voter.new(contest.manifest, "resident")
        secret = client.roll_secret_of(contest.codes[1].text, contest.manifest)
        (body,) = voter.issue_requests(secret)
        before = await deadlocks(service.url)
        async with rival(service.url) as conn:
            await conn.execute(USED, contest.id, signing.public_key(secret), bytes(64))
            asked = asyncio.create_task(http.post(f"/api/v1/contests/{contest.id}/issue", content=body))
            await meet(conn, "registrar", contest.id)
            answer = await asked
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert len(await client.obtain_tokens(http, voter, secret)) == 1
    assert await deadlocks(service.url, least=before + 1) == before + 1


async def deadlocks(url: str, *, least: int = 0) -> int:
    """Return how many deadlocks the database has had, once they are `least` or three seconds have gone."""
    conn = await asyncpg.connect(url)
    try:
        for _ in range(60):
            number = await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            if number >= least:
                break
            await asyncio.sleep(0.05)  # a backend tells its figures with a delay of a second or so
        return int(number)
    finally:
        await conn.close()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_a_stricter_database_says_again_and_again_it_works(own_rooms, isolation):
    """A database whose transactions are stricter by default: 40001 where a row changed meanwhile is TooBusy, 503.

    The contest's row changes while a cast and a request for a token wait for it, as when an epoch is sealed.
    """
    owner = await asyncpg.connect(own_rooms.trial.url)
    name = await owner.fetchval("SELECT quote_ident(current_database())")
    contest = await own_rooms.open("strict", size=2, epoch=LONG_EPOCHS)
    holder = await own_rooms.holder(contest)
    voter = client.Voter.new(contest.manifest, "resident")
    (asked,) = voter.issue_requests(client.roll_secret_of(contest.codes[1].text, contest.manifest))
    await owner.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    pools = [await open_pool(own_rooms.trial.url, room, size=2) for room in ("box", "registrar")]
    box = Box(pools[0], own_rooms.trial.keys("box"))
    registrar = Registrar(pools[1], own_rooms.trial.keys("registrar"))
    body = holder.ballot()
    with pytest.raises(TooBusy):
        await while_changing(owner, "box", contest.id, lambda: box.cast(contest.id, body))
    with pytest.raises(TooBusy) as refused:
        await while_changing(owner, "registrar", contest.id, lambda: registrar.issue(contest.id, asked))

    problem = problem_of(refused.value)
    assert problem is not None
    assert problem.status == 503
    assert await box.cast(contest.id, body)
    assert await registrar.issue(contest.id, asked)
    assert len(await own_rooms.fetch("SELECT FROM box.pending")) == 1
    await box.close()
    await registrar.close()
    for pool in pools:
        await pool.close()
    await owner.close()


async def while_changing(owner: asyncpg.Connection, room: str, contest_id: str, deed) -> None:
    """Do a deed that waits for the contest's row, change the row meanwhile, and wait for the deed."""
    async with owner.transaction():
        statement = {
            "box": "UPDATE box.contest SET include_by = include_by WHERE contest_id = $1",
            "registrar": "UPDATE registrar.contest SET epoch = epoch WHERE contest_id = $1",
        }[room]
        await owner.execute(statement, contest_id)
        doing = asyncio.create_task(deed())
        await be_waited_for(owner)
    await doing
