"""Checks V9 to V16: every ballot is in the log, signed by its voter, admitted by every issuer, opened and judged."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from schemas.contest import HandoutNotice, IncidentNotice, ReplaceNotice
from voting import bundle
from voting.checks_contest import issuer_keys
from voting.errors import InvalidBundle
from voting.evidence import Evidence, LoggedBallot, NotApplicable, Unread
from voting.parallel import each
from voting.proof import ballot, canonical, log, signing, tokens
from voting.words import plural, settle

_SEAL = "invalid:seal"


def check_ballots(evidence: Evidence) -> str:
    """V9: each ballot of this contest is the log's entry at its place; nothing is missing, nothing more is there."""
    logged = evidence.digests
    if evidence.ballot_count != len(logged):
        raise InvalidBundle(
            f"{bundle.BALLOTS} has {plural(evidence.ballot_count, 'line')}, the log {plural(len(logged), 'ballot')}"
        )
    settle(_header_problems(evidence, logged))
    return f"{plural(len(logged), 'ballot')}, each the log's entry at its place"


def _header_problems(evidence: Evidence, logged: list[bytes]) -> Iterator[str]:
    manifest, ctx = evidence.manifest, evidence.ctx.hex()
    classes = {one.id for one in manifest.classes}
    for vote in evidence.ballots():
        if vote.digest != logged[vote.number - 1]:
            yield f"line {vote.number} is not the ballot that the log has there"
        elif vote.header.ctx != ctx:
            yield f"line {vote.number} is a ballot of contest {vote.header.ctx[:20]}"
        elif vote.header.cls not in classes:
            yield f"line {vote.number} is of class {vote.header.cls!r}, which there is not"
        elif len(vote.header.tok) != len(manifest.issuers):
            yield f"line {vote.number} has {len(vote.header.tok)} tokens for {len(manifest.issuers)} issuers"


def check_signatures(evidence: Evidence) -> str:
    """V10: each ballot is signed by the key it names, so nobody but the voter can have written it."""
    settle(
        f"line {vote.number} is not signed by its voter's key"
        for vote, signed in each(_is_signed, evidence.ballots())
        if not signed
    )
    return f"{plural(evidence.ballot_count, 'signature')} by the voters' own keys"


def _is_signed(vote: LoggedBallot) -> bool:
    return signing.verify(bytes.fromhex(vote.header.pk), ballot.signed_bytes(vote.header_bytes), vote.signature)


def check_tokens(evidence: Evidence) -> str:
    """V11: every issuer signed every voter's key, for this contest and class. Voters are told apart by key."""
    settle(_token_problems(evidence))
    issuers = len(evidence.manifest.issuers)
    return f"{plural(evidence.finals.voters.total(), 'voter key')}, each signed by {plural(issuers, 'issuer')}"


def _token_problems(evidence: Evidence) -> Iterator[str]:
    manifest, keys = evidence.manifest, issuer_keys(evidence)
    challenges = [
        hashlib.sha256(tokens.challenge(issuer.host, evidence.ctx, manifest.box_host)).digest()
        for issuer in manifest.issuers
    ]

    def without_token(vote: LoggedBallot) -> str | None:
        """Return the first issuer whose token is missing; None where all are there."""
        header, pk = vote.header, bytes.fromhex(vote.header.pk)
        for issuer, spki, challenge, token in zip(manifest.issuers, keys, challenges, vote.tokens, strict=True):
            key = spki[header.cls]
            if not tokens.is_token(key, tokens.token_input(pk, challenge_digest=challenge, spki=key), token):
                return issuer.host
        return None

    for vote, host in each(without_token, _once_a_voter(evidence, keys)):
        if host is not None:
            yield f"line {vote.number} has no valid token of {host} for class {vote.header.cls}"


def _once_a_voter(evidence: Evidence, keys: Sequence[Mapping[str, bytes]]) -> Iterator[LoggedBallot]:
    """Give the ballots whose tokens were not seen before: later revisions carry the same ones."""
    seen: set[bytes] = set()
    for vote in evidence.ballots():
        header = vote.header
        if len(header.tok) != len(keys) or any(header.cls not in spki for spki in keys):
            raise Unread("V9", "a ballot of no class, or with too few tokens")
        known = hashlib.sha256(canonical.encode((header.pk, header.cls, header.tok))).digest()
        if known not in seen:
            seen.add(known)
            yield vote


def check_revisions(evidence: Evidence) -> str:
    """V12: revisions are within bounds, and exactly the last one of each voter counts."""
    finals = evidence.finals
    settle(_revision_problems(evidence))
    superseded = evidence.ballot_count - len(finals.numbers)
    equal = f"; {plural(len(finals.equal), 'ballot')} lost to another with the same revision" if finals.equal else ""
    return f"{plural(len(finals.numbers), 'final revision')}, {superseded:,} superseded{equal}"


def _revision_problems(evidence: Evidence) -> Iterator[str]:
    finals = evidence.finals.numbers
    for vote in evidence.ballots():
        if vote.header.rev > evidence.manifest.max_rev:
            yield f"line {vote.number} is revision {vote.header.rev}, {evidence.manifest.max_rev} are allowed"
        elif (vote.number in finals) == (vote.line.why == "superseded"):
            state = "its voter's last revision" if vote.number in finals else "superseded by a later revision"
            yield f"line {vote.number} is {state}, and is not treated as such"


def check_openings(evidence: Evidence) -> str:
    """V13: each counted ballot's choices are what its voter committed to; no superseded ballot is opened."""
    settle(_opening_problems(evidence))
    reasons = Counter(vote.line.why for vote in evidence.ballots() if vote.number in evidence.finals.numbers)
    shut = reasons[_SEAL] + reasons["unopened"]
    opened = len(evidence.finals.numbers) - shut
    return f"{plural(opened, 'commitment')} opened as made" + (f", {shut} could not be opened" if shut else "")


def _opening_problems(evidence: Evidence) -> Iterator[str]:
    finals = evidence.finals.numbers
    told = any(isinstance(notice, IncidentNotice) for notice in evidence.notices)
    for vote in evidence.ballots():
        line, where = vote.line, f"line {vote.number}"
        if isinstance(line.sealed, str) != (line.why == _SEAL):
            yield f"{where}: the sealed text is published for {_SEAL}, and for nothing else"
        elif vote.number not in finals or line.why in (_SEAL, "unopened"):
            if line.open is not None:
                yield f"{where} is opened, and must not be"
            elif line.why == "unopened" and not told:
                yield f"{where} was not opened, and no incident notice says why"
            elif isinstance(line.sealed, str) and _sealed_sha256(line.sealed) != vote.header.seal:
                yield f"{where}: the sealed text is not the one that the voter signed"
        elif line.open is None:
            yield f"{where} counts, and is not opened"
        elif _commitment(evidence.ctx, vote) != vote.header.commit:
            yield f"{where}: the opening does not fit the commitment"


def _sealed_sha256(sealed: str) -> str:
    return hashlib.sha256(base64.b64decode(sealed)).hexdigest()


def _commitment(ctx: bytes, vote: LoggedBallot) -> str:
    opening, header = vote.line.open, vote.header
    assert opening is not None, "the caller looked"
    return ballot.commitment(
        ctx=ctx,
        pk=bytes.fromhex(header.pk),
        rev=header.rev,
        salt=bytes.fromhex(opening.salt),
        choices=opening.choices.encode(),
    ).hex()


def check_choices(evidence: Evidence) -> str:
    """V14: a ballot counts if the ballot rules allow its choices; otherwise it is invalid, with the right code."""
    verdicts, finals = evidence.verdicts, evidence.finals.numbers
    settle(
        f"line {vote.number} is {vote.line.why or 'valid'}, the rules say {_why(verdicts[vote.line.open.choices])}"
        for vote in evidence.ballots()
        if vote.number in finals
        and vote.line.open is not None
        and vote.line.why.removeprefix("invalid:") != verdicts[vote.line.open.choices]
    )
    counted = evidence.votes.total()
    return f"{counted:,} valid, {len(finals) - counted:,} not; {len(evidence.votes):,} different"


def _why(code: str) -> str:
    return f"invalid:{code}" if code else "valid"


def check_numbers(evidence: Evidence) -> str:
    """V15: in each class no more voters than tokens, no more tokens than codes given out."""
    manifest, leaves = evidence.manifest, evidence.roll
    if not evidence.issuances:
        raise Unread("V8", "no issuance log")
    issued: Counter[str] = Counter()
    issued_reserve: Counter[str] = Counter()
    for entry in evidence.issuances[0]:
        issued[entry.cls] += 1
        leaf = leaves.get(bytes.fromhex(entry.roll_pk))
        issued_reserve[entry.cls] += leaf is not None and leaf.pool
    handed_out = _handed_out(evidence)
    words: list[str] = []
    for one in manifest.classes:
        cls, voters, out = one.id, evidence.finals.voters[one.id], handed_out[one.id]
        if voters > issued[cls]:
            raise InvalidBundle(f"class {cls}: {voters} voters, but {issued[cls]} tokens were issued")
        if issued[cls] > one.roll_size + out:
            raise InvalidBundle(f"class {cls}: {issued[cls]} tokens for {one.roll_size} mailed and {out} other codes")
        if not issued_reserve[cls] <= out <= one.reserve_size:
            raise InvalidBundle(
                f"class {cls}: {issued_reserve[cls]} tokens for reserve codes, {out} handed out of {one.reserve_size}"
            )
        words.append(f"{cls}: {voters:,} voters, {issued[cls]:,} tokens, {one.roll_size + out:,} codes")
    return "; ".join(words)


def _handed_out(evidence: Evidence) -> Counter[str]:
    """Return how many reserve codes notices say were handed out, by class; a replacement hands out one."""
    ids = dict(enumerate(one.id for one in evidence.manifest.classes))
    handed_out: Counter[str] = Counter()
    for notice in evidence.notices:
        if isinstance(notice, HandoutNotice):
            handed_out[notice.cls] += notice.count
        elif isinstance(notice, ReplaceNotice) and (leaf := evidence.roll.get(bytes.fromhex(notice.roll_pk))):
            handed_out[ids.get(leaf.cls, "")] += 1
    return handed_out


def check_paper(evidence: Evidence) -> str:
    """V16: there are no paper ballots; this version of the protocol's verifier would not know how to check them."""
    if any(name.startswith("paper/") for name in evidence.files):
        raise InvalidBundle("the bundle has paper ballots, which this verifier can't check: take a newer one")
    if any(entry[0] == log.PAPER_BATCH for entry in evidence.entries):
        raise InvalidBundle("the log has paper batches, and the bundle no paper ballots")
    raise NotApplicable("no paper ballots")
