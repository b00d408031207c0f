"""Every option against every other one: the matrix, the Smith set, the Condorcet winner.

What the Condorcet methods share (schulze, ranked_pairs, minimax, copeland), and rules 1 to 3 of each of their specs.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import UnsetType
from numpy.typing import NDArray

from schemas.outcome import Draw, RankedOutcome
from voting.errors import InvalidContest
from voting.profile import IntArray, RankedProfile, Terms
from voting.ties import places


def pairwise_matrix(profile: RankedProfile) -> IntArray:
    """Return how many ballots rank each option above each other one.

    An option that a ballot ranks is above all that it does not rank; options on one rank, and two that are not ranked,
    are neither above nor below each other. Nobody looks at options that a ballot does not name: a ballot that names
    `a` has it above everyone, but for those that stand above it or beside it.

    Args:
        profile: Rankings; equal ranks are fine.

    Returns:
        Shape (options, options): cell [a, b] holds the ballots with a above b; the diagonal is 0.

    Example:
        >>> from voting.profile import ranked_profile
        >>> codes, votes = np.array([[1, 2], [3, 0]]), np.array([5, 4])
        >>> pairwise_matrix(ranked_profile(codes, options=("ann", "ben", "cas"), weights=votes)).tolist()
        [[0, 5, 5], [0, 0, 5], [4, 4, 0]]
    """
    size = len(profile.options) + 1  # the last place takes what is not an option: index -1
    columns = np.ascontiguousarray(profile.rankings.T).astype(np.int64)
    columns[columns < 0] = size - 1
    named = np.zeros(size, np.int64)
    above = np.zeros(size * size, np.int64)
    beside = np.zeros(size * size, np.int64)
    rank = None if profile.tied is None else np.cumsum(~profile.tied, axis=1).T
    for one, upper in enumerate(columns):
        np.add.at(named, upper, profile.counts)
        row = upper * size
        for two in range(one + 1, len(columns)):
            cells = row + columns[two]
            if rank is None:
                np.add.at(above, cells, profile.counts)
            else:
                same = rank[one] == rank[two]
                np.add.at(above, cells[~same], profile.counts[~same])
                np.add.at(beside, cells[same], profile.counts[same])
    higher = above.reshape(size, size)
    equal = beside.reshape(size, size)
    matrix: IntArray = (named[:, None] - higher.T - equal - equal.T)[:-1, :-1]
    np.fill_diagonal(matrix, 0)
    return matrix


def strengths(matrix: IntArray, *, margins: bool) -> IntArray:
    """Return how strong each defeat is; 0 where a row does not beat a column.

    Args:
        matrix: As `pairwise_matrix` gives it.
        margins: Whether a defeat is as strong as its margin, or as the votes of its winner.

    Returns:
        Shape as `matrix`. Of two options at most one beats the other.
    """
    size: IntArray = matrix - matrix.T if margins else matrix
    return np.where(matrix > matrix.T, size, 0)


def smith_set(matrix: IntArray) -> tuple[int, ...]:
    """Return the smallest group of options of which each beats every option outside, by index in ascending order.

    Whoever beats most options is in it, and with each of its members all that this member does not beat.

    Source:
        J. H. Smith, "Aggregation of preferences with variable electorate", Econometrica 41 (1973), 1027-1041.
    """
    beats = matrix > matrix.T
    group = np.zeros(len(matrix), np.bool_)
    group[np.argmax(beats.sum(axis=1) - beats.sum(axis=0))] = True
    while True:
        grown = group | ~beats[group].all(axis=0)
        if (grown == group).all():
            return tuple(np.flatnonzero(group).tolist())
        group = grown


def condorcet_winner(matrix: IntArray) -> int | None:
    """Return the index of the option that beats every other one, or None where there is none."""
    beaten = (matrix > matrix.T).sum(axis=1)
    found = np.flatnonzero(beaten == len(matrix) - 1)
    return int(found[0]) if len(found) else None


def widest_paths(strength: IntArray) -> IntArray:
    """Return the strength of the strongest path between any two options.

    A path goes along defeats and is as strong as the weakest of them.

    Args:
        strength: Shape (options, options); 0 is no defeat.

    Returns:
        Shape as `strength`; 0 where there is no path, and on the diagonal.

    Source:
        M. Schulze, "A new monotonic, clone-independent, reversal symmetric, and Condorcet-consistent single-winner
        election method", Social Choice and Welfare 36 (2011), 267-303, sections 2.2 and 2.3; the algorithm is that of
        Floyd and Warshall.
    """
    paths: IntArray = strength.copy()
    for middle in range(len(paths)):
        np.maximum(paths, np.minimum(paths[:, middle, None], paths[None, middle, :]), out=paths)
    np.fill_diagonal(paths, 0)
    return paths


Found = tuple[Sequence[int], Sequence[Draw], tuple[str, ...] | UnsetType]
"""What a method finds in a matrix: the best options, the draws so far, and scores if it has any."""


def count_pairs(
    name: str,
    profile: RankedProfile,
    find: Callable[[IntArray, dict[int, int]], Found],
    *,
    terms: Terms,
    order: Sequence[str],
) -> RankedOutcome:
    """Return the count of a method that looks at nothing but the matrix.

    Args:
        name: The method's name with its version.
        profile: Rankings; equal ranks are fine.
        find: Takes the matrix and the place of each index in the tie order, and gives what the method finds. Of
            several best options the first in the tie order is elected, and the draw is listed.
        terms: One seat.
        order: The tie order, every option once; the first wins a tie.

    Returns:
        An outcome without rounds, with the matrix, the Smith set (sorted by name) and the Condorcet winner.

    Raises:
        InvalidContest: More than one seat.
    """
    if terms.seats != 1:
        raise InvalidContest(f"{name.partition('/')[0]} elects one option, not {terms.seats}")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    names = profile.options
    place = places(order, names)
    matrix = pairwise_matrix(profile)
    best, draws, scores = find(matrix, {index: place[option] for index, option in enumerate(names)})
    tied = sorted((names[index] for index in best), key=place.__getitem__)
    if len(tied) > 1:
        draws = [*draws, draw(tied, "elect")]
    winner = condorcet_winner(matrix)
    return RankedOutcome(
        method=name,
        quota=None,
        rounds=(),
        draws=tuple(draws),
        elected=(tied[0],),
        pairwise=tuple(map(tuple, matrix.tolist())),
        smith=tuple(sorted(names[index] for index in smith_set(matrix))),
        condorcet_winner=None if winner is None else names[winner],
        scores=scores,
    )


def draw(tied: Sequence[str], decided: str) -> Draw:
    """Return a use of the lot in a count that has no rounds: its `round` is 1. `tied` is in the tie order."""
    return Draw(round=1, among=tuple(sorted(tied)), order=tuple(tied), decided=decided)


def lowest(scores: NDArray[np.int64]) -> list[int]:
    """Return the indexes of the lowest of some scores."""
    return np.flatnonzero(scores == scores.min()).tolist()
