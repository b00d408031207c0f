"""What the tests of the Condorcet methods share: made elections with equal ranks, and real ones."""

import gzip
import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import strategies as st

from schemas.ballot import Ranking
from tests.voting.made import NAMES, MadeElection
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms

IDS = (
    "schulze",
    "schulze-margins",
    "ranked-pairs",
    "ranked-pairs-margins",
    "minimax",
    "minimax-margins",
    "copeland",
)
METHODS = tuple(find(f"{name}/1") for name in IDS)
REAL_ELECTIONS = 28


@st.composite
def pair_elections(draw, least_options=1, equal=None):
    """Rankings of any length with few votes, so that ties and circles are common; every other time with equal ranks."""
    options = tuple(draw(st.permutations(NAMES))[: draw(st.integers(least_options, len(NAMES)))])
    shared = draw(st.booleans()) if equal is None else equal
    rankings = draw(st.lists(st.tuples(st.permutations(options), st.integers(0, len(options))), max_size=12))
    ballots = []
    for names, length in rankings:
        ranking, left = [], list(names[:length])
        while left:
            size = draw(st.integers(1, min(3, len(left)))) if shared else 1
            ranking.append(tuple(sorted(left[:size])) if shared else left[0])
            left = left[size:]
        ballots.append((Ranking(tuple(ranking)), draw(st.integers(1, 4))))
    return MadeElection(Terms(options), tuple(draw(st.permutations(options))), tuple(ballots))


def made_by(dice):
    """The same kind of election from a `random.Random`, fast enough for a hundred thousand of them."""
    options = tuple(dice.sample(NAMES, dice.randint(1, len(NAMES))))
    shared = dice.random() < 0.5
    ballots = Counter()
    for _ in range(dice.randint(0, 12)):
        ranking, left = [], dice.sample(options, dice.randint(0, len(options)))
        while left:
            size = dice.randint(1, min(3, len(left))) if shared else 1
            ranking.append(tuple(sorted(left[:size])) if shared else left[0])
            left = left[size:]
        ballots[Ranking(tuple(ranking))] += dice.randint(1, 4)
    return MadeElection(Terms(options), tuple(dice.sample(options, len(options))), tuple(ballots.items()))


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


def real_election(shared, number):
    """One of 28 real elections as (what other programs found, profile), or a skip."""
    folder = Path(shared) / "data/ranked/condorcet"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/condorcet")
    elections = json.loads((folder / "expected.json").read_text())["elections"]
    assert len(elections) == REAL_ELECTIONS
    profile = read_blt(gzip.decompress((folder / elections[number]["file"]).read_bytes())).profile
    return elections[number]["expected"], profile


def count(name, profile, order=None):
    """The outcome of a method for a profile; ties in the order of the options unless told otherwise."""
    return find(name).count(profile, terms=Terms(profile.options), order=order or profile.options)


def possible_winners(name, profile):
    """Everyone whom some lot elects, by candidate number: each option once at the front of the tie order."""
    found = set()
    for option in profile.options:
        order = (option, *(other for other in profile.options if other != option))
        found.add(profile.options.index(count(name, profile, order).elected[0]) + 1)
    return sorted(found)
