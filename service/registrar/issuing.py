"""The story of one token: a code asks, the log remembers, the issuer signs without seeing what."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import asyncpg
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schemas.contest import Manifest
from schemas.roll import IssueAnswer, IssueRequest, LookupAnswer, LookupRequest
from service.database.pool import acquire
from service.database.queries import load
from service.keys import KeyFolder
from service.refusals import CodeUnknown, CodeUsed, CodeVoided, ContestNotOpen, InvalidRequest, NotFound, TooBusy
from service.registrar.signer import BlindSigner
from voting.errors import InvalidProof
from voting.proof import canonical, issuance, signing, statement, tokens
from voting.proof.base64s import from_base64, to_base64

_SQL = load("registrar")
WAITING_MAX = 512
"""Requests that may wait for the signer; more are told to come back."""


@dataclass(frozen=True)
class _Contest:
    """What does not change about a contest once it issues."""

    manifest: Manifest
    ctx_hex: str
    signers: dict[str, BlindSigner]


class Registrar:
    """The issuer at work in one process: its pool, its keys, and threads that sign."""

    def __init__(self, pool: asyncpg.Pool, keys: KeyFolder) -> None:
        self.pool = pool
        self.keys = keys
        self._contests: dict[str, _Contest] = {}
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="signer")
        self._waiting = 0

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

        roll_pk, requests = bytes.fromhex(asked.roll_pk), " ".join(asked.hashes)
        async with acquire(self.pool) as conn, conn.transaction():
            if not await conn.fetchval(_SQL["hold_issuing"], contest_id):
                self._contests.pop(contest_id, None)
                raise ContestNotOpen("no tokens are issued at this moment: see the contest's dates")
            added = await conn.fetchval(
                _SQL["add_issuance"], contest_id, roll_pk, asked.cls, asked.channel, requests,
                from_base64(asked.sig, 64),
            )  # fmt: skip
            if added is None:
                await _refuse_or_repeat(conn, contest_id, roll_pk, cls=asked.cls, requests=requests)
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
            row = await conn.fetchrow(_SQL["find_code"], contest_id, roll_pk)
        if row is None:
            raise CodeUnknown("this code is not on the contest's roll")
        used = tuple(row["requests"].split()) if row["requests"] else ()
        return canonical.encode(LookupAnswer(issued=bool(used), voided=row["voided"], requests=used))

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=True)

    async def _contest(self, contest_id: str) -> _Contest:
        known = self._contests.get(contest_id)
        if known is None:
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
        if self._waiting >= WAITING_MAX:
            raise TooBusy("many people ask for a token right now; try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, signer.sign, blinded)
        finally:
            self._waiting -= 1


async def _refuse_or_repeat(
    conn: asyncpg.Connection, contest_id: str, roll_pk: bytes, *, cls: str, requests: str
) -> None:
    """Return when this very request was logged before; else say why there is no token."""
    row = await conn.fetchrow(_SQL["find_code"], contest_id, roll_pk)
    if row is None or not row["handed_out"]:
        raise CodeUnknown("this code is not on the contest's roll: check it against the letter")
    if row["voided"]:
        raise CodeVoided("this code was replaced by another one")
    if row["class"] != cls:
        raise InvalidRequest(f"this code belongs to class {row['class']!r}")
    if row["requests"] != requests:
        raise CodeUsed("this code was used on another device; if that was not you, tell the clerk")


def load_signer(keys: KeyFolder, contest_id: str, cls: str) -> BlindSigner:
    """Return the blind signer of a contest and class from its key file."""
    key = load_pem_private_key(keys.read(contest_id, f"{cls}.pem"), password=None)
    assert isinstance(key, rsa.RSAPrivateKey), "the registrar writes RSA keys only"
    return BlindSigner(key)
