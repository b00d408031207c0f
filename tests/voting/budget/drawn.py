"""Budgets made by a seeded generator: quick enough for a hundred thousand, and hard on purpose."""

import random
from dataclasses import dataclass

from voting.profile import ScoredProfile, Terms, scored_profile

NAMES = ("ash", "birch", "cedar", "elm", "fir", "hazel", "oak", "pine", "yew")


@dataclass(frozen=True)
class DrawnBudget:
    """Ballots with multiplicities, the terms, and a tie order."""

    terms: Terms
    order: tuple[str, ...]
    ballots: tuple[tuple[dict[str, int], int], ...]

    @property
    def profile(self) -> ScoredProfile:
        """The ballots, merged."""
        index = {option: place for place, option in enumerate(self.terms.options)}
        counted: dict[tuple[tuple[int, int], ...], int] = {}
        for ballot, times in self.ballots:
            pairs = tuple(sorted((index[option], value) for option, value in ballot.items()))
            counted[pairs] = counted.get(pairs, 0) + times
        return scored_profile(counted, options=self.terms.options, ballots=sum(times for _, times in self.ballots))

    @property
    def money(self) -> dict[str, object]:
        """What the plain engine takes beside the ballots."""
        return {
            "options": self.terms.options,
            "order": self.order,
            "budget": self.terms.budget,
            "costs": self.terms.costs,
            "groups": self.terms.groups,
            "minor_digits": self.terms.minor_digits,
        }


def draw_budget(seed: int, *, approvals: bool, close: bool = False) -> DrawnBudget:
    """Make the budget of a seed.

    Args:
        seed: The same seed gives the same budget.
        approvals: Every ballot gives 1 to what it names; else now and then up to 10.
        close: Costs near 10^15 that differ by a unit or two, so that floating-point numbers hardly tell projects apart.
    """
    rng = random.Random(seed)
    size = rng.randint(1, rng.choice([3, 7, 9]))
    names = tuple(rng.sample(NAMES, size))
    highest = 1 if approvals else rng.choice([1, 3, 10])
    ballots = tuple(
        (
            {name: rng.randint(1, highest) for name in rng.sample(names, rng.randint(0, size))},
            rng.randint(1, 3),
        )
        for _ in range(rng.randint(0, rng.choice([4, 10, 25])))
    )
    if close:
        base = 10**15
        costs = tuple(base * rng.choice([1, 1, 2, 3]) + rng.randint(-2, 2) for _ in names)
        budget = base * rng.randint(1, 8) + rng.randint(-3, 3)
    else:
        budget = rng.choice([0, 5, 25, 100, 1000])
        dearest = max(1, rng.choice([budget // 4, budget // 2, budget, 8]))
        costs = tuple(rng.choice([rng.randint(0, dearest), rng.randint(1, dearest // 2 + 1)]) for _ in names)
    groups = tuple(tuple(rng.sample(names, rng.randint(1, size))) for _ in range(rng.choice([0, 0, 0, 1, 2])))
    terms = Terms(names, budget=budget, costs=costs, groups=groups, minor_digits=rng.choice([0, 0, 1]))
    return DrawnBudget(terms, tuple(rng.sample(names, size)), ballots)
