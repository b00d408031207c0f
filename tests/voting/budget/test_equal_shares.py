"""Equal Shares: its laws, and the budgets that a city and another program decided by it."""

import gzip
import json
import tomllib
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from tests.voting.budget.drawn import draw_budget
from tests.voting.made import budget_elections
from voting.budget.buying import POINTS_MAX, buy, open_market
from voting.budget.equal_shares import count_equal_shares, raise_of
from voting.budget.greedy import count_greedy
from voting.budget.recorded import count_recorded
from voting.errors import InvalidContest
from voting.formats.pabulib import read_pabulib, recorded_rule
from voting.methods import find
from voting.profile import Terms, merge_counted, scored_profile

EQUAL_SHARES, CARDINAL = find("equal-shares/1"), find("equal-shares-cardinal/1")
CITIES = ("Lodz", "Mechanical", "Stanford", "Toulouse", "Wieliczka", "Zurich")
BOTH = pytest.mark.parametrize("cardinal", [False, True], ids=["by cost", "by number"])


def count(made, *, cardinal, **variant):
    """The outcome of a made-up budget."""
    return count_equal_shares(scored(made), terms=made.terms, order=made.order, cardinal=cardinal, **variant)


def scored(made):
    """The ballots of a made-up budget as scores, also where there are none."""
    return made.profile if made.profile.ballots else scored_profile({}, options=made.terms.options, ballots=0)


def read(path):
    """A Pabulib file."""
    return read_pabulib(gzip.decompress(path.read_bytes()))


def pabutools_once(shared, city=None):
    """The elections whose outcomes by pabutools were kept."""
    folder = shared / "data/budget"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/budget")
    elections = json.loads((folder / "expected_pabutools.json").read_text())["elections"]
    return [(folder / one["file"], one) for one in elections if city in (None, one["file"].split("/")[0])]


def test_wieliczka_funded_what_this_count_funds(shared):
    """April 2023: the 30 projects of the official list, as recorded, and by the method that a contest would have."""
    path = shared / "data/budget/Wieliczka/Poland_Wieliczka_2023_Green_Budget.pb.gz"
    if not path.is_file():
        pytest.skip("there is no ../shared/data/budget/Wieliczka")
    file = read(path)
    official = {
        option
        for option, selected in zip(file.terms.options, file.projects.column("selected"), strict=True)
        if selected == "1"
    }

    recorded = count_recorded(file, recorded_rule(file))
    ours = EQUAL_SHARES.count(file.profile, terms=file.terms, order=file.terms.options)
    early = count_equal_shares(file.profile, terms=file.terms, order=file.terms.options, completion="add1-exhaustive")

    assert len(official) == 30
    assert set(recorded.funded) == set(ours.funded) == official
    assert ours.endowment == "1040052/3293"  # 164 raises
    assert set(early.funded) - official == {"66", "67"}
    assert official - set(early.funded) == {"46"}


@pytest.mark.parametrize("city", CITIES)
def test_what_pabutools_once_bought(shared, city):
    """Without raises, ties by project id alone: the same projects in the same order, by cost and by number."""
    elections = pabutools_once(shared, city)
    assert elections
    for path, expected in elections:
        file = read(path)
        for cardinal, key in ((False, "mes_cost"), (True, "mes_cardinality")):
            outcome = count_equal_shares(
                file.profile, terms=file.terms, order=sorted(file.terms.options), order_only=True, cardinal=cardinal,
                completion="none",
            )  # fmt: skip
            assert list(outcome.funded) == expected[key], path.name


def check_raises(path, expected):
    """Both ways to end the raises, against an engine of fractions that makes every run."""
    file = read(path)
    for completion, key, capped in (
        ("add1", "own_add1_until_infeasible", "own_add1_inf_capped_at_3000_runs"),
        ("add1-exhaustive", "own_add1_stop_exhaustive", "own_add1_capped_at_3000_runs"),
    ):
        outcome = count_equal_shares(
            file.profile, terms=file.terms, order=sorted(file.terms.options), order_only=True, completion=completion
        )
        if not expected[capped]:
            assert list(outcome.funded) == expected[key], (path.name, completion)


@pytest.mark.parametrize("city", CITIES)
def test_shares_raised_in_real_budgets(shared, city):
    """Up to 300 raises: the same projects in the same order."""
    elections = [pair for pair in pabutools_once(shared, city) if pair[1]["own_add1_inf_runs"] <= 300]
    assert elections or city == "Mechanical"
    for path, expected in elections:
        check_raises(path, expected)


@pytest.mark.full
@pytest.mark.parametrize("city", CITIES)
def test_shares_raised_very_often_in_real_budgets(shared, city):
    """More than 300 raises, some of them 10,000."""
    for path, expected in pabutools_once(shared, city):
        if expected["own_add1_inf_runs"] > 300:
            check_raises(path, expected)


def test_what_pabutools_once_completed(shared):
    """Its own way to raise shares ends as soon as nothing fits: 31 budgets that it finished."""
    compared = 0
    for path, expected in pabutools_once(shared):
        if "pabutools_mes_cost_add1" in expected and expected["own_add1_runs"] <= 300:
            file = read(path)
            outcome = count_equal_shares(
                file.profile, terms=file.terms, order=sorted(file.terms.options), order_only=True,
                completion="add1-exhaustive",
            )  # fmt: skip
            assert list(outcome.funded) == expected["pabutools_mes_cost_add1"], path.name
            compared += 1
    assert compared > 20


def test_the_example_that_people_are_shown(shared):
    """Ten neighbors share $100: what the page says is what is counted."""
    path = shared / "demo/methods.toml"
    if not path.is_file():
        pytest.skip("there is no ../shared/demo/methods.toml")
    example = tomllib.loads(path.read_text())["equal_shares"]
    options = tuple(example["projects"])
    terms = Terms(options, budget=example["budget"], costs=tuple(example["projects"].values()))
    counted = {
        tuple((index, 1) for index, option in enumerate(options) if option in ballot["approve"]): ballot["count"]
        for ballot in example["ballots"]
    }

    outcome = EQUAL_SHARES.count(scored_profile(counted, options=options, ballots=10), terms=terms, order=options)

    expected = example["expect"]
    assert list(outcome.funded) == expected["funded"]
    assert (outcome.spent, outcome.endowment) == (expected["spent"], str(expected["last_share"]))


# -- laws --------------------------------------------------------------------------------------


def run_of(made, endowment, *, cardinal):
    """One run of a made-up budget, with its market."""
    market = open_market(scored(made), made.terms)

    def choose(level):
        first = min(level, key=lambda option: made.order.index(made.terms.options[option]))
        return first, tuple(level)

    return market, buy(market, endowment=endowment, cardinal=cardinal, choose=choose)


def check_payments(made, endowment, *, cardinal):
    """Pay for every purchase ballot by ballot: prices add up, nobody overpays, and at the end nobody can pay more."""
    market, run = run_of(made, endowment, cardinal=cardinal)
    ballots = list(scored(made).unique())
    left = [endowment] * len(ballots)
    bought = []
    for purchase in run.purchases:
        name = made.terms.options[purchase.option]
        paid = [min(left[at], purchase.level * ballot.get(name, 0)) for at, (ballot, _) in enumerate(ballots)]
        total = sum((amount * times for amount, (_, times) in zip(paid, ballots, strict=True)), Fraction(0))
        assert total == market.costs[purchase.option]
        left = [had - amount for had, amount in zip(left, paid, strict=True)]
        assert min(left) >= 0
        assert not market.mates[purchase.option] & set(bought)
        bought.append(purchase.option)
    for option, name in enumerate(made.terms.options):
        if market.scores[option] and option not in bought and not market.mates[option] & set(bought):
            money = sum(had * times for had, (ballot, times) in zip(left, ballots, strict=True) if ballot.get(name))
            assert money < market.costs[option], "someone could still have paid for it"


@BOTH
@settings(max_examples=300)
@given(made=budget_elections(), share=st.fractions(0, 30, max_denominator=9))
def test_payments_add_up_and_nobody_overpays(cardinal, made, share):
    """SHARES-4, SHARES-7 and SHARES-9, with the exact prices, for any share."""
    check_payments(made, share, cardinal=cardinal)


@BOTH
def test_payments_add_up_where_amounts_are_close(cardinal):
    """The same with costs near 10^15 that differ by one."""
    for seed in range(200):
        made = draw_budget(seed, approvals=False, close=True)
        if made.profile.ballots:
            check_payments(made, Fraction(made.terms.budget, made.profile.ballots), cardinal=cardinal)


@BOTH
@settings(max_examples=200)
@given(made=budget_elections())
def test_the_run_that_counts_is_the_last_before_the_budget_breaks(cardinal, made):
    """SHARES-10, SHARES-11: every run up to it made one by one, without leaving any out."""
    if not made.profile.ballots:
        return
    outcome = count(made, cardinal=cardinal, order_only=True)
    step = raise_of(made.terms, made.profile.ballots)
    endowment = Fraction(made.terms.budget, made.profile.ballots)
    while True:
        market, run = run_of(made, endowment, cardinal=cardinal)
        bought = {purchase.option for purchase in run.purchases}
        assert sum(market.costs[option] for option in bought) <= made.terms.budget
        open_ones = [
            option
            for option, score in enumerate(market.scores)
            if score and option not in bought and not market.mates[option] & bought
        ]
        _, further = run_of(made, endowment + step, cardinal=cardinal)
        if not open_ones or sum(market.costs[one.option] for one in further.purchases) > made.terms.budget:
            break
        endowment += step
    assert Fraction(outcome.endowment) == endowment
    assert outcome.funded == tuple(made.terms.options[purchase.option] for purchase in run.purchases)


@BOTH
@settings(max_examples=200)
@given(
    made=budget_elections(),
    shares=st.lists(st.fractions(0, 30, max_denominator=9), min_size=2, max_size=2, unique=True),
    at=st.fractions(0, 1, max_denominator=50),
)
def test_between_two_runs_of_one_path_nothing_changes(cardinal, made, shares, at):
    """Why runs can be left out: equal paths at both ends, so the same purchases at any share in between."""
    low, high = sorted(shares)
    runs = [run_of(made, share, cardinal=cardinal)[1] for share in (low, low + (high - low) * at, high)]

    if runs[0].path == runs[2].path:
        names = [[(purchase.option, sorted(purchase.tied)) for purchase in run.purchases] for run in runs]
        assert names[0] == names[1] == names[2]


def test_long_stretches_without_change_are_passed_over():
    """One voter's project costs the whole budget of a million: 10,000 times 49 raises, counted in a moment."""
    terms = Terms(("a", "b"), budget=1_000_000_00, costs=(1_000_000_00, 5), minor_digits=0)
    profile = scored_profile({((0, 1),): 1}, options=terms.options, ballots=50)

    outcome = EQUAL_SHARES.count(profile, terms=terms, order=("a", "b"))

    assert outcome.funded == ("a",)
    assert Fraction(outcome.endowment) == 1_000_000_00


@BOTH
@settings(max_examples=200)
@given(made=budget_elections(), shuffler=st.randoms())
def test_the_order_of_projects_and_ballots_changes_nothing(cardinal, made, shuffler):
    """The same ballots with the projects listed otherwise: the same rounds, draws and money."""
    options = list(made.terms.options)
    shuffler.shuffle(options)
    costs = dict(zip(made.terms.options, made.terms.costs, strict=True))
    terms = Terms(
        tuple(options),
        budget=made.terms.budget,
        costs=tuple(costs[option] for option in options),
        groups=made.terms.groups[::-1],
    )
    counted = {}
    for choices, times in made.ballots[::-1]:
        counted[choices] = counted.get(choices, 0) + times

    one = count(made, cardinal=cardinal)
    method = CARDINAL if cardinal else EQUAL_SHARES
    two = method.count(merge_counted(counted, options), terms=terms, order=made.order)

    assert (one.rounds, one.draws, one.funded, one.spent, one.endowment) == (
        two.rounds, two.draws, two.funded, two.spent, two.endowment,
    )  # fmt: skip


@BOTH
@settings(max_examples=300)
@given(made=budget_elections())
def test_every_round_keeps_the_books(cardinal, made):
    """Money left falls by what is funded and never below zero; every project with support has one round."""
    outcome = count(made, cardinal=cardinal)

    left = made.terms.budget
    for stage in outcome.rounds:
        left -= stage.cost if stage.decision == "funded" else 0
        assert stage.left == left >= 0
        assert (stage.share is not None) == (stage.decision == "funded")
        mates = {name for group in made.terms.groups if stage.option in group for name in group} - {stage.option}
        assert (stage.decision == "excluded") == bool(mates & set(outcome.funded))
    assert outcome.spent == made.terms.budget - left
    supported = [option for option, score in zip(made.terms.options, outcome.scores, strict=True) if score != "0"]
    assert sorted(stage.option for stage in outcome.rounds) == sorted(supported)


@BOTH
@settings(max_examples=200)
@given(made=budget_elections())
def test_without_a_draw_the_lot_has_no_say(cardinal, made):
    """SHARES-6: in a count of one run, a lot that is not listed was not used."""
    outcome = count(made, cardinal=cardinal, completion="none")

    if not outcome.draws:
        turned = count_equal_shares(
            scored(made), terms=made.terms, order=made.order[::-1], cardinal=cardinal, completion="none"
        )
        assert turned == outcome


@BOTH
@settings(max_examples=200)
@given(made=budget_elections(), times=st.integers(1, 9))
def test_a_group_that_wants_one_thing_gets_it_for_its_part_of_the_money(cardinal, made, times):
    """Whoever makes up a part of the ballots and wants one project that costs no more than that part gets it."""
    first = made.terms.options[0]
    rest = [(ballot, cast) for ballot, cast in scored(made).unique() if first not in ballot]
    ballots = sum(cast for _, cast in rest) + times
    index = {option: place for place, option in enumerate(made.terms.options)}
    counted = {tuple((index[name], value) for name, value in ballot.items()): cast for ballot, cast in rest}
    counted[((0, 1),)] = times
    terms = Terms(made.terms.options, budget=made.terms.budget, costs=made.terms.costs)

    outcome = count_equal_shares(
        scored_profile(counted, options=terms.options, ballots=ballots), terms=terms, order=made.order,
        cardinal=cardinal,
    )  # fmt: skip

    if terms.costs[0] * ballots <= times * terms.budget:
        assert first in outcome.funded


# -- completions -------------------------------------------------------------------------------


@settings(max_examples=200)
@given(made=budget_elections())
def test_greedy_completion_only_adds_and_leaves_nothing_that_fits(made):
    """add1-greedy: the projects of add1 first, then others, until none with support fits."""
    plain = count(made, cardinal=False)
    filled = count(made, cardinal=False, completion="add1-greedy")

    assert filled.funded[: len(plain.funded)] == plain.funded
    assert filled.spent >= plain.spent
    left = made.terms.budget - filled.spent
    assert all(stage.cost > left for stage in filled.rounds if stage.decision == "skipped")


def test_the_end_of_raises_as_soon_as_nothing_fits():
    """The vector `later_run`: add1 goes on to the dear project, add1-exhaustive keeps the cheap one."""
    terms = Terms(("c", "d"), budget=30, costs=(5, 26))
    profile = scored_profile({((0, 1), (1, 1)): 1, ((1, 1),): 1}, options=terms.options, ballots=3)

    def funded(completion):
        return count_equal_shares(profile, terms=terms, order=terms.options, completion=completion).funded

    assert (funded("add1"), funded("add1-exhaustive"), funded("none")) == (("d",), ("c",), ("c",))


def test_the_comparison_takes_what_more_ballots_prefer():
    """Six of ten get more from the greedy outcome, four from that of Equal Shares."""
    terms = Terms(("big", "one", "two"), budget=100, costs=(100, 20, 20))
    counted = {((0, 1),): 6, ((1, 1), (2, 1)): 4}
    profile = scored_profile(counted, options=terms.options, ballots=10)

    alone = count_equal_shares(profile, terms=terms, order=terms.options)
    compared = count_equal_shares(profile, terms=terms, order=terms.options, compare=True)

    assert set(alone.funded) == {"one", "two"}
    assert (compared.funded, compared.method, compared.endowment) == (("big",), "equal-shares/1", UNSET)


def test_the_comparison_leaves_a_tie_as_it_is():
    """Two ballots get more from each of the outcomes: Equal Shares stays."""
    terms = Terms(("big", "one"), budget=100, costs=(100, 50))
    profile = scored_profile({((0, 1),): 2, ((1, 1),): 2}, options=terms.options, ballots=4)

    compared = count_equal_shares(profile, terms=terms, order=("big", "one"), order_only=True, compare=True)

    assert count_greedy(profile, terms=terms, order=("big", "one"), order_only=True).funded == ("big",)
    assert compared.funded == ("one",)


# -- limits ------------------------------------------------------------------------------------


def test_more_points_than_can_be_shared_by_are_refused():
    """2^53 points in all: refused, and one fewer is counted."""
    terms = Terms(("a",), budget=10, costs=(10,))
    profile = scored_profile({((0, POINTS_MAX // 2),): 2}, options=("a",), ballots=2)
    fewer = scored_profile({((0, POINTS_MAX - 1),): 1}, options=("a",), ballots=1)

    with pytest.raises(InvalidContest, match="points"):
        EQUAL_SHARES.count(profile, terms=terms, order=("a",))
    assert CARDINAL.count(fewer, terms=terms, order=("a",)).funded == ("a",)


@pytest.mark.parametrize("terms", [Terms(("a",)), Terms(("a",), budget=5)])
def test_a_budget_and_prices_are_needed(terms):
    """Without them there is nothing to share."""
    with pytest.raises(InvalidContest, match="equal-shares needs"):
        EQUAL_SHARES.count(scored_profile({}, options=("a",), ballots=0), terms=terms, order=("a",))
