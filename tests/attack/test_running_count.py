"""Attacks on the secret of the ballot, on the draw and on the count, carried out on a running service.

As in test_running.py: one town, one service, each attack as it ends with the service as it is, and again where exactly
the check against it is gone.
"""

import hashlib
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from schemas.ballot import Header, Ranking
from schemas.contest import Manifest, Option, RankingRules
from schemas.log import BeaconDraw
from service import client
from service.refusals import WrongPhase
from tests.attack.insiders import ask, header_in, seal_without_dice, write_draw
from tests.attack.town import Answer, Town, as_room, lines, post, rejections, secret_of, verify_without, votes
from tests.conftest import run_apart
from tests.service.conftest import make_trial
from tests.service.trial import HOUR, QUICK_EPOCHS, Holder, Opened
from voting import bundle, verify
from voting.proof import ballot, canonical, checkpoint, log, note
from voting.proof.base64s import from_base64
from voting.ties import lot_order

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="the server must fork its workers")]

SIZES = {"nine": 3, "tied": 5, "ground": 5, "early": 2, "chosen": 2, "engines": 6}
"""How many codes each contest has. Two options tie in `tied`, `ground`, `early` and `chosen`."""
NINE = tuple(f"o{number}" for number in range(1, 10))
PAIR = ("ash", "elm")
WANTED = "elm"
"""Whom the grinder wants to win the tie."""
REVISIONS = 60


@pytest.fixture(scope="module")
def town(server_url: str, template: str) -> Iterator[Town]:
    """A town with the service as it is; ended with all services that ran there."""
    for trial in make_trial(server_url, template):
        made = Town(url=trial.url, data=trial.data / "data")
        try:
            made.run(())
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def contests(town: Town) -> dict[str, Opened]:
    """The contests, all open; what is cast in `nine` is in the log at once."""
    nine = {
        "options": tuple(Option(id=option) for option in NINE),
        "ballot": RankingRules(max_ranks=3, equal=False),
        "epoch": QUICK_EPOCHS,
    }
    pair = {
        "options": tuple(Option(id=option) for option in PAIR),
        "ballot": RankingRules(max_ranks=2, equal=False),
        "max_rev": REVISIONS,
    }
    return run_apart(town.open(SIZES, nine=nine, tied=pair, ground=pair, early=pair, chosen=pair))


# -- 5: a commitment to a ranking of three is opened by trying them all ----------------------------------


RANKINGS = [
    canonical.encode(Ranking(ranking)) for depth in (1, 2, 3) for ranking in itertools.permutations(NINE, depth)
]
"""All 585 of nine options."""
VOTED = Ranking(("o7", "o2", "o5"))


@dataclass(frozen=True)
class Unsalted(client.Voter):
    """A client without the dice: the salt of its commitment is always the same."""

    def derive(self, label: bytes, size: int) -> bytes:
        """Return what is derived from the seed, but for the salt."""
        return bytes(size) if label.startswith(b"salt") else super().derive(label, size)


@dataclass(frozen=True)
class Insight:
    """What the box holds of one ballot while the contest is open, and what of it is published by then."""

    manifest: Manifest
    header: Header
    digest: bytes
    sealed: bytes
    sig: bytes
    entries: bytes
    root: bytes

    @property
    def known(self) -> dict[str, Any]:
        """What goes into the commitment and is no secret."""
        return {"ctx": bytes.fromhex(self.header.ctx), "pk": bytes.fromhex(self.header.pk), "rev": self.header.rev}

    def committed(self) -> list[bytes]:
        """Return every ranking that fits the commitment under a salt that can be guessed from what is known."""
        commit, (token,) = bytes.fromhex(self.header.commit), self.header.tok
        salts = {
            bytes(32), self.known["ctx"], self.known["pk"], commit, self.digest, self.root,
            bytes.fromhex(self.header.seal), self.sealed[:32], self.sealed[1:33], self.sealed[33:65],
            self.sealed[65:97], self.sealed[-32:], self.sig[:32], self.sig[32:],
            hashlib.sha256(from_base64(token)).digest(), self.entries[1:33],
        }  # fmt: skip
        return [
            words
            for salt, words in itertools.product(salts, RANKINGS)
            if ballot.commitment(**self.known, salt=salt, choices=words) == commit
        ]

    def sealed_again(self) -> list[bytes]:
        """Return every ranking that gives this very text when it is sealed again, without salt and dice."""
        info = ballot.seal_info(**self.known, commit=bytes.fromhex(self.header.commit))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64(self.manifest.seal_key))
        found = []
        for words in RANKINGS:
            text = ballot.plaintext(bytes(32), words, self.manifest.pad)
            if self.sealed in (seal_without_dice(text, key, info), ballot.SUITE.encrypt(text, key, info)):
                found.append(words)
        return found


@pytest.fixture(scope="module")
def insights(town: Town, contests: dict[str, Opened]) -> dict[str, Insight]:
    """Three voters rank the same: by the client as it is, by one without salt, by one without salt and dice."""
    opened = contests["nine"]
    headers = {
        "as it is": header_in(vote(town, opened, 0, client.Voter)),
        "no salt": header_in(vote(town, opened, 1, Unsalted)),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ballot, "SUITE", SimpleNamespace(encrypt=seal_without_dice))
        headers["no salt, no dice"] = header_in(vote(town, opened, 2, Unsalted))
    point = wait_for_log(town, opened.id, size=4)
    epochs = [town.file(opened.id, f"log/epoch/{number}") for number in (1, 2, 3)]
    entries = b"".join(epoch.content for epoch in epochs if epoch.is_success)
    return {
        what: Insight(
            manifest=opened.manifest, header=header, entries=entries, root=point.root,
            **run_apart(read_row(town, opened.id, header.pk)),
        )
        for what, header in headers.items()
    }  # fmt: skip


def vote(town: Town, opened: Opened, number: int, kind: type[client.Voter]) -> bytes:
    """Vote by a kind of client, through the front door; return the body of the cast."""
    voter = kind.new(opened.manifest, "resident")
    held = run_apart(ask(town.base_url, voter, secret_of(opened, number)))
    body = voter.ballot_body(VOTED, rev=1, held_tokens=held)
    assert post(town.base_url, opened.id, "ballots", body).said == "201"
    return body


async def read_row(town: Town, contest_id: str, pk: str) -> dict[str, bytes]:
    """Read a sealed ballot as whoever sits in the box can."""
    async with as_room(town.url, "box") as conn:
        row = await conn.fetchrow(
            "SELECT digest, sealed, sig FROM box.ballot WHERE contest_id = $1 AND pk = $2",
            contest_id,
            bytes.fromhex(pk),
        )
    assert row is not None, "the ballot is in the box"
    return dict(row)


def wait_for_log(town: Town, contest_id: str, *, size: int) -> checkpoint.Checkpoint:
    """Wait until the published checkpoint covers so many entries, and return it."""
    for _ in range(200):
        point = checkpoint.parse(note.split(town.file(contest_id, "log/checkpoint").content)[0])
        if point.size >= size:
            return point
        time.sleep(0.05)
    raise AssertionError(f"the log of {contest_id} did not come to {size} entries")


def test_a_ranking_of_three_is_not_found_by_trying_all(insights: dict[str, Insight]) -> None:
    """With all that is published while the contest is open, and all that the box holds: none of 585 rankings fits.

    A client that leaves out the salt is taken by the box like any other, since nobody can see that from outside; what
    it committed to is found by trying. One that leaves out the dice of sealing too is found by the sealed text as well.
    """
    assert len(RANKINGS) == 585
    for insight in insights.values():
        assert insight.digest in insight.entries, "this is the ballot that the log has"
        assert not any(hashlib.sha256(words).digest() in insight.entries for words in RANKINGS)

    found = {what: (insight.committed(), insight.sealed_again()) for what, insight in insights.items()}

    voted = [canonical.encode(VOTED)]
    assert found == {"as it is": ([], []), "no salt": (voted, []), "no salt, no dice": (voted, voted)}


def test_all_three_were_opened_after_the_end(tars: dict[str, bytes]) -> None:
    """What was tried was what counts: the tallier opened all three, also the one that was sealed without dice."""
    assert [choices for _, choices in lines(tars["nine"])] == [VOTED] * 3


# -- 6: a tie seed made from the number of ballots is ground one ballot at a time ------------------------


def naive_seed(ballots: int) -> str:
    """A seed that anyone can foresee."""
    return hashlib.sha256(str(ballots).encode()).hexdigest()


def winner(opened: Opened, seed: str) -> str:
    """Return who wins the tie under a seed."""
    return lot_order(PAIR, ctx=opened.ctx, seed=seed)[0]


@dataclass(frozen=True)
class Ground:
    """What a grinder did: how many empty revisions they cast, and the seeds that they hoped for."""

    casts: int
    seeds: tuple[str, ...]
    answers: tuple[Answer, ...]


def grind(town: Town, opened: Opened) -> Ground:
    """Two vote for ash and two for elm; a fifth casts empty ballots until the number of ballots pleases."""
    *others, grinder = run_apart(town.holders(opened, range(5)))
    for number, holder in enumerate(others):
        town.cast(holder, PAIR[number % 2])
    casts = next(more for more in range(1, REVISIONS + 1) if winner(opened, naive_seed(4 + more)) == WANTED)
    answers = [post(town.base_url, opened.id, "ballots", empty_ballot(grinder, rev)) for rev in range(1, casts + 1)]
    return Ground(casts, tuple(naive_seed(number) for number in range(4, 5 + REVISIONS)), tuple(answers))


def empty_ballot(holder: Holder, rev: int) -> bytes:
    """A ballot that changes nothing but the number of ballots."""
    return holder.voter.ballot_body(Ranking(()), rev=rev, held_tokens=holder.tokens)


@pytest.fixture(scope="module")
def tied(town: Town, contests: dict[str, Opened]) -> Ground:
    """A tie that is ground, and a tallier who does not care."""
    return grind(town, contests["tied"])


@pytest.fixture(scope="module")
def ground(town: Town, contests: dict[str, Opened]) -> Ground:
    """A tie that is ground, and a tallier who draws as the grinder hopes."""
    return grind(town, contests["ground"])


@pytest.fixture(scope="module")
def before_the_end(town: Town, contests: dict[str, Opened], tied: Ground) -> dict[str, str]:
    """What the service says about the draw while ballots come in."""
    said = {"beacon.json": str(town.file("tied", "beacon.json").status_code)}
    with pytest.raises(WrongPhase) as refusal:
        run_apart(town.rehearsal.act("tied", "draw"))
    return said | {"draw": str(refusal.value)}


# -- the rest of the day ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ballots(town: Town, contests: dict[str, Opened]) -> None:
    """What is cast where nobody attacks the casting: ties, and three kinds of ballots for two engines to count."""
    for slug in ("early", "chosen"):
        for holder, option in zip(run_apart(town.holders(contests[slug], range(2))), PAIR, strict=True):
            town.cast(holder, option)
    for number, holder in enumerate(run_apart(town.holders(contests["engines"], range(6)))):
        town.cast(holder, ("ash", "elm", "ash", "elm", "ash", "oak")[number])


@pytest.fixture(scope="module")
def refused(
    town: Town, contests: dict[str, Opened], insights: dict[str, Insight], tied: Ground, ground: Ground,
    before_the_end: dict[str, str], ballots: None,
) -> dict[str, str]:  # fmt: skip
    """Why a contest was not published, by contest. The talliers of three of them draw as they should not.

    All but `engines` are for the service as it is; for `engines` the tallier's plain engine loses a ballot.
    """
    run_apart(town.close(contests))
    for slug, draw in draws(town, contests).items():
        run_apart(write_draw(town.url, slug, draw))
    assert run_apart(town.act("draw", list(contests))) == {}
    found = run_apart(town.act("publish", [slug for slug in contests if slug != "engines"]))
    town.stop()
    town.run(["plain_engine_loses"])
    return found | run_apart(town.act("publish", ["engines"]))


def draws(town: Town, contests: dict[str, Opened]) -> dict[str, BeaconDraw]:
    """What dishonest talliers hand in before they are asked to draw; each holds its secret in its key folder."""
    keys = town.keys("tallier")
    digests = {slug: logged(town, slug) for slug in contests}
    secret = {slug: keys.secret(slug, "beacon.secret") for slug in contests}
    closes_at = max(one.manifest.closes_at for one in contests.values())

    def draw(slug: str, seed: str, drawn_at: int, one: bytes) -> BeaconDraw:
        return BeaconDraw(kind="reveal", secret=one.hex(), drawn_at=drawn_at, seed=seed)

    def right_seed(slug: str, one: bytes) -> str:
        return log.reveal_seed(one, ctx=contests[slug].ctx, digests=digests[slug])

    pleasing = next(
        one
        for one in (number.to_bytes(32, "big") for number in itertools.count())
        if winner(contests["chosen"], right_seed("chosen", one)) == WANTED
    )
    return {
        "ground": draw("ground", naive_seed(len(digests["ground"])), closes_at + HOUR, secret["ground"]),
        "early": draw("early", right_seed("early", secret["early"]), closes_at - HOUR, secret["early"]),
        "chosen": draw("chosen", right_seed("chosen", pleasing), closes_at + 300 * HOUR, pleasing),
    }


def logged(town: Town, contest_id: str) -> list[bytes]:
    """Return the digests of all ballots in a contest's published log."""
    entries = log.split_entries(town.file(contest_id, "log/entries.bin").raise_for_status().content)
    return [entry[1:] for entry in entries if entry[0] == log.BALLOT]


@pytest.fixture(scope="module")
def tars(town: Town, contests: dict[str, Opened], refused: dict[str, str]) -> dict[str, bytes]:
    """All bundles: by a desk that does not look, and for `engines` by a tallier that compares nothing either."""
    town.stop()
    (address,) = town.run(["no_look_at_the_bundle", "fast_engine_loses", "engines_may_differ"])
    assert run_apart(town.act("publish", list(refused))) == {}
    return {slug: town.bundle(slug, address) for slug in contests}


def test_a_grinder_can_not_foresee_the_seed(
    town: Town, contests: dict[str, Opened], before_the_end: dict[str, str], tied: Ground, tars: dict[str, bytes]
) -> None:
    """The seed follows from a secret that is revealed after the close: no number of ballots gives it.

    While ballots come in there is no draw, and the manifest's commitment tells nothing: under secrets that it could be
    made from, either wins. What is drawn is that secret with the set of ballots, whoever gains by it.
    """
    opened = contests["tied"]
    assert before_the_end["beacon.json"] == "404"
    assert "is open; to draw it must be closed" in before_the_end["draw"]
    files = bundle.read_tar(tars["tied"])
    draw: BeaconDraw = canonical.decode(files[bundle.BEACON], BeaconDraw)
    digests = [entry[1:] for entry in log.split_entries(files[bundle.LOG_ENTRIES]) if entry[0] == log.BALLOT]
    assert len(digests) == 4 + tied.casts
    assert draw.seed not in tied.seeds
    assert isinstance(draw.secret, str)
    assert hashlib.sha256(bytes.fromhex(draw.secret)).hexdigest() == opened.manifest.beacon.commit
    assert draw.seed == log.reveal_seed(bytes.fromhex(draw.secret), ctx=opened.ctx, digests=digests)
    under = {
        winner(opened, log.reveal_seed(number.to_bytes(32, "big"), ctx=opened.ctx, digests=digests))
        for number in range(64)
    }
    assert under == set(PAIR)
    report = verify.verify_bundle(tars["tied"])
    assert report.elected == (winner(opened, draw.seed),)


def test_a_seed_made_from_the_number_of_ballots_is_rejected(
    contests: dict[str, Opened], ground: Ground, refused: dict[str, str], tars: dict[str, bytes]
) -> None:
    """V17: the tallier draws what the grinder ground for. Without V17 the grinder wins, within a few ballots."""
    assert {answer.said for answer in ground.answers} == {"201"}
    assert ground.casts <= 20
    assert refused["ground"].endswith("failed: V17 beacon")
    assert rejections(tars["ground"]) == {"V17": "the seed does not follow from the secret and the logged ballots"}
    assert verify_without("V17", tars["ground"]).elected == (WANTED,)
    assert votes(tars["ground"]) == {"ash": 2, "elm": 2}


def test_a_seed_that_was_drawn_too_early_is_rejected(refused: dict[str, str], tars: dict[str, bytes]) -> None:
    """V17: the right secret and the right ballots, drawn an hour before the log was final. Without V17: passed."""
    assert refused["early"].endswith("failed: V17 beacon")
    found = rejections(tars["early"])
    assert list(found) == ["V17"]
    assert "but the log was final only at" in found["V17"]
    assert verify_without("V17", tars["early"]).result == "passed"


def test_a_secret_that_was_chosen_late_is_rejected(refused: dict[str, str], tars: dict[str, bytes]) -> None:
    """V17: a tallier that waits, tries secrets, and reveals one that pleases, not the one committed to.

    Without V17 the option that pleases wins the tie.
    """
    assert refused["chosen"].endswith("failed: V17 beacon")
    assert rejections(tars["chosen"]) == {"V17": "the revealed secret is not the one the manifest commits to"}
    assert verify_without("V17", tars["chosen"]).elected == (WANTED,)


# -- two engines -----------------------------------------------------------------------------------------


def test_engines_that_disagree_stop_the_result(refused: dict[str, str], tars: dict[str, bytes]) -> None:
    """A plain engine that loses a ballot: the tallier refuses to count, and there is no result.

    A fast engine that loses it, and nobody who compares: published, and V19 counts again. Without V19 a count of five
    ballots passes for six.
    """
    assert refused["engines"].startswith("the tallier says: two engines disagree on 'engines'")
    assert votes(tars["engines"]) == {"ash": 3, "elm": 2, "oak": 1}
    found = rejections(tars["engines"])
    assert list(found) == ["V19"]
    assert "counted again differs in" in found["V19"]
    assert verify_without("V19", tars["engines"]).result == "passed"


def test_contests_that_were_attacked_are_those_refused(refused: dict[str, str]) -> None:
    """The desk that refused the others published what nobody attacked, or what no attack could move."""
    assert set(refused) == {"ground", "early", "chosen", "engines"}
