"""Cast vote records as JSON: what is read of one contest, and what is refused with its place."""

import json
from pathlib import Path

import pytest

from voting.errors import InvalidFile
from voting.formats.cvr_json import read_cvr_json

EXAMPLE = Path(__file__).with_name("cvr.json").read_bytes()


def changed(change, contest="board"):
    """The example with a change, of one contest."""
    document = json.loads(EXAMPLE)
    change(document)
    return read_cvr_json(json.dumps(document).encode(), contest=contest, equal_ranks=False)


def marks(document, record=0, contest=0):
    """The marks of a record's last snapshot."""
    return document["CVR"][record]["CVRSnapshot"][-1]["CVRContest"][contest]["CVRContestSelection"]


def test_one_contest_is_read():
    """The current snapshot counts, in order of rank; what is not allocable does not; without the contest no ballot."""
    file = read_cvr_json(EXAMPLE, contest="Oversight board")

    assert file.contest == "Oversight board"
    assert file.profile.options == ("Ann", "Ben", "Cas", "write-in")
    assert dict(file.profile.unique()) == {("Ann", "Ben"): 1, ("write-in",): 1, (): 1}


def test_a_contest_is_chosen_by_name_or_id():
    """Both name the same one."""
    by_id, by_name = (read_cvr_json(EXAMPLE, contest=name) for name in ("first", "What comes first"))

    assert dict(by_id.profile.unique()) == dict(by_name.profile.unique()) == {("Street lamps",): 1, ("Foot path",): 1}


def test_several_contests_are_named():
    """Without a choice the refusal lists them and says how to choose."""
    with pytest.raises(InvalidFile, match=r"choose one with --contest: 'Oversight board', 'What comes first'"):
        read_cvr_json(EXAMPLE)
    with pytest.raises(InvalidFile, match=r"not exactly one contest is called 'Mayor'; there are: 'Oversight board'"):
        read_cvr_json(EXAMPLE, contest="Mayor")


def test_equal_ranks_are_kept_where_a_method_takes_them():
    """Two marks of one rank share it."""
    document = json.loads(EXAMPLE)
    marks(document)[0]["Rank"] = 1

    profile = read_cvr_json(json.dumps(document).encode(), contest="board").profile

    assert profile.tied is not None
    assert profile.tied.any()


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("record 1 of CVR: equal ranks (Ben, Ann)", lambda d: marks(d)[0].update(Rank=1)),
        ("record 1 of CVR: several marks without a Rank", lambda d: marks(d)[0].pop("Rank")),
        ("record 1 of CVR: Rank is 0", lambda d: marks(d)[0].update(Rank=0)),
        ("record 1 of CVR: 'Ann' is ranked twice", lambda d: marks(d)[0].update(ContestSelectionId="s-ann")),
        ("record 1 of CVR: 's-x' is no selection", lambda d: marks(d)[0].update(ContestSelectionId="s-x")),
        ("record 3 of CVR: not exactly one snapshot", lambda d: d["CVR"][2].update(CurrentSnapshotId="r9")),
        ("selections of the contest are called 'Ann'", lambda d: d["Election"][0]["Candidate"][1].update(Name="Ann")),
        ("holds control characters", lambda d: d["Election"][0]["Candidate"][0].update(Name="A\x1b[3m")),
        ("names no candidate", lambda d: d["Election"][0]["Candidate"].pop(0)),
        ("has no contest", lambda d: d["Election"][0].pop("Contest")),
        ("not as SP 1500-103 has it: Object missing required field `Election`", lambda d: d.pop("Election")),
        ("`$.CVR[1].CurrentSnapshotId`", lambda d: d["CVR"][1].update(CurrentSnapshotId=7)),
    ],
)
def test_a_fault_is_told_with_its_place(reason, change):
    """The record or the path, what is wrong, and how to mend it."""
    with pytest.raises(InvalidFile) as refusal:
        changed(change)
    assert reason in str(refusal.value)


def test_broken_json_is_told_with_its_line():
    """The line of the byte that does not fit."""
    with pytest.raises(InvalidFile, match=r"^line 5: no JSON"):
        read_cvr_json(EXAMPLE.replace(b'["scanner-1"]', b"[scanner]"), contest="board")
    with pytest.raises(InvalidFile, match="no JSON"):
        read_cvr_json(b"\xff{}")
