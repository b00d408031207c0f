"""The link to the database is cut between any two messages; a retry gets the identical answer, and nothing is twice.

The cuts come from `tests.service.link`. Voters do as the protocol says: the same bytes again until there is a promise.
Figures are printed; `pytest -m full -s` runs the long form.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import msgspec
import pytest

from schemas.ballot import CastAnswer
from schemas.roll import IssueAnswer
from service import client, installing, published
from service.app import Deed
from service.box import duties as box_duties
from service.box import sequencing
from service.box.casting import Box
from service.database.pool import acquire, open_pool
from service.desk import asking
from service.desk import duties as desk_duties
from service.handover import Act
from service.refusals import TooBusy
from service.registrar import duties as registrar_duties
from service.registrar.issuing import Registrar
from service.tallier import duties as tallier_duties
from tests.service.box.test_casting import digest_of
from tests.service.link import Commit, Link
from tests.service.trial import DAY, HOST, QUICK_EPOCHS, ROOMS, Holder, Opened, Rooms, Trial
from voting import verify
from voting.proof import promise
from voting.proof.base64s import from_base64

ATTEMPTS = 60
FULL_CUTS = 1000
AT_ONCE = 4
"""Voters in the long form who send at the same moment, so that a batch is cut."""


@dataclass
class Figures:
    """What happened: cuts, those of them behind a commit, and how often a voter was told to come back."""

    cuts: int = 0
    unanswered: int = 0
    busy: int = 0
    answers: dict[bytes, bytes] = field(default_factory=dict)
    """What was sent, with the answer to it."""

    def __str__(self) -> str:
        return (
            f"{self.cuts} cuts, {self.unanswered} between a commit and its answer, {len(self.answers)} requests, "
            f"{self.busy} retries"
        )


async def insist(figures: Figures, send, body: bytes) -> None:
    """Send the same bytes until there is an answer; whatever else than TooBusy happens is a failure."""
    for _ in range(ATTEMPTS):
        try:
            answer = await send(body)
        except TooBusy:
            figures.busy += 1
            continue
        assert figures.answers.setdefault(body, answer) == answer
        return
    pytest.fail(f"no answer in {ATTEMPTS} attempts")


@asynccontextmanager
async def linked(trial: Trial, room: str) -> AsyncIterator[tuple[Link, asyncpg.Pool]]:
    """Give a link to the trial's database, and a room's pool that goes through it."""
    async with Link(trial.url).listening() as link:
        pool = await open_pool(link.url, room, size=6)
        try:
            yield link, pool
        finally:
            link.heal()
            await asyncio.wait_for(pool.close(), 20)


async def cut_everywhere(link: Link, deed, *, warm, figures: Figures) -> int:
    """Do a deed again and again, cut after no message, after one, after two ..., until it goes through uncut.

    Args:
        link: What is cut.
        deed: Called for each boundary.
        warm: Done before each deed on the link as it is; None to begin each with no connection at all.
        figures: Gains the cuts.

    Returns:
        The number of boundaries.
    """
    for boundary in range(1000):
        if warm is None:
            await link.cut_all()
        else:
            await warm()
        before = link.cuts, link.after_commit
        link.cut_after(boundary)
        await deed(boundary)
        done = link.heal()
        figures.cuts += link.cuts - before[0]
        figures.unanswered += link.after_commit - before[1]
        if done:
            return boundary
    pytest.fail("there is no end of messages")


class Ballots:
    """Voters who cast through a cut link, each ballot another one, and what the box holds in the end."""

    def __init__(self, rooms: Rooms, contest: Opened, holders: list[Holder], box: Box) -> None:
        self.rooms, self.contest, self.holders, self.box = rooms, contest, holders, box
        self.figures = Figures()
        self._revs = [0] * len(holders)

    def next_body(self, voter: int = 0) -> bytes:
        """Return a ballot that nobody has sent yet."""
        self._revs[voter] += 1
        return self.holders[voter].ballot(rev=self._revs[voter])

    async def send(self, body: bytes) -> bytes:
        """Send a ballot once."""
        return await self.box.cast(self.contest.id, body)

    async def cast(self, boundary: int) -> None:
        """Cast one ballot. At each third boundary an epoch is sealed between the cut and the retry."""
        body = self.next_body()
        if boundary % 3 == 0:
            try:
                self.figures.answers[body] = await self.send(body)
            except TooBusy:
                self.figures.busy += 1
            # A later deadline for what comes now: a promise that is given again must still name the old one.
            now = await installing.read_clock(self.rooms.trial.url)
            await installing.move_clock(self.rooms.trial.url, now + 60)
            async with self.rooms.pools["box"].acquire() as conn:
                await sequencing.seal(conn, self.contest.id, self.rooms.trial.keys("box"))
        await insist(self.figures, self.send, body)

    async def cast_uncut(self) -> None:
        """Cast one ballot on a link that holds."""
        await insist(self.figures, self.send, self.next_body())

    async def check(self) -> None:
        """Each ballot is in the box once, no other is, and each promise is the one that any box would give, and kept.

        A promise is kept when its deadline is that of the epoch in which its ballot was sealed.
        """
        async with self.rooms.pools["box"].acquire() as conn:
            await sequencing.seal(conn, self.contest.id, self.rooms.trial.keys("box"))
        rows = await self.rooms.fetch(
            "SELECT ballot.digest, epoch.include_by FROM box.ballot JOIN box.epoch"
            " ON epoch.contest_id = ballot.contest_id AND epoch.number = ballot.epoch"
        )
        deadlines = {row["digest"]: row["include_by"] for row in rows}
        answers = self.figures.answers
        assert len(rows) == len(deadlines) == len(answers)
        assert {digest_of(body) for body in answers} == set(deadlines)
        for body, answer in answers.items():
            note = msgspec.json.decode(answer, type=CastAnswer).promise.encode()
            word = promise.verify(note, self.contest.manifest.box_vkey)
            assert word.digest == digest_of(body)
            assert word.include_by == deadlines[word.digest]
            assert await self.rooms.box.cast(self.contest.id, body) == answer


async def open_ballots(rooms: Rooms, size: int, box: Box) -> Ballots:
    """Open a contest whose voters may revise for ever."""
    contest = await rooms.open("cuts", size=size, max_rev=100_000, lasts=300 * DAY, epoch=QUICK_EPOCHS)
    return Ballots(rooms, contest, [await rooms.holder(contest, number) for number in range(size)], box)


async def test_a_cast_cut_at_every_message_is_there_once_and_gets_the_same_promise(own_rooms):
    """Every boundary of a cast, on a fresh connection and on a used one, both ways, also behind the commit.

    Nothing but TooBusy is ever told; the retry's promise is the one that another box gives without the link, and its
    deadline is that of the epoch that holds the ballot, also where the epoch was sealed before the retry.
    Seen to fail with that deadline taken from the epoch of the retry, with a lost commit taken for a done one, and
    without the conflict clauses of add_ballots, where a retry never gets an answer.
    """
    async with linked(own_rooms.trial, "box") as (link, pool):
        box = Box(pool, own_rooms.trial.keys("box"))
        ballots = await open_ballots(own_rooms, 1, box)
        cold = await cut_everywhere(link, ballots.cast, warm=None, figures=ballots.figures)
        warm = await cut_everywhere(link, ballots.cast, warm=ballots.cast_uncut, figures=ballots.figures)
        await box.close()
    await ballots.check()
    print(f"\ncasts, {cold} + {warm} boundaries: {ballots.figures}")

    assert cold > warm > 5
    assert ballots.figures.cuts >= 40
    assert ballots.figures.unanswered >= 2


class Codes:
    """Codes that ask for tokens through a cut link, each for one, and what the registrar logs in the end."""

    def __init__(self, rooms: Rooms, contest: Opened, registrar: Registrar) -> None:
        self.rooms, self.contest, self.registrar = rooms, contest, registrar
        self.figures = Figures()
        self._unused = iter(contest.codes)
        self._voters: dict[bytes, client.Voter] = {}

    def next_body(self) -> bytes:
        """Return the request of a code that nobody has used."""
        code = next(self._unused)
        voter = client.Voter.new(self.contest.manifest, code.cls)
        (body,) = voter.issue_requests(client.roll_secret_of(code.text, self.contest.manifest))
        self._voters[body] = voter
        return body

    async def send(self, body: bytes) -> bytes:
        """Ask once."""
        return await self.registrar.issue(self.contest.id, body)

    async def ask(self, _boundary: int = 0) -> None:
        """Ask for one token."""
        await insist(self.figures, self.send, self.next_body())

    async def check(self) -> None:
        """Each code has one issuance, and each answer is a token and the one that another registrar gives."""
        (row,) = await self.rooms.fetch("SELECT count(*), count(DISTINCT roll_pk) AS codes FROM registrar.issuance")
        assert row["count"] == row["codes"] == len(self.figures.answers)
        for body, answer in self.figures.answers.items():
            response = from_base64(msgspec.json.decode(answer, type=IssueAnswer).response)
            assert self._voters[body].token(0, response)
            assert await self.rooms.registrar.issue(self.contest.id, body) == answer


async def test_a_token_cut_at_every_message_is_issued_once_and_answered_the_same(own_rooms):
    """Every boundary of an issuance, on a fresh connection and on a used one, both ways, also behind COMMIT.

    Seen to fail with CodeUsed told to the very request that was logged, and without ON CONFLICT in add_issuances, where
    a retry never gets an answer.
    """
    contest = await own_rooms.open("cuts", size=160, lasts=300 * DAY)
    async with linked(own_rooms.trial, "registrar") as (link, pool):
        registrar = Registrar(pool, own_rooms.trial.keys("registrar"))
        codes = Codes(own_rooms, contest, registrar)
        cold = await cut_everywhere(link, codes.ask, warm=None, figures=codes.figures)
        warm = await cut_everywhere(link, codes.ask, warm=codes.ask, figures=codes.figures)
        await registrar.close()
    await codes.check()
    print(f"\nissuances, {cold} + {warm} boundaries: {codes.figures}")

    assert cold > warm > 10
    assert codes.figures.cuts >= 40
    assert codes.figures.unanswered >= 2


# -- the rooms' own work -------------------------------------------------------------------------------------------


@asynccontextmanager
async def attending_through(link: Link, rooms: Rooms) -> AsyncIterator:
    """Give a function that lets every room attend once, each cut behind COMMIT number so-and-so of its work.

    Rooms are forgiven what the service forgives them: they try again at the next turn.
    """
    keys = rooms.trial.keys
    deeds: dict[str, Deed] = {
        "registrar": lambda conn: registrar_duties.attend(conn, keys("registrar"), HOST),
        "box": lambda conn: box_duties.attend(conn, keys("box"), HOST),
        "tallier": lambda conn: tallier_duties.attend(conn, keys("tallier")),
        "desk": lambda conn: desk_duties.attend(conn, keys("desk"), HOST),
    }
    pools = {room: await open_pool(link.url, room, size=2) for room in ROOMS}

    async def attend(number: int) -> None:
        for room, deed in deeds.items():
            link.cut_commit(number)
            try:
                async with acquire(pools[room]) as conn:
                    await deed(conn)
            except TooBusy:
                pass
            link.heal()

    try:
        yield attend
    finally:
        link.heal()
        for pool in pools.values():
            await asyncio.wait_for(pool.close(), 20)


async def test_an_act_is_done_once_though_commits_go_unanswered(own_rooms):
    """Open, close, draw, publish, and the rooms miss the answers to their COMMITs: each is done, once, and told so.

    The rooms try again as in the service. The bundle passes the verifier, and no request is left waiting. Seen to fail
    before a publication that was committed counted as done: the request waited for ever.
    """
    rooms = own_rooms
    acts: list[Act] = ["open", "close", "draw", "publish"]
    async with Link(rooms.trial.url).listening() as link, attending_through(link, rooms) as attend:

        async def act(which: Act) -> None:
            async with rooms.pools["desk"].acquire() as conn:
                await asking.ask(conn, "unheard", which, by=rooms.rehearsal.approver)
                for turn in range(40):
                    await attend(turn % 3 + 1)
                    if not await rooms.fetch("SELECT FROM desk.request WHERE state = 'waiting'"):
                        break
                    await asyncio.sleep(0.1 if which == "draw" else 0)
                await asking.wait(conn, "unheard", which, seconds=0)

        rooms.act = lambda _contest_id, which: act(which)  # type: ignore[method-assign]
        contest = await rooms.open("unheard", size=3, epoch=QUICK_EPOCHS)
        for number in range(3):
            holder = await rooms.holder(contest, number)
            await rooms.box.cast(contest.id, holder.ballot("elm", "ash"))
            await attend(number + 1)
        tar = await rooms.publish(contest)

    report = verify.verify_bundle(tar)
    requests = await rooms.fetch("SELECT act, state FROM desk.request ORDER BY request_id")
    print(f"\nacts: {link.after_commit} commits without an answer")
    assert [(row["act"], row["state"]) for row in requests] == [(which, "done") for which in acts]
    assert (report.result, report.elected) == ("passed", ("elm",))
    assert link.after_commit == link.cuts >= 10
    async with rooms.pools["desk"].acquire() as conn:
        assert await published.read(conn, contest.id, "result.note")


# -- the long form -------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.slow
async def test_a_thousand_cuts_lose_and_double_no_ballot(own_rooms):
    """1,000 cuts under four voters who send at once, the retries cut as well, every boundary many times."""
    async with linked(own_rooms.trial, "box") as (link, pool):
        box = Box(pool, own_rooms.trial.keys("box"))
        ballots = await open_ballots(own_rooms, AT_ONCE, box)
        await cut_a_thousand_times(
            link,
            ballots.figures,
            lambda: [insist(ballots.figures, ballots.send, ballots.next_body(voter)) for voter in range(AT_ONCE)],
            commit="statement",
        )
        await box.close()
    await ballots.check()
    print(f"\ncasts, long form: {ballots.figures}; lost 0, twice 0")


@pytest.mark.full
@pytest.mark.slow
async def test_a_thousand_cuts_lose_and_double_no_token(own_rooms):
    """1,000 cuts under four codes that ask at once, the retries cut as well."""
    contest = await own_rooms.open("cuts", size=4 * FULL_CUTS, lasts=300 * DAY)
    async with linked(own_rooms.trial, "registrar") as (link, pool):
        registrar = Registrar(pool, own_rooms.trial.keys("registrar"))
        codes = Codes(own_rooms, contest, registrar)
        await cut_a_thousand_times(link, codes.figures, lambda: [codes.ask() for _ in range(AT_ONCE)], commit="COMMIT")
        await registrar.close()
    await codes.check()
    print(f"\nissuances, long form: {codes.figures}; lost 0, twice 0")


async def cut_a_thousand_times(link: Link, figures: Figures, round_of_requests, *, commit: Commit) -> None:
    """Cut again and again while requests insist: after so many messages, and as soon as that is over once more.

    Every third round is cut behind what commits instead.
    """
    boundary = 0
    while link.cuts < FULL_CUTS:
        boundary = (boundary + 1) % 90
        requests = [asyncio.create_task(request) for request in round_of_requests()]
        for again in (boundary, boundary // 2, boundary // 3):
            seen = link.cuts
            if boundary % 3:
                link.cut_after(again)
            else:
                link.cut_commit(1, commit)
            for _ in range(10_000):
                if link.cuts > seen or all(request.done() for request in requests):
                    break
                await asyncio.sleep(0.001)
        link.heal()
        await asyncio.gather(*requests)
        if boundary % 2:
            await link.cut_all()
    figures.cuts, figures.unanswered = link.cuts, link.after_commit
