"""The flow of ballots through the rounds of a count, as SVG. Every bar is all ballots, so that nothing vanishes.

No viewBox: x and width are in per cent, so that letters keep their size; only the ribbons are stretched. Where text
runs from right to left, so does the chart. Colours tell roles, never options: options carry letters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from schemas.outcome import RankedRound

_LABEL, _BAR, _RIBBON = 34, 48, 58
_ROUNDS_MAX = 20


@dataclass(frozen=True)
class FlowWords:
    """What the chart says, in the page's language.

    Attributes:
        title: The whole chart in a sentence, for those who can't see it.
        half: Marks half of the ballots that still count.
        round: Names a round by its number.
        note: What happened in a round, by its position from 0: in a word with letters, and the names of the options
            for charts that are wide enough.
        number: Writes a number of votes.
    """

    title: str
    half: str
    round: Callable[[int], str]
    note: Sequence[tuple[str, str]]
    number: Callable[[int], str]


def can_flow(rounds: Sequence[RankedRound]) -> bool:
    """Whether whole ballots move from one option at a time, so that tallies alone say where they went."""
    if not 2 <= len(rounds) <= _ROUNDS_MAX:
        return False
    for stage in rounds:
        if not all(votes is None or votes.isdigit() for votes in (*stage.tally, stage.exhausted)):
            return False
    for stage, after in pairwise(rounds):
        out = [at for at, votes in enumerate(after.tally) if votes is None and stage.tally[at] is not None]
        holding = [at for at in out if stage.tally[at] != "0"]
        if not out or len(holding) > 1 or stage.elected:
            return False
        if any(int(late or 0) < int(early) for early, late in _pairs(stage, after)):
            return False
    return rounds[-1].lost_to_rounding.strip("0.") == ""


def draw_flow(
    rounds: Sequence[RankedRound],
    *,
    names: Sequence[str],
    winners: Sequence[int],
    ballots: int,
    words: FlowWords,
    rtl: bool,
) -> Markup:
    """Return the chart.

    Args:
        rounds: As `can_flow` allows.
        names: A short name for each option, in the order of the tallies.
        winners: Positions of the options that won.
        ballots: All ballots, above 0.
        words: What it says.
        rtl: Whether it runs from right to left.
    """
    chart = _Chart(ballots=ballots, rtl=rtl, names=names, winners=frozenset(winners), words=words)
    height = len(rounds) * (_LABEL + _BAR) + (len(rounds) - 1) * _RIBBON + 8
    parts = [
        f'<svg class="flow" role="img" aria-labelledby="flow-t" width="100%" height="{height}">'
        f'<title id="flow-t">{escape(words.title)}</title>'
        '<defs><pattern id="h-out" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path d="M0 0V7" stroke="currentColor" stroke-opacity=".32" stroke-width="2"/></pattern></defs>'
    ]
    top = 0
    for position, stage in enumerate(rounds):
        before = rounds[position - 1] if position else None
        after = rounds[position + 1] if position + 1 < len(rounds) else None
        parts.append(chart.bar(stage, before, after, position=position, top=top))
        top += _LABEL + _BAR
        if after is not None:
            parts.append(chart.ribbons(stage, after, top=top))
            top += _RIBBON
    return Markup("\n".join([*parts, "</svg>"]))


def _pairs(stage: RankedRound, after: RankedRound) -> list[tuple[str, str | None]]:
    return [(early, late) for early, late in zip(stage.tally, after.tally, strict=True) if early and late is not None]


@dataclass(frozen=True)
class _Chart:
    ballots: int
    rtl: bool
    names: Sequence[str]
    winners: frozenset[int]
    words: FlowWords

    def bar(
        self, stage: RankedRound, before: RankedRound | None, after: RankedRound | None, *, position: int, top: int
    ) -> str:
        note, names = self.words.note[position]
        anchor_end = f'x="{self._x(self.ballots):g}%" y="{top + 16}" text-anchor="end"'
        parts = [
            f'<text x="{self._x(0):g}%" y="{top + 16}">{escape(self.words.round(stage.number))}</text>',
            f'<text class="soft" {anchor_end}>{escape(note)}'
            f'<tspan class="wide"> · {escape(_cut(names, 56))}</tspan></text>',
        ]
        top += _LABEL
        labels = []
        spent = int(stage.exhausted)
        for at, (start, votes) in self._segments(stage).items():
            out = after is not None and after.tally[at] is None
            role = "seg win" if at in self.winners else "seg out" if out else "seg"
            came = votes - int(before.tally[at] or 0) if before is not None else 0
            parts.append(self._rect(role, start, votes, top))
            if came:
                parts.append(self._rect("in", start + votes - came, came, top))
            if not out:
                parts.append(self._rect("edge", start, votes, top))
            labels.append(self._label(at, start, votes, came, top, out=out))
        if spent:
            parts.append(self._rect("spent", self.ballots - spent, spent, top))
        half = self._x((self.ballots - spent) / 2)
        parts.append(f'<line class="half" x1="{half:.2f}%" x2="{half:.2f}%" y1="{top - 7}" y2="{top + _BAR + 5}"/>')
        if before is None or after is None:
            parts.append(f'<text x="{half:.2f}%" y="{top - 11}" text-anchor="middle">{escape(self.words.half)}</text>')
        return "\n".join(parts + labels)

    def ribbons(self, stage: RankedRound, after: RankedRound, *, top: int) -> str:
        now, then = self._segments(stage), self._segments(after)
        parts = [
            f'<svg y="{top + 5}" width="100%" height="{_RIBBON - 10}" viewBox="0 0 1000 100"'
            ' preserveAspectRatio="none">'
        ]
        for at, (start, _) in then.items():
            role = "keep win" if at in self.winners else "keep"
            parts.append(self._ribbon(role, now[at][0], start, now[at][1]))
        leaving = next((at for at in now if at not in then and now[at][1]), None)
        spent, spent_after = int(stage.exhausted), int(after.exhausted)
        if leaving is not None:
            source = now[leaving][0]
            for at, (start, votes) in then.items():
                moved = votes - now[at][1]
                if moved:
                    parts.append(self._ribbon("move", source, start + votes - moved, moved))
                    source += moved
            if spent_after > spent:
                parts.append(self._ribbon("gone", source, self.ballots - spent_after, spent_after - spent))
        if spent:
            parts.append(self._ribbon("gone", self.ballots - spent, self.ballots - spent, spent))
        return "\n".join([*parts, "</svg>"])

    def _segments(self, stage: RankedRound) -> dict[int, tuple[int, int]]:
        found, start = {}, 0
        for at, votes in enumerate(stage.tally):
            if votes is not None:
                found[at] = (start, int(votes))
                start += int(votes)
        return found

    def _label(self, at: int, start: int, votes: int, came: int, top: int, *, out: bool) -> str:
        share, own = 100 * votes / self.ballots, 100 * (votes - came) / self.ballots
        if share < 5.5:
            return ""
        role = "on-win" if at in self.winners else "halo on-out" if out else "halo"
        wide = "" if own >= 13.4 or (out and share >= 13.4) else " wide"
        # Names show from 46rem on. There a letter takes about 1.2 per cent of the chart.
        room = int((own - 3) / 1.2) - 2
        title = self.names[at]
        name = f'<tspan class="wide"> {escape(_cut(title, room))}</tspan>' if room >= 8 else ""
        place = f'x="{self._x(start):.2f}%" dx="{-7 if self.rtl else 7}"'
        return (
            f'<text class="{role}" {place} y="{top + 20}">{letter(at)}{name}</text>'
            f'<text class="{role}{wide}" {place} y="{top + 38}">{escape(self.words.number(votes))}</text>'
        )

    def _rect(self, role: str, start: float, votes: float, top: int) -> str:
        width = 100 * votes / self.ballots
        left = 100 - 100 * (start + votes) / self.ballots if self.rtl else 100 * start / self.ballots
        return f'<rect class="{role}" x="{left:.2f}%" y="{top}" width="{width:.2f}%" height="{_BAR}"/>'

    def _ribbon(self, role: str, above: int, below: int, votes: int) -> str:
        a, b, c, d = (self._x(at) * 10 for at in (above, above + votes, below, below + votes))
        return (
            f'<path class="{role}" d="M{a:.0f} 0H{b:.0f}C{b:.0f} 55 {d:.0f} 45 {d:.0f} 100'
            f'H{c:.0f}C{c:.0f} 45 {a:.0f} 55 {a:.0f} 0Z"/>'
        )

    def _x(self, votes: float) -> float:
        return 100 - 100 * votes / self.ballots if self.rtl else 100 * votes / self.ballots


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1].rstrip(" ,.:") + "…"


def letter(at: int) -> str:
    """Return the letter of an option by its position: A, B, ... Z, AA, AB, ..."""
    return letter(at // 26 - 1) + chr(65 + at % 26) if at >= 26 else chr(65 + at)
