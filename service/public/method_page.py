"""What the page of a counting method shows: its numbered rules, worked examples, versions, and the code that counts."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import voting
from service.public.spec_text import Block, split_spec
from service.refusals import NotFound
from voting import methods

_PACKAGE = Path(voting.__file__).parent
PLAIN_COUNT = "voting/plain_count.py"


@dataclass(frozen=True)
class Example:
    """A worked example, as published. `ballots` and `ends` are lines; `rounds` is what it expects, as JSON."""

    id: str
    rules: tuple[str, ...]
    why: str
    setting: tuple[tuple[str, str], ...]
    ballots: tuple[str, ...]
    chosen: str
    expect: str


@dataclass(frozen=True)
class SourceFile:
    """A program that counts by the method: its path in the project, its address here, and its SHA-256 as hex."""

    path: str
    address: str
    sha256: str


@dataclass(frozen=True)
class MethodPage:
    """One method as its page shows it. `versions` holds the names of all versions, the one that is shown last."""

    id: str
    name: str
    versions: tuple[str, ...]
    blocks: tuple[Block, ...]
    examples: tuple[Example, ...]
    sources: tuple[SourceFile, ...]


def describe(method: methods.Method) -> MethodPage:
    """Return what the page of a method shows."""
    document = msgspec.json.decode(method.vectors)
    return MethodPage(
        id=method.id,
        name=method.name,
        versions=tuple(known.name for known in methods.METHODS if known.id == method.id),
        blocks=tuple(split_spec(method.spec.decode())),
        examples=tuple(map(_example, document["cases"])),
        sources=tuple(
            SourceFile(path, f"/methods/{method.id}/code/{path.rpartition('/')[2]}", _hash(path))
            for path in source_paths(method)
        ),
    )


def source_paths(method: methods.Method) -> tuple[str, str]:
    """Return the files of the two programs that count by a method, as paths in the project."""
    return method.counter.__module__.replace(".", "/") + ".py", PLAIN_COUNT


def read_source(method: methods.Method, file: str) -> bytes:
    """Return one of the two programs that count by a method, by its file name.

    Raises:
        NotFound: It is neither of them.
    """
    for path in source_paths(method):
        if path.rpartition("/")[2] == file:
            return _read(path)
    raise NotFound(f"{method.id} is not counted by a file {file!r}")


def _read(path: str) -> bytes:
    return (_PACKAGE.parent / path).read_bytes()


def _hash(path: str) -> str:
    return hashlib.sha256(_read(path)).hexdigest()


def _example(case: Mapping[str, Any]) -> Example:
    expect = case["expect"]
    setting = [("seats", str(case["seats"]))] if "seats" in case else []
    if "budget" in case:
        costs = "; ".join(f"{option} {cost:,}" for option, cost in zip(case["options"], case["costs"], strict=True))
        setting += [("budget", f"{case['budget']:,}"), ("costs", costs)]
        setting += [("groups", "; ".join(", ".join(group) for group in case["groups"]))] if case["groups"] else []
    setting.append(("lot order", ", ".join(case["order"])))
    chosen = expect["elected"] if "elected" in expect else expect["funded"]
    return Example(
        id=case["id"],
        rules=tuple(case["rules"]),
        why=case["why"],
        setting=tuple(setting),
        ballots=tuple(f"{ballot['count']} x {_choices(ballot)}" for ballot in case["ballots"]),
        chosen=", ".join(chosen) or "nobody" if "elected" in expect else ", ".join(chosen) or "nothing",
        expect=_lines(expect),
    )


def _choices(ballot: Mapping[str, Any]) -> str:
    if "ranking" in ballot:
        ranks = (rank if isinstance(rank, str) else " = ".join(rank) for rank in ballot["ranking"])
        return " > ".join(ranks) or "(nothing)"
    return (
        ", ".join(option if points == 1 else f"{option} {points}" for option, points in ballot["scores"]) or "(nothing)"
    )


def _lines(expect: Mapping[str, Any]) -> str:
    """The expected outcome as JSON, one line a member, and one for each round and row."""
    lines = []
    for name, value in expect.items():
        if (
            isinstance(value, list)
            and value
            and isinstance(value[0], Sequence | dict)
            and not isinstance(value[0], str)
        ):
            inner = ",\n  ".join(msgspec.json.encode(item).decode() for item in value)
            lines.append(f'"{name}": [\n  {inner}\n]')
        else:
            lines.append(f'"{name}": {msgspec.json.encode(value).decode()}')
    return ",\n".join(lines)
