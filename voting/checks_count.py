"""Checks V17 to V21 and V23: the seed, the lots, the count, the result, small groups, and the voting page's files."""

import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files

import msgspec

from schemas.bundle import Engine, Result
from schemas.contest import CancelNotice, ClientNotice
from voting import bundle, ties
from voting.errors import InvalidBundle
from voting.evidence import Evidence, NotApplicable
from voting.proof import log
from voting.words import plural, utc

_MODULE = re.compile(r"voting(\.[a-z_]{1,40}){1,3}")
_SMALL_CLASS = 300


def check_beacon(evidence: Evidence) -> str:
    """V17: the seed was drawn after the final checkpoint, in the way that the manifest says."""
    draw, plan = evidence.beacon, evidence.manifest.beacon
    log.check_beacon(
        draw,
        kind=plan.kind,
        commit=plan.commit if isinstance(plan.commit, str) else None,
        ctx=evidence.ctx,
        digests=(entry[1:] for entry in evidence.entries if entry[0] in (log.BALLOT, log.PAPER_BATCH)),
    )
    _, signed = evidence.history.final
    if (latest := max(signed.times.values())) >= draw.drawn_at:
        raise InvalidBundle(f"drawn at {utc(draw.drawn_at)}, but the log was final only at {utc(latest)}")
    return f"{draw.kind}, drawn at {utc(draw.drawn_at)}, seed {draw.seed[:20]}"


def check_lots(evidence: Evidence) -> str:
    """V18: the lot of every option follows from the seed."""
    rounds, seed = evidence.rounds, evidence.beacon.seed
    lots = tuple(ties.lot(option.id, evidence.ctx, seed) for option in evidence.manifest.options)
    if rounds.lots != lots:
        raise InvalidBundle(f"the lots in {bundle.ROUNDS} do not follow from the seed")
    first = ties.lot_order([option.id for option in evidence.manifest.options], ctx=evidence.ctx, seed=seed)[0]
    return f"{plural(len(lots), 'lot')}; {first} wins every tie"


def check_rounds(evidence: Evidence) -> str:
    """V19: counted again by the verifier's own engine, every number of every round is the published one."""
    published, manifest = evidence.rounds, evidence.manifest
    if published.ctx != evidence.ctx.hex() or published.method != f"{manifest.method.id}/{manifest.method.version}":
        raise InvalidBundle(f"{bundle.ROUNDS} is of another contest or method")
    ours = msgspec.json.decode(msgspec.json.encode(evidence.recount))
    theirs = msgspec.json.decode(msgspec.json.encode(published))
    for number, (mine, other) in enumerate(zip(ours["rounds"], theirs["rounds"], strict=False), start=1):
        if mine != other:
            wrong = ", ".join(key for key in mine if mine[key] != other.get(key))
            raise InvalidBundle(f"round {number} counted again differs in: {wrong}")
    for key in ("rounds", "draws", "quota", "pairwise", "smith", "condorcet_winner", "scores", "endowment"):
        if (key in ours) != (key in theirs) or ours.get(key) != theirs.get(key):
            raise InvalidBundle(f"counted again, {key} differs from {bundle.ROUNDS}")
    winners = winners_of(evidence)
    drawn = f", {plural(len(ours['draws']), 'tie')} decided by lot" if ours["draws"] else ""
    return f"{plural(evidence.votes.total(), 'ballot')}, {plural(len(ours['rounds']), 'round')}{drawn}: {winners}"


def winners_of(evidence: Evidence) -> str:
    """Return in words who is elected or what is funded, as counted again."""
    names = evidence.recount.get("elected", evidence.recount.get("funded", ()))
    return f"{'elected' if 'elected' in evidence.recount else 'funded'} {', '.join(names) or 'nothing'}"


def check_result(evidence: Evidence) -> str:
    """V20: the authority signed a result whose every number is the one found here."""
    for notice in evidence.notices:
        if isinstance(notice, CancelNotice):
            raise InvalidBundle(f"notice {notice.n} cancels the contest: it can have no result")
    result = evidence.result
    for name, ours in _expected(evidence):
        theirs = getattr(result, name)
        if theirs != ours:
            raise InvalidBundle(f"{name} in the result note is {_short(theirs)}, found: {_short(ours)}")
    if not result.engines or not all(engine.agrees for engine in result.engines):
        raise InvalidBundle("the result note names no engine, or one that does not agree")
    asked = _asked(result)
    same, other = _engines(result)
    words = [f"{same} as here"] if same else []
    words += [f"{', '.join(other)} in another version than here"] if other else []
    return f"{result.counts.cast:,} cast, {result.counts.final:,} final; counted by {'; '.join(words)}{asked}"


def _expected(evidence: Evidence) -> Iterator[tuple[str, object]]:
    manifest = evidence.manifest
    final, finals = evidence.final_point, evidence.finals.numbers
    yield "ctx", evidence.ctx.hex()
    yield "size", final.size
    yield "root", final.root.hex()
    yield "seed", evidence.beacon.seed
    yield "rounds_sha256", _sha256(evidence.file(bundle.ROUNDS))
    yield "sha256sums_sha256", _sha256(evidence.file(bundle.SHA256SUMS))
    counts = evidence.result.counts
    reasons = evidence.survey.count_reasons(finals)
    invalid = {why.removeprefix("invalid:"): count for why, count in reasons.items() if why.startswith("invalid:")}
    yield (
        "counts",
        msgspec.structs.replace(
            counts,
            eligible=manifest.roll_size,
            issued=len(evidence.issuances[0]),
            cast=len(evidence.survey),
            final=len(finals),
            superseded=len(evidence.survey) - len(finals),
            invalid=invalid,
            paper=0,
            assisted=min(counts.assisted, len(finals)) if manifest.assisted else 0,
        ),
    )
    for name in ("elected", "funded"):
        yield name, tuple(evidence.recount[name]) if name in evidence.recount else msgspec.UNSET


def _asked(result: Result) -> str:
    """Return in words what other programs are said to have found; this verifier does not ask them again."""
    words = ""
    for opinion in result.opinions if isinstance(result.opinions, tuple) else ():
        who = f"{opinion.name[:60]} {opinion.version[:30]}".strip()
        if opinion.speaks != (opinion.agrees is not None) or not opinion.reason:
            raise InvalidBundle(f"the opinion of {who} in the result note contradicts itself or gives no reason")
        if opinion.agrees is False:
            raise InvalidBundle(f"the result note says that {who} disagrees: {_short(opinion.reason)}")
        words += f"; {who} is said to agree" if opinion.speaks else f"; {who} is silent: {_short(opinion.reason)}"
    return words


def _engines(result: Result) -> tuple[str, list[str]]:
    """Return the names of the engines that are the same here, and of those that are not."""
    same = [engine.name for engine in result.engines if engine_sha256(engine.name) == engine.sha256]
    return ", ".join(same), [_engine_name(engine) for engine in result.engines if engine.name not in same]


def _engine_name(engine: Engine) -> str:
    return f"{engine.name[:60]} {engine.version[:30]}"


def engine_sha256(name: str) -> str | None:
    """Return the SHA-256 of the source of one of our counting modules; None where there is none of that name.

    Example:
        >>> engine_sha256("voting.no_such_engine") is None
        True
    """
    if not _MODULE.fullmatch(name):
        return None
    source = files("voting").joinpath(*name.split(".")[1:-1], f"{name.split('.')[-1]}.py")
    return _sha256(source.read_bytes()) if source.is_file() else None


def check_small_groups(evidence: Evidence) -> str:
    """V21: report groups so small that a result could show how someone voted."""
    manifest = evidence.manifest
    small = [one.id for one in manifest.classes if one.roll_size + one.reserve_size < _SMALL_CLASS]
    voters = evidence.finals.voters
    few = [one.id for one in manifest.classes if voters[one.id] < manifest.min_cell]
    words = [f"fewer than {_SMALL_CLASS} codes in class {', '.join(small)}"] if small else []
    words += [f"fewer than {manifest.min_cell} voters in class {', '.join(few)}"] if few else []
    return "; ".join(words) or f"no class below {_SMALL_CLASS} codes or {manifest.min_cell} voters"


def check_client(evidence: Evidence) -> str:
    """V23: the files of the voting page are those that notices announced."""
    kept = {name.removeprefix("client/"): name for name in evidence.files if name.startswith("client/")}
    announced: dict[str, set[str]] = {}
    for notice in evidence.notices:
        if isinstance(notice, ClientNotice):
            announced.setdefault(notice.file, set()).add(notice.sha256)
    if not kept:
        told = f"{plural(len(announced), 'file')} announced" if announced else "none announced"
        raise NotApplicable(f"no files of the voting page in the bundle, {told}")
    for file, name in kept.items():
        if _sha256(evidence.files[name]) not in announced.get(file.split("/")[-1], ()):
            raise InvalidBundle(f"{name} is not a file that a notice announced")
    return f"{plural(len(kept), 'file')} as announced; compare their hashes with what your browser loaded"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _short(value: object) -> str:
    text = str(msgspec.to_builtins(value)) if value is not msgspec.UNSET else "absent"
    return text if len(text) <= 160 else f"{text[:157]}..."
