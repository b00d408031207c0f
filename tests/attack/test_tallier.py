"""The tallier opens, judges, draws or counts wrongly.

Every test starts from an honest contest, lets one party cheat and sign again all it can sign, and names the checks
that fail.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from schemas.ballot import BallotLine, Opening
from schemas.outcome import BudgetRounds, RankedRounds
from tests import honest
from tests.attack.cheating import edit, failures, final_place, recast
from tests.honest import CLOSES, Contest, header_of
from voting import bundle
from voting.proof import canonical
from voting.proof.base64s import to_base64
from voting.verify import verify_bundle


def with_line(change: Callable[[BallotLine], BallotLine], why: str = "") -> Contest:
    """An honest contest in which the tallier tells one line otherwise."""
    contest = honest.contest()
    place = final_place(contest, why)
    contest.lines[place] = change(contest.lines[place])
    return contest


def opened(choices: str) -> Callable[[BallotLine], BallotLine]:
    """Tell other choices than those committed to."""

    def change(line: BallotLine) -> BallotLine:
        assert line.open is not None
        return edit(line, open=Opening(salt=line.open.salt, choices=choices))

    return change


@pytest.mark.parametrize(
    "change",
    [
        opened('{"ranking":["elm"]}'),
        lambda line: edit(line, open=Opening(salt="0" * 64, choices=line.open.choices)),
        lambda line: edit(line, open=None),
        lambda line: edit(line, sealed=to_base64(b"sealed")),
        lambda line: edit(line, open=None, why="invalid:seal"),
        lambda line: edit(line, open=None, why="invalid:seal", sealed=to_base64(b"sealed")),
    ],
    ids=["choices", "salt", "kept shut", "sealed text", "no sealed text", "another sealed text"],
)
def test_a_wrong_opening(change: Callable[[BallotLine], BallotLine]) -> None:
    """V13: counted choices are those that the voter committed to, and sealed text is the one that was signed."""
    assert list(failures(with_line(change).files())) == ["V13"]


def test_a_superseded_ballot_that_is_opened() -> None:
    """V13: what a voter thought better of stays shut."""
    contest = with_line(lambda line: edit(line, open=Opening(salt="0" * 64, choices="{}")), "superseded")

    assert list(failures(contest.files())) == ["V13"]


def test_a_ballot_called_superseded_that_is_final() -> None:
    """V12: the last revision counts, whatever the tallier calls it."""
    contest = with_line(lambda line: edit(line, open=None, why="superseded"))

    assert set(failures(contest.files())) == {"V12", "V13"}


@pytest.mark.parametrize(("was", "told"), [("", "form"), ("unknown", "repeated"), ("", "made_up")])
def test_a_wrong_verdict(was: str, told: str) -> None:
    """V14: a valid ballot can't be thrown out, and the reason given for an invalid one is the right one."""
    contest = with_line(lambda line: edit(line, why=f"invalid:{told}"), was and f"invalid:{was}")

    found = failures(contest.files())

    assert next(iter(found)) == "V14"
    assert f"is invalid:{told}" in found["V14"]


def test_an_invalid_ballot_that_is_counted() -> None:
    """V14: choices that the ballot rules don't allow can't be called valid."""

    def tamper(files: dict[str, bytes]) -> None:
        files[bundle.BALLOTS] = files[bundle.BALLOTS].replace(b'"why":"invalid:unknown"', b'"why":""')

    assert set(failures(honest.contest().files(tamper=tamper))) == {"V14", "V20"}


def test_sealed_text_that_can_t_be_opened() -> None:
    """A ballot with sealed text that fits nothing is shown as it is; the trust list says whose word that is."""
    contest, sealed = honest.contest(), bytes(300)
    digest = hashlib.sha256(sealed).hexdigest()
    recast(contest, lambda header: edit(header, seal=digest))
    place = next(place for place, line in enumerate(contest.lines) if header_of(line).seal == digest)
    contest.lines[place] = edit(contest.lines[place], open=None, why="invalid:seal", sealed=to_base64(sealed))

    report = verify_bundle(contest.files())

    assert any(line.startswith("tallier: that 1 ballot could not be opened") for line in report.trust)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda draw: edit(draw, drawn_at=CLOSES + 5), "final only at"),
        (lambda draw: edit(draw, secret="0" * 64), "commits to"),
        (lambda draw: edit(draw, seed="0" * 64), "does not follow"),
        (lambda draw: edit(draw, digits="0" * 20), "no digits"),
        (lambda draw: edit(draw, kind="dice20"), "the manifest says"),
    ],
    ids=["too early", "secret", "seed", "digits", "kind"],
)
def test_a_wrong_beacon(change: Callable[[Any], Any], reason: str) -> None:
    """V17: the seed is drawn after the final checkpoint, from the secret that was committed to."""
    contest = honest.contest()
    draw = change(contest.draw(contest.seed()))

    found = failures(contest.files(tamper=lambda files: files.update({bundle.BEACON: canonical.encode(draw)})))

    assert next(iter(found)) == "V17"
    assert reason in found["V17"]


def test_a_secret_that_was_not_committed_to() -> None:
    """V17: a tallier that draws another secret, and counts and signs with it, is seen by the commitment alone."""
    contest = honest.contest()
    contest.keys = replace(contest.keys, beacon=bytes(32))

    assert list(failures(contest.files())) == ["V17"]


def test_dice_are_dice() -> None:
    """V17: at level high the seed is the twenty digits of the roll."""
    contest = honest.contest(level="high")
    draw = edit(contest.draw(contest.seed()), seed="1" * 20)

    found = failures(contest.files(tamper=lambda files: files.update({bundle.BEACON: canonical.encode(draw)})))

    assert "V17" in found


def with_rounds(contest: Contest, change: Callable[[Any], Any]) -> dict[str, bytes]:
    """The bundle with another tally/rounds.json, signed again."""
    kind = RankedRounds if contest.manifest.kind == "ranked" else BudgetRounds

    def tamper(files: dict[str, bytes]) -> None:
        files[bundle.ROUNDS] = canonical.encode(change(canonical.decode(files[bundle.ROUNDS], kind)))

    return contest.files(tamper=tamper)


def test_wrong_lots() -> None:
    """V18: lots follow from the seed, all of them, in the manifest's order."""
    contest = honest.contest()
    for change in (lambda one: edit(one, lots=one.lots[::-1]), lambda one: edit(one, lots=one.lots[1:])):
        assert list(failures(with_rounds(contest, change))) == ["V18"]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: edit(one, rounds=(edit(one.rounds[0], exhausted="1"), *one.rounds[1:])),
        lambda one: edit(one, rounds=(edit(one.rounds[0], tally=one.rounds[0].tally[::-1]), *one.rounds[1:])),
        lambda one: edit(one, rounds=one.rounds[:-1]),
        lambda one: edit(one, rounds=()),
        lambda one: edit(one, draws=()),
        lambda one: edit(one, quota="3"),
        lambda one: edit(one, smith=("elm",)),
        lambda one: edit(one, condorcet_winner=None),
        lambda one: edit(one, method="irv/2"),
        lambda one: edit(one, ctx="0" * 64),
    ],
)
def test_a_changed_round(change: Callable[[Any], Any]) -> None:
    """V19: every number of every round is counted again."""
    assert list(failures(with_rounds(honest.contest(), change))) == ["V19"]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: edit(one, rounds=(edit(one.rounds[0], left=1), *one.rounds[1:])),
        lambda one: edit(one, rounds=(edit(one.rounds[0], decision="skipped"), *one.rounds[1:])),
        lambda one: edit(one, scores=("9", *one.scores[1:])),
        lambda one: edit(one, scores=msgspec.UNSET),
    ],
)
def test_a_changed_budget_round(change: Callable[[Any], Any]) -> None:
    """V19: the same for money."""
    assert list(failures(with_rounds(honest.contest("budget"), change))) == ["V19"]


def test_the_round_at_fault_is_named() -> None:
    """V19 says in which round, and what in it, another count differs."""
    files = with_rounds(
        honest.contest(),
        lambda one: edit(one, rounds=(one.rounds[0], edit(one.rounds[1], exhausted="9"), one.rounds[2])),
    )

    assert failures(files)["V19"] == "round 2 counted again differs in: exhausted"
