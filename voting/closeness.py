"""How few ballots, cast otherwise, could have given another result.

A result is another one where somebody else is elected, or where only the lot stands between. Two kinds of numbers are
found, and said to be what they are:

- A *lower bound*: fewer changed ballots can't do it, whichever they are. It is proved from the numbers of the count,
  with every tally and every cell of a matrix as far off as so many ballots can bring it.
- An *upper bound*: so many changed ballots do it. It is found by changing them and counting again.

Where the two meet the number is exact. For seats that are filled with surpluses no lower bound is known here.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from msgspec import UnsetType

from schemas.explanation import Closeness
from schemas.outcome import RankedOutcome
from voting.methods import find
from voting.profile import IntArray, Profile, RankedProfile, Terms, ranked_profile
from voting.ranked.pairwise import pairwise_matrix, smith_set, strengths, widest_paths

_GROUP = 12
"""All groups of up to so many options beside the winner are looked at: 4,095."""
_GROUP_ROWS = 2**25
"""And only where groups times different rankings are no more than so many: some seconds."""
_CHALLENGERS = 3
"""For so many of the options that came nearest a change is looked for."""


def closeness(
    profile: Profile, outcome: RankedOutcome, *, terms: Terms, order: Sequence[str], by_lot: bool
) -> tuple[Closeness, ...]:
    """Return one exact number of ballots, or a lower and an upper bound as far as they are known.

    Args:
        profile: The ballots that were counted.
        outcome: What the method made of them.
        terms: As counted.
        order: The tie order that was used.
        by_lot: Whether another lot is known to elect somebody else: then the answer is 0.

    Source:
        A. S. Magrino, R. L. Rivest, E. Shen and D. Wagner, "Computing the margin of victory in IRV elections", EVT/WOTE
        2011, for what is counted: ballots changed, with ties resolved against the winner. D. Cary, "Estimating the
        margin of victory for instant-runoff voting", EVT/WOTE 2011, for both bounds of instant runoff.
    """
    if by_lot:
        return (Closeness(ballots=0, margin_kind="exact"),)
    if len(terms.options) <= terms.seats:
        return ()
    if exact := _by_scores(outcome, terms):
        return (exact,)
    low = max(_lower_bound(outcome, terms), 0 if outcome.draws else 1)
    if not isinstance(profile, RankedProfile):
        return _bounds(low, None)
    limit = profile.ballots
    found = None
    if outcome.method == "irv/1":
        found = _last_round(outcome, terms)
        limit = found[0] - 1
    search = _Search(profile, outcome, terms=terms, order=order)
    for challenger, target in _rivals(outcome, terms):
        ballots = search.least(challenger, target, low=low, limit=limit)
        if ballots is not None:
            found, limit = (ballots, challenger), ballots - 1
    if outcome.method == "irv/1" and found is not None:
        least, gains = _last_in_a_group(profile, outcome.elected[0], most=found[0])
        low = max(low, least)
        if gains and (other := search.shared(outcome.elected[0], gains)):
            found = (least, other)
    return _bounds(low, found)


def scores_of(outcome: RankedOutcome) -> tuple[str, ...] | None:
    """Return the one score of every option, as strings, in a count that is decided by scores; else None.

    They are published as scores, or as the tally of the only round.
    """
    if not isinstance(outcome.scores, UnsetType):
        return outcome.scores
    if outcome.method == "irv/1" or len(outcome.rounds) != 1 or outcome.quota is not None:
        return None
    tally = tuple(votes for votes in outcome.rounds[0].tally if votes is not None)
    return tally if len(tally) == len(outcome.rounds[0].tally) else None


def _bounds(low: int, found: tuple[int, str] | None) -> tuple[Closeness, ...]:
    known = []
    if found is not None and found[0] == low:
        return (Closeness(ballots=low, margin_kind="exact", challenger=found[1]),)
    assert found is None or low < found[0], "so many ballots were shown to change the result"
    if low > 1:
        known.append(Closeness(ballots=low, margin_kind="lower_bound"))
    if found is not None:
        known.append(Closeness(ballots=found[0], margin_kind="upper_bound", challenger=found[1]))
    return tuple(known)


# -- lower bounds ------------------------------------------------------------------------------


def _lower_bound(outcome: RankedOutcome, terms: Terms) -> int:
    if outcome.method == "irv/1":
        return _runoff_bound(outcome, terms)
    if not isinstance(outcome.pairwise, UnsetType):
        matrix = np.array(outcome.pairwise, np.int64)
        winner = terms.options.index(outcome.elected[0])
        safe = _SAFE[outcome.method.partition("-margins")[0].partition("/")[0]]
        margins = "-margins/" in outcome.method

        def holds(changed: int) -> bool:
            return _beats_all(matrix, winner, changed) or safe(_Reach(matrix, changed, margins=margins), winner)

        return _first_failure(holds, limit=int(matrix.max()) + 1)
    scores = scores_of(outcome)
    if scores is not None and outcome.method.startswith("borda"):
        # one ballot can move two options apart by all of a ballot's points, and back by as many
        gap = _gap([Fraction(score) for score in scores], outcome, terms)
        return int(-(-gap // (2 * (len(terms.options) - 1))))
    return 0


def _runoff_bound(outcome: RankedOutcome, terms: Terms) -> int:
    """Cary's bound: options that go out one after the other may be taken together.

    A group whose votes together are fewer than those of everyone who stays goes out first, in whatever order. If the
    gap is more than twice the changed ballots, that is so with the changed ballots, too. Of all ways to cut the count
    into such steps, down to the winner alone, the one with the widest narrowest gap counts.
    """
    rounds = [
        {option: int(votes) for option, votes in zip(terms.options, stage.tally, strict=True) if votes is not None}
        for stage in outcome.rounds
    ]
    steps = [*rounds, dict.fromkeys(outcome.elected, 0)]
    best = [0] * len(rounds) + [sum(rounds[0].values()) + 1]
    for start in range(len(rounds) - 1, -1, -1):
        votes = rounds[start]
        for end in range(start + 1, len(steps)):
            stay = min(votes[option] for option in steps[end])
            gone = sum(held for option, held in votes.items() if option not in steps[end])
            best[start] = max(best[start], min(stay - gone, best[end]))
    return (best[0] + 1) // 2


def _last_in_a_group(profile: RankedProfile, winner: str, *, most: int) -> tuple[int, dict[str, int]]:
    """How many ballots must change before the winner can be the last of any group, at most `most`; and who gets them.

    In every other result the winner goes out while some group of others still stands, and has no more votes than any of
    them then. Votes within a group do not depend on the order in which the rest went out. At best each changed ballot
    takes one vote from the winner and gives one to whoever has fewer, so it can be said for each group how many are
    needed. Those with an option that has too few votes even against the winner alone need more than `most` and are
    left out. Where too many groups remain, nothing is said: 0. Whether so many are enough depends on the other rounds.
    """
    names = profile.options
    at = names.index(winner)
    matrix = pairwise_matrix(profile)
    first = int(profile.counts[profile.rankings[:, 0] == at].sum()) if profile.rankings.shape[1] else 0
    near = [index for index in range(len(names)) if index != at and first - int(matrix[index, at]) < 2 * most]
    if len(near) > _GROUP:
        return 0, {}
    codes = np.zeros(len(names) + 1, np.int64)
    codes[[at, *near]] = np.arange(1, len(near) + 2)
    few = ranked_profile(
        codes[profile.rankings], options=[names[index] for index in (at, *near)], weights=profile.counts
    )
    if len(few.rankings) << len(near) > _GROUP_ROWS:
        return 0, {}
    rankings = np.pad(few.rankings, ((0, 0), (0, 1)), constant_values=-1)
    rows = np.arange(len(rankings))
    least, gains = most, {}
    for members in range(1, 1 << len(near)):
        within = np.array([True, *(bool(members >> bit & 1) for bit in range(len(near))), True])
        holder = rankings[rows, within[rankings].argmax(axis=1)]
        votes = np.zeros(len(near) + 2, np.int64)
        np.add.at(votes, holder, few.counts)
        own, others = int(votes[0]), votes[1:-1][within[1:-1]]

        def too_few(changed: int, own: int = own, others: IntArray = others) -> bool:
            return int(np.maximum(own - changed - others, 0).sum()) > changed

        if (needed := _first_failure(too_few, limit=least)) < least:
            least = needed
            raised = np.maximum(own - needed - votes[1:-1], 0) * within[1:-1]
            raised[members.bit_length() - 1] += needed - raised.sum()
            gains = {names[index]: int(more) for index, more in zip(near, raised, strict=True) if more}
    return least, gains


class _Reach:
    """How far so many changed ballots can bring the strength of each defeat: at least `low`, at most `high`."""

    def __init__(self, matrix: IntArray, changed: int, *, margins: bool) -> None:
        gap = matrix - matrix.T
        self.gap = gap
        self.changed = changed
        self.margins = margins
        self.strength = strengths(matrix, margins=margins)
        step = 2 * changed
        self.low = np.where(gap > step, gap - step if margins else matrix - changed, 0)
        self.high = np.where(gap > -step, gap + step if margins else matrix + changed, 0)
        np.fill_diagonal(self.high, 0)


def _beats_all(matrix: IntArray, winner: int, changed: int) -> bool:
    """One ballot can bring two options nearer by 2: the Condorcet winner stays one up to half its smallest margin."""
    gap = np.delete(matrix[winner] - matrix[:, winner], winner)
    return bool((gap > 2 * changed).all())


def _schulze_safe(reach: _Reach, winner: int) -> bool:
    ahead = widest_paths(reach.low)[winner] > widest_paths(reach.high)[:, winner]
    return bool(np.delete(ahead, winner).all())


def _minimax_safe(reach: _Reach, winner: int) -> bool:
    return bool((np.delete(reach.low.max(axis=0), winner) > reach.high[:, winner].max()).all())


def _copeland_safe(reach: _Reach, winner: int) -> bool:
    step = 2 * reach.changed
    least = (reach.gap[winner] > step).sum() * 2 + (reach.gap[winner] == step).sum() - (step == 0)
    most = (reach.gap > -step).sum(axis=1) * 2 + (reach.gap == -step).sum(axis=1) - (1 if step == 0 else 2)
    return bool((np.delete(most, winner) < least).all())


def _ranked_pairs_safe(reach: _Reach, winner: int) -> bool:
    """Whether the Smith set stays, and in it every defeat and the order of their strengths."""
    group = list(smith_set(reach.gap))
    others = [index for index in range(len(reach.gap)) if index not in group]
    step = 2 * reach.changed
    if (reach.gap[np.ix_(group, others)] <= step).any():
        return False
    inside = np.abs(reach.gap[np.ix_(group, group)])[np.triu_indices(len(group), 1)]
    strength = reach.strength[np.ix_(group, group)]
    apart = np.diff(np.sort(strength[strength > 0]))
    return bool((inside > step).all() and (apart > step * (1 + reach.margins)).all())


_SAFE: dict[str, Callable[[_Reach, int], bool]] = {
    "schulze": _schulze_safe,
    "minimax": _minimax_safe,
    "copeland": _copeland_safe,
    "ranked-pairs": _ranked_pairs_safe,
}


def _first_failure(holds: Callable[[int], bool], *, limit: int) -> int:
    """The smallest number for which something does not hold that holds for all smaller ones; at most `limit`."""
    low, high = 0, limit
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            low = middle + 1
        else:
            high = middle
    return low


# -- exact numbers, and upper bounds ------------------------------------------------------------


def _by_scores(outcome: RankedOutcome, terms: Terms) -> Closeness | None:
    """One mark a ballot and option: a changed ballot takes one from the winner and gives one to the challenger."""
    found = scores_of(outcome)
    if found is None or outcome.method not in ("plurality/1", "approval/1"):
        return None
    scores = [Fraction(score) for score in found]
    gap = _gap(scores, outcome, terms)
    held = dict(zip(terms.options, scores, strict=True))
    lost = [(-score, option) for option, score in held.items() if option not in outcome.elected]
    return Closeness(ballots=int(-(-gap // 2)), margin_kind="exact", challenger=min(lost)[1])


def _gap(scores: Sequence[Fraction], outcome: RankedOutcome, terms: Terms) -> Fraction:
    """How far the best of those who lost is behind the last of those who won."""
    held = dict(zip(terms.options, scores, strict=True))
    last = min(held[option] for option in outcome.elected)
    return last - max(score for option, score in held.items() if option not in outcome.elected)


def _last_round(outcome: RankedOutcome, terms: Terms) -> tuple[int, str]:
    """Half the last margin: so many of the winner's ballots name the other one in its place.

    Until the last round these count where they counted before, or against the winner; so it goes out before, or is
    tied or beaten in the last round.
    """
    votes = dict(zip(terms.options, outcome.rounds[-1].tally, strict=True))
    winner = outcome.elected[0]
    other = next(option for option, held in votes.items() if held is not None and option != winner)
    return (int(votes[winner] or 0) - int(votes[other] or 0) + 1) // 2, other


def _rivals(outcome: RankedOutcome, terms: Terms) -> list[tuple[str, str]]:
    """Who came nearest, and whose ballots they would need: pairs of challenger and target."""
    names = terms.options
    winner = outcome.elected[-1]
    if not isinstance(outcome.pairwise, UnsetType):
        matrix, at = outcome.pairwise, names.index(winner)
        near = sorted((matrix[at][o] - matrix[o][at], names[o]) for o in range(len(names)) if o != at)
        return [(option, winner) for _, option in near[:_CHALLENGERS]]
    scores = scores_of(outcome)
    if scores is not None:
        scored = sorted((-Fraction(score), option) for option, score in zip(names, scores, strict=True))
        lost = [option for _, option in scored if option not in outcome.elected]
        return [(option, winner) for option in lost[:_CHALLENGERS]]
    pairs: list[tuple[str, str]] = []
    for stage in reversed(outcome.rounds):
        held = {o: Fraction(votes) for o, votes in zip(names, stage.tally, strict=True) if votes is not None}
        out = [*stage.eliminated] or sorted(held.keys() - {*outcome.elected}, key=lambda o: (-held[o], o))
        for option in out[:1]:
            stayed = sorted((votes, o) for o, votes in held.items() if o != option and votes >= held[option])
            pairs += [(option, target) for target in dict.fromkeys([winner, *(o for _, o in stayed[:1])])]
        if len(pairs) >= 2 * _CHALLENGERS:
            break
    return list(dict.fromkeys(pairs))


class _Search:
    """Changes ballots of a target into ballots for a challenger alone, and counts again."""

    def __init__(self, profile: RankedProfile, outcome: RankedOutcome, *, terms: Terms, order: Sequence[str]) -> None:
        self.profile = profile
        self.method = find(outcome.method)
        self.elected = set(outcome.elected)
        self.terms = terms
        self.order = order

    def least(self, challenger: str, target: str, *, low: int, limit: int) -> int | None:
        """Return the least number of such changes that was found to give another result, from `low` to `limit`."""
        one, two = self.terms.options.index(challenger), self.terms.options.index(target)
        places = [self._places(index) for index in (one, two)]
        rows = np.flatnonzero(places[1] < places[0])
        rows = rows[np.lexsort((-places[0][rows], places[1][rows]))]
        last = [option for option in self.order if option not in (challenger, target)]
        order = (challenger, *last, target)

        def changes(ballots: int) -> bool:
            changed = _changed(self.profile, rows, ballots, one)
            outcome = self.method.count(changed, terms=self.terms, order=order)
            assert isinstance(outcome, RankedOutcome), "the method elects"
            return set(outcome.elected) != self.elected

        limit = min(limit, int(self.profile.counts[rows].sum()))
        tried, step = max(low, 1), 1
        if tried > limit or not changes(limit):
            return None
        below = tried - 1
        while tried < limit and not changes(tried):
            below, tried, step = tried, min(tried + step, limit), step * 4
        return below + 1 + _first_failure(lambda more: not changes(below + 1 + more), limit=tried - below - 1)

    def shared(self, winner: str, gains: dict[str, int]) -> str | None:
        """Return who is elected if ballots that have the winner first go to several others; None if no one else is."""
        at = self.terms.options.index(winner)
        changed = self.profile
        for option, more in gains.items():
            rows = np.flatnonzero(changed.rankings[:, 0] == at)
            if int(changed.counts[rows].sum()) < more:
                return None
            changed = _changed(changed, rows, more, self.terms.options.index(option))
        order = [*(option for option in self.order if option != winner), winner]
        outcome = self.method.count(changed, terms=self.terms, order=order)
        assert isinstance(outcome, RankedOutcome), "the method elects"
        return None if set(outcome.elected) == self.elected else outcome.elected[0]

    def _places(self, index: int) -> IntArray:
        """Where each ranking names an option; the number of ranks where it does not."""
        found = self.profile.rankings == index
        places: IntArray = np.where(found.any(axis=1), found.argmax(axis=1), self.profile.rankings.shape[1])
        return places


def _changed(profile: RankedProfile, rows: IntArray, ballots: int, challenger: int) -> RankedProfile:
    """The profile with so many ballots, taken from these rows in order, turned into ones for one option alone."""
    counts = profile.counts.copy()
    held = counts[rows]
    counts[rows] = held - np.clip(ballots - (np.cumsum(held) - held), 0, held)
    alone = np.full(profile.rankings.shape[1], -1, np.int32)
    alone[0] = challenger
    at = int((profile.rankings[:, 0] < challenger).sum())  # a single name comes first among those that begin with it
    rankings, tied = profile.rankings, profile.tied
    if at < len(rankings) and (rankings[at] == alone).all():
        counts[at] += ballots
    else:
        rankings = np.insert(rankings, at, alone, axis=0)
        counts = np.insert(counts, at, ballots)
        tied = None if tied is None else np.insert(tied, at, False, axis=0)
    kept = counts > 0
    return RankedProfile(
        options=profile.options,
        rankings=rankings[kept],
        tied=None if tied is None else tied[kept],
        counts=counts[kept],
        ballots=profile.ballots,
    )
