"""Third opinions: what programs of other people say of a count that both our engines agree on.

The only file that imports pyrankvote and pabutools. They are no part of what an auditor needs, so they are imported
where they are asked, and where they are missing they are silent. Neither may decide anything: a program that speaks and
disagrees stops a publication, and one that is silent says why.

pyrankvote counts with floating-point numbers, draws lots of its own, and knows instant runoff but not the Scottish
rules. So it is asked about STV by its own rule, and its answer compared with an exact model of that rule: that checks
that the ballots it was given are the ballots that were counted. It is never given a tie to decide.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

from schemas.bundle import Opinion
from schemas.outcome import BudgetOutcome, Outcome, RankedOutcome
from voting.budget.equal_shares import raise_of
from voting.profile import Profile, RankedProfile, ScoredProfile, Terms
from voting.ties import places

BALLOTS_MAX = 250_000
"""pyrankvote takes every ballot by itself, several microseconds each time it moves: so many take some seconds."""
CELLS_MAX = 2_000_000
"""pabutools asks every different ballot about every project: so many answers take some seconds."""
PROJECTS_MAX = 500
"""pabutools recurses once a project, and Python ends that near 1,000."""
_MARGIN = Fraction(1, 1_000_000)
"""pyrankvote takes votes that differ by less for equal when it compares with its quota."""
_TOLERANCE = Fraction(1, 1000)
"""What floating-point numbers may add up to in pyrankvote; options that are closer are tied for it."""


class _SilentError(Exception):
    """The program can't speak; the text says why."""


def second_opinion(
    method_name: str, profile: Profile, outcome: Outcome, *, terms: Terms, order: Sequence[str]
) -> Opinion:
    """Ask the program of other people that knows a method, if there is one, about a finished count.

    Args:
        method_name: With version, such as "irv/1".
        profile: The ballots that were counted.
        outcome: What our engines made of them.
        terms: As counted.
        order: The tie order that was used.

    Returns:
        An opinion that speaks and agrees or not, or one that says why it is silent. Takes some seconds at most.
    """
    asked = _ASKED.get(method_name)
    if asked is None:
        return Opinion(
            name="none", version="", speaks=False, agrees=None, reason=f"no other program is asked about {method_name}"
        )
    name, ask = asked
    try:
        release = version(name)
    except PackageNotFoundError:
        return Opinion(name=name, version="", speaks=False, agrees=None, reason="it is not installed here")
    try:
        agrees, reason = ask(profile, outcome, terms, order)
    except _SilentError as silence:
        return Opinion(name=name, version=release, speaks=False, agrees=None, reason=str(silence))
    return Opinion(name=name, version=release, speaks=True, agrees=agrees, reason=reason)


# -- pyrankvote ------------------------------------------------------------------------------


class _NoTies:
    """Stands where pyrankvote is told how to break ties, and is looked at only when there is one to break."""

    def __eq__(self, other: object) -> NoReturn:
        raise _SilentError("it came upon two options within 0.001 votes of each other, and would draw a lot of its own")

    __hash__ = None  # type: ignore[assignment]  # nothing may look it up either


def _ask_irv(profile: Profile, outcome: Outcome, terms: Terms, order: Sequence[str]) -> tuple[bool, str]:
    """Compare the winner. Its rounds reject in batches, so they are not comparable.

    Options without a first choice go first in any case (IRV-5) and are left out: it would draw lots between them.
    """
    assert isinstance(outcome, RankedOutcome), "instant runoff is ranked"
    ballots = _rankings(profile)
    for stage in outcome.rounds:
        held = [votes for votes in stage.tally if votes not in (None, "0")]
        if len(set(held)) < len(held):
            raise _SilentError(f"two options were tied in round {stage.number}, and its rule for ties is another")
    first = dict(zip(terms.options, outcome.rounds[0].tally, strict=True))
    names = [name for name in terms.options if first[name] != "0"]
    if len(names) < 2:
        raise _SilentError("fewer than two options are first on any ballot")
    import pyrankvote

    candidates = {name: pyrankvote.Candidate(name) for name in names}
    found = pyrankvote.instant_runoff_voting(
        list(candidates.values()), _their_ballots(pyrankvote, ballots, candidates), compare_method_if_equal=_NoTies()
    )
    winners = tuple(candidate.name for candidate in found.get_winners())
    if winners == outcome.elected:
        return True, "instant runoff by its own count elects the same option"
    return False, f"instant runoff by its own count elects {', '.join(winners)}"


def _ask_stv(profile: Profile, outcome: Outcome, terms: Terms, order: Sequence[str]) -> tuple[bool, str]:
    """Compare its STV, which is another rule, with an exact model of that rule: the same winners and last votes."""
    ballots = _rankings(profile)
    if terms.seats >= len(terms.options):
        raise _SilentError("there are no more options than seats, and it needs more")
    import pyrankvote

    candidates = {name: pyrankvote.Candidate(name) for name in terms.options}
    theirs = _their_ballots(pyrankvote, ballots, candidates)
    try:
        found = pyrankvote.single_transferable_vote(
            list(candidates.values()), theirs, terms.seats, compare_method_if_equal=_NoTies()
        )
    except RuntimeError as error:
        raise _SilentError(f"it stopped with an error of its own: {error}") from None
    winners, votes = _model_of_its_stv(ballots, terms.options, terms.seats)
    last = {held.candidate.name: Fraction(held.number_of_votes) for held in found.rounds[-1].candidate_results}
    same = all(abs(last[name] - votes[name]) < _TOLERANCE for name in terms.options)
    elected = tuple(candidate.name for candidate in found.get_winners())
    if elected == winners and same:
        return True, (
            "its STV is another rule (the quota not rounded, every paper of a pile worth the same); by that rule it "
            "finds in the same ballots what an exact count by that rule finds"
        )
    return False, (
        f"its STV, which is another rule, elects {', '.join(elected)}; an exact count of the same ballots by that rule "
        f"elects {', '.join(winners)}" + ("" if elected != winners else " with other votes")
    )


def _rankings(profile: Profile) -> list[tuple[tuple[str, ...], int]]:
    if profile.ballots > BALLOTS_MAX:
        raise _SilentError(f"it is not asked about more than {BALLOTS_MAX:,} ballots: it would take too long")
    if not isinstance(profile, RankedProfile) or profile.ballots == profile.empty:
        raise _SilentError("no ballot ranks anything")
    return list(profile.unique())


def _their_ballots(
    pyrankvote: Any, ballots: Iterable[tuple[tuple[str, ...], int]], candidates: dict[str, Any]
) -> list[Any]:
    found = []
    for ranking, times in ballots:
        ranked = [candidates[name] for name in ranking if name in candidates]
        found += [pyrankvote.Ballot(ranked_candidates=ranked)] * times
    return found


def _model_of_its_stv(
    ballots: Iterable[tuple[tuple[str, ...], int]], options: Sequence[str], seats: int
) -> tuple[tuple[str, ...], dict[str, Fraction]]:
    """Count by the rule that pyrankvote 2.0.6 has for STV, exactly.

    The quota is the ballots that rank anyone, divided by seats + 1. In each round all at the quota are elected. If none
    is, everyone goes who could not pass the one before, even with the votes of all below. What an elected option has
    above the quota is shared equally by all papers of its pile, whatever they were worth.

    Returns:
        Who is elected, in order, and the votes in the last round; no two options in the race were ever level.
    """
    piles: dict[str, list[tuple[tuple[str, ...], int]]] = {option: [] for option in options}
    for ranking, times in ballots:
        if ranking:
            piles[ranking[0]].append((ranking, times))
    votes = {option: Fraction(_size(pile)) for option, pile in piles.items()}
    quota = sum(votes.values(), Fraction(0)) / (seats + 1)
    race = list(options)
    elected: list[str] = []
    while True:
        race.sort(key=lambda option: -votes[option])
        winning, losing = _sort_out(race, votes, quota=quota, vacancies=seats - len(elected))
        race = [option for option in race if option not in winning and option not in losing]
        if len(race) <= seats - len(elected) - len(winning):
            winning += race
            race = []
        elected += winning
        if not race or len(elected) >= seats:
            return tuple(elected), votes
        for option in (*winning, *losing):
            moved = votes[option] - (quota if option in winning else 0)
            if moved <= Fraction(1, 20_000):
                continue
            each = moved / _size(piles[option])
            for ranking, times in piles[option]:
                receiver = next((name for name in ranking if name in race), None)
                if receiver is not None:
                    piles[receiver].append((ranking, times))
                    votes[receiver] += each * times
            votes[option] -= moved
            piles[option] = []


def _sort_out(
    race: Sequence[str], votes: dict[str, Fraction], *, quota: Fraction, vacancies: int
) -> tuple[list[str], list[str]]:
    """Return who reaches the quota, and who can't pass the one before; of the latter none while there are former."""
    winning: list[str] = []
    losing: list[str] = []
    below = sum((votes[option] for option in race), Fraction(0))
    before = Fraction(0)
    for place, option in enumerate(race):
        if _exceeds(votes[option], quota):
            winning.append(option)
        elif place >= vacancies and not _exceeds(below, before):
            if winning:
                break
            losing.append(option)
        before = votes[option]
        below -= votes[option]
    return winning, losing


def _exceeds(votes: Fraction, other: Fraction) -> bool:
    more = votes - other
    if abs(more - _MARGIN) < _MARGIN * 9 / 10:
        raise _SilentError("it came upon numbers that are closer than its floating-point sums are exact")
    return more >= _MARGIN


def _size(pile: Iterable[tuple[tuple[str, ...], int]]) -> int:
    return sum(times for _, times in pile)


# -- pabutools -------------------------------------------------------------------------------


def _ask_greedy(
    profile: Profile, outcome: Outcome, terms: Terms, order: Sequence[str], *, per_cost: bool = False
) -> tuple[bool, str]:
    """Compare what is funded, in order; ties as GREEDY-3 and GREEDY-4 have them, by a rule made from the lots.

    Its greedy rule takes the highest satisfaction for the money; where a voter's satisfaction is the cost of what is
    funded, that is the most votes, and where it is the number of projects, the most votes for the money. It would fund
    projects without support, which are left out. Points are given to it as so many approvals. What costs nothing is
    always funded and is not compared: it divides by the cost.
    """
    assert isinstance(outcome, BudgetOutcome), "greedy spends a budget"
    if terms.groups:
        raise _SilentError("it does not know projects that exclude each other")
    if not isinstance(profile, ScoredProfile) or profile.ballots == profile.empty:
        raise _SilentError("no ballot supports anything")
    price = dict(zip(terms.options, terms.costs, strict=True))
    score = dict(zip(terms.options, profile.scores(), strict=True))
    names = [name for name in terms.options if score[name] and price[name]]
    layers = int(profile.values.max())
    if len(names) > PROJECTS_MAX or len(profile.counts) * layers * len(names) > CELLS_MAX:
        raise _SilentError(
            f"it is not asked about more than {PROJECTS_MAX} projects, or {CELLS_MAX:,} pairs of a ballot and a "
            "project: it would take too long"
        )
    from pabutools import election, rules, tiebreaking

    place = places(order, terms.options)
    projects = {name: election.Project(name, price[name]) for name in names}
    votes = election.ApprovalMultiProfile(instance=election.Instance(projects.values(), budget_limit=terms.budget))
    for ballot, times in profile.unique():
        for least in range(1, layers + 1):
            approved = [projects[name] for name, given in ballot.items() if given >= least and name in projects]
            if approved:
                votes[election.FrozenApprovalBallot(approved)] += times
    found = rules.greedy_utilitarian_welfare(
        votes.instance,
        votes,
        sat_class=election.Cardinality_Sat if per_cost else election.Cost_Sat,
        tie_breaking=tiebreaking.TieBreakingRule(lambda *asked: (price[asked[-1].name], place[asked[-1].name])),
    )
    funded = tuple(project.name for project in found)
    rule = "its greedy rule, with ties by lower cost and then by our lots,"
    if funded == tuple(name for name in outcome.funded if price[name]):
        return True, f"{rule} funds the same projects in order"
    return False, f"{rule} funds {', '.join(funded) or 'nothing'}"


def _ask_equal_shares(
    profile: Profile, outcome: Outcome, terms: Terms, order: Sequence[str], *, cardinal: bool = False
) -> tuple[bool, str]:
    """Compare the run that counts, in order, and whether one more raise breaks the budget (SHARES-10 and SHARES-11).

    It is asked for Equal Shares without raises, with the money that all shares of a run make together, and with ties by
    cost, score and our lots. Its own way to raise shares stops earlier, so the runs before are not asked for. Points
    are satisfactions to it, times the cost where that is the rule. What costs nothing it takes without being asked.
    """
    assert isinstance(outcome, BudgetOutcome), "a budget is spent"
    scored = _asked_of_pabutools(profile, terms)
    assert isinstance(outcome.endowment, str), "there are ballots"
    assert terms.budget is not None, "a budget was counted"
    from pabutools import election, rules, tiebreaking

    place = places(order, terms.options)
    price = dict(zip(terms.options, terms.costs, strict=True))
    score = dict(zip(terms.options, scored.scores(), strict=True))
    projects = {name: election.Project(name, price[name]) for name in terms.options if score[name] and price[name]}
    approvals = int(scored.values.max()) == 1
    votes: Any = election.ApprovalMultiProfile() if approvals else election.CardinalMultiProfile()
    for ballot, times in scored.unique():
        wanted = {projects[name]: given for name, given in ballot.items() if name in projects}
        if approvals:
            votes[election.FrozenApprovalBallot(wanted)] += times
        else:
            worth = {project: given * (1 if cardinal else project.cost) for project, given in wanted.items()}
            votes[election.FrozenCardinalBallot(worth)] += times
    satisfaction = election.Cardinality_Sat if cardinal else election.Cost_Sat

    def bought(money: int) -> tuple[str, ...]:
        found = rules.method_of_equal_shares(
            election.Instance(projects.values(), budget_limit=money),
            votes,
            sat_class=satisfaction if approvals else election.Additive_Cardinal_Sat,
            tie_breaking=tiebreaking.TieBreakingRule(
                lambda *asked: (price[asked[-1].name], -score[asked[-1].name], place[asked[-1].name])
            ),
        )
        return tuple(project.name for project in found)

    money = Fraction(outcome.endowment) * scored.ballots
    assert money.denominator == 1, "the budget and whole raises"
    funded = bought(int(money))
    if funded != tuple(name for name in outcome.funded if price[name]):
        return False, f"with shares of {outcome.endowment} it buys {', '.join(funded) or 'nothing'}"
    told = (
        f"with shares of {outcome.endowment}, and ties by cost, score and our lots, it buys the same projects in order"
    )
    if len(funded) == len(projects):
        return True, told
    raised = bought(int(money) + raise_of(terms, scored.ballots) * scored.ballots)
    if sum(price[name] for name in raised) <= terms.budget:
        return False, f"after one more raise it buys {', '.join(raised)}, which the budget allows"
    return True, f"{told}; what it buys after one more raise is more than the budget"


def _ask_phragmen(profile: Profile, outcome: Outcome, terms: Terms, order: Sequence[str]) -> tuple[bool, str]:
    """Compare what is funded, which it lists in no order of purchase. It is given nothing without support."""
    assert isinstance(outcome, BudgetOutcome), "a budget is spent"
    scored = _asked_of_pabutools(profile, terms)
    from pabutools import election, rules, tiebreaking

    place = places(order, terms.options)
    score = dict(zip(terms.options, scored.scores(), strict=True))
    projects = {
        name: election.Project(name, cost) for name, cost in zip(terms.options, terms.costs, strict=True) if score[name]
    }
    votes = election.ApprovalMultiProfile(instance=election.Instance(projects.values(), budget_limit=terms.budget))
    for ballot, times in scored.unique():
        votes[election.FrozenApprovalBallot(projects[name] for name in ballot)] += times
    found = rules.sequential_phragmen(
        votes.instance, votes, tie_breaking=tiebreaking.TieBreakingRule(lambda *asked: place[asked[-1].name])
    )
    funded = sorted(project.name for project in found)
    if funded == sorted(outcome.funded):
        return True, "its sequential Phragmen rule, with ties by our lots, funds the same projects"
    return False, f"its sequential Phragmen rule funds {', '.join(funded) or 'nothing'}"


def _asked_of_pabutools(profile: Profile, terms: Terms) -> ScoredProfile:
    if any(len(group) > 1 for group in terms.groups):
        raise _SilentError("it does not know projects that exclude each other")
    if not isinstance(profile, ScoredProfile) or profile.ballots == profile.empty:
        raise _SilentError("no ballot supports anything")
    if len(terms.options) > PROJECTS_MAX or len(profile.counts) * len(terms.options) > CELLS_MAX:
        raise _SilentError(
            f"it is not asked about more than {PROJECTS_MAX} projects, or {CELLS_MAX:,} pairs of a ballot and a "
            "project: it would take too long"
        )
    return profile


_Ask = Callable[[Profile, Outcome, Terms, Sequence[str]], tuple[bool, str]]
_ASKED: dict[str, tuple[str, _Ask]] = {
    "irv/1": ("pyrankvote", _ask_irv),
    "stv-scottish/1": ("pyrankvote", _ask_stv),
    "greedy/1": ("pabutools", _ask_greedy),
    "greedy-cost/1": ("pabutools", partial(_ask_greedy, per_cost=True)),
    "equal-shares/1": ("pabutools", _ask_equal_shares),
    "equal-shares-cardinal/1": ("pabutools", partial(_ask_equal_shares, cardinal=True)),
    "phragmen/1": ("pabutools", _ask_phragmen),
}
"""Whom to ask about a method, and how."""
