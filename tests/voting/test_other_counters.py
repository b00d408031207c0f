"""Programs of other people count the same: pyrankvote and pabutools, where they can speak."""

import gzip
import json

import pytest
from hypothesis import assume, given, reject, settings

from tests.voting.made import budget_elections, ranked_elections
from voting.formats.blt import read_blt
from voting.formats.pabulib import read_pabulib
from voting.methods import find
from voting.profile import Terms

pyrankvote = pytest.importorskip("pyrankvote", reason="pyrankvote is not installed")

IRV = find("irv/1")
GREEDY = find("greedy/1")


class Drew(Exception):
    """pyrankvote met a tie."""


def refuse_to_draw(_):
    """Take the place of its generator."""
    raise Drew


def winner_by_pyrankvote(profile, outcome):
    """The winner that pyrankvote names. It rejects in batches, so its rounds are not comparable.

    It slows down and draws lots where options have no first choices, so those are left out (IRV-5). Its other draws
    are for ties; its generator is replaced by one that raises.

    Raises:
        Drew: It came upon a tie, and has nothing to say.
    """
    first = dict(zip(profile.options, outcome.rounds[0].tally, strict=True))
    candidates = {name: pyrankvote.Candidate(name) for name in profile.options if first[name] != "0"}
    ballots = []
    for ranking, times in profile.unique():
        ranked = [candidates[name] for name in ranking if name in candidates]
        ballots += [pyrankvote.Ballot(ranked_candidates=ranked)] * times
    if len(candidates) < 2:
        return outcome.elected[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyrankvote.helpers.random.choice", refuse_to_draw)
        found = pyrankvote.instant_runoff_voting(list(candidates.values()), ballots)
    return found.get_winners()[0].name


def close_calls(outcome):
    """Whether two options were ever tied, in any round, so that a rule about ties could matter."""
    for stage in outcome.rounds:
        votes = [votes for votes in stage.tally if votes not in (None, "0")]
        if len(set(votes)) < len(votes):
            return True
    return False


@settings(max_examples=300)
@given(ranked_elections(least_options=2, most_times=40))
def test_pyrankvote_elects_the_same(made):
    """Any rankings without a tie: the same winner."""
    outcome = IRV.count(made.profile, terms=made.terms, order=made.order)
    assume(made.profile.ballots > made.profile.empty and not close_calls(outcome))

    try:
        winner = winner_by_pyrankvote(made.profile, outcome)
    except Drew:
        reject()  # after a batch it may meet a tie that a count one at a time does not meet

    assert winner == outcome.elected[0]


@pytest.mark.parametrize("district", ["1st", "3rd", "7th", "10th", "16th", "25th", "35th", "47th"])
def test_pyrankvote_elects_the_same_council(shared, district):
    """Council members of New York City, 2021."""
    folder = shared / "data/ranked/us-irv"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/us-irv")
    path = folder / f"us_ny_nyc_2021_06_council-member-{district}-council-district.blt.gz"
    profile = read_blt(gzip.decompress(path.read_bytes())).profile

    outcome = IRV.count(profile, terms=Terms(profile.options), order=profile.options)

    assert not outcome.draws
    assert winner_by_pyrankvote(profile, outcome) == outcome.elected[0]


@pytest.fixture(scope="module")
def pabutools():
    """The parts of pabutools that count, or a skip."""
    pytest.importorskip("pabutools", reason="pabutools is not installed")
    from pabutools import election, rules, tiebreaking

    class Parts:
        Instance = election.Instance
        Project = election.Project
        ApprovalProfile = election.ApprovalProfile
        ApprovalBallot = election.ApprovalBallot
        Cost_Sat = election.Cost_Sat
        greedy = staticmethod(rules.greedy_utilitarian_welfare)
        TieBreakingRule = tiebreaking.TieBreakingRule

    return Parts


def funded_by_pabutools(pabutools, profile, terms, order):
    """What pabutools funds, in order. Its density of cost satisfaction is the number of votes."""
    projects = {
        option: pabutools.Project(option, cost) for option, cost in zip(terms.options, terms.costs, strict=True)
    }
    instance = pabutools.Instance(projects.values(), budget_limit=terms.budget)
    ballots = [
        pabutools.ApprovalBallot([projects[option] for option in ballot])
        for ballot, times in profile.unique()
        for _ in range(times)
    ]
    votes = pabutools.ApprovalProfile(ballots).as_multiprofile()
    place = {option: number for number, option in enumerate(order)}
    first = pabutools.TieBreakingRule(lambda *asked: place[asked[-1].name])
    found = pabutools.greedy(instance, votes, sat_class=pabutools.Cost_Sat, tie_breaking=first)
    score = dict(zip(terms.options, profile.scores(), strict=True))
    return [project.name for project in found if score[project.name]]


@settings(max_examples=60)
@given(made=budget_elections(approvals=True))
def test_pabutools_funds_the_same(pabutools, made):
    """Any approvals, any tie order that decides alone: the same projects in the same order."""
    assume(made.ballots and all(made.terms.costs))
    terms = Terms(made.terms.options, budget=made.terms.budget, costs=made.terms.costs)
    outcome = GREEDY.count(made.profile, terms=terms, order=made.order, order_only=True)

    assert funded_by_pabutools(pabutools, made.profile, terms, made.order) == list(outcome.funded)


@pytest.mark.parametrize(
    "name",
    [
        "Wieliczka/Poland_Wieliczka_2023_Green_Budget.pb.gz",
        "Lodz/Poland_Lodz_2022_Zdrowie-Mania.pb.gz",
        "Lodz/Poland_Lodz_2024_Katedralna.pb.gz",
        "Zurich/Switzerland_Zurich_S5.pb.gz",
        "Mechanical/Worldwide_Mechanical_Turk_k_approval_8.pb.gz",
    ],
)
def test_pabutools_funds_the_same_in_real_budgets(shared, pabutools, name):
    """Approval budgets of cities: the same projects in the same order, ties by project id."""
    path = shared / "data/budget" / name
    if not path.is_file():
        pytest.skip(f"there is no ../shared/data/budget/{name}")
    file = read_pabulib(gzip.decompress(path.read_bytes()))
    order = sorted(file.terms.options)

    outcome = GREEDY.count(file.profile, terms=file.terms, order=order, order_only=True)

    assert funded_by_pabutools(pabutools, file.profile, file.terms, order) == list(outcome.funded)


def test_what_pabutools_once_funded(shared):
    """68 approval budgets with outcomes that pabutools 1.2.3 gave, ties by project id: the same, in order."""
    folder = shared / "data/budget"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/budget")
    elections = json.loads((folder / "expected_pabutools.json").read_text())["elections"]
    assert len(elections) == 68
    for election in elections:
        file = read_pabulib(gzip.decompress((folder / election["file"]).read_bytes()))
        score = dict(zip(file.terms.options, file.profile.scores(), strict=True))

        outcome = GREEDY.count(file.profile, terms=file.terms, order=sorted(file.terms.options), order_only=True)

        supported = [option for option in election["greedy_cost"] if score[option]]
        assert list(outcome.funded) == supported, election["file"]
