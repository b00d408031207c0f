"""The story of one token: a code asks, the log remembers, the issuer signs without seeing what."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import asyncpg
import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schemas.contest import Manifest
from schemas.roll import IssueAnswer, IssueRequest, LookupAnswer, LookupRequest
from service.database.pool import acquire
from service.database.queries import load
from service.group_commit import GroupCommit
from service.keys import KeyFolder
from service.refusals import (
    CodeUnknown,
    CodeUsed,
    CodeVoided,
    ContestNotOpen,
    InvalidRequest,
    NotFound,
    Refused,
    TooBusy,
)
from service.registrar.signer import BlindSigner
from voting.errors import InvalidProof
from voting.proof import canonical, issuance, signing, statement, tokens
from voting.proof.base64s import from_base64, to_base64

_SQL = load("registrar")
BATCH_MAX = 128
"""Issuances in one transaction."""
WAITING_MAX = 512
"""Requests of one contest that may wait for a transaction, or for the signer; more are told to come back."""


@dataclass(frozen=True)
class _Contest:
    """What does not change about a contest once it issues."""

    manifest: Manifest
    ctx_hex: str
    signers: dict[str, BlindSigner]


@dataclass(frozen=True)
class _Asked:
    """A request whose signature holds: what is logged of it."""

    roll_pk: bytes
    cls: str
    channel: str
    requests: str
    sig: bytes


class Registrar:
    """The issuer at work in one process: its pool, its keys, and threads that sign."""

    def __init__(self, pool: asyncpg.Pool, keys: KeyFolder) -> None:
        self.pool = pool
        self.keys = keys
        self._contests: dict[str, _Contest] = {}
        self._queues: dict[str, GroupCommit[_Asked, None]] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="signer", initializer=_let_others_run)
        self._signing = 0
        self._loading = asyncio.Lock()

    async def issue(self, contest_id: str, body: bytes) -> bytes:
        """Answer a request for a token with the blind signature.

        The issuance is committed to the log before anything is answered. The same request gets the same answer, as
        often as it is sent, until the contest closes.

        Args:
            contest_id: From the address.
            body: Canonical JSON of an IssueRequest.

        Returns:
            Canonical JSON of an IssueAnswer.

        Raises:
            InvalidEncoding, InvalidRequest, InvalidProof: Malformed, for another contest, or not signed by the code.
            NotFound, ContestNotOpen: No such contest, or not at this moment.
            CodeUnknown, CodeVoided, CodeUsed: The code can't have a token.
            TooBusy: Try again.
        """
        asked: IssueRequest = canonical.decode(body, IssueRequest)
        contest = await self._contest(contest_id)
        if asked.ctx != contest.ctx_hex:
            raise InvalidRequest("ctx is that of another contest: read the manifest again")
        signer = contest.signers.get(asked.cls)
        if signer is None:
            raise InvalidRequest(f"there is no class {asked.cls!r} in this contest")
        if asked.channel == "paper" or asked.issuer != 0 or len(asked.hashes) != len(contest.manifest.issuers):
            raise InvalidRequest("issuer, hashes or channel do not fit this issuer")
        request = from_base64(asked.request)
        blinded = tokens.read_request(request, signer.spki)
        if not signer.accepts(blinded):
            raise InvalidProof("the blinded message is not below the modulus: nothing was signed, the code is unused")
        issuance.check_request(asked, request)

        queue = self._queues.get(contest_id)
        if queue is None:
            queue = self._queues[contest_id] = GroupCommit(
                partial(self._log, contest_id), batch_max=BATCH_MAX, waiting_max=WAITING_MAX
            )
        await queue.put(
            _Asked(
                roll_pk=bytes.fromhex(asked.roll_pk),
                cls=asked.cls,
                channel=asked.channel,
                requests=" ".join(asked.hashes),
                sig=from_base64(asked.sig, 64),
            )
        )
        return canonical.encode(IssueAnswer(response=to_base64(await self._sign(signer, blinded))))

    async def look_up(self, contest_id: str, body: bytes) -> bytes:
        """Tell the holder of a code whether it was used. Canonical JSON of a LookupRequest in, a LookupAnswer out.

        Raises:
            InvalidEncoding, InvalidRequest, InvalidProof, NotFound, CodeUnknown: As `issue`.
        """
        asked: LookupRequest = canonical.decode(body, LookupRequest)
        contest = await self._contest(contest_id)
        if asked.ctx != contest.ctx_hex:
            raise InvalidRequest("ctx is that of another contest: read the manifest again")
        message = issuance.lookup_message(bytes.fromhex(asked.ctx))
        roll_pk = bytes.fromhex(asked.roll_pk)
        if not signing.verify(roll_pk, message, from_base64(asked.sig, 64)):
            raise InvalidProof("the signature is not made with this code")
        async with acquire(self.pool) as conn:
            row = next(iter(await conn.fetch(_SQL["find_codes"], contest_id, [roll_pk])), None)
        if row is None:
            raise CodeUnknown("this code is not on the contest's roll")
        used = tuple(row["requests"].split()) if row["requests"] else ()
        return canonical.encode(LookupAnswer(issued=bool(used), voided=row["voided"], requests=used))

    async def close(self) -> None:
        """Finish what is waiting, then stop."""
        for queue in self._queues.values():
            await queue.close()
        await asyncio.to_thread(self._threads.shutdown, wait=True)

    async def _log(self, contest_id: str, batch: Sequence[_Asked]) -> list[Refused | None]:
        """Log issuances in one transaction; for each None, or why it is refused."""
        async with acquire(self.pool) as conn, conn.transaction():
            if not await conn.fetchval(_SQL["hold_issuing"], contest_id):
                self._contests.pop(contest_id, None)
                return [ContestNotOpen("no tokens are issued at this moment: see the contest's dates") for _ in batch]
            rows = await conn.fetch(
                _SQL["add_issuances"],
                contest_id,
                [asked.roll_pk for asked in batch],
                [asked.cls for asked in batch],
                [asked.channel for asked in batch],
                [asked.requests for asked in batch],
                [asked.sig for asked in batch],
            )
            added = {(row["roll_pk"], row["requests"]) for row in rows}
            others = [asked.roll_pk for asked in batch if (asked.roll_pk, asked.requests) not in added]
            found = await conn.fetch(_SQL["find_codes"], contest_id, others) if others else []
        known = {row["roll_pk"]: row for row in found}
        return [
            None if (asked.roll_pk, asked.requests) in added else _refusal(asked, known.get(asked.roll_pk))
            for asked in batch
        ]

    async def _contest(self, contest_id: str) -> _Contest:
        known = self._contests.get(contest_id)
        if known is not None:
            return known
        async with self._loading:  # of many who come at once, one reads the keys
            if contest_id in self._contests:
                return self._contests[contest_id]
            async with acquire(self.pool) as conn:
                row = await conn.fetchrow(_SQL["read_contest"], contest_id)
            if row is None or row["manifest"] is None:
                raise NotFound(f"there is no contest {contest_id!r} that issues tokens")
            if row["state"] == "closed":
                raise ContestNotOpen("no tokens are issued any more")
            manifest: Manifest = canonical.decode(row["manifest"], Manifest)
            signers = {cls.id: load_signer(self.keys, contest_id, cls.id) for cls in manifest.classes}
            known = _Contest(manifest=manifest, ctx_hex=statement.contest_ctx(manifest).hex(), signers=signers)
            self._contests[contest_id] = known
            return known

    async def _sign(self, signer: BlindSigner, blinded: bytes) -> bytes:
        if self._signing >= WAITING_MAX:
            raise TooBusy("many people ask for a token right now; try again in a moment")
        self._signing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, signer.sign, blinded)
        finally:
            self._signing -= 1


def _refusal(asked: _Asked, row: asyncpg.Record | None) -> Refused | None:
    """Return why there is no token; None where this very request was logged before."""
    if row is None or not row["handed_out"]:
        return CodeUnknown("this code is not on the contest's roll: check it against the letter")
    if row["voided"]:
        return CodeVoided("this code was replaced by another one")
    if row["class"] != asked.cls:
        return InvalidRequest(f"this code belongs to class {row['class']!r}")
    if row["requests"] != asked.requests:
        return CodeUsed("this code was used on another device; if that was not you, tell the clerk")
    return None


def _let_others_run() -> None:
    """Let gmpy2 release the interpreter while it computes, so that signing takes nothing from the event loop."""
    gmpy2.get_context().allow_release_gil = True


def load_signer(keys: KeyFolder, contest_id: str, cls: str) -> BlindSigner:
    """Return the blind signer of a contest and class from its key file."""
    # Checking the primes again takes 50 ms; the file is ours, and every signature is checked before it is given out.
    pem = keys.read(contest_id, f"{cls}.pem")
    key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey), "the registrar writes RSA keys only"
    return BlindSigner(key)
