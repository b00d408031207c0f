"""Sealing an epoch: the order of arrival ends, nothing is lost at the end, and a machine that errs signs nothing."""

import asyncio
import hashlib
import secrets

import asyncpg
import msgspec
import pytest

from schemas.contest import EpochRules
from service import epochs, installing
from service.box import casting, sequencing
from service.box.casting import Box
from service.client import Voter
from service.refusals import ContestNotOpen, TooBusy
from service.registrar.issuing import load_signer
from service.registrar.signer import BlindSigner
from tests.service.box.test_casting import digest_of
from tests.service.trial import HOST, QUICK_EPOCHS, Holder, Opened, Rooms, rewrite_function
from voting.errors import InvalidProof
from voting.proof import checkpoint, log, merkle, note, tokens

ARRIVALS = 400
CORRELATION_MAX = 0.2
"""Four standard deviations of the rank correlation of 400 pairs in random order, 1 / sqrt(399) each."""


def correlation(order: list[int]) -> float:
    """Spearman's rank correlation of a permutation of 0..n-1 with the order 0..n-1."""
    n = len(order)
    assert sorted(order) == list(range(n))
    return 1 - 6 * sum((place - one) ** 2 for place, one in enumerate(order)) / (n * (n * n - 1))


async def arrive(rooms: Rooms, contest_id: str, number: int = ARRIVALS) -> list[bytes]:
    """Put ballots into the box one by one, each in a transaction of its own; return their digests as they came."""
    digests = [hashlib.sha256(secrets.token_bytes(32)).digest() for _ in range(number)]
    async with rooms.pools["box"].acquire() as conn:
        for digest in digests:
            await conn.execute(
                "INSERT INTO box.pending (contest_id, pk, rev, digest, header, sealed, sig)"
                " VALUES ($1, $2, 1, $3, '', '', $4)",
                contest_id, digest, digest, bytes(64),
            )  # fmt: skip
    return digests


async def seal(rooms: Rooms, contest_id: str) -> bool:
    """Look once whether an epoch is due."""
    async with rooms.pools["box"].acquire() as conn:
        return await sequencing.seal(conn, contest_id, rooms.trial.keys("box"))


@pytest.fixture
async def sealed(own_rooms):
    """400 ballots that came one after the other, sealed in one epoch: the rooms, the contest, digests by arrival."""
    contest = await own_rooms.open("order", epoch=QUICK_EPOCHS)
    digests = await arrive(own_rooms, contest.id)
    assert await seal(own_rooms, contest.id)
    return own_rooms, contest, digests


async def test_no_order_says_who_came_when(sealed):
    """Neither the log, nor the table as it lies on disk, nor transaction numbers tell the order of arrival.

    Seen to fail: the table without ORDER BY in move_pending; the log without the shuffle, which then is sorted.
    """
    rooms, contest, digests = sealed
    arrived = {digest: place for place, digest in enumerate(digests)}
    (epoch,) = await rooms.fetch("SELECT entries FROM box.epoch WHERE contest_id = $1 AND number = 1", contest.id)
    logged = [entry[1:] for entry in log.split_entries(epoch["entries"])]
    on_disk = await rooms.fetch(
        "SELECT digest, xmin::text FROM box.ballot WHERE contest_id = $1 ORDER BY ctid", contest.id
    )
    lying = [row["digest"] for row in on_disk]

    assert abs(correlation([arrived[digest] for digest in logged])) < CORRELATION_MAX
    assert abs(correlation([arrived[digest] for digest in lying])) < CORRELATION_MAX
    assert lying == sorted(digests)
    by_digest = {digest: place for place, digest in enumerate(sorted(digests))}
    assert abs(correlation([by_digest[digest] for digest in logged])) < CORRELATION_MAX
    assert len({row["xmin"] for row in on_disk}) == 1


async def test_nothing_of_the_waiting_table_is_left(sealed):
    """The partition is truncated: no rows, and no pages on disk that held them.

    Seen to fail with DELETE in the place of TRUNCATE.
    """
    rooms, contest, _ = sealed
    name = "box.pending_" + hashlib.md5(contest.id.encode(), usedforsecurity=False).hexdigest()
    (size,) = await rooms.fetch("SELECT pg_relation_size($1::text::regclass) AS bytes", name)

    assert size["bytes"] == 0
    assert await rooms.fetch("SELECT FROM box.pending") == []


async def test_a_checkpoint_covers_all_that_was_logged(sealed):
    """The published checkpoint is signed by log and time key, and its root is that of manifest and ballots."""
    rooms, contest, _ = sealed
    rows = await rooms.fetch("SELECT entries, checkpoint FROM box.epoch ORDER BY number")
    entries = [entry for row in rows for entry in log.split_entries(row["entries"])]
    (public,) = await rooms.fetch("SELECT body FROM published.file WHERE name = 'log/checkpoint'")

    point, signed = log.read_checkpoint(
        public["body"], origin=contest.manifest.log_origin, log_vkey=contest.manifest.log_vkey,
        others=(contest.manifest.log_time_vkey,),
    )  # fmt: skip

    assert public["body"] == rows[-1]["checkpoint"]
    assert point.size == len(entries) == 1 + ARRIVALS
    assert point.root == merkle.root([merkle.leaf_hash(entry) for entry in entries])
    assert len(signed.times) == 1
    assert entries[0] == log.entry(log.STATEMENT, contest.ctx)


async def test_two_sequencers_seal_one_epoch(own_rooms):
    """Ten processes look at the same moment: one seals, the others find nothing to do."""
    contest = await own_rooms.open("twins", epoch=QUICK_EPOCHS)
    for number in range(1, 4):
        await arrive(own_rooms, contest.id, 5)

        done = await asyncio.gather(*(seal(own_rooms, contest.id) for _ in range(10)))

        assert done.count(True) == 1
        epochs_now = await own_rooms.fetch("SELECT number, size FROM box.epoch ORDER BY number")
        assert [(row["number"], row["size"]) for row in epochs_now] == [(n, 1 + 5 * n) for n in range(number + 1)]


async def test_a_machine_that_errs_signs_nothing(own_rooms, monkeypatch):
    """One bit flipped in one of the two computations of the root: no epoch, no checkpoint, the ballots wait on.

    Seen to fail without the comparison in epochs.extend.
    """
    contest = await own_rooms.open("flip", epoch=QUICK_EPOCHS)
    await arrive(own_rooms, contest.id, 3)
    right = merkle.Frontier.root

    with monkeypatch.context() as patch:
        patch.setattr(merkle.Frontier, "root", lambda tree: bytes([right(tree)[0] ^ 1]) + right(tree)[1:])
        with pytest.raises(InvalidProof, match="makes errors"):
            await seal(own_rooms, contest.id)
    assert len(await own_rooms.fetch("SELECT FROM box.pending")) == 3
    assert len(await own_rooms.fetch("SELECT FROM box.epoch")) == 1

    assert await seal(own_rooms, contest.id)
    assert len(await own_rooms.fetch("SELECT FROM box.epoch")) == 2


@pytest.mark.parametrize("before", [0, 1, 2, 3, 7, 8, 64, 65])
def test_an_extended_log_is_consistent_with_the_one_before(before):
    """Appending 0 to 5 entries gives the root of all of them, and a proof that the log before is its beginning."""
    signer = sequencing.Signer(secret=bytes(32), name="log.example/log/x")
    entries = [log.entry(log.BALLOT, hashlib.sha256(bytes([n])).digest()) for n in range(before + 5)]
    leaves = [merkle.leaf_hash(entry) for entry in entries]

    for size in range(before, before + 6):
        made, body = epochs.extend(
            [b"".join(entries[:before])], entries[before:size], signer=signer, entry_size=log.ENTRY_SIZE, at=7
        )
        point = checkpoint.parse(note.split(body)[0])
        assert (made, point.size) == (size, size)
        assert point.root == merkle.root(leaves[:size])


def test_a_shuffle_loses_nothing_and_is_never_the_same():
    """200 entries in two draws: the same entries, another order each time."""
    entries = [bytes([n]) for n in range(200)]

    first, second = epochs.shuffled(iter(entries)), epochs.shuffled(entries)

    assert sorted(first) == sorted(second) == entries
    assert first != second
    assert first != entries


@pytest.mark.parametrize(
    ("waiting", "age", "due"),
    [
        (0, 10**6, False),  # an empty epoch makes no checkpoint
        (49, 3600, False),
        (50, 3599, False),
        (50, 3600, True),
        (1, 86400 - 61, False),
        (1, 86400 - 60, True),  # a minute before the promise is due
        (1, 86400, True),
    ],
)
def test_an_epoch_is_due_by_number_or_by_age(waiting, age, due):
    """Protocol section 9: enough ballots after min_s; any ballot in time to keep the promise of max_s."""
    rules = EpochRules(min_batch=50, min_s=3600, max_s=86400)

    assert epochs.is_due(rules, waiting=waiting, started_at=1000, now=1000 + age) is due


async def test_promises_are_kept_by_a_sequencer_that_looks_now_and_then(own_rooms):
    """A ballot that came in the last second of its epoch is logged, by the log's own clock, when the promise says.

    Seen to fail when epochs end at max_s to the second.
    """
    rules = EpochRules(min_batch=10_000, min_s=0, max_s=80)
    contest = await own_rooms.open("in-time", size=1, epoch=rules)
    holder = await own_rooms.holder(contest)
    answer = await own_rooms.box.cast(contest.id, holder.ballot())
    word = casting.promise.verify(msgspec.json.decode(answer)["promise"].encode(), contest.manifest.box_vkey)
    now = await installing.read_clock(own_rooms.trial.url)

    for moment in range(now, word.include_by + 10, 3):  # a look every three seconds, and the last one too late
        await installing.move_clock(own_rooms.trial.url, moment)
        await seal(own_rooms, contest.id)

    (row,) = await own_rooms.fetch("SELECT checkpoint FROM box.epoch WHERE number = 1")
    _, signed = log.read_checkpoint(
        row["checkpoint"], origin=contest.manifest.log_origin, log_vkey=contest.manifest.log_vkey,
        others=(contest.manifest.log_time_vkey,),
    )  # fmt: skip
    assert max(signed.times.values()) <= word.include_by


# -- the closing race -------------------------------------------------------------------------------------

ROUNDS, ROUNDS_FULL = 25, 1000
CASTS = 24


class Race:
    """Many short contests, each closed while ballots come in."""

    def __init__(self, rooms: Rooms, parent: Opened) -> None:
        self.rooms, self.parent = rooms, parent
        self.keys = rooms.trial.keys("box")
        self.signer: BlindSigner = load_signer(rooms.trial.keys("registrar"), parent.id, "resident")
        self.number = 0
        self.promised = self.lost = self.after = 0

    async def run(self) -> None:
        """Run one round: casts from four boxes, and the end at some moment among them."""
        contest, holders = await self._begin()
        bodies = [holder.ballot() for holder in holders]
        boxes = [Box(self.rooms.pools["box"], self.keys) for _ in range(4)]
        acknowledged: set[bytes] = set()
        begun = asyncio.Event()

        async def cast(box: Box, body: bytes) -> None:
            try:
                await box.cast(contest.slug, body)
            except (ContestNotOpen, TooBusy):
                return
            acknowledged.add(digest_of(body))
            begun.set()

        async def end() -> None:
            await asyncio.wait_for(begun.wait(), 20)
            await asyncio.sleep(secrets.randbelow(10) / 1000)
            await installing.move_clock(self.rooms.trial.url, contest.closes_at)
            conn = await asyncpg.connect(self.rooms.trial.url, server_settings={"role": "weighin_box"})
            try:
                assert await sequencing.seal(conn, contest.slug, self.keys)
            finally:
                await conn.close()

        await asyncio.gather(end(), *(cast(boxes[at % 4], body) for at, body in enumerate(bodies)))
        for box in boxes:
            await box.close()
        rows = await self.rooms.fetch("SELECT entries FROM box.epoch WHERE contest_id = $1", contest.slug)
        logged = {entry[1:] for row in rows for entry in log.split_entries(row["entries"]) if entry[0] == log.BALLOT}
        self.promised += len(acknowledged)
        self.lost += len(acknowledged - logged)
        self.after += len(await self.rooms.fetch("SELECT FROM box.pending WHERE contest_id = $1", contest.slug))

    async def _begin(self):
        """Begin a contest that differs from its parent in name and hours, and make voters with tokens for it."""
        self.number += 1
        slug = f"race-{self.number}"
        now = await installing.read_clock(self.rooms.trial.url)
        log_key = sequencing.log_signer(self.keys, slug, HOST)
        manifest = msgspec.structs.replace(
            self.parent.manifest,
            slug=slug,
            opens_at=now,
            closes_at=now + 100,
            box_vkey=self.keys.signer(slug, "promise.key", name=f"{HOST}/promise").vkey,
            log_origin=log_key.name,
            log_vkey=log_key.vkey,
            log_time_vkey=log_key.time_vkey,
        )
        # Handing in takes a contest of the desk's; only this line differs from the service's own way.
        await self._add_desk_contest(slug)
        async with self.rooms.pools["box"].acquire() as conn:
            assert await sequencing.begin(conn, slug, manifest, self.keys)
        holders = []
        for _ in range(CASTS):
            voter = Voter.new(manifest, "resident")
            spki = self.signer.spki
            token = voter.token(0, self.signer.sign(tokens.read_request(voter.token_request(0), spki)))
            holders.append(Holder(voter=voter, tokens=[token]))
        return manifest, holders

    async def _add_desk_contest(self, slug: str) -> None:
        conn = await asyncpg.connect(self.rooms.trial.url)
        try:
            await conn.execute(
                "INSERT INTO desk.contest (contest_id, draft, author) SELECT $1, draft, author FROM desk.contest"
                " WHERE contest_id = $2",
                slug,
                self.parent.id,
            )
        finally:
            await conn.close()


_SLOW_DISK = """
CREATE FUNCTION box.take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.02 * random());
    RETURN NULL;
END $$;
CREATE TRIGGER take_time AFTER INSERT ON box.pending FOR EACH ROW EXECUTE FUNCTION box.take_time();
GRANT EXECUTE ON FUNCTION box.take_time() TO weighin_box;
"""


@pytest.fixture
async def race(own_rooms, monkeypatch):
    """A race whose casts go one by one, so that there are many transactions, on a disk that takes its time."""
    monkeypatch.setattr(casting, "BATCH_MAX", 1)
    conn = await asyncpg.connect(own_rooms.trial.url)
    await conn.execute(_SLOW_DISK)
    await conn.close()
    return Race(own_rooms, await own_rooms.open("parent", lasts=400 * 86400))


@pytest.mark.slow
async def test_the_end_loses_no_promised_ballot_and_lets_none_in_behind(race):
    """25 contests end among 24 casts each: every promised ballot is in the log, and no row comes after the close."""
    await run_rounds(race, ROUNDS)


@pytest.mark.full
@pytest.mark.slow
async def test_the_end_a_thousand_times(race):
    """1,000 contests."""
    await run_rounds(race, ROUNDS_FULL)


async def run_rounds(race: Race, rounds: int) -> None:
    """Run the race so many times, and print what came of it."""
    for _ in range(rounds):
        await race.run()
    print(
        f"\nclosing race, {rounds} rounds: {race.promised} promised, {race.lost} stranded, {race.after} after the end"
    )
    assert race.promised > rounds
    assert (race.lost, race.after) == (0, 0)


@pytest.mark.slow
async def test_without_the_shared_lock_ballots_are_lost(race):
    """The race above can fail: with FOR SHARE taken out of add_ballots it does, mostly in its first round."""
    await rewrite_function(race.rooms.trial.url, "box.add_ballots", "FOR SHARE OF c", "")

    for _ in range(3 * ROUNDS):
        await race.run()
        if race.lost or race.after:
            return
    pytest.fail(f"{race.promised} ballots in {3 * ROUNDS} rounds without the lock, and none was lost")
