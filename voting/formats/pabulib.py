"""Pabulib, the text format of participatory budgets (pabulib.org/format).

Three sections, META, PROJECTS and VOTES, each with a header line, cells between semicolons, quoted as in CSV. Columns
and META keys that we don't know are kept as they are.

How ballots become numbers: an approval (also `choose-1`) gives 1, a cumulative or scoring ballot its points, an ordinal
ballot max_length, max_length - 1, ... (the number of projects where META has no max_length). A project that a ballot
names several times counts once as an approval and with the sum of its points otherwise, as cities count it.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from schemas.base import SAFE_INTEGER
from voting.errors import InvalidFile
from voting.formats import plain_votes
from voting.formats.plain_votes import PlainVotes, find_plain_votes
from voting.profile import ScoredProfile, Terms, scored_profile

if TYPE_CHECKING:
    from _csv import Reader as _Reader

VoteType = Literal["approval", "choose-1", "cumulative", "scoring", "ordinal"]
VOTE_TYPES: tuple[VoteType, ...] = ("approval", "choose-1", "cumulative", "scoring", "ordinal")
RECORDED_RULES = ("greedy", "greedy-threshold", "greedy-no-skip", "equalshares/add1", "equalshares/add1-comparison")
"""The rules in META that a file defines well enough to be counted by."""
_MOST_DIGITS = 6


class Table:
    """A section as it stands in the file: names of columns, and rows of as many cells.

    Attributes:
        columns: The names.
        plain: The section as `voting.formats.plain_votes` found it; None where it was read line by line.
    """

    def __init__(
        self, columns: tuple[str, ...], rows: list[tuple[str, ...]] | None = None, *, plain: PlainVotes | None = None
    ) -> None:
        self.columns = columns
        self.plain = plain
        self._rows = rows

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """All cells. Those of a plain section are taken apart when they are asked for."""
        if self._rows is None:
            self._rows = self.plain.rows() if self.plain is not None else []
        return self._rows

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.plain.size if self.plain is not None else len(self.rows)

    def column(self, name: str) -> list[str]:
        """Return the cells of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


@dataclass(frozen=True, eq=False)
class PabulibFile:
    """What a Pabulib file says.

    Attributes:
        meta: Keys and values of META, in order.
        projects: PROJECTS with all columns.
        votes: VOTES with all columns, one row a voter.
        vote_type: How people voted.
        terms: Projects by `project_id` in the order of the file, costs and budget in minor units.
        minor_digits: Decimals that costs or the budget have: 10^minor_digits minor units are 1 of the file's units.
        profile: The ballots as numbers.
        point_digits: The same for points: scores are in units of 10^-point_digits.
    """

    meta: dict[str, str]
    projects: Table
    votes: Table
    vote_type: VoteType
    terms: Terms
    minor_digits: int
    profile: ScoredProfile
    point_digits: int


@dataclass(frozen=True)
class RecordedRule:
    """How the city counted, as META says it.

    Attributes:
        rule: The name in META.
        threshold: The least score a project needs, in the profile's units; 0 where there is none.
        stop_at_first_misfit: Whether the count ends at the first project that does not fit.
        order: The tie order: the projects in the order of the file.
        equal_shares: Whether it is Equal Shares with raised shares, and not a greedy rule.
        compare: Whether the greedy outcome takes the place of that of Equal Shares where more voters prefer it.
    """

    rule: str
    threshold: int
    stop_at_first_misfit: bool
    order: tuple[str, ...]
    equal_shares: bool = False
    compare: bool = False


def read_pabulib(data: bytes) -> PabulibFile:
    """Return the election in a Pabulib file, or refuse all of it.

    Args:
        data: The file, UTF-8.

    Raises:
        InvalidFile: With the number of the line, the reason, and how to mend it.
    """
    sections, lines = _sections(data)
    meta = _meta(sections["META"], lines["META"])
    projects, votes = sections["PROJECTS"], sections["VOTES"]
    options = _project_ids(projects, lines["PROJECTS"])
    _check_count(meta, "num_projects", projects.size)
    _check_count(meta, "num_votes", votes.size)
    terms, minor_digits = _terms(meta, projects, options, lines["PROJECTS"])
    vote_type = next((name for name in VOTE_TYPES if name == meta.get("vote_type")), None)
    if vote_type is None:
        raise InvalidFile(f"META: vote_type is {meta.get('vote_type')!r}; it must be one of {', '.join(VOTE_TYPES)}")
    profile, point_digits = _profile(votes, lines["VOTES"], vote_type=vote_type, options=options, meta=meta)
    return PabulibFile(
        meta=meta,
        projects=projects,
        votes=votes,
        vote_type=vote_type,
        terms=terms,
        minor_digits=minor_digits,
        profile=profile,
        point_digits=point_digits,
    )


def recorded_rule(file: PabulibFile) -> RecordedRule:
    """Return the rule that META names, where the file says enough to count by it.

    Raises:
        InvalidFile: It does not, or the rule is not one of `RECORDED_RULES`.
    """
    rule = file.meta.get("rule", "")
    if rule not in RECORDED_RULES:
        raise InvalidFile(
            f"META: rule is {rule!r}, which the file alone does not define; "
            f"only {', '.join(RECORDED_RULES)} can be counted as recorded (else give --method)"
        )
    threshold = 0
    if rule == "greedy-threshold":
        text = file.meta.get("min_project_score_threshold")
        if text is None:
            raise InvalidFile("META: rule is greedy-threshold, but min_project_score_threshold is missing; add it")
        least = Fraction(_decimal(text, where="META", name="min_project_score_threshold")) * 10**file.point_digits
        threshold = -(-least.numerator // least.denominator)
    return RecordedRule(
        rule=rule,
        threshold=threshold,
        stop_at_first_misfit=rule == "greedy-no-skip",
        order=file.terms.options,
        equal_shares=rule.startswith("equalshares/"),
        compare=rule.endswith("-comparison"),
    )


def write_pabulib(*, meta: Mapping[str, str], projects: Table, votes: Table) -> bytes:
    """Return the Pabulib file of three sections."""
    parts = [
        ("META", Table(("key", "value"), list(meta.items()))),
        ("PROJECTS", projects),
        ("VOTES", votes),
    ]
    lines = []
    for name, table in parts:
        lines.append(name)
        lines += [";".join(map(_cell, row)) for row in (table.columns, *table.rows)]
    return "".join(line + "\n" for line in lines).encode()


def units(amount: int, digits: int) -> str:
    """Return minor units as a decimal string in the file's own units.

    Example:
        >>> units(123450, 2)
        '1234.50'
    """
    if not digits:
        return str(amount)
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}}"


def minor_units(text: str, digits: int) -> int:
    """Return an amount in the file's own units as minor units.

    Raises:
        InvalidFile: Not an amount, or with more decimals than the file has.
    """
    amount = _decimal(text, where="budget", name="the amount").scaleb(digits)
    if amount != amount.to_integral_value():
        raise InvalidFile(f"budget {text} has more decimals than the file's costs, which have {digits}")
    return int(amount)


_NAMES = ("META", "PROJECTS", "VOTES")


class _TextLines:
    """The lines of a text, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def __iter__(self) -> "_TextLines":
        return self

    def __next__(self) -> str:
        if self._at == len(self._text):
            raise StopIteration
        end = self._text.find("\n", self._at) + 1 or len(self._text)
        line = self._text[self._at : end]
        self._at = end
        return line

    def bytes_taken(self) -> int:
        """Return how many bytes of UTF-8 the lines were that have been taken."""
        return self._at if self._text.isascii() else len(self._text[: self._at].encode())


def _sections(data: bytes) -> tuple[dict[str, Table], dict[str, Sequence[int]]]:
    """The three sections, and the line number of every row in them."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise InvalidFile(f"line {number}: not UTF-8; save the file as UTF-8") from None
    tables: dict[str, Table] = {}
    numbers: dict[str, Sequence[int]] = {}
    listed: list[int] = []
    section = ""
    columns: tuple[str, ...] = ()
    # Not strict: published files hold quotes inside cells. A quote that is never closed leaves a section too short.
    text_lines = _TextLines(text)
    reader = csv.reader(text_lines, delimiter=";")
    last = 1
    for number, row in _rows(reader):
        last = number
        if len(row) == 1 and row[0].strip().upper() in _NAMES:
            section, columns = row[0].strip().upper(), ()
            if len(tables) == len(_NAMES) or section != _NAMES[len(tables)]:
                raise InvalidFile(f"line {number}: {section} is out of order; META, PROJECTS, VOTES must follow")
            listed = []
            tables[section], numbers[section] = Table((), []), listed
        elif not section:
            raise InvalidFile(f"line {number}: the file must begin with a line META")
        elif not columns:
            columns = tuple(cell.strip() for cell in row)
            if len(set(columns)) != len(columns):
                raise InvalidFile(f"line {number}: two columns have the same name; rename one")
            tables[section] = Table(columns, [])
            if section != "VOTES" or len(columns) < 2:
                continue
            begin = text_lines.bytes_taken() + len(data) - len(data.removeprefix(b"\xef\xbb\xbf"))
            if plain := find_plain_votes(data[begin:], columns, wanted=("vote", "points")):
                tables[section] = Table(columns, plain=plain)
                numbers[section] = range(reader.line_num + 1, reader.line_num + 1 + plain.size)
                last = reader.line_num + plain.size
                break
        else:
            if len(row) != len(columns):
                raise InvalidFile(
                    f"line {number}: {len(row)} cells, but {section} has {len(columns)} columns; "
                    "quote a cell that holds a semicolon"
                )
            tables[section].rows.append(tuple(row))
            listed.append(number)
    for name in _NAMES:
        if name not in tables:
            raise InvalidFile(f"line {last}: the file ends without a section {name}; add it")
        wanted = {"META": {"key", "value"}, "PROJECTS": {"project_id", "cost"}, "VOTES": {"voter_id", "vote"}}[name]
        if missing := wanted - set(tables[name].columns):
            raise InvalidFile(f"{name}: no column {min(missing)!r}; add it to the header line")
    return tables, numbers


def _rows(reader: "_Reader") -> Iterator[tuple[int, list[str]]]:
    """Rows that say something, each with the number of its first line."""
    before = 0
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                yield before + 1, row
            before = reader.line_num
    except csv.Error as error:
        raise InvalidFile(f"line {before + 1}: {error}; check the quotes") from None


def _meta(table: Table, lines: Sequence[int]) -> dict[str, str]:
    meta: dict[str, str] = {}
    for key, value, number in zip(table.column("key"), table.column("value"), lines, strict=True):
        if key.strip() in meta:
            raise InvalidFile(f"line {number}: META names {key.strip()!r} twice; keep one")
        meta[key.strip()] = value.strip()
    return meta


def _project_ids(table: Table, lines: Sequence[int]) -> tuple[str, ...]:
    ids: dict[str, None] = {}
    for name, number in zip(table.column("project_id"), lines, strict=True):
        option = name.strip()
        if not option or "," in option or not option.isprintable():
            raise InvalidFile(f"line {number}: {option!r} is no project id; it needs printable text without commas")
        if option in ids:
            raise InvalidFile(f"line {number}: project {option!r} stands twice; remove one")
        ids[option] = None
    if not ids:
        raise InvalidFile("PROJECTS: no project; there must be at least one")
    return tuple(ids)


def _check_count(meta: Mapping[str, str], key: str, found: int) -> None:
    if key in meta and meta[key] != str(found):
        said = meta[key][:40] if meta[key].isprintable() else repr(meta[key][:40])
        raise InvalidFile(f"META: {key} is {said}, but the file holds {found}; the file may be cut off")


def _terms(
    meta: Mapping[str, str], projects: Table, options: tuple[str, ...], lines: Sequence[int]
) -> tuple[Terms, int]:
    if "budget" not in meta:
        raise InvalidFile("META: no budget; add a line 'budget;' with the amount")
    budget = _decimal(meta["budget"], where="META", name="budget")
    costs = [
        _decimal(cost, where=f"line {number}", name="cost")
        for cost, number in zip(projects.column("cost"), lines, strict=True)
    ]
    digits = max(map(_digits, [budget, *costs]))
    scaled = [int(amount.scaleb(digits)) for amount in [budget, *costs]]
    if max(scaled) > SAFE_INTEGER:
        raise InvalidFile("META or PROJECTS: an amount is too large; the limit is 2^53 - 1 minor units")
    return Terms(options, budget=scaled[0], costs=tuple(scaled[1:]), minor_digits=digits), digits


def _decimal(text: str, *, where: str, name: str) -> Decimal:
    try:
        amount = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 16 or _digits(amount) > _MOST_DIGITS:
        raise InvalidFile(f"{where}: {name} is {text.strip()[:40]!r}; it must be a number from 0 such as 1200 or 99.50")
    return amount


def _digits(amount: Decimal) -> int:
    """How many decimals an amount needs."""
    if not amount:
        return 0
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "finite"
    return max(0, -exponent)


def _profile(
    votes: Table, lines: Sequence[int], *, vote_type: VoteType, options: tuple[str, ...], meta: Mapping[str, str]
) -> tuple[ScoredProfile, int]:
    """Equal ballots are merged as text, so that each different one is read once."""
    if votes.plain is not None and (profile := _plain_profile(votes.plain, vote_type, options, meta)) is not None:
        return profile, 0
    pointed = vote_type in ("cumulative", "scoring")
    ballots = [vote.strip() for vote in votes.column("vote")]
    if pointed and "points" not in votes.columns:
        raise InvalidFile(f"VOTES: no column 'points', which {vote_type} ballots need; add it")
    points = votes.column("points") if pointed else [""] * len(ballots)
    counted = Counter(zip(ballots, points, strict=True))
    first_line: dict[tuple[str, str], int] = {}
    for ballot, point, number in zip(reversed(ballots), reversed(points), reversed(lines), strict=True):
        first_line[ballot, point] = number
    index = {option: place for place, option in enumerate(options)}
    longest = _longest(meta, len(options)) if vote_type == "ordinal" else 0
    read: list[tuple[dict[int, Decimal], int]] = []
    for (ballot, point), times in counted.items():
        where = f"line {first_line[ballot, point]}"
        chosen = _chosen(ballot, index, where=where)
        if pointed:
            given = _points(point, len(chosen), where=where)
            sums: dict[int, Decimal] = {}
            for option, value in zip(chosen, given, strict=True):
                sums[option] = sums.get(option, Decimal(0)) + value
            read.append((sums, times))
        elif vote_type == "ordinal":
            if len(set(chosen)) != len(chosen):
                raise InvalidFile(f"{where}: a project is ranked twice; name each once")
            if len(chosen) > longest:
                raise InvalidFile(f"{where}: {len(chosen)} ranks, but META allows {longest}")
            read.append(({option: Decimal(longest - rank) for rank, option in enumerate(chosen)}, times))
        else:
            if vote_type == "choose-1" and len(set(chosen)) > 1:
                raise InvalidFile(f"{where}: {len(chosen)} projects, but vote_type is choose-1")
            read.append((dict.fromkeys(chosen, Decimal(1)), times))
    digits = max((_digits(value) for sums, _ in read for value in sums.values()), default=0) if pointed else 0
    merged: Counter[tuple[tuple[int, int], ...]] = Counter()
    for sums, times in read:
        merged[tuple(sorted((option, int(value.scaleb(digits))) for option, value in sums.items()))] += times
    if any(value > SAFE_INTEGER for pairs in merged for _, value in pairs):
        raise InvalidFile("VOTES: a ballot gives more than 2^53 - 1 points to one project")
    return scored_profile(merged, options=options, ballots=len(ballots)), digits


def _plain_profile(
    votes: PlainVotes, vote_type: VoteType, options: tuple[str, ...], meta: Mapping[str, str]
) -> ScoredProfile | None:
    """The profile of a plain section, or None where a vote is not as it should be."""
    if vote_type in ("cumulative", "scoring"):
        return plain_votes.points(votes, options)
    if vote_type == "ordinal":
        return plain_votes.rankings(votes, options, longest=_longest(meta, len(options)))
    return plain_votes.approvals(votes, options, most=1 if vote_type == "choose-1" else None)


def _longest(meta: Mapping[str, str], projects: int) -> int:
    text = meta.get("max_length", str(projects))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= SAFE_INTEGER:
        raise InvalidFile(f"META: max_length is {text!r}; it must be a whole number from 1")
    return int(text)


def _chosen(ballot: str, index: Mapping[str, int], *, where: str) -> list[int]:
    if not ballot:
        return []
    try:
        return [index[name.strip()] for name in ballot.split(",")]
    except KeyError as error:
        raise InvalidFile(f"{where}: a vote for {error.args[0]!r}, which PROJECTS does not list") from None


def _points(text: str, size: int, *, where: str) -> list[Decimal]:
    cells = text.split(",") if text.strip() else []
    if len(cells) != size:
        raise InvalidFile(f"{where}: {size} projects, but {len(cells)} points; give one number for each project")
    return [_decimal(cell, where=where, name="points") for cell in cells]


def _cell(text: str) -> str:
    if any(mark in text for mark in ';"\n\r') or text.strip() != text:
        return '"' + text.replace('"', '""') + '"'
    return text
