"""What the page "Check the count" shows: the log as its checkpoints tell it, files with their sizes, notices.

Nothing here is verified: that is for those who read the page, with a program that is not ours to serve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.contest import (
    CancelNotice,
    ClientNotice,
    ExtendNotice,
    HandoutNotice,
    IncidentNotice,
    Manifest,
    Notice,
    ReplaceNotice,
    VoidNotice,
)
from service.public.wording import N_
from voting import bundle
from voting.proof import checkpoint, note, policy, statement
from voting.proof.note import SignatureLine

_STAMPED = 8 + 64
"""Bytes of a cosignature: its time, then an Ed25519 signature."""


@dataclass(frozen=True)
class LogState:
    """The log as one checkpoint tells it.

    Attributes:
        number: Of the epoch that it ends, from 0. None where earlier checkpoints are not known.
        added: Entries of that epoch; None likewise.
        size: Entries in all.
        root: 32 bytes as hex.
        at: The time of the log's own cosignature, POSIX seconds; None where it has none.
    """

    number: int | None
    added: int | None
    size: int
    root: str
    at: int | None


@dataclass(frozen=True)
class Download:
    """A file to take along: its name in the bundle, what it is (a msgid), and its size in bytes."""

    name: str
    label: str
    size: int


@dataclass(frozen=True)
class Trust:
    """The numbers of a manifest that decide who would have to lie.

    Attributes:
        authority: Verifier keys of the election authority.
        issuers: How many issuers must sign each token.
        witnesses: How many outsiders must sign the log at the least.
        dice: Whether ties are decided by dice rolled in public, and not by a secret that is revealed.
    """

    authority: tuple[str, ...]
    issuers: int
    witnesses: int
    dice: bool


@dataclass(frozen=True)
class Audit:
    """All that the page is made from.

    Attributes:
        published: Whether the result is.
        states: The log's checkpoints, newest first: all of them once voting is over, before that the newest.
        downloads: In the order of the page.
        notices: Oldest first.
    """

    published: bool
    trust: Trust
    states: tuple[LogState, ...]
    downloads: tuple[Download, ...]
    notices: tuple[Notice, ...]


EARLY = (
    (bundle.MANIFEST, N_("The rules that were fixed and signed: the manifest")),
    (bundle.LOG_CHECKPOINT, N_("The newest state of the log: the checkpoint")),
    (bundle.ROLL, N_("The roll: one line for each code, without names")),
    (bundle.POLICY, N_("Who must sign the log: the policy")),
)
"""What can be had before the result, by name in the bundle. None of it varies with the votes."""

LATE = (
    ("bundle.tar", N_("Everything in one file: the bundle")),
    (bundle.BALLOTS, N_("All ballots, without names")),
    (bundle.ROUNDS, N_("Every round of the count")),
    (bundle.RESULT, N_("The signed result")),
    (bundle.MANIFEST, N_("The rules that were fixed and signed: the manifest")),
    (bundle.LOG_ENTRIES, N_("All entries of the log")),
    (bundle.LOG_CHECKPOINTS, N_("All states of the log: the checkpoints")),
    ("issuance/{host}/entries.jsonl", N_("Which codes got a token, without names: the issuances")),
    ("issuance/{host}/checkpoints.txt", N_("All states of the log of issuances")),
    (bundle.ROLL, N_("The roll: one line for each code, without names")),
    (bundle.POLICY, N_("Who must sign the log: the policy")),
    (bundle.BEACON, N_("The draw that breaks ties")),
    (bundle.SPEC, N_("The exact rules of counting")),
    (bundle.VECTORS, N_("Worked examples for programs")),
    (bundle.SHA256SUMS, N_("Hashes of all files")),
)
"""What can be had with the result."""


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest of a note of our own store. Its signatures are for those who read it."""
    manifest: Manifest = statement.read(statement.MANIFEST, data, Manifest)
    return manifest


def read_notice(data: bytes) -> Notice:
    """Return the notice of a note of our own store."""
    notice: Notice = statement.read(statement.NOTICE, data, Notice)
    return notice


def trust_of(manifest: Manifest) -> Trust:
    """Return what a manifest says of those who must be trusted."""
    return Trust(
        authority=manifest.authority.keys,
        issuers=len(manifest.issuers),
        witnesses=policy.parse(manifest.policy).quorum_size(),
        dice=manifest.beacon.kind == "dice20",
    )


def read_state(data: bytes) -> LogState:
    """Return the log as its newest checkpoint tells it, a note."""
    text, lines = note.split(data)
    point = checkpoint.parse(text)
    return LogState(None, None, point.size, point.root.hex(), _own_time(point.origin, lines))


def read_states(series: bytes) -> tuple[LogState, ...]:
    """Return the log's states from a checkpoints.txt, oldest first: each note followed by one empty line."""
    blocks = series.split(b"\n\n")
    states: list[LogState] = []
    for text, lines in zip(blocks[:-1:2], blocks[1::2], strict=True):
        state = read_state(text + b"\n\n" + lines + b"\n")
        before = states[-1].size if states else 0
        states.append(LogState(len(states), state.size - before, state.size, state.root, state.at))
    return tuple(states)


def list_downloads(sizes: Mapping[str, int], hosts: Sequence[str], *, published: bool) -> tuple[Download, ...]:
    """Return the files that the page offers, of those that are there.

    Args:
        sizes: Bytes of every published file by its name.
        hosts: The issuers' hosts.
        published: Whether the result is. Before, only what can't vary with votes is offered.
    """
    found = []
    for pattern, label in LATE if published else EARLY:
        names = [pattern.format(host=host) for host in hosts] if "{host}" in pattern else [pattern]
        found += [Download(name, label, sizes[name]) for name in names if name in sizes]
    return tuple(found)


def act_of(notice: Notice) -> str:
    """Return what a notice does, a msgid."""
    return _ACTS[type(notice)]


_ACTS: dict[type, str] = {
    CancelNotice: N_("The question was called off."),
    ExtendNotice: N_("Voting closes later than planned."),
    ClientNotice: N_("A file of the voting page was announced."),
    VoidNotice: N_("A code was voided."),
    ReplaceNotice: N_("A code was replaced by a new one."),
    HandoutNotice: N_("Codes of the reserve were handed out."),
    IncidentNotice: N_("Something went wrong."),
}


def _own_time(origin: str, lines: Sequence[SignatureLine]) -> int | None:
    for line in lines:
        if line.name == origin and len(line.signature) == _STAMPED:
            return int.from_bytes(line.signature[:8], "big")
    return None
