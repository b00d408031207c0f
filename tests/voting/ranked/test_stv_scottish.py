"""Single transferable vote by the Scottish rules: the official counts of Scotland, and the laws of the method."""

import gzip
import json
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voting.made import ranked_elections
from voting import plain_count
from voting.errors import InvalidContest, InvalidMethod
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes

STV = find("stv-scottish/1")
SLIPS = {
    # Penicuik's sheet: candidate 6 in round 3. Proved a slip of the sheet in test_the_sheet_of_penicuik_slipped.
    "midlothian_S13003018.blt.gz": {(3, 6): ("832.84154", "832.84152")},
}
"""Cells of official sheets, by (round, candidate), that differ from the count: what is printed, and what is right."""


def read_wards(folder, names):
    """The elections of a data folder with their ballot files, or a skip."""
    if not folder.is_dir():
        pytest.skip(f"there is no ../shared/data/ranked/{folder.name}")
    data = (folder / names).read_bytes()
    elections = json.loads(gzip.decompress(data) if names.endswith(".gz") else data)["elections"]
    return [(one, read_blt(gzip.decompress((folder / one["file"]).read_bytes()))) for one in elections]


@pytest.fixture(scope="module")
def scotland(shared):
    """The 178 wards of May 2017 as (expected, ballot file)."""
    return read_wards(shared / "data/ranked/scotland2017", "expected.json")


def count_ward(file, **how):
    """The count of a ballot file with the seats that it names; ties in file order."""
    terms = Terms(file.profile.options, seats=file.seats)
    return STV.count(file.profile, terms=terms, order=terms.options, **how)


def as_printed(votes, printed):
    """Whether votes are those that a sheet prints: all five decimals, or rounded to as many as it shows."""
    digits = Decimal(1).scaleb(Decimal(printed).as_tuple().exponent)
    return abs(Decimal(votes) - Decimal(printed)) <= (digits / 2 if digits == Decimal("0.01") else 0)


def test_scotland_counted_as_the_returning_officers_did(scotland):
    """178 wards: quota, winners, round of election and every total of every round, but for the slips named above.

    Eight cells are printed with two decimals; all others have to be equal to the last digit.
    """
    assert len(scotland) == 178
    seen = {}
    cells = rounded = 0
    for ward, file in scotland:
        outcome = count_ward(file)

        assert (file.seats, file.profile.ballots) == (ward["seats"], ward["valid_ballots"])
        assert outcome.quota == f"{ward['quota']}.00000", ward["file"]
        number = {name: at for at, name in enumerate(file.profile.options, 1)}
        assert {number[name] for name in outcome.elected} == set(ward["winners"]), ward["file"]
        rounds = {str(number[name]): stage.number for stage in outcome.rounds for name in stage.elected}
        assert rounds == ward["elected_at_stage"], ward["file"]
        assert len(outcome.rounds) == len(ward["stages"]), ward["file"]
        for stage, printed in zip(outcome.rounds, ward["stages"], strict=True):
            for at, votes in enumerate(stage.tally, 1):
                cells += 1
                if not as_printed(votes or "0", printed[str(at)]):
                    seen.setdefault(ward["file"], {})[stage.number, at] = (printed[str(at)], votes)
                rounded += Decimal(votes or 0) != Decimal(printed[str(at)])
    assert seen == SLIPS
    assert cells > 9000
    assert rounded == 9  # those eight, and the slip: hardly a number passes by being rounded


def test_the_sheet_of_penicuik_slipped(scotland):
    """In round 3 only first-choice papers move, each at 0.02226, so a gain has to be a multiple of that: the printed
    one is not, ours is, and the sheet's own next round goes on from our number.

    All of candidate 5's votes were first choices (1482 in rounds 1 and 2). The next round moves the papers of candidate
    2, who holds first choices and papers worth 0.04482 and 0.02226. From ours, candidate 6 gains a sum of such papers;
    from the printed number no sum of at most as many papers as there are gives what the sheet prints.
    """
    ward, file = next(one for one in scotland if one[0]["file"] == "midlothian_S13003018.blt.gz")
    first, before, printed, after = ward["stages"][:4]
    value = Fraction(int(Fraction(1482 - 1449, 1482) * 100_000), 100_000)
    other = Fraction(int(Fraction(1517 - 1449, 1517) * 100_000), 100_000)
    wrong, right = SLIPS[ward["file"]][3, 6]

    assert first["5"] == before["5"] == "1482"
    assert printed["5"] == "1449"
    assert value == Fraction("0.02226")
    assert printed["6"] == wrong
    assert (Fraction(wrong) - Fraction(before["6"])) % value != 0
    assert (Fraction(right) - Fraction(before["6"])) % value == 0
    assert (Fraction(right) - Fraction(before["6"])) / value == 143

    def reachable(gain):
        """Whether the gain is made of whole papers and such from the two surpluses, no more than candidate 2 holds."""
        many = int((Fraction(printed["2"]) - Fraction(first["2"])) / value)
        return any(
            (gain - ones * other - twos * value).denominator == 1 and gain >= ones * other + twos * value
            for ones in range(many + 1)
            for twos in range(many + 1)
            if ones * other + twos * value <= Fraction(printed["2"]) - Fraction(first["2"])
        )

    assert reachable(Fraction(after["6"]) - Fraction(right))
    assert not reachable(Fraction(after["6"]) - Fraction(wrong))
    assert count_ward(file).rounds[3].tally[5] == "886.13150"
    assert after["6"] == "886.13150"


def test_scotland_counted_twice(scotland):
    """Both engines give the same rounds, draws and winners for all 178 wards."""
    for ward, file in scotland:
        slow = plain_count.count(
            "stv-scottish/1",
            file.profile.unique(),
            options=file.profile.options,
            order=file.profile.options,
            seats=file.seats,
        )

        assert plain(count_ward(file)) == slow, ward["file"]


def test_glasgow_counted_as_another_program_did(shared):
    """21 wards of May 2007: every total, every exhausted vote and the winners that another program of this rule gave.

    It orders ties by the file, and none occurred.
    """
    wards = read_wards(shared / "data/ranked/stv-droop", "expected.json.gz")
    wards = [(ward, file) for ward, file in wards if ward["rule"] == "stv-scottish-2007"]
    assert len(wards) == 21
    for ward, file in wards:
        outcome = count_ward(file, order_only=True)

        told = [ward["events"][0], *(event for event in ward["events"] if event["tag"] == "transfer")]
        assert [event["votes"] for event in told] == [
            {str(at): votes or "0.00000" for at, votes in enumerate(stage.tally, 1)} for stage in outcome.rounds
        ], ward["file"]
        assert [event["nontransferable"] for event in told] == [stage.exhausted for stage in outcome.rounds]
        assert set(outcome.elected) == {file.profile.options[number - 1] for number in ward["winners"]}


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


@st.composite
def elections_with_seats(draw, most_times=4):
    """Elections with many ties and as many seats as there are options at most."""
    made = draw(ranked_elections(most_times=most_times))
    seats = draw(st.integers(1, len(made.terms.options)))
    return made, Terms(made.terms.options, seats=seats)


@settings(max_examples=500)
@given(elections_with_seats(), st.booleans())
def test_single_transferable_vote_twice(given_, order_only):
    """Any rankings, seats and tie order, with the whole tie rule and without: the same rounds, draws and winners."""
    made, terms = given_
    slow = plain_count.count(
        "stv-scottish/1",
        made.plain,
        options=terms.options,
        order=made.order,
        seats=terms.seats,
        order_only=order_only,
    )

    fast = STV.count(made.profile, terms=terms, order=made.order, order_only=order_only)

    assert plain(fast) == slow


@settings(max_examples=300)
@given(elections_with_seats(most_times=60))
def test_every_round_holds_every_vote_once(given_):
    """SCOTTISH-12: votes, exhausted and lost add up to all ballots; what is exhausted or lost never comes back."""
    made, terms = given_

    outcome = STV.count(made.profile, terms=terms, order=made.order)

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
    """Each seat once; one surplus or one exclusion a round; the quota elects at once; a surplus leaves the quota."""
    made, terms = given_

    outcome = STV.count(made.profile, terms=terms, order=made.order)

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
            assert then[stage.eliminated[0]] is None
            assert set(fewer) <= set(stage.eliminated)
        else:
            (source,) = fewer
            assert Decimal(then[source]) == quota
            assert votes[source] == max(held for name, held in votes.items() if name in seated)


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

    one = STV.count(made.profile, terms=terms, order=made.order)
    two = STV.count(merge_counted(counted, options), terms=Terms(tuple(options), seats=terms.seats), order=made.order)

    def by_name(outcome, names):
        return [
            (dict(zip(names, stage.tally, strict=True)), stage.elected, stage.eliminated, stage.exhausted)
            for stage in outcome.rounds
        ]

    assert by_name(one, terms.options) == by_name(two, options)
    assert (one.draws, one.elected) == (two.draws, two.elected)


@settings(max_examples=300)
@given(ranked_elections(most_times=9))
def test_one_seat_is_instant_runoff_where_ties_are_ordered_alike(made):
    """With one seat and ties by the order alone, the winner is that of instant runoff.

    With the whole tie rule it need not be: SCOTTISH-9 asks earlier rounds before the lot, IRV-7 only the lot. So then
    only counts without a tie for the lowest are the same.
    """
    terms = Terms(made.terms.options)
    runoff = find("irv/1").count(made.profile, terms=terms, order=made.order)

    ordered = STV.count(made.profile, terms=terms, order=made.order, order_only=True)
    assert ordered.elected == runoff.elected

    if not runoff.draws:
        assert STV.count(made.profile, terms=terms, order=made.order).elected == runoff.elected


def test_the_tie_rules_of_one_seat_and_instant_runoff_differ():
    """The law above needs its condition: earlier rounds save b here, the lot alone would not."""
    names = ("a", "b", "c", "d")
    ballots = [((("a",)), 5), (("b", "a"), 3), (("c", "b"), 2), (("d", "c"), 1)]
    codes = ranking_codes([ranking for ranking, _ in ballots], names)
    profile = ranked_profile(codes, options=names, weights=codes[:, 0] * 0 + [times for _, times in ballots])
    order = ("a", "c", "d", "b")

    scottish = STV.count(profile, terms=Terms(names), order=order)
    runoff = find("irv/1").count(profile, terms=Terms(names), order=order)

    assert scottish.rounds[1].tally == ("5.00000", "3.00000", "3.00000", None)
    assert (scottish.rounds[1].eliminated, runoff.rounds[1].eliminated) == (("c",), ("b",))
    assert scottish.draws == ()


@settings(max_examples=300)
@given(elections_with_seats())
def test_a_lot_is_used_only_where_no_round_tells_apart_and_is_always_listed(given_):
    """SCOTTISH-11: another tie order changes nothing unless a draw is listed; who is drawn was level in every round."""
    made, terms = given_
    outcome = STV.count(made.profile, terms=terms, order=made.order)

    if not outcome.draws:
        assert outcome == STV.count(made.profile, terms=terms, order=made.order[::-1])
    for draw in outcome.draws:
        for stage in outcome.rounds[: draw.round]:
            assert len({stage.tally[terms.options.index(name)] for name in draw.among}) == 1
        assert len(draw.among) > 1
        assert draw.among == tuple(sorted(draw.order))
        assert draw.order == tuple(name for name in made.order if name in draw.among)
        stage = outcome.rounds[draw.round - 1]
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
    """Who ranks the same set first, in any order, and fills q quotas with a paper to spare for each rounding, gets
    q seats or the whole set: proportionality for solid coalitions, up to what rounding takes."""
    made, terms = given_
    outcome = STV.count(made.profile, terms=terms, order=made.order)
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


def test_huge_counts_are_exact():
    """Above 64-bit products Python's own integers count: the last of 2^51 votes shows in a surplus."""
    names = ("a", "b", "c")
    codes = ranking_codes([("a", "b"), ("b",), ("c",)], names)
    profile = ranked_profile(codes, options=names, weights=codes[:, 0] * 0 + [2**51 + 1, 2**49, 2**49 + 2])
    terms = Terms(names, seats=2)

    outcome = STV.count(profile, terms=terms, order=names)

    assert plain(outcome) == plain_count.count("stv-scottish/1", profile.unique(), options=names, order=names, seats=2)
    assert outcome.elected == ("a", "b")


def test_a_profile_on_either_side_of_64_bits_is_counted_alike():
    """The same shares of votes, once within 64 bits and once a thousand times as many: the same winners and rounds."""
    names = ("a", "b", "c", "d")
    codes = ranking_codes([("a", "b", "c"), ("b", "d"), ("c", "d"), ("d", "c")], names)
    for scale in (1, 922_337_203 // 200, 10**9, 10**12):
        weights = codes[:, 0] * 0 + [97 * scale, 41 * scale, 31 * scale, 29 * scale]
        profile = ranked_profile(codes, options=names, weights=weights)
        outcome = STV.count(profile, terms=Terms(names, seats=2), order=names)

        assert plain(outcome) == plain_count.count(
            "stv-scottish/1", profile.unique(), options=names, order=names, seats=2
        )
        assert outcome.elected == ("a", "b")


@pytest.mark.parametrize("seats", [1, 2, 3])
def test_no_ballots_fill_all_seats_by_lot(seats):
    """An empty contest is decided, and every use of the lot is listed."""
    names = ("a", "b", "c")

    outcome = STV.count(merge([], names), terms=Terms(names, seats=seats), order=("c", "a", "b"))

    assert outcome.elected == ("c", "a", "b")[:seats]
    assert outcome.quota == "1.00000"
    assert len(outcome.draws) >= 1


def test_equal_ranks_and_impossible_seats_are_refused():
    """The method says so and does not guess."""
    names = ("a", "b")
    equal = ranked_profile(ranking_codes([(("a", "b"),)], names), options=names)

    with pytest.raises(InvalidMethod, match="equal ranks"):
        STV.count(equal, terms=Terms(names), order=names)
    with pytest.raises(InvalidContest, match="3 seats for 2"):
        Terms(names, seats=3)


def test_the_plain_engine_elects_all_where_there_are_fewer_options_than_seats():
    """SCOTTISH-10: two options for three seats are both elected in round 1."""
    counted = plain_count.count("stv-scottish/1", [(["b"], 2)], options=["a", "b"], order=["a", "b"], seats=3)

    assert counted["elected"] == ["b", "a"]
    assert len(counted["rounds"]) == 1
