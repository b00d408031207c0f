"""Third opinions: they speak where they can, agree with right counts, disagree with wrong ones, and say why not."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Approval, Ranking
from tests.voting.made import budget_elections, ranked_elections
from voting import second_count
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes
from voting.second_count import second_opinion

ROOT = Path(__file__).resolve().parents[2]
IRV, STV, GREEDY = find("irv/1"), find("stv-scottish/1"), find("greedy/1")
LUNCH = ("soup", "salad", "pasta", "rice")


def ask(method, profile, terms, *, order=None, change=None):
    """The opinion of a count by our own engine, or of one that was changed."""
    order = order or terms.options
    outcome = method.count(profile, terms=terms, order=order)
    return second_opinion(method.name, profile, change(outcome) if change else outcome, terms=terms, order=order)


def edit(**fields):
    """A change of an outcome."""
    return lambda outcome: msgspec.structs.replace(outcome, **fields)


@pytest.fixture
def lunch():
    """Eighteen people pick lunch; no two options are ever level, also while ballots move."""
    rankings = [("soup", "salad"), ("salad", "rice"), ("rice", "salad"), ("pasta", "salad")]
    codes = ranking_codes(rankings, LUNCH).repeat([8, 5, 4, 1], axis=0)
    return ranked_profile(codes, options=LUNCH)


def test_pyrankvote_agrees_with_a_right_winner_and_disagrees_with_a_wrong_one(lunch):
    """Instant runoff: the winner, and nothing but the winner, is compared."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")

    right = ask(IRV, lunch, Terms(LUNCH))
    wrong = ask(IRV, lunch, Terms(LUNCH), change=edit(elected=("soup",)))

    assert (right.name, right.speaks, right.agrees) == ("pyrankvote", True, True)
    assert right.version.count(".") == 2
    assert (wrong.speaks, wrong.agrees) == (True, False)
    assert "elects salad" in wrong.reason


def test_pyrankvote_says_nothing_about_a_tie():
    """Its rule for ties is another, so it is silent and says where the tie was."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")
    profile = merge([Ranking(("a", "b")), Ranking(("b", "a")), *[Ranking(("c",))] * 3], ("a", "b", "c"))

    opinion = ask(IRV, profile, Terms(profile.options))

    assert (opinion.speaks, opinion.agrees) == (False, None)
    assert "tied in round 1" in opinion.reason


def test_pyrankvote_never_draws_and_dice_stay_as_they_were(lunch):
    """A tie that only its own batches meet makes it silent; the process's generator is neither used nor replaced."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")
    random.seed(7)
    state, choice = random.getstate(), random.choice
    names = ("a", "b", "c", "d")
    profile = merge([*[Ranking(("a",))] * 4, *[Ranking(("b",))] * 4, Ranking(("c", "a")), Ranking(("d", "b"))], names)
    terms = Terms(names, seats=2)

    opinion = ask(STV, profile, terms)

    assert (opinion.speaks, opinion.agrees) == (False, None)
    assert "draw a lot of its own" in opinion.reason
    assert random.getstate() == state
    assert random.choice is choice


@pytest.mark.parametrize("method", [IRV, STV])
def test_too_many_ballots_are_not_given_to_pyrankvote(method):
    """The work is bounded, and the reason names the bound."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")
    profile = merge_counted({Ranking(("a", "b")): second_count.BALLOTS_MAX, Ranking(("b",)): 1}, ("a", "b", "c"))

    opinion = ask(method, profile, Terms(profile.options))

    assert (opinion.speaks, opinion.agrees) == (False, None)
    assert "250,000 ballots" in opinion.reason


@pytest.mark.parametrize("method", [IRV, STV, GREEDY])
def test_no_ballots_are_nothing_to_speak_about(method):
    """An empty contest has a result, and no third opinion."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")
    pytest.importorskip("pabutools", reason="pabutools is not installed")
    terms = Terms(("a", "b"), budget=5, costs=(1, 2)) if method is GREEDY else Terms(("a", "b"))

    opinion = ask(method, merge([], terms.options), terms)

    assert (opinion.speaks, opinion.agrees) == (False, None)
    assert opinion.reason


def test_a_method_that_nobody_else_knows_is_said_to_be_so(lunch):
    """The name is "none", and the reason names the method."""
    outcome = IRV.count(lunch, terms=Terms(LUNCH), order=LUNCH)

    opinion = second_opinion("borda/1", lunch, outcome, terms=Terms(LUNCH), order=LUNCH)

    assert (opinion.name, opinion.version, opinion.speaks, opinion.agrees) == ("none", "", False, None)
    assert "borda/1" in opinion.reason


@settings(max_examples=200)
@given(ranked_elections(most_times=40), st.integers(1, 7))
def test_pyrankvote_never_contradicts_a_right_count(made, seats):
    """Any rankings: it agrees or is silent, about one winner and about several."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")
    several = Terms(made.terms.options, seats=min(seats, len(made.terms.options)))

    assert ask(IRV, made.profile, made.terms, order=made.order).agrees is not False
    assert ask(STV, made.profile, several, order=made.order).agrees is not False


def test_pyrankvote_on_the_wards_of_scotland(shared):
    """178 wards: its own STV finds in our ballots what an exact count by its rule finds, and is rarely silent."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")
    folder = shared / "data/ranked/scotland2017"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/scotland2017")
    spoke = 0
    for path in sorted(folder.glob("*.blt.gz")):
        file = read_blt(gzip.decompress(path.read_bytes()))
        opinion = ask(STV, file.profile, Terms(file.profile.options, seats=file.seats))
        assert opinion.agrees is not False, (path.name, opinion)
        assert opinion.speaks or "draw a lot" in opinion.reason
        spoke += opinion.speaks
    assert spoke == 172


def test_ballots_that_pyrankvote_did_not_get_are_found_out(monkeypatch):
    """What the model checks: a paper that is lost or altered on the way to pyrankvote shows in the votes."""
    pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")
    names = ("a", "b", "c", "d")
    rankings = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    profile = ranked_profile(ranking_codes(rankings, names).repeat([50, 23, 17, 12], axis=0), options=names)
    terms = Terms(names, seats=2)
    assert ask(STV, profile, terms).agrees is True
    given_to_it = second_count._their_ballots
    monkeypatch.setattr(second_count, "_their_ballots", lambda *asked: given_to_it(*asked)[1:])

    opinion = ask(STV, profile, terms)

    assert (opinion.speaks, opinion.agrees) == (True, False)


def test_pabutools_agrees_with_right_projects_and_disagrees_with_wrong_ones():
    """Greedy: what is funded, in order."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")
    options = ("lamp", "bench", "tree")
    terms = Terms(options, budget=10, costs=(6, 5, 4))
    profile = merge([Approval(("bench", "lamp"))] * 3 + [Approval(("tree",))] * 2, options)

    right = ask(GREEDY, profile, terms)
    wrong = ask(GREEDY, profile, terms, change=edit(funded=("lamp", "tree")))

    assert (right.name, right.speaks, right.agrees) == ("pabutools", True, True)
    assert (wrong.speaks, wrong.agrees) == (True, False)
    assert "bench" in wrong.reason


@settings(max_examples=200)
@given(budget_elections())
def test_pabutools_never_contradicts_a_right_count(made):
    """Any points, costs (also none), ties and lots: it agrees; it is silent only about groups and empty contests."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")

    opinion = ask(GREEDY, made.profile, made.terms, order=made.order)

    assert opinion.agrees is not False
    silent = bool(made.terms.groups) or not made.profile.ballots or made.profile.ballots == made.profile.empty
    assert opinion.speaks is not silent


@pytest.mark.parametrize("name", ["greedy-cost", "equal-shares", "equal-shares-cardinal", "phragmen"])
def test_pabutools_knows_the_other_budget_methods(name):
    """Right projects, and wrong ones: one left out, one too many."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")
    options = ("lamp", "bench", "tree")
    terms = Terms(options, budget=10, costs=(6, 5, 4))
    profile = merge([Approval(("bench", "lamp"))] * 3 + [Approval(("tree",))] * 2, options)

    right = ask(find(name), profile, terms)
    fewer = ask(find(name), profile, terms, change=edit(funded=("tree",)))

    assert (right.name, right.speaks, right.agrees) == ("pabutools", True, True)
    assert (fewer.speaks, fewer.agrees) == (True, False)


@pytest.mark.parametrize("name", ["equal-shares", "equal-shares-cardinal"])
def test_pabutools_finds_out_a_run_too_early_or_too_late(name):
    """Shares of 10 to 17: with 16 the outcome is right, with 10 a raise is missing, with 17 the budget breaks."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")
    options = ("lamp", "bench", "tree", "sign")
    terms = Terms(options, budget=100, costs=(48, 45, 32, 16))
    ballots = [Approval(("bench", "lamp"))] * 5 + [Approval(("lamp",))] + [Approval(("sign", "tree"))] * 2
    profile = merge([*ballots, Approval(("tree",)), Approval(("tree",))], options)
    method = find(name)
    outcome = method.count(profile, terms=terms, order=options)
    assert outcome.endowment == "16"
    assert ask(method, profile, terms).agrees is True

    early = ask(method, profile, terms, change=edit(endowment="10", funded=("lamp", "tree")[: 2 - ("card" in name)]))
    late = ask(method, profile, terms, change=edit(endowment="17"))

    assert (early.agrees, late.agrees) == (False, False)


@pytest.mark.parametrize("name", ["greedy-cost", "equal-shares", "equal-shares-cardinal", "phragmen"])
@settings(max_examples=100)
@given(made=budget_elections(approvals=True))
def test_pabutools_never_contradicts_a_right_budget(name, made):
    """Any approvals, costs, ties and lots: it agrees, or says why it is silent."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")

    opinion = ask(find(name), made.profile, made.terms, order=made.order)

    assert opinion.agrees is not False
    exclusive = any(len(group) > 1 for group in made.terms.groups) or (name == "greedy-cost" and made.terms.groups)
    silent = bool(exclusive) or not made.profile.ballots or made.profile.ballots == made.profile.empty
    assert opinion.speaks is not silent


@pytest.mark.parametrize("name", ["greedy-cost", "equal-shares", "equal-shares-cardinal"])
@settings(max_examples=100)
@given(made=budget_elections())
def test_pabutools_never_contradicts_right_points(name, made):
    """Points are so many approvals to its greedy rule, and satisfactions to its Equal Shares."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")

    assert ask(find(name), made.profile, made.terms, order=made.order).agrees is not False


def test_pabutools_is_not_asked_about_too_much():
    """Many projects or many different ballots: silent, with the bounds in the reason."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")
    options = tuple(f"p{number}" for number in range(second_count.PROJECTS_MAX + 1))
    terms = Terms(options, budget=10, costs=(1,) * len(options))

    opinion = ask(GREEDY, merge([Approval(options)], options), terms)

    assert (opinion.speaks, opinion.agrees) == (False, None)
    assert "500 projects" in opinion.reason


def test_counting_needs_none_of_them():
    """Without pyrankvote and pabutools everything is imported and counted, and the opinion says what is missing."""
    program = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pyrankvote", "pabutools"):
            raise ModuleNotFoundError(name)
    def find_distributions(self, context):
        return ()
import importlib.metadata
sys.meta_path.insert(0, Missing())
known = importlib.metadata.version
def version(name):
    if name in ("pyrankvote", "pabutools"):
        raise importlib.metadata.PackageNotFoundError(name)
    return known(name)
importlib.metadata.version = version
import json, msgspec
from voting import cli, verify
from voting.methods import find
from voting.profile import Terms, merge
from voting.second_count import second_opinion
from schemas.ballot import Ranking
profile = merge([Ranking(("a", "b"))], ("a", "b"))
terms = Terms(("a", "b"))
outcome = find("irv").count(profile, terms=terms, order=("a", "b"))
print(msgspec.json.encode(second_opinion("irv/1", profile, outcome, terms=terms, order=("a", "b"))).decode())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)

    assert json.loads(done.stdout) == {
        "name": "pyrankvote", "version": "", "speaks": False, "agrees": None, "reason": "it is not installed here",
    }  # fmt: skip
