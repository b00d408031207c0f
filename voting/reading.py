"""Reading ballot files of every format: from a path or standard input, packed or not, in chunks.

What a file is: by the argument, else by its name, else by how it begins.
"""

import importlib.util
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

from voting.errors import InvalidFile, InvalidMethod
from voting.formats.blt import read_blt
from voting.formats.bundle_ballots import BundleFile, read_bundle_ballots
from voting.formats.cvr_json import read_cvr_json
from voting.formats.pabulib import PabulibFile, read_pabulib
from voting.formats.parquet import read_packed
from voting.formats.preflib import DATA_TYPES, read_preflib
from voting.formats.ranks_csv import read_ranks_csv
from voting.profile import Profile, RankedProfile, Terms

Format = Literal["blt", "pb", "soc", "soi", "toc", "toi", "csv", "json", "tar", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = ("blt", "pb", "soc", "soi", "toc", "toi", "csv", "json", "tar", "parquet", "arrow")
TITLES = {
    "blt": "BLT", "pb": "Pabulib", "soc": "PrefLib", "soi": "PrefLib", "toc": "PrefLib", "toi": "PrefLib",
    "csv": "CSV", "json": "CVR JSON", "tar": "bundle", "parquet": "Parquet", "arrow": "Arrow",
}  # fmt: skip
"""What people call each format."""

_LONG_READ_BYTES = 8 << 20
"""From this size on, reading a file shows a bar on a terminal."""
_CHUNK = 1 << 18
_PREFLIB = re.compile(
    rb"#\s*(FILE NAME|TITLE|DESCRIPTION|DATA TYPE|NUMBER|ALTERNATIVE|RELATE|MODIFICATION|PUBLICATION)"
)


@dataclass(frozen=True, eq=False)
class Election:
    """A ballot file, ready to be counted or written in another format.

    Attributes:
        kind: Whether options are elected or funded.
        terms: Options; seats as the file says, 1 where it does not; budget and costs in minor units.
        profile: The ballots.
        minor_digits: Decimals of the file's money.
        point_digits: Decimals of the file's points.
        title: Empty where there is none.
        headers: Further headers of a PrefLib file.
        pabulib: The whole file, where it is one.
        bundle: The whole contest, where it is one.
    """

    kind: Literal["ranked", "budget"]
    terms: Terms
    profile: Profile
    minor_digits: int = 0
    point_digits: int = 0
    title: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    pabulib: PabulibFile | None = None
    bundle: BundleFile | None = None


def read_election(
    path: str,
    *,
    form: Format | None = None,
    contest: str | None = None,
    equal_ranks: bool = True,
    accept: Callable[[Format], None] = lambda _: None,
) -> Election:
    """Return the election in a file.

    Args:
        path: The file; `-` is standard input.
        form: Its format, where the name does not say.
        contest: Which contest of a file with several.
        equal_ranks: Whether rankings may hold equal ranks.
        accept: Raises where a format is of no use, before the file is read.

    Raises:
        InvalidFile: It can't be read; the text says where and how to mend it.
        InvalidMethod: `contest` for a file that has only one.
        OSError: There is no such file, or it may not be read.
    """
    chunks = read_chunks(path)
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) > 4096:
            break
    found = form or format_of(path) or _sniff(start)
    accept(found)
    if contest is not None and found != "json":
        raise InvalidMethod(f"--contest is for a CVR file with several contests; a {TITLES[found]} file has one")
    return _parse(found, chain([start], chunks), contest=contest, equal_ranks=equal_ranks)


def format_of(path: str) -> Format | None:
    """Return the format that the name of a file says, or None."""
    suffix = PurePath(path.removesuffix(".gz")).suffix.lower().removeprefix(".")
    return next((form for form in FORMATS if form == suffix), None)


def read_chunks(path: str) -> Iterator[bytes]:
    """Give a file chunk by chunk, unpacked where it is gzip-compressed. `-` is standard input."""
    if path == "-":
        yield from _unpacked(iter(lambda: sys.stdin.buffer.read(_CHUNK), b""))
        return
    with Path(path).open("rb") as file:
        yield from _unpacked(_read_with_bar(file, Path(path).stat().st_size))


def read_whole(path: str) -> bytes:
    """Return a whole file, unpacked."""
    return b"".join(read_chunks(path))


def _parse(found: Format, chunks: Iterator[bytes], *, contest: str | None, equal_ranks: bool) -> Election:
    if found == "pb":
        return budget_election(read_pabulib(b"".join(chunks)))
    if found == "tar":
        bundle = read_bundle_ballots(b"".join(chunks))
        return Election(
            kind=bundle.manifest.kind,
            terms=bundle.terms,
            profile=bundle.profile,
            minor_digits=bundle.terms.minor_digits,
            title=bundle.manifest.title,
            bundle=bundle,
        )
    if found == "blt":
        blt = read_blt(chunks, equal_ranks=equal_ranks)
        # where those who stand are fewer than the seats, all of them are elected (SCOTTISH-10)
        return _ranked(blt.profile, title=blt.title, seats=min(blt.seats, len(blt.profile.options)))
    if found == "csv":
        return _ranked(read_ranks_csv(chunks, equal_ranks=equal_ranks))
    if found == "parquet" or found == "arrow":
        layout, profile = read_packed(BytesIO(b"".join(chunks)), form=found, equal_ranks=equal_ranks)
        return _ranked(profile, seats=layout.seats)
    if found == "json":
        cvr = read_cvr_json(chunks, contest=contest, equal_ranks=equal_ranks)
        return _ranked(cvr.profile, title=cvr.contest)
    preflib = read_preflib(chunks, data_type=found, equal_ranks=equal_ranks)
    return _ranked(preflib.profile, title=preflib.title, headers=preflib.headers)


def _ranked(
    profile: RankedProfile, *, title: str = "", seats: int = 1, headers: dict[str, str] | None = None
) -> Election:
    terms = Terms(profile.options, seats=seats)
    return Election(kind="ranked", terms=terms, profile=profile, title=title, headers=headers or {})


def budget_election(file: PabulibFile) -> Election:
    """Return the election of a Pabulib file."""
    return Election(
        kind="budget",
        terms=file.terms,
        profile=file.profile,
        minor_digits=file.minor_digits,
        point_digits=file.point_digits,
        title=file.meta.get("description", ""),
        pabulib=file,
    )


def _sniff(start: bytes) -> Format:
    """What a file is by how it begins."""
    if start[257:263] == b"ustar\0":
        return "tar"
    if start.startswith((b"PAR1", b"ARROW1")):
        return "parquet" if start.startswith(b"PAR1") else "arrow"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:4].upper() == b"META":
        return "pb"
    if text[:1] == b"{":
        return "json"
    if _PREFLIB.match(text):
        kind = re.search(rb"#\s*DATA TYPE:\s*(soc|soi|toc|toi)\b", text, re.IGNORECASE)
        named = kind[1].decode().lower() if kind else "toi"
        return next(form for form in DATA_TYPES if form == named)
    if text[:1].isdigit() or text[:1] == b"#":
        return "blt"
    if any(mark in text.split(b"\n")[0] for mark in (b",", b";", b"\t")):
        return "csv"
    raise InvalidFile(
        "line 1: neither BLT nor Pabulib, PrefLib, CSV, CVR, Parquet, Arrow or a bundle; "
        f"name the file .{', .'.join(FORMATS)}, or give --format"
    )


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) > 1:
            break
    if not start.startswith(b"\x1f\x8b"):
        if start:
            yield start
        yield from chunks
        return
    member = zlib.decompressobj(31)
    try:
        for chunk in chain([start], chunks):
            rest = chunk
            while rest:
                if member.eof:
                    if not rest.strip(b"\0"):
                        break
                    member = zlib.decompressobj(31)
                if part := member.decompress(rest, _CHUNK):
                    yield part
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as error:
        raise InvalidFile(f"damaged gzip file ({error}); copy it again") from None
    if not member.eof:
        raise InvalidFile("damaged gzip file (it ends too early); copy it again")


def _read_with_bar(file: BinaryIO, size: int) -> Iterator[bytes]:
    if size < _LONG_READ_BYTES or not sys.stderr.isatty() or importlib.util.find_spec("rich") is None:
        yield from iter(lambda: file.read(_CHUNK), b"")
        return
    from rich.console import Console  # an extra, and slow to load: only where a bar is drawn
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=size)
        while part := file.read(_CHUNK):
            bar.advance(task, len(part))
            yield part
