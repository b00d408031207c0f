"""Cleaning raw records: one test a rule."""

import pytest

from voting.errors import InvalidFile
from voting.formats.cleaning import OVERVOTE, UNDECLARED, CleaningRules, Labels, next_choice, read_cells

LABELS = Labels(overvote="over", overvote_delimiter="|", skipped_rank="under", undeclared_write_in="UWI")
NAMES = {"A": "A", "a": "A", "B": "B", "C": "C"}


def choice(cells, *, out="", labels=LABELS, **rules):
    """What a record counts for, when the options in `out` are gone."""
    ballot = read_cells(cells, labels=labels, names=NAMES)
    settings = {"overvote": "alwaysSkipToNextRank"} | rules
    return next_choice(ballot, continues=lambda name: name not in out, rules=CleaningRules(**settings))


def test_raw_1_cells_are_names_or_labels():
    """RAW-1: names, aliases, overvotes of both kinds, gaps, write-ins as one option."""
    marks = read_cells(["a", "under", "over", "", "A|B", "UWI"], labels=LABELS, names=NAMES)

    assert marks == ((1, ("A",)), (3, (OVERVOTE,)), (5, ("A", "B")), (6, (UNDECLARED,)))
    with pytest.raises(InvalidFile, match="'X' is no candidate and no label"):
        read_cells(["X"], labels=LABELS, names=NAMES)


def test_raw_1_a_blank_may_be_a_write_in():
    """RAW-1: where the rules say so."""
    labels = Labels(blank_is_write_in=True)

    assert read_cells(["", "A"], labels=labels, names=NAMES) == ((1, (UNDECLARED,)), (2, ("A",)))


def test_raw_1_two_names_of_one_option_are_no_overvote():
    """RAW-1: an alias beside its name marks one option."""
    assert choice(["A|a"], overvote="exhaustImmediately") == ("A", None)


@pytest.mark.parametrize(
    ("most", "cells", "outcome"),
    [
        (0, ["", "A"], (None, "skippedRankings")),
        (1, ["", "A"], ("A", None)),
        (1, ["", "", "A"], (None, "skippedRankings")),
        (1, ["", "B", "", "A"], ("A", None)),
        (None, ["", "", "", "A"], ("A", None)),
    ],
)
def test_raw_2_skipped_ranks(most, cells, outcome):
    """RAW-2: a gap of more ranks than allowed exhausts the ballot, before what follows it."""
    assert choice(cells, out="B", skipped_ranks_max=most) == outcome


def test_raw_3_duplicates():
    """RAW-3: passed over, or the end."""
    assert choice(["A", "A", "B"], out="A") == ("B", None)
    assert choice(["A", "a", "B"], out="A", exhaust_on_duplicate=True) == (None, "repeatedRankings")


@pytest.mark.parametrize(
    ("rule", "cells", "out", "outcome"),
    [
        ("exhaustImmediately", ["over", "A"], "", (None, "overvotes")),
        ("exhaustImmediately", ["A|B", "C"], "A", (None, "overvotes")),
        ("alwaysSkipToNextRank", ["A|B", "C"], "A", ("C", None)),
        ("alwaysSkipToNextRank", ["over"], "", (None, "exhaustedChoices")),
        ("exhaustIfMultipleContinuing", ["A|B", "C"], "", (None, "overvotes")),
        ("exhaustIfMultipleContinuing", ["A|B", "C"], "A", ("B", None)),
        ("exhaustIfMultipleContinuing", ["A|B", "C"], "AB", ("C", None)),
    ],
)
def test_raw_4_overvotes(rule, cells, out, outcome):
    """RAW-4: the end, passed over, or the end only if several continue."""
    assert choice(cells, out=out, overvote=rule) == outcome


def test_raw_5_the_first_that_continues():
    """RAW-5: and behind the last rank nothing; a record without a mark ranks nothing."""
    assert choice(["A", "B"]) == ("A", None)
    assert choice(["A", "B"], out="AB") == (None, "exhaustedChoices")
    assert choice(["", "under"]) == (None, "unranked")
