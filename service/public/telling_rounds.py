"""Counts in rounds, in words and tables: instant runoff, block voting, and seats that are filled with surpluses."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from schemas.bundle import Result
from schemas.explanation import PaperMoves, RankedExplanation, RoundsExplanation, SeatLost, SeatsExplanation
from schemas.listing import ContestListing
from schemas.outcome import RankedRound, RankedRounds
from service.public.flow import FlowWords, can_flow, draw_flow, letter
from service.public.result_view import Cell, Fate, OutcomeView, Row
from service.public.voice import Voice

RoundsFacts = RankedExplanation | SeatsExplanation | RoundsExplanation


def tell(
    contest: ContestListing, count: RankedRounds, result: Result, facts: RoundsFacts, *, voice: Voice
) -> OutcomeView:
    """Return the view of a count in rounds, without ties and comparisons.

    Args:
        contest: Whose count it is.
        count: As published, with a round at least.
        result: The body of its result note.
        facts: Of this count.
        voice: The language.
    """
    _ = voice.say
    ids = [option.id for option in contest.options]
    elected = _elected(facts)
    numbers = [
        (_("Ballots counted"), voice.whole(result.counts.final)),
        (_("Of all codes"), voice.formats.percent(result.counts.final, result.counts.eligible)),
        (_("Rounds"), voice.whole(len(count.rounds))),
    ]
    if isinstance(facts, RankedExplanation) and facts.margin is not None:
        numbers.append((_("Lead at the end"), voice.votes(facts.margin)))
    if isinstance(facts, SeatsExplanation):
        meek = count.method.startswith("stv-meek/")
        numbers.append((_("Votes needed at the end") if meek else _("Votes needed to win"), voice.votes(facts.quota)))
    flows = isinstance(facts, RankedExplanation) and can_flow(count.rounds) and result.counts.final > 0
    if isinstance(facts, RankedExplanation):
        story = _runoff_story(ids, count, voice) if flows else ()
    else:
        story = _papers_story(facts, voice) if isinstance(facts, SeatsExplanation) else ()
    return OutcomeView(
        kind="rounds",
        sentence=_sentence(facts, elected, voice),
        tie="",
        facts=tuple(numbers),
        ballots=voice.whole(result.counts.final),
        draws=(),
        seed=result.seed,
        close=(),
        others=(),
        fates=tuple(_seat_fates(facts, voice) if isinstance(facts, SeatsExplanation) else _fates(count, facts, voice)),
        flow=draw_flow(
            count.rounds,
            names=[voice.titles[option] for option in ids],
            winners=[ids.index(option) for option in elected],
            ballots=result.counts.final,
            words=_flow_words(ids, count, facts, voice),
            rtl=voice.rtl,
        )
        if flows
        else None,
        story=story,
        columns=tuple(_("Round %(number)s", number=voice.whole(stage.number)) for stage in count.rounds),
        rows=tuple(_rows(ids, count, voice, lettered=flows)),
    )


def _elected(facts: RoundsFacts) -> Sequence[str]:
    return [seat.option for seat in facts.won] if isinstance(facts, SeatsExplanation) else facts.elected


def _sentence(facts: RoundsFacts, elected: Sequence[str], voice: Voice) -> str:
    _ = voice.say
    if not elected:
        return _("No option was chosen.")
    if len(elected) > 1:
        return _("%(options)s won the places.", options=voice.names(elected))
    winner = voice.name(elected[0])
    if not isinstance(facts, RankedExplanation) or len(facts.last) < 2:
        return _("%(option)s came first.", option=winner)
    held = next(standing.votes for standing in facts.last if standing.option == elected[0])
    other = next(standing for standing in facts.last if standing.option != elected[0])
    if Fraction(other.votes) == Fraction(held):
        return _(
            "%(option)s and %(other)s were tied in the last round, with %(votes)s votes each. The public draw"
            " decided for %(option)s.",
            option=winner,
            other=voice.name(other.option),
            votes=voice.votes(held),
        )
    return _(
        "%(option)s came first, with %(votes)s votes to %(other)s in the last round.",
        option=winner,
        votes=voice.votes(held),
        other=voice.votes(other.votes),
    )


def _flow_words(ids: Sequence[str], count: RankedRounds, facts: RoundsFacts, voice: Voice) -> FlowWords:
    _ = voice.say
    elected = _elected(facts)
    notes = []
    for stage in count.rounds:
        named = stage.eliminated or stage.elected or tuple(elected)
        letters = ", ".join(letter(ids.index(option)) for option in named)
        said = _("Out: %(options)s", options=letters) if stage.eliminated else _("Winner: %(options)s", options=letters)
        notes.append((said, voice.names(named)))
    return FlowWords(
        title=_sentence(facts, elected, voice) + " " + _("All numbers are in the table below."),
        half=_("half"),
        round=lambda number: _("Round %(number)s", number=voice.whole(number)),
        note=notes,
        number=voice.whole,
    )


def _runoff_story(ids: Sequence[str], count: RankedRounds, voice: Voice) -> tuple[str, ...]:
    _ = voice.say
    lines = []
    for stage, after in pairwise(count.rounds):
        held = dict(zip(ids, stage.tally, strict=True))
        gone = sum(int(held[option] or 0) for option in stage.eliminated)
        gains = [
            (option, int(late) - int(early))
            for option, early, late in zip(ids, stage.tally, after.tally, strict=True)
            if early is not None and late is not None and int(late) > int(early)
        ]
        spent = int(after.exhausted) - int(stage.exhausted)
        line = _(
            "%(options)s: fewest votes, %(votes)s, so out.",
            options=voice.names(stage.eliminated),
            votes=voice.whole(gone),
        )
        if gains:
            moved = [(option, str(votes)) for option, votes in sorted(gains, key=lambda pair: (-pair[1], pair[0]))]
            line += " " + _("The ballots move: %(moves)s.", moves=_moved(moved, voice))
        if spent:
            line += " " + _("Ballots with no choice left: %(count)s.", count=voice.whole(spent))
        lines.append(line)
    last = [(votes, option) for option, votes in zip(ids, count.rounds[-1].tally, strict=True) if votes is not None]
    last.sort(key=lambda pair: (-int(pair[0]), pair[1] not in count.rounds[-1].elected, pair[1]))
    lines.append(
        _(
            "The last round: %(standing)s. Ballots still counting: %(count)s.",
            standing="; ".join(f"{voice.title(option)} {voice.votes(votes)}" for votes, option in last),
            count=voice.whole(sum(int(votes) for votes, _option in last)),
        )
    )
    return tuple(lines)


def _papers_story(facts: SeatsExplanation, voice: Voice) -> tuple[str, ...]:
    """What moves after each round where the votes of one option move at a time."""
    return tuple(_paper_line(moves, voice) for moves in facts.transfers)


def _paper_line(moves: PaperMoves, voice: Voice) -> str:
    _ = voice.say
    values = {
        "round": voice.whole(moves.after),
        "option": voice.name(moves.source),
        "votes": voice.votes(moves.votes),
    }
    if moves.surplus:
        line = _("After round %(round)s: %(option)s has %(votes)s votes more than it needs. They move on.", **values)
    else:
        line = _("After round %(round)s: %(option)s is out. Its %(votes)s votes move on.", **values)
    gains = [(move.target, move.votes) for move in moves.moves if move.target is not None]
    if gains:
        gains.sort(key=lambda pair: (-Fraction(pair[1]), pair[0]))
        line += " " + _("To: %(moves)s.", moves=_moved(gains, voice))
    spent = next((move.votes for move in moves.moves if move.target is None), "0")
    if Fraction(spent):
        line += " " + _("Votes with no choice left: %(count)s.", count=voice.votes(spent))
    return line


def _moved(gains: Sequence[tuple[str, str]], voice: Voice) -> str:
    return "; ".join(
        f"{voice.title(option)} {voice.isolated(voice.signed(Fraction(votes)))}" for option, votes in gains
    )


def _rows(ids: Sequence[str], count: RankedRounds, voice: Voice, *, lettered: bool) -> list[Row]:
    _ = voice.say
    rows = []
    for at, option in enumerate(ids):
        cells = []
        for number, stage in enumerate(count.rounds):
            votes = stage.tally[at]
            before = count.rounds[number - 1].tally[at] if number else None
            cells.append(Cell(None) if votes is None else _cell(option, stage, votes, before, voice))
        rows.append(Row(voice.titles[option], tuple(cells), letter(at) if lettered else ""))
    if any(Fraction(stage.exhausted) for stage in count.rounds):
        rows.append(Row(_("No choice left"), tuple(Cell(voice.votes(stage.exhausted)) for stage in count.rounds)))
    if any(Fraction(stage.lost_to_rounding) for stage in count.rounds):
        rows.append(
            Row(_("Lost to rounding"), tuple(Cell(voice.votes(stage.lost_to_rounding)) for stage in count.rounds))
        )
    if count.quota is not None and not count.method.startswith("stv-meek/"):
        rows.append(Row(_("Votes needed"), tuple(Cell(voice.votes(count.quota)) for _stage in count.rounds)))
    return rows


def _cell(option: str, stage: RankedRound, votes: str, before: str | None, voice: Voice) -> Cell:
    _ = voice.say
    change = Fraction(votes) - Fraction(before) if before is not None else Fraction(0)
    note = _("wins") if option in stage.elected else _("out") if option in stage.eliminated else ""
    return Cell(voice.votes(votes), voice.signed(change) if change else "", note)


# -- what became of each -------------------------------------------------------------------------


def _fates(count: RankedRounds, facts: RankedExplanation | RoundsExplanation, voice: Voice) -> list[Fate]:
    _ = voice.say
    fates = []
    first = {standing.option: standing.votes for standing in facts.first}
    last = {standing.option: standing.votes for standing in facts.last}
    for option in facts.elected:
        stage = next((stage for stage in count.rounds if option in stage.elected), count.rounds[-1])
        why = _(
            "It began with %(first)s votes and won in round %(round)s with %(votes)s.",
            first=voice.votes(first[option]),
            round=voice.whole(stage.number),
            votes=voice.votes(last[option]),
        )
        fates.append(Fate(_("Wins"), voice.titles[option], (why,), won=True))
    for loss in sorted(facts.losses, key=lambda loss: (-loss.round, -Fraction(loss.votes), loss.option)):
        values = {"round": voice.whole(loss.round), "votes": voice.votes(loss.votes)}
        if loss.by_lot:
            why = _("Tied in round %(round)s with %(votes)s votes, then out by the public draw.", **values)
        else:
            why = _(
                "Out in round %(round)s with %(votes)s votes, %(behind)s behind the next.",
                behind=voice.votes(loss.behind),
                **values,
            )
        fates.append(Fate(_("Not chosen"), voice.titles[loss.option], (why,), won=False))
    return fates


def _seat_fates(facts: SeatsExplanation, voice: Voice) -> list[Fate]:
    _ = voice.say
    fates = []
    for seat in facts.won:
        values = {"round": voice.whole(seat.round), "votes": voice.votes(seat.votes)}
        if not seat.quota:
            why = _(
                "It took one of the last places in round %(round)s, with %(votes)s votes: no others were left for"
                " them.",
                **values,
            )
        elif Fraction(seat.surplus):
            why = _(
                "It won in round %(round)s with %(votes)s votes, %(surplus)s more than it needed.",
                surplus=voice.votes(seat.surplus),
                **values,
            )
        else:
            why = _("It won in round %(round)s with %(votes)s votes, just what it needed.", **values)
        fates.append(Fate(_("Wins"), voice.titles[seat.option], (why,), won=True))
    for loss in (*(loss for loss in facts.lost if not loss.excluded), *_last_first(facts.lost)):
        values = {
            "round": voice.whole(loss.round),
            "votes": voice.votes(loss.votes),
            "behind": voice.votes(loss.behind),
        }
        if loss.by_lot:
            del values["behind"]
            why = _("Tied in round %(round)s with %(votes)s votes, then out by the public draw.", **values)
        elif loss.earlier is not None:
            values["earlier"] = voice.whole(loss.earlier)
            del values["behind"]
            why = _(
                "Tied for the fewest votes, %(votes)s, in round %(round)s. In round %(earlier)s it had the fewest of"
                " them, so it was out.",
                **values,
            )
        elif loss.excluded:
            why = _("Out in round %(round)s with %(votes)s votes, %(behind)s behind the next.", **values)
        else:
            why = _(
                "Still in when the last place was filled in round %(round)s, with %(votes)s votes, %(behind)s behind.",
                **values,
            )
        fates.append(Fate(_("Not chosen"), voice.titles[loss.option], (why,), won=False))
    return fates


def _last_first(lost: Sequence[SeatLost]) -> list[SeatLost]:
    return [loss for loss in reversed(lost) if loss.excluded]
