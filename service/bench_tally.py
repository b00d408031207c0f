"""What README's counting figures come from: our engines, one pass over the same data, and programs of other people.

All on the same ballots in the same run, in processor time, so that a busy machine and a small one say about the same.
The pass is `np.sum` over the ballots as they are given, small numbers in columns: it looks at every rank once and does
nothing with it. What no other program can be asked is said to be absent, and meets no bar.
"""

import csv
import gzip
import io
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.outcome import BudgetOutcome, RankedOutcome
from service.bench_peers import BUDGET_PEERS, PEERS, Names, Peer, prepare_budget
from service.benching import Figure
from voting.budget.equal_shares import COMPLETIONS, count_equal_shares, raise_of
from voting.formats.blt import read_blt
from voting.formats.pabulib import PabulibFile, Table, read_pabulib, write_pabulib
from voting.formats.packed import Gathering, Layout, pack_keys
from voting.formats.parquet import PackedWriter
from voting.methods import METHODS, Method
from voting.profile import RankedProfile, Terms, ranked_profile
from voting.ties import NO_CONTEST, lot_order

Codes = NDArray[np.uint8]
Said = Callable[[str, int, int], None]
Found = TypeVar("Found")

OPTIONS = tuple(f"o{number:02}" for number in range(1, 14))
RANKS = 5
SEATS = 3
_GROUP_BAR, _MEMORY_BAR, _PEER_BAR, _SHARES_BAR, _READ_BAR = 5, 2, 10, 50, 1
_PASS_BARS = {
    "irv": 1, "stv-scottish": 1, "stv-wigm": 1, "stv-meek": 5, "schulze": 1, "schulze-margins": 1, "ranked-pairs": 1,
    "ranked-pairs-margins": 1, "minimax": 1, "minimax-margins": 1, "copeland": 1,
}  # fmt: skip
"""At most so many times as long as the pass, from the merged ballots to the outcome with all its rounds."""
_MISSING = "{}, which is not installed; install weighin[peers]"
_BARS_FROM = 10_000_000
"""Fewer ballots are passed over in less time than a round of any count takes, so the pass sets no bar then."""
_LENGTHS = (0.13, 0.10, 0.16, 0.15, 0.46)
"""How many voters rank 1, 2, ... options: New York City, June 2021."""
_BLOCS, _AT_ONCE = 4, 1 << 18
_VOTERS_MAX, _PROJECTS = 20_000, 60
_LINES_MAX = 1_000_000
_TIMES, _SECONDS = 7, 2


# -- ballots ------------------------------------------------------------------------------------


def make_rankings(ballots: int, *, seed: int = 1) -> Codes:
    """Return synthetic rankings of 13 options, as many different ones as a large city's.

    Voters belong to four blocs. Each bloc likes each option so much, the first ones more; a voter ranks by a race in
    which each option runs at that speed (the model of Plackett and Luce), and stops after one to five. Ten million hold
    some 70,000 different rankings.

    Args:
        ballots: How many.
        seed: Another one gives other blocs.

    Returns:
        Shape (ballots, 5), a column in one piece of memory: 0 is a blank, 1 to 13 an option.
    """
    random = np.random.default_rng(seed)
    speeds = np.arange(1, len(OPTIONS) + 1) ** -1.6 * np.exp(1.9 * random.standard_normal((_BLOCS, len(OPTIONS))))
    slowness = (1 / speeds).astype(np.float32)
    shares = random.dirichlet(np.full(_BLOCS, 3.0))
    numbers = np.arange(len(OPTIONS), dtype=np.uint32)
    rankings = np.empty((ballots, RANKS), np.uint8, order="F")
    for start in range(0, ballots, _AT_ONCE):
        rows = min(_AT_ONCE, ballots - start)
        bloc = random.choice(_BLOCS, rows, p=shares)
        times = random.standard_exponential((rows, len(OPTIONS)), dtype=np.float32) * slowness[bloc]
        # the bits of a number above 0 stand in the order of the numbers: the lowest four give way to the option's
        finish = (times.view(np.uint32) & np.uint32(0xFFFFFFF0)) | numbers
        finish.sort(axis=1)
        first = (finish[:, :RANKS] & np.uint32(15)).astype(np.uint8) + np.uint8(1)
        length = random.choice(RANKS, rows, p=_LENGTHS) + 1
        first[np.arange(RANKS) >= length[:, None]] = 0
        rankings[start : start + rows] = first
    return rankings


def write_parts(folder: Path, *, ballots: int, parts: int, said: Said) -> None:
    """Write synthetic rankings as Parquet files `part-000.parquet`, ..., to be counted with `weighin tally`.

    Raises:
        InvalidFile: pyarrow is not installed.
    """
    layout = Layout(OPTIONS, RANKS)
    folder.mkdir(parents=True, exist_ok=True)
    for part in range(parts):
        said("writing parts", part, parts)
        codes = make_rankings(ballots * (part + 1) // parts - ballots * part // parts, seed=part + 1)
        with PackedWriter(str(folder / f"part-{part:03}.parquet"), layout, form="parquet") as writer:
            for start in range(0, max(1, len(codes)), 1 << 20):
                writer.add({"key": pack_keys(codes[start : start + (1 << 20)], layout).astype(np.int32)})


# -- the bench ----------------------------------------------------------------------------------


def bench_tally(*, ballots: int, pabulib: Sequence[Path] = (), said: Said) -> list[Figure]:
    """Measure grouping, every method, memory and reading.

    Args:
        ballots: Synthetic rankings, 1 or more.
        pabulib: Pabulib files of approvals for the budget methods; without any a synthetic one, of at most 20,000
            voters and 60 projects.
        said: Told how far it is.

    Raises:
        InvalidFile: The Pabulib file can't be read.
    """
    said("making ballots", 0, 1)
    codes = make_rankings(ballots)
    barred = ballots >= _BARS_FROM
    one_pass, _ = _best(lambda: int(codes.sum()))
    figures = [_plain("tally.one_pass", one_pass)]

    said("grouping", 0, 1)
    grouping, profile = _best(lambda: ranked_profile(codes, options=OPTIONS))
    figures.append(_in_passes("tally.group", grouping, one_pass, _GROUP_BAR if barred else None))
    figures += _bench_keys(codes)
    figures.append(_bench_memory(codes))
    ranked = [method for method in METHODS if method.kind == "ranked" and "ranking" in method.ballot_kinds]
    for number, method in enumerate(ranked):
        said("counting", number, len(ranked))
        seconds, _ = _best(_counting(method, profile, seats=SEATS))
        figures.append(
            _in_passes(f"tally.{method.id}", seconds, one_pass, _PASS_BARS.get(method.id) if barred else None)
        )
    for number, method in enumerate(ranked):
        said("asking other programs", number, len(ranked))
        figures += _bench_peers(method, codes)
    figures += _bench_duckdb(codes)
    said("reading", 0, 1)
    figures.append(_bench_blt(codes[:_LINES_MAX]))
    with tempfile.TemporaryDirectory() as folder:
        synthetic = Path(folder) / "synthetic.pb"
        synthetic.write_bytes(make_pabulib(min(ballots, _VOTERS_MAX)))
        for file in pabulib or [synthetic]:
            data = file.read_bytes()
            plain = Path(folder) / file.name.removesuffix(".gz")
            plain.write_bytes(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)
            figures.append(_bench_pabulib(plain))
            figures += _bench_budgets(plain, said=said)
    return figures


def _bench_keys(codes: Codes) -> list[Figure]:
    """Grouping rankings that are packed already, as in a file of keys."""
    layout = Layout(OPTIONS, RANKS)
    keys = pack_keys(codes, layout)

    def group() -> RankedProfile:
        gathering = Gathering(layout)
        for start in range(0, len(keys), 1 << 20):
            gathering.add_keys(keys[start : start + (1 << 20)])
        return gathering.profile()

    one_pass, _ = _best(lambda: int(keys.sum()))
    seconds, _ = _best(group)
    return [_in_passes("tally.group_keys", seconds, one_pass, None, against="np.sum of the keys")]


def _bench_memory(codes: Codes) -> Figure:
    """The ballots as given and all that grouping them takes at its peak, as Python and NumPy ask for it."""
    tracemalloc.start()
    try:
        ranked_profile(codes, options=OPTIONS)
        taken = codes.nbytes + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return _figure(
        "tally.group_memory", taken / 1e6, "MB", "the ballots as given", codes.nbytes / 1e6,
        _MEMORY_BAR if len(codes) >= _BARS_FROM else None,
    )  # fmt: skip


def _bench_peers(method: Method, codes: Codes) -> list[Figure]:
    """Our count against that of each other program that knows the method, of the same merged ballots."""
    asked = [peer for peer in PEERS if peer.method == method.id]
    return [_bench_peer(method, peer, codes[: peer.ballots_max]) for peer in asked]


def _bench_peer(method: Method, peer: Peer, codes: Codes) -> Figure:
    name = f"tally.{method.id}.{peer.program}"
    release = _release(peer.program)
    if release is None:
        return _absent(name, _MISSING.format(peer.program))
    profile = ranked_profile(codes, options=OPTIONS)
    ours, outcome = _best(_counting(method, profile, seats=peer.seats))
    assert isinstance(outcome, RankedOutcome), "the method is ranked"
    try:
        theirs, winners = _best(peer.prepare(profile, _seats(method, peer.seats)))
    except Exception as error:  # of another's program, and of any kind
        return _absent(name, f"{peer.program}, which ended with {error!r:.80}")
    note = _same(tuple(sorted(outcome.elected)), winners)
    return _faster(name, len(codes), ours, theirs, release, note=note, bar=_PEER_BAR)


def _bench_duckdb(codes: Codes) -> list[Figure]:
    """Grouping by a database that is made for it; no Python program groups, so there is no bar."""
    name = "tally.group.duckdb"
    if (release := _release("duckdb")) is None:
        return [_absent(name, _MISSING.format("duckdb"))]
    import duckdb

    columns = {f"rank{number}": np.ascontiguousarray(column) for number, column in enumerate(codes.T, 1)}
    query = "SELECT rank1, rank2, rank3, rank4, rank5, count(*) FROM columns GROUP BY ALL"
    with duckdb.connect() as connection:
        connection.register("columns", columns)
        theirs, _ = _best(lambda: connection.execute(query).fetchnumpy())
    ours, _ = _best(lambda: ranked_profile(codes, options=OPTIONS))
    return [_faster(name, len(codes), ours, theirs, release, note="", bar=None)]


def _bench_budgets(file: Path, *, said: Said) -> list[Figure]:
    """Our budget methods against pabutools, on the same file."""
    release = _release("pabutools")
    read = read_pabulib(file.read_bytes())
    if release is not None:
        raised = raise_of(read.terms, read.profile.ballots) // 10**read.minor_digits
        prepare = prepare_budget(file, raised=raised)
    figures = []
    for number, peer in enumerate(BUDGET_PEERS):
        said("asking other programs about budgets", number, len(BUDGET_PEERS))
        completion = f"-{peer.completion}" if peer.completion else ""
        name = f"tally.{peer.method}{completion}.{file.stem}.pabutools"
        ours, outcome = _best(_spending(peer.method, peer.completion, read))
        if release is None:
            figures += [
                _plain(name.removesuffix(".pabutools"), ours),
                _absent(name, _MISSING.format("pabutools")),
            ]
            continue
        if peer.completion == "add1" and read.profile.ballots > _VOTERS_MAX:
            figures.append(_absent(name, f"pabutools: of more than {_VOTERS_MAX:,} ballots it would take hours"))
            continue
        try:
            theirs, funded = _best(prepare(peer))
        except Exception as error:  # of another's program, and of any kind
            figures.append(_absent(name, f"pabutools, which ended with {error!r:.80}"))
            continue
        bar = _SHARES_BAR if peer.completion == "none" else _PEER_BAR
        note = _same(tuple(sorted(outcome.funded)), funded)
        figures.append(_faster(name, read.profile.ballots, ours, theirs, release, note=note, bar=bar))
    return figures


def _bench_blt(codes: Codes) -> Figure:
    """Reading a BLT file with a line a ballot."""
    data = make_blt(codes)
    return _reading("tally.read_blt", data, lambda: read_blt(data), delimiter=" ")


def _bench_pabulib(file: Path) -> Figure:
    data = file.read_bytes()
    return _reading(f"tally.read_pabulib.{file.stem}", data, lambda: read_pabulib(data), delimiter=";")


def _reading(name: str, data: bytes, read: Callable[[], object], *, delimiter: str) -> Figure:
    def plain() -> int:
        return sum(1 for _ in csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))

    ours, _ = _best(read)
    theirs, _ = _best(plain)
    size = len(data) / 1e6  # below one megabyte it is what every file costs that counts, and no bar
    return _figure(
        name, size / ours, "MB/s", "one csv.reader pass", size / theirs, _READ_BAR if size >= 1 else None, more=True
    )


def make_blt(codes: Codes) -> bytes:
    """Return a BLT file of rankings, a line a ballot."""
    profile = ranked_profile(codes, options=OPTIONS)
    keys = pack_keys(codes, Layout(OPTIONS, RANKS))
    rows = {
        row: " ".join(str(index + 1) for index in row if index >= 0) for row in map(tuple, profile.rankings.tolist())
    }
    packed = pack_keys(profile.rankings + 1, Layout(OPTIONS, RANKS)).tolist()
    lines = {key: f"1 {text} 0\n" for key, text in zip(packed, rows.values(), strict=True)}
    names = "".join(f'"{name}"\n' for name in OPTIONS)
    return (f"{len(OPTIONS)} 1\n" + "".join(map(lines.__getitem__, keys.tolist())) + f'0\n{names}"Bench"\n').encode()


def make_pabulib(voters: int, *, seed: int = 1) -> bytes:
    """Return a Pabulib file of synthetic approvals: 60 projects, a budget for about a third, 1 to 12 approvals each."""
    random = np.random.default_rng(seed)
    costs = (random.lognormal(10.5, 0.8, _PROJECTS)).astype(np.int64) + 1000
    liked = random.gamma(1.0, 1.0, _PROJECTS) + 0.05
    ids = [f"p{number:02}" for number in range(1, _PROJECTS + 1)]
    order = np.argsort(random.standard_exponential((voters, _PROJECTS)) / liked, axis=1)
    lengths = random.integers(1, 13, voters)
    rows: list[tuple[str, ...]] = [
        (str(number), str(18 + number % 60), "MF"[number % 2], ",".join(ids[project] for project in ranked[:length]))
        for number, (ranked, length) in enumerate(zip(order.tolist(), lengths.tolist(), strict=True), 1)
    ]
    meta = {
        "description": "Bench", "num_projects": str(_PROJECTS), "num_votes": str(voters),
        "budget": str(int(costs.sum()) // 3), "vote_type": "approval", "rule": "greedy",
    }  # fmt: skip
    funded: list[tuple[str, ...]] = [(name, str(cost)) for name, cost in zip(ids, costs.tolist(), strict=True)]
    projects = Table(("project_id", "cost"), funded)
    return write_pabulib(meta=meta, projects=projects, votes=Table(("voter_id", "age", "sex", "vote"), rows))


# -- measuring ----------------------------------------------------------------------------------


def _best(deed: Callable[[], Found]) -> tuple[float, Found]:
    """Return the least processor time of a deed in seconds, all its threads together, and what it gave.

    Seven times, but not again when it has taken two seconds in all.
    """
    least, spent, times = 0.0, 0.0, 0
    while times < _TIMES and spent < _SECONDS:
        start = time.process_time()
        found = deed()
        seconds = max(time.process_time() - start, 1e-9)
        least = seconds if not times else min(least, seconds)
        spent += seconds
        times += 1
    return least, found


def _counting(method: Method, profile: RankedProfile, *, seats: int) -> Callable[[], Any]:
    terms = Terms(OPTIONS, seats=_seats(method, seats))
    order = lot_order(OPTIONS, ctx=NO_CONTEST, seed="")
    return lambda: method.count(profile, terms=terms, order=order)


def _seats(method: Method, several: int) -> int:
    return 1 if method.seats == "one" else several


def _spending(method_id: str, completion: str | None, file: PabulibFile) -> Callable[[], BudgetOutcome]:
    order = lot_order(file.terms.options, ctx=NO_CONTEST, seed="")
    if completion is not None:
        named = next(name for name in COMPLETIONS if name == completion)
        return lambda: count_equal_shares(file.profile, terms=file.terms, order=order, completion=named)
    method = next(method for method in METHODS if method.id == method_id)

    def count() -> BudgetOutcome:
        outcome = method.count(file.profile, terms=file.terms, order=order)
        assert isinstance(outcome, BudgetOutcome), "the method spends"
        return outcome

    return count


def _same(ours: Names, theirs: Names) -> str:
    return "same result" if ours == theirs else "another result: its rule or its ties differ"


def _release(program: str) -> str | None:
    try:
        return version(program)
    except PackageNotFoundError:
        return None


def _plain(name: str, seconds: float) -> Figure:
    return Figure(name=name, value=_rounded(1000 * seconds), unit="ms")


def _absent(name: str, why: str) -> Figure:
    return Figure(name=name, value=0, unit="ballots/s", against=why)


def _in_passes(
    name: str, seconds: float, one_pass: float, bar: int | None, *, against: str = "np.sum of the same ballots"
) -> Figure:
    return _figure(name, 1000 * seconds, "ms", against, 1000 * one_pass, bar)


def _faster(
    name: str, ballots: int, ours: float, theirs: float, release: str, *, note: str, bar: float | None
) -> Figure:
    program = name.rpartition(".")[2]
    against = f"{program} {release}, {ballots:,} ballots" + (f"; {note}" if note else "")
    return _figure(name, ballots / ours, "ballots/s", against, ballots / theirs, bar, more=True)


def _figure(
    name: str, value: float, unit: str, against: str, against_value: float, bar: float | None, *, more: bool = False
) -> Figure:
    """A figure with its ratio; the bar is the least ratio where more is better, else the most."""
    ratio = value / against_value
    return Figure(
        name=name, value=_rounded(value), unit=unit, against=against, against_value=_rounded(against_value),
        ratio=_rounded(ratio), bar=bar, meets_bar=None if bar is None else (ratio >= bar if more else ratio <= bar),
    )  # fmt: skip


def _rounded(value: float) -> float | int:
    """Three digits at least, and no decimals above 100."""
    return round(value) if abs(value) >= 100 else float(f"{value:.3g}")
