"""What a bundle holds, read once for all checks, and what the person who verifies it brought along.

A part that can't be read is the failure of one check, its owner. Every other check that needs the part says so in a
few words, so that one broken file gives one clear line and not a cascade.
"""

import base64
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from schemas.ballot import Allocation, Approval, BallotLine, Choices, Header, Ranking, Scores
from schemas.bundle import Result
from schemas.contest import ExtendNotice, Issuer, Manifest, Notice
from schemas.log import BeaconDraw
from schemas.outcome import BudgetRounds, RankedRounds
from schemas.roll import IssuanceEntry
from voting import bundle, plain_count
from voting.errors import InvalidBallot, InvalidBundle, InvalidProof, VotingError
from voting.parallel import each
from voting.profile import read_choices
from voting.proof import ballot, canonical, checkpoint, issuance, log, merkle, note, policy, signing, statement, tokens
from voting.proof.base64s import from_base64
from voting.proof.checkpoint import Checkpoint
from voting.proof.note import Signed
from voting.proof.policy import Policy
from voting.survey import Entries, Issuances, Lines, Roll, Survey, decode_ballot
from voting.ties import lot_order

T = TypeVar("T")
_TELL_EVERY = 8192


class Unread(VotingError):
    """A part of the bundle can't be read. `owner` is the check that says why."""

    def __init__(self, owner: str, detail: str) -> None:
        super().__init__(detail)
        self.owner = owner


class NotApplicable(VotingError):
    """There is nothing for a check to look at. The text says what is missing."""


class _Part(Generic[T]):
    """A property of `Evidence` that is read once, and whose failure belongs to one check."""

    def __init__(self, owner: str, read: Callable[["Evidence"], T]) -> None:
        self._owner, self._read = owner, read
        self.__doc__ = read.__doc__

    def __get__(self, evidence: "Evidence", kind: type["Evidence"]) -> T:
        parts = evidence.parts
        key = self._read.__name__
        if key not in parts:
            try:
                parts[key] = self._read(evidence)
            except Unread as error:
                parts[key] = error
            except VotingError as error:
                parts[key] = Unread(self._owner, str(error))
        value = parts[key]
        if isinstance(value, Unread):
            raise Unread(value.owner, str(value))
        return cast(T, value)


def _part(owner: str) -> Callable[[Callable[["Evidence"], T]], _Part[T]]:
    return lambda read: _Part(owner, read)


@dataclass(frozen=True)
class Brought:
    """What the user brings from elsewhere: from the letter, the press, another mirror, their own device.

    Attributes:
        ctx: The contest's identity or its beginning, 20 to 64 hex digits; None where there is none.
        authorities: Verifier keys of the election authority.
        checkpoints: Checkpoint notes seen elsewhere.
        promises: Promise notes.
        codes: One-time codes, as typed.
    """

    ctx: str | None = None
    authorities: Sequence[str] = ()
    checkpoints: Sequence[bytes] = ()
    promises: Sequence[bytes] = ()
    codes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LoggedBallot:
    """One line of ballots.jsonl. `number` counts from 1, `signature` has 64 bytes, `tokens` 256 bytes each."""

    number: int
    line: BallotLine
    header: Header
    signature: bytes

    @property
    def header_bytes(self) -> bytes:
        """The exact bytes that the voter signed."""
        return self.line.header.encode()

    @property
    def digest(self) -> bytes:
        """What the log holds, 32 bytes."""
        return ballot.digest(self.header_bytes, self.signature)

    @property
    def tokens(self) -> list[bytes]:
        """The issuers' signatures, in the manifest's order."""
        return [base64.b64decode(token) for token in self.header.tok]


@dataclass(frozen=True)
class Finals:
    """Which revisions count.

    Attributes:
        numbers: Lines of the final revisions.
        voters: Different keys by class.
        equal: How many lines lost to another one with the same key and revision.
    """

    numbers: Lines
    voters: Counter[str]
    equal: int


@dataclass(frozen=True)
class Proofs:
    """What was proven of each line of ballots.jsonl, in log order.

    Attributes:
        signed: The voter's key signed it.
        lacking: The first issuer whose token is missing, counted from 1; 0 where none is; `UNJUDGED` where the class or
            the number of tokens is wrong, or an issuer's key can't be read.
        fits: Its opening, or its sealed text, is what the voter committed to; also where neither is there.
    """

    signed: NDArray[np.bool_]
    lacking: NDArray[np.uint8]
    fits: NDArray[np.bool_]


UNJUDGED = 255


@dataclass(frozen=True)
class TreeHistory:
    """A log as its checkpoints tell it: each with its verified signatures, oldest first, and the final note."""

    points: tuple[tuple[Checkpoint, Signed], ...]

    @property
    def final(self) -> tuple[Checkpoint, Signed]:
        """The last checkpoint."""
        return self.points[-1]


class Evidence:
    """The files of one bundle and what is brought to check them. Properties raise `Unread`.

    Attributes:
        tell: Told in words how far a long step is.
    """

    def __init__(self, files: Mapping[str, bytes], brought: Brought, *, tar_error: str | None = None) -> None:
        self.files = files
        self.brought = brought
        self.tar_error = tar_error
        self.parts: dict[str, object] = {}
        self.tell: Callable[[str], None] = lambda _words: None

    def file(self, name: str) -> bytes:
        """Return a file.

        Raises:
            InvalidBundle: There is none.
        """
        if self.tar_error is not None:
            raise Unread("V1", self.tar_error)
        if name not in self.files:
            raise InvalidBundle(f"the bundle has no {name}")
        return self.files[name]

    @_part("V2")
    def manifest(self) -> Manifest:
        """The manifest, its signatures unchecked."""
        return statement.read(statement.MANIFEST, self.file(bundle.MANIFEST), Manifest)

    @_part("V2")
    def ctx(self) -> bytes:
        """The contest's identity."""
        return statement.contest_ctx(self.manifest)

    @_part("V2")
    def policy(self) -> Policy:
        """Whose signatures a checkpoint needs."""
        return policy.parse(self.manifest.policy)

    @_part("V7")
    def notices(self) -> tuple[Notice, ...]:
        """All notices in order, signed by the authority."""
        names = sorted(name for name in self.files if name.startswith("notices/"))
        if names != [bundle.notice_name(number) for number in range(1, len(names) + 1)]:
            raise InvalidBundle("the files in notices/ are not numbered from 000001 without a gap")
        notices: list[Notice] = []
        for number, name in enumerate(names, start=1):
            try:
                notice: Notice = statement.verify(statement.NOTICE, self.file(name), Notice, self.manifest.authority)
            except InvalidProof as error:
                raise InvalidBundle(f"{name}: {error}") from error
            if notice.n != number or notice.ctx != self.ctx.hex():
                raise InvalidBundle(f"{name} is notice {notice.n} of contest {notice.ctx[:20]}")
            notices.append(notice)
        return tuple(notices)

    @_part("V7")
    def closes_at(self) -> int:
        """When voting ended: the manifest's time, or the one that the last extension set."""
        closes_at = self.manifest.closes_at
        for notice in self.notices:
            if isinstance(notice, ExtendNotice):
                if not notice.at < closes_at < notice.closes_at:
                    raise InvalidBundle(f"notice {notice.n} moves the close, but not to later or not in time")
                closes_at = notice.closes_at
        return closes_at

    @_part("V3")
    def roll(self) -> Roll:
        """The roll's leaves by public key."""
        return Roll(self.file(bundle.ROLL))

    @_part("V4")
    def issuer_keys(self) -> list[dict[str, bytes]]:
        """Every issuer's keys (SPKI) by class, in the manifest's order of issuers."""
        return [{cls: read_spki(issuer, cls) for cls in issuer.spki} for issuer in self.manifest.issuers]

    @_part("V6")
    def entries(self) -> Entries:
        """The log's entries, 33 bytes each, under the root of the final checkpoint."""
        entries, final = Entries(self.file(bundle.LOG_ENTRIES)), self.final_point
        root = merkle.root(map(merkle.leaf_hash, entries))
        if (len(entries), root) != (final.size, final.root):
            raise InvalidBundle(
                f"{len(entries)} entries have root {root.hex()[:12]}, the final checkpoint says {final.size} entries "
                f"and {final.root.hex()[:12]}"
            )
        return entries

    @_part("V5")
    def final_point(self) -> Checkpoint:
        """The final checkpoint, its signatures unchecked."""
        return checkpoint.parse(note.split(self.file(bundle.LOG_CHECKPOINT))[0])

    @_part("V5")
    def history(self) -> TreeHistory:
        """The log's checkpoints with their verified signatures."""
        manifest = self.manifest
        history = self._read_history(
            self.file(bundle.LOG_CHECKPOINTS), self.file(bundle.LOG_CHECKPOINT), manifest.log_origin, manifest.log_vkey,
            manifest.log_time_vkey,
        )  # fmt: skip
        if history.points[0][0].size != 1:
            raise InvalidBundle("the first checkpoint must cover the manifest alone: size 1")
        return history

    def _read_history(self, series: bytes, final: bytes, origin: str, vkey: str, time_vkey: str) -> TreeHistory:
        parts = series.split(b"\n\n")
        if parts.pop() or not parts or len(parts) % 2:
            raise InvalidBundle("checkpoints.txt is not a row of notes, each followed by one empty line")
        notes = [text + b"\n\n" + lines + b"\n" for text, lines in zip(parts[::2], parts[1::2], strict=True)]
        if notes[-1] != final:
            raise InvalidBundle("the final checkpoint is not the last one of checkpoints.txt")
        points: list[tuple[Checkpoint, Signed]] = []
        for number, data in enumerate(notes):
            point, signed = self.read_checkpoint(data, origin=origin, vkey=vkey, time_vkey=time_vkey)
            if points and point.size <= points[-1][0].size:
                raise InvalidBundle(f"checkpoint {number} has size {point.size}, not more than the one before")
            points.append((point, signed))
        return TreeHistory(tuple(points))

    def read_checkpoint(self, data: bytes, *, origin: str, vkey: str, time_vkey: str) -> tuple[Checkpoint, Signed]:
        """Return a checkpoint of a log of this contest, signed by the log, timed by it, and by the quorum.

        Raises:
            InvalidProof: It is not.
        """
        witnesses = [str(key) for key in self.policy.witnesses.values()]
        point, signed = log.read_checkpoint(data, origin=origin, log_vkey=vkey, others=[time_vkey, *witnesses])
        if note.parse_vkey(time_vkey) not in signed.times:
            raise InvalidProof(f"the checkpoint of size {point.size} lacks the log's own time")
        if not self.policy.is_met(signed.signers):
            raise InvalidProof(f"the checkpoint of size {point.size} lacks the witnesses that the policy asks for")
        return point, signed

    @_part("V8")
    def issuance_histories(self) -> tuple[TreeHistory, ...]:
        """The checkpoints of each issuer's log, in the manifest's order."""
        histories: list[TreeHistory] = []
        for issuer in self.manifest.issuers:
            series, final = (
                self.file(bundle.issuance_name(issuer.host, file)) for file in ("checkpoints.txt", "checkpoint")
            )
            origin = f"{issuer.host}/issuance/{self.manifest.slug}"
            try:
                histories.append(
                    self._read_history(series, final, origin, issuer.log_vkey, issuer.log_time_vkey)
                )  # fmt: skip
            except (InvalidBundle, InvalidProof) as error:
                raise InvalidBundle(f"issuance log of {issuer.host}: {error}") from error
        return tuple(histories)

    @_part("V8")
    def issuances(self) -> tuple[Issuances, ...]:
        """The entries of each issuer's log, in the manifest's order of issuers."""
        names = [bundle.issuance_name(issuer.host, "entries.jsonl") for issuer in self.manifest.issuers]
        return tuple(Issuances(name, self.file(name)) for name in names)

    @_part("V9")
    def survey(self) -> Survey:
        """What all lines of ballots.jsonl say; each has been read strictly."""
        return Survey(bundle.BALLOTS, self.file(bundle.BALLOTS))

    def ballots(self) -> Iterator[LoggedBallot]:
        """Give every line of ballots.jsonl, in log order, decoded anew: all of them at once would take gigabytes."""
        if len(self.survey):
            for number, line in enumerate(io.BytesIO(self.file(bundle.BALLOTS)), start=1):
                yield LoggedBallot(number, *decode_ballot(line))

    @_part("V10")
    def proofs(self) -> Proofs:
        """What holds of each ballot by itself: signatures, on all cores, and what it was committed to."""
        try:
            keys: list[dict[str, bytes]] | None = self.issuer_keys
        except Unread:
            keys = None
        prove = self._prover(keys)
        size = len(self.survey)
        signed, lacking, fits = np.zeros(size, np.bool_), np.zeros(size, np.uint8), np.zeros(size, np.bool_)
        for vote, proven in each(prove, self.ballots()):
            place = vote.number - 1
            signed[place], lacking[place], fits[place] = proven
            if place and not place % _TELL_EVERY:
                self.tell(f"{place:,} of {size:,} ballots")
        return Proofs(signed, lacking, fits)

    def _prover(self, keys: list[dict[str, bytes]] | None) -> Callable[[LoggedBallot], tuple[bool, int, bool]]:
        manifest, ctx = self.manifest, self.ctx
        inputs = [
            {cls: tokens.input_maker(tokens.challenge(issuer.host, ctx, manifest.box_host), spki)
             for cls, spki in by_class.items()}
            for issuer, by_class in zip(manifest.issuers, keys or (), strict=False)
        ]  # fmt: skip

        def lacking(vote: LoggedBallot, pk: bytes) -> int:
            header = vote.header
            if not keys or len(header.tok) != len(keys) or any(header.cls not in by_class for by_class in keys):
                return UNJUDGED
            for number, (by_class, make_input, token) in enumerate(zip(keys, inputs, vote.tokens, strict=True), 1):
                if not tokens.is_token(by_class[header.cls], make_input[header.cls](pk), token):
                    return number
            return 0

        def prove(vote: LoggedBallot) -> tuple[bool, int, bool]:
            pk = bytes.fromhex(vote.header.pk)
            signed = signing.verify(pk, ballot.signed_bytes(vote.header_bytes), vote.signature)
            return signed, lacking(vote, pk), _fits(ctx, pk, vote)

        return prove

    @_part("V12")
    def finals(self) -> Finals:
        """The final revisions: the highest of each key; of two equal ones, that with the smaller digest."""
        return Finals(*self.survey.finals())

    @_part("V14")
    def verdicts(self) -> dict[str, str]:
        """For every text of opened choices: empty where it is valid, else the code of what is wrong with it."""
        return {text: self._verdict(text) for text in self.survey.texts[1:]}

    def _verdict(self, text: str) -> str:
        try:
            self._choices(text)
        except InvalidBallot as error:
            return error.code
        return ""

    @_part("V14")
    def votes(self) -> Counter[str]:
        """The valid choices of all final revisions, as texts with their multiplicity."""
        survey, verdicts = self.survey, self.verdicts
        found = np.bincount(
            survey.table["choices"][self.finals.numbers.marks].astype(np.int64), minlength=len(survey.texts)
        )
        return Counter(
            {
                text: times
                for text, times in zip(survey.texts[1:], found[1:].tolist(), strict=True)
                if times and not verdicts[text]
            }
        )

    @_part("V17")
    def beacon(self) -> BeaconDraw:
        """The drawn seed."""
        return canonical.decode(self.file(bundle.BEACON), BeaconDraw)

    @_part("V19")
    def rounds(self) -> RankedRounds | BudgetRounds:
        """The published count."""
        data = self.file(bundle.ROUNDS)
        if self.manifest.kind == "ranked":
            return canonical.decode(data, RankedRounds)
        return canonical.decode(data, BudgetRounds)

    @_part("V19")
    def recount(self) -> Mapping[str, Any]:
        """The count that this verifier makes of the opened ballots, as plain values (see voting.plain_count)."""
        manifest = self.manifest
        ids = [option.id for option in manifest.options]
        costs = [option.cost for option in manifest.options if isinstance(option.cost, int)]
        try:
            return plain_count.count(
                f"{manifest.method.id}/{manifest.method.version}",
                [(self._plain(text), times) for text, times in sorted(self.votes.items())],
                options=ids,
                order=lot_order(ids, ctx=self.ctx, seed=self.beacon.seed),
                seats=manifest.seats if isinstance(manifest.seats, int) else 1,
                budget=self._budget,
                costs=costs or None,
                groups=manifest.exclusion_groups,
                minor_digits=manifest.minor_digits if isinstance(manifest.minor_digits, int) else 0,
            )
        except ValueError as error:
            raise InvalidBundle(f"this can't be counted: {error}") from error

    @property
    def _budget(self) -> int | None:
        return self.manifest.budget if isinstance(self.manifest.budget, int) else None

    def _choices(self, text: str) -> Choices:
        return read_choices(text, rules=self.manifest.ballot, options=self.manifest.options, budget=self._budget)

    def _plain(self, text: str) -> plain_count.Ballot:
        match self._choices(text):
            case Ranking(ranking):
                return cast(Sequence[str], ranking)
            case Approval(approved):
                return dict.fromkeys(approved, 1)
            case Allocation(pairs) | Scores(pairs):
                return dict(pairs)

    @_part("V20")
    def result(self) -> Result:
        """The result note's body, signed by the authority."""
        return statement.verify_result(self.file(bundle.RESULT), self.manifest.authority)


def _fits(ctx: bytes, pk: bytes, vote: LoggedBallot) -> bool:
    line, header = vote.line, vote.header
    if isinstance(line.sealed, str) and hashlib.sha256(base64.b64decode(line.sealed)).hexdigest() != header.seal:
        return False
    if line.open is None:
        return True
    made = ballot.commitment(
        ctx=ctx, pk=pk, rev=header.rev, salt=bytes.fromhex(line.open.salt), choices=line.open.choices.encode()
    )
    return made.hex() == header.commit


def prefix_roots(leaves: Iterator[bytes], sizes: set[int]) -> dict[int, bytes]:
    """Return the root over the first n leaf hashes for every n in `sizes` that the tree reaches."""
    tree = merkle.Frontier()
    roots = {0: merkle.EMPTY_ROOT} if 0 in sizes else {}
    for leaf in leaves:
        tree.append(leaf)
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots


def issuance_leaves(entries: Iterable[IssuanceEntry]) -> Iterator[bytes]:
    """Give the leaf hashes of an issuance log."""
    return (merkle.leaf_hash(issuance.entry_hash(entry)) for entry in entries)


def read_spki(issuer: Issuer, cls: str) -> bytes:
    """Return an issuer's key for a class.

    Raises:
        InvalidProof: It is not a key as the protocol has them.
    """
    try:
        spki = from_base64(issuer.spki[cls])
        tokens.decode_spki(spki)
    except VotingError as error:
        raise InvalidProof(f"{issuer.host}, class {cls}: {error}") from error
    return spki
