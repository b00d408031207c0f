"""The command `verify`: reads a bundle from a file, a folder or the web, and prints what the checks found.

Exit codes: 0 passed, 1 rejected, 2 unreadable input or wrong use, with one line on stderr.
"""

import argparse
import gzip
import importlib.util
import io
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

import msgspec

from schemas.bundle import Report
from voting.errors import InvalidFile, VotingError
from voting.proof import codes, note
from voting.verify import CHECKS, BundleRejected, Progress, verify_bundle

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

_SIZE_MAX = 4 << 30
"""No more bytes than this are read or unpacked: a bundle of three million ballots."""
_CHUNK = 1 << 20
_PAGE = re.compile(r"(/[a-z]{2,3}(-[A-Z]{2})?)?/contests/(?P<id>[a-z0-9-]{1,64})/?")
_MARKS = {True: "✓", False: "✗", None: "–"}


def add_verify(subparsers: "Commands") -> None:
    """Add the command. It sets `run`, a function from the parsed arguments to the exit code."""
    parser = subparsers.add_parser("verify", help="check a bundle: every signature, every hash, every round")
    parser.add_argument("file", metavar="PATH_OR_URL", help="a bundle.tar (also .gz; - is standard input), a folder of "
                        "its files, or the address of a bundle or of a contest's page")  # fmt: skip
    parser.add_argument("--ctx", metavar="HEX", help="the contest, as your letter prints it: 20 to 64 hex digits")
    parser.add_argument("--authority", metavar="VKEY", action="append", default=[], help="a key of the authority")
    parser.add_argument("--checkpoint", metavar="FILE", action="append", default=[], help="a checkpoint seen elsewhere")
    parser.add_argument("--promise", metavar="FILE", action="append", default=[], help="a promise that you hold")
    parser.add_argument("--code", metavar="CODE", action="append", default=[], help="your own code")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=_run, prog=parser.prog)


def _run(args: argparse.Namespace) -> int:
    try:
        return _verify(args)
    except KeyboardInterrupt:
        return 130
    except (VotingError, OSError, zlib.error, EOFError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        print(f"{args.prog}: {args.file}: {' '.join(str(reason).split())}", file=sys.stderr)
        return 2


def _verify(args: argparse.Namespace) -> int:
    _check_arguments(args)
    checkpoints = [_read_small(path) for path in args.checkpoint]
    promises = [_read_small(path) for path in args.promise]
    try:
        with _read_source(args.file) as source, _bar() as progress:
            report = verify_bundle(
                source,
                ctx=args.ctx,
                authorities=args.authority,
                checkpoints=checkpoints,
                promises=promises,
                codes=args.code,
                progress=progress,
            )
    except BundleRejected as rejected:
        report = rejected.report
    if args.json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _print(report)
    sys.stdout.flush()
    return 0 if report.result == "passed" else 1


def _check_arguments(args: argparse.Namespace) -> None:
    """Refuse what is mistyped before anything is read, so that it does not look like a bad bundle."""
    if args.ctx is not None:
        args.ctx = re.sub(r"[\s-]", "", args.ctx).lower()
        if not re.fullmatch(r"[0-9a-f]{20,64}", args.ctx):
            raise InvalidFile("--ctx must be 20 to 64 hex digits, as the letter prints them")
    for key in args.authority:
        if not key.isprintable():
            raise InvalidFile("--authority must be a key as the authority prints it: name+id+key")
        note.parse_vkey(key)
    for code in args.code:
        codes.parse_groups(code, 10)


def _print(report: Report) -> None:
    print(f"Contest {report.contest or 'unknown'}, {report.ctx or 'no identity'}\n")
    for check in report.checks:
        print(f"{_MARKS[check.passed]} {check.id:<4}{check.name:<13} {check.detail}")
    print("\nWho must have been honest:")
    for line in report.trust:
        print(f"  {line}")
    for label, names in (("Elected", report.elected), ("Funded", report.funded)):
        if isinstance(names, tuple):
            print(f"\n{label}: {', '.join(names) or 'nothing'}")
    failed = [check.id for check in report.checks if check.passed is False]
    print(f"\nREJECTED: {', '.join(failed)} failed." if failed else "\nPASSED.")


# -- reading -------------------------------------------------------------------------------


@contextmanager
def _read_source(path: str) -> Iterator[BinaryIO | Mapping[str, bytes]]:
    """Give a bundle as a stream, so that its bytes are in memory once; or the files of a folder."""
    with ExitStack() as stack:
        if re.match(r"https?://", path):
            stream = stack.enter_context(_fetch(path))
        elif path == "-":
            stream = sys.stdin.buffer
        elif Path(path).is_dir():
            yield _read_folder(Path(path))
            return
        else:
            stream = stack.enter_context(Path(path).open("rb"))
        tar = _Begun(stream)
        if tar.begin.startswith(b"\x1f\x8b"):
            tar = _Begun(stack.enter_context(gzip.open(tar)))
        if b"ustar\x0000" not in tar.begin:
            raise InvalidFile("this is no bundle: not a tar in ustar format")
        yield cast(BinaryIO, tar)


class _Begun(io.RawIOBase):
    """A stream whose first part was looked at, and that ends where no bundle would go on."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile) -> None:
        self._stream = stream
        self.begin = stream.read(_CHUNK)
        self._ahead, self._given = io.BytesIO(self.begin), 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, `size` at most."""
        size = _CHUNK if size < 0 else size
        try:
            data = self._ahead.read(size) or self._stream.read(size)
        except HTTPException as error:
            raise InvalidFile(f"the answer was cut short: {error!r}") from error
        self._given += len(data)
        if self._given > _SIZE_MAX:
            raise InvalidFile(f"more than {_SIZE_MAX >> 30} GiB: no bundle is so large")
        return data


def _read_folder(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise InvalidFile(f"{path.relative_to(folder)} is a symbolic link; a bundle has only files")
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    if not files:
        raise InvalidFile("the folder is empty; unpack a bundle.tar into it")
    return files


def _read_small(path: str) -> bytes:
    with Path(path).open("rb") as file:
        data = file.read(_CHUNK + 1)
    if len(data) > _CHUNK:
        raise InvalidFile(f"{path} is too large for a note")
    return data


def _bundle_address(address: str) -> str:
    """Return where the bundle is: a contest's page stands for its bundle, every other address for itself."""
    parts = urlsplit(address)
    page = _PAGE.fullmatch(parts.path)
    if page is None:
        return address
    return urlunsplit((parts.scheme, parts.netloc, f"/api/v1/contests/{page['id']}/bundle", "", ""))


def _fetch(given: str) -> AbstractContextManager[BinaryIO]:
    try:
        address = _bundle_address(given)
        request = Request(address, headers={"Accept": "application/x-tar", "Accept-Encoding": "gzip"})
        return cast("AbstractContextManager[BinaryIO]", urlopen(request, timeout=60))
    except HTTPException as error:
        raise InvalidFile(f"the answer is no HTTP: {error!r}") from error
    except URLError as error:
        raise InvalidFile(f"{address} can't be read: {error}") from error
    except ValueError as error:
        raise InvalidFile(f"no address: {error}") from error


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """Give what shows progress on a terminal; None elsewhere."""
    if not sys.stderr.isatty() or importlib.util.find_spec("rich") is None:
        yield None
        return
    from rich.console import Console  # an extra, and slow to load: only where a bar is drawn
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verifying", total=len(CHECKS))

        def show(place: int, _: int, name: str) -> None:
            bar.update(task, completed=place, description=name)

        yield show
