"""Why a count came out as it did, as facts. The words belong to the pages."""

from typing import Literal

import msgspec
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


class Closeness(Record, frozen=True):
    """How few ballots, cast otherwise, could have given another result: someone else elected, or left to the lot.

    `margin_kind` says what `ballots` is: "exact"; "upper_bound", so many are enough, and fewer might be; "lower_bound",
    fewer are not enough, and so many might not be, either. `challenger` is who would come in by the way that is known
    for an upper bound or an exact number; None where the number names nobody. `ballots` 0 means that the lot decided.
    """

    ballots: Count
    margin_kind: Literal["exact", "upper_bound", "lower_bound"]
    challenger: str | None = None


class Tie(Record, frozen=True):
    """A use of the lot: who was tied, whom it put first and whom last, and what it decided.

    `round` and `decided` are those of the draw. `decisive` is True where somebody else is elected if these options, and
    no others, come in the opposite order in the lot; where it is False another order may still make a difference.
    """

    round: Count
    among: tuple[str, ...]
    first: str
    last: str
    decided: str
    decisive: bool


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

    The last three, here and in the other ranked explanations, need the ballots counted again, so they are empty where
    no tie order was given: `closeness` has one exact number, or bounds, or nothing where none is known; `ties` are in
    the order of the draws; `other_methods` says whom each other method elects from the same ballots with the same lot,
    by name with version, where it takes these ballots and fills this many seats.
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
    closeness: tuple[Closeness, ...] = ()
    ties: tuple[Tie, ...] = ()
    other_methods: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class BudgetFact(Record, frozen=True, kw_only=True):
    """What became of one project.

    Money is in minor units: `left` is what was left when its turn came, and `short` what it lacked then, 0 where money
    was not the reason. In Equal Shares `short` is what those who want it lacked at the end, of what they had, `held`.
    `excluded_by` is the funded project of its group. `by_lot` says that another order of the lot would have funded it.

    `needed` is how many more votes (or points) would surely have funded it, all other ballots unchanged; None where no
    number would, unset where it is funded or no number is known. `needed_kind` says what the number is: "exact", or
    "upper_bound": counted again, so many are enough, and fewer might be. In Equal Shares a vote more is a ballot more,
    for this project alone, and makes every share smaller; `needed_same_shares` is the exact number had all shares
    stayed as they were, these ballots had the same share each, and no other run counted.
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
    needed_kind: Literal["exact", "upper_bound"] = "exact"
    needed_same_shares: str | UnsetType | None = UNSET
    held: Count | UnsetType = UNSET


class BudgetExplanation(Record, frozen=True, kw_only=True):
    """A budget count in facts. `facts` are in the order of decision, then projects without support.

    `other_methods` says what each other budget method funds from the same ballots with the same lot, by name with
    version, where it takes these ballots; empty where no tie order was given. `endowment` is as in the outcome.
    """

    ballots: Count
    budget: Count
    spent: Count
    left: Count
    facts: tuple[BudgetFact, ...]
    other_methods: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    endowment: str | UnsetType | None = UNSET


class SeatWon(Record, frozen=True):
    """How an option took a seat.

    `votes` are those in the round in which it was elected, and `surplus` what it had above the quota then, "0.00000"
    for none; where the quota shrinks from round to round (Meek's method), above the last one. `quota` is False where it
    took one of the last seats with fewer votes, since no more options were left.
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
    closeness: tuple[Closeness, ...] = ()
    ties: tuple[Tie, ...] = ()
    other_methods: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Chain(Record, frozen=True):
    """A chain of defeats, each option beating the next one, and the strength of the weakest of them."""

    options: tuple[str, ...]
    strength: str


class PairLoss(Record, frozen=True, kw_only=True):
    """Why an option lost where all are compared one against one.

    `above` ballots have the winner above it, `below` have it above the winner, and `margin` is the difference: negative
    where it beat the winner and lost all the same. `beaten_by` are all that beat it. `score` is its worst defeat
    (minimax) or its points (Copeland), and `behind` how much that is worse than the winner's. `chain` is the strongest
    chain of defeats from the winner to it, or from another option where the winner has none that is stronger than the
    way back; `chain_back` is that way (Schulze's method; None where there is none). `confirmed` is the strongest
    confirmed defeat that it lost, as a chain of two (ranked pairs). `by_lot` says that it could have won as well, and
    the lot decided.
    """

    option: str
    above: Count
    below: Count
    margin: int
    beaten_by: tuple[str, ...]
    by_lot: bool
    score: str | UnsetType = UNSET
    behind: str | UnsetType = UNSET
    chain: Chain | UnsetType | None = UNSET
    chain_back: Chain | UnsetType | None = UNSET
    confirmed: Chain | UnsetType | None = UNSET


class PairsExplanation(Record, frozen=True, kw_only=True):
    """A count by pairs, in facts.

    `strength` is how a defeat is measured: by the votes of its winner, by its margin, or not at all. `losses` begin
    with the option that did best against the winner. `passed_over` are the defeats that were not confirmed (ranked
    pairs), as chains of two, strongest first.
    """

    ballots: Count
    elected: tuple[str, ...]
    condorcet_winner: str | None
    smith: tuple[str, ...]
    strength: Literal["winning_votes", "margins", "none"]
    losses: tuple[PairLoss, ...]
    by_lot: bool
    score: str | UnsetType = UNSET
    passed_over: tuple[Chain, ...] | UnsetType = UNSET
    closeness: tuple[Closeness, ...] = ()
    ties: tuple[Tie, ...] = ()
    other_methods: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class ScoreLoss(Record, frozen=True):
    """An option without a seat: its score, and how much it is behind the lowest score that has one."""

    option: str
    score: str
    behind: str
    by_lot: bool


class ScoresExplanation(Record, frozen=True, kw_only=True):
    """A count in which every option has one score and the highest win. `won` and `losses`: highest score first."""

    ballots: Count
    seats: Count
    elected: tuple[str, ...]
    won: tuple[OptionVotes, ...]
    losses: tuple[ScoreLoss, ...]
    by_lot: bool
    closeness: tuple[Closeness, ...] = ()
    ties: tuple[Tie, ...] = ()
    other_methods: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class RoundsExplanation(Record, frozen=True, kw_only=True):
    """A count in rounds without a quota, for one seat or several, in facts.

    Votes are decimal strings, or "n/d" where no decimal holds them. `first` and `last` hold the options of the first
    and the last round, most votes first. `losses` are in the order in which options went out, then those left at the
    end: `behind` is the gap to the lowest that stayed or was elected.
    """

    ballots: Count
    seats: Count
    elected: tuple[str, ...]
    rounds: int
    first: tuple[OptionVotes, ...]
    last: tuple[OptionVotes, ...]
    losses: tuple[RankedLoss, ...]
    exhausted: str
    by_lot: bool
    closeness: tuple[Closeness, ...] = ()
    ties: tuple[Tie, ...] = ()
    other_methods: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


RankedFacts = RankedExplanation | SeatsExplanation | PairsExplanation | ScoresExplanation | RoundsExplanation
Explanation = RankedFacts | BudgetExplanation
