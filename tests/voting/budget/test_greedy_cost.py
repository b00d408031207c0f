"""Most votes for the money: its laws, and the budgets that another program decided by it."""

import gzip
import json
from fractions import Fraction

import pytest
from hypothesis import given, settings

from tests.voting.made import budget_elections
from voting.formats.pabulib import read_pabulib
from voting.methods import find
from voting.profile import Terms, scored_profile

COST = find("greedy-cost/1")


def test_what_pabutools_once_funded(shared):
    """68 approval budgets by its greedy rule for cardinality, ties by project id: the same, in order."""
    folder = shared / "data/budget"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/budget")
    elections = json.loads((folder / "expected_pabutools.json").read_text())["elections"]
    assert len(elections) == 68
    for election in elections:
        file = read_pabulib(gzip.decompress((folder / election["file"]).read_bytes()))
        score = dict(zip(file.terms.options, file.profile.scores(), strict=True))

        outcome = COST.count(file.profile, terms=file.terms, order=sorted(file.terms.options), order_only=True)

        supported = [option for option in election["greedy_cardinality"] if score[option]]
        assert list(outcome.funded) == supported, election["file"]


@settings(max_examples=300)
@given(made=budget_elections())
def test_more_votes_for_the_money_go_first(made):
    """COST-3, COST-4: by score for the cost, then cost, then score, then lot; what costs nothing before all."""
    outcome = COST.count(made.profile, terms=made.terms, order=made.order)

    turns = [
        (
            stage.cost > 0,
            -Fraction(int(stage.score), stage.cost) if stage.cost else Fraction(0),
            stage.cost,
            -int(stage.score),
            made.order.index(stage.option),
        )
        for stage in outcome.rounds
    ]
    assert turns == sorted(turns)


@settings(max_examples=300)
@given(made=budget_elections())
def test_every_decision_has_its_reason(made):
    """Funded fits, skipped does not fit, excluded has a funded project in a group."""
    outcome = COST.count(made.profile, terms=made.terms, order=made.order)

    left, funded = made.terms.budget, set()
    for stage in outcome.rounds:
        mates = {name for group in made.terms.groups if stage.option in group for name in group} - {stage.option}
        reasons = {
            "excluded": bool(mates & funded),
            "skipped": not mates & funded and stage.cost > left,
            "funded": not mates & funded and stage.cost <= left,
        }
        assert reasons[stage.decision]
        left -= stage.cost if stage.decision == "funded" else 0
        assert stage.left == left
        funded |= {stage.option} if stage.decision == "funded" else set()


def test_a_dear_project_with_most_votes_comes_later():
    """What greedy/1 funds first comes last here."""
    terms = Terms(("dear", "cheap"), budget=100, costs=(90, 20))
    profile = scored_profile({((0, 1),): 8, ((1, 1),): 2}, options=terms.options, ballots=10)

    assert COST.count(profile, terms=terms, order=terms.options).funded == ("cheap",)
    assert find("greedy/1").count(profile, terms=terms, order=terms.options).funded == ("dear",)
