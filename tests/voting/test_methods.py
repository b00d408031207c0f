"""The register of methods, and what a count publishes."""

import json
import re

import msgspec
import pytest

from schemas.ballot import Approval, Ranking
from schemas.contest import MethodPin
from schemas.outcome import BudgetRounds, RankedRounds
from voting.errors import InvalidContest, InvalidMethod
from voting.methods import METHODS, find, published_rounds
from voting.profile import Terms, merge
from voting.ties import lot, lot_order


def test_a_method_is_found_by_id_and_by_pinned_version():
    """`irv` is the newest irv, `irv/1` is that one for ever."""
    assert find("irv").name == "irv/1"
    assert find("irv/1") is find("irv")
    assert find("greedy").kind == "budget"


@pytest.mark.parametrize("name", ["", "irv/2", "IRV", "stv", "irv/1/1"])
def test_an_unknown_method_is_refused_with_those_there_are(name):
    """The text helps whoever mistyped."""
    with pytest.raises(InvalidMethod, match=r"there are: irv, greedy"):
        find(name)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_method_can_be_pinned_and_read(method):
    """Its id fits the manifest; spec and vectors are there and speak of this method."""
    MethodPin(id=method.id, version=method.version, spec_sha256="0" * 64, vectors_sha256="0" * 64)

    assert re.fullmatch(r"[a-z-]{1,32}", method.id)
    assert method.spec.decode().startswith(f"# {method.name}: ")
    assert json.loads(method.vectors)["method"] == method.name
    assert "\n" not in method.rule


def test_no_two_methods_have_one_name():
    """A name in a manifest means one thing."""
    assert len({method.name for method in METHODS}) == len(METHODS)


def test_ballots_of_another_kind_are_refused():
    """Rankings can't be spent, approvals can't be eliminated."""
    rankings, approvals = merge([Ranking(("a",))], ("a", "b")), merge([Approval(("a",))], ("a", "b"))

    with pytest.raises(InvalidMethod, match="counts approval"):
        find("greedy").count(rankings, terms=Terms(("a", "b"), budget=5, costs=(1, 1)), order=("a", "b"))
    with pytest.raises(InvalidMethod, match="counts ranking"):
        find("irv").count(approvals, terms=Terms(("a", "b")), order=("a", "b"))


def test_no_ballots_are_ballots_of_every_kind():
    """An empty contest is counted by any method."""
    nothing = merge([], ("a", "b"))

    budget = find("greedy").count(nothing, terms=Terms(("a", "b"), budget=5, costs=(1, 1)), order=("a", "b"))
    ranked = find("irv").count(nothing, terms=Terms(("a", "b")), order=("b", "a"))

    assert (budget.rounds, budget.funded, budget.spent, budget.scores) == ((), (), 0, ("0", "0"))
    assert ranked.elected == ("b",)


def test_equal_ranks_and_several_seats_are_not_for_instant_runoff():
    """The method says so and does not guess."""
    equal = merge([Ranking((("a", "b"),))], ("a", "b"))

    with pytest.raises(InvalidMethod, match="equal ranks"):
        find("irv").count(equal, terms=Terms(("a", "b")), order=("a", "b"))
    with pytest.raises(InvalidContest, match="not 2"):
        find("irv").count(merge([], ("a", "b")), terms=Terms(("a", "b"), seats=2), order=("a", "b"))


@pytest.mark.parametrize("terms", [Terms(("a",)), Terms(("a",), budget=5)])
def test_a_budget_needs_money_and_prices(terms):
    """Without them there is nothing to decide."""
    with pytest.raises(InvalidContest, match="greedy needs"):
        find("greedy").count(merge([], ("a",)), terms=terms, order=("a",))


def test_the_published_rounds_hold_the_whole_ranked_count():
    """tally/rounds.json: protocol section 14; lots of all options though no tie used them."""
    ctx, seed, options = bytes(range(32)), "0" * 20, ("a", "b", "c")
    terms = Terms(options)
    profile = merge([Ranking(("b", "a")), Ranking(("b",)), Ranking(("a",)), Ranking(())], options)
    outcome = find("irv").count(profile, terms=terms, order=lot_order(options, ctx=ctx, seed=seed))

    rounds = published_rounds(outcome, ctx_hex=ctx.hex(), lots=[lot(option, ctx, seed) for option in options])

    assert isinstance(rounds, RankedRounds)
    text = msgspec.json.encode(rounds, order="sorted")
    assert msgspec.json.decode(text, type=RankedRounds) == rounds
    assert json.loads(text)["rounds"][0]["tally"] == ["1", "2", "0"]
    assert set(json.loads(text)) == {"type", "ctx", "method", "quota", "rounds", "draws", "lots"}


def test_the_published_rounds_hold_the_whole_budget_count():
    """Money as integers, votes as strings, and the scores of all projects."""
    options = ("a", "b")
    profile = merge([Approval(("a",))], options)
    outcome = find("greedy").count(profile, terms=Terms(options, budget=9, costs=(4, 4)), order=options)

    rounds = published_rounds(outcome, ctx_hex="0" * 64, lots=["1" * 64, "2" * 64])

    assert isinstance(rounds, BudgetRounds)
    shown = json.loads(msgspec.json.encode(rounds, order="sorted"))
    assert shown["scores"] == ["1", "0"]
    assert shown["rounds"] == [
        {"cost": 4, "decision": "funded", "left": 5, "number": 1, "option": "a", "score": "1", "share": None}
    ]
