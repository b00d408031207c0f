"""Valid choices, and the merging of equal ones."""

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ballot import Allocation, Approval, Ranking, Scores
from schemas.contest import ApprovalRules, KnapsackRules, Option, PointsRules, RankingRules, ScoreRules
from tests.voting.made import NAMES, budget_elections, ranked_elections
from voting.errors import InvalidBallot, InvalidContest
from voting.profile import (
    RankedProfile,
    ScoredProfile,
    Terms,
    merge,
    merge_profiles,
    ranked_profile,
    ranking_codes,
    read_choices,
    write_choices,
)

OPTIONS = (Option("a", 50), Option("b", 40), Option("c", 30))
RANKING = RankingRules(max_ranks=2, equal=False)
EQUAL = RankingRules(max_ranks=2, equal=True)
APPROVAL = ApprovalRules(max_choices=2)
POINTS = PointsRules(points=10, step=2)
SCORE = ScoreRules(max_score=5)
KNAPSACK = KnapsackRules()


@pytest.mark.parametrize(
    ("rules", "text", "choices"),
    [
        (RANKING, '{"ranking":["b","a"]}', Ranking(("b", "a"))),
        (RANKING, '{"ranking":[]}', Ranking(())),
        (EQUAL, '{"ranking":[["a","c"],["b"]]}', Ranking((("a", "c"), ("b",)))),
        (APPROVAL, '{"approved":["a","c"]}', Approval(("a", "c"))),
        (APPROVAL, '{"approved":[]}', Approval(())),
        (KNAPSACK, '{"approved":["a","b"]}', Approval(("a", "b"))),
        (POINTS, '{"alloc":[["a",2],["c",8]]}', Allocation((("a", 2), ("c", 8)))),
        (POINTS, '{"alloc":[]}', Allocation(())),
        (SCORE, '{"scores":[["a",5],["b",1]]}', Scores((("a", 5), ("b", 1)))),
        (SCORE, '{"scores":[]}', Scores(())),
    ],
)
def test_valid_choices_are_read_and_written_as_the_same_text(rules, text, choices):
    """One text for one value, both ways; empty choices are valid."""
    assert read_choices(text, rules=rules, options=OPTIONS, budget=90) == choices
    assert write_choices(choices) == text


@pytest.mark.parametrize(
    ("code", "rules", "text"),
    [
        ("form", RANKING, ""),
        ("form", RANKING, "null"),
        ("form", RANKING, '{"ranking":["a"]'),
        ("form", RANKING, '{"ranking": ["a"]}'),
        ("form", RANKING, ' {"ranking":["a"]}'),
        ("form", RANKING, '{"ranking":["a"]}\n'),
        ("form", RANKING, '{"ranking":["b"],"ranking":["a"]}'),
        ("form", RANKING, '{"ranking":["a"],"x":1}'),
        ("form", RANKING, '{"ranking":["\\u0061"]}'),
        ("form", RANKING, '{"ranking":["A"]}'),
        ("form", RANKING, '{"ranking":["\ud800"]}'),
        ("form", RANKING, '{"ranking":"a"}'),
        ("form", RANKING, '{"approved":["a"]}'),
        ("form", RANKING, '{"ranking":[["a","b"]]}'),
        ("form", RANKING, '{"ranking":' + "[" * 100_000),
        ("form", EQUAL, '{"ranking":["a"]}'),
        ("form", EQUAL, '{"ranking":[["c","a"]]}'),
        ("form", EQUAL, '{"ranking":[[]]}'),
        ("form", APPROVAL, '{"approved":["c","a"]}'),
        ("form", APPROVAL, '{"ranking":["a"]}'),
        ("form", POINTS, '{"alloc":[["a",0]]}'),
        ("form", POINTS, '{"alloc":[["a",-2]]}'),
        ("form", POINTS, '{"alloc":[["a",2.0]]}'),
        ("form", POINTS, '{"alloc":[["a",2e0]]}'),
        ("form", POINTS, '{"alloc":[["a",9007199254740992]]}'),
        ("form", POINTS, '{"alloc":[["b",2],["a",2]]}'),
        ("form", SCORE, '{"scores":{"a":1}}'),
        ("form", APPROVAL, '{"approved":["z","a","a"]}'),
        ("unknown", RANKING, '{"ranking":["z"]}'),
        ("unknown", RANKING, '{"ranking":["a","a","z"]}'),
        ("unknown", EQUAL, '{"ranking":[["a","z"]]}'),
        ("repeated", RANKING, '{"ranking":["a","b","a"]}'),
        ("repeated", EQUAL, '{"ranking":[["a","b"],["a"]]}'),
        ("repeated", APPROVAL, '{"approved":["a","a"]}'),
        ("repeated", POINTS, '{"alloc":[["a",1],["a",20]]}'),
        ("too_many", RANKING, '{"ranking":["a","b","c"]}'),
        ("too_many", EQUAL, '{"ranking":[["a"],["b"],["c"]]}'),
        ("too_many", APPROVAL, '{"approved":["a","b","c"]}'),
        ("points", POINTS, '{"alloc":[["a",3]]}'),
        ("points", POINTS, '{"alloc":[["a",6],["b",6]]}'),
        ("points", SCORE, '{"scores":[["a",6]]}'),
        ("over_budget", KNAPSACK, '{"approved":["a","b","c"]}'),
    ],
)
def test_the_first_thing_wrong_is_the_code(code, rules, text):
    """form, unknown, repeated, too_many, points, over_budget: protocol section 10.3, first match wins."""
    with pytest.raises(InvalidBallot) as refusal:
        read_choices(text, rules=rules, options=OPTIONS, budget=90)

    assert refusal.value.code == code


def test_several_on_one_rank_are_one_rank():
    """`max_ranks` limits ranks, not options: three options on two ranks are allowed."""
    text = '{"ranking":[["a","b"],["c"]]}'

    assert read_choices(text, rules=EQUAL, options=OPTIONS, budget=None) == Ranking((("a", "b"), ("c",)))


def test_what_has_no_order_is_sorted_when_written():
    """Two voters who mean the same write the same."""
    assert write_choices(Approval(("c", "a"))) == '{"approved":["a","c"]}'
    assert write_choices(Scores((("b", 1), ("a", 2)))) == '{"scores":[["a",2],["b",1]]}'
    assert write_choices(Allocation((("b", 1), ("a", 2)))) == '{"alloc":[["a",2],["b",1]]}'
    assert write_choices(Ranking((("c", "a"), ("b",)))) == '{"ranking":[["a","c"],["b"]]}'


@given(st.text() | st.text('{}[]":,abcz019rankigpoved \\', max_size=60))
def test_any_text_is_read_or_refused(text):
    """Whatever a voter commits to, the answer is choices or a code, and not a crash."""
    for rules in (RANKING, EQUAL, APPROVAL, KNAPSACK, POINTS, SCORE):
        try:
            choices = read_choices(text, rules=rules, options=OPTIONS, budget=90)
            code = ""
        except InvalidBallot as refusal:
            code = refusal.code
        if code:
            assert code in {"form", "unknown", "repeated", "too_many", "points", "over_budget"}
        else:
            assert write_choices(choices) == text


@given(ranked_elections())
def test_merging_keeps_every_ranking(made):
    """The profile holds exactly the ballots that went in, the empty ones too."""
    cast = Counter()
    for choices, times in made.ballots:
        cast[choices.ranking] += times

    assert made.profile.ballots == cast.total()
    assert Counter(dict(made.profile.unique())) == cast


@given(budget_elections())
def test_merging_keeps_every_score(made):
    """The profile holds exactly the ballots that went in, and its scores are their sums."""
    cast = Counter()
    for choices, times in made.ballots:
        cast[choices.scores] += times
    if not cast:
        return

    profile = made.profile

    assert profile.ballots == cast.total()
    assert Counter({tuple(sorted(given.items())): times for given, times in profile.unique()}) == cast
    assert dict(zip(profile.options, profile.scores(), strict=True)) == {
        option: sum(dict(pairs).get(option, 0) * times for pairs, times in cast.items()) for option in profile.options
    }


def same(one, other):
    """Whether two profiles are the same arrays."""
    return (
        one.options == other.options
        and one.ballots == other.ballots
        and np.array_equal(one.rankings, other.rankings)
        and np.array_equal(one.counts, other.counts)
        and (one.tied is None) == (other.tied is None)
        and (one.tied is None or np.array_equal(one.tied, other.tied))
    )


@given(st.lists(st.permutations(NAMES[:4]).map(lambda names: Ranking(tuple(names[:2]))), max_size=30), st.randoms())
def test_the_order_of_ballots_leaves_no_trace(choices, shuffler):
    """Any order of the same ballots gives the same arrays."""
    shuffled = list(choices)
    shuffler.shuffle(shuffled)

    assert same(merge(choices, NAMES[:4]), merge(shuffled, NAMES[:4]))


@pytest.mark.parametrize(
    ("size", "ranks"),
    [(4, 3), (14, 5), (14, 12), (14, 16), (40, 30)],
    ids=["one table", "one table of a million", "sorted keys", "almost 64 bits", "keys in several steps"],
)
def test_every_way_of_merging_finds_the_same_rankings(size, ranks):
    """Table, sorted keys and keys in steps: each equals counting rows one by one. Blanks in between are passed over."""
    rng = np.random.default_rng(size * ranks)
    few = rng.integers(0, size + 1, (200, ranks))
    codes = few[rng.integers(0, 200, 20_000)]
    by_hand = Counter(tuple(code - 1 for code in row if code) for row in codes.tolist())

    profile = ranked_profile(codes, options=[f"o{number}" for number in range(size)])
    weighted = ranked_profile(few, options=profile.options, weights=np.arange(1, 201, dtype=np.int64))

    rows = [tuple(index for index in row if index >= 0) for row in profile.rankings.tolist()]
    assert Counter(dict(zip(rows, profile.counts.tolist(), strict=True))) + Counter({(): profile.empty}) == by_hand
    assert profile.ballots == 20_000
    assert rows == sorted(rows)
    assert weighted.ballots == 200 * 201 // 2
    assert set(map(tuple, weighted.rankings.tolist())) <= set(map(tuple, profile.rankings.tolist())) | {()}


def test_equal_ranks_are_kept_apart_from_strict_ones():
    """a=b > c, b=a > c and a > b > c: two of them are the same ballot."""
    names = ("a", "b", "c")
    codes = ranking_codes([(("a", "b"), "c"), (("b", "a"), "c"), ("a", "b", "c")], names)

    profile = ranked_profile(codes, options=names)

    assert profile.rankings.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert profile.tied.tolist() == [[False, False, False], [False, True, False]]
    assert profile.counts.tolist() == [1, 2]


def test_a_million_ballots_of_a_voting_page_merge_at_once():
    """Ballots as they come from openings, not from arrays: grouped by what they say."""
    rng = random.Random(1)
    kinds = [Ranking(tuple(rng.sample(NAMES, rng.randrange(6)))) for _ in range(500)]

    profile = merge((kinds[number % 500] for number in range(1_000_000)), NAMES)

    assert isinstance(profile, RankedProfile)
    assert profile.ballots == 1_000_000
    assert sum(times for _, times in profile.unique()) == 1_000_000


def test_scores_stay_exact_beyond_64_bits():
    """2^53 - 1 points from each of 4,000 ballots are summed without a wrap or a rounding."""
    most = 2**53 - 1

    profile = merge([Scores((("a", most),))] * 4000 + [Scores((("a", 1),))], ("a", "b"))

    assert isinstance(profile, ScoredProfile)
    assert profile.scores() == (4000 * most + 1, 0)


def test_ballots_of_two_kinds_do_not_mix():
    """An approval among rankings is refused."""
    with pytest.raises(InvalidBallot, match="different kinds"):
        merge([Ranking(("a",)), Approval(("a",))], ("a",))


@pytest.mark.parametrize("choices", [Ranking(("z",)), Approval(("z",))])
def test_an_unknown_option_is_not_merged(choices):
    """A ballot for something else is refused with its code."""
    with pytest.raises(InvalidBallot) as refusal:
        merge([choices], ("a",))
    assert refusal.value.code == "unknown"


@pytest.mark.parametrize(
    "terms",
    [
        {"options": ()},
        {"options": ("a", "a")},
        {"options": ("a",), "seats": 0},
        {"options": ("a",), "seats": 2},
        {"options": ("a",), "budget": -1},
        {"options": ("a",), "budget": 2**53},
        {"options": ("a",), "costs": (1, 2)},
        {"options": ("a",), "costs": (-1,)},
        {"options": ("a",), "groups": (("b",),)},
    ],
)
def test_terms_that_contradict_each_other_are_refused(terms):
    """More seats than options, money below zero, a group of strangers."""
    with pytest.raises(InvalidContest):
        Terms(**terms)


def test_a_knapsack_needs_costs_and_a_budget():
    """The fault is the contest's, not the voter's."""
    with pytest.raises(InvalidContest, match="costs"):
        read_choices('{"approved":["a"]}', rules=KNAPSACK, options=(Option("a"),), budget=5)
    with pytest.raises(InvalidContest, match="budget"):
        read_choices('{"approved":["a"]}', rules=KNAPSACK, options=OPTIONS, budget=None)


@given(made=ranked_elections(), cuts=st.lists(st.integers(0, 12), max_size=3))
def test_parts_merge_into_the_whole(made, cuts):
    """Ballots in several profiles are the same profile as all at once, empty ones and equal ranks too."""
    options = made.terms.options
    ballots = [choices for choices, times in made.ballots for _ in range(times)]
    ballots += [Ranking((tuple(options[:2]),)), Ranking(())] if len(options) > 1 else []
    edges = [0, *sorted(min(cut, len(ballots)) for cut in cuts), len(ballots)]
    parts = [merge(ballots[start:end], options) for start, end in itertools.pairwise(edges)]

    whole, merged = merge(ballots, options), merge_profiles(parts[::-1])

    assert list(merged.unique()) == list(whole.unique())
    assert merged.ballots == whole.ballots
    assert (merged.tied is None) == (whole.tied is None)
    if whole.tied is not None:
        assert merged.tied.tolist() == whole.tied.tolist()


def test_parts_of_several_contests_do_not_merge():
    """The same options in another order are other numbers."""
    with pytest.raises(InvalidContest, match="different options"):
        merge_profiles([merge([Ranking(("a",))], ("a", "b")), merge([Ranking(("a",))], ("b", "a"))])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64])
@pytest.mark.parametrize(("size", "ranks"), [(3, 3), (13, 5), (15, 4), (19, 2), (17, 4), (126, 9)])
def test_keys_grow_without_a_loss(size, ranks, dtype):
    """Numbers of one byte are packed into two, four and eight; every row comes back, with as many as there are."""
    random = np.random.default_rng(size)
    rows = np.argsort(random.random((300, size)), axis=1)[:, :ranks] + 1
    many = np.repeat(rows, 7, axis=0).astype(dtype)
    expected = Counter(map(tuple, many.tolist()))

    for codes in (many, np.asfortranarray(many), np.repeat(many, 100, axis=0)):
        profile = ranked_profile(codes, options=tuple(map(str, range(size))))
        found = dict(zip(map(tuple, (profile.rankings + 1).tolist()), profile.counts.tolist(), strict=True))
        assert found == {row: times * len(codes) // len(many) for row, times in expected.items()}
