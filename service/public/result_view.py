"""What a result page shows of a count: every part as text, ready for the template."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Cell:
    """One option in one round. `votes` is None once it is out; `change` is the gain or loss, `note` its meaning."""

    votes: str | None
    change: str = ""
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the round table. `letter` is the option's letter in the chart, where there is one."""

    name: str
    cells: tuple[Cell, ...]
    letter: str = ""


@dataclass(frozen=True)
class PairCell:
    """How many ballots have the row's option above the column's, None on the diagonal; and whether more than not."""

    votes: str | None
    wins: bool = False
    ties: bool = False


@dataclass(frozen=True)
class PairRow:
    """One line of the matrix."""

    letter: str
    name: str
    cells: tuple[PairCell, ...]


@dataclass(frozen=True)
class Fate:
    """What became of one option, and why. `share` is the length of its bar in per cent, None without a bar."""

    place: str
    name: str
    why: tuple[str, ...]
    won: bool
    share: str | None = None
    shift: str = "0"


@dataclass(frozen=True)
class ProjectRow:
    """One project of a budget. `left` is empty where it was never its turn, `price` where it has none."""

    name: str
    verdict: str
    funded: bool
    votes: str
    cost: str
    left: str
    price: str = ""


@dataclass(frozen=True)
class DrawText:
    """One use of the lot, in words. `effect` says what another order would have done, where that is known."""

    where: str
    among: str
    decided: str
    effect: str = ""


@dataclass(frozen=True)
class Other:
    """What some other methods choose from the same ballots: their ids and names, and what they choose."""

    methods: tuple[tuple[str, str], ...]
    chosen: str
    same: bool


@dataclass(frozen=True)
class OutcomeView:
    """Everything the result page shows of a count.

    Attributes:
        kind: "rounds", "pairs", "scores" or "budget": which table it has.
        sentence: The outcome.
        tie: What the lot decided of it; empty where nothing.
        facts: Key numbers, label and value.
        ballots: How many were counted.
        draws: Every use of the lot.
        seed: From which the lot follows.
        close: How close it was, in sentences.
        others: What other methods choose; the same outcome first.
        fates: What became of each option.
        flow: A chart of the rounds, where whole ballots move.
        story: What happened after each round.
        columns: Of the round table.
        rows: Of the round table.
        pairs: The matrix; its columns are those of its rows.
        standing: Who beats whom in words, and how wins are measured.
        projects: Of a budget, in order of decision.
        price_note: What the price of a project is; empty where the method has none.
    """

    kind: str
    sentence: str
    tie: str
    facts: tuple[tuple[str, str], ...]
    ballots: str
    draws: tuple[DrawText, ...]
    seed: str
    close: tuple[str, ...]
    others: tuple[Other, ...]
    fates: tuple[Fate, ...]
    flow: Markup | None = None
    story: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    pairs: tuple[PairRow, ...] = ()
    standing: tuple[str, ...] = ()
    projects: tuple[ProjectRow, ...] = ()
    price_note: str = ""
