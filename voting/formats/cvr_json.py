"""Cast vote records as JSON, in the common data format of NIST SP 1500-103, version 1.0: reading, one contest.

Of every record the current snapshot counts, and in it the marks that are allocable. A record without the contest is no
ballot in it; a record with the contest and no marks is an empty one. Options are named by their candidates.

Source: https://doi.org/10.6028/NIST.SP.1500-103
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from schemas.base import SAFE_INTEGER
from voting.errors import InvalidFile
from voting.formats.lines import Merger, Source, sorted_ties
from voting.formats.names import fault_of, shown
from voting.profile import RankedProfile

_SIZE_MAX = 4 << 30
_T = TypeVar("_T")


class _Part(msgspec.Struct, frozen=True, rename={"id": "@id"}):
    """An object with an identity; what we don't use of it is passed over."""

    id: str = ""


class _Candidate(_Part, frozen=True, rename={"id": "@id", "name": "Name"}):
    name: str = ""


class _Selection(
    _Part,
    frozen=True,
    rename={"id": "@id", "candidates": "CandidateIds", "write_in": "IsWriteIn", "text": "Selection"},
):
    candidates: tuple[str, ...] = ()
    write_in: bool = False
    text: str = ""


class _Contest(_Part, frozen=True, rename={"id": "@id", "name": "Name", "selections": "ContestSelection"}):
    name: str = ""
    selections: tuple[_Selection, ...] = ()


class _Election(_Part, frozen=True, rename={"id": "@id", "candidates": "Candidate", "contests": "Contest"}):
    candidates: tuple[_Candidate, ...] = ()
    contests: tuple[_Contest, ...] = ()


class _Position(
    msgspec.Struct, frozen=True, rename={"indicated": "HasIndication", "allocable": "IsAllocable", "rank": "Rank"}
):
    indicated: str = "yes"
    allocable: str = "yes"
    rank: int | None = None


class _Mark(
    msgspec.Struct,
    frozen=True,
    rename={"selection": "ContestSelectionId", "rank": "Rank", "positions": "SelectionPosition"},
):
    selection: str = ""
    rank: int | None = None
    positions: tuple[_Position, ...] = ()


class _Marks(msgspec.Struct, frozen=True, rename={"contest": "ContestId", "marks": "CVRContestSelection"}):
    contest: str
    marks: tuple[_Mark, ...] = ()


class _Snapshot(_Part, frozen=True, rename={"id": "@id", "contests": "CVRContest"}):
    contests: tuple[_Marks, ...] = ()


class _Record(msgspec.Struct, frozen=True, rename={"current": "CurrentSnapshotId", "snapshots": "CVRSnapshot"}):
    current: str
    snapshots: tuple[_Snapshot, ...]


class _Report(msgspec.Struct, frozen=True, rename={"elections": "Election", "records": "CVR"}):
    elections: tuple[_Election, ...]
    records: tuple[_Record, ...] = ()


@dataclass(frozen=True, eq=False)
class CvrFile:
    """What a file of cast vote records says of one contest.

    Attributes:
        contest: Its name, or its id where it has none.
        profile: The ballots over its options, in the order of the file.
    """

    contest: str
    profile: RankedProfile


def read_cvr_json(data: Source, *, contest: str | None = None, equal_ranks: bool = True) -> CvrFile:
    """Return the ballots of one contest, or refuse all of them.

    Args:
        data: The file, or its chunks.
        contest: The name or the id of the contest; needed where the file has several.
        equal_ranks: Whether options may share a rank; False for methods that don't take it.

    Raises:
        InvalidFile: With the place, the reason, and how to mend it.
    """
    report = _decode(data)
    chosen = _choose(report, contest)
    title = chosen.name or chosen.id
    options, names = _options(report, chosen)
    merger = Merger()
    rows: Counter[tuple[int, ...]] = Counter()
    for number, record in enumerate(report.records, 1):
        where = f"record {number} of CVR"
        snapshot = _only(
            [each for each in record.snapshots if each.id == record.current],
            f"{where}: not exactly one snapshot is {record.current[:40]!r}; mend CurrentSnapshotId",
        )
        marked = [each for each in snapshot.contests if each.contest == chosen.id]
        if not marked:
            continue
        marks = _only(marked, f"{where}: the contest stands twice in one snapshot; remove one")
        rows[_ranking(marks.marks, options, names, equal_ranks=equal_ranks, where=where)] += 1
    merger.add_rows(rows, size=len(names))
    return CvrFile(contest=title, profile=merger.profile(names))


def _decode(data: Source) -> _Report:
    whole = data if isinstance(data, bytes) else b"".join(data)
    whole = whole.removeprefix(b"\xef\xbb\xbf")
    try:
        return msgspec.json.decode(whole, type=_Report)
    except msgspec.ValidationError as error:
        raise InvalidFile(
            f"line {_line_of(whole, error)}: not as SP 1500-103 has it: {shown(error)}; export it again"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFile(f"line {_line_of(whole, error)}: no JSON: {shown(error)}; export it again") from None


def _line_of(data: bytes, error: Exception) -> int:
    """The line of a byte that the decoder names; the first line where it names a path instead."""
    found = re.search(r"byte (\d+)", str(error))
    return data.count(b"\n", 0, int(found[1])) + 1 if found else 1


def _choose(report: _Report, wanted: str | None) -> _Contest:
    contests = [contest for election in report.elections for contest in election.contests]
    if not contests:
        raise InvalidFile("line 1: the file has no contest; export it with Election and Contest")
    listed = ", ".join(repr((contest.name or contest.id)[:80]) for contest in contests[:20])
    if wanted is None:
        if len(contests) > 1:
            raise InvalidFile(f"line 1: {len(contests)} contests; choose one with --contest: {listed}")
        return contests[0]
    found = [contest for contest in contests if wanted in (contest.name, contest.id)]
    return _only(found, f"line 1: not exactly one contest is called {wanted[:80]!r}; there are: {listed}")


def _options(report: _Report, contest: _Contest) -> tuple[dict[str, int], tuple[str, ...]]:
    """The number of every selection from 1, and the names in that order."""
    candidates = {each.id: each.name for election in report.elections for each in election.candidates}
    options: dict[str, int] = {}
    names: dict[str, None] = {}
    for selection in contest.selections:
        strangers = [each for each in selection.candidates if each not in candidates]
        if strangers:
            raise InvalidFile(
                f"line 1: selection {selection.id[:40]!r} names no candidate of the file; mend CandidateIds"
            )
        name = ", ".join(candidates[each] for each in selection.candidates).strip() or selection.text.strip()
        name = name or ("write-in" if selection.write_in else selection.id)
        if fault := fault_of(name):
            raise InvalidFile(f"line 1: the name of selection {selection.id[:40]!r} {fault}; mend it")
        if name in names or selection.id in options:
            raise InvalidFile(f"line 1: two selections of the contest are called {name[:80]!r}; make them differ")
        names[name] = None
        options[selection.id] = len(names)
    if not options:
        raise InvalidFile("line 1: the contest has no selections; export it with ContestSelection")
    return options, tuple(names)


def _ranking(
    marks: Sequence[_Mark], options: dict[str, int], names: Sequence[str], *, equal_ranks: bool, where: str
) -> tuple[int, ...]:
    ranks: dict[int, list[int]] = {}
    seen: set[int] = set()
    counted = [mark for mark in marks if _counts(mark)]
    for mark in counted:
        option = options.get(mark.selection)
        if option is None:
            raise InvalidFile(
                f"{where}: {mark.selection[:40]!r} is no selection of the contest; mend ContestSelectionId"
            )
        rank = mark.rank
        if rank is None:
            rank = next((each.rank for each in mark.positions if each.rank is not None), None)
        if rank is None and len(counted) > 1:
            raise InvalidFile(f"{where}: several marks without a Rank; only ranked contests can be read")
        rank = 1 if rank is None else rank
        if not 1 <= rank <= SAFE_INTEGER:
            raise InvalidFile(f"{where}: Rank is {rank}; it must be 1 for the best, then 2, 3, ...")
        if option in seen:
            raise InvalidFile(f"{where}: {names[option - 1][:80]!r} is ranked twice; clean the records first")
        seen.add(option)
        ranks.setdefault(rank, []).append(option)
    tied = next((rank for rank in ranks.values() if len(rank) > 1), None)
    if tied and not equal_ranks:
        shown = ", ".join(names[option - 1] for option in tied)[:80]
        raise InvalidFile(f"{where}: equal ranks ({shown}), which this method does not take; clean the records first")
    return sorted_ties(ranks[rank] for rank in sorted(ranks))


def _counts(mark: _Mark) -> bool:
    return not mark.positions or any(each.indicated != "no" and each.allocable != "no" for each in mark.positions)


def _only(found: Sequence[_T], refusal: str) -> _T:
    if len(found) != 1:
        raise InvalidFile(refusal)
    return found[0]
