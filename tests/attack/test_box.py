"""The box alters, drops, swaps or replays ballots.

Every test starts from an honest contest, lets one party cheat and sign again all it can sign, and names the checks
that fail.
"""

import pytest

from schemas.ballot import Ranking
from tests import honest
from tests.attack.cheating import edit, failures, final_place
from tests.honest import CLOSES, digest_of, header_of, signed_line
from voting.proof import canonical
from voting.proof.base64s import from_base64, to_base64


def test_the_box_drops_a_ballot() -> None:
    """V22: without the voter's promise nobody sees it; with it the box is convicted by its own signature."""
    contest = honest.contest()
    place = final_place(contest)
    dropped = contest.lines.pop(place)
    contest.relog()
    files = contest.files()
    held = next(data for data in contest.promises if to_base64(digest_of(dropped)).encode() in data)

    assert failures(files) == {}
    assert list(failures(files, promises=[held])) == ["V22"]
    assert "it is not in the log" in failures(files, promises=[held])["V22"]


def test_the_box_logs_a_ballot_later_than_promised() -> None:
    """V22: the promise names the time; the log's own checkpoint shows another."""
    contest = honest.contest()
    late = contest.promise(digest_of(contest.lines[-1]), include_by=CLOSES)

    assert list(failures(contest.files(), promises=[late])) == ["V22"]


def test_the_box_swaps_a_vote() -> None:
    """V10: it can write, seal and log another ballot for the voter's key, but not sign it."""
    contest = honest.contest()
    place = final_place(contest)
    line, (voter, _) = contest.lines[place], contest.voters[0]
    owner = next(one for one, _ in contest.voters if one.pk.hex() == header_of(line).pk)
    tok = [from_base64(token) for token in header_of(line).tok]
    forged = contest.cast(owner, Ranking(("elm",)), rev=header_of(line).rev, held_tokens=tok)
    contest.lines[place] = signed_line(forged, header_of(forged), voter.derive(b"another", 32))
    contest.relog()

    assert list(failures(contest.files())) == ["V10"]


def test_the_box_replays_a_token_as_another_revision() -> None:
    """V10: a token is a signed key and no bearer's ticket, so "revision 2" needs the voter."""
    contest = honest.contest()
    line = contest.lines[final_place(contest)]
    forged = edit(header_of(line), rev=header_of(line).rev + 1)
    contest.lines.append(signed_line(line, forged, bytes(32)))
    contest.revise()
    contest.relog()

    assert set(failures(contest.files())) == {"V10", "V13"}


def test_the_box_alters_a_logged_ballot() -> None:
    """V9: the log holds the digest of what was cast; another line is not that ballot."""
    contest = honest.contest()
    place = final_place(contest)
    line = contest.lines[place]
    contest.lines[place] = edit(line, header=canonical.encode(edit(header_of(line), commit="0" * 64)).decode())

    assert set(failures(contest.files())) == {"V9", "V10", "V13"}


def test_ballots_out_of_the_log_s_order_are_noticed() -> None:
    """V9: every line is the entry at its place."""
    contest = honest.contest()
    contest.lines.reverse()

    assert list(failures(contest.files())) == ["V9"]


@pytest.mark.parametrize("change", ["removed", "doubled"])
def test_lines_and_entries_must_be_equally_many(change: str) -> None:
    """V9: no entry without a line, no line without an entry."""
    contest = honest.contest()
    place = final_place(contest, "superseded")
    if change == "removed":
        del contest.lines[place]
    else:
        contest.lines.insert(place, contest.lines[place])

    assert "V9" in failures(contest.files())


def test_a_ballot_logged_twice_counts_once() -> None:
    """V12: the same ballot as two entries has one final line, the other is superseded; two final ones are noticed."""
    contest = honest.contest()
    line = contest.lines[final_place(contest)]
    contest.lines.append(line)
    contest.relog()

    assert "V12" in failures(contest.files())
