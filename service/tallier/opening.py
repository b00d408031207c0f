"""The story of the opening: every voter's last ballot is unsealed and published with what proves it (section 10)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from schemas.ballot import BallotLine, Choices, Header, Opening
from schemas.contest import Manifest
from voting import profile
from voting.errors import InvalidBallot, InvalidEncoding, InvalidProof
from voting.proof import ballot, canonical, log, statement
from voting.proof.base64s import to_base64


@dataclass(frozen=True)
class SealedBallot:
    """A ballot as the box holds it."""

    pk: bytes
    rev: int
    digest: bytes
    header: bytes
    sealed: bytes
    sig: bytes


@dataclass(frozen=True)
class Opened:
    """The published lines in log order, the valid choices, and how many final ballots were invalid, by code."""

    lines: bytes
    choices: tuple[Choices, ...]
    final: int
    invalid: dict[str, int]


def open_ballots(
    manifest: Manifest,
    key: EllipticCurvePrivateKey,
    entries: Iterable[bytes],
    ballots: Mapping[bytes, SealedBallot],
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> Opened:
    """Open every final revision of a closed contest.

    Args:
        manifest: The contest.
        key: The tally key.
        entries: The log's entries, in order.
        ballots: The sealed ballots, by digest.
        progress: Called now and then with how many entries are done.

    Raises:
        InvalidProof: A logged ballot is not in the box. That is the box's failure, and nothing is published.
    """
    ctx = statement.contest_ctx(manifest)
    logged = [entry[1:] for entry in entries if entry[0] == log.BALLOT]
    if missing := sum(digest not in ballots for digest in logged):
        raise InvalidProof(f"{missing} logged ballots are not in the box")
    final: dict[bytes, tuple[int, bytes]] = {}
    for digest in logged:
        one = ballots[digest]
        best = final.get(one.pk)
        if best is None or one.rev > best[0] or (one.rev == best[0] and digest < best[1]):
            final[one.pk] = (one.rev, digest)

    lines: list[bytes] = []
    choices: list[Choices] = []
    invalid: dict[str, int] = {}
    for done, digest in enumerate(logged):
        one = ballots[digest]
        if final[one.pk][1] != digest:
            line = BallotLine(header=one.header.decode(), sig=to_base64(one.sig), open=None, why="superseded")
        else:
            line, choice = _open_one(manifest, ctx, key, one)
            if choice is not None:
                choices.append(choice)
            else:
                code = line.why.removeprefix("invalid:")
                invalid[code] = invalid.get(code, 0) + 1
        lines.append(canonical.encode(line) + b"\n")
        if done % 256 == 0:
            progress(done)
    return Opened(lines=b"".join(lines), choices=tuple(choices), final=len(final), invalid=invalid)


def _open_one(
    manifest: Manifest, ctx: bytes, key: EllipticCurvePrivateKey, one: SealedBallot
) -> tuple[BallotLine, Choices | None]:
    header: Header = canonical.decode(one.header, Header)
    commit = bytes.fromhex(header.commit)
    info = ballot.seal_info(ctx=ctx, pk=one.pk, rev=one.rev, commit=commit)
    signature = to_base64(one.sig)
    try:
        salt, words = ballot.open_sealed(key, one.sealed, info)
        text = words.decode()
        if ballot.commitment(ctx=ctx, pk=one.pk, rev=one.rev, salt=salt, choices=words) != commit:
            raise InvalidProof("the opening is not what the ballot commits to")
        canonical.check_text(canonical.encode(text))
    except (InvalidProof, InvalidEncoding, UnicodeDecodeError):
        return (
            BallotLine(
                header=one.header.decode(), sig=signature, open=None, why="invalid:seal", sealed=to_base64(one.sealed)
            ),
            None,
        )
    opening = Opening(salt=salt.hex(), choices=text)
    try:
        choices = profile.read_choices(
            text, rules=manifest.ballot, options=manifest.options,
            budget=manifest.budget if isinstance(manifest.budget, int) else None,
        )  # fmt: skip
    except InvalidBallot as error:
        return BallotLine(header=one.header.decode(), sig=signature, open=opening, why=f"invalid:{error.code}"), None
    return BallotLine(header=one.header.decode(), sig=signature, open=opening, why=""), choices
