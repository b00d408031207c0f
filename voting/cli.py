"""The commands of the library: the only file here that reads files and writes to the terminal.

`add_commands` gives them to another command line; `main` is `python -m voting`. Exit codes: 0 done, 1 the answer is no,
2 wrong use or unreadable input, with one line on stderr.
"""

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from msgspec import UnsetType

from schemas.explanation import (
    BudgetExplanation,
    PairsExplanation,
    RankedExplanation,
    RoundsExplanation,
    ScoresExplanation,
    SeatLost,
    SeatsExplanation,
)
from schemas.outcome import BudgetOutcome, Draw, Outcome, RankedOutcome
from voting.budget.buying import six_decimals
from voting.budget.equal_shares import CARDINAL_NAME, COMPLETIONS, NAME, count_equal_shares
from voting.budget.recorded import count_recorded
from voting.convert_command import add_convert
from voting.errors import InvalidFile, InvalidMethod, VotingError
from voting.explain import explain
from voting.explain_words import comparison_sentences, pairs_sentences, rounds_sentences, scores_sentences
from voting.formats.pabulib import minor_units, recorded_rule, units
from voting.methods import METHODS, Method, find
from voting.parts import form_of, read_parts
from voting.profile import ScoredProfile, Terms
from voting.rctab import count_rctab, rctab_document, rctab_text, read_config, read_records
from voting.reading import FORMATS, TITLES, Election, Format, format_of, read_chunks, read_election, read_whole
from voting.ties import NO_CONTEST, lot_order
from voting.verify_command import add_verify
from voting.words import plural

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

_OPTION_ID = re.compile(r"[a-z0-9_-]{1,32}")
_COMPARISON = "-comparison"
_LEVELS = {"phragmen/1": "earned"}
"""What the share of a purchase is called, where it is not the level that each point pays."""
_COMPLETIONS = tuple(name + ending for ending in ("", _COMPARISON) for name in COMPLETIONS)


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. `argv` is without the program's name."""
    parser = Parser(prog="python -m voting", description="Count ballots and verify counts.")
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    try:
        args = parser.parse_args(argv)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 2
    code: int = args.run(args)
    return code


def add_commands(subparsers: "Commands") -> None:
    """Add every command of the library. Each sets `run`, a function from the parsed arguments to the exit code."""
    _add_tally(subparsers)
    _add_methods(subparsers)
    add_verify(subparsers)
    add_convert(subparsers)


def _guarded(command: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Turn what a command refuses into exit code 2 and one line."""

    def run(args: argparse.Namespace) -> int:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # names are of any script, and the locale may not be
        try:
            return command(args)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: nothing more to say
            return 0
        except KeyboardInterrupt:
            return 130
        except (VotingError, OSError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            where = f"{args.file}: " if getattr(args, "file", None) else ""
            print(f"{args.prog}: {where}{' '.join(reason.split())}", file=sys.stderr)
            return 2

    return run


# -- tally ---------------------------------------------------------------------------------


def _add_tally(subparsers: "Commands") -> None:
    parser = subparsers.add_parser("tally", help="count a ballot file offline")
    parser.add_argument("file", metavar="FILE", help="ballots: " + " ".join(f".{form}" for form in FORMATS)
                        + ", also .gz; - is standard input")  # fmt: skip
    parser.add_argument("more", nargs="*", metavar="FILE", help="further parts of one contest: .parquet or .arrow")
    parser.add_argument("--cluster", metavar="ADDRESS", help="read parts on the workers of this Dask scheduler, "
                        "such as tcp://10.0.0.5:8786; local starts one here")  # fmt: skip
    parser.add_argument("--method", metavar="M", help="such as irv or irv/1; see the command methods")
    parser.add_argument("--as-recorded", action="store_true", help="count a .pb file by the rule its META names")
    parser.add_argument("--format", choices=FORMATS, help="where the name of the file does not say")
    parser.add_argument("--contest", metavar="NAME", help="which contest of a CVR file with several")
    parser.add_argument("--rctab", metavar="CONFIG", help="count raw records (.csv) by this RCTab configuration")
    parser.add_argument("--seats", type=int, metavar="N", help="how many to elect; by default what the file says")
    parser.add_argument("--budget", metavar="B", help="in the file's currency; by default what the file says")
    parser.add_argument(
        "--completion", choices=_COMPLETIONS, help="what Equal Shares does with money left; a contest's is add1"
    )
    parser.add_argument("--ctx", metavar="HEX", help="the contest, 64 hex digits: ties as in that contest")
    parser.add_argument("--seed", metavar="S", help="the public seed of the lot; empty by default")
    parser.add_argument("--explain", action="store_true", help="say why each option won or lost")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=_guarded(_tally), prog=parser.prog)


def _tally(args: argparse.Namespace) -> int:
    alone = args.as_recorded or any(given is not None for given in (args.rctab, args.format, args.contest))
    if alone and (args.more or args.cluster is not None):
        raise InvalidMethod("parts of a contest go with --method and its options only")
    if args.as_recorded:
        return _tally_as_recorded(args)
    if args.rctab is not None:
        return _tally_rctab(args)
    if args.method is None:
        raise InvalidMethod("no --method; give one, such as --method irv, or --as-recorded for a .pb file")
    method = find(args.method)
    order_ctx, seed = _lot_arguments(args)
    election = _read_election(args, method)
    order = _tie_order(election.terms.options, ctx=order_ctx, seed=seed)
    if args.completion is None:
        outcome = method.count(election.profile, terms=election.terms, order=order)
    else:
        outcome = _count_completed(args.completion, method, election, order)
    if args.json:
        document = _document(election, outcome, name=outcome.method, seed=args.seed)
        if args.completion is not None:
            document["completion"] = args.completion
        if args.explain:
            document["explanation"] = explain(election.profile, outcome, terms=election.terms, order=order)
        _print_json(document)
        return 0
    print(f"{method.title} ({outcome.method}): {election.profile.ballots:,} ballots, {len(order)} options")
    _print_outcome(election, outcome)
    if args.explain:
        _print_explanation(election, outcome, order=order)
    return 0


def _count_completed(completion: str, method: Method, election: Election, order: Sequence[str]) -> Outcome:
    """Count by a variant of Equal Shares, which no contest can have: see voting/specs/equal-shares.md."""
    if method.name not in (NAME, CARDINAL_NAME):
        raise InvalidMethod(f"--completion is for equal-shares, and {method.name} leaves nothing to complete")
    assert isinstance(election.profile, ScoredProfile), "a budget is read as scores"
    return count_equal_shares(
        election.profile,
        terms=election.terms,
        order=order,
        cardinal=method.name == CARDINAL_NAME,
        completion=next(name for name in COMPLETIONS if name == completion.removesuffix(_COMPARISON)),
        compare=completion.endswith(_COMPARISON),
    )


def _tally_as_recorded(args: argparse.Namespace) -> int:
    names = ("method", "seats", "budget", "completion", "ctx", "seed")
    given = [name for name in names if getattr(args, name) is not None]
    if given:
        raise InvalidMethod(f"--{given[0]} does not go with --as-recorded, which takes everything from the file")

    def accept(form: Format) -> None:
        if form != "pb":
            raise InvalidFile("only a Pabulib file (.pb) records how it was counted; give --method")

    election = read_election(args.file, form=args.format, contest=args.contest, accept=accept)
    file = election.pabulib
    assert file is not None, "no other format is accepted"
    recorded = recorded_rule(file)
    outcome = count_recorded(file, recorded)
    threshold = units(recorded.threshold, file.point_digits) if recorded.threshold else None
    if args.json:
        document = _document(election, outcome, name=recorded.rule, seed=None)
        document["recorded"] = {"rule": recorded.rule, "threshold": threshold, "tie_order": "file"}
        _print_json(document)
        return 0
    at_least = f", at least {threshold} votes" if threshold else ""
    print(f"As recorded ({recorded.rule}{at_least}, ties in file order): {file.profile.ballots:,} ballots")
    _print_outcome(election, outcome)
    return 0


def _tally_rctab(args: argparse.Namespace) -> int:
    given = [
        name
        for name in ("method", "seats", "budget", "completion", "ctx", "seed", "contest")
        if getattr(args, name) is not None
    ]
    if given or args.explain:
        name = given[0] if given else "explain"
        raise InvalidMethod(f"--{name} does not go with --rctab, which takes everything from the configuration")
    form = args.format or format_of(args.file) or "csv"
    if form != "csv":
        raise InvalidMethod(
            f"--rctab counts raw records as .csv, not .{form}; give a CSV with columns rank1, rank2, ..."
        )
    try:
        config = read_config(read_whole(args.rctab))
    except InvalidFile as fault:
        raise InvalidFile(f"--rctab {args.rctab}: {fault}") from None
    count = count_rctab(read_records(read_chunks(args.file), config), config)
    if args.json:
        _print_json(rctab_document(count, config))
    else:
        print(rctab_text(count, config))
        sys.stdout.flush()
    return 0


def _lot_arguments(args: argparse.Namespace) -> tuple[bytes | None, str]:
    seed = args.seed or ""
    if not seed.isascii():
        raise InvalidFile("--seed must be ASCII, as published")
    if args.ctx is None:
        return None, seed
    if not re.fullmatch(r"[0-9a-f]{64}", args.ctx):
        raise InvalidFile("--ctx must be 64 lower-case hex digits, as the contest's pages print it")
    return bytes.fromhex(args.ctx), seed


def _tie_order(options: Sequence[str], *, ctx: bytes | None, seed: str) -> tuple[str, ...]:
    """The lot order of the file's names; with a contest, that of the ids it gives them (protocol section 2)."""
    if ctx is None:
        return lot_order(options, ctx=NO_CONTEST, seed=seed)
    if all(_OPTION_ID.fullmatch(option) for option in options):
        return lot_order(options, ctx=ctx, seed=seed)
    names = {f"o{number:02}": option for number, option in enumerate(options, 1)}
    return tuple(names[option] for option in lot_order(names.keys(), ctx=ctx, seed=seed))


def _read_election(args: argparse.Namespace, method: Method) -> Election:
    approvals = method.kind == "ranked" and "approval" in method.ballot_kinds

    def accept(form: Format) -> None:
        held = "a budget" if form == "pb" else "rankings"
        if form == "tar" or (form == "pb") == (method.kind == "budget" or approvals):
            return
        does = "counts approvals" if approvals else "elects" if method.kind == "ranked" else "spends a budget"
        raise InvalidMethod(f"a {TITLES[form]} file holds {held}, and {method.name} {does}; see the command methods")

    if method.kind == "budget" and args.seats is not None:
        raise InvalidMethod("--seats is for ranked methods; a budget has none")
    if method.kind == "ranked" and args.budget is not None:
        raise InvalidMethod("--budget is for budget methods; others have none")
    if args.more or args.cluster is not None or (args.format is None and form_of(args.file)):
        accept("parquet")
        paths, args.file = [args.file, *args.more], None  # a refusal names its part by itself
        election = read_parts(paths, cluster=args.cluster, equal_ranks=method.equal_ranks)
    else:
        election = read_election(
            args.file, form=args.format, contest=args.contest, equal_ranks=method.equal_ranks, accept=accept
        )
    if approvals and election.pabulib is not None:
        election = _without_money(election)
    if election.kind != method.kind:
        raise InvalidMethod(f"this contest is {election.kind}, and {method.name} is not; see the command methods")
    terms = election.terms
    if method.kind == "budget":
        if args.budget is None:
            return election
        return replace(election, terms=replace(terms, budget=minor_units(args.budget, election.minor_digits)))
    default = 1 if method.seats == "one" else terms.seats
    return replace(election, terms=replace(terms, seats=default if args.seats is None else args.seats))


def _without_money(election: Election) -> Election:
    """Take the approvals of a Pabulib file for what they are; its budget is none of this method's business."""
    assert election.pabulib is not None, "the caller looked"
    votes = election.pabulib.meta.get("vote_type", "")
    if votes not in ("approval", "choose-1"):
        raise InvalidMethod(f"this method counts approvals, and this Pabulib file holds {votes or 'other'} votes")
    return replace(election, kind="ranked", terms=Terms(election.terms.options))


def _document(election: Election, outcome: Outcome, *, name: str, seed: str | None) -> dict[str, Any]:
    """What --json prints: the outcome with the file's names, and tallies as objects."""
    terms = election.terms
    document: dict[str, Any] = {
        "method": name,
        "kind": election.kind,
        "ballots": election.profile.ballots,
        "options": terms.options,
    }
    body: dict[str, Any] = msgspec.to_builtins(outcome)
    del body["method"]
    if isinstance(outcome, RankedOutcome):
        document["seats"] = terms.seats
        for stage in body["rounds"]:
            stage["tally"] = dict(zip(terms.options, stage["tally"], strict=True))
    else:
        digits = election.minor_digits
        document["minor_digits"] = digits
        document["budget"] = units(terms.budget or 0, digits)
        body["spent"] = units(outcome.spent, digits)
        body["scores"] = [units(int(score), election.point_digits) for score in body["scores"]]
        for stage in body["rounds"]:
            stage["score"] = units(int(stage["score"]), election.point_digits)
    return document | body | {"seed": seed}


def _print_json(document: object) -> None:
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    sys.stdout.flush()


def _print_outcome(election: Election, outcome: Outcome) -> None:
    if isinstance(outcome, RankedOutcome):
        _print_ranked(election, outcome)
    else:
        _print_budget(election, outcome)
    sys.stdout.flush()


def _print_ranked(election: Election, outcome: RankedOutcome) -> None:
    options = election.terms.options
    width = max(len("lost to rounding" if outcome.quota else "exhausted"), *map(len, options))
    column = 11 if outcome.quota is None else 17
    if outcome.quota is not None:
        print(f"Seats: {election.terms.seats}. Quota: {_votes(outcome.quota)}")
    for stage in outcome.rounds:
        print(f"\nRound {stage.number}")
        held = [(votes, option) for votes, option in zip(stage.tally, options, strict=True) if votes is not None]
        for votes, option in sorted(held, key=lambda pair: (-Fraction(pair[0]), pair[1])):
            mark = "  elected" if option in stage.elected else "  out" if option in stage.eliminated else ""
            print(f"  {option:<{width}} {_votes(votes):>{column}}{mark}")
        print(f"  {'exhausted':<{width}} {_votes(stage.exhausted):>{column}}")
        if outcome.quota is not None:
            print(f"  {'lost to rounding':<{width}} {_votes(stage.lost_to_rounding):>{column}}")
        _print_draws([draw for draw in outcome.draws if draw.round == stage.number])
    if not isinstance(outcome.pairwise, UnsetType):
        _print_pairs(outcome, options, outcome.pairwise)
    elif not isinstance(outcome.scores, UnsetType):
        _print_scores(outcome, options, outcome.scores)
    print(f"\nElected: {', '.join(outcome.elected)}")


def _print_scores(outcome: RankedOutcome, options: Sequence[str], scores: Sequence[str]) -> None:
    """The points or approvals of a method that adds up once, most first."""
    width = max(map(len, options))
    print()
    for score, option in sorted(zip(scores, options, strict=True), key=lambda pair: (-Fraction(pair[0]), pair[1])):
        print(f"  {option:<{width}} {_votes(score):>13}{'  elected' if option in outcome.elected else ''}")
    _print_draws(outcome.draws)


def _print_pairs(outcome: RankedOutcome, options: Sequence[str], matrix: Sequence[Sequence[int]]) -> None:
    """The matrix of a Condorcet method: how many ballots have the option of the row above that of the column."""
    width = max(map(len, options))
    print("\nBallots that have the option on the left above the numbered one")
    print(f"  {'':>4} {'':<{width}}" + "".join(f"{f'({number})':>11}" for number in range(1, len(options) + 1)))
    for number, (option, row) in enumerate(zip(options, matrix, strict=True), 1):
        cells = [f"{votes:,}" if number != other else "-" for other, votes in enumerate(row, 1)]
        print(f"  {f'({number})':>4} {option:<{width}}" + "".join(f"{cell:>11}" for cell in cells))
    if not isinstance(outcome.scores, UnsetType):
        print("\n" + "; ".join(f"{option} {score}" for option, score in zip(options, outcome.scores, strict=True)))
    if isinstance(outcome.condorcet_winner, str):
        print(f"\n{outcome.condorcet_winner} beats every other option.")
    elif not isinstance(outcome.smith, UnsetType):
        print(f"\nNo option beats all others. Smith set: {', '.join(outcome.smith)}")
    _print_draws(outcome.draws)


def _votes(text: str) -> str:
    """Votes as published, with a comma at every thousand."""
    whole, point, rest = text.partition("/" if "/" in text else ".")
    return f"{int(whole):,}{point}{rest}"


def _print_budget(election: Election, outcome: BudgetOutcome) -> None:
    digits = election.minor_digits
    width = max(map(len, election.terms.options))
    for stage in outcome.rounds:
        score = units(int(stage.score), election.point_digits)
        money = f"costs {units(stage.cost, digits)}, left {units(stage.left, digits)}"
        if stage.share is not None:
            money += f", {_LEVELS.get(outcome.method, 'level')} {_amount(stage.share, digits)}"
        print(f"  {stage.number:>4}  {stage.option:<{width}}  {score:>9}  {stage.decision:<8}  {money}")
        _print_draws([draw for draw in outcome.draws if draw.round == stage.number])
    funded = ", ".join(outcome.funded) or "nothing"
    if isinstance(outcome.endowment, str):
        print(f"Each ballot had {_amount(six_decimals(Fraction(outcome.endowment)), digits)}")
    print(f"Funded: {funded}")
    print(f"Spent: {units(outcome.spent, digits)} of {units(election.terms.budget or 0, digits)}")


def _amount(minor: str, digits: int) -> str:
    """A published decimal of minor units in the file's own units, without zeros at the end."""
    whole, point, rest = f"{Decimal(minor).scaleb(-digits):f}".partition(".")
    return whole + (point + rest).rstrip("0").rstrip(".")


def _print_draws(draws: Sequence[Draw]) -> None:
    for draw in draws:
        print(f"  tied: {', '.join(draw.among)}; by lot the order is {', '.join(draw.order)}")


def _print_explanation(election: Election, outcome: Outcome, *, order: Sequence[str]) -> None:
    facts = explain(election.profile, outcome, terms=election.terms, order=order)
    print("\nWhy")
    match facts:
        case RankedExplanation():
            lines = _ranked_sentences(facts)
        case SeatsExplanation():
            lines = _seats_sentences(facts)
        case PairsExplanation():
            lines = pairs_sentences(facts)
        case ScoresExplanation():
            lines = scores_sentences(facts)
        case RoundsExplanation():
            lines = rounds_sentences(facts)
        case BudgetExplanation():
            lines = _budget_sentences(facts, money=election.minor_digits, points=election.point_digits)
    if not isinstance(facts, BudgetExplanation):
        lines += comparison_sentences(facts, titles={method.name: method.title for method in METHODS})
    for line in lines:
        print(f"  {line}")
    sys.stdout.flush()


def _ranked_sentences(facts: RankedExplanation) -> list[str]:
    winner = facts.last[0]
    if len(facts.last) == 1:
        lines = [f"{winner.option} is the only option, and wins."]
    else:
        other = facts.last[1]
        against = f"{int(winner.votes):,} votes against {int(other.votes):,} for {other.option} in round {facts.rounds}"
        how = "by lot, tied" if facts.by_lot else f"by {int(facts.margin or 0):,}"
        lines = [f"{winner.option} wins {how}: {against}."]
    if facts.majority_round is not None:
        lines.append(f"From round {facts.majority_round} it held more than half of the votes still counting.")
    lines.append(f"{int(facts.exhausted):,} of {facts.ballots:,} ballots ranked neither of those left at the end.")
    moves = {stage.after: stage.moves for stage in facts.transfers}
    for loss in facts.losses:
        why = "tied and out by lot" if loss.by_lot else f"{int(loss.behind):,} behind"
        went = ", ".join(
            f"{int(move.votes):,} to {move.target}" if move.target else f"{int(move.votes):,} exhausted"
            for move in moves.get(loss.round, ())
            if move.source == loss.option
        )
        ending = f" Its ballots: {went}." if went else ""
        lines.append(f"{loss.option} lost in round {loss.round} with {int(loss.votes):,} votes, {why}.{ending}")
    return lines


def _seats_sentences(facts: SeatsExplanation) -> list[str]:
    lines = [f"{facts.seats} to be elected from {facts.ballots:,} ballots: the quota is {_votes(facts.quota)} votes."]
    for won in facts.won:
        reached = f"elected in round {won.round} with {_votes(won.votes)} votes"
        if not won.quota:
            lines.append(f"{won.option} is {reached}, below the quota: no more options were left than seats.")
        elif Decimal(won.surplus):
            lines.append(f"{won.option} is {reached}, {_votes(won.surplus)} more than needed.")
        else:
            lines.append(f"{won.option} is {reached}.")
    lines += [_loss_sentence(lost) for lost in facts.lost]
    for moved in facts.transfers:
        went = [f"{_votes(move.votes)} to {move.target}" for move in moved.moves if move.target]
        went += [f"{_votes(move.votes)} exhausted" for move in moved.moves if move.target is None]
        if Decimal(moved.lost_to_rounding):
            went.append(f"{_votes(moved.lost_to_rounding)} lost to rounding")
        what = "surplus" if moved.surplus else "votes"
        lines.append(f"After round {moved.after} the {what} of {moved.source} moved: {', '.join(went) or 'none'}.")
    lines.append(
        f"Exhausted in the end: {_votes(facts.exhausted)}. Lost to rounding: {_votes(facts.lost_to_rounding)}."
    )
    return lines


def _loss_sentence(lost: SeatLost) -> str:
    start = f"{lost.option} lost in round {lost.round} with {_votes(lost.votes)} votes"
    if not lost.excluded:
        return f"{start}, {_votes(lost.behind)} behind the last elected."
    if lost.by_lot:
        return f"{start}, tied and out by lot."
    if lost.earlier is not None:
        return f"{start}, tied, and out by round {lost.earlier}, in which it had the fewest."
    return f"{start}, {_votes(lost.behind)} behind the next."


def _budget_sentences(facts: BudgetExplanation, *, money: int, points: int) -> list[str]:
    lines = []
    for fact in facts.facts:
        score = f"{fact.option} has {units(int(fact.score), points)} votes"
        left = units(fact.left, money)
        match fact.decision:
            case "funded":
                lines.append(f"{score}: funded for {units(fact.cost, money)} of the {left} left.")
                continue
            case "excluded":
                line = f"{score}: not funded, since {fact.excluded_by} is and only one of the two may be."
            case "skipped" if isinstance(fact.held, int):
                cost, held, short = (units(amount, money) for amount in (fact.cost, fact.held, fact.short))
                line = f"{score}: not funded: it costs {cost}, and its voters had {held} left for it ({short} short)."
            case "skipped" if not fact.short:
                line = f"{score}: not funded, since the count ended before it could be bought."
            case "skipped":
                cost, short = units(fact.cost, money), units(fact.short, money)
                line = f"{score}: skipped, since it costs {cost} and {left} was left ({short} short)."
            case "unsupported":
                line = f"{score}: not funded, since nobody asked for it."
        if fact.by_lot:
            line += " Another order of the lot would have funded it."
        if isinstance(fact.needed_same_shares, str):
            more = plural(int(fact.needed_same_shares), "more ballot")
            line += f" Had all shares stayed as they were, {more} for it alone would have done."
        if isinstance(fact.needed, str) and fact.needed_kind == "upper_bound":
            line += f" Counted again with {plural(int(fact.needed), 'more ballot')} it is funded; fewer might do."
        elif isinstance(fact.needed, str):
            line += f" {units(int(fact.needed), points)} more votes would have funded it."
        lines.append(line)
    for method, funded in facts.other_methods.items():
        lines.append(f"By {method}: {', '.join(funded) or 'nothing'}.")
    lines.append(f"{units(facts.left, money)} of {units(facts.budget, money)} is left over.")
    return lines


# -- methods -------------------------------------------------------------------------------


def _add_methods(subparsers: "Commands") -> None:
    parser = subparsers.add_parser("methods", help="list every counting method")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=_guarded(_methods), prog=parser.prog)


def _methods(args: argparse.Namespace) -> int:
    if args.json:
        _print_json([_method_entry(method) for method in METHODS])
        return 0
    for method in METHODS:
        print(f"{method.name:<10} {method.kind:<7} {', '.join(method.ballot_kinds)}")
        print(f"           {method.rule}")
    sys.stdout.flush()
    return 0


def _method_entry(method: Method) -> dict[str, Any]:
    return {
        "id": method.id,
        "version": method.version,
        "name": method.name,
        "title": method.title,
        "kind": method.kind,
        "ballots": method.ballot_kinds,
        "rule": method.rule,
        "spec": f"voting/specs/{method.spec_file}",
        "spec_sha256": sha256(method.spec).hexdigest(),
        "vectors_sha256": sha256(method.vectors).hexdigest(),
    }
