"""Registrar, box and sequencer against a model of a few lines: any order of acts, the same answers, the same final set.

Hypothesis draws sequences of acts; a sequence that the two disagree on is made as short as it can be and printed with
the seed. `pytest -m full -s` runs the 10,000 sequences of the long form.
"""

import asyncio
import copy
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg
import hypothesis
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.ballot import CastAnswer, Choices, Ranking
from schemas.roll import IssueAnswer, IssueRequest
from service import client, installing
from service.box import sequencing
from service.box.casting import Box
from service.database.databases import create_database, drop_database
from service.desk import asking
from service.handover import Act
from service.refusals import BallotSuperseded, CodeUnknown, CodeUsed, ContestNotOpen, InvalidCast, Refused
from service.registrar import issuance_log
from service.registrar.issuing import Registrar
from service.registrar.signer import new_key
from service.tallier.opening import SealedBallot, open_ballots
from tests.conftest import make_open_folder
from tests.service.box.test_casting import digest_of
from tests.service.trial import HOUR, QUICK_EPOCHS, Holder, Opened, Rooms, Trial, running_rooms
from voting.proof import log, promise
from voting.proof.base64s import from_base64

T = TypeVar("T")
CODES, RESERVE, SEEDS, MAX_REV = 3, 1, 2, 3
"""Small, so that sequences meet: codes on the roll, one of them in reserve; voters' seeds per code; revisions."""
PROCESSES = 2
SEQUENCES, SEQUENCES_FULL, STEPS = 40, 10_000, 14
CONTESTS_IN_A_DATABASE = 40
RANKINGS = (("ash",), ("elm", "oak"), ())


class World:
    """A database and rooms for the contests of many sequences; a fresh one every now and then."""

    def __init__(self, server_url: str, template: str) -> None:
        self.server_url, self.template = server_url, template
        self.runner = asyncio.Runner()
        self.rooms: Rooms | None = None
        self.sequences = 0
        self.outcomes: Counter[str] = Counter()
        self._stack = AsyncExitStack()
        self._pem = _new_pem()

    def run(self, work: Awaitable[T]) -> T:
        """Run something on this world's event loop."""

        async def do() -> T:
            return await work

        return self.runner.run(do())

    async def open(self) -> tuple[Rooms, Opened]:
        """Open a contest an hour before its tokens and two before its ballots."""
        if self.sequences % CONTESTS_IN_A_DATABASE == 0:
            await self._renew()
        assert self.rooms is not None, "renewed at first"
        self.sequences += 1
        slug = f"model-{self.sequences}"
        # The registrar keeps a key that is there: making one for each sequence would be most of the time.
        self.rooms.trial.keys("registrar").keep(slug, "resident.pem", make=lambda: self._pem)
        now = await installing.read_clock(self.rooms.trial.url)
        self.rooms.act = self._act  # type: ignore[method-assign]
        opened = await self.rooms.open(
            slug, size=CODES - RESERVE, reserve=RESERVE, begun=False, epoch=QUICK_EPOCHS, max_rev=MAX_REV,
            issues_from=now + HOUR, opens_at=now + 2 * HOUR, closes_at=now + 4 * HOUR,
        )  # fmt: skip
        return self.rooms, opened

    async def _act(self, contest_id: str, act: Act) -> None:
        """Ask for an act and attend without a pause until it is done."""
        assert self.rooms is not None, "renewed at first"
        async with self.rooms.pools["desk"].acquire() as conn:
            await asking.ask(conn, contest_id, act, by=self.rooms.rehearsal.approver)
            for _ in range(2):
                await self.rooms.attend()
            await asking.wait(conn, contest_id, act, seconds=0)

    async def _renew(self) -> None:
        await self._stack.aclose()
        name = f"model_{os.getpid()}_{secrets.token_hex(4)}"
        url = await create_database(self.server_url, name, template=self.template)
        data = make_open_folder()
        self._stack.callback(shutil.rmtree, data, ignore_errors=True)
        self._stack.push_async_callback(drop_database, self.server_url, name)
        await installing.install(url, rehearsal=True)
        self.rooms = await self._stack.enter_async_context(running_rooms(Trial(url=url, data=data)))

    def close(self) -> None:
        """Take everything away."""
        self.run(self._stack.aclose())
        self.runner.close()


def _new_pem() -> bytes:
    return new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass
class Model:
    """What a contest is, in the simplest words: who holds a token, which ballots are in, what was answered.

    Attributes:
        moment: 0 before tokens, 1 tokens, 2 tokens and ballots, 3 over.
        closed: Whether the box has ended.
        issued: By code, the body of the request that was answered.
        cast: By voter (code, seed), the body by revision.
        waiting: Ballots that are in and not sealed.
        answers: By body, the one answer that it gets.
    """

    moment: int = 0
    closed: bool = False
    issued: dict[int, bytes] = field(default_factory=dict)
    cast: dict[tuple[int, int], dict[int, bytes]] = field(default_factory=dict)
    waiting: int = 0
    answers: dict[bytes, bytes] = field(default_factory=dict)

    def issue(self, code: int, body: bytes) -> type[Refused] | None:
        """Say why a request for a token is refused; None where it is answered."""
        if self.moment not in (1, 2):
            return ContestNotOpen
        if code >= CODES - RESERVE:
            return CodeUnknown
        return None if self.issued.setdefault(code, body) == body else CodeUsed

    def take(self, voter: tuple[int, int], rev: int, body: bytes) -> type[Refused] | int | None:
        """Say why a ballot is refused (the last revision where that is the reason); None where it is promised."""
        if rev > MAX_REV:
            return InvalidCast
        known = self.cast.setdefault(voter, {})
        if known.get(rev) == body:
            return None
        if self.moment != 2:
            return ContestNotOpen
        if known and max(known) >= rev:
            return max(known)
        known[rev] = body
        self.waiting += 1
        return None

    def seal(self) -> bool:
        """Say whether the sequencer has something to do, and have it done."""
        if self.closed:
            return False
        done = self.moment == 3 or self.waiting > 0
        self.waiting, self.closed = 0, self.moment == 3
        return done


class Machine(RuleBasedStateMachine):
    """One contest from its opening to its end, in the rooms and in the model."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.rooms, self.contest = self.world.run(self.world.open())
        self.model = Model()
        keys = self.rooms.trial.keys
        self.boxes = [Box(self.rooms.pools["box"], keys("box")) for _ in range(PROCESSES)]
        self.registrars = [Registrar(self.rooms.pools["registrar"], keys("registrar")) for _ in range(PROCESSES)]
        manifest = self.contest.manifest
        self.voters = {
            (code, seed): client.Voter.new(manifest, "resident") for code in range(CODES) for seed in range(SEEDS)
        }
        self.requests: dict[tuple[int, int], bytes] = {}
        self.holders: dict[int, tuple[int, Holder]] = {}
        self.bodies: dict[tuple[int, int, int], bytes] = {}
        self.choices: dict[bytes, Choices] = {}
        self.promised: dict[bytes, int] = {}

    # -- what voters do --

    @rule(code=st.integers(0, CODES - 1), seed=st.integers(0, SEEDS - 1), process=st.integers(0, PROCESSES - 1))
    def issue(self, code: int, seed: int, process: int) -> None:
        """Ask for a token: a code's first request, the same again, or another voter's with the same code."""
        voter = self.voters[code, seed]
        if (code, seed) not in self.requests:
            secret = client.roll_secret_of(self.contest.codes[code].text, self.contest.manifest)
            (self.requests[code, seed],) = voter.issue_requests(secret)
        body = self.requests[code, seed]
        expected = self.model.issue(code, body)
        answer = self._ask(self.registrars[process].issue(self.contest.id, body))
        if expected is not None:
            assert type(answer) is expected
            return
        assert isinstance(answer, bytes)
        assert self.model.answers.setdefault(body, answer) == answer
        response = from_base64(msgspec.json.decode(answer, type=IssueAnswer).response)
        self.holders[code] = (seed, Holder(voter=voter, tokens=[voter.token(0, response)]))

    @precondition(lambda self: self.holders)
    @rule(
        data=st.data(),
        rev=st.integers(1, MAX_REV + 1),
        ranking=st.integers(0, len(RANKINGS) - 1),
        process=st.integers(0, PROCESSES - 1),
    )
    def cast(self, data: st.DataObject, rev: int, ranking: int, process: int) -> None:
        """Cast: a first ballot, the same bytes again, a lower or a higher revision, other choices."""
        code = data.draw(st.sampled_from(sorted(self.holders)))
        body = self._body(code, rev, ranking)
        self._expect_cast(code, rev, body, self._ask(self.boxes[process].cast(self.contest.id, body)))

    @precondition(lambda self: self.holders)
    @rule(data=st.data(), revs=st.tuples(*[st.integers(1, MAX_REV)] * 2), ranking=st.integers(0, len(RANKINGS) - 1))
    def cast_two_at_once(self, data: st.DataObject, revs: tuple[int, int], ranking: int) -> None:
        """Two ballots of one voter at once in two processes: as if one had come before the other, either way."""
        code = data.draw(st.sampled_from(sorted(self.holders)))
        bodies = [self._body(code, revs[0], 0), self._body(code, revs[1], ranking)]
        answers = self._ask_all(
            *(box.cast(self.contest.id, body) for box, body in zip(self.boxes, bodies, strict=True))
        )
        voter = code, self.holders[code][0]

        def would_be(order: tuple[int, int]) -> bool:
            model = copy.deepcopy(self.model)
            return all(_told(answers[at]) == model.take(voter, revs[at], bodies[at]) for at in order)

        for at in (0, 1) if would_be((0, 1)) else (1, 0):
            self._expect_cast(code, revs[at], bodies[at], answers[at])

    # -- what time and the rooms do --

    @initialize(moment=st.sampled_from([2, 2, 2, 1, 0]), asking=st.integers(0, CODES))
    def begin(self, moment: int, asking: int) -> None:
        """Begin at one moment or another, most often when everything is open and some hold a token."""
        self.move_clock(moment)
        for code in range(asking):
            self.issue(code, 0, 0)

    @rule(moment=st.sampled_from([1, 2, 2, 3]))
    def move_clock(self, moment: int) -> None:
        """Let time pass, forward only: to the tokens, to the ballots, to the end."""
        if moment <= self.model.moment:
            return
        manifest = self.contest.manifest
        to = {1: manifest.issues_from, 2: manifest.opens_at, 3: manifest.closes_at}[moment]
        self.world.run(installing.move_clock(self.rooms.trial.url, to))
        self.model.moment = moment

    @rule()
    def seal(self) -> None:
        """Let the sequencer look once: it seals what waits, and closes what is over."""
        sealed = self.world.run(self._seal())
        assert sealed is self.model.seal()
        self.world.outcomes["sealed"] += sealed

    @rule()
    def end_issuing(self) -> None:
        """Let the registrar's log look once."""
        self.world.run(self._seal_issuances())

    @rule(process=st.integers(0, PROCESSES - 1))
    def restart(self, process: int) -> None:
        """Stop a process and start it again: what it remembered is gone."""
        keys = self.rooms.trial.keys
        self.world.run(self.boxes[process].close())
        self.world.run(self.registrars[process].close())
        self.boxes[process] = Box(self.rooms.pools["box"], keys("box"))
        self.registrars[process] = Registrar(self.rooms.pools["registrar"], keys("registrar"))

    @invariant()
    def waiting_ballots_are_there(self) -> None:
        """What was promised and not sealed waits in the box, and nothing else does."""
        (row,) = self.world.run(self._fetch("SELECT count(*) FROM box.pending WHERE contest_id = $1"))
        assert row["count"] == self.model.waiting

    def teardown(self) -> None:
        """Bring the contest to its end and compare: issuances, ballots, the log, promises, and who voted for what."""
        self.world.run(installing.move_clock(self.rooms.trial.url, self.contest.manifest.closes_at))
        self.model.moment = 3
        assert self.world.run(self._seal()) is self.model.seal()
        self.world.run(self._seal_issuances())
        self.world.run(self._compare())
        self.world.run(self._put_away())
        for one in (*self.boxes, *self.registrars):
            self.world.run(one.close())

    async def _compare(self) -> None:
        contest, model = self.contest, self.model
        bodies = [body for revisions in model.cast.values() for body in revisions.values()]
        for body in bodies:
            assert await self.boxes[0].cast(contest.id, body) == model.answers[body]
        rows = await self._fetch(
            "SELECT pk, rev, ballot.digest, header, sealed, sig, epoch.include_by FROM box.ballot JOIN box.epoch"
            " ON epoch.contest_id = ballot.contest_id AND epoch.number = ballot.epoch WHERE ballot.contest_id = $1"
        )
        assert {row["digest"]: row["include_by"] for row in rows} == self.promised
        assert sorted(row["digest"] for row in rows) == sorted(digest_of(body) for body in bodies)
        epochs = await self._fetch("SELECT entries FROM box.epoch WHERE contest_id = $1 ORDER BY number")
        entries = log.split_entries(b"".join(row["entries"] for row in epochs))
        assert sorted(entry[1:] for entry in entries if entry[0] == log.BALLOT) == sorted(self.promised)
        issued = await self._fetch("SELECT requests FROM registrar.issuance WHERE contest_id = $1", room="registrar")
        requests = [msgspec.json.decode(body, type=IssueRequest).hashes for body in model.issued.values()]
        assert sorted(row["requests"] for row in issued) == sorted(map(" ".join, requests))
        key = load_pem_private_key(self.rooms.trial.keys("tallier").read(contest.id, "seal.pem"), password=None)
        sealed = {
            row["digest"]: SealedBallot(
                pk=row["pk"], rev=row["rev"], digest=row["digest"], header=row["header"], sealed=row["sealed"],
                sig=row["sig"],
            )
            for row in rows
        }  # fmt: skip
        final = [revisions[max(revisions)] for revisions in model.cast.values() if revisions]
        opened = open_ballots(contest.manifest, key, entries, sealed)  # type: ignore[arg-type]
        assert sorted(map(repr, opened.choices)) == sorted(repr(self.choices[body]) for body in final)

    async def _put_away(self) -> None:
        """Let the rooms forget a contest that is over: they look at all others at every turn."""
        for phase in ("closed", "counted"):
            async with self.rooms.pools["desk"].acquire() as conn:
                await conn.execute("UPDATE desk.contest SET phase = $2 WHERE contest_id = $1", self.contest.id, phase)

    # -- how --

    def _body(self, code: int, rev: int, ranking: int) -> bytes:
        if (code, rev, ranking) not in self.bodies:
            _, holder = self.holders[code]
            choices = Ranking(RANKINGS[ranking])
            body = holder.voter.ballot_body(choices, rev=rev, held_tokens=holder.tokens)
            self.bodies[code, rev, ranking], self.choices[body] = body, choices
        return self.bodies[code, rev, ranking]

    def _expect_cast(self, code: int, rev: int, body: bytes, answer: bytes | Refused) -> None:
        assert _told(answer) == self.model.take((code, self.holders[code][0]), rev, body)
        if isinstance(answer, bytes):
            assert self.model.answers.setdefault(body, answer) == answer
            note = msgspec.json.decode(answer, type=CastAnswer).promise.encode()
            word = promise.verify(note, self.contest.manifest.box_vkey)
            assert word.digest == digest_of(body)
            self.promised[word.digest] = word.include_by

    def _ask(self, asked: Awaitable[bytes]) -> bytes | Refused:
        return self._ask_all(asked)[0]

    def _ask_all(self, *asked: Awaitable[bytes]) -> list[bytes | Refused]:
        async def all_at_once() -> list[bytes | Refused | BaseException]:
            return await asyncio.gather(*asked, return_exceptions=True)

        answers = []
        for answer in self.world.run(all_at_once()):
            if isinstance(answer, BaseException) and not isinstance(answer, Refused):
                raise answer
            self.world.outcomes["answered" if isinstance(answer, bytes) else type(answer).__name__] += 1
            answers.append(answer)
        return answers

    async def _fetch(self, query: str, *, room: str = "box") -> list[asyncpg.Record]:
        async with self.rooms.pools[room].acquire() as conn:
            return list(await conn.fetch(query, self.contest.id))

    async def _seal(self) -> bool:
        async with self.rooms.pools["box"].acquire() as conn:
            return await sequencing.seal(conn, self.contest.id, self.rooms.trial.keys("box"))

    async def _seal_issuances(self) -> None:
        async with self.rooms.pools["registrar"].acquire() as conn:
            await issuance_log.seal(conn, self.contest.id, self.rooms.trial.keys("registrar"))


def _told(answer: bytes | Refused) -> type[Refused] | int | None:
    """Return an answer in the model's words."""
    if isinstance(answer, BallotSuperseded):
        return answer.last_rev
    return type(answer) if isinstance(answer, Refused) else None


@pytest.fixture
def world(server_url: str, template: str) -> Iterator[World]:
    """A world of our own loop."""
    made = World(server_url, template)
    yield made
    made.close()


def compare(world: World, sequences: int) -> None:
    """Draw sequences and run each in the rooms and in the model; print the seed and how much was done."""
    seed = int(os.environ.get("MODEL_SEED", secrets.randbelow(2**32)))
    machine = type("SeededMachine", (Machine,), {"world": world})
    print(f"\nmodel: seed {seed} (MODEL_SEED={seed} repeats it)", flush=True)
    run_state_machine_as_test(
        hypothesis.seed(seed)(machine),
        settings=hypothesis.settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(world.outcomes.items()))
    print(f"model: {world.sequences} sequences, 0 divergences; {told}")
    assert world.sequences >= sequences


@pytest.mark.slow
def test_the_rooms_do_what_the_model_says(world):
    """40 sequences of up to 14 acts each.

    Seen to diverge with each of these alone: no look at sealed ballots in add_ballots; ballots taken after closes_at; a
    used code answered again; the promise of a stored ballot with the deadline of the retry's epoch; last_rev the least.
    """
    compare(world, SEQUENCES)


@pytest.mark.full
@pytest.mark.slow
def test_the_rooms_do_what_the_model_says_ten_thousand_times(world):
    """10,000 sequences."""
    compare(world, SEQUENCES_FULL)
