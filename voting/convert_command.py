"""The command `convert`: reads ballots in one format and writes them in another.

What the target can't hold is refused, and nothing is written then. Exit codes: 0 done, 2 refused, unreadable input or
wrong use, with one line on stderr.
"""

import argparse
import gzip
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voting.errors import InvalidFile, InvalidMethod, VotingError
from voting.formats.blt import write_blt
from voting.formats.bundle_ballots import BundleFile, vote_type
from voting.formats.pabulib import Table, units, write_pabulib
from voting.formats.parquet import write_packed
from voting.formats.preflib import write_preflib
from voting.formats.ranks_csv import write_ranks_csv
from voting.profile import RankedProfile, ScoredProfile
from voting.reading import FORMATS, TITLES, Election, Format, format_of, read_election

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

_WRITTEN: tuple[Format, ...] = ("blt", "pb", "soc", "soi", "toc", "toi", "csv", "parquet", "arrow")


def add_convert(subparsers: "Commands") -> None:
    """Add the command. It sets `run`, a function from the parsed arguments to the exit code."""
    parser = subparsers.add_parser(
        "convert",
        help="write ballots in another format",
        description="Formats are those of the names, with .gz behind them or not. A CVR (.json) and a bundle (.tar) "
        "can be read, not written. What only IN can hold, such as seats, is left out; ballots and options never are.",
    )
    parser.add_argument("file", metavar="IN", help="ballots: " + " ".join(f".{form}" for form in FORMATS)
                        + ", also .gz; - is standard input")  # fmt: skip
    parser.add_argument("out", metavar="OUT", help="what to write: " + " ".join(f".{form}" for form in _WRITTEN)
                        + ", also .gz; - is standard output")  # fmt: skip
    parser.add_argument("--from", dest="form", choices=FORMATS, help="the format of IN, where its name does not say")
    parser.add_argument("--to", choices=_WRITTEN, help="the format of OUT, where its name does not say")
    parser.add_argument("--contest", metavar="NAME", help="which contest of a CVR file with several")
    parser.add_argument("--seats", type=int, metavar="N", help="how many to elect, for .blt, .parquet and .arrow; "
                        "by default what IN says")  # fmt: skip
    parser.add_argument("--drop-empty", action="store_true", help="leave out ballots that rank nothing")
    parser.set_defaults(run=_run, prog=parser.prog)


def _run(args: argparse.Namespace) -> int:
    try:
        return _convert(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except (VotingError, OSError) as error:
        reason = str(error)
        where = args.file
        if isinstance(error, OSError):
            reason, where = error.strerror or reason, error.filename or where
        print(f"{args.prog}: {where}: {' '.join(str(reason).split())}", file=sys.stderr)
        return 2


def _convert(args: argparse.Namespace) -> int:
    target = args.to or format_of(args.out)
    if target not in _WRITTEN:
        named = f"a {TITLES[target]} file can be read, not written" if target else f"{args.out!r} does not say a format"
        raise InvalidMethod(f"{named}; name OUT .{', .'.join(_WRITTEN)}, or give --to")
    election = read_election(args.file, form=args.form, contest=args.contest)
    if args.seats is not None:
        if election.kind != "ranked":
            raise InvalidMethod("--seats is for rankings; a budget has none")
        election = replace(election, terms=replace(election.terms, seats=args.seats))
    if args.drop_empty:
        election = _without_empty(election)
    _write(args.out, write_election(election, target))
    return 0


def write_election(election: Election, target: Format) -> bytes:
    """Return a file with the ballots and options of an election.

    Raises:
        InvalidFile: The target can't hold them; the text says what, and what can.
    """
    profile = election.profile
    if target == "pb":
        return _write_pabulib(election)
    if election.kind == "budget":
        raise InvalidFile(f"a {TITLES[target]} file can't hold costs and a budget; write .pb")
    if not isinstance(profile, RankedProfile):
        raise InvalidFile(
            f"a {TITLES[target]} file holds rankings, and these ballots are none; no format here holds them"
        )
    if target == "blt":
        return write_blt(profile, seats=election.terms.seats, title=election.title)
    if target == "csv":
        return write_ranks_csv(profile)
    if target == "parquet" or target == "arrow":
        return write_packed(profile, form=target, seats=election.terms.seats)
    if target in ("soc", "soi", "toc", "toi"):
        return write_preflib(profile, data_type=target, title=election.title, headers=election.headers)
    raise InvalidFile(f"a {TITLES[target]} file can be read, not written; write .{', .'.join(_WRITTEN)}")


def _write_pabulib(election: Election) -> bytes:
    if election.pabulib is not None:
        file = election.pabulib
        return write_pabulib(meta=file.meta, projects=file.projects, votes=file.votes)
    if election.kind != "budget" or election.bundle is None or not isinstance(election.profile, ScoredProfile):
        raise InvalidFile("a Pabulib file needs costs and a budget, which these rankings have not; write .csv or .toi")
    return _bundle_as_pabulib(election.bundle, election.profile, digits=election.minor_digits)


def _bundle_as_pabulib(bundle: BundleFile, profile: ScoredProfile, *, digits: int) -> bytes:
    """The file of a bundle's ballots: a row a ballot, equal ones one after the other."""
    terms, kind = bundle.terms, vote_type(bundle.manifest)
    if terms.groups:
        raise InvalidFile("a Pabulib file can't hold groups of which one project at most is funded; keep the bundle")
    meta = {
        "description": bundle.manifest.title,
        "num_projects": str(len(terms.options)),
        "num_votes": str(profile.ballots),
        "budget": units(terms.budget or 0, digits),
        "vote_type": kind,
    }
    pointed = kind != "approval"
    rows: list[tuple[str, ...]] = []
    for ballot, times in profile.unique():
        vote = ",".join(ballot)
        points = (",".join(map(str, ballot.values())),) if pointed else ()
        rows += [(str(len(rows) + number), vote, *points) for number in range(1, times + 1)]
    projects: list[tuple[str, ...]] = [
        (option, units(cost, digits)) for option, cost in zip(terms.options, terms.costs, strict=True)
    ]
    columns = ("voter_id", "vote", "points") if pointed else ("voter_id", "vote")
    return write_pabulib(meta=meta, projects=Table(("project_id", "cost"), projects), votes=Table(columns, rows))


def _without_empty(election: Election) -> Election:
    profile = election.profile
    if election.pabulib is not None:
        raise InvalidMethod("--drop-empty is for rankings; a Pabulib file holds empty ballots")
    return replace(election, profile=replace(profile, ballots=profile.ballots - profile.empty))


def _write(path: str, data: bytes) -> None:
    if path.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    if path == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        Path(path).write_bytes(data)
