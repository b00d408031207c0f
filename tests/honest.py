"""A complete and honest contest in memory, and the keys to cheat with.

`contest()` gives every party's keys, every step of the story as plain lists, and `files()`, which signs and writes the
bundle of whatever the lists hold by then. So a test changes one thing, lets the cheating party sign everything it can
sign, and looks which check still sees it.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.ballot import Approval, BallotLine, CastRequest, Choices, Header, Opening, Ranking
from schemas.bundle import Engine, Result, ResultCounts
from schemas.contest import (
    ApprovalRules,
    AuditRules,
    Authority,
    Beacon,
    EpochRules,
    HandoutNotice,
    Issuer,
    Manifest,
    MethodPin,
    Notice,
    Option,
    RankingRules,
    ReplaceNotice,
    ResponsePromise,
    VoterClass,
)
from schemas.log import BeaconDraw, Close
from schemas.outcome import RankedOutcome
from schemas.roll import IssuanceEntry, IssueRequest
from service.client import Voter, roll_secret_of
from service.registrar.signer import BlindSigner, new_key
from voting import bundle, methods, ties
from voting.checks_count import engine_sha256
from voting.errors import InvalidBallot
from voting.profile import Terms, merge, read_choices
from voting.proof import (
    ballot,
    canonical,
    codes,
    issuance,
    log,
    merkle,
    note,
    promise,
    roll,
    signing,
    statement,
    tokens,
)
from voting.proof.base64s import from_base64, to_base64
from voting.proof.checkpoint import Checkpoint
from voting.proof.promise import Promise
from voting.proof.statement import Signer

OPENS, CLOSES = 1_900_000_000, 1_900_086_400
ROLL_ID = hashlib.sha256(b"roll id").digest()[:16]
BOX = "box.example"
CLASSES = ("resident", "young")
"""Nobody of class `young` votes."""
RANKED_OPTIONS = tuple(Option(id=name) for name in ("oak", "elm", "ash", "fir"))
BUDGET_OPTIONS = tuple(Option(id=name, cost=cost) for name, cost in (("bus", 400), ("park", 300), ("light", 300)))


@dataclass(frozen=True)
class Keys:
    """Every private key there is."""

    authority: tuple[Signer, ...]
    box: Signer
    log: Signer
    witnesses: tuple[Signer, ...]
    issuance: tuple[Signer, ...]
    issuers: tuple[dict[str, BlindSigner], ...]
    seal: ec.EllipticCurvePrivateKey
    beacon: bytes = hashlib.sha256(b"beacon").digest()


@dataclass(frozen=True)
class Resident:
    """One code: the characters on the letter, and the key that they give."""

    code: str
    secret: bytes
    cls: str
    pool: int

    @property
    def pk(self) -> bytes:
        """The code's public key."""
        return signing.public_key(self.secret)


@dataclass
class Contest:
    """The story of one contest; `files` tells it from these lists, in which a test may change anything.

    Attributes:
        epochs: The log's entries by epoch, the close last; `times` has one time for each.
        lines: ballots.jsonl in log order.
        issuance_sizes: Sizes of the issuance logs' checkpoints.
        voters: Who cast, with their code.
        promises: The box's promises, in order of casting.
    """

    keys: Keys
    manifest: Manifest
    residents: list[Resident]
    leaves: list[roll.Leaf]
    notices: list[Notice] = field(default_factory=list)
    issuances: list[IssuanceEntry] = field(default_factory=list)
    issuance_sizes: list[int] = field(default_factory=list)
    epochs: list[list[bytes]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    lines: list[BallotLine] = field(default_factory=list)
    voters: list[tuple[Voter, Resident]] = field(default_factory=list)
    promises: list[bytes] = field(default_factory=list)
    drawn_at: int = CLOSES + 100

    @property
    def ctx(self) -> bytes:
        """The contest's identity."""
        return statement.contest_ctx(self.manifest)

    @property
    def method(self) -> methods.Method:
        """How it is counted."""
        return methods.find(self.manifest.method.id)

    def fork(self) -> "Contest":
        """Return a copy whose lists are its own."""
        copied: dict[str, Any] = {name: list(value) for name, value in vars(self).items() if isinstance(value, list)}
        return replace(self, **copied | {"epochs": [list(epoch) for epoch in self.epochs]})

    # -- what the parties do ----------------------------------------------------------------

    def issue(self, voter: Voter, resident: Resident) -> list[bytes]:
        """Let every issuer sign the voter's key for this code; return the tokens."""
        issued = []
        for index, body in enumerate(voter.issue_requests(resident.secret)):
            request = canonical.decode(body, IssueRequest)
            data = from_base64(request.request)
            issuance.check_request(request, data)
            signer = self.keys.issuers[index][resident.cls]
            issued.append(voter.token(index, signer.sign(tokens.read_request(data, signer.spki))))
        self.issuances.append(
            IssuanceEntry(
                ctx=request.ctx, cls=request.cls, roll_pk=request.roll_pk, channel=request.channel,
                requests=request.hashes, sig=request.sig,
            )
        )  # fmt: skip
        return issued

    def invent(self, seed: bytes, cls: str = "resident") -> tuple[Voter, list[bytes]]:
        """What dishonest issuers can do: sign the key of a voter whom nobody asked for."""
        voter = Voter(manifest=self.manifest, seed=hashlib.sha256(seed).digest(), cls=cls)
        signed = []
        for index, by_class in enumerate(self.keys.issuers):
            signer = by_class[cls]
            signed.append(voter.token(index, signer.sign(tokens.read_request(voter.token_request(index), signer.spki))))
        return voter, signed

    def cast(self, voter: Voter, choices: Choices, *, rev: int, held_tokens: list[bytes]) -> BallotLine:
        """Cast a ballot, get its promise, have the tallier open it; return its line. It is not yet in the log."""
        body = voter.ballot_body(choices, rev=rev, held_tokens=held_tokens)
        assert len(body) == self.manifest.body_size
        sent = canonical.decode(body, CastRequest)
        header = canonical.decode(sent.header.encode(), Header)
        info = ballot.seal_info(ctx=self.ctx, pk=voter.pk, rev=rev, commit=bytes.fromhex(header.commit))
        salt, words = ballot.open_sealed(self.keys.seal, from_base64(sent.sealed), info)
        line = BallotLine(
            header=sent.header, sig=sent.sig, open=Opening(salt=salt.hex(), choices=words.decode()),
            why=self.verdict(words.decode()),
        )  # fmt: skip
        self.promises.append(self.promise(digest_of(line)))
        return line

    def promise(self, digest: bytes, include_by: int = CLOSES + 3600) -> bytes:
        """Return the box's promise."""
        return promise.sign(Promise(self.ctx, digest, include_by), self.keys.box.secret, self.keys.box.name)

    def verdict(self, text: str) -> str:
        """Return the `why` of opened choices."""
        budget = self.manifest.budget if isinstance(self.manifest.budget, int) else None
        try:
            read_choices(text, rules=self.manifest.ballot, options=self.manifest.options, budget=budget)
        except InvalidBallot as error:
            return f"invalid:{error.code}"
        return ""

    def log_lines(self, *epochs: list[BallotLine]) -> None:
        """Put lines in the log, an epoch for each list, with the notices in the first and the close in the last."""
        self.lines = [line for epoch in epochs for line in epoch]
        told = [log.entry(log.STATEMENT, statement.notice_hash(notice)) for notice in self.notices]
        entries = [[log.entry(log.BALLOT, digest_of(line)) for line in epoch] for epoch in epochs]
        entries[0] = told + entries[0]
        entries[-1].append(self.close_entry())
        self.epochs = [[log.entry(log.STATEMENT, self.ctx)], *entries]
        self.times = [OPENS - 100, *(OPENS + 3600 * n for n in range(1, len(epochs))), CLOSES + 5]

    def close_entry(self) -> bytes:
        """Return the last entry for the lines there are."""
        return log.entry(log.CLOSE, log.close_digest(Close(ctx=self.ctx.hex(), n_ballots=len(self.lines), n_batches=0)))

    def relog(self) -> None:
        """Log the lines again after a test changed them, all in one epoch."""
        self.log_lines(list(self.lines))

    def revise(self) -> None:
        """Mark as superseded what is, and nothing else, as the tallier would."""
        final = self.final_lines()
        self.lines = [
            line if line in final else msgspec.structs.replace(line, open=None, why="superseded") for line in self.lines
        ]

    def final_lines(self) -> list[BallotLine]:
        """Return the last revision of each key."""
        best: dict[str, tuple[int, bytes, BallotLine]] = {}
        for line in self.lines:
            header = header_of(line)
            mine = (-header.rev, digest_of(line), line)
            best[header.pk] = min(mine, best.get(header.pk, mine), key=lambda one: one[:2])
        return [line for _, _, line in best.values()]

    # -- the bundle -------------------------------------------------------------------------

    def checkpoint(self, entries: Iterable[bytes], signer: Signer, *, at: int) -> bytes:
        """Return the checkpoint of a log with these entries, with the witnesses' cosignatures."""
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        point = Checkpoint(signer.name, len(leaves), merkle.root(leaves))
        seen = (note.cosign(point.text(), one.secret, one.name, at=at + 1) for one in self.keys.witnesses)
        return log.sign_checkpoint(point, signer, at=at) + "".join(seen).encode()

    def seed(self) -> str:
        """Return the seed as the tallier draws it."""
        if self.manifest.beacon.kind == "dice20":
            return "63454660390103169462"
        digests = [entry[1:] for epoch in self.epochs for entry in epoch if entry[0] in (log.BALLOT, log.PAPER_BATCH)]
        return log.reveal_seed(self.keys.beacon, ctx=self.ctx, digests=digests)

    def count(self, seed: str) -> tuple[bytes, tuple[str, ...]]:
        """Return tally/rounds.json and who is elected or what is funded, by the fast engine."""
        manifest = self.manifest
        ids = tuple(option.id for option in manifest.options)
        budget = manifest.budget if isinstance(manifest.budget, int) else None
        valid = [
            read_choices(line.open.choices, rules=manifest.ballot, options=manifest.options, budget=budget)
            for line in self.final_lines()
            if line.open is not None and not line.why
        ]
        costs = tuple(option.cost for option in manifest.options if isinstance(option.cost, int))
        seats = manifest.seats if isinstance(manifest.seats, int) else 1
        digits = manifest.minor_digits if isinstance(manifest.minor_digits, int) else 0
        terms = Terms(
            ids, seats=seats, budget=budget, costs=costs, groups=manifest.exclusion_groups, minor_digits=digits
        )
        outcome = self.method.count(merge(valid, ids), terms=terms, order=ties.lot_order(ids, ctx=self.ctx, seed=seed))
        lots = [ties.lot(option, self.ctx, seed) for option in ids]
        rounds = methods.published_rounds(outcome, ctx_hex=self.ctx.hex(), lots=lots)
        winners = outcome.elected if isinstance(outcome, RankedOutcome) else outcome.funded
        return canonical.encode(rounds), winners

    def files(
        self,
        *,
        tamper: Callable[[dict[str, bytes]], None] = lambda files: None,
        result: Callable[[Result], Result] = lambda result: result,
    ) -> dict[str, bytes]:
        """Return the bundle, signed by whoever signs what.

        Args:
            tamper: Changes files before they are listed and the result is signed.
            result: Changes the result before it is signed.
        """
        keys, manifest = self.keys, self.manifest
        authority = keys.authority[: manifest.authority.threshold]
        entries = [entry for epoch in self.epochs for entry in epoch]
        points = []
        for number, at in enumerate(self.times, start=1):
            sealed = [entry for epoch in self.epochs[:number] for entry in epoch]
            points.append(self.checkpoint(sealed, keys.log, at=at))
        seed = self.seed()
        rounds, winners = self.count(seed)
        files = {
            bundle.MANIFEST: statement.sign(statement.MANIFEST, manifest, authority),
            bundle.POLICY: "".join(f"{line}\n" for line in manifest.policy).encode(),
            bundle.ROLL: roll.write(self.leaves),
            bundle.LOG_CHECKPOINT: points[-1],
            bundle.LOG_CHECKPOINTS: b"".join(point + b"\n" for point in points),
            bundle.LOG_ENTRIES: b"".join(entries),
            bundle.BALLOTS: b"".join(canonical.encode(line) + b"\n" for line in self.lines),
            bundle.BEACON: canonical.encode(self.draw(seed)),
            bundle.ROUNDS: rounds,
            bundle.SPEC: self.method.spec,
            bundle.VECTORS: self.method.vectors,
            bundle.README: b"How to check this: voting/FORMAT.md\n",
        }
        for notice in self.notices:
            files[bundle.notice_name(notice.n)] = statement.sign(statement.NOTICE, notice, authority)
        for issuer, signer in zip(manifest.issuers, keys.issuance, strict=True):
            files |= self.issuance_files(issuer.host, signer, self.issuances)
        tamper(files)
        files[bundle.SHA256SUMS] = bundle.sha256sums(files)
        body = result(self.result(files, seed, winners))
        files[bundle.RESULT] = statement.sign(statement.RESULT, body, authority)
        return files

    def issuance_files(self, host: str, signer: Signer, entries: list[IssuanceEntry]) -> dict[str, bytes]:
        """Return the files of one issuer's log."""
        hashes = [issuance.entry_hash(entry) for entry in entries]
        sizes = [*(size for size in self.issuance_sizes if size < len(hashes)), len(hashes)]
        points = [self.checkpoint(hashes[:size], signer, at=OPENS + 60 * size) for size in sizes]
        return {
            bundle.issuance_name(host, "checkpoint"): points[-1],
            bundle.issuance_name(host, "checkpoints.txt"): b"".join(point + b"\n" for point in points),
            bundle.issuance_name(host, "entries.jsonl"): b"".join(canonical.encode(one) + b"\n" for one in entries),
        }

    def draw(self, seed: str) -> BeaconDraw:
        """Return what beacon.json says."""
        if self.manifest.beacon.kind == "dice20":
            return BeaconDraw(kind="dice20", digits=seed, drawn_at=self.drawn_at, seed=seed)
        return BeaconDraw(kind="reveal", secret=self.keys.beacon.hex(), drawn_at=self.drawn_at, seed=seed)

    def result(self, files: dict[str, bytes], seed: str, winners: tuple[str, ...]) -> Result:
        """Return the result's body for these files."""
        final = self.final_lines()
        fast = "voting.ranked.irv" if self.manifest.kind == "ranked" else "voting.budget.greedy"
        entries = [entry for epoch in self.epochs for entry in epoch]
        return Result(
            ctx=self.ctx.hex(),
            size=len(entries),
            root=merkle.root(map(merkle.leaf_hash, entries)).hex(),
            seed=seed,
            counts=ResultCounts(
                eligible=self.manifest.roll_size,
                issued=len(self.issuances),
                cast=len(self.lines),
                final=len(final),
                superseded=len(self.lines) - len(final),
                invalid=dict(Counter(line.why.removeprefix("invalid:") for line in final if "invalid" in line.why)),
                paper=0,
                assisted=0,
            ),
            engines=tuple(
                Engine(name=name, version=self.method.name, sha256=engine_sha256(name) or "", agrees=True)
                for name in (fast, "voting.plain_count")
            ),
            rounds_sha256=hashlib.sha256(files[bundle.ROUNDS]).hexdigest(),
            elected=winners if self.manifest.kind == "ranked" else msgspec.UNSET,
            funded=winners if self.manifest.kind == "budget" else msgspec.UNSET,
            sha256sums_sha256=hashlib.sha256(files[bundle.SHA256SUMS]).hexdigest(),
        )


def header_of(line: BallotLine) -> Header:
    """Return a line's header."""
    return canonical.decode(line.header.encode(), Header)


def digest_of(line: BallotLine) -> bytes:
    """Return the digest of a line's ballot."""
    return ballot.digest(line.header.encode(), from_base64(line.sig))


def signed_line(line: BallotLine, header: Header, secret: bytes) -> BallotLine:
    """Return the line with another header, signed by a voter's key."""
    data = canonical.encode(header)
    signature = signing.sign(secret, ballot.signed_bytes(data))
    return msgspec.structs.replace(line, header=data.decode(), sig=to_base64(signature))


@cache
def issuer_key(index: int, cls: str) -> BlindSigner:
    """Return the key of issuer `index` for a class; made once, since RSA keys take their time."""
    return BlindSigner(new_key())


def contest(
    kind: Literal["ranked", "budget"] = "ranked",
    *,
    voters: int = 5,
    level: Literal["standard", "high"] = "standard",
    change: Callable[[Manifest], Manifest] | None = None,
) -> Contest:
    """Return an honest contest: a voter revises once, one ballot is invalid, a lost letter was replaced, four epochs.

    Args:
        kind: "ranked" is counted by irv, "budget" by greedy on approvals.
        voters: How many cast, 3 or more.
        level: "high" has two issuers, two witnesses, an authority of two of three keys, and dice.
        change: Changes the manifest before anyone signs anything.
    """
    if change is None:
        return _contest(kind, voters, level).fork()
    return _build(kind, voters, level, change)


@cache
def _contest(kind: Literal["ranked", "budget"], voters: int, level: Literal["standard", "high"]) -> Contest:
    return _build(kind, voters, level, lambda manifest: manifest)


def _build(
    kind: Literal["ranked", "budget"],
    voters: int,
    level: Literal["standard", "high"],
    change: Callable[[Manifest], Manifest],
) -> Contest:
    keys = _keys(2 if level == "high" else 1, slug=f"{kind}-contest")
    residents = [_resident(number, "resident", 0) for number in range(voters + 2)]
    residents += [_resident(number, "resident", 1) for number in range(10**6, 10**6 + 2)]
    residents += [_resident(number, "young", 0) for number in range(2 * 10**6, 2 * 10**6 + 3)]
    leaves = [roll.Leaf(one.pk, CLASSES.index(one.cls), one.pool) for one in residents]
    manifest = change(_manifest(kind, level, keys, residents, leaves))
    made = Contest(keys=keys, manifest=manifest, residents=residents, leaves=leaves)
    ctx = made.ctx.hex()
    lost, reserve = residents[voters], residents[voters + 2]
    made.notices = [
        ReplaceNotice(type="weighin/v1/notice", ctx=ctx, n=1, at=OPENS - 50, roll_pk=lost.pk.hex(), channel="desk"),
        HandoutNotice(type="weighin/v1/notice", ctx=ctx, n=2, at=OPENS - 40, cls="resident", channel="link", count=1),
    ]
    for number, resident in enumerate([*residents[: voters - 1], reserve]):
        voter = Voter(manifest=manifest, seed=hashlib.sha256(f"voter {number}".encode()).digest(), cls="resident")
        made.voters.append((voter, resident))
    held = [made.issue(voter, resident) for voter, resident in made.voters]
    made.issuance_sizes = [1, 3]
    lines = [
        made.cast(voter, _choices(kind, number), rev=1, held_tokens=held[number])
        for number, (voter, _) in enumerate(made.voters)
    ]
    again = made.cast(made.voters[0][0], _choices(kind, 3), rev=2, held_tokens=held[0])
    lines[0] = msgspec.structs.replace(lines[0], open=None, why="superseded")
    half = len(lines) // 2
    epochs = [lines[:half], lines[half:], [again]]
    for epoch in epochs:
        random.Random(7).shuffle(epoch)
    made.log_lines(*epochs)
    return made


def _choices(kind: str, number: int) -> Choices:
    """The second voter's ballot is invalid: it names an option that there is not."""
    names = ("oak", "elm", "ash", "fir") if kind == "ranked" else ("bus", "light", "park")
    if number == 1:
        return Ranking(("oak", "yew")) if kind == "ranked" else Approval(("bus", "yew"))
    if kind == "ranked":
        turn = number % 4
        return Ranking((names[turn:] + names[:turn])[:3])
    return Approval(tuple(sorted({names[number % 3], names[(number + 1) % 3]})))


def _resident(number: int, cls: str, pool: int) -> Resident:
    code = codes.format_groups(hashlib.sha256(f"code {number}".encode()).digest()[:10])
    secret = codes.roll_secret(codes.parse_groups(code, 10), ROLL_ID)
    return Resident(code=code, secret=secret, cls=cls, pool=pool)


def _signer(name: str) -> Signer:
    return Signer(secret=hashlib.sha256(f"secret of {name}".encode()).digest(), name=name)


def _keys(issuers: int, *, slug: str) -> Keys:
    return Keys(
        authority=tuple(_signer(f"{who}.example/authority") for who in ("clerk", "board", "auditor")),
        box=_signer(f"{BOX}/promise"),
        log=_signer(f"{BOX}/log/{slug}"),
        witnesses=tuple(_signer(f"witness{n}.example") for n in range(3)) if issuers > 1 else (),
        issuance=tuple(_signer(f"registrar{n}.example/issuance/{slug}") for n in range(issuers)),
        issuers=tuple({cls: issuer_key(index, cls) for cls in CLASSES} for index in range(issuers)),
        seal=ec.derive_private_key(int.from_bytes(hashlib.sha256(b"seal").digest(), "big") >> 8, ec.SECP256R1()),
    )


def _manifest(
    kind: Literal["ranked", "budget"],
    level: Literal["standard", "high"],
    keys: Keys,
    residents: list[Resident],
    leaves: list[roll.Leaf],
) -> Manifest:
    high = level == "high"
    ranked = kind == "ranked"
    method = methods.find("irv" if ranked else "greedy")
    options = RANKED_OPTIONS if ranked else BUDGET_OPTIONS
    rules = RankingRules(max_ranks=3, equal=False) if ranked else ApprovalRules(max_choices=2)
    pad = ballot.pad_size(rules, [option.id for option in options])
    policy = [f"log {keys.log.vkey}"]
    policy += [f"witness w{n} {signer.time_vkey}" for n, signer in enumerate(keys.witnesses)]
    policy += ["group two 2 w0 w1 w2", "quorum two"] if high else ["quorum none"]
    issuers = tuple(
        Issuer(
            host=f"registrar{index}.example",
            spki={cls: to_base64(signer.spki) for cls, signer in by_class.items()},
            log_vkey=keys.issuance[index].vkey,
            log_time_vkey=keys.issuance[index].time_vkey,
        )
        for index, by_class in enumerate(keys.issuers)
    )
    point = keys.seal.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    sizes = Counter((one.cls, one.pool) for one in residents)
    return Manifest(
        type="weighin/v1/manifest",
        level=level,
        rehearsal=False,
        slug=f"{kind}-contest",
        title="What first?",
        languages=("en",),
        texts_sha256={"en": hashlib.sha256(b"texts").hexdigest()},
        kind=kind,
        options=options,
        exclusion_groups=() if ranked else (("light", "park"),),
        budget=msgspec.UNSET if ranked else 700,
        currency=msgspec.UNSET if ranked else "EUR",
        minor_digits=msgspec.UNSET if ranked else 2,
        seats=1 if ranked else msgspec.UNSET,
        method=MethodPin(
            id=method.id,
            version=method.version,
            spec_sha256=hashlib.sha256(method.spec).hexdigest(),
            vectors_sha256=hashlib.sha256(method.vectors).hexdigest(),
        ),
        ballot=rules,
        pad=pad,
        classes=tuple(VoterClass(id=cls, roll_size=sizes[cls, 0], reserve_size=sizes[cls, 1]) for cls in CLASSES),
        roll_id=ROLL_ID.hex(),
        roll_root=roll.root(leaves).hex(),
        roll_size=len(leaves),
        issuers=issuers,
        issuer_policy="all",
        box_host=BOX,
        box_vkey=keys.box.vkey,
        log_origin=keys.log.name,
        log_vkey=keys.log.vkey,
        log_time_vkey=keys.log.time_vkey,
        policy=tuple(policy),
        seal_key=to_base64(point),
        assisted=False,
        opens_at=OPENS,
        issues_from=OPENS - 1000,
        closes_at=CLOSES,
        epoch=EpochRules(min_batch=50, min_s=3600, max_s=86400),
        max_rev=9,
        body_size=ballot.body_size(pad=pad, issuers=len(issuers), class_ids=CLASSES, max_rev=9),
        beacon=Beacon(kind="dice20") if high else Beacon(kind="reveal", commit=hashlib.sha256(keys.beacon).hexdigest()),
        min_cell=10,
        response_promise=ResponsePromise(official="Chief Doe", due=CLOSES + 10**6, binding=False),
        authority=Authority(
            keys=tuple(signer.vkey for signer in keys.authority[: 3 if high else 1]), threshold=2 if high else 1
        ),
        audit=AuditRules(issuance_n=59, paper_rule=""),
    )


def code_secret(code: str, manifest: Manifest) -> bytes:
    """Return the key of a typed code, as the voter's client makes it."""
    return roll_secret_of(code, manifest)
