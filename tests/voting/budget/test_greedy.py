"""Most votes first: its laws, and the budgets that cities published."""

import gzip
import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voting.made import budget_elections
from voting.budget.greedy import count_greedy
from voting.formats.pabulib import read_pabulib, recorded_rule
from voting.methods import find
from voting.profile import Terms, merge_counted, scored_profile

GREEDY = find("greedy/1")


def test_cities_funded_what_this_count_funds(shared):
    """386 published budgets, counted by the rule, threshold and tie order of their files: the same projects in each."""
    folder = shared / "data/budget"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/budget")
    elections = [
        election
        for election in json.loads((folder / "expected.json").read_text())["elections"]
        if election.get("official_equals_rule")
    ]
    assert len(elections) == 386
    rules = set()
    for election in elections:
        file = read_pabulib(gzip.decompress((folder / election["file"]).read_bytes()))
        recorded = recorded_rule(file)
        rules.add(recorded.rule)

        outcome = count_greedy(
            file.profile,
            terms=file.terms,
            order=recorded.order,
            order_only=True,
            threshold=recorded.threshold,
            stop_at_first_misfit=recorded.stop_at_first_misfit,
        )

        assert file.profile.ballots == election["num_votes"]
        assert set(outcome.funded) == set(election["official_selected"]), election["file"]
    assert rules == {"greedy", "greedy-threshold", "greedy-no-skip"}


def test_the_example_that_people_are_shown(shared):
    """Ten neighbors share $100: what the page says that votes alone would fund is what they fund."""
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
    profile = scored_profile(counted, options=options, ballots=10)

    assert list(GREEDY.count(profile, terms=terms, order=options).funded) == example["expect"]["greedy_funded"]


@settings(max_examples=300)
@given(budget_elections())
def test_never_more_than_there_is(made):
    """Every round's money is what was there less what was funded, and never below zero."""
    outcome = GREEDY.count(made.profile, terms=made.terms, order=made.order)

    left = made.terms.budget
    for stage in outcome.rounds:
        left -= stage.cost if stage.decision == "funded" else 0
        assert stage.left == left >= 0
    assert outcome.spent == made.terms.budget - left
    assert outcome.funded == tuple(stage.option for stage in outcome.rounds if stage.decision == "funded")


@settings(max_examples=300)
@given(budget_elections())
def test_every_decision_has_its_reason(made):
    """Funded fits, skipped does not fit, excluded has a funded project in a group; unsupported has no turn."""
    outcome = GREEDY.count(made.profile, terms=made.terms, order=made.order)

    left, funded = made.terms.budget, set()
    for stage in outcome.rounds:
        mates = {name for group in made.terms.groups if stage.option in group for name in group} - {stage.option}
        reasons = {
            "excluded": bool(mates & funded),
            "skipped": not mates & funded and stage.cost > left,
            "funded": not mates & funded and stage.cost <= left,
        }
        assert reasons[stage.decision]
        left = stage.left
        funded |= {stage.option} if stage.decision == "funded" else set()
    turns = {stage.option for stage in outcome.rounds}
    for option, score in zip(made.terms.options, outcome.scores, strict=True):
        assert (option in turns) == (score != "0")


@settings(max_examples=300)
@given(budget_elections())
def test_more_votes_go_first_and_lower_cost_breaks_a_tie(made):
    """GREEDY-3, GREEDY-4: turns are in order of score, then cost, then lot."""
    outcome = GREEDY.count(made.profile, terms=made.terms, order=made.order)

    turns = [(-int(stage.score), stage.cost, made.order.index(stage.option)) for stage in outcome.rounds]
    assert turns == sorted(turns)


@settings(max_examples=300)
@given(budget_elections(), st.randoms())
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

    one = GREEDY.count(made.profile, terms=made.terms, order=made.order)
    two = GREEDY.count(merge_counted(counted, options), terms=terms, order=made.order)

    assert (one.rounds, one.draws, one.funded, one.spent) == (two.rounds, two.draws, two.funded, two.spent)


@settings(max_examples=300)
@given(budget_elections())
def test_a_lot_is_used_only_where_cost_does_not_decide(made):
    """GREEDY-4: a draw lists projects of one score and one cost; without a draw the tie order has no say."""
    outcome = GREEDY.count(made.profile, terms=made.terms, order=made.order)
    other = GREEDY.count(made.profile, terms=made.terms, order=made.order[::-1])

    if not outcome.draws:
        assert outcome == other
    stages = {stage.option: stage for stage in outcome.rounds}
    for draw in outcome.draws:
        assert len(draw.among) > 1
        assert len({(stages[option].score, stages[option].cost) for option in draw.among}) == 1
        assert draw.round == stages[draw.order[0]].number
        assert draw.order == tuple(option for option in made.order if option in draw.among)


def test_cities_may_stop_early_or_ask_for_more_votes():
    """The variants of `--as-recorded`: a threshold leaves out, no-skip ends at the first that does not fit."""
    terms = Terms(("a", "b", "c"), budget=10, costs=(6, 6, 4))
    profile = scored_profile({((0, 1),): 5, ((1, 1),): 4, ((2, 1),): 3}, options=terms.options, ballots=12)

    def decisions(**variant):
        outcome = count_greedy(profile, terms=terms, order=terms.options, **variant)
        return [(stage.option, stage.decision) for stage in outcome.rounds]

    assert decisions() == [("a", "funded"), ("b", "skipped"), ("c", "funded")]
    assert decisions(stop_at_first_misfit=True) == [("a", "funded"), ("b", "skipped")]
    assert decisions(threshold=4) == [("a", "funded"), ("b", "skipped")]
    assert decisions(threshold=5) == [("a", "funded")]
