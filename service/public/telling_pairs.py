"""Counts by pairs, in words and tables: who beats whom, and why that decides."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from schemas.bundle import Result
from schemas.explanation import Chain, PairLoss, PairsExplanation
from schemas.listing import ContestListing
from schemas.outcome import RankedRounds
from service.public.flow import letter
from service.public.result_view import Fate, OutcomeView, PairCell, PairRow
from service.public.voice import Voice


def tell(
    contest: ContestListing, count: RankedRounds, result: Result, facts: PairsExplanation, *, voice: Voice
) -> OutcomeView:
    """Return the view of a count by pairs, without ties and comparisons.

    Args:
        contest: Whose count it is.
        count: As published, with its matrix.
        result: The body of its result note.
        facts: Of this count.
        voice: The language.
    """
    _ = voice.say
    assert count.pairwise is not UNSET, "the method publishes the matrix"
    winner = facts.elected[0]
    rest = len(contest.options) - 1
    beaten = sum(loss.margin > 0 for loss in facts.losses)
    return OutcomeView(
        kind="pairs",
        sentence=_sentence(facts, voice, alone=not rest),
        tie="",
        facts=(
            (_("Ballots counted"), voice.whole(result.counts.final)),
            (_("Of all codes"), voice.formats.percent(result.counts.final, result.counts.eligible)),
            (
                _("Others that the winner beats"),
                _("%(part)s of %(all)s", part=voice.whole(beaten), all=voice.whole(rest)),
            ),
        ),
        ballots=voice.whole(result.counts.final),
        draws=(),
        seed=result.seed,
        close=(),
        others=(),
        fates=(
            Fate(_("Wins"), voice.titles[winner], (_won(count.method, facts, voice, alone=not rest),), won=True),
            *(
                Fate(_("Not chosen"), voice.titles[loss.option], tuple(_lost(loss, facts, voice)), won=False)
                for loss in facts.losses
            ),
        ),
        pairs=tuple(_matrix([option.id for option in contest.options], count.pairwise, voice)),
        standing=tuple(_standing(facts, voice, everyone=len(facts.smith) == len(contest.options))),
    )


def _sentence(facts: PairsExplanation, voice: Voice, *, alone: bool) -> str:
    _ = voice.say
    winner = voice.name(facts.elected[0])
    if alone:
        return _("%(option)s came first.", option=winner)
    if facts.condorcet_winner is not None:
        return _("%(option)s came first. It beat each other option, one against one.", option=winner)
    return _("%(option)s came first. No option beat all the others, one against one.", option=winner)


def _matrix(ids: Sequence[str], pairwise: Sequence[Sequence[int]], voice: Voice) -> list[PairRow]:
    return [
        PairRow(
            letter(row),
            voice.titles[option],
            tuple(
                PairCell(None)
                if row == column
                else PairCell(
                    voice.whole(pairwise[row][column]),
                    wins=pairwise[row][column] > pairwise[column][row],
                    ties=pairwise[row][column] == pairwise[column][row],
                )
                for column in range(len(ids))
            ),
        )
        for row, option in enumerate(ids)
    ]


def _standing(facts: PairsExplanation, voice: Voice, *, everyone: bool) -> list[str]:
    _ = voice.say
    if facts.condorcet_winner is not None:
        lines = [
            _(
                "%(option)s beat each of the others, one against one. Experts call that the Condorcet winner.",
                option=voice.name(facts.condorcet_winner),
            )
        ]
    elif everyone:
        lines = [_("No option beat all the others, and no smaller group did. So the winner takes a further rule.")]
    else:
        lines = [
            _(
                "No option beat all the others. Each of these beat every option outside their group: %(options)s."
                " Experts call the group the Smith set.",
                options=voice.names(facts.smith),
            )
        ]
    if facts.strength == "winning_votes":
        lines.append(_("How strong a win is: the ballots that put its winner above its loser."))
    elif facts.strength == "margins":
        lines.append(_("How strong a win is: by how many ballots it was won."))
    if not isinstance(facts.passed_over, UnsetType) and facts.passed_over:
        told = "; ".join(f"{voice.chain(one.options)} ({voice.votes(one.strength)})" for one in facts.passed_over)
        lines.append(_("Wins set aside, since stronger wins say the opposite: %(wins)s.", wins=told))
    return lines


def _won(method: str, facts: PairsExplanation, voice: Voice, *, alone: bool) -> str:
    _ = voice.say
    if alone:
        return _("It was the only option.")
    if facts.condorcet_winner is not None:
        return _("It beat each of the others, one against one.")
    if facts.by_lot:
        return _("It was level with others at the top. The public draw decided.")
    if method.startswith("schulze"):
        return _("Its chains of wins against the others are stronger than theirs against it.")
    if method.startswith("ranked-pairs"):
        return _("After the strongest wins were fixed, no win against it was left.")
    assert not isinstance(facts.score, UnsetType), "the other methods give scores"
    score = voice.votes(facts.score)
    match facts.strength:
        case "none":
            return _("It has the most points: %(score)s. A win is one point, a tie half a point.", score=score)
        case "margins":
            return _("Its worst loss is the smallest of all: by %(score)s ballots.", score=score)
        case "winning_votes":
            return _("Its worst loss is the smallest of all: %(score)s ballots were against it.", score=score)


def _lost(loss: PairLoss, facts: PairsExplanation, voice: Voice) -> list[str]:
    _ = voice.say
    values = {
        "winner": voice.name(facts.elected[0]),
        "above": voice.whole(loss.above),
        "below": voice.whole(loss.below),
    }
    if loss.margin > 0:
        lines = [
            _(
                "Against %(winner)s it lost, %(below)s ballots to %(above)s: %(behind)s behind.",
                behind=voice.whole(loss.margin),
                **values,
            )
        ]
    elif loss.margin < 0:
        lines = [_("Against %(winner)s it won, %(below)s ballots to %(above)s. Yet it did not come first.", **values)]
    else:
        del values["below"]
        lines = [_("Against %(winner)s it tied, with %(above)s ballots each.", **values)]
    if not isinstance(loss.score, UnsetType) and not isinstance(facts.score, UnsetType):
        lines += _scores(loss.score, facts, voice)
    if facts.condorcet_winner is not None:
        return lines
    if isinstance(loss.chain, Chain) and (loss.margin <= 0 or loss.chain_back):
        lines.append(
            _(
                "The strongest chain of wins to it: %(chain)s. Weakest win in it: %(strength)s.",
                chain=voice.chain(loss.chain.options),
                strength=voice.votes(loss.chain.strength),
            )
        )
        if isinstance(loss.chain_back, Chain):
            lines.append(
                _(
                    "The strongest chain back: %(chain)s. Weakest win in it: %(strength)s.",
                    chain=voice.chain(loss.chain_back.options),
                    strength=voice.votes(loss.chain_back.strength),
                )
            )
        else:
            lines.append(_("No chain leads back."))
    if isinstance(loss.confirmed, Chain):
        lines.append(
            _(
                "A win against it that stands: by %(option)s, of strength %(strength)s.",
                option=voice.name(loss.confirmed.options[0]),
                strength=voice.votes(loss.confirmed.strength),
            )
        )
    if loss.by_lot:
        lines.append(_("It could have come first as well: the public draw decided."))
    return lines


def _scores(score: str, facts: PairsExplanation, voice: Voice) -> list[str]:
    _ = voice.say
    assert not isinstance(facts.score, UnsetType), "checked by the caller"
    values = {"score": voice.votes(score), "best": voice.votes(facts.score)}
    if facts.strength == "none":
        return [_("Points: %(score)s. The winner has %(best)s.", **values)]
    if facts.condorcet_winner is not None:
        return []
    if facts.strength == "margins":
        return [_("Its worst loss: by %(score)s ballots. That of the winner: by %(best)s.", **values)]
    return [_("Its worst loss: %(score)s ballots against it. That of the winner: %(best)s.", **values)]
