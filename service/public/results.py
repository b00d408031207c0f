"""A finished count as sentences and tables, in one language. Facts come from tally/rounds.json and the result note."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from markupsafe import Markup
from msgspec import UNSET

from schemas.bundle import Result
from schemas.listing import ContestListing
from schemas.outcome import BudgetRound, BudgetRounds, Draw, RankedRound, RankedRounds
from service.public.flow import FlowWords, can_flow, draw_flow, letter
from service.public.languages import Formats

Say = Callable[..., str]
"""Translates a msgid and fills in its values."""


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
class Fate:
    """What became of one option, and why."""

    place: str
    name: str
    why: str
    won: bool


@dataclass(frozen=True)
class ProjectRow:
    """One project of a budget. `left` is empty where it was never its turn."""

    name: str
    verdict: str
    funded: bool
    votes: str
    cost: str
    left: str


@dataclass(frozen=True)
class DrawText:
    """One use of the lot, in words."""

    where: str
    among: str
    decided: str


@dataclass(frozen=True)
class OutcomeView:
    """Everything the result page shows of a count."""

    kind: str
    sentence: str
    tie: str
    facts: tuple[tuple[str, str], ...]
    ballots: str
    draws: tuple[DrawText, ...]
    seed: str
    flow: Markup | None = None
    story: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    fates: tuple[Fate, ...] = ()
    projects: tuple[ProjectRow, ...] = ()


@dataclass(frozen=True)
class Teller:
    """Puts counts into words.

    Attributes:
        contest: Whose count it is.
        titles: Title of every option in the page's language.
        say: The page's language.
        formats: How it writes numbers.
        rtl: Whether it runs from right to left.
    """

    contest: ContestListing
    titles: dict[str, str]
    say: Say
    formats: Formats
    rtl: bool

    def tell(self, rounds: RankedRounds | BudgetRounds, result: Result) -> OutcomeView:
        """Return the view of a contest's count."""
        return self._ranked(rounds, result) if isinstance(rounds, RankedRounds) else self._budget(rounds, result)

    # -- ranked ---------------------------------------------------------------------------

    def _ranked(self, count: RankedRounds, result: Result) -> OutcomeView:
        _ = self.say
        elected = () if result.elected is UNSET else result.elected
        facts = [
            (_("Ballots counted"), self._int(result.counts.final)),
            (_("Of all codes"), self.formats.percent(result.counts.final, result.counts.eligible)),
            (_("Rounds"), self._int(len(count.rounds))),
        ]
        lead = self._lead(count, elected)
        if lead is not None:
            facts.append((_("Lead at the end"), lead))
        flows = can_flow(count.rounds) and result.counts.final > 0
        ids = [option.id for option in self.contest.options]
        return OutcomeView(
            kind="ranked",
            sentence=self._ranked_sentence(count, elected),
            tie=self._tie(count.draws, elected),
            facts=tuple(facts),
            ballots=self._int(result.counts.final),
            draws=tuple(self._draw(draw) for draw in count.draws),
            seed=result.seed,
            flow=draw_flow(
                count.rounds,
                names=[self.titles[option] for option in ids],
                winners=[ids.index(option) for option in elected],
                ballots=result.counts.final,
                words=self._flow_words(count, elected),
                rtl=self.rtl,
            )
            if flows
            else None,
            story=self._story(count) if flows else (),
            columns=tuple(_("Round %(number)s", number=self._int(stage.number)) for stage in count.rounds),
            rows=tuple(self._rows(count, lettered=flows)),
            fates=tuple(self._fates(count, elected)),
        )

    def _ranked_sentence(self, count: RankedRounds, elected: Sequence[str]) -> str:
        _ = self.say
        if not elected:
            return _("No option was chosen.")
        if len(elected) > 1:
            return _("%(options)s won the places.", options=self._list(elected))
        standing = self._standing(count.rounds[-1])
        winner = elected[0]
        others = [(option, votes) for option, votes in standing if option != winner]
        held = dict(standing).get(winner)
        if count.pairwise is not UNSET or held is None or not others:
            return _("“%(option)s” came first.", option=self.titles[winner])
        if _number(others[0][1]) == _number(held):
            return _(
                "“%(option)s” and “%(other)s” were tied in the last round, with %(votes)s votes each. The public draw"
                " decided for “%(option)s”.",
                option=self.titles[winner],
                other=self.titles[others[0][0]],
                votes=self._votes(held),
            )
        return _(
            "“%(option)s” came first, with %(votes)s votes to %(other)s in the last round.",
            option=self.titles[winner],
            votes=self._votes(held),
            other=self._votes(others[0][1]),
        )

    def _lead(self, count: RankedRounds, elected: Sequence[str]) -> str | None:
        standing = self._standing(count.rounds[-1])
        if len(elected) != 1 or count.pairwise is not UNSET or len(standing) < 2:
            return None
        return self._votes(str(_number(standing[0][1]) - _number(standing[1][1])))

    def _standing(self, stage: RankedRound) -> list[tuple[str, str]]:
        held = [(o.id, votes) for o, votes in zip(self.contest.options, stage.tally, strict=True) if votes is not None]
        return sorted(held, key=lambda pair: (-_number(pair[1]), pair[0] not in stage.elected, pair[0]))

    def _flow_words(self, count: RankedRounds, elected: Sequence[str]) -> FlowWords:
        _ = self.say
        notes = []
        ids = [option.id for option in self.contest.options]
        for stage in count.rounds:
            named = stage.eliminated or stage.elected or tuple(elected)
            letters = ", ".join(letter(ids.index(option)) for option in named)
            said = (
                _("Out: %(options)s", options=letters)
                if stage.eliminated
                else _("Winner: %(options)s", options=letters)
            )
            notes.append((said, self._list(named)))
        return FlowWords(
            title=self._ranked_sentence(count, elected) + " " + _("All numbers are in the table below."),
            half=_("half"),
            round=lambda number: _("Round %(number)s", number=self._int(number)),
            note=notes,
            number=self._int,
        )

    def _story(self, count: RankedRounds) -> tuple[str, ...]:
        _ = self.say
        lines = []
        for stage, after in pairwise(count.rounds):
            out = self._list(stage.eliminated)
            held = sum(int(dict(self._standing(stage)).get(option, "0")) for option in stage.eliminated)
            gains = self._gains(stage, after)
            spent = int(after.exhausted) - int(stage.exhausted)
            line = _("%(options)s: fewest votes, %(votes)s, so out.", options=out, votes=self._int(held))
            if gains:
                moved = "; ".join(
                    f"{self.titles[option]} {self._isolated(self._signed(Fraction(votes)))}" for option, votes in gains
                )
                line += " " + _("The ballots move: %(moves)s.", moves=moved)
            if spent:
                line += " " + _("Ballots with no choice left: %(count)s.", count=self._int(spent))
            lines.append(line)
        last = count.rounds[-1]
        still = sum(_number(votes) for _option, votes in self._standing(last))
        lines.append(
            _(
                "The last round: %(standing)s. Ballots still counting: %(count)s.",
                standing="; ".join(
                    f"{self.titles[option]} {self._votes(votes)}" for option, votes in self._standing(last)
                ),
                count=self._votes(str(still)),
            )
        )
        return tuple(lines)

    def _gains(self, stage: RankedRound, after: RankedRound) -> list[tuple[str, int]]:
        gains = [
            (option.id, int(late) - int(early))
            for option, early, late in zip(self.contest.options, stage.tally, after.tally, strict=True)
            if early is not None and late is not None and int(late) > int(early)
        ]
        return sorted(gains, key=lambda pair: (-pair[1], pair[0]))

    def _rows(self, count: RankedRounds, *, lettered: bool) -> list[Row]:
        _ = self.say
        rows = []
        for at, option in enumerate(self.contest.options):
            cells = []
            for number, stage in enumerate(count.rounds):
                votes = stage.tally[at]
                before = count.rounds[number - 1].tally[at] if number else None
                cells.append(Cell(None) if votes is None else self._cell(option.id, stage, votes, before))
            rows.append(Row(self.titles[option.id], tuple(cells), letter(at) if lettered else ""))
        if any(_number(stage.exhausted) for stage in count.rounds):
            rows.append(Row(_("No choice left"), tuple(Cell(self._votes(stage.exhausted)) for stage in count.rounds)))
        if any(_number(stage.lost_to_rounding) for stage in count.rounds):
            rows.append(
                Row(_("Lost to rounding"), tuple(Cell(self._votes(stage.lost_to_rounding)) for stage in count.rounds))
            )
        if count.quota is not None:
            rows.append(Row(_("Votes needed"), tuple(Cell(self._votes(count.quota)) for _stage in count.rounds)))
        return rows

    def _cell(self, option: str, stage: RankedRound, votes: str, before: str | None) -> Cell:
        _ = self.say
        change = _number(votes) - _number(before) if before is not None else Fraction(0)
        note = _("wins") if option in stage.elected else _("out") if option in stage.eliminated else ""
        return Cell(self._votes(votes), self._signed(change) if change else "", note)

    def _fates(self, count: RankedRounds, elected: Sequence[str]) -> list[Fate]:
        _ = self.say
        fates = [self._won(count, option) for option in elected]
        drawn = {(draw.round, option) for draw in count.draws for option in draw.among}
        left = [option.id for option in self.contest.options if option.id not in elected]
        lost: list[tuple[int, Fraction, str, str]] = []
        for option in left:
            at = next(n for n, known in enumerate(self.contest.options) if known.id == option)
            stage = next((stage for stage in count.rounds if option in stage.eliminated), count.rounds[-1])
            votes = stage.tally[at] or "0"
            lost.append((stage.number, _number(votes), option, self._why_lost(stage, option, votes, drawn)))
        for _place, _held, option, why in sorted(lost, key=lambda item: (-item[0], -item[1], item[2])):
            fates.append(Fate(_("Not chosen"), self.titles[option], why, won=False))
        return fates

    def _won(self, count: RankedRounds, option: str) -> Fate:
        _ = self.say
        at = next(n for n, known in enumerate(self.contest.options) if known.id == option)
        first = count.rounds[0].tally[at] or "0"
        stage = next((stage for stage in count.rounds if option in stage.elected), count.rounds[-1])
        held = stage.tally[at] or "0"
        why = _(
            "It began with %(first)s votes and won in round %(round)s with %(votes)s.",
            first=self._votes(first),
            round=self._int(stage.number),
            votes=self._votes(held),
        )
        return Fate(_("Wins"), self.titles[option], why, won=True)

    def _why_lost(self, stage: RankedRound, option: str, votes: str, drawn: set[tuple[int, str]]) -> str:
        _ = self.say
        values = {"round": self._int(stage.number), "votes": self._votes(votes)}
        if (stage.number, option) in drawn:
            return _("Tied in round %(round)s with %(votes)s votes, then out by the public draw.", **values)
        stayed = [
            _number(held)
            for known, held in zip(self.contest.options, stage.tally, strict=True)
            if held is not None and known.id != option and known.id not in stage.eliminated
        ]
        if not stayed:
            return _("Out in round %(round)s with %(votes)s votes.", **values)
        behind = min(stayed) - _number(votes)
        return _(
            "Out in round %(round)s with %(votes)s votes, %(behind)s behind the next.",
            behind=self._votes(str(behind)),
            **values,
        )

    # -- budgets --------------------------------------------------------------------------

    def _budget(self, count: BudgetRounds, result: Result) -> OutcomeView:
        _ = self.say
        funded = () if result.funded is UNSET else result.funded
        costs = {option.id: option.cost for option in self.contest.options if option.cost is not UNSET}
        spent = sum(costs.get(option, 0) for option in funded)
        left = (self.contest.budget or 0) - spent
        numbers = {
            "funded": self._int(len(funded)),
            "all": self._int(len(self.contest.options)),
            "spent": self._money(spent),
            "left": self._money(left),
        }
        return OutcomeView(
            kind="budget",
            sentence=_(
                "Projects paid for: %(funded)s of %(all)s. They cost %(spent)s, and %(left)s is left.", **numbers
            ),
            tie=self._tie(count.draws, funded),
            facts=(
                (_("Ballots counted"), self._int(result.counts.final)),
                (_("Paid for"), _("%(funded)s of %(all)s", **numbers)),
                (_("Used"), numbers["spent"]),
                (_("Left"), numbers["left"]),
            ),
            ballots=self._int(result.counts.final),
            draws=tuple(self._draw(draw) for draw in count.draws),
            seed=result.seed,
            projects=tuple(self._projects(count, set(funded), costs)),
        )

    def _projects(self, count: BudgetRounds, funded: set[str], costs: dict[str, int]) -> list[ProjectRow]:
        _ = self.say
        scores = (
            {}
            if count.scores is UNSET
            else dict(zip((option.id for option in self.contest.options), count.scores, strict=True))
        )
        rows = []
        seen: set[str] = set()
        left = self.contest.budget or 0
        for stage in count.rounds:
            seen.add(stage.option)
            rows.append(
                ProjectRow(
                    name=self.titles[stage.option],
                    verdict=self._verdict(stage, left),
                    funded=stage.decision == "funded",
                    votes=self._votes(scores.get(stage.option, stage.score)),
                    cost=self._money(stage.cost),
                    left=self._money(stage.left),
                )
            )
            left = stage.left
        unfunded = [option for option in costs if option not in seen]
        for option in sorted(unfunded, key=lambda name: (-_number(scores.get(name, "0")), name)):
            none = _number(scores.get(option, "0")) == 0
            verdict = _("Not paid for: no votes") if none else _("Not paid for")
            if option in funded:
                verdict = _("Paid for")
            votes, cost = self._votes(scores.get(option, "0")), self._money(costs[option])
            rows.append(ProjectRow(self.titles[option], verdict, option in funded, votes, cost, ""))
        return rows

    def _verdict(self, stage: BudgetRound, left: int) -> str:
        _ = self.say
        if stage.decision == "funded":
            return _("Paid for")
        if stage.decision == "excluded":
            return _("Ruled out by a project that cannot be built beside it")
        if stage.cost > left:
            return _("Skipped, %(short)s short", short=self._money(stage.cost - left))
        return _("Skipped")

    # -- both -----------------------------------------------------------------------------

    def _tie(self, draws: Sequence[Draw], chosen: Sequence[str]) -> str:
        """Say so where the lot decided who won and who did not."""
        _ = self.say
        for draw in draws:
            inside = [option for option in draw.order if option in chosen]
            if draw.decided in ("elect", "order") and inside and len(inside) < len(draw.among):
                return _("Tied: %(options)s. A public draw broke the tie.", options=self._list(draw.among))
        return ""

    def _draw(self, draw: Draw) -> DrawText:
        _ = self.say
        order = self._list(draw.order)
        if draw.decided == "eliminate":
            decided = _("The draw put them in this order: %(order)s. So the last of them is out.", order=order)
        else:
            decided = _("The draw put them in this order: %(order)s.", order=order)
        return DrawText(
            where=_("Round %(number)s", number=self._int(draw.round)), among=self._list(draw.among), decided=decided
        )

    def _list(self, options: Sequence[str]) -> str:
        comma = "، " if self.rtl else ", "
        opening, closing = ("«", "»") if self.rtl else ("“", "”")
        return comma.join(f"{opening}{self.titles[option]}{closing}" for option in options)

    def _int(self, number: int) -> str:
        return self.formats.number(number)

    def _votes(self, text: str) -> str:
        value = _number(text)
        if value.denominator == 1:
            return self._int(value.numerator)
        try:
            return self.formats.number(Decimal(text))
        except ArithmeticError:
            return "≈ " + self.formats.number(round(Decimal(value.numerator) / Decimal(value.denominator), 2))

    def _signed(self, change: Fraction) -> str:
        return ("+" if change > 0 else "−") + self._votes(str(abs(change)))

    def _isolated(self, text: str) -> str:
        """Keep a sign on its side of the number where text runs from right to left."""
        return f"\u2066{text}\u2069"

    def _money(self, amount: int) -> str:
        assert self.contest.currency is not None, "a budget has a currency"
        return self.formats.money(amount, currency=self.contest.currency, minor_digits=self.contest.minor_digits or 0)


def _number(text: str) -> Fraction:
    return Fraction(text)
