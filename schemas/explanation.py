"""Why a count came out as it did, as facts. The words belong to the pages."""

from typing import Literal

from msgspec import UNSET, UnsetType

from schemas.base import Count, Record


class OptionVotes(Record, frozen=True):
    """An option and its votes, a decimal string as in the rounds."""

    option: str
    votes: str


class Move(Record, frozen=True):
    """Votes that go from an eliminated option to a continuing one, or to no one: `target` None is exhausted."""

    source: str
    target: str | None
    votes: str


class RoundMoves(Record, frozen=True):
    """The votes that move between one round and the next; `after` is the number of the earlier one."""

    after: int
    moves: tuple[Move, ...]


class RankedLoss(Record, frozen=True):
    """Where an option lost.

    `behind` is how many more votes it needed in that round for a tie with the one who stayed or won; "0" where it was
    tied and `by_lot` says that the lot decided.
    """

    option: str
    round: int
    votes: str
    behind: str
    by_lot: bool


class RankedExplanation(Record, frozen=True, kw_only=True):
    """A ranked count in facts.

    `last` holds the options of the last round, most votes first, and `margin` the votes between the first two ("0" for
    a tie, None where there was only one). `majority_round` is the first round in which the winner held more than half
    of the votes still counting, None if never. `losses` are in the order in which options went out.
    """

    ballots: Count
    elected: tuple[str, ...]
    rounds: int
    first: tuple[OptionVotes, ...]
    last: tuple[OptionVotes, ...]
    exhausted: str
    margin: str | None
    by_lot: bool
    majority_round: int | None
    losses: tuple[RankedLoss, ...]
    transfers: tuple[RoundMoves, ...]


class BudgetFact(Record, frozen=True, kw_only=True):
    """What became of one project.

    Money is in minor units: `left` is what was left when its turn came, and `short` what it lacked then, 0 where money
    was not the reason. `excluded_by` is the funded project of its group. `needed` is how many more votes (or points)
    would surely have funded it, all other ballots unchanged; None where no number would, unset where it is funded.
    `by_lot` says that another order of the lot would have funded it.
    """

    option: str
    score: str
    cost: Count
    decision: Literal["funded", "skipped", "excluded", "unsupported"]
    left: Count
    short: Count
    excluded_by: str | None = None
    needed: str | UnsetType | None = UNSET
    by_lot: bool = False


class BudgetExplanation(Record, frozen=True, kw_only=True):
    """A budget count in facts. `facts` are in the order of decision, then projects without support."""

    ballots: Count
    budget: Count
    spent: Count
    left: Count
    facts: tuple[BudgetFact, ...]


class SeatWon(Record, frozen=True):
    """How an option took a seat.

    `votes` are those in the round in which it was elected, and `surplus` what it had above the quota then, "0.00000"
    for none. `quota` is False where it took one of the last seats with fewer votes, since no more options were left.
    """

    option: str
    round: int
    votes: str
    surplus: str
    quota: bool


class SeatLost(Record, frozen=True):
    """Where an option lost.

    `behind` is how many more votes it needed in that round for a tie: with the lowest that stayed where it was
    excluded, with the lowest elected in the last round where it was still continuing then. Where that is nothing,
    `earlier` is the earlier round that decided, or `by_lot` says that the lot did. `excluded` is False for those who
    were still continuing at the end.
    """

    option: str
    round: int
    votes: str
    behind: str
    excluded: bool
    earlier: int | None
    by_lot: bool


class PaperMoves(Record, frozen=True):
    """The votes that move between one round and the next, all from one option.

    `surplus` is True where it was elected and keeps the quota, False where it was excluded and keeps nothing. `votes`
    is what leaves it: the sum of `moves` (target None is exhausted) and of what is lost to rounding.
    """

    after: int
    source: str
    surplus: bool
    votes: str
    moves: tuple[Move, ...]
    lost_to_rounding: str


class SeatsExplanation(Record, frozen=True, kw_only=True):
    """A count with surpluses, in facts.

    `won` is in order of election, `lost` in the order in which options went out, then those left at the end, most votes
    first. `by_lot` says that the lot decided at least once who was excluded. `first` holds the first round, most votes
    first.
    """

    ballots: Count
    seats: Count
    quota: str
    rounds: int
    first: tuple[OptionVotes, ...]
    won: tuple[SeatWon, ...]
    lost: tuple[SeatLost, ...]
    transfers: tuple[PaperMoves, ...]
    exhausted: str
    lost_to_rounding: str
    by_lot: bool


Explanation = RankedExplanation | SeatsExplanation | BudgetExplanation
