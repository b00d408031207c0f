"""A log's next epoch: entries shuffled, appended, their root computed twice, signed (protocol section 9)."""

import secrets
from collections.abc import Iterable, Sequence

from schemas.contest import EpochRules
from voting.errors import InvalidProof
from voting.proof import log, merkle
from voting.proof.checkpoint import Checkpoint
from voting.proof.statement import Signer

MARGIN_SECONDS_MAX = 60


def is_due(rules: EpochRules, *, waiting: int, started_at: int, now: int) -> bool:
    """Tell whether an epoch ends now: enough entries after `min_s`, or any entry just before `max_s` (POSIX seconds).

    Promises say that a ballot is in the log *by* `max_s`, and auditors hold the box to it. So it is sealed an eighth of
    `max_s` earlier, at most a minute: a busy sequencer still keeps its word.
    """
    age = now - started_at
    return (waiting >= rules.min_batch and age >= rules.min_s) or (waiting > 0 and age >= _age_max(rules))


def age_min(rules: EpochRules) -> int:
    """Return the age, in seconds, before which nothing is to do about an epoch, however many entries wait."""
    return min(rules.min_s, _age_max(rules), rules.max_s // 2)


def _age_max(rules: EpochRules) -> int:
    return rules.max_s - min(MARGIN_SECONDS_MAX, rules.max_s // 8)


def shuffled(entries: Iterable[bytes]) -> list[bytes]:
    """Return the entries in an order drawn by the operating system's generator: who came when is lost."""
    order = list(entries)
    secrets.SystemRandom().shuffle(order)
    return order


def extend(
    earlier: Sequence[bytes], entries: Sequence[bytes], *, signer: Signer, entry_size: int, at: int
) -> tuple[int, bytes]:
    """Return size and checkpoint note of a log to which `entries` are appended.

    The root is computed twice, from scratch and by appending to the earlier tree: a flipped bit in memory has ended a
    public log before.

    Args:
        earlier: The entries of each epoch so far, joined, in order.
        entries: The entries of this epoch, in their final order.
        signer: The log's key; its name is the origin.
        entry_size: Bytes of an entry.
        at: The time of the log's own cosignature, POSIX seconds.

    Raises:
        InvalidProof: The two roots differ. Nothing was signed.
    """
    before = [block[i : i + entry_size] for block in earlier for i in range(0, len(block), entry_size)]
    tree = merkle.Frontier()
    for entry in before:
        tree.append(merkle.leaf_hash(entry))
    for entry in entries:
        tree.append(merkle.leaf_hash(entry))
    again = _root_by_halves([merkle.leaf_hash(entry) for entry in (*before, *entries)])
    if tree.root() != again:
        raise InvalidProof("two computations of the log's root differ: this machine makes errors, nothing was signed")
    point = Checkpoint(origin=signer.name, size=tree.size, root=again)
    return tree.size, log.sign_checkpoint(point, signer, at=at)


def _root_by_halves(leaves: list[bytes]) -> bytes:
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node_hash(_root_by_halves(leaves[:half]), _root_by_halves(leaves[half:]))
