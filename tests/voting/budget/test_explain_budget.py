"""What a project lacked: every number that is told as exact or as enough, against the ballots counted again."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from msgspec import UNSET

from tests.voting.made import budget_elections
from voting import plain_count
from voting.budget.buying import buy, open_market
from voting.budget.equal_shares import count_equal_shares
from voting.explain import explain
from voting.methods import METHODS, find
from voting.profile import Terms, scored_profile

BUDGET_METHODS = [method for method in METHODS if method.kind == "budget"]
BY_VOTES = [find(name) for name in ("greedy/1", "greedy-cost/1", "phragmen/1")]
NEIGHBORS = Terms(("lamp", "bench", "tree", "sign", "pond"), budget=100, costs=(48, 45, 32, 16, 10))


@pytest.fixture
def neighbors():
    """Ten neighbors share 100; nobody asked for the pond."""
    counted = {((0, 1), (1, 1)): 5, ((0, 1),): 1, ((2, 1),): 2, ((2, 1), (3, 1)): 2}
    return scored_profile(counted, options=NEIGHBORS.options, ballots=10)


def told(method, profile, terms):
    """The facts of a count by project."""
    outcome = method.count(profile, terms=terms, order=terms.options)
    facts = explain(profile, outcome, terms=terms, order=terms.options)
    return facts, {fact.option: fact for fact in facts.facts}


def test_equal_shares_in_facts(neighbors):
    """The bench's five have 8 each left, 40 of 45; one more ballot with 16 would pay the rest."""
    facts, by_name = told(find("equal-shares"), neighbors, NEIGHBORS)

    assert (facts.endowment, facts.spent, facts.left) == ("16", 96, 4)
    bench, pond = by_name["bench"], by_name["pond"]
    assert (bench.decision, bench.held, bench.short, bench.needed_same_shares) == ("skipped", 40, 5, "1")
    assert (pond.decision, pond.held, pond.short, pond.needed_same_shares) == ("unsupported", 0, 10, "1")
    assert bench.needed_kind == "upper_bound"
    assert set(facts.other_methods) == {"greedy/1", "greedy-cost/1", "equal-shares-cardinal/1", "phragmen/1"}
    assert facts.other_methods["greedy/1"] == ("lamp", "bench")


def test_phragmen_in_facts(neighbors):
    """The bench would come at 17, after the sign at 16, with 4 left. One vote more has it bought at 45 / 6, first."""
    facts, by_name = told(find("phragmen"), neighbors, NEIGHBORS)

    assert (by_name["bench"].decision, by_name["bench"].short, by_name["bench"].left) == ("skipped", 41, 4)
    assert by_name["bench"].needed == "1"
    assert by_name["pond"].needed == "1"  # nobody asked for it; one ballot holds its 10 at 10, before the sign at 16
    assert facts.other_methods["equal-shares/1"] == ("lamp", "tree", "sign")


@pytest.mark.parametrize("method", BUDGET_METHODS, ids=lambda method: method.name)
def test_no_ballots_have_facts_too(method):
    """An empty contest is explained and does not crash."""
    profile = scored_profile({}, options=NEIGHBORS.options, ballots=0)

    facts, _ = told(method, profile, NEIGHBORS)

    assert {fact.decision for fact in facts.facts} == {"unsupported"}


def funded_with(method, made, option, votes):
    """Whether a project is funded with more ballots for it alone, by the lot that is worst for it."""
    worst = [name for name in made.order if name != option] + [option]
    ballots = [*made.plain, ({option: 1}, votes)]
    return (
        option
        in plain_count.count(
            method.name,
            ballots,
            options=made.terms.options,
            order=worst,
            budget=made.terms.budget,
            costs=made.terms.costs,
            groups=made.terms.groups,
        )["funded"]
    )


@pytest.mark.parametrize("method", BY_VOTES, ids=lambda method: method.name)
@settings(max_examples=150)
@given(made=budget_elections(approvals=True))
def test_the_votes_that_were_missing_are_enough_and_no_fewer(method, made):
    """So many more votes fund the project whatever the lot; one fewer leave at least one lot that does not."""
    if not made.profile.ballots:
        return
    outcome = method.count(made.profile, terms=made.terms, order=made.order)
    facts = explain(made.profile, outcome, terms=made.terms, order=made.order)

    for fact in facts.facts:
        if fact.decision == "funded":
            continue
        assert fact.needed_kind == "exact"
        if fact.needed is None:
            assert not funded_with(method, made, fact.option, 10_000)
        else:
            assert funded_with(method, made, fact.option, int(fact.needed))
            assert int(fact.needed) == 1 or not funded_with(method, made, fact.option, int(fact.needed) - 1)


@pytest.mark.parametrize("method", BUDGET_METHODS, ids=lambda method: method.name)
@settings(max_examples=100)
@given(made=budget_elections(approvals=True))
def test_lost_by_lot_means_another_lot_would_have_funded_it(method, made):
    """The tied project put first in the tie order is funded if that is said, and only then among those tied."""
    if not made.profile.ballots:
        return
    outcome = method.count(made.profile, terms=made.terms, order=made.order)
    facts = explain(made.profile, outcome, terms=made.terms, order=made.order)

    drawn = {name for draw in outcome.draws for name in draw.among}
    for fact in facts.facts:
        first = (fact.option, *(name for name in made.order if name != fact.option))
        other = method.count(made.profile, terms=made.terms, order=first)
        changes = fact.option in other.funded and fact.option not in outcome.funded and fact.option in drawn
        assert fact.by_lot == changes


def bought_with(made, endowment, option, votes, *, cardinal):
    """Whether a project is bought with one share when so many more ballots want it alone; the worst lot."""
    index = {name: place for place, name in enumerate(made.terms.options)}
    counted = {
        tuple((index[name], value) for name, value in ballot.items()): times
        for ballot, times in made.profile.unique()
        if ballot
    }
    place = index[option]
    counted[((place, 1),)] = counted.get(((place, 1),), 0) + votes
    profile = scored_profile(counted, options=made.terms.options, ballots=made.profile.ballots + votes)

    def choose(level):
        worst = sorted(level, key=lambda other: (other == place, made.order.index(made.terms.options[other])))
        return worst[0], tuple(level)

    run = buy(open_market(profile, made.terms), endowment=endowment, cardinal=cardinal, choose=choose)
    return place in [purchase.option for purchase in run.purchases]


@pytest.mark.parametrize("cardinal", [False, True], ids=["by cost", "by number"])
@settings(max_examples=200)
@given(made=budget_elections())
def test_ballots_that_were_missing_at_the_same_shares(cardinal, made):
    """Exact: so many more ballots with the same share have the project bought, and one fewer do not."""
    if not made.profile.ballots:
        return
    outcome = count_equal_shares(
        made.profile, terms=made.terms, order=made.order, order_only=True, cardinal=cardinal, completion="none"
    )
    facts = explain(made.profile, outcome, terms=made.terms)
    share = Fraction(outcome.endowment)
    for fact in facts.facts:
        if fact.decision == "funded":
            assert fact.needed_same_shares is UNSET
            continue
        if fact.needed_same_shares is None:
            assert not bought_with(made, share, fact.option, 10_000, cardinal=cardinal)
            continue
        votes = int(fact.needed_same_shares)
        assert bought_with(made, share, fact.option, votes, cardinal=cardinal)
        assert votes == 1 or not bought_with(made, share, fact.option, votes - 1, cardinal=cardinal)


@settings(max_examples=100)
@given(made=budget_elections())
def test_ballots_that_are_said_to_be_enough_are_enough(made):
    """An upper bound was counted: the project is funded with so many more ballots, shares and all."""
    if not made.profile.ballots:
        return
    method = find("equal-shares/1")
    outcome = method.count(made.profile, terms=made.terms, order=made.order)
    facts = explain(made.profile, outcome, terms=made.terms, order=made.order)

    for fact in facts.facts:
        if isinstance(fact.needed, str):
            assert fact.needed_kind == "upper_bound"
            again = plain_count.count(
                "equal-shares/1",
                [*made.plain, ({fact.option: 1}, int(fact.needed))],
                options=made.terms.options,
                order=made.order,
                budget=made.terms.budget,
                costs=made.terms.costs,
                groups=made.terms.groups,
            )
            assert fact.option in again["funded"]
