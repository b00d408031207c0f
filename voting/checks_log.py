"""Checks V5 to V8 and V22: the logs, and what the user can look up in them."""

from collections import Counter
from collections.abc import Iterator

from schemas.contest import IncidentNotice, ReplaceNotice, VoidNotice
from schemas.log import Close
from schemas.roll import IssuanceEntry
from voting.errors import InvalidBundle, InvalidProof, VotingError
from voting.evidence import Evidence, TreeHistory, issuance_leaves, prefix_roots
from voting.parallel import each
from voting.proof import checkpoint, codes, issuance, log, merkle, note, promise, signing, statement
from voting.proof.base64s import to_base64
from voting.proof.checkpoint import Checkpoint
from voting.proof.promise import Promise
from voting.survey import Issuances
from voting.words import plural, settle, utc


def check_checkpoints(evidence: Evidence) -> str:
    """V5: every checkpoint is signed and timed, has its witnesses, and grew out of the one before.

    All entries are in the bundle, so a checkpoint that fits the root over its first entries is consistent with all
    others that do: also with those that the user brings from elsewhere.
    """
    history = evidence.history
    brought = [_read_brought(evidence, data) for data in evidence.brought.checkpoints]
    ours = [point for index, point in brought if index is None]
    sizes = {point.size for point, _ in history.points} | {point.size for point in ours}
    roots = prefix_roots(map(merkle.leaf_hash, evidence.entries), sizes)
    for point, _ in history.points:
        if roots[point.size] != point.root:
            raise InvalidBundle(f"the checkpoint of size {point.size} is not consistent with the final one")
    for point in ours:
        _check_same(point, roots, history.final[0].size)
    for index, point in brought:
        if index is not None:
            entries = evidence.issuances[index]
            _check_same(point, prefix_roots(issuance_leaves(entries), {point.size}), len(entries))
    witnesses = evidence.policy.quorum_size()
    seen = f", and with {plural(len(brought), 'checkpoint')} from elsewhere" if brought else ""
    quorum = f"{witnesses} witnesses each" if witnesses else "a single-party log"
    return f"{plural(len(history.points), 'checkpoint')} consistent with one another{seen}; {quorum}"


def _check_same(point: Checkpoint, roots: dict[int, bytes], size: int) -> None:
    if point.size > size:
        raise InvalidBundle(f"the checkpoint you gave has {point.size} entries, this log ends at {size}: a fork")
    if roots[point.size] != point.root:
        raise InvalidBundle(f"the checkpoint of size {point.size} that you gave is of another history: a fork")


def _read_brought(evidence: Evidence, data: bytes) -> tuple[int | None, Checkpoint]:
    """Return a checkpoint from elsewhere, and which issuer's log it is of; None for the ballots' log."""
    manifest = evidence.manifest
    point = checkpoint.parse(note.split(data)[0])
    for index, issuer in enumerate(manifest.issuers):
        if point.origin == f"{issuer.host}/issuance/{manifest.slug}":
            _check_signed(evidence, data, point, issuer.log_vkey, issuer.log_time_vkey)
            return index, point
    _check_signed(evidence, data, point, manifest.log_vkey, manifest.log_time_vkey, origin=manifest.log_origin)
    return None, point


def _check_signed(
    evidence: Evidence, data: bytes, point: Checkpoint, vkey: str, time_vkey: str, origin: str | None = None
) -> None:
    """A checkpoint from elsewhere must have the log's signature; it may have been taken before witnesses signed."""
    others = [time_vkey, *map(str, evidence.policy.witnesses.values())]
    try:
        log.read_checkpoint(data, origin=origin or point.origin, log_vkey=vkey, others=others)
    except InvalidProof as error:
        raise InvalidProof(f"the checkpoint you gave: {error}") from error


def check_root(evidence: Evidence) -> str:
    """V6: the entries have the root of the final checkpoint."""
    return f"{plural(len(evidence.entries), 'entry', 'entries')} under root {evidence.final_point.root.hex()[:12]}"


def check_close(evidence: Evidence) -> str:
    """V7: the log starts with the manifest, holds every notice, and ends with the close, which came in time."""
    entries, ctx = evidence.entries, evidence.ctx
    if not entries or entries[0] != log.entry(log.STATEMENT, ctx):
        raise InvalidBundle("entry 0 of the log is not the manifest")
    kinds = Counter(entry[0] for entry in entries)
    if unknown := kinds.keys() - {log.BALLOT, log.PAPER_BATCH, log.STATEMENT, log.CLOSE}:
        raise InvalidBundle(f"the log holds an entry of the unknown type {min(unknown)}")
    if kinds[log.CLOSE] != 1 or entries[-1][0] != log.CLOSE:
        raise InvalidBundle("the log must hold one close, and nothing after it")
    close = Close(ctx=ctx.hex(), n_ballots=kinds[log.BALLOT], n_batches=kinds[log.PAPER_BATCH])
    if entries[-1][1:] != log.close_digest(close):
        raise InvalidBundle(f"the close does not say {close.n_ballots} ballots and {close.n_batches} paper batches")
    unlogged = _check_notices(evidence, Counter(entry[1:] for entry in entries[1:] if entry[0] == log.STATEMENT))
    _, signed = evidence.history.final
    if (earliest := min(signed.times.values())) < evidence.closes_at:
        raise InvalidBundle(f"closed at {utc(earliest)}, but voting was to end at {utc(evidence.closes_at)}")
    _check_opening(evidence)
    extra = f", {unlogged} of them after the close" if unlogged else ""
    return (
        f"{plural(close.n_ballots, 'ballot')} and {plural(len(evidence.notices), 'notice')}{extra}; closed at "
        f"{utc(earliest)}, due {utc(evidence.closes_at)}"
    )


def _check_notices(evidence: Evidence, logged: Counter[bytes]) -> int:
    """Check that log and notices are the same set. An incident may be told after the close, and is then not logged."""
    hashes = {statement.notice_hash(notice): notice for notice in evidence.notices}
    if any(digest not in hashes or times > 1 for digest, times in logged.items()):
        raise InvalidBundle("the log holds a notice that is not in the bundle, or one twice")
    missing = [notice for digest, notice in hashes.items() if digest not in logged]
    for notice in missing:
        if not isinstance(notice, IncidentNotice) or notice.at < evidence.closes_at:
            raise InvalidBundle(f"notice {notice.n} is not in the log")
    return len(missing)


def _check_opening(evidence: Evidence) -> None:
    """Check that no ballot was sealed before the contest opened."""
    first = next((index for index, entry in enumerate(evidence.entries) if entry[0] == log.BALLOT), None)
    if first is not None and (at := _logged_at(evidence, first)) < evidence.manifest.opens_at:
        raise InvalidBundle(f"a ballot was sealed at {utc(at)}, before voting opened")


def _logged_at(evidence: Evidence, index: int) -> int:
    """Return the log's own time of the first checkpoint that covers an entry."""
    key = note.parse_vkey(evidence.manifest.log_time_vkey)
    return next(signed.times[key] for point, signed in evidence.history.points if index < point.size)


def check_issuance(evidence: Evidence) -> str:
    """V8: whoever got a token has a code on the roll, asked for it with that code, once; all issuers say the same."""
    manifest = evidence.manifest
    for issuer, history, entries in zip(manifest.issuers, evidence.issuance_histories, evidence.issuances, strict=True):
        _check_issuance_log(history, entries, issuer.host)
    first = evidence.issuances[0]
    for issuer, entries in zip(manifest.issuers[1:], evidence.issuances[1:], strict=True):
        if _same_entries(entries) != _same_entries(first):
            raise InvalidBundle(f"{issuer.host} did not issue to the same codes as {manifest.issuers[0].host}")
    settle(_issuance_problems(evidence, first))
    return f"{plural(len(first), 'token')} issued by each of {plural(len(manifest.issuers), 'issuer')}"


def _same_entries(entries: Issuances) -> list[bytes]:
    """What two logs with the same entries have in common, whatever their order."""
    return sorted({issuance.entry_hash(entry) for entry in entries})


def _check_issuance_log(history: TreeHistory, entries: Issuances, host: str) -> None:
    roots = prefix_roots(issuance_leaves(entries), {point.size for point, _ in history.points})
    if history.final[0].size != len(entries):
        raise InvalidBundle(f"{host} published {len(entries)} issuances, its log has {history.final[0].size}")
    for point, _ in history.points:
        if roots[point.size] != point.root:
            raise InvalidBundle(f"the issuances of {host} do not have the root of its checkpoint of size {point.size}")


def _issuance_problems(evidence: Evidence, entries: Issuances) -> Iterator[str]:
    manifest, leaves = evidence.manifest, evidence.roll
    indexes = {one.id: index for index, one in enumerate(manifest.classes)}
    voided = {bytes.fromhex(one.roll_pk) for one in evidence.notices if isinstance(one, VoidNotice | ReplaceNotice)}
    if strange := voided - leaves.keys():
        yield f"a notice voids {min(strange).hex()[:16]}, which is not on the roll"
    seen = bytearray(len(leaves))  # by place on the roll
    for number, (entry, signed) in enumerate(each(_is_signed, entries), start=1):
        if not number % 8192:
            evidence.tell(f"{number:,} of {len(entries):,} tokens")
        where = f"issuance {number}, code {entry.roll_pk[:16]}"
        pk = bytes.fromhex(entry.roll_pk)
        place = leaves.index(pk)
        leaf = None if place is None else leaves.leaf(place)
        if entry.ctx != evidence.ctx.hex():
            yield f"{where}: of another contest"
        elif entry.channel == "paper":
            yield f"{where}: a paper return, which this version does not know"
        elif place is None or leaf is None or leaf.cls != indexes.get(entry.cls):
            yield f"{where}: not on the roll of class {entry.cls}"
        elif seen[place]:
            yield f"{where}: issued twice"
        elif pk in voided:
            yield f"{where}: this code was voided"
        elif len(entry.requests) != len(manifest.issuers):
            yield f"{where}: {len(entry.requests)} requests for {len(manifest.issuers)} issuers"
        elif not signed:
            yield f"{where}: the signature is not made with this code"
        if place is not None:
            seen[place] = 1


def _is_signed(entry: IssuanceEntry) -> bool:
    try:
        return issuance.is_signed(entry)
    except VotingError:
        return False


def check_yours(evidence: Evidence) -> str:
    """V22: the box kept the promises that the user holds; the user's codes were used as the user knows."""
    promises = [_read_promise(evidence, data) for data in evidence.brought.promises]
    wanted = {given.digest for given in promises}
    logged: dict[bytes, int] = {}
    for place, entry in enumerate(evidence.entries if wanted else ()):
        if entry[0] == log.BALLOT and entry[1:] in wanted:
            logged.setdefault(entry[1:], place)
    lines = evidence.survey.find(wanted) if wanted else {}
    found = [_check_promise(evidence, given, logged.get(given.digest), lines.get(given.digest)) for given in promises]
    found += [_look_up(evidence, code) for code in evidence.brought.codes]
    return "; ".join(found)


def _read_promise(evidence: Evidence, data: bytes) -> Promise:
    given = promise.verify(data, evidence.manifest.box_vkey)
    if given.ctx != evidence.ctx:
        raise InvalidBundle(f"the promise is for contest {given.ctx.hex()[:20]}, not this one")
    return given


def _check_promise(evidence: Evidence, given: Promise, place: int | None, line: int | None) -> str:
    name = f"ballot {to_base64(given.digest)[:12]}"
    if place is None:
        raise InvalidBundle(f"the box promised {name}, and it is not in the log: your promise proves it")
    if (at := _logged_at(evidence, place)) > given.include_by:
        raise InvalidBundle(f"{name} was logged at {utc(at)}, promised by {utc(given.include_by)}")
    if line is None:
        return f"{name} is entry {place}"
    row = evidence.survey.table[line - 1]
    fate = "counts" if line in evidence.finals.numbers else "was superseded by a later revision"
    why = evidence.survey.reasons[row["why"]]
    return f"{name} is entry {place}, revision {row['rev']}, and {fate}" + (
        f" ({why})" if why not in ("", "superseded") else ""
    )


def _look_up(evidence: Evidence, code: str) -> str:
    secret = codes.roll_secret(codes.parse_groups(code, 10), bytes.fromhex(evidence.manifest.roll_id))
    pk = signing.public_key(secret)
    leaf = evidence.roll.get(pk)
    if leaf is None:
        raise InvalidBundle("your code is not on the roll of this contest")
    used = any(entry.roll_pk == pk.hex() for entries in evidence.issuances for entry in entries)
    return f"your code {pk.hex()[:16]} is on the roll, and a token {'was' if used else 'was not'} issued for it"
