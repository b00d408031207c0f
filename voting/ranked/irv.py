"""Instant runoff: the last option drops out until two are left. Rules IRV-1 to IRV-8 in voting/specs/irv.md."""

from collections.abc import Sequence

import numpy as np

from schemas.outcome import Draw, RankedOutcome, RankedRound
from voting.errors import InvalidContest, InvalidMethod
from voting.profile import RankedProfile, Terms
from voting.ranked.standing import Standing
from voting.ties import places

NAME = "irv/1"


def count_irv(profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False) -> RankedOutcome:
    """Return the complete count, one winner.

    Every ranking counts for one option at a time. Only the rankings of what drops out are looked at again, so a count
    costs little more than reading the rankings once.

    Args:
        profile: Rankings without equal ranks.
        terms: One seat.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        Every round down to the last two options. Votes are whole numbers; `quota` is None.

    Raises:
        InvalidContest: More than one seat.
        InvalidMethod: Ballots with equal ranks.

    Example:
        Ten people pick lunch. Soup leads, but more people would rather have salad.

        >>> from voting.profile import ranked_profile
        >>> names = ("soup", "salad", "pasta", "rice")
        >>> codes, votes = np.array([[1, 2], [2, 4], [4, 2], [3, 2]]), np.array([4, 3, 2, 1])
        >>> lunch = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_irv(lunch, terms=Terms(names), order=names)
        >>> outcome.elected, outcome.rounds[-1].tally
        (('salad',), ('4', '6', None, None))
    """
    if terms.seats != 1:
        raise InvalidContest(f"irv elects one option, not {terms.seats}")
    if profile.tied is not None:
        raise InvalidMethod("irv does not take equal ranks")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    names = profile.options
    place = places(order, names)
    piles = _Piles(profile)
    continuing = list(range(len(names)))
    rounds: list[RankedRound] = []
    draws: list[Draw] = []

    while True:
        number = len(rounds) + 1
        votes = {index: int(piles.votes[index]) for index in continuing}
        exhausted = int(piles.votes[-1])
        assert sum(votes.values()) + exhausted == profile.ballots, "a round holds every ballot once"
        elected: tuple[str, ...] = ()
        eliminated: tuple[str, ...] = ()
        if len(continuing) <= 2:
            tied = [names[index] for index in continuing if votes[index] == max(votes.values())]
            elected = (min(tied, key=place.__getitem__),)
            decided = "elect"
        else:
            tied = [names[index] for index in continuing if votes[index] == min(votes.values())]
            decided = "eliminate"
            if votes[names.index(tied[0])] == 0 and len(continuing) - len(tied) >= 2:
                eliminated = tuple(sorted(tied))
                tied = []
            else:
                eliminated = (max(tied, key=place.__getitem__),)
        if len(tied) > 1:
            draws.append(
                Draw(
                    round=number,
                    among=tuple(sorted(tied)),
                    order=tuple(sorted(tied, key=place.__getitem__)),
                    decided=decided,
                )
            )
        rounds.append(
            RankedRound(
                number=number,
                tally=tuple(str(votes[index]) if index in votes else None for index in range(len(names))),
                elected=elected,
                eliminated=eliminated,
                exhausted=str(exhausted),
                lost_to_rounding="0",
            )
        )
        if elected:
            return RankedOutcome(method=NAME, quota=None, rounds=tuple(rounds), draws=tuple(draws), elected=elected)
        out = [names.index(name) for name in eliminated]
        piles.move(out)
        continuing = [index for index in continuing if index not in out]


class _Piles:
    """Which option each ranking counts for now, and how many ballots each option holds.

    The last place of `votes` holds the exhausted ballots: a ranking that is used up counts for option -1.
    """

    def __init__(self, profile: RankedProfile) -> None:
        self.counts = profile.counts
        self.standing = Standing(profile)
        self.continuing = np.ones(len(profile.options) + 1, np.bool_)
        self.votes = np.zeros(len(profile.options) + 1, np.int64)
        np.add.at(self.votes, self.standing.holder, self.counts)
        self.votes[-1] += profile.empty

    def move(self, out: Sequence[int]) -> None:
        """Give the ballots of options that drop out to the next continuing option of each ranking."""
        self.continuing[out] = False
        moving = self.standing.at(out)
        np.add.at(self.votes, self.standing.go_on(moving, self.continuing), self.counts[moving])
        self.votes[out] = 0
