"""A small election for every counting method, counted for real: the contest, what is published of it, and why."""

from collections import Counter
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec import UNSET

from schemas.bundle import Opinion, Result
from schemas.contest import ApprovalRules, Option
from schemas.listing import ContestListing, OptionText
from schemas.outcome import BudgetOutcome, BudgetRounds, RankedRounds
from service.public.explaining import Explained, explain_profile
from tests.frontend.contests import DAY, NOW, RANKED, RESULT, text
from voting import methods
from voting.profile import Profile, RankedProfile, Terms, ranked_profile, ranking_codes, scored_profile

NAMES = {"oak": "Oaks <along> Main Street", "elm": "Elms & maples", "ash": "Ash trees", "fir": "A row of firs"}
IDS = tuple(NAMES)
COSTS = (6000, 5050, 4000, 2500)
ORDER = ("fir", "ash", "elm", "oak")
LOTS = tuple(f"{ORDER.index(option):064x}" for option in IDS)
CIRCLE = {
    ("oak", "elm", "ash"): 40,
    ("elm", "ash", "oak"): 35,
    ("ash", "oak"): 25,
    ("fir", "ash"): 9,
    (): 1,
}
"""Oaks beat elms, elms beat ash trees, ash trees beat oaks; and all of them beat the firs."""
CLEAR = {("elm", "oak"): 30, ("oak", "elm"): 25, ("ash", "elm"): 20, ("fir", "elm", "ash"): 5}
"""Elms beat each of the others."""
LEVEL = {("oak",): 10, ("elm",): 10, ("ash",): 4, ("fir",): 4}
"""Two ties: the lot decides."""
MARKS = {("oak", "elm"): 30, ("oak",): 25, ("ash", "fir"): 20, ("elm", "fir"): 5, (): 2}


@dataclass(frozen=True)
class Counted:
    """A contest that is counted: what its result page is made from."""

    contest: ContestListing
    count: RankedRounds | BudgetRounds
    result: Result
    explained: Explained


def rankings(ballots: dict[tuple[str, ...], int]) -> RankedProfile:
    """Return ballots that rank."""
    codes = ranking_codes(list(ballots), IDS)
    return ranked_profile(codes, options=IDS, weights=np.array(list(ballots.values())))


def marks(ballots: dict[tuple[str, ...], int]) -> Profile:
    """Return ballots that mark some options, one vote each."""
    counted: Counter[tuple[tuple[int, int], ...]] = Counter()
    for options, number in ballots.items():
        counted[tuple((IDS.index(option), 1) for option in sorted(options, key=IDS.index))] += number
    return scored_profile(counted, options=IDS, ballots=sum(ballots.values()))


def count(name: str, ballots: dict[tuple[str, ...], int] | None = None, *, seats: int | None = None) -> Counted:
    """Return a contest that is counted by a method.

    Args:
        name: The method's name or id.
        ballots: Rankings, best first, or marks, each with how many ballots hold it; by default a circle, or some marks.
        seats: Places to fill; by default two where the method fills several.
    """
    method = methods.find(name)
    budget = method.kind == "budget"
    ranks = "ranking" in method.ballot_kinds
    ballots = ballots or (CIRCLE if ranks else MARKS)
    profile = rankings(ballots) if ranks else marks(ballots)
    places = seats or (2 if method.seats == "several" else 1)
    groups = (("elm", "fir"),) if budget else ()
    terms = Terms(
        IDS, seats=places, budget=10_000 if budget else None, costs=COSTS if budget else (), groups=groups,
        minor_digits=2 if budget else 0,
    )  # fmt: skip
    outcome = method.count(profile, terms=terms, order=ORDER)
    rounds = methods.published_rounds(outcome, ctx_hex=RANKED.ctx, lots=LOTS)
    chosen = (
        {"elected": UNSET, "funded": outcome.funded}
        if isinstance(outcome, BudgetOutcome)
        else {"elected": outcome.elected}
    )
    counts = msgspec.structs.replace(RESULT.counts, final=profile.ballots)
    opinion = Opinion(name="none", version="", speaks=False, agrees=None, reason="no program here knows the method")
    result = msgspec.structs.replace(RESULT, counts=counts, opinions=(opinion,), **chosen)
    contest = msgspec.structs.replace(
        RANKED,
        phase="counted",
        opens_at=NOW - 9 * DAY,
        closes_at=NOW - DAY,
        kind=method.kind,
        method=method.name,
        options=tuple(
            Option(id=option, cost=cost) if budget else Option(id=option)
            for option, cost in zip(IDS, COSTS, strict=True)
        ),
        texts={
            language: msgspec.structs.replace(
                text(language), options={option: OptionText(title=title) for option, title in NAMES.items()}
            )
            for language in RANKED.texts
        },
        seats=None if budget else places,
        ballot=RANKED.ballot if ranks else ApprovalRules(max_choices=4),
        budget=10_000 if budget else None,
        currency="USD" if budget else None,
        minor_digits=2 if budget else None,
    )
    return Counted(contest, rounds, result, explain_profile(profile, terms, rounds, result))
