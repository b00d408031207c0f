"""Counting programs of other people, for `weighin bench tally`: how each is given the ballots, and how it is asked.

Each gets its own objects ready-made, outside the time that is measured, and merged ballots where it takes them. They
come with the extra `peers`, are imported here only, where they are asked, and decide nothing.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voting.profile import RankedProfile

Names = tuple[str, ...]
Count = Callable[[], Names]
"""One count, to be measured: gives the names of those elected or funded, sorted."""


@dataclass(frozen=True)
class Peer:
    """A program that counts rankings.

    Attributes:
        program: Its name as a package.
        method: The id of our method that it is compared with. Its own rule may differ in fractions and ties.
        ballots_max: Of more ballots, only so many are counted, by it and by us: it would take too long.
        prepare: Takes a profile and the seats; gives the count.
        seats: For methods that elect several.
    """

    program: str
    method: str
    ballots_max: int
    prepare: Callable[[RankedProfile, int], Count]
    seats: int = 3


# -- rankings -----------------------------------------------------------------------------------


def _rankings(profile: RankedProfile) -> dict[tuple[int, ...], int]:
    """The different rankings as numbers of options, from 0, with how many ballots hold each."""
    rows = zip(profile.rankings.tolist(), profile.counts.tolist(), strict=True)
    return {tuple(index for index in row if index >= 0): count for row, count in rows}


def _named(profile: RankedProfile, indexes: Any) -> Names:
    return tuple(sorted(profile.options[int(index)] for index in indexes))


def _pyrankvote(rule: str) -> Callable[[RankedProfile, int], Count]:
    def prepare(profile: RankedProfile, seats: int) -> Count:
        import pyrankvote

        people = {name: pyrankvote.Candidate(name) for name in profile.options}
        ballots: list[Any] = []
        for ranking, times in profile.unique():
            ballots += [pyrankvote.Ballot([people[name] for name in ranking]) for _ in range(times)]
        more = () if rule == "instant_runoff_voting" else (seats,)

        def count() -> Names:
            found = getattr(pyrankvote, rule)(list(people.values()), ballots, *more)
            return tuple(sorted(person.name for person in found.get_winners()))

        return count

    return prepare


def _votelib_transfer(profile: RankedProfile, seats: int) -> Count:
    from votelib.component.transfer import Gregory
    from votelib.evaluate.sequential import TransferableVoteSelector

    votes = _rankings(profile)
    selector = TransferableVoteSelector(transferer=Gregory(), quota_function="droop", eliminate_step=-1)
    return lambda: _named(profile, selector.evaluate(votes, seats))


def _votelib_pairs(rule: str) -> Callable[[RankedProfile, int], Count]:
    def prepare(profile: RankedProfile, seats: int) -> Count:
        from votelib.convert import RankedToCondorcetVotes
        from votelib.evaluate import condorcet

        votes = _rankings(profile)
        evaluator = getattr(condorcet, rule)()
        return lambda: _named(profile, evaluator.evaluate(RankedToCondorcetVotes().convert(votes), seats))

    return prepare


def _votelib_plurality(profile: RankedProfile, seats: int) -> Count:
    from votelib.convert import RankedToFirstPreference
    from votelib.evaluate.core import Plurality

    votes = _rankings(profile)
    return lambda: _named(profile, Plurality().evaluate(RankedToFirstPreference().convert(votes), seats))


def _votelib_borda(profile: RankedProfile, seats: int) -> Count:
    from votelib.component.rankscore import Borda
    from votelib.convert import RankedToPositionalVotes
    from votelib.evaluate.core import Plurality

    votes = _rankings(profile)
    return lambda: _named(profile, Plurality().evaluate(RankedToPositionalVotes(Borda(base=0)).convert(votes), seats))


def _votekit(rule: str) -> Callable[[RankedProfile, int], Count]:
    def prepare(profile: RankedProfile, seats: int) -> Count:
        from votekit import elections
        from votekit.ballot import RankBallot
        from votekit.pref_profile import RankProfile

        ballots = [
            RankBallot(ranking=[frozenset({name}) for name in ranking], weight=times)
            for ranking, times in profile.unique()
            if ranking
        ]
        given = RankProfile(ballots=ballots, candidates=profile.options, max_ranking_length=profile.rankings.shape[1])

        def count() -> Names:
            return tuple(
                sorted(name for group in getattr(elections, rule)(given, m=seats).get_elected() for name in group)
            )

        return count

    return prepare


def _pref_voting(profile: RankedProfile, seats: int) -> Count:
    from pref_voting.profiles_with_ties import ProfileWithTies
    from pref_voting.proportional_methods import stv_meek

    votes = {ranking: times for ranking, times in _rankings(profile).items() if ranking}
    given = ProfileWithTies(
        [{option: rank for rank, option in enumerate(ranking, 1)} for ranking in votes],
        rcounts=list(votes.values()), candidates=list(range(len(profile.options))),
    )  # fmt: skip
    return lambda: _named(profile, stv_meek(given, num_seats=seats))


_ANY = 10**12
PEERS = (
    Peer("pyrankvote", "irv", 100_000, _pyrankvote("instant_runoff_voting")),
    Peer("votelib", "irv", _ANY, _votelib_transfer),
    Peer("votekit", "irv", _ANY, _votekit("FastSTV")),
    Peer("pyrankvote", "stv-scottish", 100_000, _pyrankvote("single_transferable_vote")),
    Peer("votelib", "stv-scottish", _ANY, _votelib_transfer),
    Peer("votekit", "stv-scottish", _ANY, _votekit("FastSTV")),
    Peer("votekit", "stv-wigm", _ANY, _votekit("FastSTV")),
    Peer("pref_voting", "stv-meek", 1_000, _pref_voting),
    # with three seats it ends in an error of its own on these ballots, with four it elects seven
    Peer("pyrankvote", "block-preferential", 100_000, _pyrankvote("preferential_block_voting"), seats=2),
    Peer("votelib", "plurality", _ANY, _votelib_plurality),
    Peer("votelib", "borda-zero", _ANY, _votelib_borda),
    Peer("votekit", "borda", _ANY, _votekit("Borda")),
    Peer("votelib", "schulze", _ANY, _votelib_pairs("Schulze")),
    Peer("votekit", "schulze", _ANY, _votekit("Schulze")),
    Peer("votelib", "ranked-pairs", _ANY, _votelib_pairs("RankedPairs")),
    Peer("votekit", "ranked-pairs", _ANY, _votekit("RankedPairs")),
    Peer("votelib", "minimax", _ANY, _votelib_pairs("MinimaxCondorcet")),
    Peer("votelib", "copeland", _ANY, _votelib_pairs("Copeland")),
)
"""Whom to ask about which method. Where several know it, the fastest is the one that matters."""


# -- budgets ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BudgetPeer:
    """A rule of pabutools, and ours that it is compared with: the method's id, and the completion of Equal Shares."""

    method: str
    completion: str | None
    count: Callable[[Any, Any, int], Any]
    """From its instance, its ballots and by how much every share is raised at a time, in the file's own units."""


def _greedy(instance: Any, votes: Any, raised: int) -> Any:
    from pabutools import election, rules

    return rules.greedy_utilitarian_welfare(instance, votes, sat_class=election.Cardinality_Sat)


def _phragmen(instance: Any, votes: Any, raised: int) -> Any:
    from pabutools import rules

    return rules.sequential_phragmen(instance, votes)


def _equal_shares(instance: Any, votes: Any, raised: int) -> Any:
    from pabutools import election, rules

    return rules.method_of_equal_shares(instance, votes, sat_class=election.Cost_Sat)


def _equal_shares_add1(instance: Any, votes: Any, raised: int) -> Any:
    from pabutools import election, rules

    return rules.method_of_equal_shares(instance, votes, sat_class=election.Cost_Sat, voter_budget_increment=raised)


BUDGET_PEERS = (
    BudgetPeer("greedy", None, _greedy),
    BudgetPeer("phragmen", None, _phragmen),
    BudgetPeer("equal-shares", "none", _equal_shares),
    BudgetPeer("equal-shares", "add1", _equal_shares_add1),
)


def prepare_budget(file: Path, *, raised: int) -> Callable[[BudgetPeer], Count]:
    """Let pabutools read a Pabulib file and merge its ballots; give what counts it by a rule.

    Args:
        file: The file, not compressed.
        raised: By how much add1 raises every share at a time, in the file's own units: as much as ours does.

    Raises:
        ImportError: pabutools is not installed.
    """
    from pabutools.election import parse_pabulib

    instance, votes = parse_pabulib(str(file))
    merged = votes.as_multiprofile()

    def prepare(peer: BudgetPeer) -> Count:
        def count() -> Names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return tuple(sorted(project.name for project in peer.count(instance, merged, raised)))

        return count

    return prepare
