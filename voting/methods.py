"""The register of counting methods: name and version, what they count, and the rules they publish.

A method that has counted a contest is never changed. A changed rule is a new version with files of its own, and the
old one stays, so that a published result can be counted again for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from schemas.contest import Kind
from schemas.outcome import BudgetOutcome, BudgetRounds, Outcome, RankedOutcome, RankedRounds
from voting.budget.greedy import count_greedy
from voting.errors import InvalidMethod
from voting.profile import Profile, RankedProfile, ScoredProfile, Terms, ranked_profile, ranking_codes, scored_profile
from voting.ranked.irv import count_irv
from voting.ranked.stv_scottish import count_stv_scottish

BallotKind = Literal["ranking", "approval", "knapsack", "points", "score"]


@dataclass(frozen=True)
class Method:
    """One way to count, in one version.

    Attributes:
        id: As in `--method` and in the manifest, such as "irv".
        version: From 1.
        kind: What it decides: "ranked" elects options, "budget" funds them.
        ballot_kinds: The ballots it counts, as in the manifest's `ballot.kind`.
        title: Its name in words.
        rule: What it does, in one line of plain words.
        seats: "one" or "several" winners; "none" where money decides.
        equal_ranks: Whether ballots may put several options on one rank.
        counter: The function that counts; use `count`.
    """

    id: str
    version: int
    kind: Kind
    ballot_kinds: tuple[BallotKind, ...]
    title: str
    rule: str
    seats: Literal["one", "several", "none"]
    equal_ranks: bool
    counter: Callable[..., Outcome]

    @property
    def name(self) -> str:
        """Id and version, such as "irv/1"."""
        return f"{self.id}/{self.version}"

    @property
    def spec_file(self) -> str:
        """The file in voting/specs that holds the numbered rules; later versions carry their number in it."""
        return f"{self.id}.md" if self.version == 1 else f"{self.id}.{self.version}.md"

    @property
    def spec(self) -> bytes:
        """The numbered rules, as published."""
        return files("voting").joinpath("specs", self.spec_file).read_bytes()

    @property
    def vectors(self) -> bytes:
        """Worked examples with every round, as published: JSON."""
        return files("voting").joinpath("specs", self.spec_file.removesuffix(".md") + ".vectors.json").read_bytes()

    def count(self, profile: Profile, *, terms: Terms, order: Sequence[str], order_only: bool = False) -> Outcome:
        """Return the complete count of a profile.

        Args:
            profile: Ballots of one of `ballot_kinds`, or no ballots at all.
            terms: What is to be decided.
            order: The tie order, every option once; the first wins a tie. See `voting.ties.lot_order`.
            order_only: Let `order` decide every tie, in place of the whole tie rule of the method.

        Raises:
            InvalidMethod: Ballots of another kind.
            InvalidContest: Terms that the method can't decide.
        """
        wanted = RankedProfile if "ranking" in self.ballot_kinds else ScoredProfile
        if not isinstance(profile, wanted):
            if profile.ballots:
                raise InvalidMethod(f"{self.name} counts {' or '.join(self.ballot_kinds)} ballots, not these")
            profile = _nothing(wanted, terms.options)
        return self.counter(profile, terms=terms, order=order, order_only=order_only)


def _nothing(wanted: type[Any], options: tuple[str, ...]) -> Profile:
    if wanted is RankedProfile:
        return ranked_profile(ranking_codes([], options), options=options)
    return scored_profile({}, options=options, ballots=0)


METHODS: tuple[Method, ...] = (
    Method(
        id="irv",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Instant runoff",
        rule="The option with the fewest votes drops out and its ballots move to the next choice, until two are left; "
        "the one with more votes wins.",
        seats="one",
        equal_ranks=False,
        counter=count_irv,
    ),
    Method(
        id="greedy",
        version=1,
        kind="budget",
        ballot_kinds=("approval", "knapsack", "points", "score"),
        title="Most votes first",
        rule="Projects are taken in order of their votes; each one that fits the money left is funded, the others are "
        "skipped.",
        seats="none",
        equal_ranks=False,
        counter=count_greedy,
    ),
    Method(
        id="stv-scottish",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Single transferable vote, Scottish rules",
        rule="Whoever reaches the quota is elected and its surplus moves on at a smaller value; else the option with "
        "the fewest votes is excluded and its ballots move to the next choice, until all seats are filled.",
        seats="several",
        equal_ranks=False,
        counter=count_stv_scottish,
    ),
)
"""Every method, the newest version of each id last."""


def find(name: str) -> Method:
    """Return a method by its name ("irv/1") or the newest version of it by its id ("irv").

    Raises:
        InvalidMethod: There is none. The text names those there are.
    """
    found = [method for method in METHODS if name in (method.id, method.name)]
    if not found:
        known = ", ".join(dict.fromkeys(method.id for method in METHODS))
        raise InvalidMethod(f"no method {name!r}; there are: {known}")
    return found[-1]


def published_rounds(outcome: Outcome, *, ctx_hex: str, lots: Sequence[str]) -> RankedRounds | BudgetRounds:
    """Return what tally/rounds.json holds: the whole count, bound to its contest.

    Args:
        outcome: A count whose options are the contest's ids, in the manifest's order.
        ctx_hex: The contest, 64 hex digits.
        lots: The lot of every option in the manifest's order, 64 hex digits each; also where no tie used them.

    Source:
        Protocol section 14.
    """
    match outcome:
        case RankedOutcome():
            return RankedRounds(
                type="weighin/v1/rounds",
                ctx=ctx_hex,
                method=outcome.method,
                quota=outcome.quota,
                rounds=outcome.rounds,
                draws=outcome.draws,
                lots=tuple(lots),
                pairwise=outcome.pairwise,
                smith=outcome.smith,
                condorcet_winner=outcome.condorcet_winner,
                scores=outcome.scores,
            )
        case BudgetOutcome():
            return BudgetRounds(
                type="weighin/v1/rounds",
                ctx=ctx_hex,
                method=outcome.method,
                quota=outcome.quota,
                rounds=outcome.rounds,
                draws=outcome.draws,
                lots=tuple(lots),
                scores=outcome.scores,
            )
