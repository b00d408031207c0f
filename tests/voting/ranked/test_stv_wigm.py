"""Single transferable vote by the WIGM reference rule: another program's counts of real wards, and laws."""

import gzip
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voting.made import ranked_elections
from voting import plain_count
from voting.errors import InvalidMethod
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes

WIGM = find("stv-wigm/1")


@pytest.fixture(scope="module")
def glasgow(shared):
    """The 21 wards of May 2007 as (what the program of the rule's author gave, ballot file)."""
    folder = shared / "data/ranked/stv-droop"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/stv-droop")
    elections = json.loads(gzip.decompress((folder / "expected.json.gz").read_bytes()))["elections"]
    wards = [ward for ward in elections if ward["rule"] == "wigm-prf-reference"]
    return [(ward, read_blt(gzip.decompress((folder / ward["file"]).read_bytes()))) for ward in wards]


def count_ward(file):
    """The count of a ballot file with the seats that it names; ties in file order."""
    return WIGM.count(file.profile, terms=Terms(file.profile.options, seats=file.seats), order=file.profile.options)


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


def test_glasgow_counted_as_the_program_of_the_rule_does(glasgow):
    """21 wards: quota, winners, every total and every exhausted vote, to the last of four decimals.

    That program goes on in Springburn after the last seat is filled, and moves the last surplus; step B.1 of the rule
    ends the count there. No ward has a tie.
    """
    assert len(glasgow) == 21
    beyond = []
    totals = 0
    for ward, file in glasgow:
        outcome = count_ward(file)

        told = [ward["events"][0], *(event for event in ward["events"] if event["tag"] == "transfer")]
        if len(told) > len(outcome.rounds):
            beyond.append(ward["file"])
            assert len(told) == len(outcome.rounds) + 1
            assert len(outcome.elected) == file.seats
            del told[-1]
        assert [event["votes"] for event in told] == [
            {str(at): votes or "0.0000" for at, votes in enumerate(stage.tally, 1)} for stage in outcome.rounds
        ], ward["file"]
        assert [event["nontransferable"] for event in told] == [stage.exhausted for stage in outcome.rounds]
        assert {event["quota"] for event in told} == {outcome.quota}
        assert {file.profile.options[number - 1] for number in ward["winners"]} == set(outcome.elected)
        assert outcome.draws == ()
        totals += sum(len(event["votes"]) for event in told)
    assert beyond == ["glasgow2007_Springburn.blt.gz"]
    assert totals > 1500


def test_glasgow_counted_twice(glasgow):
    """Both engines give the same rounds and winners for all 21 wards."""
    for ward, file in glasgow:
        names = file.profile.options
        slow = plain_count.count("stv-wigm/1", file.profile.unique(), options=names, order=names, seats=file.seats)

        assert plain(count_ward(file)) == slow, ward["file"]


@st.composite
def elections_with_seats(draw, most_times=4):
    """Elections with many ties and as many seats as there are options at most."""
    made = draw(ranked_elections(most_times=most_times))
    return made, Terms(made.terms.options, seats=draw(st.integers(1, len(made.terms.options))))


def assert_counted_twice(given_):
    """Both engines give the same rounds, draws and winners."""
    made, terms = given_
    slow = plain_count.count("stv-wigm/1", made.plain, options=terms.options, order=made.order, seats=terms.seats)

    assert plain(WIGM.count(made.profile, terms=terms, order=made.order)) == slow


@settings(max_examples=1000)
@given(st.one_of(elections_with_seats(), elections_with_seats(most_times=200)))
def test_wigm_twice(given_):
    """Any rankings, seats and tie order: the same rounds, draws and winners."""
    assert_counted_twice(given_)


@pytest.mark.full
@settings(max_examples=100_000)
@given(st.one_of(elections_with_seats(), elections_with_seats(most_times=200)))
def test_wigm_twice_in_100000_elections(given_):
    """The same, a hundred times as often."""
    assert_counted_twice(given_)


@settings(max_examples=300)
@given(elections_with_seats(most_times=60))
def test_every_round_holds_every_vote_once(given_):
    """WIGM-11: votes, exhausted and lost add up to all ballots; what is exhausted or lost never comes back."""
    made, terms = given_

    outcome = WIGM.count(made.profile, terms=terms, order=made.order)

    for stage in outcome.rounds:
        held = [Decimal(votes) for votes in stage.tally if votes is not None]
        assert sum(held) + Decimal(stage.exhausted) + Decimal(stage.lost_to_rounding) == made.profile.ballots
        assert min(held) >= 0
    for name in ("exhausted", "lost_to_rounding"):
        gone = [Decimal(getattr(stage, name)) for stage in outcome.rounds]
        assert gone == sorted(gone)


@settings(max_examples=300)
@given(elections_with_seats(most_times=60))
def test_a_round_does_one_thing_and_all_seats_are_filled(given_):
    """Each seat once; one surplus or one defeat a round; the quota elects at once; a surplus leaves the quota."""
    made, terms = given_

    outcome = WIGM.count(made.profile, terms=terms, order=made.order)

    assert len(set(outcome.elected)) == len(outcome.elected) == terms.seats
    assert [name for stage in outcome.rounds for name in stage.elected] == list(outcome.elected)
    quota = Decimal(outcome.quota)
    seated = set()
    for stage, after in zip(outcome.rounds, [*outcome.rounds[1:], None], strict=True):
        votes = {name: Decimal(held) for name, held in zip(terms.options, stage.tally, strict=True) if held is not None}
        seated |= set(stage.elected)
        assert all(name in seated for name, held in votes.items() if held >= quota)
        assert len(stage.eliminated) <= 1
        if after is None:
            assert not stage.eliminated
            continue
        then = dict(zip(terms.options, after.tally, strict=True))
        fewer = [name for name, held in votes.items() if then[name] is None or Decimal(then[name]) < held]
        if stage.eliminated:
            (lowest,) = stage.eliminated
            assert then[lowest] is None
            assert fewer == [lowest]
            assert votes[lowest] == min(held for name, held in votes.items() if name not in seated)
        elif fewer:
            (source,) = fewer
            assert Decimal(then[source]) == quota
            assert votes[source] == max(held for name, held in votes.items() if name in seated)
        else:
            assert after.tally == stage.tally  # a surplus of zero
            assert any(votes[name] == quota for name in seated)


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

    one = WIGM.count(made.profile, terms=terms, order=made.order)
    two = WIGM.count(merge_counted(counted, options), terms=Terms(tuple(options), seats=terms.seats), order=made.order)

    def by_name(outcome, names):
        return [
            (dict(zip(names, stage.tally, strict=True)), stage.elected, stage.eliminated, stage.exhausted)
            for stage in outcome.rounds
        ]

    assert by_name(one, terms.options) == by_name(two, options)
    assert (one.draws, one.elected) == (two.draws, two.elected)


@settings(max_examples=500)
@given(ranked_elections(most_times=9))
def test_one_seat_is_instant_runoff(made):
    """With one seat the winner is that of instant runoff: both rules go to the lot at once."""
    terms = Terms(made.terms.options)
    runoff = find("irv/1").count(made.profile, terms=terms, order=made.order)

    assert WIGM.count(made.profile, terms=terms, order=made.order).elected == runoff.elected


@settings(max_examples=300)
@given(elections_with_seats())
def test_a_lot_is_used_only_between_equals_and_is_always_listed(given_):
    """WIGM-8 and WIGM-10: without a draw another tie order changes nothing; who is drawn was level in that round."""
    made, terms = given_
    outcome = WIGM.count(made.profile, terms=terms, order=made.order)

    if not outcome.draws:
        assert outcome == WIGM.count(made.profile, terms=terms, order=made.order[::-1])
    for draw in outcome.draws:
        stage = outcome.rounds[draw.round - 1]
        assert len({stage.tally[terms.options.index(name)] for name in draw.among}) == 1
        assert len(draw.among) > 1
        assert draw.among == tuple(sorted(draw.order))
        assert draw.order == tuple(name for name in made.order if name in draw.among)
        if draw.decided == "eliminate":
            assert stage.eliminated == (draw.order[-1],)
        elif draw.decided == "order":
            assert [name for name in stage.elected if name in draw.among] == list(draw.order)
        else:
            assert draw.decided == "transfer"
            after = outcome.rounds[draw.round].tally[terms.options.index(draw.order[0])]
            assert after == outcome.quota


@settings(max_examples=200)
@given(elections_with_seats(most_times=60))
def test_a_group_with_enough_quotas_has_its_seats(given_):
    """Who ranks the same set first, in any order, and fills q quotas with what rounding took to spare, gets q seats or
    the whole set: proportionality for solid coalitions."""
    made, terms = given_
    outcome = WIGM.count(made.profile, terms=terms, order=made.order)
    quota = Decimal(outcome.quota)
    lost = Decimal(outcome.rounds[-1].lost_to_rounding)
    for size in range(1, len(terms.options)):
        for ranking, _ in made.profile.unique():
            if len(ranking) < size:
                continue
            group = frozenset(ranking[:size])
            solid = sum(times for other, times in made.profile.unique() if frozenset(other[:size]) == group)
            seats = min(size, int((solid - lost) // quota))
            assert len(group & set(outcome.elected)) >= seats


def test_a_profile_on_either_side_of_64_bits_is_counted_alike():
    """Shares of votes once within 64 bits and far above: both engines agree, and the winners stay."""
    names = ("a", "b", "c", "d")
    codes = ranking_codes([("a", "b", "c"), ("b", "d"), ("c", "d"), ("d", "c")], names)
    for scale in (1, 92_233_720_368 // 200, 10**10, 10**13):
        weights = codes[:, 0] * 0 + [97 * scale, 41 * scale, 31 * scale, 29 * scale + 1]
        profile = ranked_profile(codes, options=names, weights=weights)
        outcome = WIGM.count(profile, terms=Terms(names, seats=2), order=names)

        assert plain(outcome) == plain_count.count("stv-wigm/1", profile.unique(), options=names, order=names, seats=2)
        assert outcome.elected == ("a", "b")


@pytest.mark.parametrize("seats", [1, 2, 3])
def test_no_ballots_fill_all_seats_by_lot(seats):
    """An empty contest is decided, and every use of the lot is listed."""
    names = ("a", "b", "c")

    outcome = WIGM.count(merge([], names), terms=Terms(names, seats=seats), order=("c", "a", "b"))

    assert outcome.elected == ("c", "a", "b")[:seats]
    assert outcome.quota == "0.0001"
    assert len(outcome.draws) >= 1


def test_equal_ranks_are_refused():
    """The method says so and does not guess."""
    names = ("a", "b")
    equal = ranked_profile(ranking_codes([(("a", "b"),)], names), options=names)

    with pytest.raises(InvalidMethod, match="equal ranks"):
        WIGM.count(equal, terms=Terms(names), order=names)


def test_the_plain_engine_refuses_no_seats_and_elects_all_where_there_are_too_few():
    """WIGM-9: two options for three seats are both elected in round 1; none for no seats."""
    counted = plain_count.count("stv-wigm/1", [(["b"], 2)], options=["a", "b"], order=["a", "b"], seats=3)

    assert counted["elected"] == ["b", "a"]
    assert len(counted["rounds"]) == 1
    with pytest.raises(ValueError, match="one option or more"):
        plain_count.count("stv-wigm/1", [], options=["a"], order=["a"], seats=0)
