"""The story of the count: two engines of ours, written apart, must agree in every number of every round.

A program of other people is asked, too, where one knows the method. It may stop a result, and never makes one.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import voting
from schemas.ballot import Allocation, Approval, Choices, Ranking, Scores
from schemas.bundle import Engine, Opinion
from schemas.contest import Manifest
from schemas.outcome import BudgetOutcome, Outcome
from service.refusals import NotReady
from voting import methods, plain_count, profile, ties
from voting.proof import canonical, statement
from voting.second_count import second_opinion


@dataclass(frozen=True)
class Counted:
    """A count on which both engines agree: the outcome, the file tally/rounds.json, who counted, and who was asked."""

    outcome: Outcome
    rounds: bytes
    engines: tuple[Engine, ...]
    opinions: tuple[Opinion, ...]

    @property
    def chosen(self) -> tuple[str, ...]:
        """Who is elected, or what is funded, in order."""
        return self.outcome.funded if isinstance(self.outcome, BudgetOutcome) else self.outcome.elected


def count(
    manifest: Manifest, choices: Sequence[Choices], seed: str, *, ask: Callable[..., Opinion] = second_opinion
) -> Counted:
    """Count a contest with both engines, and ask a third program about it.

    Args:
        manifest: The contest.
        choices: The valid final choices, in any order.
        seed: The drawn seed, from which the lot order follows.
        ask: Whom to ask about the finished count.

    Raises:
        NotReady: The engines disagree, or the third program speaks and disagrees. Ballots may be published then, a
            result may not.
    """
    method = methods.find(f"{manifest.method.id}/{manifest.method.version}")
    ids = tuple(option.id for option in manifest.options)
    costs = tuple(option.cost for option in manifest.options if isinstance(option.cost, int))
    budget = manifest.budget if isinstance(manifest.budget, int) else None
    seats = manifest.seats if isinstance(manifest.seats, int) else 1
    ctx = statement.contest_ctx(manifest)
    order = ties.lot_order(ids, ctx=ctx, seed=seed)
    digits = manifest.minor_digits if isinstance(manifest.minor_digits, int) else 0
    terms = profile.Terms(
        options=ids, seats=seats, budget=budget, costs=costs, groups=manifest.exclusion_groups, minor_digits=digits
    )
    merged = Counter(choices)
    ballots = profile.merge_counted(merged, ids)
    outcome = method.count(ballots, terms=terms, order=order)
    published = methods.published_rounds(
        outcome, ctx_hex=ctx.hex(), lots=tuple(ties.lot(option, ctx, seed) for option in ids)
    )
    again = plain_count.count(
        method.name, [(_plain(choice), number) for choice, number in merged.items()], options=ids, order=order,
        seats=seats, budget=budget, costs=costs, groups=manifest.exclusion_groups, minor_digits=digits,
    )  # fmt: skip
    rounds = canonical.encode(published)
    if not _agree(published, again, outcome):
        raise NotReady(f"two engines disagree on {manifest.slug!r}: the ballots can be published, the result can't")
    opinion = ask(method.name, ballots, outcome, terms=terms, order=order)
    if opinion.speaks and not opinion.agrees:
        raise NotReady(
            f"{opinion.name} disagrees on {manifest.slug!r} ({opinion.reason}): the ballots can be published, the "
            "result can't"
        )
    return Counted(
        outcome=outcome,
        rounds=rounds,
        engines=tuple(
            Engine(name=name, version=method.name, sha256=_source_hash(name), agrees=True)
            for name in (method.counter.__module__, "voting.plain_count")
        ),
        opinions=(opinion,),
    )


def _agree(published: object, again: dict[str, object], outcome: Outcome) -> bool:
    chosen = "funded" if isinstance(outcome, BudgetOutcome) else "elected"
    names = [name for name in again if name not in (chosen, "spent")]
    return canonical.encode({name: getattr(published, name) for name in names}) == canonical.encode(
        {name: again[name] for name in names}
    ) and canonical.encode(getattr(outcome, chosen)) == canonical.encode(again[chosen])


def _plain(choices: Choices) -> plain_count.Ballot:
    match choices:
        case Ranking(ranking):
            return list(ranking)  # type: ignore[arg-type]  # methods with equal ranks read inner lists
        case Approval(approved):
            return dict.fromkeys(approved, 1)
        case Allocation(pairs) | Scores(pairs):
            return dict(pairs)


def _source_hash(module: str) -> str:
    path = Path(voting.__file__).parents[1] / Path(*module.split(".")).with_suffix(".py")
    return hashlib.sha256(path.read_bytes()).hexdigest()
