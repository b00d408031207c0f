"""The log forks, forges, reopens or hides; the authority's notices are part of it.

Every test starts from an honest contest, lets one party cheat and sign again all it can sign, and names the checks
that fail.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from schemas.ballot import Ranking
from schemas.contest import (
    CancelNotice,
    ExtendNotice,
)
from schemas.log import Close
from tests import honest
from tests.attack.cheating import edit, failures, final_place
from tests.honest import CLOSES, OPENS, Contest, digest_of, header_of
from voting import bundle
from voting.proof import log, note, statement
from voting.proof.base64s import from_base64
from voting.proof.statement import Signer


def test_a_fork_is_seen_by_whoever_was_shown_the_other_log() -> None:
    """V5: a checkpoint from elsewhere, of another history or longer than this one, convicts the log."""
    contest, other = honest.contest(), honest.contest()
    other.lines.pop()
    other.relog()
    files = contest.files()
    shown = other.files()[bundle.LOG_CHECKPOINT]
    entries = [entry for epoch in contest.epochs for entry in epoch]
    longer = contest.checkpoint([*entries, bytes(33)], contest.keys.log, at=CLOSES + 9)

    assert list(failures(files, checkpoints=[shown])) == ["V5"]
    assert "fork" in failures(files, checkpoints=[shown])["V5"]
    assert "fork" in failures(files, checkpoints=[longer])["V5"]


def test_a_rewritten_checkpoint_is_inconsistent() -> None:
    """V5: an earlier checkpoint over other entries than those in the log."""
    contest = honest.contest()

    def tamper(files: dict[str, bytes]) -> None:
        notes = files[bundle.LOG_CHECKPOINTS].split(b"\n\n")
        forged = contest.checkpoint([bytes(33)] * 5, contest.keys.log, at=OPENS + 3600)
        notes[2:4] = forged[:-1].split(b"\n\n")
        files[bundle.LOG_CHECKPOINTS] = b"\n\n".join(notes)

    assert list(failures(contest.files(tamper=tamper))) == ["V5"]


def test_an_issuer_s_fork_is_seen_too() -> None:
    """V5: a checkpoint of an issuance log from elsewhere is compared with the published issuances."""
    contest = honest.contest()
    shown = contest.issuance_files("x", contest.keys.issuance[0], contest.issuances[:2][::-1])["issuance/x/checkpoint"]

    assert list(failures(contest.files(), checkpoints=[shown])) == ["V5"]


@pytest.mark.parametrize("signers", ["stranger", "none", "no time"])
def test_a_checkpoint_by_someone_else_is_none(signers: str) -> None:
    """V5: the log's own signature and time must be there, and nobody else's."""
    contest = honest.contest()

    def tamper(files: dict[str, bytes]) -> None:
        text = note.split(files[bundle.LOG_CHECKPOINT])[0]
        secret, name = contest.keys.log.secret, contest.keys.log.name
        lines = {
            "stranger": [note.sign(text, bytes(32), name), note.cosign(text, secret, name, at=CLOSES + 5)],
            "none": [note.cosign(text, secret, name, at=CLOSES + 5)],
            "no time": [note.sign(text, secret, name)],
        }[signers]
        forged = note.assemble(text, *lines)
        files[bundle.LOG_CHECKPOINTS] = files[bundle.LOG_CHECKPOINTS].replace(files[bundle.LOG_CHECKPOINT], forged)
        files[bundle.LOG_CHECKPOINT] = forged

    assert list(failures(contest.files(tamper=tamper))) == ["V5"]


def test_every_checkpoint_grows() -> None:
    """V5: an epoch without entries makes no checkpoint, and the first one covers the manifest alone."""
    empty, merged = honest.contest(), honest.contest()
    empty.epochs.insert(1, [])
    empty.times.insert(1, OPENS)
    merged.epochs[:2] = [merged.epochs[0] + merged.epochs[1]]
    merged.times.pop(0)

    assert "not more than the one before" in failures(empty.files())["V5"]
    assert "the manifest alone" in failures(merged.files())["V5"]


def test_witnesses_make_the_quorum_of_the_policy() -> None:
    """V5: with one witness where two are asked for, a checkpoint is not enough."""
    contest = honest.contest(level="high")
    assert failures(contest.files()) == {}
    contest.keys = replace(contest.keys, witnesses=contest.keys.witnesses[:2])
    assert failures(contest.files()) == {}

    contest.keys = replace(contest.keys, witnesses=contest.keys.witnesses[:1])

    assert {"V5", "V8"} <= set(failures(contest.files()))


def test_entries_that_are_not_the_log_s() -> None:
    """V6: entries without the final checkpoint's root."""
    contest = honest.contest()

    def tamper(files: dict[str, bytes]) -> None:
        files[bundle.LOG_ENTRIES] = files[bundle.LOG_ENTRIES][:-33] + bytes(33)

    assert list(failures(contest.files(tamper=tamper))) == ["V6"]


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("nothing after it", lambda one: one.epochs[-1].append(log.entry(log.STATEMENT, bytes(32)))),
        ("nothing after it", lambda one: one.epochs[-1].append(one.epochs[-1].pop(0))),
        ("one close", lambda one: one.epochs[-1].pop()),
        ("one close", lambda one: one.epochs[-1].append(one.close_entry())),
        ("not the manifest", lambda one: one.epochs[0].__setitem__(0, log.entry(log.STATEMENT, bytes(32)))),
        ("unknown type", lambda one: one.epochs[1].append(log.entry(9, bytes(32)))),
        ("a notice that is not", lambda one: one.epochs[1].append(log.entry(log.STATEMENT, bytes(32)))),
        ("a notice that is not", lambda one: one.epochs[1].append(one.epochs[1][0])),
        ("is not in the log", lambda one: one.epochs[1].pop(0)),
        ("closed at", lambda one: one.times.__setitem__(-1, CLOSES - 1)),
        ("before voting opened", lambda one: one.times.__setitem__(1, OPENS - 1)),
        ("does not say", lambda one: one.epochs[-1].__setitem__(-1, log.entry(log.CLOSE, close_with_one_more(one)))),
    ],
)
def test_a_log_that_does_not_start_or_end_right(reason: str, change: Callable[[Contest], object]) -> None:
    """V7: entries after the close, a second close, no manifest, unknown entries, notices too many or missing, times."""
    contest = honest.contest()
    change(contest)

    found = failures(contest.files())

    assert next(iter(found)) == "V7"
    assert reason in found["V7"]


def close_with_one_more(contest: Contest) -> bytes:
    """The close of a log with one more ballot."""
    return log.close_digest(Close(ctx=contest.ctx.hex(), n_ballots=len(contest.lines) + 1, n_batches=0))


def test_a_ballot_after_the_close() -> None:
    """V7: whoever opens the log again is seen, though everything is counted and signed."""
    contest = honest.contest()
    voter, _ = contest.voters[2]
    held = [from_base64(token) for token in header_of(contest.lines[final_place(contest)]).tok]
    late = contest.cast(voter, Ranking(("elm",)), rev=5, held_tokens=held)
    contest.lines.append(late)
    contest.revise()
    close = contest.close_entry()
    contest.epochs[-1][-1] = close
    contest.epochs[-1].append(log.entry(log.BALLOT, digest_of(late)))

    assert next(iter(failures(contest.files()))) == "V7"


def extend(contest: Contest, *, number: int, at: int, closes_at: int) -> ExtendNotice:
    """A notice that moves the close."""
    return ExtendNotice(type="weighin/v1/notice", ctx=contest.ctx.hex(), n=number, at=at, closes_at=closes_at)


def test_an_extension_in_time() -> None:
    """The last extension counts; closing before it is seen by V7, and so is one made too late or backwards."""
    contest = honest.contest()
    contest.notices.append(extend(contest, number=3, at=CLOSES - 10, closes_at=CLOSES + 5))
    contest.relog()
    assert failures(contest.files()) == {}

    for at, closes_at in ((CLOSES - 10, CLOSES + 6), (CLOSES, CLOSES + 5), (CLOSES - 10, CLOSES - 5)):
        contest.notices[2] = extend(contest, number=3, at=at, closes_at=closes_at)
        contest.relog()
        assert list(failures(contest.files())) == ["V7"]


def test_a_notice_by_someone_else() -> None:
    """V7: only the authority gives notice, in this contest, numbered without a gap."""
    contest = honest.contest()
    stranger = Signer(bytes(32), contest.keys.authority[0].name)

    def signed_by_stranger(files: dict[str, bytes]) -> None:
        files[bundle.notice_name(1)] = statement.sign(statement.NOTICE, contest.notices[0], [stranger])

    def with_a_gap(files: dict[str, bytes]) -> None:
        files[bundle.notice_name(3)] = files.pop(bundle.notice_name(2))

    def of_another(files: dict[str, bytes]) -> None:
        notice = edit(contest.notices[0], ctx="0" * 64)
        files[bundle.notice_name(1)] = statement.sign(statement.NOTICE, notice, contest.keys.authority[:1])

    for tamper, reason in (
        (signed_by_stranger, "nobody named"),
        (with_a_gap, "without a gap"),
        (of_another, "of contest 0000"),
    ):
        found = failures(contest.files(tamper=tamper))
        assert list(found) == ["V7"]
        assert reason in found["V7"]


def test_a_cancelled_contest_has_no_result() -> None:
    """V20: a result signed for a contest that was called off."""
    contest = honest.contest()
    contest.notices.append(
        CancelNotice(type="weighin/v1/notice", ctx=contest.ctx.hex(), n=3, at=OPENS, reason="The roll was wrong.")
    )
    contest.relog()

    assert list(failures(contest.files())) == ["V20"]
