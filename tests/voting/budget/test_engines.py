"""Two engines, one outcome: every budget method on budgets by the thousand, all rounds and draws."""

import json

import msgspec
import pytest

from tests.voting.budget.drawn import draw_budget
from voting import plain_count
from voting.budget.equal_shares import COMPLETIONS, count_equal_shares
from voting.methods import METHODS

BUDGET_METHODS = [method for method in METHODS if method.kind == "budget"]


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


def compare(method, seeds):
    """Count each budget by both engines, now and then with the tie order alone."""
    for seed in seeds:
        made = draw_budget(seed, approvals="points" not in method.ballot_kinds)
        alone = seed % 5 == 0

        fast = method.count(made.profile, terms=made.terms, order=made.order, order_only=alone)

        slow = plain_count.count(method.name, made.ballots, order_only=alone, **made.money)
        assert plain(fast) == slow, f"seed {seed}"


@pytest.mark.parametrize("method", BUDGET_METHODS, ids=lambda method: method.name)
def test_both_engines_on_a_thousand_budgets(method):
    """Any ballots, costs, groups and lots: the same decisions, prices, draws and money."""
    compare(method, range(1_000))


@pytest.mark.full
@pytest.mark.parametrize("method", BUDGET_METHODS, ids=lambda method: method.name)
def test_both_engines_on_a_hundred_thousand_budgets(method):
    """The same, a hundred times as long."""
    compare(method, range(1_000, 101_000))


@pytest.mark.parametrize("completion", COMPLETIONS)
@pytest.mark.parametrize("cardinal", [False, True])
def test_both_engines_by_every_completion(completion, cardinal):
    """The variants that no contest can have are counted twice all the same."""
    name = "equal-shares-cardinal/1" if cardinal else "equal-shares/1"
    for seed in range(300):
        made = draw_budget(seed, approvals=False)

        fast = count_equal_shares(
            made.profile, terms=made.terms, order=made.order, cardinal=cardinal, completion=completion
        )

        slow = plain_count.count(name, made.ballots, completion=completion, **made.money)
        assert plain(fast) == slow, f"seed {seed}"


@pytest.mark.parametrize("cardinal", [False, True])
def test_amounts_that_floating_point_numbers_hardly_tell_apart(cardinal):
    """Costs near 10^15 that differ by one: what is compared in the end is exact."""
    name = "equal-shares-cardinal/1" if cardinal else "equal-shares/1"
    for seed in range(400):
        made = draw_budget(seed, approvals=False, close=True)

        fast = count_equal_shares(
            made.profile, terms=made.terms, order=made.order, cardinal=cardinal, completion="none"
        )

        assert plain(fast) == plain_count.count(name, made.ballots, completion="none", **made.money), f"seed {seed}"


def test_moments_that_floating_point_numbers_hardly_tell_apart():
    """The same for Phragmen's method."""
    for seed in range(400):
        made = draw_budget(seed, approvals=True, close=True)

        fast = next(one for one in BUDGET_METHODS if one.id == "phragmen").count(
            made.profile, terms=made.terms, order=made.order
        )

        assert plain(fast) == plain_count.count("phragmen/1", made.ballots, **made.money), f"seed {seed}"
