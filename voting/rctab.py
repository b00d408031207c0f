"""Counting raw cast vote records by an RCTab configuration, to check counts that were published.

RCTab is the program with which many American cities count ranked ballots; its configuration names the rules. This reads
one and counts as release 2.0.1 does, round by round. It is for records of elections that are over: none of this is a
method of ours, and no contest can be counted by it.

    RCTAB-1   Threshold: of V votes that count in round 1, floor(V / (seats + 1)) + 1, or V / seats rounded up by the
              Hare quota; with decimals where it need not be whole. With one seat it is set anew in every round until
              someone has won. In `bottomsUpUsingPercentageThreshold` it is that percentage of the votes that count.
    RCTAB-2   While undeclared write-ins hold votes nobody can win; they go first.
    RCTAB-3   As many options as open seats: all win. Else who reaches the threshold wins; in `bottomsUp` nobody does.
              One seat and two options left: the one with more votes wins.
    RCTAB-4   Nobody wins: who is below the minimum goes; else a batch of two or more that together hold fewer votes
              than the next one up; else the one with the fewest votes.
    RCTAB-5   A winner's surplus moves on with every ballot at (value x surplus / votes), both divided and multiplied
              with the decimals of the configuration, cut off. What is cut off is the residual surplus.
    RCTAB-6   Several seats: one more round shows the last surplus. `continueUntilTwoCandidatesRemain`: rounds go on
              with the winner until two are left. `multiPassIrv`: the count starts again without those who won.
    RCTAB-7   Ties: by the order of the configuration; by java.util.Random from the seed over the tied in the order of
              java.util.HashMap (release 2.0.1 does so, where its handbook says alphabetical); or earlier rounds first.

How ballots are cleaned: voting/formats/cleaning.py.

Source: RCTab 2.0.1 (Bright Spots, MPL 2.0), its configuration documentation and its published reports.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal, get_args

from voting.errors import InvalidContest, InvalidFile
from voting.formats.cleaning import (
    UNDECLARED,
    CleaningRules,
    Labels,
    OvervoteRule,
    RawBallot,
    next_choice,
    read_cells,
)
from voting.formats.lines import Lines, Source
from voting.formats.names import shown
from voting.formats.ranks_csv import each_block, read_header

Mode = Literal[
    "singleWinnerMajority",
    "multiWinnerAllowMultipleWinnersPerRound",
    "multiWinnerAllowOnlyOneWinnerPerRound",
    "bottomsUp",
    "bottomsUpUsingPercentageThreshold",
    "multiPassIrv",
]
TieMode = Literal["useCandidateOrder", "generatePermutation", "random", "previousRoundCountsThenRandom"]
FINAL_SURPLUS = "finalRoundSurplus"
"""Where the last surplus is booked that has nowhere to go."""
EXHAUSTED, RESIDUAL = "exhausted", "residual surplus"
"""Targets of transfers that are no options, named as in RCTab's reports."""

_INT_MASK = (1 << 48) - 1


@dataclass(frozen=True)
class Candidate:
    """One candidate of a configuration."""

    name: str
    aliases: tuple[str, ...] = ()
    excluded: bool = False


@dataclass(frozen=True)
class RctabConfig:
    """The rules of a configuration, checked.

    Attributes:
        candidates: In the order of the file, which breaks ties in `useCandidateOrder`.
        labels: What cells mean that are no names.
        cleaning: How ballots that aren't plain rankings count.
        mode: How winners are found.
        seats: 0 where a percentage decides.
        ties: How ties are broken.
        seed: For the random ways to break them.
        decimals: Of votes.
        ranks_max: More columns than this can't be marked; None for any number.
        minimum: Votes below which a candidate goes at once.
        percentage: Of the votes that count, for `bottomsUpUsingPercentageThreshold`.
        whole_threshold: Whether the threshold is a whole number.
        first_round_threshold: Whether the threshold of round 1 stays.
        hare: Whether the quota is V / seats.
        batch: Whether candidates who can't catch up go together.
        cutoff: Whether all below a percentage go together.
        until_two: Whether rounds go on until two are left.
        last_round: No round after this one; None for no limit.
    """

    candidates: tuple[Candidate, ...]
    labels: Labels
    cleaning: CleaningRules
    mode: Mode
    seats: int
    ties: TieMode
    seed: int
    decimals: int
    ranks_max: int | None
    minimum: Fraction
    percentage: Fraction
    whole_threshold: bool
    first_round_threshold: bool
    hare: bool
    batch: bool
    cutoff: bool
    until_two: bool
    last_round: int | None

    @property
    def names(self) -> dict[str, str]:
        """The candidate of every name and alias."""
        return {text: each.name for each in self.candidates for text in (each.name, *each.aliases)}


@dataclass(frozen=True)
class Tie:
    """One broken tie: among whom, who was chosen, and to win or to lose."""

    among: tuple[str, ...]
    chosen: str
    wins: bool


@dataclass(frozen=True)
class RctabRound:
    """One round. Votes are whole numbers of 10^-decimals.

    Tally + inactive + residual = ballots.

    Attributes:
        number: From 1, in each pass anew.
        threshold: What had to be reached.
        tally: The votes of those who continue, and of those who won before.
        inactive: Votes that count for nobody, by reason.
        residual: Surplus that was cut off by rounding, so far.
        elected: Who won, most votes first.
        eliminated: Who went out, fewest votes first.
        transfers: Who gave how much to whom at the end of this round.
        ties: The ties of this round.
    """

    number: int
    threshold: Fraction
    tally: dict[str, int]
    inactive: dict[str, int]
    residual: int
    elected: tuple[str, ...]
    eliminated: tuple[str, ...]
    transfers: dict[str, dict[str, int]]
    ties: tuple[Tie, ...]


@dataclass(frozen=True)
class RctabCount:
    """A whole count: the passes (one, but in multiPassIrv one for each seat), and the winners in order."""

    ballots: int
    passes: tuple[tuple[RctabRound, ...], ...]
    elected: tuple[str, ...]


def read_config(data: bytes) -> RctabConfig:
    """Return an RCTab configuration.

    Labels are taken from `cvrFileSources`, of which all must agree, or from an object `source_labels`.

    Raises:
        InvalidFile: No such configuration, or a rule that this does not know. The text names the setting.
    """
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"the configuration is no JSON: {shown(error)}; give RCTab's .json file") from None
    if not isinstance(document, dict):
        raise InvalidFile("the configuration must be a JSON object with candidates and rules")
    settings = _Settings(document.get("rules"), "rules")
    candidates = _candidates(document.get("candidates"))
    mode = settings.one_of("winnerElectionMode", get_args(Mode))
    ties = settings.one_of("tiebreakMode", get_args(TieMode))
    config = RctabConfig(
        candidates=candidates,
        labels=_labels(document, settings),
        cleaning=CleaningRules(
            overvote=settings.one_of("overvoteRule", get_args(OvervoteRule)),
            skipped_ranks_max=settings.whole("maxSkippedRanksAllowed", unlimited="unlimited"),
            exhaust_on_duplicate=settings.flag("exhaustOnDuplicateCandidate"),
        ),
        mode=mode,
        seats=settings.whole("numberOfWinners", default=1) or 0,
        ties=ties,
        seed=settings.integer("randomSeed"),
        decimals=settings.whole("decimalPlacesForVoteArithmetic", default=4) or 0,
        ranks_max=settings.whole("maxRankingsAllowed", unlimited="max"),
        minimum=settings.number("minimumVoteThreshold"),
        percentage=settings.number("multiSeatBottomsUpPercentageThreshold") / 100,
        whole_threshold=not settings.flag("nonIntegerWinningThreshold"),
        first_round_threshold=settings.flag("doesFirstRoundDetermineThreshold"),
        hare=settings.flag("hareQuota"),
        batch=settings.flag("batchElimination"),
        cutoff=settings.flag("cutoffElimination"),
        until_two=settings.flag("continueUntilTwoCandidatesRemain"),
        last_round=settings.whole("stopTabulationEarlyAfterRound", unlimited="") or None,
    )
    standing = sum(not candidate.excluded for candidate in candidates)
    by_percentage = mode == "bottomsUpUsingPercentageThreshold"
    if by_percentage != (config.seats == 0) or (by_percentage and not 0 < config.percentage <= 1):
        raise InvalidFile(
            f"rules.numberOfWinners is {config.seats} in mode {mode}; "
            "only bottomsUpUsingPercentageThreshold takes 0, and it needs a percentage up to 100"
        )
    if mode == "singleWinnerMajority" and config.seats != 1:
        raise InvalidFile(f"rules.numberOfWinners is {config.seats}; singleWinnerMajority elects 1")
    if config.seats > standing:
        raise InvalidFile(f"rules.numberOfWinners is {config.seats}, but {standing} candidates stand")
    several = config.seats > 1 and mode != "multiPassIrv"
    if several and (config.batch or config.until_two):
        name = "batchElimination" if config.batch else "continueUntilTwoCandidatesRemain"
        raise InvalidFile(f"rules.{name} is true in mode {mode}; it goes with one seat or multiPassIrv only")
    if config.decimals > 20:
        raise InvalidFile(f"rules.decimalPlacesForVoteArithmetic is {config.decimals}; it must be 0 to 20")
    return config


def read_records(data: Source, config: RctabConfig) -> Counter[RawBallot]:
    """Return the raw records of a CSV with a column a rank, equal ones merged.

    Raises:
        InvalidFile: With the number of the line, the reason, and how to mend it.
    """
    lines = Lines(data)
    header = read_header(lines)
    if not header.ranks:
        raise InvalidFile("line 1: no column is a rank; raw records need columns rank1, rank2, ...")
    if config.ranks_max is not None and len(header.ranks) > config.ranks_max:
        raise InvalidFile(
            f"line 1: {len(header.ranks)} ranks, but rules.maxRankingsAllowed is {config.ranks_max}; correct one"
        )
    names = config.names
    ballots: Counter[RawBallot] = Counter()
    for records in each_block(lines, header):
        for cells, times, number in records:
            try:
                ballot = read_cells(cells, labels=config.labels, names=names)
            except InvalidFile as fault:
                raise InvalidFile(f"line {number}: {fault}") from None
            if times:
                ballots[ballot] += times
    return ballots


def count_rctab(ballots: Mapping[RawBallot, int], config: RctabConfig) -> RctabCount:
    """Return the whole count.

    Raises:
        InvalidContest: Nobody can win, since all are below the minimum.
    """
    total = sum(ballots.values())
    if config.mode != "multiPassIrv":
        rounds = _Pass(ballots, config).count()
        return RctabCount(ballots=total, passes=(rounds,), elected=_elected(rounds))
    passes: list[tuple[RctabRound, ...]] = []
    elected: list[str] = []
    while len(elected) < config.seats:
        single = replace(
            config,
            seats=1,
            candidates=tuple(
                replace(each, excluded=each.excluded or each.name in elected) for each in config.candidates
            ),
        )
        passes.append(_Pass(ballots, single).count())
        elected += _elected(passes[-1])
    return RctabCount(ballots=total, passes=tuple(passes), elected=tuple(elected))


def _elected(rounds: Sequence[RctabRound]) -> tuple[str, ...]:
    return tuple(name for stage in rounds for name in stage.elected)


@dataclass(eq=False)
class _Pile:
    """Equal records, which move together.

    `value` is what one of them is still worth; `kept` what each winner keeps of it.
    """

    ballot: RawBallot
    times: int
    value: int
    holder: str | None = None
    ending: str | None = None
    kept: dict[str, int] = field(default_factory=dict)


class _Pass:
    """One run of rounds."""

    def __init__(self, ballots: Mapping[RawBallot, int], config: RctabConfig) -> None:
        self.config = config
        self.unit = 10**config.decimals
        self.piles = [_Pile(ballot, times, self.unit) for ballot, times in ballots.items()]
        self.standing = [each.name for each in config.candidates if not each.excluded]
        self.declared = len(self.standing)
        if config.labels.undeclared_write_in or config.labels.blank_is_write_in:
            self.standing.append(UNDECLARED)
        self.won: dict[str, int] = {}
        self.out: dict[str, int] = {}
        self.rounds: list[RctabRound] = []
        self.residual = 0
        self.chance = _JavaRandom(config.seed)
        self.order = [each.name for each in config.candidates]
        if config.ties == "generatePermutation":
            self.order.sort()
            self.chance.shuffle(self.order)

    def count(self) -> tuple[RctabRound, ...]:
        """Count all rounds."""
        while self._goes_on():
            self._count_round(len(self.rounds) + 1)
        return tuple(self.rounds)

    def _goes_on(self) -> bool:
        """RCTAB-6."""
        config, number = self.config, len(self.rounds)
        if config.last_round is not None and number >= config.last_round:
            return False
        if config.until_two:
            return len(self.out) + len(self.won) + 1 < len(self.standing) or number in self.out.values()
        if config.mode == "bottomsUpUsingPercentageThreshold":
            return not self.won
        last_surplus = config.seats > 1 and config.mode != "bottomsUp" and number in self.won.values()
        return len(self.won) < config.seats or last_surplus

    def _continues(self, name: str) -> bool:
        return name in self.votes

    def _count_round(self, number: int) -> None:
        keep_winners = self.config.until_two
        self.votes: dict[str, int] = {
            name: 0 for name in self.standing if name not in self.out and (keep_winners or name not in self.won)
        }
        moves: dict[str, dict[str, int]] = {}
        for pile in self.piles:
            self._place(pile, moves)
        tally = dict(self.votes)
        inactive = Counter[str]()
        for pile in self.piles:
            if pile.ending is None:
                assert pile.holder is not None, "a ballot counts for someone or has ended"
                tally[pile.holder] += pile.value * pile.times
            else:
                inactive[pile.ending] += pile.value * pile.times
        self.votes = tally
        threshold = self._threshold(number, sum(tally.values()))
        shown = dict(tally)
        if self.config.seats > 1:
            self._settle_winners(number, threshold, shown, moves)
        if self.rounds:
            self.rounds[-1] = replace(self.rounds[-1], transfers=moves)
        self.ties: list[Tie] = []
        elected = self._winners(number, threshold)
        eliminated: list[str] = []
        if elected:
            for name in elected:
                self.won[name] = number
            if self.config.seats > 1 and self.config.mode != "bottomsUp":
                for name in elected:
                    self._pass_on(name, threshold)
        elif self._must_eliminate():
            eliminated = self._losers(number, threshold)
            self.out.update(dict.fromkeys(eliminated, number))
        assert sum(shown.values()) + sum(inactive.values()) + self.residual == self.unit * sum(
            pile.times for pile in self.piles
        ), "no vote is lost"
        self.rounds.append(
            RctabRound(
                number=number,
                threshold=threshold,
                tally=shown,
                inactive=dict(inactive),
                residual=self.residual,
                elected=tuple(sorted(elected, key=lambda name: -tally[name])),
                eliminated=tuple(sorted(eliminated, key=lambda name: tally[name])),
                transfers={},
                ties=tuple(self.ties),
            )
        )

    def _place(self, pile: _Pile, moves: dict[str, dict[str, int]]) -> None:
        """Let a pile stay, move on, or end."""
        if pile.ending is not None or (pile.holder is not None and pile.holder in self.votes):
            return
        before = pile.holder
        pile.holder, pile.ending = next_choice(pile.ballot, continues=self._continues, rules=self.config.cleaning)
        if pile.ending is not None and self.config.seats > 1 and len(self.won) >= self.config.seats:
            pile.ending = FINAL_SURPLUS
        if before is not None and pile.value:
            target = moves.setdefault(before, {})
            name = EXHAUSTED if pile.holder is None else pile.holder
            target[name] = target.get(name, 0) + pile.value * pile.times

    def _threshold(self, number: int, votes: int) -> Fraction:
        """RCTAB-1, in votes."""
        config = self.config
        if number > 1 and (config.seats > 1 or config.first_round_threshold or self.won):
            return self.rounds[-1].threshold
        if config.mode == "bottomsUpUsingPercentageThreshold":
            return Fraction(votes, self.unit) * config.percentage
        step = 1 if config.whole_threshold else self.unit
        if config.hare:
            threshold = Fraction(-(-votes * step // (self.unit * config.seats)), step)
        else:
            threshold = Fraction(votes * step // (self.unit * (config.seats + 1)) + 1, step)
        return max(threshold, config.minimum)

    def _settle_winners(
        self, number: int, threshold: Fraction, shown: dict[str, int], moves: dict[str, dict[str, int]]
    ) -> None:
        """Book what those who won before keep; what is above the threshold could not be passed on (RCTAB-5)."""
        for name, round_won in self.won.items():
            if round_won < number - 1:
                shown[name] = self.rounds[-1].tally[name]
                continue
            kept = sum(pile.kept.get(name, 0) * pile.times for pile in self.piles)
            limit = int(threshold * self.unit)
            if kept > limit:
                self.residual += kept - limit
                moves.setdefault(name, {})[RESIDUAL] = kept - limit
                kept = limit
            shown[name] = kept

    def _winners(self, number: int, threshold: Fraction) -> list[str]:
        """RCTAB-2 and RCTAB-3."""
        config, votes = self.config, self.votes
        if votes.get(UNDECLARED):
            return []
        if config.mode == "bottomsUpUsingPercentageThreshold":
            return list(votes) if all(held >= threshold * self.unit for held in votes.values()) else []
        open_seats = config.seats - len(self.won)
        if open_seats <= 0:
            return []
        reached: list[str] = []
        if len(votes) == open_seats:
            reached = list(votes)
        elif config.first_round_threshold and len(votes) - 1 == config.seats:
            reached = [name for name in votes if votes[name] == max(votes.values())]
        elif config.mode != "bottomsUp":
            reached = [name for name in votes if votes[name] >= threshold * self.unit and name != UNDECLARED]
        one_a_round = config.mode == "multiWinnerAllowOnlyOneWinnerPerRound" or config.first_round_threshold
        nobody_of_two = (
            config.seats == 1
            and not reached
            and len(votes) == 2
            and all(held >= config.minimum * self.unit for held in votes.values())
        )
        if (len(reached) > 1 and one_a_round) or nobody_of_two:
            most = max(votes.values())
            reached = [self._one_of([name for name in votes if votes[name] == most], number, wins=True)]
        return reached

    def _must_eliminate(self) -> bool:
        config = self.config
        more = len(self.won) < config.seats or config.mode == "bottomsUpUsingPercentageThreshold"
        return more or (config.until_two and len(self.out) < len(self.standing) - 2)

    def _losers(self, number: int, threshold: Fraction) -> list[str]:
        """RCTAB-2 and RCTAB-4."""
        votes, config = self.votes, self.config
        if votes.get(UNDECLARED):
            return [UNDECLARED]
        low = [name for name in votes if votes[name] < config.minimum * self.unit]
        if len(low) == self.declared:
            raise InvalidContest("every candidate is below rules.minimumVoteThreshold; nobody can win")
        if low:
            return low
        if config.cutoff and config.mode == "bottomsUpUsingPercentageThreshold":
            return [name for name in votes if votes[name] < threshold * self.unit]
        if config.batch and len(batch := self._batch()) > 1:
            return batch
        if not votes:
            raise InvalidContest(
                f"round {number}: no candidate is left for an open seat; correct rules.numberOfWinners"
            )
        fewest = min(votes.values())
        return [self._one_of([name for name in votes if votes[name] == fewest], number, wins=False)]

    def _batch(self) -> list[str]:
        """Those who together hold fewer votes than the next one up."""
        levels: dict[int, list[str]] = {}
        for name in sorted(self.votes, key=lambda each: self.votes[each]):
            levels.setdefault(self.votes[name], []).append(name)
        running = 0
        seen: list[str] = []
        batch: list[str] = []
        smaller: list[str] = []
        for held, names in levels.items():
            if seen and running < held and len(seen) > len(batch):
                smaller, batch = batch, list(seen)
            running += held * len(names)
            seen += names
        alone = self.config.until_two and len(batch) + len(self.out) == len(self.standing) - 1
        return smaller if alone else batch

    def _one_of(self, tied: list[str], number: int, *, wins: bool) -> str:
        """Break a tie (RCTAB-7)."""
        if len(tied) == 1:
            return tied[0]
        among = tuple(tied)
        if self.config.ties in ("useCandidateOrder", "generatePermutation"):
            place = {name: at for at, name in enumerate(self.order)}
            chosen = (min if wins else max)(tied, key=lambda name: place.get(name, -1))
        else:
            chosen = ""
            if self.config.ties == "previousRoundCountsThenRandom":
                tied = self._by_earlier_rounds(tied, wins=wins)
                chosen = tied[0] if len(tied) == 1 else ""
            if not chosen:
                listed = [name for name in _hash_order(self.votes) if name in among]
                chosen = listed[self.chance.below(len(listed))]
        self.ties.append(Tie(among=among, chosen=chosen, wins=wins))
        return chosen

    def _by_earlier_rounds(self, tied: list[str], *, wins: bool) -> list[str]:
        for stage in reversed(self.rounds):
            best = (max if wins else min)(stage.tally[name] for name in tied)
            tied = [name for name in tied if stage.tally[name] == best]
            if len(tied) == 1:
                break
        return tied

    def _pass_on(self, name: str, threshold: Fraction) -> None:
        """Divide the winner's ballots into what it keeps and what moves on (RCTAB-5)."""
        votes = self.votes[name]
        surplus = max(0, votes - int(threshold * self.unit))
        share = surplus * self.unit // votes if votes else 0
        for pile in self.piles:
            if pile.holder == name and pile.ending is None:
                moving = pile.value * share // self.unit
                pile.kept[name] = pile.value - moving
                pile.value = moving


class _JavaRandom:
    """The numbers of java.util.Random, as its documentation defines them."""

    def __init__(self, seed: int) -> None:
        self.state = (seed ^ 0x5DEECE66D) & _INT_MASK

    def _next(self, bits: int) -> int:
        self.state = (self.state * 0x5DEECE66D + 0xB) & _INT_MASK
        return self.state >> (48 - bits)

    def below(self, size: int) -> int:
        """floor(nextDouble() x size), exactly."""
        numerator = (self._next(26) << 27) + self._next(27)
        return numerator * size >> 53

    def shuffle(self, names: list[str]) -> None:
        """As java.util.Collections.shuffle."""
        for size in range(len(names), 1, -1):
            at = self._next_int(size)
            names[size - 1], names[at] = names[at], names[size - 1]

    def _next_int(self, bound: int) -> int:
        if bound & (bound - 1) == 0:
            return bound * self._next(31) >> 31
        while True:
            bits = self._next(31)
            value = bits % bound
            if bits - value + bound - 1 < 1 << 31:
                return value


def _hash_order(names: Iterable[str]) -> list[str]:
    """The order in which java.util.HashMap lists its keys: by bucket, 16 buckets or more, at most 3 of 4 taken."""
    listed = list(names)
    buckets = 16
    while len(listed) * 4 > buckets * 3:
        buckets *= 2

    def bucket(name: str) -> int:
        value = 0
        units = name.encode("utf-16-be", "surrogatepass")
        for at in range(0, len(units), 2):
            value = (value * 31 + int.from_bytes(units[at : at + 2], "big")) & 0xFFFFFFFF
        return (value ^ (value >> 16)) & (buckets - 1)

    return sorted(listed, key=bucket)


# -- reading a configuration ---------------------------------------------------------------


class _Settings:
    """The rules of a configuration, which writes numbers as numbers or as texts."""

    def __init__(self, values: object, name: str) -> None:
        if not isinstance(values, dict):
            raise InvalidFile(f"the configuration has no object {name!r}; give RCTab's .json file")
        self.values: dict[str, Any] = values
        self.name = name

    def _text(self, key: str) -> str:
        value = self.values.get(key)
        if value is None or isinstance(value, list | dict):
            return ""
        return str(value).strip()

    def invalid(self, key: str, wanted: str) -> InvalidFile:
        """Return the refusal of one setting."""
        return InvalidFile(f"{self.name}.{key} is {self._text(key)[:40]!r}; it must be {wanted}")

    def one_of(self, key: str, known: Sequence[Any]) -> Any:
        """Return one of the known texts."""
        text = self._text(key)
        if text not in known:
            raise self.invalid(key, f"one of {', '.join(known)}")
        return text

    def flag(self, key: str) -> bool:
        """Return true or false; what is missing is false."""
        value = self.values.get(key)
        if value not in (None, "", True, False, "true", "false"):
            raise self.invalid(key, "true or false")
        return value in (True, "true")

    def whole(self, key: str, *, default: int | None = None, unlimited: str | None = None) -> int | None:
        """Return a whole number from 0, or None for the word that means any number."""
        text = self._text(key)
        if text == unlimited:
            return None
        if not text and default is not None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise self.invalid(key, "a whole number from 0" + (f" or {unlimited!r}" if unlimited else ""))
        return int(text)

    def integer(self, key: str) -> int:
        """Return a whole number of any sign, of 64 bits; 0 where it is missing."""
        text = self._text(key) or "0"
        if not re.fullmatch(r"-?[0-9]{1,19}", text):
            raise self.invalid(key, "a whole number")
        return int(text)

    def number(self, key: str) -> Fraction:
        """Return a decimal number from 0; 0 where it is missing."""
        text = self._text(key) or "0"
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text):
            raise self.invalid(key, "a number from 0")
        return Fraction(text)


def _candidates(listed: object) -> tuple[Candidate, ...]:
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        raise InvalidFile("the configuration has no candidates; give RCTab's .json file")
    candidates = []
    taken = {UNDECLARED}
    for each in listed:
        name, aliases = each.get("name"), each.get("aliases") or []
        if isinstance(aliases, str):
            aliases = aliases.splitlines()
        code = each.get("code")
        if not isinstance(aliases, list) or not all(isinstance(text, str) for text in (name, *aliases)) or not name:
            raise InvalidFile("candidates: each needs a name, and its aliases must be texts")
        texts = dict.fromkeys(text.strip() for text in (*aliases, code) if isinstance(text, str) and text.strip())
        texts.pop(name.strip(), None)
        for text in (name.strip(), *texts):
            if text in taken:
                raise InvalidFile(f"candidates: {text[:80]!r} stands twice; names and aliases must differ")
            taken.add(text)
        candidates.append(
            Candidate(name=name.strip(), aliases=tuple(texts), excluded=each.get("excluded") in (True, "true"))
        )
    return tuple(candidates)


def _labels(document: Mapping[str, Any], rules: _Settings) -> Labels:
    sources = document.get("cvrFileSources") or [document.get("source_labels") or {}]
    if not isinstance(sources, list) or not all(isinstance(each, dict) for each in sources):
        raise InvalidFile("cvrFileSources must be a list of objects")
    found = set()
    for each in sources:
        source = _Settings(each, "cvrFileSources")
        found.add(
            Labels(
                overvote=source._text("overvoteLabel"),
                overvote_delimiter=source._text("overvoteDelimiter"),
                skipped_rank=source._text("skippedRankLabel"),
                undeclared_write_in=source._text("undeclaredWriteInLabel"),
                blank_is_write_in=source.flag("treatBlankAsUndeclaredWriteIn")
                or rules.flag("treatBlankAsUndeclaredWriteIn"),
            )
        )
    if len(found) > 1:
        raise InvalidFile("cvrFileSources: the sources have different labels; count files with one set of labels")
    return found.pop()


# -- showing a count -----------------------------------------------------------------------


def rctab_document(count: RctabCount, config: RctabConfig) -> dict[str, Any]:
    """Return a count as `tally --json` prints it: as the other methods do, with the passes and what RCTab reports."""

    def shown(units: int) -> str:
        return units_text(units, config.decimals)

    rounds = []
    draws = []
    for number, stages in enumerate(count.passes, 1):
        for stage in stages:
            rounds.append(
                {
                    "pass": number,
                    "number": stage.number,
                    "threshold": threshold_text(stage.threshold),
                    "tally": {name: shown(units) for name, units in stage.tally.items()},
                    "elected": stage.elected,
                    "eliminated": stage.eliminated,
                    "transfers": {
                        source: {target: shown(units) for target, units in moved.items()}
                        for source, moved in stage.transfers.items()
                    },
                    "exhausted": shown(sum(stage.inactive.values())),
                    "inactive": {why: shown(units) for why, units in stage.inactive.items()},
                    "lost_to_rounding": shown(stage.residual),
                }
            )
            for tie in stage.ties:
                others = tuple(name for name in tie.among if name != tie.chosen)
                draws.append(
                    {
                        "pass": number,
                        "round": stage.number,
                        "among": tie.among,
                        "order": (tie.chosen, *others) if tie.wins else (*others, tie.chosen),
                        "decided": "elect" if tie.wins else "eliminate",
                    }
                )
    return {
        "method": "rctab",
        "kind": "ranked",
        "ballots": count.ballots,
        "options": [each.name for each in config.candidates],
        "seats": config.seats,
        "quota": rounds[0]["threshold"] if rounds else None,
        "elected": count.elected,
        "rounds": rounds,
        "draws": draws,
        "seed": config.seed,
    }


def rctab_text(count: RctabCount, config: RctabConfig) -> str:
    """Return a count for people, round by round."""
    lines = [f"By an RCTab configuration ({config.mode}): {count.ballots:,} ballots"]
    for number, stages in enumerate(count.passes, 1):
        for stage in stages:
            which = f"Seat {number}, round" if len(count.passes) > 1 else "Round"
            lines += ["", f"{which} {stage.number}, threshold {threshold_text(stage.threshold)}"]
            width = max((len(name) for name in (*stage.tally, RESIDUAL)), default=0)
            for name, units in sorted(stage.tally.items(), key=lambda pair: -pair[1]):
                mark = "  elected" if name in stage.elected else "  out" if name in stage.eliminated else ""
                lines.append(f"  {name:<{width}} {units_text(units, config.decimals):>17}{mark}")
            inactive = sum(stage.inactive.values())
            lines.append(f"  {EXHAUSTED:<{width}} {units_text(inactive, config.decimals):>17}")
            if stage.residual:
                lines.append(f"  {RESIDUAL:<{width}} {units_text(stage.residual, config.decimals):>17}")
            for tie in stage.ties:
                what = "wins" if tie.wins else "goes out"
                lines.append(f"  tied: {', '.join(tie.among)}; {tie.chosen} {what}")
    lines += ["", f"Elected: {', '.join(count.elected)}"]
    return "\n".join(lines)


def units_text(units: int, decimals: int) -> str:
    """Return votes as a decimal text: whole numbers without decimals, as RCTab writes them.

    Example:
        >>> units_text(178_5192, 4), units_text(20_0000, 4)
        ('178.5192', '20')
    """
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}}" if rest else str(whole)


def threshold_text(threshold: Fraction) -> str:
    """Return a threshold as a decimal text; all of them are finite decimals.

    Example:
        >>> threshold_text(Fraction(81, 20)), threshold_text(Fraction(8))
        ('4.05', '8')
    """
    decimals = 0
    while (threshold * 10**decimals).denominator != 1:
        decimals += 1
    return units_text(int(threshold * 10**decimals), decimals)
