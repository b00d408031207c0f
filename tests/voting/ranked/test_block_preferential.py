"""Preferential block voting: two engines, real ballots, and the laws of the method."""

import gzip
import json
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Ranking
from tests.voting.made import ranked_elections
from voting import plain_count
from voting.cli import main
from voting.errors import InvalidMethod
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes

BLOCK = find("block-preferential/1")


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


@st.composite
def elections_with_seats(draw, most_times=4):
    """Elections with many ties and as many seats as there are options at most."""
    made = draw(ranked_elections(most_times=most_times))
    return made, Terms(made.terms.options, seats=draw(st.integers(1, len(made.terms.options))))


def assert_counted_twice(given_):
    """Both engines give the same rounds, draws and winners."""
    made, terms = given_
    slow = plain_count.count(
        "block-preferential/1", made.plain, options=terms.options, order=made.order, seats=terms.seats
    )

    assert plain(BLOCK.count(made.profile, terms=terms, order=made.order)) == slow


@settings(max_examples=1000)
@given(st.one_of(elections_with_seats(), elections_with_seats(most_times=200)))
def test_block_voting_twice(given_):
    """Any rankings, seats and tie order: the same rounds, draws and winners."""
    assert_counted_twice(given_)


@pytest.mark.full
@settings(max_examples=100_000)
@given(st.one_of(elections_with_seats(), elections_with_seats(most_times=200)))
def test_block_voting_twice_in_100000_elections(given_):
    """The same, a hundred times as often."""
    assert_counted_twice(given_)


def test_real_ballots_counted_twice(shared):
    """21 wards of Glasgow with their seats: the same rounds and winners; some elect others than a proportional rule."""
    folder = shared / "data/ranked/stv-droop"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/stv-droop")
    wards = sorted(folder.glob("*.blt.gz"))
    others = 0
    for ward in wards:
        file = read_blt(gzip.decompress(ward.read_bytes()))
        names, terms = file.profile.options, Terms(file.profile.options, seats=file.seats)
        slow = plain_count.count(
            "block-preferential/1", file.profile.unique(), options=names, order=names, seats=file.seats
        )

        outcome = BLOCK.count(file.profile, terms=terms, order=names)

        assert plain(outcome) == slow, ward.name
        proportional = find("stv-scottish/1").count(file.profile, terms=terms, order=names)
        others += set(outcome.elected) != set(proportional.elected)
    assert len(wards) == 21
    assert others > 0


@settings(max_examples=300)
@given(elections_with_seats(most_times=60))
def test_every_round_holds_every_vote_once(given_):
    """BLOCK-8: votes and exhausted votes add up to all ballots; no option has more votes than a part of each ballot."""
    made, terms = given_

    outcome = BLOCK.count(made.profile, terms=terms, order=made.order)

    gone = []
    for stage in outcome.rounds:
        held = [Fraction(votes) for votes in stage.tally if votes is not None]
        gone.append(Fraction(stage.exhausted))
        assert sum(held) + gone[-1] == made.profile.ballots
        assert max(held) <= Fraction(made.profile.ballots, terms.seats)
        assert Fraction(stage.lost_to_rounding) == 0
    assert gone == sorted(gone)
    assert len(set(outcome.elected)) == len(outcome.elected) == terms.seats


@settings(max_examples=300)
@given(elections_with_seats(most_times=9))
def test_votes_are_those_of_the_first_continuing_options(given_):
    """BLOCK-2 in any round, counted from its definition: so many ballots have the option among the first ones."""
    made, terms = given_
    outcome = BLOCK.count(made.profile, terms=terms, order=made.order)

    for stage in outcome.rounds:
        still = {name for name, held in zip(terms.options, stage.tally, strict=True) if held is not None}
        for name, held in zip(terms.options, stage.tally, strict=True):
            if held is not None:
                ballots = sum(
                    times
                    for choices, times in made.ballots
                    if name in [other for other in choices.ranking if other in still][: terms.seats]
                )
                assert Fraction(held) == Fraction(ballots, terms.seats)


@settings(max_examples=500)
@given(ranked_elections(most_times=9))
def test_one_seat_is_instant_runoff_in_every_round(made):
    """The same tallies, eliminations, draws and winner."""
    terms = Terms(made.terms.options)

    block = BLOCK.count(made.profile, terms=terms, order=made.order)

    assert plain(block) == plain(find("irv/1").count(made.profile, terms=terms, order=made.order))


@settings(max_examples=300)
@given(elections_with_seats(), st.randoms(use_true_random=False))
def test_a_majority_that_stands_together_wins_all_seats(given_, dice):
    """More than half of the ballots rank the same options first, in any order: these are elected."""
    made, terms = given_
    slate = dice.sample(terms.options, terms.seats)
    counted = {}
    for choices, times in made.ballots:
        counted[choices] = counted.get(choices, 0) + times
    for _ in range(sum(counted.values()) + 1):
        rest = [name for name in terms.options if name not in slate]
        ballot = Ranking((*dice.sample(slate, len(slate)), *dice.sample(rest, dice.randint(0, len(rest)))))
        counted[ballot] = counted.get(ballot, 0) + 1

    outcome = BLOCK.count(merge_counted(counted, terms.options), terms=terms, order=made.order)

    assert set(outcome.elected) == set(slate)


@settings(max_examples=300)
@given(elections_with_seats(), st.randoms())
def test_the_order_of_options_and_ballots_changes_nothing(given_, shuffler):
    """The same ballots with the options listed otherwise: the same votes by name, draws and winners."""
    made, terms = given_
    options, ballots = list(terms.options), list(made.ballots)
    shuffler.shuffle(options)
    shuffler.shuffle(ballots)
    counted = {}
    for choices, times in ballots:
        counted[choices] = counted.get(choices, 0) + times

    one = BLOCK.count(made.profile, terms=terms, order=made.order)
    two = BLOCK.count(merge_counted(counted, options), terms=Terms(tuple(options), seats=terms.seats), order=made.order)

    def by_name(outcome, names):
        return [
            (dict(zip(names, stage.tally, strict=True)), stage.elected, stage.eliminated, stage.exhausted)
            for stage in outcome.rounds
        ]

    assert by_name(one, terms.options) == by_name(two, options)
    assert (one.draws, one.elected) == (two.draws, two.elected)


@settings(max_examples=300)
@given(elections_with_seats())
def test_a_lot_is_used_only_between_equals_and_is_always_listed(given_):
    """BLOCK-7: without a draw another tie order changes nothing; who is drawn was level; the word says what it did."""
    made, terms = given_
    outcome = BLOCK.count(made.profile, terms=terms, order=made.order)

    if not outcome.draws:
        assert outcome == BLOCK.count(made.profile, terms=terms, order=made.order[::-1])
    for draw in outcome.draws:
        stage = outcome.rounds[draw.round - 1]
        assert len({stage.tally[terms.options.index(name)] for name in draw.among}) == 1
        assert len(draw.among) > 1
        assert draw.order == tuple(name for name in made.order if name in draw.among)
        seated = [name for name in outcome.elected if name in draw.among]
        if draw.decided == "eliminate":
            assert stage.eliminated == (draw.order[-1],)
        elif draw.decided == "elect":
            assert seated == list(draw.order)[: len(seated)]
            assert 0 < len(seated) < len(draw.order)
        else:
            assert draw.decided == "order"
            assert seated == list(draw.order)


def test_equal_ranks_are_refused():
    """The method says so and does not guess."""
    names = ("a", "b")
    equal = ranked_profile(ranking_codes([(("a", "b"),)], names), options=names)

    with pytest.raises(InvalidMethod, match="equal ranks"):
        BLOCK.count(equal, terms=Terms(names), order=names)


@pytest.mark.parametrize(("seats", "zero"), [(1, "0"), (2, "0.0"), (3, "0/3"), (4, "0.00")])
def test_no_ballots_fill_all_seats_by_lot(seats, zero):
    """An empty contest is decided; votes are written in the parts that the seats give."""
    names = ("a", "b", "c", "d", "e")

    outcome = BLOCK.count(merge([], names), terms=Terms(names, seats=seats), order=("c", "a", "b", "e", "d"))

    assert outcome.elected == ("c", "a", "b", "e")[:seats]
    assert outcome.rounds[0].exhausted == zero
    assert len(outcome.draws) >= 1


def test_the_plain_engine_refuses_no_seats():
    """There is nothing to elect."""
    with pytest.raises(ValueError, match="one option or more"):
        plain_count.count("block-preferential/1", [], options=["a"], order=["a"], seats=0)


def test_thirds_are_printed(capsys, tmp_path):
    """Three seats: parts over the seats, most first, with a comma at every thousand; and the same as JSON."""
    path = tmp_path / "park.blt"
    path.write_text('5 3\n1200 1 2 3 0\n900 2 1 4 0\n400 5 1 0\n0\n"Ann"\n"Ben"\n"Cas"\n"Dan"\n"Eve"\n"Park"\n')

    assert main(["tally", str(path), "--method", "block-preferential"]) == 0
    out = capsys.readouterr().out
    assert out.index("2,500/3") < out.index("2,100/3") < out.index("1,200/3") < out.index("900/3") < out.index("400/3")
    assert out.endswith("Elected: Ann, Ben, Cas\n")

    assert main(["tally", str(path), "--method", "block-preferential", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["rounds"][0]
    assert first["tally"] == {"Ann": "2500/3", "Ben": "2100/3", "Cas": "1200/3", "Dan": "900/3", "Eve": "400/3"}
    assert first["exhausted"] == "400/3"
