"""The story of one ballot: checked, stored with its neighbours in one commit, promised.

Durable and exactly once: a ballot is answered after its commit; the same ballot sent again gets the same promise; of
two ballots with one key and revision one wins. Many casts share a transaction (group commit): that makes it fast.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import asyncpg
import msgspec

from schemas.ballot import CastAnswer, CastRequest, Header
from schemas.contest import Manifest
from service.database.pool import acquire
from service.database.queries import load
from service.group_commit import GroupCommit
from service.keys import KeyFolder
from service.refusals import BallotSuperseded, ContestNotOpen, InvalidCast, InvalidRequest, NotFound, Refused, TooBusy
from voting.proof import ballot, canonical, promise, signing, tokens
from voting.proof.base64s import from_base64
from voting.proof.statement import Signer

_SQL = load("box")
BATCH_MAX = 256
"""Ballots in one transaction."""
WAITING_MAX = 2048
"""Ballots of one contest that may wait for a transaction; more are told to come back."""


@dataclass(frozen=True)
class Cast:
    """A ballot whose proof holds: what is stored of it."""

    pk: bytes
    rev: int
    digest: bytes
    header: bytes
    sealed: bytes
    sig: bytes


@dataclass(frozen=True)
class Terms:
    """What does not change about a contest, ready for checking ballots.

    Attributes:
        token_checks: By class, for each issuer: its key (SPKI) and the digest of its challenge.
    """

    manifest: Manifest
    ctx: bytes
    signer: Signer
    token_checks: dict[str, tuple[tuple[bytes, bytes], ...]]


class Box:
    """The ballot box at work in one process: a queue and a writer for each contest."""

    def __init__(self, pool: asyncpg.Pool, keys: KeyFolder) -> None:
        self.pool = pool
        self.keys = keys
        self._terms: dict[str, Terms] = {}
        self._queues: dict[str, GroupCommit[Cast, bytes]] = {}

    async def cast(self, contest_id: str, body: bytes) -> bytes:
        """Store a ballot and return the promise for it, as JSON of a CastAnswer.

        Args:
            contest_id: From the address.
            body: Canonical JSON of a CastRequest, exactly `body_size` bytes.

        Raises:
            InvalidEncoding, InvalidRequest: Malformed, of the wrong length, or for another contest.
            InvalidCast: Its token, signature, class, revision or seal does not hold.
            NotFound, ContestNotOpen: No such contest, or not at this moment.
            BallotSuperseded: This key has cast this revision, otherwise, or a later one.
            TooBusy: Nothing is promised; send the same bytes again.
        """
        terms = await self._find_terms(contest_id)
        cast = check(terms, body)
        queue = self._queues.get(contest_id)
        if queue is None:
            queue = self._queues[contest_id] = GroupCommit(
                partial(self._store, contest_id, terms), batch_max=BATCH_MAX, waiting_max=WAITING_MAX
            )
        return await queue.put(cast)

    async def close(self) -> None:
        """Finish what is waiting, then stop."""
        for queue in self._queues.values():
            await queue.close()

    async def _find_terms(self, contest_id: str) -> Terms:
        known = self._terms.get(contest_id)
        if known is None:
            async with acquire(self.pool) as conn:
                row = await conn.fetchrow(_SQL["read_contest"], contest_id)
            if row is None:
                raise NotFound(f"there is no contest {contest_id!r} that takes ballots")
            known = self._terms[contest_id] = make_terms(
                canonical.decode(row["manifest"], Manifest), row["ctx"], promise_signer(self.keys, row["manifest"])
            )
        return known

    async def _store(self, contest_id: str, terms: Terms, casts: Sequence[Cast]) -> list[bytes | Refused]:
        async with acquire(self.pool) as conn:
            row = await _add(conn, contest_id, casts)
            if row["late"] and row["taking"]:
                raise TooBusy("an epoch is being sealed")
            added = set(row["added"])
            # What was promised before stays promised: a repeated ballot gets its promise again, also after the end.
            again = [cast for cast in casts if cast.digest not in added]
            known = await _find(conn, contest_id, again) if again else {}
        return [
            _sign_promise(terms, cast.digest, row["include_by"])
            if cast.digest in added
            else _answer_again(terms, cast, known.get(cast.pk, ()), taking=bool(row["taking"]))
            for cast in casts
        ]


@dataclass(frozen=True)
class _Revision:
    """A ballot that is in the box; `include_by` is the deadline of its epoch."""

    rev: int
    header: bytes
    digest: bytes
    include_by: int


def _answer_again(terms: Terms, cast: Cast, known: Sequence[_Revision], *, taking: bool) -> bytes | Refused:
    """Answer a ballot that was not added: with its promise, where this very ballot is in the box."""
    same = next((one for one in known if one.rev == cast.rev and one.header == cast.header), None)
    if same is not None:
        return _sign_promise(terms, same.digest, same.include_by)
    if not taking:
        return ContestNotOpen("no ballots are taken at this moment: see the contest's dates")
    return BallotSuperseded(max(one.rev for one in known))


def _sign_promise(terms: Terms, digest: bytes, include_by: int) -> bytes:
    word = promise.Promise(ctx=terms.ctx, digest=digest, include_by=include_by)
    note = promise.sign(word, terms.signer.secret, terms.signer.name)
    return msgspec.json.encode(CastAnswer(promise=note.decode()))


async def _add(conn: asyncpg.Connection, contest_id: str, casts: Sequence[Cast]) -> asyncpg.Record:
    row = await conn.fetchrow(
        _SQL["add_ballots"],
        contest_id,
        [cast.pk for cast in casts],
        [cast.rev for cast in casts],
        [cast.digest for cast in casts],
        [cast.header for cast in casts],
        [cast.sealed for cast in casts],
        [cast.sig for cast in casts],
    )
    assert row is not None, "the function returns one row"
    return row


async def _find(conn: asyncpg.Connection, contest_id: str, casts: Sequence[Cast]) -> dict[bytes, list[_Revision]]:
    found: dict[bytes, list[_Revision]] = {}
    async with conn.transaction():
        await conn.execute(_SQL["hold_sealing"], contest_id)  # or a ballot on its way to its epoch would be nowhere
        rows = await conn.fetch(_SQL["find_ballots"], contest_id, list({cast.pk for cast in casts}))
    for row in rows:
        found.setdefault(row["pk"], []).append(_Revision(row["rev"], row["header"], row["digest"], row["include_by"]))
    return found


def promise_signer(keys: KeyFolder, manifest: bytes) -> Signer:
    """Return the key that signs the promises of a contest."""
    decoded: Manifest = canonical.decode(manifest, Manifest)
    return keys.signer(decoded.slug, "promise.key", name=f"{decoded.box_host}/promise")


def make_terms(manifest: Manifest, ctx: bytes, signer: Signer) -> Terms:
    """Return the terms of a contest."""
    challenges = [
        hashlib.sha256(tokens.challenge(issuer.host, ctx, manifest.box_host)).digest() for issuer in manifest.issuers
    ]
    return Terms(
        manifest=manifest,
        ctx=ctx,
        signer=signer,
        token_checks={
            cls.id: tuple(
                (from_base64(issuer.spki[cls.id]), digest)
                for issuer, digest in zip(manifest.issuers, challenges, strict=True)
            )
            for cls in manifest.classes
        },
    )


def check(terms: Terms, body: bytes) -> Cast:
    """Return the ballot in a request, once its proof holds. Nothing is looked up: all it needs is in the request.

    Raises:
        InvalidEncoding, InvalidRequest, InvalidCast: As `Box.cast`.
    """
    manifest = terms.manifest
    if len(body) != manifest.body_size:
        raise InvalidRequest(f"a ballot request of this contest has {manifest.body_size} bytes, this one {len(body)}")
    request: CastRequest = canonical.decode(body, CastRequest)
    raw = request.header.encode()
    header: Header = canonical.decode(raw, Header)
    if header.ctx != terms.ctx.hex():
        raise InvalidRequest("ctx is that of another contest: read the manifest again")
    checks = terms.token_checks.get(header.cls)
    if checks is None:
        raise InvalidCast(f"there is no class {header.cls!r} in this contest")
    if header.rev > manifest.max_rev:
        raise InvalidCast(f"a ballot can be revised up to revision {manifest.max_rev}")
    if len(header.tok) != len(checks):
        raise InvalidCast(f"{len(checks)} issuers must sign a token, here are {len(header.tok)}")
    sealed, sig, pk = from_base64(request.sealed), from_base64(request.sig, 64), bytes.fromhex(header.pk)
    if hashlib.sha256(sealed).hexdigest() != header.seal:
        raise InvalidCast("the sealed text is not the one that the header names")
    for token, (spki, challenge_digest) in zip(header.tok, checks, strict=True):
        message = tokens.token_input(pk, challenge_digest=challenge_digest, spki=spki)
        if not tokens.is_token(spki, message, from_base64(token, 256)):
            raise InvalidCast("a token is not signed by this contest's issuer, for this class and key")
    if not signing.verify(pk, ballot.signed_bytes(raw), sig):
        raise InvalidCast("the ballot is not signed by its own key")
    return Cast(pk=pk, rev=header.rev, digest=ballot.digest(raw, sig), header=raw, sealed=sealed, sig=sig)
