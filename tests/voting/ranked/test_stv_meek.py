"""Single transferable vote by Meek's method: another program's counts of real wards, and the laws of the method."""

import gzip
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Ranking
from tests.voting.made import ranked_elections
from voting import plain_count
from voting.errors import InvalidMethod
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes

MEEK = find("stv-meek/1")
BILLIONTH = Decimal("0.000000001")


@pytest.fixture(scope="module")
def glasgow(shared):
    """The 21 wards of May 2007 as (what the program of the rule's author gave, ballot file)."""
    folder = shared / "data/ranked/stv-droop"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/stv-droop")
    elections = json.loads(gzip.decompress((folder / "expected.json.gz").read_bytes()))["elections"]
    wards = [ward for ward in elections if ward["rule"] == "meek-prf-reference"]
    return [(ward, read_blt(gzip.decompress((folder / ward["file"]).read_bytes()))) for ward in wards]


def count_ward(file):
    """The count of a ballot file with the seats that it names; ties in file order."""
    return MEEK.count(file.profile, terms=Terms(file.profile.options, seats=file.seats), order=file.profile.options)


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


def quota_of(stage, seats):
    """The quota that goes with the votes of a round, by MEEK-4."""
    votes = sum(Decimal(held) for held in stage.tally if held is not None)
    return (votes / (seats + 1)).quantize(BILLIONTH, rounding="ROUND_DOWN") + BILLIONTH


def test_glasgow_counted_as_the_program_of_the_rule_does(glasgow):
    """21 wards, every round: all votes, exhausted votes and the quota to nine decimals, and who is elected or defeated.

    That program ends a count by saying of those left that they are defeated, too; that is no part of a round here. No
    ward has a tie.
    """
    assert len(glasgow) == 21
    numbers = 0
    for ward, file in glasgow:
        outcome = count_ward(file)
        number = {name: str(at) for at, name in enumerate(file.profile.options, 1)}

        told = [event for event in ward["events"] if event["tag"] in ("elect", "defeat")]
        told = [event for event in told if not event["msg"].startswith("Defeat remaining")]
        assert not any(event["msg"].startswith("Elect remaining") for event in told)
        assert {event["round"] for event in told} == set(range(1, len(outcome.rounds) + 1))
        for event in told:
            stage = outcome.rounds[event["round"] - 1]
            assert event["votes"] == {str(at): held or "0.000000000" for at, held in enumerate(stage.tally, 1)}
            assert event["residual"] == stage.exhausted
            assert event["quota"] == str(quota_of(stage, file.seats))
            named = [" ".join(name.split()) for name in (*stage.elected, *stage.eliminated)]
            assert " ".join(event["msg"].partition(": ")[2].split()) in named, (ward["file"], event)
            assert bool(stage.elected) == (event["tag"] == "elect")
            numbers += len(event["votes"])
        assert outcome.quota == told[-1]["quota"]
        assert {number[name] for name in outcome.elected} == {str(winner) for winner in ward["winners"]}
        assert outcome.draws == ()
    assert numbers > 1500


def test_glasgow_counted_twice(glasgow):
    """Both engines give the same rounds and winners for all 21 wards."""
    for ward, file in glasgow:
        names = file.profile.options
        slow = plain_count.count("stv-meek/1", file.profile.unique(), options=names, order=names, seats=file.seats)

        assert plain(count_ward(file)) == slow, ward["file"]


@st.composite
def elections_with_seats(draw, most_times=4):
    """Elections with many ties and as many seats as there are options at most."""
    made = draw(ranked_elections(most_times=most_times))
    return made, Terms(made.terms.options, seats=draw(st.integers(1, len(made.terms.options))))


def assert_counted_twice(given_):
    """Both engines give the same rounds, draws and winners."""
    made, terms = given_
    slow = plain_count.count("stv-meek/1", made.plain, options=terms.options, order=made.order, seats=terms.seats)

    assert plain(MEEK.count(made.profile, terms=terms, order=made.order)) == slow


@settings(max_examples=1000)
@given(st.one_of(elections_with_seats(), elections_with_seats(most_times=20_000)))
def test_meek_twice(given_):
    """Any rankings, seats and tie order: the same rounds, draws and winners."""
    assert_counted_twice(given_)


@pytest.mark.full
@settings(max_examples=100_000)
@given(st.one_of(elections_with_seats(), elections_with_seats(most_times=20_000)))
def test_meek_twice_in_100000_elections(given_):
    """The same, a hundred times as often."""
    assert_counted_twice(given_)


@settings(max_examples=300)
@given(elections_with_seats(most_times=60))
def test_every_round_holds_every_vote_once(given_):
    """MEEK-13: votes and exhausted votes add up to all ballots, nothing is lost. All seats are filled, each once."""
    made, terms = given_

    outcome = MEEK.count(made.profile, terms=terms, order=made.order)

    for stage in outcome.rounds:
        held = [Decimal(votes) for votes in stage.tally if votes is not None]
        assert sum(held) + Decimal(stage.exhausted) == made.profile.ballots
        assert min(held) >= 0
        assert stage.lost_to_rounding == "0.000000000"
    assert len(set(outcome.elected)) == len(outcome.elected) == terms.seats
    assert [name for stage in outcome.rounds for name in stage.elected] == list(outcome.elected)
    assert Decimal(outcome.quota) == quota_of(outcome.rounds[-1], terms.seats)


@settings(max_examples=300)
@given(elections_with_seats(most_times=60))
def test_a_round_elects_whom_the_quota_elects_or_defeats_the_lowest(given_):
    """MEEK-5 and MEEK-9: who has the quota is elected; else the lowest goes, but for less than the surplus. Who was
    elected holds the quota, but for what the iteration leaves open: only the sum of the surpluses ends it."""
    made, terms = given_
    outcome = MEEK.count(made.profile, terms=terms, order=made.order)

    seated = set()
    for stage in outcome.rounds:
        quota = quota_of(stage, terms.seats)
        votes = {name: Decimal(held) for name, held in zip(terms.options, stage.tally, strict=True) if held is not None}
        reached = {name for name, held in votes.items() if held >= quota and name not in seated}
        assert all(votes[name] >= quota - Decimal("0.01") for name in seated)
        if len(votes) > terms.seats:
            assert reached <= set(stage.elected)
            assert bool(reached) != bool(stage.eliminated)
        surplus = max(Decimal(0), sum(votes[name] - quota for name in seated))
        for name in stage.eliminated:
            assert votes[name] - surplus <= min(held for other, held in votes.items() if other not in seated)
        seated |= set(stage.elected)
        if stage is not outcome.rounds[-1]:
            assert set(stage.elected) == reached


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

    one = MEEK.count(made.profile, terms=terms, order=made.order)
    two = MEEK.count(merge_counted(counted, options), terms=Terms(tuple(options), seats=terms.seats), order=made.order)

    assert by_name(one, terms.options) == by_name(two, options)
    assert (one.draws, one.elected) == (two.draws, two.elected)


def by_name(outcome, names):
    """The rounds with votes by name, without options that have none left."""
    return [
        (
            {name: held for name, held in zip(names, stage.tally, strict=True) if held is not None},
            stage.elected,
            stage.eliminated,
            stage.exhausted,
        )
        for stage in outcome.rounds
    ]


@settings(max_examples=300)
@given(elections_with_seats())
def test_who_is_defeated_first_might_as_well_never_have_stood(given_):
    """Meek's principle: defeated in round 1, an option leaves no trace in the rounds that follow."""
    made, terms = given_
    outcome = MEEK.count(made.profile, terms=terms, order=made.order)
    if not outcome.rounds[0].eliminated or len(outcome.rounds) == 1:
        return
    (gone,) = outcome.rounds[0].eliminated
    without = {}
    for ranking, times in made.profile.unique():
        rest = Ranking(tuple(name for name in ranking if name != gone))
        without[rest] = without.get(rest, 0) + times
    options = tuple(name for name in terms.options if name != gone)

    again = MEEK.count(
        merge_counted(without, options),
        terms=Terms(options, seats=terms.seats),
        order=[name for name in made.order if name != gone],
    )

    assert by_name(again, options) == by_name(outcome, terms.options)[1:]
    assert (again.elected, again.quota) == (outcome.elected, outcome.quota)


@settings(max_examples=500)
@given(ranked_elections(most_times=9))
def test_one_seat_is_instant_runoff(made):
    """With one seat the winner is that of instant runoff: both rules go to the lot at once, and there is no surplus."""
    terms = Terms(made.terms.options)
    runoff = find("irv/1").count(made.profile, terms=terms, order=made.order)

    assert MEEK.count(made.profile, terms=terms, order=made.order).elected == runoff.elected


@settings(max_examples=300)
@given(elections_with_seats())
def test_a_lot_is_used_only_between_equals_and_is_always_listed(given_):
    """MEEK-10 and MEEK-12: without a draw another tie order changes nothing; who is drawn was level, for a defeat up to
    the surplus."""
    made, terms = given_
    outcome = MEEK.count(made.profile, terms=terms, order=made.order)

    if not outcome.draws:
        assert outcome == MEEK.count(made.profile, terms=terms, order=made.order[::-1])
    for draw in outcome.draws:
        stage = outcome.rounds[draw.round - 1]
        held = [Decimal(stage.tally[terms.options.index(name)]) for name in draw.among]
        assert len(draw.among) > 1
        assert draw.among == tuple(sorted(draw.order))
        assert draw.order == tuple(name for name in made.order if name in draw.among)
        if draw.decided == "eliminate":
            assert stage.eliminated == (draw.order[-1],)
            assert max(held) - min(held) < Decimal("0.0001")
        else:
            assert draw.decided == "order"
            assert len(set(held)) == 1
            assert [name for name in stage.elected if name in draw.among] == list(draw.order)


@settings(max_examples=200)
@given(elections_with_seats(most_times=60))
def test_a_group_with_enough_quotas_has_its_seats(given_):
    """Who ranks the same set first, in any order, and fills q quotas with a bit to spare for rounding, gets q seats or
    the whole set: proportionality for solid coalitions."""
    made, terms = given_
    outcome = MEEK.count(made.profile, terms=terms, order=made.order)
    quota = Decimal(made.profile.ballots - made.profile.empty) / (terms.seats + 1) + BILLIONTH
    for size in range(1, len(terms.options)):
        for ranking, _ in made.profile.unique():
            if len(ranking) < size:
                continue
            group = frozenset(ranking[:size])
            solid = sum(times for other, times in made.profile.unique() if frozenset(other[:size]) == group)
            seats = min(size, int((solid - Decimal("0.001")) // quota))
            assert len(group & set(outcome.elected)) >= seats


def test_a_profile_on_either_side_of_64_bits_is_counted_alike():
    """Shares of votes once within 64 bits and far above: both engines agree, and the winners stay."""
    names = ("a", "b", "c", "d")
    codes = ranking_codes([("a", "b", "c"), ("b", "d"), ("c", "d"), ("d", "c"), ("a", "c", "b")], names)
    for scale in (1, 9_223_372_036 // 210, 10**8, 10**12):
        weights = codes[:, 0] * 0 + [90 * scale, 41 * scale, 31 * scale, 29 * scale + 1, 7 * scale]
        profile = ranked_profile(codes, options=names, weights=weights)
        outcome = MEEK.count(profile, terms=Terms(names, seats=2), order=names)

        assert plain(outcome) == plain_count.count("stv-meek/1", profile.unique(), options=names, order=names, seats=2)
        assert outcome.elected == ("a", "b")


@pytest.mark.parametrize("seats", [1, 2, 3])
def test_no_ballots_fill_all_seats_by_lot(seats):
    """An empty contest is decided, and every use of the lot is listed."""
    names = ("a", "b", "c")

    outcome = MEEK.count(merge([], names), terms=Terms(names, seats=seats), order=("c", "a", "b"))

    assert outcome.elected == ("c", "a", "b")[:seats]
    assert outcome.quota == "0.000000001"
    assert len(outcome.draws) >= 1


def test_equal_ranks_are_refused():
    """The method says so and does not guess."""
    names = ("a", "b")
    equal = ranked_profile(ranking_codes([(("a", "b"),)], names), options=names)

    with pytest.raises(InvalidMethod, match="equal ranks"):
        MEEK.count(equal, terms=Terms(names), order=names)


def test_the_plain_engine_refuses_no_seats_and_elects_all_where_there_are_too_few():
    """MEEK-11: two options for three seats are both elected in round 1; none for no seats."""
    counted = plain_count.count("stv-meek/1", [(["b"], 2)], options=["a", "b"], order=["a", "b"], seats=3)

    assert counted["elected"] == ["b", "a"]
    assert len(counted["rounds"]) == 1
    with pytest.raises(ValueError, match="one option or more"):
        plain_count.count("stv-meek/1", [], options=["a"], order=["a"], seats=0)
