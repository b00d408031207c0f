"""The commands of the library: the only file here that reads files and writes to the terminal.

`add_commands` gives them to another command line; `main` is `python -m voting`. Exit codes: 0 done, 1 the answer is no,
2 wrong use or unreadable input, with one line on stderr.
"""

import argparse
import gzip
import importlib.util
import io
import os
import re
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NoReturn

import msgspec

from schemas.explanation import BudgetExplanation, RankedExplanation, SeatLost, SeatsExplanation
from schemas.outcome import BudgetOutcome, Draw, Outcome, RankedOutcome
from voting.budget.greedy import count_greedy
from voting.errors import InvalidFile, InvalidMethod, VotingError
from voting.explain import explain
from voting.formats.blt import read_blt
from voting.formats.pabulib import PabulibFile, minor_units, read_pabulib, recorded_rule, units
from voting.methods import METHODS, Method, find
from voting.profile import Profile, Terms
from voting.ties import NO_CONTEST, lot_order
from voting.verify_command import add_verify

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

_FORMATS = {".blt": "blt", ".pb": "pb"}
_OPTION_ID = re.compile(r"[a-z0-9_-]{1,32}")
_LONG_READ_BYTES = 8 << 20
"""From this size on, reading a file shows a bar on a terminal."""


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


@dataclass(frozen=True)
class _Election:
    """A ballot file, ready to be counted."""

    kind: Literal["ranked", "budget"]
    terms: Terms
    profile: Profile
    minor_digits: int = 0
    point_digits: int = 0


def _add_tally(subparsers: "Commands") -> None:
    parser = subparsers.add_parser("tally", help="count a ballot file offline")
    parser.add_argument("file", metavar="FILE", help=".blt or .pb, also .gz; - is standard input")
    parser.add_argument("--method", metavar="M", help="such as irv or irv/1; see the command methods")
    parser.add_argument("--as-recorded", action="store_true", help="count a .pb file by the rule its META names")
    parser.add_argument("--format", choices=sorted(_FORMATS.values()), help="where the name of the file does not say")
    parser.add_argument("--seats", type=int, metavar="N", help="how many to elect; by default what the file says")
    parser.add_argument("--budget", metavar="B", help="in the file's currency; by default what the file says")
    parser.add_argument("--ctx", metavar="HEX", help="the contest, 64 hex digits: ties as in that contest")
    parser.add_argument("--seed", metavar="S", help="the public seed of the lot; empty by default")
    parser.add_argument("--explain", action="store_true", help="say why each option won or lost")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=_guarded(_tally), prog=parser.prog)


def _tally(args: argparse.Namespace) -> int:
    if args.as_recorded:
        return _tally_as_recorded(args)
    if args.method is None:
        raise InvalidMethod("no --method; give one, such as --method irv, or --as-recorded for a .pb file")
    method = find(args.method)
    order_ctx, seed = _lot_arguments(args)
    election = _read_election(args, method)
    order = _tie_order(election.terms.options, ctx=order_ctx, seed=seed)
    outcome = method.count(election.profile, terms=election.terms, order=order)
    if args.json:
        document = _document(election, outcome, name=outcome.method, seed=args.seed)
        if args.explain:
            document["explanation"] = explain(election.profile, outcome, terms=election.terms)
        _print_json(document)
        return 0
    print(f"{method.title} ({outcome.method}): {election.profile.ballots:,} ballots, {len(order)} options")
    _print_outcome(election, outcome)
    if args.explain:
        _print_explanation(election, outcome)
    return 0


def _tally_as_recorded(args: argparse.Namespace) -> int:
    given = [name for name in ("method", "seats", "budget", "ctx", "seed") if getattr(args, name) is not None]
    if given:
        raise InvalidMethod(f"--{given[0]} does not go with --as-recorded, which takes everything from the file")
    data = _read_bytes(args.file)
    if _format(args, data) != "pb":
        raise InvalidFile("only a Pabulib file (.pb) records how it was counted; give --method")
    file = read_pabulib(data)
    recorded = recorded_rule(file)
    election = _budget_election(file)
    outcome = count_greedy(
        file.profile,
        terms=file.terms,
        order=recorded.order,
        order_only=True,
        threshold=recorded.threshold,
        stop_at_first_misfit=recorded.stop_at_first_misfit,
    )
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


def _read_election(args: argparse.Namespace, method: Method) -> _Election:
    data = _read_bytes(args.file)
    if _format(args, data) == "pb":
        if method.kind != "budget":
            raise InvalidMethod(f"a Pabulib file holds a budget, and {method.name} elects; see the command methods")
        if args.seats is not None:
            raise InvalidMethod("--seats is for ranked methods; a budget has none")
        file = read_pabulib(data)
        return _budget_election(file, budget=args.budget)
    if method.kind != "ranked":
        raise InvalidMethod(f"a BLT file holds rankings, and {method.name} spends a budget; see the command methods")
    if args.budget is not None:
        raise InvalidMethod("--budget is for budget methods; a BLT file has none")
    ranked = read_blt(data, equal_ranks=method.equal_ranks)
    # where those who stand are fewer than the seats, all of them are elected (SCOTTISH-10)
    default = 1 if method.seats == "one" else min(ranked.seats, len(ranked.profile.options))
    terms = Terms(ranked.profile.options, seats=default if args.seats is None else args.seats)
    return _Election(kind="ranked", terms=terms, profile=ranked.profile)


def _budget_election(file: PabulibFile, *, budget: str | None = None) -> _Election:
    terms = file.terms
    if budget is not None:
        terms = Terms(terms.options, budget=minor_units(budget, file.minor_digits), costs=terms.costs)
    return _Election(
        kind="budget",
        terms=terms,
        profile=file.profile,
        minor_digits=file.minor_digits,
        point_digits=file.point_digits,
    )


def _format(args: argparse.Namespace, data: bytes) -> str:
    """By --format, else by the file's name, else by how it begins."""
    if args.format:
        return str(args.format)
    name = PurePath(args.file.removesuffix(".gz"))
    if name.suffix.lower() in _FORMATS:
        return _FORMATS[name.suffix.lower()]
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:4]
    if start.upper() == b"META":
        return "pb"
    if start[:1].isdigit() or start[:1] == b"#":
        return "blt"
    raise InvalidFile("line 1: neither BLT nor Pabulib; name the file .blt or .pb, or give --format")


def _read_bytes(path: str) -> bytes:
    """Return a whole file, unpacked where it is gzip-compressed."""
    if path == "-":
        data = sys.stdin.buffer.read()
    else:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = _read_with_bar(file, size) if size >= _LONG_READ_BYTES else file.read()
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise InvalidFile(f"damaged gzip file ({error}); copy it again") from None


def _read_with_bar(file: BinaryIO, size: int) -> bytes:
    if not sys.stderr.isatty() or importlib.util.find_spec("rich") is None:
        return file.read()
    from rich.console import Console  # an extra, and slow to load: only where a bar is drawn
    from rich.progress import Progress

    parts = []
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=size)
        while part := file.read(1 << 20):
            parts.append(part)
            bar.advance(task, len(part))
    return b"".join(parts)


def _document(election: _Election, outcome: Outcome, *, name: str, seed: str | None) -> dict[str, Any]:
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


def _print_outcome(election: _Election, outcome: Outcome) -> None:
    if isinstance(outcome, RankedOutcome):
        _print_ranked(election, outcome)
    else:
        _print_budget(election, outcome)
    sys.stdout.flush()


def _print_ranked(election: _Election, outcome: RankedOutcome) -> None:
    options = election.terms.options
    width = max(len("lost to rounding" if outcome.quota else "exhausted"), *map(len, options))
    column = 11 if outcome.quota is None else 17
    if outcome.quota is not None:
        print(f"Seats: {election.terms.seats}. Quota: {_votes(outcome.quota)}")
    for stage in outcome.rounds:
        print(f"\nRound {stage.number}")
        held = [(votes, option) for votes, option in zip(stage.tally, options, strict=True) if votes is not None]
        for votes, option in sorted(held, key=lambda pair: (-Decimal(pair[0]), pair[1])):
            mark = "  elected" if option in stage.elected else "  out" if option in stage.eliminated else ""
            print(f"  {option:<{width}} {_votes(votes):>{column}}{mark}")
        print(f"  {'exhausted':<{width}} {_votes(stage.exhausted):>{column}}")
        if outcome.quota is not None:
            print(f"  {'lost to rounding':<{width}} {_votes(stage.lost_to_rounding):>{column}}")
        _print_draws([draw for draw in outcome.draws if draw.round == stage.number])
    print(f"\nElected: {', '.join(outcome.elected)}")


def _votes(text: str) -> str:
    """Votes as published, with a comma at every thousand."""
    whole, point, decimals = text.partition(".")
    return f"{int(whole):,}{point}{decimals}"


def _print_budget(election: _Election, outcome: BudgetOutcome) -> None:
    digits = election.minor_digits
    width = max(map(len, election.terms.options))
    for stage in outcome.rounds:
        score = units(int(stage.score), election.point_digits)
        money = f"costs {units(stage.cost, digits)}, left {units(stage.left, digits)}"
        print(f"  {stage.number:>4}  {stage.option:<{width}}  {score:>9}  {stage.decision:<8}  {money}")
        _print_draws([draw for draw in outcome.draws if draw.round == stage.number])
    funded = ", ".join(outcome.funded) or "nothing"
    print(f"Funded: {funded}")
    print(f"Spent: {units(outcome.spent, digits)} of {units(election.terms.budget or 0, digits)}")


def _print_draws(draws: Sequence[Draw]) -> None:
    for draw in draws:
        print(f"  tied: {', '.join(draw.among)}; by lot the order is {', '.join(draw.order)}")


def _print_explanation(election: _Election, outcome: Outcome) -> None:
    facts = explain(election.profile, outcome, terms=election.terms)
    print("\nWhy")
    match facts:
        case RankedExplanation():
            lines = _ranked_sentences(facts)
        case SeatsExplanation():
            lines = _seats_sentences(facts)
        case BudgetExplanation():
            lines = _budget_sentences(facts, money=election.minor_digits, points=election.point_digits)
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
            case "skipped":
                cost, short = units(fact.cost, money), units(fact.short, money)
                line = f"{score}: skipped, since it costs {cost} and {left} was left ({short} short)."
            case "unsupported":
                line = f"{score}: not funded, since nobody asked for it."
        if fact.by_lot:
            line += " Another order of the lot would have funded it."
        if isinstance(fact.needed, str):
            line += f" {units(int(fact.needed), points)} more votes would have funded it."
        lines.append(line)
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
