"""Whose signatures a checkpoint needs: a log policy (c2sp.org/tlog-policy) with witnesses, groups and a quorum."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from voting.errors import InvalidProof
from voting.proof import note
from voting.proof.note import VerifierKey

NONE = "none"
"""The quorum of a log without witnesses."""
_LINES_MAX = 200


@dataclass(frozen=True)
class Group:
    """Some witnesses or groups by name, and how many of them make the group satisfied."""

    members: tuple[str, ...]
    threshold: int


@dataclass(frozen=True)
class Policy:
    """A parsed policy.

    Attributes:
        logs: Keys of the logs it speaks of.
        witnesses: Cosignature keys by the name that the policy gives them.
        groups: Groups by name.
        quorum: The witness or group that must be satisfied, or `NONE`.
    """

    logs: tuple[VerifierKey, ...]
    witnesses: dict[str, VerifierKey]
    groups: dict[str, Group]
    quorum: str

    def is_met(self, signers: Collection[VerifierKey]) -> bool:
        """Tell whether these keys, all verified, make the quorum."""
        return self.quorum == NONE or self._is_met(self.quorum, signers)

    def quorum_size(self) -> int:
        """Return the least number of witnesses that make the quorum."""
        return 0 if self.quorum == NONE else self._size(self.quorum)

    def _is_met(self, name: str, signers: Collection[VerifierKey]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return self.witnesses[name] in signers
        return sum(self._is_met(member, signers) for member in group.members) >= group.threshold

    def _size(self, name: str) -> int:
        group = self.groups.get(name)
        if group is None:
            return 1
        return sum(sorted(map(self._size, group.members))[: group.threshold])


def parse(lines: Sequence[str]) -> Policy:
    """Return the policy that the lines say.

    A name must be defined before it is used and be a member of one group at most, so groups can't form a circle and
    no witness counts twice. Two names for one key are refused for the same reason.

    Raises:
        InvalidProof: A line that can't be read; the text says which.
    """
    if len(lines) > _LINES_MAX:
        raise InvalidProof(f"a policy has at most {_LINES_MAX} lines")
    logs: list[VerifierKey] = []
    witnesses: dict[str, VerifierKey] = {}
    groups: dict[str, Group] = {}
    quorum: str | None = None
    free: set[str] = set()
    for number, line in enumerate(lines, start=1):
        words = line.split(" ")
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                logs.append(note.parse_vkey(vkey))
            case ["witness", name, vkey] | ["witness", name, vkey, _] if _is_new(name, witnesses, groups):
                key = note.parse_vkey(vkey)
                if key.algorithm != note.COSIGNATURE:
                    raise InvalidProof(f"policy line {number}: the key of witness {name!r} is not for cosignatures")
                witnesses[name] = key
                free.add(name)
            case ["group", name, needed, *members] if members and _is_new(name, witnesses, groups):
                if len(set(members)) != len(members) or not free.issuperset(members):
                    raise InvalidProof(f"policy line {number}: members must be defined above, each in one group")
                free.difference_update(members)
                groups[name] = Group(tuple(members), _threshold(needed, len(members), number))
                free.add(name)
            case ["quorum", name] if quorum is None and (name == NONE or name in witnesses or name in groups):
                quorum = name
            case _:
                raise InvalidProof(f"policy line {number} is none of log, witness, group, quorum, or comes too early")
    if quorum is None:
        raise InvalidProof("the policy names no quorum")
    if len({key.key for key in (*logs, *witnesses.values())}) != len(logs) + len(witnesses):
        raise InvalidProof("two signers of the policy have the same key")
    return Policy(logs=tuple(logs), witnesses=witnesses, groups=groups, quorum=quorum)


def _is_new(name: str, witnesses: dict[str, VerifierKey], groups: dict[str, Group]) -> bool:
    return bool(name) and name != NONE and name not in witnesses and name not in groups


def _threshold(needed: str, members: int, number: int) -> int:
    if needed in ("any", "all"):
        return 1 if needed == "any" else members
    if not (needed.isascii() and needed.isdigit()) or len(needed) > 4 or not 1 <= int(needed) <= members:
        raise InvalidProof(f"policy line {number}: a group needs any, all, or 1 to {members} of its members")
    return int(needed)
