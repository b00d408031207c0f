"""What a method says: every round, every draw, who won or what is funded."""

from typing import Literal

from msgspec import UNSET, UnsetType

from schemas.base import Count, Hex32, Record


class Draw(Record):
    """One use of the lot: who was tied, in which order the lot put them, and what it decided."""

    round: Count
    among: tuple[str, ...]
    order: tuple[str, ...]
    decided: str


class RankedRound(Record):
    """One round of a ranked count. Votes are decimal strings; None is an option that no longer continues.

    Tally + exhausted + lost_to_rounding = ballots.
    """

    number: Count
    tally: tuple[str | None, ...]
    elected: tuple[str, ...]
    eliminated: tuple[str, ...]
    exhausted: str
    lost_to_rounding: str


class BudgetRound(Record):
    """One decision of a budget count. Money is in minor units; `left` is what is left after the decision."""

    number: Count
    option: str
    score: str
    cost: Count
    decision: Literal["funded", "skipped", "excluded"]
    left: Count
    share: str | None


class RankedOutcome(Record):
    """A complete ranked count. Options are named as in the profile; `elected` is in order of election.

    `method` is "id/version". `quota` is None where the method has none. The last four only where the method has them.
    """

    method: str
    quota: str | None
    rounds: tuple[RankedRound, ...]
    draws: tuple[Draw, ...]
    elected: tuple[str, ...]
    pairwise: tuple[tuple[Count, ...], ...] | UnsetType = UNSET
    smith: tuple[str, ...] | UnsetType = UNSET
    condorcet_winner: str | UnsetType | None = UNSET
    scores: tuple[str, ...] | UnsetType = UNSET


class BudgetOutcome(Record):
    """A complete budget count. `funded` is in order of decision; `spent` is in minor units.

    `quota` is None in every budget method; `scores` is the support of each option in the profile's order. `endowment`
    is what every ballot had to spend, minor units as "n" or "n/d"; None without ballots, absent where the method has
    none.
    """

    method: str
    quota: str | None
    rounds: tuple[BudgetRound, ...]
    draws: tuple[Draw, ...]
    funded: tuple[str, ...]
    spent: Count
    scores: tuple[str, ...] | UnsetType = UNSET
    endowment: str | UnsetType | None = UNSET


Outcome = RankedOutcome | BudgetOutcome


class RankedRounds(Record):
    """The file tally/rounds.json of a ranked contest. Tallies and `lots` follow the manifest's order of options."""

    type: Literal["weighin/v1/rounds"]
    ctx: Hex32
    method: str
    quota: str | None
    rounds: tuple[RankedRound, ...]
    draws: tuple[Draw, ...]
    lots: tuple[Hex32, ...]
    pairwise: tuple[tuple[Count, ...], ...] | UnsetType = UNSET
    smith: tuple[str, ...] | UnsetType = UNSET
    condorcet_winner: str | UnsetType | None = UNSET
    scores: tuple[str, ...] | UnsetType = UNSET


class BudgetRounds(Record):
    """The file tally/rounds.json of a budget contest. `lots` follow the manifest's order of options."""

    type: Literal["weighin/v1/rounds"]
    ctx: Hex32
    method: str
    quota: str | None
    rounds: tuple[BudgetRound, ...]
    draws: tuple[Draw, ...]
    lots: tuple[Hex32, ...]
    scores: tuple[str, ...] | UnsetType = UNSET
    endowment: str | UnsetType | None = UNSET
