"""Turnout: tokens issued, by class and area. Never ballots."""

from schemas.base import ClassId, Count, Record


class TurnoutCell(Record):
    """One class in one area ('' where areas are not used). Both numbers are rounded down to a multiple of 10."""

    cls: ClassId
    area: str
    eligible: Count
    issued: Count


class Turnout(Record):
    """Published while a contest is open. `issued` is the whole, rounded down on its own."""

    issued: Count
    cells: tuple[TurnoutCell, ...]
