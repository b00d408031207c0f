"""Plurality, approval and the Borda counts: real elections as another program counts them, two engines, and laws."""

import gzip
import json
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Approval, Ranking, Scores
from tests.voting.made import NAMES, ranked_elections
from voting import plain_count
from voting.cli import main
from voting.errors import InvalidMethod
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes

PLURALITY, APPROVAL = find("plurality/1"), find("approval/1")
BORDA, BORDA_ZERO = find("borda/1"), find("borda-zero/1")
RANKED = (PLURALITY, BORDA, BORDA_ZERO)


@pytest.fixture(scope="module")
def elections(shared):
    """28 real elections as (expected, ballot file)."""
    folder = shared / "data/ranked/condorcet"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/condorcet")
    told = json.loads((folder / "expected.json").read_bytes())["elections"]
    return [(one, read_blt(gzip.decompress((folder / one["file"]).read_bytes()))) for one in told]


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


def test_real_elections_counted_as_another_program_does(elections):
    """28 elections: first choices, and Borda points by two conventions, of every option."""
    assert len(elections) == 28
    differ = 0
    for told, file in elections:
        names, terms, expected = file.profile.options, Terms(file.profile.options), told["expected"]
        first = PLURALITY.count(file.profile, terms=terms, order=names)
        shared_out = BORDA.count(file.profile, terms=terms, order=names)
        nothing = BORDA_ZERO.count(file.profile, terms=terms, order=names)

        assert [int(votes) for votes in first.rounds[0].tally] == expected["plurality_scores"], told["file"]
        assert [int(points) for points in nothing.scores] == expected["borda_unranked_zero"], told["file"]
        assert [2 * Fraction(points) for points in shared_out.scores] == expected["borda_unranked_average_x2"]
        assert first.elected == (names[expected["plurality_scores"].index(max(expected["plurality_scores"]))],)
        differ += shared_out.elected != nothing.elected
    assert differ > 0  # the convention is part of the name for a reason


def test_borda_points_are_pairwise_votes(elections):
    """BORDA-3 another way: an option's points are the ballots that rank it above each other one, and half of those that
    rank neither; from the published pairwise matrices."""
    for told, file in elections:
        above, ballots = told["expected"]["pairwise"], file.profile.ballots
        points = BORDA.count(file.profile, terms=Terms(file.profile.options), order=file.profile.options).scores

        for one, held in enumerate(points):
            pairs = [
                above[one][two] + Fraction(ballots - above[one][two] - above[two][one], 2)
                for two in range(len(points))
                if two != one
            ]
            assert Fraction(held) == sum(pairs), told["file"]


@st.composite
def elections_with_seats(draw, most_times=4):
    """Elections with many ties and as many seats as there are options at most."""
    made = draw(ranked_elections(most_times=most_times))
    return made, Terms(made.terms.options, seats=draw(st.integers(1, len(made.terms.options))))


@st.composite
def approvals_with_seats(draw):
    """Options, seats, a tie order, and approvals with how many times each was cast."""
    options = tuple(draw(st.permutations(NAMES))[: draw(st.integers(1, len(NAMES)))])
    ballots = draw(
        st.dictionaries(
            st.sets(st.sampled_from(options)).map(lambda names: Approval(tuple(sorted(names)))),
            st.integers(1, 4),
            max_size=10,
        )
    )
    terms = Terms(options, seats=draw(st.integers(1, len(options))))
    return terms, tuple(draw(st.permutations(options))), ballots


def assert_rankings_counted_twice(given_):
    """Both engines give the same rounds, scores, draws and winners, by every method that takes rankings."""
    made, terms = given_
    for method in RANKED:
        slow = plain_count.count(method.name, made.plain, options=terms.options, order=made.order, seats=terms.seats)

        assert plain(method.count(made.profile, terms=terms, order=made.order)) == slow, method.name


def assert_approvals_counted_twice(given_):
    """Both engines give the same scores, draws and winners."""
    terms, order, ballots = given_
    slow = plain_count.count(
        "approval/1",
        [(dict.fromkeys(choices.approved, 1), times) for choices, times in ballots.items()],
        options=terms.options,
        order=order,
        seats=terms.seats,
    )

    fast = APPROVAL.count(merge_counted(ballots, terms.options), terms=terms, order=order)

    assert plain(fast) == slow


@settings(max_examples=1000)
@given(elections_with_seats())
def test_rankings_twice(given_):
    """Any rankings, seats and tie order: the same by both engines."""
    assert_rankings_counted_twice(given_)


@settings(max_examples=1000)
@given(approvals_with_seats())
def test_approvals_twice(given_):
    """Any approvals, seats and tie order: the same by both engines."""
    assert_approvals_counted_twice(given_)


@pytest.mark.full
@settings(max_examples=100_000)
@given(elections_with_seats())
def test_rankings_twice_in_100000_elections(given_):
    """The same, a hundred times as often."""
    assert_rankings_counted_twice(given_)


@pytest.mark.full
@settings(max_examples=100_000)
@given(approvals_with_seats())
def test_approvals_twice_in_100000_elections(given_):
    """The same, a hundred times as often."""
    assert_approvals_counted_twice(given_)


@settings(max_examples=300)
@given(elections_with_seats(most_times=60))
def test_nothing_is_lost(given_):
    """PLURALITY-8: votes and blank ballots are all ballots. BORDA-9: every ballot gives n (n - 1) / 2 points. In
    BORDAZERO-9 a ballot gives n - 1, n - 2, ... for as many options as it ranks."""
    made, terms = given_
    size, ballots = len(terms.options), made.profile.ballots

    first, points, less = (method.count(made.profile, terms=terms, order=made.order) for method in RANKED)

    (stage,) = first.rounds
    assert sum(map(int, stage.tally)) + int(stage.exhausted) == ballots
    assert sum(map(Fraction, points.scores)) == Fraction(ballots * size * (size - 1), 2)
    assert sum(map(int, less.scores)) == sum(
        times * (size - 1 - rank) for choices, times in made.ballots for rank in range(len(choices.ranking))
    )
    for outcome in (first, points, less):
        assert len(set(outcome.elected)) == len(outcome.elected) == terms.seats


@settings(max_examples=300)
@given(elections_with_seats())
def test_both_borda_counts_are_one_where_all_is_ranked(given_):
    """With complete rankings there is nothing to share: the same points, draws and winners."""
    made, terms = given_
    complete = {}
    for choices, times in made.ballots:
        rest = [name for name in sorted(terms.options) if name not in choices.ranking]
        ranking = Ranking((*choices.ranking, *rest))
        complete[ranking] = complete.get(ranking, 0) + times
    profile = merge_counted(complete, terms.options)

    one = BORDA.count(profile, terms=terms, order=made.order)
    two = BORDA_ZERO.count(profile, terms=terms, order=made.order)

    assert list(map(Fraction, one.scores)) == list(map(Fraction, two.scores))
    assert (one.elected, one.draws) == (two.elected, two.draws)


@settings(max_examples=300)
@given(elections_with_seats(), st.randoms())
def test_the_order_of_options_and_ballots_changes_nothing(given_, shuffler):
    """The same ballots with the options listed otherwise: the same votes and points by name, draws and winners."""
    made, terms = given_
    options, ballots = list(terms.options), list(made.ballots)
    shuffler.shuffle(options)
    shuffler.shuffle(ballots)
    counted = {}
    for choices, times in ballots:
        counted[choices] = counted.get(choices, 0) + times
    other = Terms(tuple(options), seats=terms.seats)

    def by_name(outcome, names):
        return dict(zip(names, outcome.scores or outcome.rounds[0].tally, strict=True))

    for method in RANKED:
        one = method.count(made.profile, terms=terms, order=made.order)
        two = method.count(merge_counted(counted, options), terms=other, order=made.order)

        assert by_name(one, terms.options) == by_name(two, options)
        assert (one.draws, one.elected) == (two.draws, two.elected)


@settings(max_examples=500)
@given(approvals_with_seats())
def test_who_is_elected_has_no_fewer_and_lots_are_listed(given_):
    """APPROVAL-5 to APPROVAL-7: nobody without a seat has more; a lot decides between equals only, where it matters."""
    terms, order, ballots = given_
    profile = merge_counted(ballots, terms.options)

    outcome = APPROVAL.count(profile, terms=terms, order=order)

    score = dict(zip(terms.options, map(int, outcome.scores), strict=True))
    held = [score[name] for name in outcome.elected]
    assert held == sorted(held, reverse=True)
    assert all(score[name] <= held[-1] for name in terms.options if name not in outcome.elected)
    if not outcome.draws:
        assert outcome == APPROVAL.count(profile, terms=terms, order=order[::-1])
    for draw in outcome.draws:
        assert draw.round == 1
        assert len({score[name] for name in draw.among}) == 1
        assert draw.order == tuple(name for name in order if name in draw.among)
        seated = [name for name in outcome.elected if name in draw.among]
        assert seated == list(draw.order)[: len(seated)]
        assert draw.decided == ("order" if len(seated) == len(draw.order) else "elect")


@pytest.mark.parametrize("method", RANKED, ids=lambda method: method.name)
def test_equal_ranks_are_refused(method):
    """The method says so and does not guess."""
    names = ("a", "b")
    equal = ranked_profile(ranking_codes([(("a", "b"),)], names), options=names)

    with pytest.raises(InvalidMethod, match="equal ranks"):
        method.count(equal, terms=Terms(names), order=names)


def test_points_and_scores_are_not_approvals():
    """Both engines refuse what is worth more than 1, and rankings."""
    names = ("a", "b")

    with pytest.raises(InvalidMethod, match="not points"):
        APPROVAL.count(merge([Scores((("a", 2),))], names), terms=Terms(names), order=names)
    with pytest.raises(InvalidMethod, match="counts approval"):
        APPROVAL.count(merge([Ranking(("a",))], names), terms=Terms(names), order=names)
    with pytest.raises(ValueError, match="not points"):
        plain_count.count("approval/1", [({"a": 2}, 1)], options=names, order=names)


@pytest.mark.parametrize("method", [*RANKED, APPROVAL], ids=lambda method: method.name)
def test_no_ballots_are_decided_by_lot(method):
    """An empty contest of every kind is decided, and the lot is listed."""
    names = ("a", "b", "c")

    outcome = method.count(merge([], names), terms=Terms(names, seats=2), order=("c", "a", "b"))

    assert outcome.elected == ("c", "a")
    assert [draw.decided for draw in outcome.draws] == ["elect"]


@pytest.mark.parametrize("method", [*RANKED, APPROVAL], ids=lambda method: method.name)
@pytest.mark.parametrize("seats", [0, 3])
def test_the_plain_engine_refuses_seats_that_cannot_be_filled(method, seats):
    """Two options for no seat or for three."""
    with pytest.raises(ValueError, match="one option or more"):
        plain_count.count(method.name, [], options=["a", "b"], order=["a", "b"], seats=seats)


def test_points_beyond_64_bits_are_exact():
    """Points are added as Python's own integers: 2^62 ballots give more than 64 bits hold."""
    names = ("a", "b", "c", "d")
    codes = ranking_codes([("a", "b"), ("b", "a")], names)
    profile = ranked_profile(codes, options=names, weights=codes[:, 0] * 0 + [2**61 + 1, 2**61])
    ballots = list(profile.unique())

    for method in RANKED:
        outcome = method.count(profile, terms=Terms(names), order=names[::-1])

        assert plain(outcome) == plain_count.count(method.name, ballots, options=names, order=names[::-1])
        assert outcome.elected == ("a",)


def test_points_are_printed(capsys, tmp_path):
    """Most first, with who is elected and where the lot was used; as JSON in the order of the file."""
    path = tmp_path / "trees.blt"
    path.write_text('4 2\n3 1 2 0\n3 2 1 0\n1 3 0\n0\n"Ash"\n"Elm"\n"Fir"\n"Oak"\n"Trees"\n')

    assert main(["tally", str(path), "--method", "borda"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if ".0" in line and "tied" not in line] == [
        ["Ash", "16.0", "elected"],
        ["Elm", "16.0", "elected"],
        ["Fir", "6.0"],
        ["Oak", "4.0"],
    ]
    assert any(line.startswith("  tied: Ash, Elm; by lot the order is ") for line in lines)

    assert main(["tally", str(path), "--method", "borda", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scores"] == ["16.0", "16.0", "6.0", "4.0"]
    assert document["rounds"] == []
    assert [draw["decided"] for draw in document["draws"]] == ["order"]
