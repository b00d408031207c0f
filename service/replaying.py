"""A real election once more: every ballot of a file cast through the service, counted, verified by a stranger."""

import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from schemas.ballot import Allocation, Approval, Choices, Ranking, Scores
from schemas.bundle import Report, Result
from schemas.contest import (
    ApprovalRules,
    AuditRules,
    BallotRules,
    Option,
    PointsRules,
    RankingRules,
    ResponsePromise,
    ScoreRules,
)
from schemas.draft import ContestDraft
from schemas.listing import ContestText, OptionText
from schemas.log import BeaconDraw
from schemas.outcome import BudgetOutcome, BudgetRounds, RankedRounds
from service import installing
from service.desk.drafting import REHEARSAL_EPOCHS, check_draft
from service.refusals import InvalidRequest, NotReady
from service.rehearsing import Rehearsal
from voting import bundle, methods, profile, ties
from voting.formats.blt import read_blt
from voting.formats.pabulib import read_pabulib
from voting.proof import canonical, statement

DAY = 86400
_ID = re.compile(r"[a-z0-9_-]{1,32}")
_BASE_PACKAGES = ("msgspec", "numpy", "cryptography", "cffi", "_cffi_backend")

Said = Callable[[str, int, int], None]
"""Told the kind of work, how much is done, and how much there is."""


@dataclass(frozen=True)
class Election:
    """A ballot file as a contest can hold it.

    Attributes:
        title: What the file calls itself.
        method: How it will be counted.
        names: Options as the file names them.
        ids: The same as the contest does: the names themselves, or o01, o02, ... (protocol section 2).
        terms: What is decided, by the file's names.
        rules: What a ballot may say.
        ballots: What each voter chose, by id.
        minor_digits: Decimals of the money.
        currency: ISO 4217, or XXX where the file does not say.
    """

    title: str
    method: methods.Method
    names: tuple[str, ...]
    ids: tuple[str, ...]
    terms: profile.Terms
    rules: BallotRules
    ballots: tuple[Choices, ...]
    minor_digits: int = 0
    currency: str = "XXX"


def read_election(data: bytes, *, name: str, method: str | None, seats: int | None, limit: int | None) -> Election:
    """Return the election in a BLT or Pabulib file.

    Args:
        data: The file, unpacked.
        name: Its name, which tells the format: `.blt` or `.pb`, also with `.gz`.
        method: A method's name; by default `irv` or `greedy`.
        seats: Seats; by default as the file says, or one where the method fills one.
        limit: Take that many ballots at most; in the file's order.

    Raises:
        InvalidFile, InvalidMethod, InvalidRequest: The file or what is asked for can't be.
    """
    plain = name.removesuffix(".gz")
    if plain.endswith(".pb"):
        return _budget_election(data, methods.find(method or "greedy"), limit)
    if plain.endswith(".blt"):
        return _ranked_election(data, methods.find(method or "irv"), seats, limit)
    raise InvalidRequest(f"{name}: replay reads .blt and .pb files, also with .gz")


def _ranked_election(data: bytes, method: methods.Method, seats: int | None, limit: int | None) -> Election:
    if method.kind != "ranked":
        raise InvalidRequest(f"a BLT file holds rankings, and {method.name} spends a budget")
    if "ranking" not in method.ballot_kinds:
        raise InvalidRequest(f"a BLT file holds rankings, and {method.name} counts approvals")
    file = read_blt(data, equal_ranks=method.equal_ranks)
    if file.profile.tied is not None:
        raise InvalidRequest(
            "this file has ballots with several options on one rank, and such ballots can't be cast here yet; "
            "`tally` counts them"
        )
    names = file.profile.options
    ids = option_ids(names)
    by_name = dict(zip(names, ids, strict=True))
    ballots = tuple(
        Ranking(tuple(by_name[option] for option in ranking))
        for ranking, count in file.profile.unique()
        for _ in range(count)
    )
    default = 1 if method.seats == "one" else min(file.seats, len(names))
    return Election(
        title=file.title or "Replay",
        method=method,
        names=names,
        ids=ids,
        terms=profile.Terms(names, seats=default if seats is None else seats),
        rules=RankingRules(max_ranks=len(names), equal=False),
        ballots=ballots[:limit],
    )


def _budget_election(data: bytes, method: methods.Method, limit: int | None) -> Election:
    if method.kind != "budget":
        raise InvalidRequest(f"a Pabulib file holds a budget, and {method.name} elects")
    file = read_pabulib(data)
    names = file.terms.options
    ids = option_ids(names)
    by_name = dict(zip(names, ids, strict=True))
    voters = [
        tuple(sorted((by_name[option], value) for option, value in scores.items()))
        for scores, count in file.profile.unique()
        for _ in range(count)
    ][:limit]
    rules: BallotRules
    ballots: tuple[Choices, ...]
    if file.vote_type in ("approval", "choose-1"):
        rules = ApprovalRules(max_choices=len(ids))
        ballots = tuple(Approval(tuple(option for option, _ in voter)) for voter in voters)
    elif file.vote_type == "cumulative":
        rules = PointsRules(points=max((sum(value for _, value in voter) for voter in voters), default=1) or 1, step=1)
        ballots = tuple(Allocation(voter) for voter in voters)
    elif file.vote_type == "scoring":
        rules = ScoreRules(max_score=max((value for voter in voters for _, value in voter), default=1) or 1)
        ballots = tuple(Scores(voter) for voter in voters)
    else:
        raise InvalidRequest("replay casts approval, cumulative and scoring ballots; this file has ordinal ones")
    currency = file.meta.get("currency", "")
    return Election(
        title=file.meta.get("description", "") or "Replay",
        method=method,
        names=names,
        ids=ids,
        terms=file.terms,
        rules=rules,
        ballots=ballots,
        minor_digits=file.minor_digits,
        currency=currency if re.fullmatch(r"[A-Z]{3}", currency) else "XXX",
    )


def option_ids(names: Sequence[str]) -> tuple[str, ...]:
    """Return the ids that a contest gives to a file's options (protocol section 2)."""
    if all(_ID.fullmatch(name) for name in names):
        return tuple(names)
    return tuple(f"o{number:02}" for number in range(1, len(names) + 1))


def make_draft(election: Election, *, slug: str, now: int) -> ContestDraft:
    """Return the contest that a replay runs: open for a day, under rehearsal rules."""
    budget = election.terms.budget is not None
    money = (
        {"budget": election.terms.budget, "currency": election.currency, "minor_digits": election.minor_digits}
        if budget
        else {"seats": election.terms.seats}
    )
    costs = election.terms.costs or (None,) * len(election.ids)
    text = ContestText(
        title=" ".join(election.title.split())[:200] or "Replay",
        question=" ".join(election.title.split())[:200] or "Replay",
        official="Nobody: this is a replay",
        department="Nobody: this is a replay",
        options={
            option: OptionText(title=" ".join(name.split())[:200] or option)
            for option, name in zip(election.ids, election.names, strict=True)
        },
    )
    draft = ContestDraft(
        slug=slug,
        topic="policy-proposal",
        kind="budget" if budget else "ranked",
        level="standard",
        department="rehearsal",
        languages=("en",),
        texts={"en": text},
        options=tuple(
            Option(id=option) if cost is None else Option(id=option, cost=cost)
            for option, cost in zip(election.ids, costs, strict=True)
        ),
        **money,
        method_id=election.method.id,
        method_version=election.method.version,
        ballot=election.rules,
        classes=("resident",),
        assisted=False,
        issues_from=now + 3600,
        opens_at=now + 3600,
        closes_at=now + 3600 + DAY,
        epoch=REHEARSAL_EPOCHS,
        max_rev=10,
        beacon="reveal",
        min_cell=10,
        response_promise=ResponsePromise(official=text.official, due=now + 30 * DAY, binding=False),
        audit=AuditRules(issuance_n=59, paper_rule="none"),
    )
    check_draft(draft, where="replay")
    return draft


async def replay(
    rehearsal: Rehearsal, election: Election, *, slug: str, concurrency: int, into: Path, said: Said
) -> dict[str, Any]:
    """Run a contest with the ballots of a file and return what `replay --json` prints.

    Args:
        rehearsal: Database and running service.
        election: What to cast.
        slug: The contest's id.
        concurrency: How many voters are at it at once.
        into: Folder for the downloaded bundle.
        said: Told how far it is.

    Raises:
        NotReady: A room refused.
        client.Answered, client.Unreachable: A ballot did not get in.
    """
    draft = make_draft(election, slug=slug, now=await installing.read_clock(rehearsal.database_url))
    await rehearsal.add_staff()
    codes = await rehearsal.prepare(draft, [("", max(1, len(election.ballots)), 0)], cls="resident")
    await rehearsal.act(slug, "open")
    await rehearsal.move_clock(draft.opens_at)
    total = len(election.ballots)
    ballots = list(zip(codes, election.ballots, strict=False))
    await rehearsal.vote(slug, ballots, concurrency=concurrency, progress=lambda done: said("casting", done, total))
    said("closing and counting", 0, 1)
    await rehearsal.finish(slug, closes_at=draft.closes_at)
    said("verifying", 0, 1)
    path = into / f"{slug}.tar"
    async with httpx.AsyncClient(base_url=rehearsal.base_url, timeout=120) as http:
        answer = await http.get(f"/api/v1/contests/{slug}/bundle")
        path.write_bytes(answer.raise_for_status().content)
    start = time.perf_counter()
    report = verify_apart(path)
    rehearsal.seconds["verify"] = time.perf_counter() - start
    return _summary(election, path, report, rehearsal, slug)


def verify_apart(path: Path, *arguments: str) -> Report:
    """Verify a bundle in a process that has schemas/, voting/ and their base dependencies, and nothing else.

    Raises:
        NotReady: The verifier did not get as far as a report.
    """
    with tempfile.TemporaryDirectory(prefix="weighin-verify-") as folder:
        only = Path(folder)
        for package in ("schemas", "voting"):
            (only / package).symlink_to(Path(__file__).resolve().parents[1] / package)
        for package in _BASE_PACKAGES:
            found = importlib.util.find_spec(package)
            if found is None or found.origin is None:
                continue
            origin = Path(found.origin)
            target = origin.parent if origin.name == "__init__.py" else origin
            for beside in target.parent.glob(f"{package}.libs"):
                (only / beside.name).symlink_to(beside)
            (only / target.name).symlink_to(target)
        program = f"import sys; sys.path.insert(0, {folder!r}); from voting.cli import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program, "verify", str(path), "--json", *arguments],
            capture_output=True,
            cwd=folder,
            check=False,
        )
    try:
        return msgspec.json.decode(done.stdout, type=Report)
    except msgspec.MsgspecError:
        raise NotReady(f"the verifier ended with code {done.returncode}: {done.stderr.decode()[-500:]}") from None


def _summary(election: Election, path: Path, report: Report, rehearsal: Rehearsal, slug: str) -> dict[str, Any]:
    files = bundle.read_tar(path.read_bytes())
    manifest = statement.verify_manifest(files[bundle.MANIFEST])
    result: Result = statement.verify_result(files[bundle.RESULT], manifest.authority)
    draw: BeaconDraw = canonical.decode(files[bundle.BEACON], BeaconDraw)
    names = dict(zip(election.ids, election.names, strict=True))
    order = ties.lot_order(election.ids, ctx=statement.contest_ctx(manifest), seed=draw.seed)
    offline = election.method.count(
        profile.merge_counted(Counter(election.ballots), election.ids),
        terms=profile.Terms(
            election.ids,
            seats=election.terms.seats,
            budget=election.terms.budget,
            costs=election.terms.costs,
            minor_digits=election.terms.minor_digits,
        ),
        order=order,
    )
    kind: Any = BudgetRounds if isinstance(offline, BudgetOutcome) else RankedRounds
    published = canonical.decode(files[bundle.ROUNDS], kind)
    chosen = offline.funded if isinstance(offline, BudgetOutcome) else offline.elected
    said_chosen = result.funded if manifest.kind == "budget" else result.elected
    return {
        "contest": slug,
        "cast": result.counts.cast,
        "funded" if manifest.kind == "budget" else "elected": [names[option] for option in chosen],
        "rounds": [_named(stage, election, names) for stage in msgspec.to_builtins(published.rounds)],
        "equals_offline_tally": (published.rounds, published.draws, said_chosen)
        == (offline.rounds, offline.draws, chosen),
        "verified": report.result == "passed",
        "bundle": str(path),
        "seconds": {name: round(value, 3) for name, value in rehearsal.seconds.items()},
    }


def _named(stage: dict[str, Any], election: Election, names: dict[str, str]) -> dict[str, Any]:
    """Return a round as `tally --json` prints it: with the file's names."""
    if "tally" in stage:
        stage["tally"] = dict(zip(election.names, stage["tally"], strict=True))
        for key in ("elected", "eliminated"):
            stage[key] = [names[option] for option in stage[key]]
    else:
        stage["option"] = names[stage["option"]]
    return stage
