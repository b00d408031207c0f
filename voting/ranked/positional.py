"""Plurality, approval and the two Borda counts: add up once, and the most votes or points win.

Rules PLURALITY-1 to PLURALITY-8, APPROVAL-1 to APPROVAL-8, BORDA-1 to BORDA-9 and BORDAZERO-1 to BORDAZERO-9 in
voting/specs/plurality.md, approval.md, borda.md and borda-zero.md.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from schemas.outcome import Draw, RankedOutcome, RankedRound
from voting.errors import InvalidMethod
from voting.profile import RankedProfile, ScoredProfile, Terms
from voting.ties import places

PLURALITY = "plurality/1"
APPROVAL = "approval/1"
BORDA = "borda/1"
BORDA_ZERO = "borda-zero/1"


def count_plurality(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count of first choices: one round, as many winners as there are seats.

    Args:
        profile: Rankings without equal ranks; only the first option of each is looked at.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        One round in whole votes. `elected` is in order of votes; `quota` is None.

    Raises:
        InvalidMethod: Ballots with equal ranks.

    Example:
        >>> from voting.profile import ranked_profile
        >>> names = ("soup", "salad", "pasta")
        >>> codes, votes = np.array([[1, 2], [2, 3], [3, 2]]), np.array([4, 3, 2])
        >>> lunch = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_plurality(lunch, terms=Terms(names), order=names)
        >>> outcome.elected, outcome.rounds[0].tally
        (('soup',), ('4', '3', '2'))
    """
    if profile.tied is not None:
        raise InvalidMethod("plurality does not take equal ranks")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    votes = np.zeros(len(profile.options), np.int64)
    if profile.rankings.size:
        np.add.at(votes, profile.rankings[:, 0], profile.counts)
    held: list[int] = votes.tolist()
    assert sum(held) + profile.empty == profile.ballots, "a round holds every ballot once"
    elected, draws = elect_highest(held, names=profile.options, seats=terms.seats, order=order)
    stage = RankedRound(
        number=1,
        tally=tuple(map(str, held)),
        elected=elected,
        eliminated=(),
        exhausted=str(profile.empty),
        lost_to_rounding="0",
    )
    return RankedOutcome(method=PLURALITY, quota=None, rounds=(stage,), draws=draws, elected=elected)


def count_approval(
    profile: ScoredProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count of approvals, as many winners as there are seats.

    A ballot may approve several options, so approvals don't add up to ballots, and there are no rounds.

    Args:
        profile: Approvals, each of value 1.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        `scores`: how many ballots approve each option. `elected` is in order of approvals; `quota` is None.

    Raises:
        InvalidMethod: Values other than 1: points or scores are not approvals.

    Example:
        >>> from voting.profile import scored_profile
        >>> names = ("lamp", "bench", "tree")
        >>> votes = scored_profile({((0, 1), (1, 1)): 3, ((1, 1),): 2, ((2, 1),): 4}, options=names, ballots=9)
        >>> outcome = count_approval(votes, terms=Terms(names, seats=2), order=names)
        >>> outcome.elected, outcome.scores
        (('bench', 'tree'), ('3', '5', '4'))
    """
    if len(profile.values) and int(profile.values.max()) > 1:
        raise InvalidMethod("approval counts approvals, not points or scores")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    scores = profile.scores()
    elected, draws = elect_highest(scores, names=profile.options, seats=terms.seats, order=order)
    return RankedOutcome(
        method=APPROVAL, quota=None, rounds=(), draws=draws, elected=elected, scores=tuple(map(str, scores))
    )


def count_borda(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the Borda count in which options that a ballot does not rank share what is left, equally.

    Args:
        profile: Rankings without equal ranks.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        `scores` with one decimal: an average of whole points ends in .0 or .5. No rounds: every ballot gives points to
        several. `elected` is in order of points; `quota` is None.

    Raises:
        InvalidMethod: Ballots with equal ranks.

    Example:
        Of four options the first gets 3 points. A ballot that names one leaves 2 + 1 + 0 to three: 1 each. A ballot
        that names two leaves 1 + 0 to two: a half each.

        >>> from voting.profile import ranked_profile
        >>> names = ("ash", "birch", "cedar", "elm")
        >>> trees = ranked_profile(np.array([[1, 0], [2, 1]]), options=names, weights=np.array([3, 4]))
        >>> outcome = count_borda(trees, terms=Terms(names), order=names)
        >>> outcome.elected, outcome.scores
        (('ash',), ('17.0', '15.0', '5.0', '5.0'))
    """
    return _borda(profile, BORDA, terms=terms, order=order)


def count_borda_zero(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the Borda count in which options that a ballot does not rank get nothing from it.

    Args:
        profile: Rankings without equal ranks.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        `scores` in whole points. No rounds: every ballot gives points to several. `elected` is in order of points;
        `quota` is None.

    Raises:
        InvalidMethod: Ballots with equal ranks.

    Example:
        >>> from voting.profile import ranked_profile
        >>> names = ("ash", "birch", "cedar", "elm")
        >>> trees = ranked_profile(np.array([[1, 0], [2, 1]]), options=names, weights=np.array([3, 4]))
        >>> outcome = count_borda_zero(trees, terms=Terms(names), order=names)
        >>> outcome.elected, outcome.scores
        (('ash',), ('17', '12', '0', '0'))
    """
    return _borda(profile, BORDA_ZERO, terms=terms, order=order)


def elect_highest(
    points: Sequence[int], *, names: Sequence[str], seats: int, order: Sequence[str], number: int = 1
) -> tuple[tuple[str, ...], tuple[Draw, ...]]:
    """Return those with the most points in order, as many as there are seats, and where the lot was used.

    Args:
        points: The points of each option.
        names: The options.
        seats: How many are elected, at most as many as there are options.
        order: The tie order, every option once; the first wins a tie.
        number: The round, for the draws.

    Returns:
        Who is elected, and the draws: `elect` where not all of those tied have a seat, `order` where all of them have
        one and the lot only says who comes first.

    Example:
        >>> elected, draws = elect_highest([2, 5, 2], names="abc", seats=2, order="cab")
        >>> elected, draws[0].order, draws[0].decided
        (('b', 'c'), ('c', 'a'), 'elect')
    """
    place = places(order, names)
    held = dict(zip(names, points, strict=True))
    ranked = sorted(names, key=lambda name: (-held[name], place[name]))
    draws = []
    first = 0
    for _, group in groupby(ranked, key=held.__getitem__):
        tied = tuple(group)
        if len(tied) > 1 and first < seats:
            decided = "elect" if first + len(tied) > seats else "order"
            draws.append(Draw(round=number, among=tuple(sorted(tied)), order=tied, decided=decided))
        first += len(tied)
    return tuple(ranked[:seats]), tuple(draws)


def _borda(profile: RankedProfile, method: str, *, terms: Terms, order: Sequence[str]) -> RankedOutcome:
    """Count in halves of a point: a ballot that ranks k of n options leaves n - k - 1 halves to each other one."""
    if profile.tied is not None:
        raise InvalidMethod(f"{method.partition('/')[0]} does not take equal ranks")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    shares = method == BORDA
    size = len(profile.options)
    halves = [0] * size
    everyone = profile.empty * (size - 1) if shares else 0
    for rank in range(profile.rankings.shape[1]):
        column = profile.rankings[:, rank]
        ranked = column >= 0
        votes = np.zeros(size, np.int64)
        np.add.at(votes, column[ranked], profile.counts[ranked])
        given = votes.tolist()
        # whoever is ranked here gets its points, in place of the share of what this ballot leaves
        halves = [held + 2 * (size - 1 - rank) * times for held, times in zip(halves, given, strict=True)]
    if shares:
        lengths = np.count_nonzero(profile.rankings >= 0, axis=1)
        for length in range(1, size):
            here = lengths == length
            rows, counts = profile.rankings[here, :length], profile.counts[here]
            left = size - length - 1
            everyone += left * int(counts.sum())
            taken = np.zeros(size, np.int64)
            np.add.at(taken, rows, np.broadcast_to(counts[:, None], rows.shape))
            halves = [held - left * times for held, times in zip(halves, taken.tolist(), strict=True)]
        halves = [held + everyone for held in halves]
        assert sum(halves) == profile.ballots * size * (size - 1), "every ballot gives the same points in all"
    elected, draws = elect_highest(halves, names=profile.options, seats=terms.seats, order=order)
    scores = (f"{held // 2}.{held % 2 * 5}" if shares else str(held // 2) for held in halves)
    return RankedOutcome(method=method, quota=None, rounds=(), draws=draws, elected=elected, scores=tuple(scores))
