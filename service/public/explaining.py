"""Why a published count came out as it did: the published ballots read back, counted again, and compared.

Nothing here changes a result. Where the ballots are too many to be looked at while someone waits for a page, or are
not there, the facts are those that follow from the published rounds alone.
"""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass

import asyncpg
import msgspec
from msgspec import UNSET

from schemas.ballot import Choices
from schemas.bundle import Result
from schemas.contest import Manifest
from schemas.explanation import BudgetExplanation, BudgetFact, Explanation
from schemas.listing import ContestListing
from schemas.outcome import BudgetOutcome, BudgetRounds, RankedOutcome, RankedRounds
from service.public import store
from service.public.auditing import read_manifest
from service.refusals import NotFound
from voting import bundle
from voting.explain import explain
from voting.profile import Profile, Terms, merge_counted, read_choices, scored_profile

BALLOTS_BYTES_MAX = 100_000_000
"""Larger files of ballots are not read for a page: some 80,000 ballots."""
_KEPT = 50
"""Counts whose facts are kept in memory."""


@dataclass(frozen=True)
class Explained:
    """The facts of a count, and whether the ballots were compared: how close it was, ties, other methods."""

    facts: Explanation
    compared: bool


class _Opened(msgspec.Struct):
    choices: str


class _Line(msgspec.Struct):
    """What is needed of a line of ballots.jsonl; the rest of it is for auditors."""

    why: str
    open: _Opened | None


class Explainer:
    """Explains published counts, each one once. A published count never changes, so facts are kept."""

    def __init__(self) -> None:
        self._known: dict[str, Explained] = {}
        self._turn = asyncio.Lock()

    async def explain(
        self, conn: asyncpg.Connection, contest: ContestListing, count: RankedRounds | BudgetRounds, result: Result
    ) -> Explained:
        """Return the facts of a contest's count. The work is done in a thread, one count at a time.

        Args:
            conn: A connection that may read what is published.
            contest: Whose count it is.
            count: As published.
            result: The body of its result note.
        """
        key = hashlib.sha256(f"{contest.id} {result.ctx} {result.rounds_sha256}".encode()).hexdigest()
        if key not in self._known:
            async with self._turn:
                if key not in self._known:
                    files = await _read(conn, contest)
                    known = (
                        explain_rounds_only(contest, count, result)
                        if files is None
                        else await asyncio.to_thread(explain_ballots, *files, count, result)
                    )
                    while len(self._known) >= _KEPT:
                        del self._known[next(iter(self._known))]
                    self._known[key] = known
        return self._known[key]


def explain_ballots(
    manifest: Manifest, ballots: bytes, count: RankedRounds | BudgetRounds, result: Result
) -> Explained:
    """Return all facts of a count.

    Args:
        manifest: The contest.
        ballots: The file ballots.jsonl.
        count: As published.
        result: The body of its result note.
    """
    options = tuple(option.id for option in manifest.options)
    budget = None if manifest.budget is UNSET else manifest.budget
    decoder = msgspec.json.Decoder(_Line)
    texts = Counter(
        line.open.choices for line in map(decoder.decode, ballots.splitlines()) if not line.why and line.open
    )
    counted: Counter[Choices] = Counter()
    for text, number in texts.items():
        counted[read_choices(text, rules=manifest.ballot, options=manifest.options, budget=budget)] += number
    terms = Terms(
        options,
        seats=1 if manifest.seats is UNSET else manifest.seats,
        budget=budget,
        costs=tuple(option.cost for option in manifest.options if option.cost is not UNSET) if budget else (),
        groups=manifest.exclusion_groups,
        minor_digits=0 if manifest.minor_digits is UNSET else manifest.minor_digits,
    )
    return explain_profile(merge_counted(counted, options), terms, count, result)


def explain_profile(profile: Profile, terms: Terms, count: RankedRounds | BudgetRounds, result: Result) -> Explained:
    """Return all facts of a count of these ballots."""
    order = tuple(option for _lot, option in sorted(zip(count.lots, terms.options, strict=True)))
    return Explained(explain(profile, _outcome(count, result, terms), terms=terms, order=order), compared=True)


def explain_rounds_only(contest: ContestListing, count: RankedRounds | BudgetRounds, result: Result) -> Explained:
    """Return the facts that follow from the published rounds, without a ballot."""
    options = tuple(option.id for option in contest.options)
    costs = tuple(option.cost for option in contest.options if option.cost is not UNSET)
    terms = Terms(options, seats=contest.seats or 1, budget=contest.budget, costs=costs)
    outcome = _outcome(count, result, terms)
    if isinstance(outcome, BudgetOutcome):
        return Explained(_budget_rounds(outcome, terms, result.counts.final), compared=False)
    nothing = scored_profile({}, options=options, ballots=result.counts.final)
    return Explained(explain(nothing, outcome, terms=terms), compared=False)


def _budget_rounds(outcome: BudgetOutcome, terms: Terms, ballots: int) -> BudgetExplanation:
    """What was decided of each project; what it lacked only where it depends on nothing but the money left."""
    assert terms.budget is not None, "a budget was counted"
    by_turn = outcome.method.startswith("greedy")
    facts = []
    left = terms.budget
    for stage in outcome.rounds:
        short = max(0, stage.cost - left) if by_turn and stage.decision == "skipped" else 0
        facts.append(
            BudgetFact(
                option=stage.option, score=stage.score, cost=stage.cost, decision=stage.decision, left=left, short=short
            )
        )
        left = stage.left
    seen = {stage.option for stage in outcome.rounds}
    facts += [
        BudgetFact(option=option, score="0", cost=cost, decision="unsupported", left=left, short=0)
        for option, cost in zip(terms.options, terms.costs, strict=True)
        if option not in seen
    ]
    return BudgetExplanation(
        ballots=ballots, budget=terms.budget, spent=outcome.spent, left=terms.budget - outcome.spent,
        facts=tuple(facts), endowment=outcome.endowment,
    )  # fmt: skip


def _outcome(count: RankedRounds | BudgetRounds, result: Result, terms: Terms) -> RankedOutcome | BudgetOutcome:
    """The count as the method gave it, from what is published of it."""
    if isinstance(count, RankedRounds):
        return RankedOutcome(
            method=count.method,
            quota=count.quota,
            rounds=count.rounds,
            draws=count.draws,
            elected=() if result.elected is UNSET else result.elected,
            pairwise=count.pairwise,
            smith=count.smith,
            condorcet_winner=count.condorcet_winner,
            scores=count.scores,
        )
    funded = () if result.funded is UNSET else result.funded
    costs = dict(zip(terms.options, terms.costs, strict=True))
    return BudgetOutcome(
        method=count.method,
        quota=count.quota,
        rounds=count.rounds,
        draws=count.draws,
        funded=funded,
        spent=sum(costs[option] for option in funded),
        scores=count.scores,
        endowment=count.endowment,
    )


async def _read(conn: asyncpg.Connection, contest: ContestListing) -> tuple[Manifest, bytes] | None:
    size = await store.read_size(conn, contest.id, bundle.BALLOTS)
    if size is None or size > BALLOTS_BYTES_MAX:
        return None
    try:
        manifest = await store.read_file(conn, contest.id, bundle.MANIFEST)
    except NotFound:
        return None
    return read_manifest(manifest), await store.read_file(conn, contest.id, bundle.BALLOTS)
