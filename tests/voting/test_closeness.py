"""How few ballots could have changed a result: bounds that hold, and exact numbers of real elections."""

import gzip
import json
import random
from collections import Counter
from itertools import combinations_with_replacement, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Ranking
from voting.explain import explain
from voting.formats.blt import read_blt
from voting.methods import METHODS, find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes

RANKED = tuple(method for method in METHODS if "ranking" in method.ballot_kinds)
NAMES = ("ash", "birch", "cedar")
MORE_NAMES = (*NAMES, "elm", "fir", "oak")
RANKINGS = tuple(Ranking(names) for length in range(4) for names in permutations(NAMES, length))
"""Every ranking of three options: 16 of them, the empty one too."""
BEFORE_THE_LAST_ROUND = {
    "us_ny_nyc_2021_06_council-member-3rd-council-district.blt.gz": (4896, "Leslie Boghosian Murphy"),
    "us_ny_nyc_2021_06_council-member-21st-council-district.blt.gz": (1349, "David Aiken"),
    "us_ny_nyc_2021_06_council-member-28th-council-district.blt.gz": (2398, "Ruben Wills"),
    "us_ny_nyc_2021_06_council-member-36th-council-district.blt.gz": (862, "Tahirah A. Moore"),
}
"""Where whoever was out before the last round was nearer to the win than the runner-up."""
LOTS = tuple(permutations(NAMES))


def closeness(method, ballots, *, order=NAMES, seats=1):
    """What is said of a count, as (ballots, kind)."""
    profile = merge_counted(ballots, NAMES)
    terms = Terms(NAMES, seats=seats)
    facts = explain(profile, method.count(profile, terms=terms, order=order), terms=terms, order=order)
    return [(number.ballots, number.margin_kind) for number in facts.closeness]


def results(method, ballots, *, seats=1):
    """Everyone whom some lot elects from these ballots, as sets."""
    profile = merge_counted(ballots, NAMES)
    return {frozenset(method.count(profile, terms=Terms(NAMES, seats=seats), order=order).elected) for order in LOTS}


def changed(ballots, size):
    """Every way to cast so many of these ballots otherwise."""
    for gone in combinations_with_replacement(ballots, size):
        left = Counter(ballots)
        left.subtract(gone)
        if min(left.values()) >= 0:
            for new in combinations_with_replacement(RANKINGS, size):
                yield +(left + Counter(new))


@st.composite
def small_elections(draw):
    """Up to four different rankings of three options, with up to twelve ballots each."""
    chosen = draw(st.lists(st.sampled_from(RANKINGS), min_size=1, max_size=4, unique=True))
    return Counter({ranking: draw(st.integers(1, 12)) for ranking in chosen})


def check(method, ballots, seats, most):
    """Fewer than a lower bound change nothing, by any change and any lot; an exact number that is small does."""
    told = closeness(method, ballots, seats=seats)
    before = results(method, ballots, seats=seats)
    kinds = [kind for _, kind in told]
    assert kinds in ([], ["exact"], ["lower_bound"], ["upper_bound"], ["lower_bound", "upper_bound"])
    if told == [(0, "exact")]:
        assert len(before) > 1
    for number, kind in told:
        if kind == "upper_bound" or number == 0:
            continue
        assert len(before) == 1
        for size in range(1, min(number - 1, most) + 1):
            for other in changed(ballots, size):
                assert results(method, other, seats=seats) == before
        if kind == "exact" and number <= most:
            assert any(results(method, other, seats=seats) != before for other in changed(ballots, number))


@settings(max_examples=150)
@given(small_elections(), st.sampled_from(RANKED), st.integers(1, 2))
def test_what_is_said_of_one_changed_ballot_is_true(ballots, method, seats):
    """Every ranked method, every change of one ballot into any other, every lot."""
    check(method, ballots, 1 if method.seats == "one" else seats, 1)


@pytest.mark.full
@settings(max_examples=500)
@given(small_elections(), st.sampled_from(RANKED), st.integers(1, 2))
def test_what_is_said_of_two_changed_ballots_is_true(ballots, method, seats):
    """The same for every change of two ballots."""
    check(method, ballots, 1 if method.seats == "one" else seats, 2)


def moved(ballots, winner, challenger, new, size):
    """So many ballots, those first that have the winner highest and above the challenger, turned into a new ranking."""
    left = Counter(ballots)
    for choices in sorted(ballots, key=lambda choices: place(choices, winner) - place(choices, challenger) / 10):
        if size and place(choices, winner) < place(choices, challenger):
            taken = min(size, left[choices])
            left[choices] -= taken
            left[new] += taken
            size -= taken
    return None if size else +left


def place(choices, option):
    """Where a ballot names an option; 9 where it does not."""
    return choices.ranking.index(option) if option in choices.ranking else 9


def test_no_proof_forbids_what_can_be_done():
    """1,500 elections of up to six options: so few ballots that they are said to change nothing change nothing.

    Here the winner's ballots go to each other option in turn, alone or with all others behind it, and so does the lot.
    """
    dice = random.Random(20260102)
    kinds, tried = Counter(), 0
    for number in range(1500):
        options = MORE_NAMES[: dice.randint(2, 6)]
        ballots = Counter()
        for _ in range(dice.randint(2, 6)):
            names = dice.sample(options, dice.randint(1, len(options)))
            ballots[Ranking(tuple(names))] += dice.randint(1, 40)
        profile, terms = merge_counted(ballots, options), Terms(options)
        method = RANKED[number % len(RANKED)]
        outcome = method.count(profile, terms=terms, order=options)
        told = explain(profile, outcome, terms=terms, order=options).closeness
        kinds[tuple(one.margin_kind for one in told)] += 1
        if not told or told[0].margin_kind == "upper_bound" or told[0].ballots < 2:
            continue
        (winner,) = outcome.elected
        for challenger in options:
            others = tuple(option for option in options if option not in (winner, challenger))
            for new in (Ranking((challenger,)), Ranking((challenger, *others, winner))):
                changed_ballots = moved(ballots, winner, challenger, new, told[0].ballots - 1)
                if challenger != winner and changed_ballots is not None:
                    again = method.count(
                        merge_counted(changed_ballots, options), terms=terms, order=(challenger, *others, winner)
                    )
                    assert again.elected == (winner,), (method.name, ballots, told)
                    tried += 1

    assert tried > 3000
    assert kinds[("exact",)] > 500
    assert kinds["lower_bound", "upper_bound"] > 50


def test_the_28_contests_of_new_york_are_known_exactly(shared):
    """The two bounds meet in all of them: at half the last margin in 24, below in the four that are named above."""
    folder = shared / "data/ranked/us-irv"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/us-irv")
    elections = json.loads((folder / "expected.json").read_text())["elections"]
    for election in elections:
        profile = read_blt(gzip.decompress((folder / election["file"]).read_bytes())).profile
        terms = Terms(profile.options)
        outcome = find("irv").count(profile, terms=terms, order=profile.options)
        facts = explain(profile, outcome, terms=terms, order=profile.options)

        (number,) = facts.closeness
        half = (int(facts.margin) + 1) // 2
        expected = BEFORE_THE_LAST_ROUND.get(election["file"], (half, facts.last[1].option))
        assert number.margin_kind == "exact"
        assert (number.ballots, number.challenger) == expected
        assert number.ballots <= half
    assert len(elections) == 28


def test_fewer_ballots_than_half_the_last_margin_may_be_enough():
    """Burlington's case in small: cedar would beat ash, but is out before; two of birch's ballots bring it back."""
    names = NAMES
    rankings = [("ash",), ("birch", "ash"), ("cedar", "birch"), ("birch", "cedar")]
    codes = ranking_codes(rankings, names)
    profile = ranked_profile(codes, options=names, weights=codes[:, 0] * 0 + [40, 20, 27, 10])
    terms = Terms(names)

    facts = explain(profile, find("irv").count(profile, terms=terms, order=names), terms=terms, order=names)

    assert (facts.elected, facts.margin) == (("birch",), "17")
    assert [(one.ballots, one.margin_kind, one.challenger) for one in facts.closeness] == [(2, "exact", "cedar")]


def test_the_winner_may_have_to_be_last_of_three():
    """ash 12, birch 5, cedar 7: half the last margin of 17 to 7 is 5, but with 4 ballots less ash may be out first.

    Three of the four go to birch and one to cedar, so each has 8, and the lot may send ash out. With three less it has
    9, and the other two would need 4 and 2 more: three too many.
    """
    ballots = Counter({Ranking(("ash",)): 12, Ranking(("birch", "ash", "cedar")): 5, Ranking(("cedar", "ash")): 7})

    assert closeness(find("irv"), ballots) == [(4, "exact")]


def test_a_head_to_head_is_exact_for_whoever_beats_everyone():
    """6 to 4: one ballot the other way is a tie, and then only the lot stands between."""
    ballots = Counter({Ranking(("ash", "birch")): 6, Ranking(("birch", "ash")): 4})

    for name in ("schulze", "ranked-pairs", "minimax", "copeland", "plurality", "irv"):
        assert closeness(find(name), ballots) == [(1, "exact")]


def test_where_the_lot_decided_no_ballot_need_change():
    """Two ballots, two winners by lot."""
    ballots = Counter({Ranking(("ash",)): 1, Ranking(("birch",)): 1})

    for method in RANKED:
        assert closeness(method, ballots) == [(0, "exact")]


def test_where_everyone_is_elected_nothing_can_change():
    """As many seats as options, or one option: no number is given."""
    profile = merge([Ranking(("ash",))], ("ash",))

    for method in RANKED:
        outcome = method.count(profile, terms=Terms(("ash",)), order=("ash",))
        assert explain(profile, outcome, terms=Terms(("ash",)), order=("ash",)).closeness == ()
