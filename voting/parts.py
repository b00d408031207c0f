"""One contest in many files: read part by part, here or on the machines of a Dask cluster, and merged.

Every part becomes a profile, which is small however many ballots it holds, and profiles merge in any order into the
same one. So the count after it is the same to the byte, wherever the parts were read.

Dask does the distributing. It comes with the extra `cluster` and is imported only where a cluster is asked for. What a
cluster's workers need: this package with that extra, and the files under the same names.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from voting.errors import InvalidFile, VotingError
from voting.formats.packed import Layout
from voting.formats.parquet import PackedForm, read_packed, read_shape
from voting.profile import RankedProfile, Terms, merge_profiles
from voting.reading import Election

LOCAL = "local"
"""The address of a cluster that is started for one count, a process a core of this machine."""

_TASK_ROWS = 8 << 20
"""About so many rows are one piece of work."""
_PATIENCE_SECONDS = 10
_AT_ONCE = 16
"""So many profiles are merged by one worker."""


@dataclass(frozen=True)
class Work:
    """Some pieces of one file."""

    path: str
    form: PackedForm
    first: int
    last: int
    equal_ranks: bool


def form_of(path: str) -> PackedForm | None:
    """Return the form that the name of a file says, or None where it is no part."""
    ending = path.rpartition(".")[2].lower()
    return next((form for form in get_args(PackedForm) if form == ending), None)


def read_parts(paths: Sequence[str], *, cluster: str | None = None, equal_ranks: bool = True) -> Election:
    """Return the election whose ballots are in several files.

    Args:
        paths: At least one file, `.parquet` or `.arrow`, in any order.
        cluster: The address of a Dask scheduler, such as `tcp://10.0.0.5:8786`; `local` starts one for this count; None
            reads one file after the other.
        equal_ranks: Whether options may share a rank; False for methods that don't take it.

    Raises:
        InvalidFile: A part that can't be read, parts of several contests, or a cluster that does not answer.
        OSError: There is no such file.
    """
    layout, works = _plan(paths, equal_ranks=equal_ranks)
    profile = merge_profiles([read_work(work) for work in works]) if cluster is None else _on_cluster(cluster, works)
    return Election(kind="ranked", terms=Terms(layout.options, seats=layout.seats), profile=profile)


def read_work(work: Work) -> RankedProfile:
    """Return the rankings of some pieces of one file. This is what a worker runs.

    Raises:
        InvalidFile: Naming the file.
        OSError: It can't be opened.
    """
    try:
        return read_packed(work.path, form=work.form, first=work.first, last=work.last, equal_ranks=work.equal_ranks)[1]
    except VotingError as fault:
        raise InvalidFile(f"{work.path}: {fault}") from None


def _plan(paths: Sequence[str], *, equal_ranks: bool) -> tuple[Layout, list[Work]]:
    """What all parts agree on, and the work cut into pieces of about the same size."""
    assert paths, "nothing to read"
    first: Layout | None = None
    works: list[Work] = []
    for path in paths:
        form = form_of(path)
        if form is None:
            raise InvalidFile(f"{path}: several files are counted together only as .parquet or .arrow; see convert")
        try:
            shape = read_shape(path, form=form)
        except FileNotFoundError:
            raise InvalidFile(f"{path}: No such file or directory") from None
        except (VotingError, OSError) as fault:
            raise InvalidFile(f"{path}: {fault}") from None
        if first is None:
            first = shape.layout
        elif shape.layout != first:
            raise InvalidFile(f"{path}: its metadata differ from those of {paths[0]}; one contest has the same in all")
        pieces = max(1, shape.pieces * _TASK_ROWS // max(1, shape.rows))
        # a file says its pieces by number, so that a large one is work for several workers
        for start in range(0, max(1, shape.pieces), pieces):
            works.append(Work(os.path.abspath(path), form, start, start + pieces, equal_ranks))
    if len({(work.path, work.first) for work in works}) < len(works):
        raise InvalidFile("a part is named twice; its ballots would count twice")
    assert first is not None, "there is a path"
    return first, works


def _on_cluster(address: str, works: Sequence[Work]) -> RankedProfile:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise InvalidFile("--cluster needs Dask, which is not installed; install weighin[cluster]") from None
    if address == LOCAL:
        with (
            LocalCluster(threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL) as local,
            Client(local) as client,
        ):
            return _gathered(client, works)
    try:
        client = Client(address, timeout=_PATIENCE_SECONDS)
    except (OSError, ValueError) as error:
        raise InvalidFile(f"no Dask scheduler answers at {address} ({error})") from None
    with client:
        return _gathered(client, works)


def _gathered(client: Any, works: Sequence[Work]) -> RankedProfile:
    """Read on the workers, merge on the workers, some at a time, and fetch one profile."""
    futures = client.map(read_work, works, pure=False)
    while len(futures) > 1:
        groups = [futures[start : start + _AT_ONCE] for start in range(0, len(futures), _AT_ONCE)]
        futures = [client.submit(merge_profiles, group, pure=False) for group in groups]
    profile: RankedProfile = futures[0].result()
    return profile
