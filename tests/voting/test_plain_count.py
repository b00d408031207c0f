"""Two engines, one outcome: the published vectors, and elections made up by the hundred."""

import ast
import json
import re
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from schemas.ballot import Ranking, Scores
from tests.voting.made import budget_elections, ranked_elections
from voting import plain_count
from voting.methods import METHODS, find
from voting.profile import Terms, merge_counted

CASES = [(method.name, case) for method in METHODS for case in json.loads(method.vectors)["cases"]]


def plain(outcome):
    """An outcome as JSON shows it, without its method."""
    shown = json.loads(msgspec.json.encode(outcome))
    del shown["method"]
    return shown


def terms_of(case):
    """The terms of a vector, and what the plain engine takes for them."""
    if "budget" not in case:
        seats = case.get("seats", 1)
        return Terms(tuple(case["options"]), seats=seats), {"seats": seats}
    money = {"budget": case["budget"], "costs": case["costs"], "groups": case["groups"]}
    terms = Terms(
        tuple(case["options"]),
        budget=case["budget"],
        costs=tuple(case["costs"]),
        groups=tuple(map(tuple, case["groups"])),
        minor_digits=case.get("minor_digits", 0),
    )
    return terms, money | {"minor_digits": terms.minor_digits}


def ranks(ballot):
    """The ranking of a vector's ballot; an inner list holds options of equal rank."""
    return tuple(rank if isinstance(rank, str) else tuple(rank) for rank in ballot["ranking"])


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name} {case['id']}" for name, case in CASES])
def test_both_engines_give_the_vector(name, case):
    """Every round, every draw, every sum is as worked out by hand."""
    terms, money = terms_of(case)
    choices = {
        Ranking(ranks(ballot)) if "ranking" in ballot else Scores(tuple(map(tuple, ballot["scores"]))): (
            ballot["count"]
        )
        for ballot in case["ballots"]
    }
    ballots = [(ballot.get("ranking") or dict(ballot.get("scores", ())), ballot["count"]) for ballot in case["ballots"]]

    fast = find(name).count(merge_counted(choices, terms.options), terms=terms, order=case["order"])
    slow = plain_count.count(name, ballots, options=case["options"], order=case["order"], **money)

    assert plain(fast) == case["expect"]
    assert slow == case["expect"]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_rule_has_a_vector(method):
    """A numbered rule that no worked example names is a rule that nobody checked."""
    rules = set(re.findall(r"^\*\*([A-Z]+-\d+)\.", method.spec.decode(), re.MULTILINE))
    named = {rule for case in json.loads(method.vectors)["cases"] for rule in case["rules"]}

    assert len(rules) >= 8
    assert named == rules


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_rule_names_a_source(method):
    """Each rule ends with where it comes from."""
    rules = method.spec.decode().partition("## What is published")[0]
    parts = re.split(r"^\*\*[A-Z]+-\d+\.", rules, flags=re.MULTILINE)

    assert all(part.count("*Source: ") == 1 for part in parts[1:])


@settings(max_examples=400)
@given(ranked_elections())
def test_instant_runoff_twice(made):
    """Any rankings, any tie order: the same rounds, draws and winner."""
    slow = plain_count.count("irv/1", made.plain, options=made.terms.options, order=made.order)

    assert plain(find("irv/1").count(made.profile, terms=made.terms, order=made.order)) == slow


@settings(max_examples=400)
@given(budget_elections())
def test_most_votes_first_twice(made):
    """Any scores, costs, groups and tie order: the same decisions, draws and money."""
    for order_only in (False, True):
        slow = plain_count.count(
            "greedy/1",
            made.plain,
            options=made.terms.options,
            order=made.order,
            budget=made.terms.budget,
            costs=made.terms.costs,
            groups=made.terms.groups,
            order_only=order_only,
        )

        fast = find("greedy/1").count(made.profile, terms=made.terms, order=made.order, order_only=order_only)

        assert plain(fast) == slow


def test_the_plain_engine_is_the_standard_library_alone():
    """It can be carried into a verifier that is one file."""
    tree = ast.parse(Path(plain_count.__file__).read_text())
    imported = [
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    ]

    assert imported
    assert all(name.split(".")[0] in sys.stdlib_module_names for name in imported)


@pytest.mark.parametrize(
    ("method", "terms"),
    [
        ("irv", {}),
        ("irv/2", {}),
        ("irv/1", {"seats": 2}),
        ("stv-scottish/1", {"seats": 0}),
        ("irv/1", {"order": ["a"]}),
        ("irv/1", {"options": [], "order": []}),
        ("greedy/1", {}),
        ("greedy/1", {"budget": 1}),
        ("greedy/1", {"budget": 1, "costs": [1]}),
    ],
)
def test_the_plain_engine_refuses_what_it_cannot_decide(method, terms):
    """Unknown methods and terms that do not hold together."""
    with pytest.raises(ValueError, match=r"method|seat|elects|order|budget"):
        plain_count.count(method, [], **({"options": ["a", "b"], "order": ["b", "a"]} | terms))
