"""Cleaning raw cast vote records: what a ballot with overvotes, gaps and repetitions says.

Ballots cast with us never need it, since the page can't send such a ballot. Records scanned from paper do. The rules
are those of RCTab, declared beside the ballots: none of them is ours to choose.

    RAW-1   A cell is a name or an alias of one; else a label: an overvote, a rank left out, an undeclared write-in. A
            blank cell is a rank left out, or an undeclared write-in where the rules say so. Several names in one cell,
            with the delimiter between them, are an overvote. All undeclared write-ins are one option.
    RAW-2   Skipped ranks: a ballot exhausts at the first gap of more ranks than allowed, before what follows it.
    RAW-3   Duplicates: where the rules say so, a ballot exhausts at the first mark that it repeats; else the mark is
            passed over, since its option has been.
    RAW-4   Overvotes: a ballot exhausts at one, or passes it over, or exhausts only if several of its options continue.
    RAW-5   The ballot counts for the first option that continues; behind its last rank it is exhausted.

Source: RCTab 2.0.1 configuration documentation (bright spots / Ranked Choice Voting Resource Center), sections
"Overvote rule", "How many consecutive skipped ranks are allowed", "Exhaust on multiple ranks for the same candidate".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from voting.errors import InvalidFile

OvervoteRule = Literal["exhaustImmediately", "alwaysSkipToNextRank", "exhaustIfMultipleContinuing"]
Ending = Literal["overvotes", "skippedRankings", "repeatedRankings", "exhaustedChoices", "unranked"]
"""Why a ballot counts for nobody, as RCTab's reports call it; `unranked` had no mark at all, and is not in them."""

OVERVOTE = "\0overvote"
"""Stands for the marks of an overvote that the record does not name."""
UNDECLARED = "Undeclared Write-ins"
"""The one option that all undeclared write-ins are."""

RawBallot = tuple[tuple[int, tuple[str, ...]], ...]
"""The ranks that are marked, from 1, each with the marks in it."""


@dataclass(frozen=True)
class Labels:
    """What cells mean that are no names. An empty text is no label.

    Attributes:
        overvote: The mark of an overvote.
        overvote_delimiter: What stands between the names of an overvote.
        skipped_rank: The mark of a rank left out.
        undeclared_write_in: The mark of an undeclared write-in.
        blank_is_write_in: Whether a blank cell is an undeclared write-in, and not a rank left out.
    """

    overvote: str = ""
    overvote_delimiter: str = ""
    skipped_rank: str = ""
    undeclared_write_in: str = ""
    blank_is_write_in: bool = False


@dataclass(frozen=True)
class CleaningRules:
    """How ballots that aren't plain rankings count.

    Attributes:
        overvote: RAW-4.
        skipped_ranks_max: RAW-2: so many ranks in a row may be left out; None for any number.
        exhaust_on_duplicate: RAW-3.
    """

    overvote: OvervoteRule
    skipped_ranks_max: int | None = None
    exhaust_on_duplicate: bool = False


def read_cells(cells: Sequence[str], *, labels: Labels, names: Mapping[str, str]) -> RawBallot:
    """Return the marks of a record (RAW-1).

    Args:
        cells: One for each rank, best first, without outer blanks.
        labels: What cells mean that are no names.
        names: The option of every name and alias.

    Raises:
        InvalidFile: A cell that means nothing.

    Example:
        >>> read_cells(["A", "", "x"], labels=Labels(overvote="x"), names={"A": "Ann"})
        ((1, ('Ann',)), (3, ('\\x00overvote',)))
    """
    ranks: list[tuple[int, tuple[str, ...]]] = []
    for rank, cell in enumerate(cells, 1):
        if not cell:
            if labels.blank_is_write_in:
                ranks.append((rank, (UNDECLARED,)))
        elif cell in names:
            ranks.append((rank, (names[cell],)))
        elif cell == labels.overvote:
            ranks.append((rank, (OVERVOTE,)))
        elif cell == labels.undeclared_write_in:
            ranks.append((rank, (UNDECLARED,)))
        elif cell != labels.skipped_rank:
            ranks.append((rank, _several(cell, labels=labels, names=names)))
    return tuple(ranks)


def next_choice(
    ballot: RawBallot, *, continues: Callable[[str], bool], rules: CleaningRules
) -> tuple[str, None] | tuple[None, Ending]:
    """Return the option that a ballot counts for, or why it counts for none (RAW-2 to RAW-5).

    Args:
        ballot: As `read_cells` gives it.
        continues: Whether an option may still be counted for.
        rules: How the ballot is cleaned.

    Example:
        >>> rules = CleaningRules(overvote="alwaysSkipToNextRank", skipped_ranks_max=1)
        >>> next_choice(((1, ("A", "B")), (3, ("C",))), continues=lambda _: True, rules=rules)
        ('C', None)
        >>> next_choice(((4, ("C",)),), continues=lambda _: True, rules=rules)
        (None, 'skippedRankings')
    """
    if not ballot:
        return None, "unranked"
    last = 0
    seen: set[str] = set()
    for rank, marks in ballot:
        if rules.skipped_ranks_max is not None and rank - last > rules.skipped_ranks_max + 1:
            return None, "skippedRankings"
        last = rank
        if rules.exhaust_on_duplicate:
            if not seen.isdisjoint(marks):
                return None, "repeatedRankings"
            seen.update(marks)
        if len(marks) > 1 or marks[0] == OVERVOTE:
            if rules.overvote == "exhaustImmediately":
                return None, "overvotes"
            if rules.overvote == "alwaysSkipToNextRank":
                continue
            if sum(map(continues, marks)) > 1:
                return None, "overvotes"
        for mark in marks:
            if continues(mark):
                return mark, None
    return None, "exhaustedChoices"


def _several(cell: str, *, labels: Labels, names: Mapping[str, str]) -> tuple[str, ...]:
    parts = [cell]
    if labels.overvote_delimiter:
        parts = [part.strip() for part in cell.split(labels.overvote_delimiter)]
    marks: dict[str, None] = {}
    for part in parts:
        if part in names:
            marks[names[part]] = None
        elif part and part == labels.undeclared_write_in:
            marks[UNDECLARED] = None
        else:
            raise InvalidFile(
                f"{part[:80]!r} is no candidate and no label of the configuration; "
                "add it to the candidates, or as an alias of one"
            )
    return tuple(marks)
