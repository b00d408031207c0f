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
from voting.budget.equal_shares import count_equal_shares, count_equal_shares_cardinal
from voting.budget.greedy import count_greedy, count_greedy_cost
from voting.budget.phragmen import count_phragmen
from voting.errors import InvalidMethod
from voting.profile import Profile, RankedProfile, ScoredProfile, Terms, ranked_profile, ranking_codes, scored_profile
from voting.ranked.block_preferential import count_block_preferential
from voting.ranked.copeland import count_copeland
from voting.ranked.irv import count_irv
from voting.ranked.minimax import count_minimax, count_minimax_margins
from voting.ranked.positional import count_approval, count_borda, count_borda_zero, count_plurality
from voting.ranked.ranked_pairs import count_ranked_pairs, count_ranked_pairs_margins
from voting.ranked.schulze import count_schulze, count_schulze_margins
from voting.ranked.stv_meek import count_stv_meek
from voting.ranked.stv_scottish import count_stv_scottish
from voting.ranked.stv_wigm import count_stv_wigm

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
        id="greedy-cost",
        version=1,
        kind="budget",
        ballot_kinds=("approval", "knapsack", "points", "score"),
        title="Most votes for the money",
        rule="Projects are taken in order of their votes divided by their cost; each one that fits the money left is "
        "funded, the others are skipped.",
        seats="none",
        equal_ranks=False,
        counter=count_greedy_cost,
    ),
    Method(
        id="equal-shares",
        version=1,
        kind="budget",
        ballot_kinds=("approval", "knapsack", "points", "score"),
        title="Method of Equal Shares",
        rule="Every ballot has the same share of the money, and projects are bought by those who want them, the one "
        "with the most votes that can be paid for first; shares are raised as long as the budget allows.",
        seats="none",
        equal_ranks=False,
        counter=count_equal_shares,
    ),
    Method(
        id="equal-shares-cardinal",
        version=1,
        kind="budget",
        ballot_kinds=("approval", "knapsack", "points", "score"),
        title="Method of Equal Shares, each project alike",
        rule="Every ballot has the same share of the money, and projects are bought by those who want them, the one "
        "that takes least from each first; shares are raised as long as the budget allows.",
        seats="none",
        equal_ranks=False,
        counter=count_equal_shares_cardinal,
    ),
    Method(
        id="phragmen",
        version=1,
        kind="budget",
        ballot_kinds=("approval", "knapsack"),
        title="Phragmén's sequential method",
        rule="Every ballot earns money at one pace, and a project is bought as soon as those who approve it can pay, "
        "until the next one would break the budget.",
        seats="none",
        equal_ranks=False,
        counter=count_phragmen,
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
    Method(
        id="stv-wigm",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Single transferable vote, WIGM reference rule",
        rule="Whoever reaches the quota is elected and its surplus moves on at a smaller weight; else the option with "
        "the fewest votes is defeated and its ballots move to the next choice, until all seats are filled; ties go "
        "to the lot at once.",
        seats="several",
        equal_ranks=False,
        counter=count_stv_wigm,
    ),
    Method(
        id="stv-meek",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Single transferable vote, Meek's method",
        rule="Whoever reaches the quota keeps just so much of every ballot as it needs, also of those that reach it "
        "later; when nobody else has it, the option with the fewest votes is defeated and all is counted as if it had "
        "never stood.",
        seats="several",
        equal_ranks=False,
        counter=count_stv_meek,
    ),
    Method(
        id="block-preferential",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Preferential block voting",
        rule="A ballot counts for its best options, as many as there are seats; the option with the fewest votes drops "
        "out, until the winners are left. A majority wins all seats.",
        seats="several",
        equal_ranks=False,
        counter=count_block_preferential,
    ),
    Method(
        id="plurality",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Most first choices",
        rule="The options with the most first choices win; nothing else on a ballot counts.",
        seats="several",
        equal_ranks=False,
        counter=count_plurality,
    ),
    Method(
        id="approval",
        version=1,
        kind="ranked",
        ballot_kinds=("approval",),
        title="Most approvals",
        rule="Voters approve as many options as they like; the options with the most approvals win.",
        seats="several",
        equal_ranks=False,
        counter=count_approval,
    ),
    Method(
        id="borda",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Borda count",
        rule="Each place on a ballot is worth one point less than the one before; options that it does not rank share "
        "the points that are left. Most points win.",
        seats="several",
        equal_ranks=False,
        counter=count_borda,
    ),
    Method(
        id="borda-zero",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Borda count, nothing for the unranked",
        rule="Each place on a ballot is worth one point less than the one before; options that it does not rank get "
        "nothing. Most points win.",
        seats="several",
        equal_ranks=False,
        counter=count_borda_zero,
    ),
    Method(
        id="schulze",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Schulze's method",
        rule="Every option is compared with every other one; where nobody beats all, the stronger chain of "
        "defeats decides. A defeat counts by the ballots on its winner's side.",
        seats="one",
        equal_ranks=True,
        counter=count_schulze,
    ),
    Method(
        id="schulze-margins",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Schulze's method, by margins",
        rule="Every option is compared with every other one; where nobody beats all, the stronger chain of "
        "defeats decides. A defeat counts by its margin.",
        seats="one",
        equal_ranks=True,
        counter=count_schulze_margins,
    ),
    Method(
        id="ranked-pairs",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Ranked pairs",
        rule="Every option is compared with every other one; defeats are confirmed from the strongest on, those "
        "that contradict are passed over. A defeat counts by the ballots on its winner's side.",
        seats="one",
        equal_ranks=True,
        counter=count_ranked_pairs,
    ),
    Method(
        id="ranked-pairs-margins",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Ranked pairs, by margins",
        rule="Every option is compared with every other one; defeats are confirmed from the strongest on, those "
        "that contradict are passed over. A defeat counts by its margin.",
        seats="one",
        equal_ranks=True,
        counter=count_ranked_pairs_margins,
    ),
    Method(
        id="minimax",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Minimax",
        rule="The option whose worst defeat against a single other option is the smallest wins. A defeat counts "
        "by the ballots on its winner's side.",
        seats="one",
        equal_ranks=True,
        counter=count_minimax,
    ),
    Method(
        id="minimax-margins",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Minimax, by margins",
        rule="The option whose worst defeat against a single other option is the smallest wins. A defeat counts "
        "by its margin.",
        seats="one",
        equal_ranks=True,
        counter=count_minimax_margins,
    ),
    Method(
        id="copeland",
        version=1,
        kind="ranked",
        ballot_kinds=("ranking",),
        title="Copeland's method",
        rule="The option that beats the most others, one against one, wins; a tie counts half.",
        seats="one",
        equal_ranks=True,
        counter=count_copeland,
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
                endowment=outcome.endowment,
            )
