"""Phragmen's sequential method: its laws, and the budgets that another program decided by it."""

import gzip
import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voting.made import budget_elections
from voting.budget.phragmen import purchases_of
from voting.errors import InvalidContest, InvalidMethod
from voting.formats.pabulib import read_pabulib
from voting.methods import find
from voting.profile import Terms, merge_counted, scored_profile

PHRAGMEN = find("phragmen/1")
CITIES = ("Lodz", "Mechanical", "Stanford", "Toulouse", "Wieliczka", "Zurich")


def scored(made):
    """The ballots of a made-up budget as scores, also where there are none."""
    return made.profile if made.profile.ballots else scored_profile({}, options=made.terms.options, ballots=0)


@pytest.mark.parametrize("city", CITIES)
def test_what_pabutools_once_bought(shared, city):
    """Approval budgets, ties by project id: the same projects, but for those that nobody approves."""
    folder = shared / "data/budget"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/budget")
    elections = json.loads((folder / "expected_pabutools.json").read_text())["elections"]
    elections = [election for election in elections if election["file"].startswith(f"{city}/")]
    assert elections
    for election in elections:
        file = read_pabulib(gzip.decompress((folder / election["file"]).read_bytes()))
        score = dict(zip(file.terms.options, file.profile.scores(), strict=True))

        outcome = PHRAGMEN.count(file.profile, terms=file.terms, order=sorted(file.terms.options))

        supported = [option for option in election["phragmen"] if score[option]]
        assert sorted(outcome.funded) == supported, election["file"]


@settings(max_examples=300)
@given(made=budget_elections(approvals=True))
def test_everyone_has_paid_what_everyone_earned(made):
    """PHRAGMEN-3, PHRAGMEN-4: at each purchase those who want it hold its cost exactly; time never runs back."""
    purchases, stopped, end = purchases_of(scored(made), made.terms, made.order)

    ballots = list(scored(made).unique())
    paid_at = [Fraction(0)] * len(ballots)
    now, left = Fraction(0), made.terms.budget
    for purchase in purchases:
        name, cost = made.terms.options[purchase.option], made.terms.costs[purchase.option]
        payers = [at for at, (ballot, _) in enumerate(ballots) if name in ballot]
        assert sum((purchase.level - paid_at[at]) * ballots[at][1] for at in payers) == cost
        assert purchase.level >= now
        for at in payers:
            paid_at[at] = purchase.level
        now, left = purchase.level, left - cost
        assert left >= 0
    if stopped:
        assert end >= now
        assert any(made.terms.costs[option] > left for option in stopped)


@settings(max_examples=300)
@given(made=budget_elections(approvals=True))
def test_every_round_keeps_the_books(made):
    """Money left falls by what is funded; groups hold; every project that someone approves has one round."""
    outcome = PHRAGMEN.count(made.profile, terms=made.terms, order=made.order)

    left = made.terms.budget
    for stage in outcome.rounds:
        left -= stage.cost if stage.decision == "funded" else 0
        assert stage.left == left >= 0
        mates = {name for group in made.terms.groups if stage.option in group for name in group} - {stage.option}
        assert (stage.decision == "excluded") == bool(mates & set(outcome.funded))
    supported = [option for option, score in zip(made.terms.options, outcome.scores, strict=True) if score != "0"]
    assert sorted(stage.option for stage in outcome.rounds) == sorted(supported)


@settings(max_examples=300)
@given(made=budget_elections(approvals=True), more=st.integers(0, 20))
def test_more_money_only_adds_at_the_end(made, more):
    """Where no project is too costly for the smaller budget, the larger one buys the same first."""
    dearest = max(made.terms.costs)
    small, large = (
        Terms(made.terms.options, budget=dearest + extra, costs=made.terms.costs, groups=made.terms.groups)
        for extra in (made.terms.budget, made.terms.budget + more)
    )

    fewer = PHRAGMEN.count(made.profile, terms=small, order=made.order).funded

    assert PHRAGMEN.count(made.profile, terms=large, order=made.order).funded[: len(fewer)] == fewer


@settings(max_examples=300)
@given(made=budget_elections(approvals=True), shuffler=st.randoms())
def test_the_order_of_projects_and_ballots_changes_nothing(made, shuffler):
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

    one = PHRAGMEN.count(made.profile, terms=made.terms, order=made.order)
    two = PHRAGMEN.count(merge_counted(counted, options), terms=terms, order=made.order)

    assert (one.rounds, one.draws, one.funded, one.spent) == (two.rounds, two.draws, two.funded, two.spent)


@settings(max_examples=300)
@given(made=budget_elections(approvals=True))
def test_without_a_draw_the_lot_has_no_say(made):
    """PHRAGMEN-7: a lot that is not listed was not used."""
    outcome = PHRAGMEN.count(made.profile, terms=made.terms, order=made.order)

    if not outcome.draws:
        assert PHRAGMEN.count(made.profile, terms=made.terms, order=made.order[::-1]) == outcome


def test_points_are_not_approvals():
    """PHRAGMEN-1: a ballot with 2 for a project is refused, and the text says what counts it."""
    terms = Terms(("a",), budget=5, costs=(5,))

    with pytest.raises(InvalidMethod, match="use equal-shares"):
        PHRAGMEN.count(scored_profile({((0, 2),): 1}, options=("a",), ballots=1), terms=terms, order=("a",))


@pytest.mark.parametrize("terms", [Terms(("a",)), Terms(("a",), budget=5)])
def test_a_budget_and_prices_are_needed(terms):
    """Without them there is nothing to buy."""
    with pytest.raises(InvalidContest, match="phragmen needs"):
        PHRAGMEN.count(scored_profile({}, options=("a",), ballots=0), terms=terms, order=("a",))
