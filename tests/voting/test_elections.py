"""Worked elections: one folder each in tests/elections, counted from the command line."""

import json
from pathlib import Path

import pytest

from voting.cli import main

FOLDERS = sorted(path.parent for path in Path(__file__).parents[1].joinpath("elections").glob("*/expected.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_worked_election_comes_out_as_written(folder, capsys):
    """The whole answer, every round and every field, is the one that was worked out by hand."""
    expected = json.loads((folder / "expected.json").read_text())
    ballots = next(folder.glob("ballots.*"))

    code = main(["tally", str(ballots), "--json", *expected["arguments"]])

    assert code == 0
    assert json.loads(capsys.readouterr().out) == expected["answer"]


def test_there_are_worked_elections():
    """An empty folder would pass the test above."""
    assert len(FOLDERS) >= 4
