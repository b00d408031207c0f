"""The examples in docstrings are true."""

import doctest
import importlib

import pytest

MODULES = (
    "voting.budget.buying",
    "voting.budget.equal_shares",
    "voting.budget.greedy",
    "voting.budget.phragmen",
    "voting.formats.cleaning",
    "voting.formats.lines",
    "voting.formats.names",
    "voting.formats.pabulib",
    "voting.plain_count",
    "voting.ranked.copeland",
    "voting.ranked.irv",
    "voting.ranked.minimax",
    "voting.ranked.pairwise",
    "voting.ranked.ranked_pairs",
    "voting.ranked.schulze",
    "voting.rctab",
    "voting.ties",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    """Every example gives what it shows, and there is at least one."""
    found = doctest.testmod(importlib.import_module(name))

    assert found.attempted > 0
    assert found.failed == 0
