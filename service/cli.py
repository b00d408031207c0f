"""The command line: `weighin`. Exit codes: 0 done, 1 the answer is no, 2 wrong use or unreadable input."""

import argparse
import asyncio
import contextlib
import csv
import gzip
import io
import json
import logging
import os
import secrets
import signal
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from schemas.ballot import Allocation, Approval, Choices, Ranking, Scores
from service import client, demonstrating, installing, replaying, serving
from service.database import databases
from service.database.embedded import EmbeddedPostgres, EmbeddedPostgresError
from service.database.migrate import MigrationError
from service.desk import asking, drafting, staffing
from service.keys import refuse_foreign_keys
from service.refusals import InvalidRequest, NotReady, Refused, UnsafeInstallation
from service.registrar import roll
from service.rehearsing import Rehearsal
from service.settings import ROOMS, Settings, SettingsError, read_settings
from voting import cli as voting_cli
from voting import profile
from voting.errors import InvalidBallot, VotingError
from voting.proof import codes as code_groups
from voting.proof import promise

CONCURRENCY = 24
_DESK, _REGISTRAR = {"role": "weighin_desk"}, {"role": "weighin_registrar"}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    parser = voting_cli.Parser(prog="weighin", description="Ask residents, count exactly, let anyone check.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_serve(commands)
    _add_contest(commands)
    _add_roll(commands)
    _add_vote(commands)
    _add_replay(commands)
    _add_staff(commands)
    _add_bench(commands)
    voting_cli.add_commands(commands)
    try:
        args = parser.parse_args(argv)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 2
    code: int = args.run(args)
    return code


Handler = Callable[[argparse.Namespace], int]


def _guarded(command: Handler) -> Handler:
    """Turn what is refused into exit code 1, wrong use into 2, each with one line on stderr."""

    def run(args: argparse.Namespace) -> int:
        try:
            return command(args)
        except KeyboardInterrupt:
            return 130
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (InvalidRequest, SettingsError, VotingError, ValueError) as error:
            return _say(args, error, 2)
        except (Refused, MigrationError, EmbeddedPostgresError, client.Answered, client.Unreachable) as error:
            return _say(args, error, 1)
        except httpx.HTTPError as error:
            return _say(args, f"{type(error).__name__}: {error}", 1)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return _say(args, f"the database says: {error}", 1)
        except OSError as error:
            return _say(args, f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), 2)
        except ExceptionGroup as group:
            first: BaseException = group
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            if isinstance(first, (Refused, client.Answered, client.Unreachable, VotingError)):
                return _say(args, first, 1)
            raise

    return run


def _say(args: argparse.Namespace, error: object, code: int) -> int:
    print(f"weighin {args.name}: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _command(
    commands: Any, name: str, handler: Handler, *, help_text: str, full_name: str | None = None
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    parser.set_defaults(run=_guarded(handler), name=full_name or name)
    return parser


# -- where things are ---------------------------------------------------------------------------


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """Give the address of the database: the one that is named, or the embedded server while it is needed."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.data) as server:
        yield server.dsn


def _with_conn(role: Mapping[str, str], deed: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    """Do something on a connection under a room's role, on a database that is migrated."""
    settings = read_settings(os.environ)

    async def run(url: str) -> Any:
        if not await _is_migrated(url):
            raise UnsafeInstallation("the database is empty: run `weighin migrate` first")
        conn = await asyncpg.connect(url, server_settings=dict(role))
        try:
            return await deed(conn)
        finally:
            await conn.close()

    with _database(settings) as url:
        return asyncio.run(run(url))


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show bars on stderr while long work goes on, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _what, _done, _total: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def said(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for other in tasks.values():
                    bars.update(other, visible=False)
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield said


def _print_json(document: object) -> None:
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    sys.stdout.flush()


# -- demo ---------------------------------------------------------------------------------------


def _add_demo(commands: Any) -> None:
    parser = _command(commands, "demo", _demo, help_text="run the service with a sample city, on a rehearsal database")
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (8000)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where its data is kept")
    parser.add_argument("--fresh", action="store_true", help="throw an earlier demonstration away")
    parser.add_argument("--level", choices=("standard", "high"), default="standard", help="how many parties there are")
    parser.add_argument("--json", action="store_true", help="print one JSON line once it is ready")


def _demo(args: argparse.Namespace) -> int:
    if args.level == "high":
        raise InvalidRequest("level high needs several issuers, witnesses and trustees; this version has standard only")
    if args.data is not None:
        os.environ["WEIGHIN_DATA"] = str(args.data.resolve())
    base_url = f"http://127.0.0.1:{args.port}"
    os.environ.setdefault("WEIGHIN_BASE_URL", base_url)
    settings = read_settings(os.environ)
    serving.refuse_taken_port("127.0.0.1", args.port)
    signal.signal(signal.SIGTERM, _interrupt)
    folder = settings.data / "demo"
    memory = folder / "demo.json"
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_demo_database(settings))
        demo = demonstrating.load_demo(memory)
        if demo is None or args.fresh or not asyncio.run(demonstrating.is_current(url, demo)):
            _empty(settings, url)
            demonstrating.forget(folder)
            demo = None
            asyncio.run(installing.install(url, rehearsal=True, start_at=demonstrating.start_at(int(time.time()))))
        else:
            asyncio.run(installing.install(url, rehearsal=True))
        environment = {"WEIGHIN_DATABASE_URL": url, "WEIGHIN_DATA": str(folder)}
        stack.enter_context(serving.running(environment, port=args.port))
        if demo is None:
            if not args.json:
                print(
                    "Setting up Marlow Bay: two contests, 1,659 ballots, each cast with the whole protocol ...",
                    flush=True,
                )
            with _progress() as said:
                demo = asyncio.run(demonstrating.set_up(Rehearsal(url, base_url), concurrency=CONCURRENCY, said=said))
            memory.write_bytes(msgspec.json.encode(demo))
        _announce(demo, base_url, as_json=args.json, seconds=time.perf_counter() - start)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _demo_database(settings: Settings) -> Iterator[str]:
    """Give the address of the demonstration's database: the named one, or one of its own on the embedded server."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.data) as server:
        if "weighin_demo" not in asyncio.run(server.list_databases()):
            asyncio.run(server.create_database("weighin_demo"))
        yield server.dsn_of("weighin_demo")


def _empty(settings: Settings, url: str) -> None:
    """Make the demonstration's database empty. One that holds anything else than a rehearsal is refused."""

    async def run() -> None:
        conn = await asyncpg.connect(url)
        try:
            made = await conn.fetchval("SELECT to_regclass('weighin.installation')") is not None
            if made and await conn.fetchval("SELECT count(*) FROM weighin.installation WHERE NOT rehearsal"):
                raise UnsafeInstallation("this database holds real contests: a demonstration needs one of its own")
            await conn.execute("DROP SCHEMA IF EXISTS weighin, published, desk, registrar, box CASCADE")
        finally:
            await conn.close()

    asyncio.run(run())


def _announce(demo: demonstrating.Demo, base_url: str, *, as_json: bool, seconds: float) -> None:
    if as_json:
        contests = [
            {
                "id": contest.id, "title": contest.title, "phase": contest.phase, "kind": contest.kind,
                "url": base_url + contest.path, "codes": list(contest.codes),
            }
            for contest in demo.contests
        ]  # fmt: skip
        _print_json({"base_url": base_url, "contests": contests, "staff": []})
        return
    print(f"\nWeigh In is ready after {seconds:.0f} s: {base_url}\n")
    for contest in demo.contests:
        print(f"  {contest.title} ({contest.phase})\n  {base_url}{contest.path}")
        if contest.codes:
            print("  codes to try, each works once on one device:")
            for code in contest.codes:
                print(f"    {code}")
        print()
    print(
        "This is a rehearsal: nothing here is real. Ctrl-C stops it; `python3 run demo --fresh` starts over.",
        flush=True,
    )


# -- serve, migrate, staff ----------------------------------------------------------------------


def _add_serve(commands: Any) -> None:
    parser = _command(commands, "serve", _serve, help_text="run the service, or one room of it")
    parser.add_argument("--only", choices=ROOMS, help="run this room only, with its own keys")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (1)")
    parser = _command(commands, "migrate", _migrate, help_text="bring the database up to date")
    parser.add_argument(
        "--rehearsal", action="store_true", help="a new database is for trying out, and says so everywhere"
    )


def _serve(args: argparse.Namespace) -> int:
    settings = read_settings(os.environ)
    if args.workers < 1:
        raise InvalidRequest("--workers must be 1 or more")
    rooms = ROOMS if args.only is None else (args.only,)
    if args.only is not None:
        refuse_foreign_keys(settings.data, rooms)
    serving.refuse_taken_port(args.host, args.port)
    with _database(settings) as url:
        if settings.database_url is None:
            asyncio.run(installing.install(url))
        elif not asyncio.run(_is_migrated(url)):
            raise UnsafeInstallation("the database is empty: run `weighin migrate` first")
        serving.serve(host=args.host, port=args.port, rooms=rooms, workers=args.workers, database_url=url)
    return 0


async def _is_migrated(url: str) -> bool:
    conn = await asyncpg.connect(url)
    try:
        return await conn.fetchval("SELECT to_regclass('weighin.installation')") is not None
    finally:
        await conn.close()


def _migrate(args: argparse.Namespace) -> int:
    with _database(read_settings(os.environ)) as url:
        applied = asyncio.run(installing.install(url, rehearsal=args.rehearsal))
    print("\n".join(f"applied {name}" for name in applied) or "the database is up to date")
    return 0


def _add_staff(commands: Any) -> None:
    staff = commands.add_parser("staff", help="who may act at the desk").add_subparsers(required=True, metavar="ACT")
    parser = _command(staff, "add", _staff_add, help_text="add somebody, or change their role", full_name="staff add")
    parser.add_argument("email", metavar="EMAIL")
    parser.add_argument("--role", required=True, help="officer, approver, clerk, auditor, moderator, administrator")
    parser.add_argument("--department", required=True)
    parser = _command(staff, "disable", _staff_disable, help_text="take rights away", full_name="staff disable")
    parser.add_argument("email", metavar="EMAIL")
    _command(staff, "list", _staff_list, help_text="list everybody", full_name="staff list")


def _staff_add(args: argparse.Namespace) -> int:
    _with_conn(_DESK, lambda conn: staffing.add(conn, args.email, role=args.role, department=args.department))
    print(f"{args.email} is {args.role} of {args.department}")
    return 0


def _staff_disable(args: argparse.Namespace) -> int:
    _with_conn(_DESK, lambda conn: staffing.disable(conn, args.email))
    print(f"{args.email} can't act any more")
    return 0


def _staff_list(args: argparse.Namespace) -> int:
    for row in _with_conn(_DESK, staffing.list_all):
        print(f"{row['email']}\t{row['role']}\t{row['department']}" + ("\tdisabled" if row["disabled"] else ""))
    return 0


# -- contest, roll ------------------------------------------------------------------------------


def _add_contest(commands: Any) -> None:
    acts = commands.add_parser("contest", help="write, approve, open, close, publish").add_subparsers(
        required=True, metavar="ACT"
    )
    parser = _command(
        acts, "create", _contest_create, help_text="read a contest.toml as a draft", full_name="contest create"
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    _add_as(parser)
    parser = _command(acts, "list", _contest_list, help_text="list all contests", full_name="contest list")
    parser.add_argument("--json", action="store_true")
    parser = _command(acts, "show", _contest_show, help_text="show one contest", full_name="contest show")
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--json", action="store_true")
    parser = _command(
        acts,
        "approve",
        _contest_approve,
        help_text="approve a draft that somebody else wrote",
        full_name="contest approve",
    )
    parser.add_argument("id", metavar="ID")
    _add_as(parser)
    for act, words in (
        ("open", "make keys, sign the manifest, begin"),
        ("close", "end it, once its time is over"),
        ("draw", "draw the seed of the lot, in public"),
        ("publish", "open the ballots, count, publish"),
    ):
        parser = _command(acts, act, _contest_act, help_text=words, full_name=f"contest {act}")
        parser.add_argument("id", metavar="ID")
        if act == "draw":
            parser.add_argument("--dice", metavar="DIGITS", help="20 digits, for contests that roll dice")
        _add_as(parser)


def _add_as(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as", dest="by", type=str.lower, required=True, metavar="EMAIL", help="who does it")


def _contest_create(args: argparse.Namespace) -> int:
    async def run(conn: asyncpg.Connection) -> str:
        now, rehearsal = await conn.fetchrow("SELECT weighin.posix(), rehearsal FROM weighin.installation")
        draft = drafting.read_contest(args.file, now=now, rehearsal=rehearsal)
        await drafting.create(conn, draft, author=args.by)
        return draft.slug

    slug = _with_conn(_DESK, run)
    print(
        f"{slug} is a draft; next: `weighin roll make {slug} --size N`, then `weighin contest approve {slug} --as ...`"
    )
    return 0


def _contest_list(args: argparse.Namespace) -> int:
    rows = _with_conn(_DESK, drafting.list_contests)
    if args.json:
        _print_json([dict(row) for row in rows])
    else:
        print("\n".join(f"{row['contest_id']}\t{row['phase']}" for row in rows) or "there are no contests")
    return 0


def _contest_show(args: argparse.Namespace) -> int:
    draft, facts = _with_conn(_DESK, lambda conn: drafting.show(conn, args.id))
    document = facts | {"draft": msgspec.to_builtins(draft)}
    if args.json:
        _print_json(document)
    else:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return 0


def _contest_approve(args: argparse.Namespace) -> int:
    _with_conn(_DESK, lambda conn: drafting.approve(conn, args.id, approver=args.by))
    print(f"{args.id} is approved: its rules are frozen; next: `weighin contest open {args.id} --as ...`")
    return 0


def _contest_act(args: argparse.Namespace) -> int:
    act = args.name.removeprefix("contest ")
    if getattr(args, "dice", None):
        raise InvalidRequest("contests of this version draw by reveal; --dice is for contests of level high")

    async def run(conn: asyncpg.Connection) -> None:
        await asking.ask(conn, args.id, act, by=args.by)
        await asking.wait(conn, args.id, act)

    _with_conn(_DESK, run)
    print(f"{args.id}: {act} is done")
    return 0


def _add_roll(commands: Any) -> None:
    acts = commands.add_parser("roll", help="make one-time codes").add_subparsers(required=True, metavar="ACT")
    parser = _command(
        acts, "make", _roll_make, help_text="make codes for a contest that is not open", full_name="roll make"
    )
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--size", type=int, required=True, metavar="N", help="codes to mail")
    parser.add_argument("--reserve", type=int, default=0, metavar="R", help="codes for those who come forward later")
    parser.add_argument("--class", dest="cls", default="resident", metavar="C", help="class of voters (resident)")
    parser.add_argument("--area", default="", metavar="A", help="where they live; only the registrar knows it")
    parser.add_argument("--out", type=Path, metavar="codes.csv", help="write them there; by default to stdout")
    parser = _command(
        acts, "letters", _roll_letters, help_text="print a letter for each mailed code of an open contest",
        full_name="roll letters",
    )  # fmt: skip
    parser.add_argument("id", metavar="ID")
    parser.add_argument("codes", type=Path, metavar="codes.csv", help="as `roll make` wrote it")
    parser.add_argument("--out", type=Path, required=True, metavar="letters.pdf")
    parser.add_argument("--font", type=Path, metavar="FILE.ttf", help="for languages beyond the Latin alphabet")


def _roll_letters(args: argparse.Namespace) -> int:
    from service.registrar import letters  # slow to load: it sets type

    mailed = letters.read_codes(args.codes)
    draft, facts = _with_conn(_DESK, lambda conn: drafting.show(conn, args.id))
    if facts["ctx"] is None:
        raise NotReady(
            f"contest {args.id!r} is {facts['phase']}: letters print its fingerprint, which it has once it is open"
        )
    languages = letters.languages_of(draft.languages, font=args.font)
    if not languages:
        raise InvalidRequest("none of the contest's languages can be set without a font: give one by --font")
    with _progress() as said:
        letters.write_letters(
            args.out,
            mailed,
            address=f"{read_settings(os.environ).base_url}/contests/{args.id}/vote",
            ctx=facts["ctx"],
            closes_at=draft.closes_at,
            due=draft.response_promise.due,
            texts=draft.texts,
            languages=languages,
            font=args.font,
            progress=lambda done: said("setting letters", done, len(mailed)),
        )
    left_out = [lang for lang in draft.languages if lang not in languages]
    print(
        f"{len(mailed)} letters in {args.out}" + (f"; left out {', '.join(left_out)}: give --font" if left_out else "")
    )
    return 0


def _roll_make(args: argparse.Namespace) -> int:
    if not 0 <= args.size <= 10_000_000 or not 0 <= args.reserve <= 10_000_000 or args.size + args.reserve == 0:
        raise InvalidRequest("--size and --reserve say how many codes: 1 to 10,000,000 together")
    if args.out is not None and args.out.exists():
        raise InvalidRequest(f"{args.out} is there already: codes are made once, choose another name")

    async def known(conn: asyncpg.Connection) -> None:
        draft, _ = await drafting.show(conn, args.id)
        if args.cls not in draft.classes:
            raise InvalidRequest(f"contest {args.id!r} has no class {args.cls!r}; it has {', '.join(draft.classes)}")

    _with_conn(_DESK, known)
    made = _with_conn(
        _REGISTRAR,
        lambda conn: roll.make_codes(conn, args.id, size=args.size, reserve=args.reserve, cls=args.cls, area=args.area),
    )
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["code", "class", "pool", "area"])
    rows.writerows([code.text, code.cls, "reserve" if code.pool else "mailed", code.area] for code in made)
    if args.out is None:
        sys.stdout.write(text.getvalue())
    else:
        with open(os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text.getvalue())
        print(f"{len(made)} codes in {args.out}; they are shown here once and kept nowhere else")
    return 0


# -- vote ---------------------------------------------------------------------------------------


def _add_vote(commands: Any) -> None:
    parser = _command(commands, "vote", _vote, help_text="cast one ballot with the whole protocol, without a browser")
    parser.add_argument("url", metavar="URL", help="the contest's page, such as http://127.0.0.1:8000/contests/ID")
    parser.add_argument("--code", required=True, help="from the letter")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--ranking", metavar="a,b,c", help="best first")
    choice.add_argument("--approve", metavar="a,b")
    choice.add_argument("--alloc", metavar="a=3,b=1", help="points")
    choice.add_argument("--score", metavar="a=3,b=1")
    parser.add_argument("--promise", type=Path, metavar="FILE", help="keep the promise there")


def _vote(args: argparse.Namespace) -> int:
    base_url, _, contest_id = args.url.rstrip("/").removesuffix("/vote").rpartition("/contests/")
    if not base_url.startswith(("http://", "https://")) or not contest_id or "/" in contest_id:
        raise InvalidRequest(f"{args.url!r} is not the address of a contest, such as http://127.0.0.1:8000/contests/ID")
    try:
        note, word = asyncio.run(_cast_one(args, base_url, contest_id))
    except code_groups.InvalidCode as error:
        raise InvalidRequest(f"the code is mistyped: {error}") from None
    except client.WrongToken as error:
        kept = Path(f"weighin-evidence-{contest_id}.json")
        kept.write_bytes(error.evidence)
        return _say(args, f"{error}; request and answer are kept in {kept}: take them to the clerk's desk, which voids "
                    "this code and hands out another one", 1)  # fmt: skip
    if args.promise is not None:
        args.promise.write_bytes(note)
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(word.include_by))
    print(f"The ballot is in. Its mark: {word.digest.hex()}\nThe box promises to log it by {until}.")
    return 0


async def _cast_one(args: argparse.Namespace, base_url: str, contest_id: str) -> tuple[bytes, promise.Promise]:
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as http:
        manifest = await client.read_manifest(http, contest_id)
        choices = _choices(args)
        budget = manifest.budget if isinstance(manifest.budget, int) else None
        try:
            profile.read_choices(
                profile.write_choices(choices), rules=manifest.ballot, options=manifest.options, budget=budget
            )
        except InvalidBallot as error:
            ids = ", ".join(option.id for option in manifest.options)
            raise InvalidRequest(f"{error}; the options are {ids}") from None
        secret = client.roll_secret_of(args.code, manifest)
        voter = client.Voter.new(manifest, manifest.classes[0].id)
        held = await client.obtain_tokens(http, voter, secret)
        body = voter.ballot_body(choices, rev=1, held_tokens=held)
        note = await client.cast(http, manifest, body)
        return note, client.check_promise(note, manifest, body)


def _choices(args: argparse.Namespace) -> Choices:
    if args.ranking is not None:
        return Ranking(tuple(_words(args.ranking)))
    if args.approve is not None:
        return Approval(tuple(sorted(_words(args.approve))))
    amounts = []
    for pair in _words(args.alloc if args.alloc is not None else args.score):
        name, equals, number = pair.partition("=")
        if not equals or not number.isascii() or not number.isdigit() or int(number) < 1:
            raise InvalidRequest(f"{pair!r} is not like option=3")
        amounts.append((name, int(number)))
    pairs = tuple(sorted(amounts))
    return Allocation(pairs) if args.alloc is not None else Scores(pairs)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


# -- replay -------------------------------------------------------------------------------------


def _add_replay(commands: Any) -> None:
    parser = _command(
        commands,
        "replay",
        _replay,
        help_text="cast every ballot of a real election through the service, count and verify",
    )
    parser.add_argument("file", metavar="FILE", help=".blt or .pb, also .gz")
    parser.add_argument("--url", help="cast through this running service (rehearsal), set up by WEIGHIN_DATABASE_URL")
    parser.add_argument("--method", metavar="M")
    parser.add_argument("--seats", type=int, metavar="N")
    parser.add_argument(
        "--concurrency", type=int, default=CONCURRENCY, metavar="C", help=f"voters at once ({CONCURRENCY})"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="cast the first N ballots only")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the bundle goes; by default the working folder")
    parser.add_argument("--json", action="store_true")


def _replay(args: argparse.Namespace) -> int:
    if args.concurrency < 1 or (args.limit is not None and args.limit < 0):
        raise InvalidRequest("--concurrency must be 1 or more, --limit 0 or more")
    try:
        data = Path(args.file).read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        election = replaying.read_election(
            data, name=Path(args.file).name, method=args.method, seats=args.seats, limit=args.limit
        )
    except (VotingError, EOFError, zlib.error) as error:
        raise InvalidRequest(f"{args.file}: {error}") from None
    into = args.out or Path.cwd()
    into.mkdir(parents=True, exist_ok=True)
    slug = f"replay-{secrets.token_hex(4)}"
    settings = read_settings(os.environ)
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.ExitStack() as stack:
        rehearsal = stack.enter_context(_rehearsal(settings, args.url, slug))
        said = stack.enter_context(_progress())
        document = asyncio.run(
            replaying.replay(rehearsal, election, slug=slug, concurrency=args.concurrency, into=into, said=said)
        )
    good = document["equals_offline_tally"] and document["verified"]
    if args.json:
        _print_json(document)
    else:
        chosen = document["elected" if "elected" in document else "funded"]
        print(f"{document['cast']} ballots cast; chosen: {', '.join(chosen)}")
        print(f"equals the offline tally: {'yes' if document['equals_offline_tally'] else 'NO'}")
        print(f"verified by a separate process: {'yes' if document['verified'] else 'NO'} ({document['bundle']})")
        print("seconds: " + ", ".join(f"{name} {value}" for name, value in document["seconds"].items()))
    return 0 if good else 1


@contextlib.contextmanager
def _rehearsal(settings: Settings, url: str | None, slug: str, *, workers: int = 1) -> Iterator[Rehearsal]:
    """Give a rehearsal to replay in: the running one at `url`, or one of its own that is gone afterwards."""
    if url is not None:
        if settings.database_url is None:
            raise InvalidRequest("--url needs WEIGHIN_DATABASE_URL: the contest is set up there")
        asyncio.run(installing.install(settings.database_url, rehearsal=True))
        yield Rehearsal(settings.database_url, url.rstrip("/"))
        return
    with contextlib.ExitStack() as stack:
        server_url = stack.enter_context(_database(settings))
        name = slug.replace("-", "_")
        database_url = asyncio.run(databases.create_database(server_url, name))
        stack.callback(lambda: asyncio.run(databases.drop_database(server_url, name)))
        asyncio.run(installing.install(database_url, rehearsal=True))
        folder = settings.data / slug
        stack.callback(demonstrating.forget, folder)
        port = serving.free_port()
        environment = {
            "WEIGHIN_DATABASE_URL": database_url,
            "WEIGHIN_DATA": str(folder),
            "WEIGHIN_BASE_URL": f"http://127.0.0.1:{port}",
        }
        base_url = stack.enter_context(serving.running(environment, port=port, workers=workers))
        yield Rehearsal(database_url, base_url)


# -- bench --------------------------------------------------------------------------------------


def _add_bench(commands: Any) -> None:
    parser = _command(commands, "bench", _bench, help_text="measure the service against its limits, in one run")
    parser.add_argument("what", choices=("cast", "verify", "tally"))
    parser.add_argument("--casts", type=int, default=8000, metavar="N", help="ballots in the closed loop (8000)")
    parser.add_argument("--rate", type=float, default=300, metavar="R", help="arrivals a second in the open loop (300)")
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="worker processes of the service (one a core)",
    )
    parser.add_argument("--bundle", type=Path, help="what `bench verify` verifies; by default one that it makes")
    parser.add_argument("--ballots", type=int, default=10_000_000, metavar="N", help="of `bench tally` (10,000,000)")
    parser.add_argument("--pabulib", type=Path, metavar="FILE", action="append", default=[],
                        help="approvals for `bench tally`, several times; else synthetic")  # fmt: skip
    parser.add_argument("--parts", type=Path, metavar="FOLDER", help="`bench tally` only writes its ballots there, "
                        "ten million a Parquet file")  # fmt: skip
    parser.add_argument("--json", action="store_true")


def _bench(args: argparse.Namespace) -> int:
    from service import benching  # slow to load: it brings the server

    if args.what == "tally":
        return _bench_tally(args)
    settings = read_settings(os.environ)
    signal.signal(signal.SIGTERM, _interrupt)
    slug = f"bench-{secrets.token_hex(4)}"
    with contextlib.ExitStack() as stack:
        said = stack.enter_context(_progress())
        if args.what == "verify" and args.bundle is not None:
            figures = benching.bench_verify(args.bundle)
        else:
            rehearsal = stack.enter_context(_rehearsal(settings, None, slug, workers=args.workers))
            figures = asyncio.run(
                benching.bench_cast(rehearsal, settings.data / slug, casts=args.casts, rate=args.rate, said=said)
            )
            if args.what == "verify":
                bundle, closing = asyncio.run(benching.finish(rehearsal, settings.data / slug, said=said))
                figures = [closing, *benching.bench_verify(bundle)]
    _print_figures(figures, as_json=args.json)
    return 0


def _bench_tally(args: argparse.Namespace) -> int:
    from service import bench_tally

    if args.ballots < 1:
        raise InvalidRequest("--ballots must be at least 1")
    with _progress() as said:
        if args.parts is not None:
            bench_tally.write_parts(args.parts, ballots=args.ballots, parts=-(-args.ballots // 10_000_000), said=said)
            return 0
        figures = bench_tally.bench_tally(ballots=args.ballots, pabulib=args.pabulib, said=said)
    _print_figures(figures, as_json=args.json)
    return 0


def _print_figures(figures: list[Any], *, as_json: bool) -> None:
    from service import benching

    if as_json:
        _print_json({"machine": benching.machine(), "figures": figures})
    else:
        print(benching.machine())
        for figure in figures:
            against = f"; {figure.ratio} of {figure.against} ({figure.against_value})" if figure.ratio else ""
            if figure.against and not figure.ratio:
                against = f"; not measured against {figure.against}"
            bar = "" if figure.meets_bar is None else f"; bar {figure.bar}: {'met' if figure.meets_bar else 'NOT MET'}"
            print(f"  {figure.name}: {figure.value} {figure.unit}{against}{bar}")
