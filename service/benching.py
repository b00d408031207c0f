"""What README's figures come from: the service at work, measured against its limits in the same run.

Figures are ratios: against pgbench with the same INSERT, against the signer's raw rate, against what OpenSSL says of
the same signatures. So they mean something on another machine, too.
"""

import asyncio
import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
from granian import Granian
from granian.constants import Interfaces
from litestar import Litestar, Request, Response, post

from schemas.ballot import Header, Ranking
from schemas.base import Record
from schemas.bundle import Report
from schemas.contest import BallotRules, Manifest, RankingRules
from service import client, serving
from service.box import casting
from service.database.embedded import server_programs
from service.desk.drafting import REAL_EPOCHS
from service.keys import KeyFolder
from service.refusals import NotReady
from service.registrar.issuing import load_signer
from service.registrar.roll import Code
from service.rehearsing import Rehearsal
from service.replaying import Election, make_draft
from voting import methods, profile
from voting.bundle import BALLOTS, read_tar
from voting.proof import ballot, canonical, signing, statement, tokens
from voting.proof.base64s import from_base64
from voting.proof.statement import Signer

SLUG = "bench"
CONNECTIONS = 32
OPTIONS = tuple(f"o{number:02}" for number in range(1, 10))
_HEADER_BYTES, _SEALED_BYTES = 800, 240


class Figure(Record, kw_only=True):
    """One measured value, what it is held against, and the bar it should reach; a ratio is value / against_value."""

    name: str
    value: float | int
    unit: str
    against: str = ""
    against_value: float | int | None = None
    ratio: float | None = None
    bar: float | None = None
    meets_bar: bool | None = None


@dataclass(frozen=True)
class Load:
    """How a load went: answers by status, seconds in all, and each answer's latency in seconds."""

    statuses: dict[int, int]
    seconds: float
    latencies: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds

    def percentile(self, percent: float) -> float:
        """Return the latency that `percent` of the answers did not exceed, milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


# -- load ---------------------------------------------------------------------------------------


class _Connection(asyncio.Protocol):
    """One keep-alive connection that sends ready-made requests and reads status and length of the answers."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        size = int(head[at + 15 : head.find(b"\r\n", at) if b"\r\n" in head[at:] else None]) if at >= 0 else 0
        if len(self._buffer) >= end + 4 + size:
            status, self._buffer = int(self._buffer[9:12]), b""
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)

    async def send(self, request: bytes) -> int:
        """Send one request and return the status of its answer; 0 where the connection was lost."""
        assert self._transport is not None, "connected before it is used"
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


async def closed_loop(base_url: str, path: str, bodies: Sequence[bytes], *, connections: int = CONNECTIONS) -> Load:
    """Send every body once, as fast as `connections` that wait for their answers can."""
    requests, statuses, latencies = iter(_requests(base_url, path, bodies)), dict[int, int](), list[float]()
    open_connections = [await _connect(base_url) for _ in range(connections)]

    async def keep_sending(connection: _Connection) -> None:
        for request in requests:
            start = time.perf_counter()
            status = await connection.send(request)
            latencies.append(time.perf_counter() - start)
            statuses[status] = statuses.get(status, 0) + 1

    begin = time.perf_counter()
    await asyncio.gather(*(keep_sending(connection) for connection in open_connections))
    return Load(statuses, time.perf_counter() - begin, tuple(latencies))


async def open_loop(base_url: str, path: str, bodies: Sequence[bytes], *, rate: float, connections: int = 256) -> Load:
    """Send bodies at a steady rate whether or not answers come; latency counts from when a request was due."""
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await _connect(base_url))
    statuses, latencies = dict[int, int](), list[float]()

    async def send(request: bytes, due: float) -> None:
        connection = await free.get()
        status = await connection.send(request)
        latencies.append(time.perf_counter() - due)
        statuses[status] = statuses.get(status, 0) + 1
        free.put_nowait(connection)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(_requests(base_url, path, bodies)):
            due = begin + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            group.create_task(send(request, due))
    return Load(statuses, time.perf_counter() - begin, tuple(latencies))


async def _connect(base_url: str) -> _Connection:
    parts = urlsplit(base_url)
    _, protocol = await asyncio.get_running_loop().create_connection(
        _Connection, parts.hostname or "127.0.0.1", parts.port or 80
    )
    return protocol


def _requests(base_url: str, path: str, bodies: Sequence[bytes]) -> list[bytes]:
    host = urlsplit(base_url).netloc
    return [
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        .encode() + body
        for body in bodies
    ]  # fmt: skip


# -- cast ---------------------------------------------------------------------------------------


async def bench_cast(
    rehearsal: Rehearsal, data: Path, *, casts: int, rate: float, said: Callable[[str, int, int], None]
) -> list[Figure]:
    """Measure issuing and casting on a fresh rehearsal with a running service.

    Args:
        rehearsal: Database and service.
        data: The service's WEIGHIN_DATA; with the issuer's key in it the ballots are made beforehand, each with the
            token that the service then issues.
        casts: Ballots in the closed loop; the open loop casts ten seconds' worth of `rate`. Each has a code.
        rate: Arrivals a second in the open loop.
        said: Told how far it is.
    """
    total = casts + int(rate * 10)
    election = Election(
        title="Bench", method=methods.find("irv"), names=OPTIONS, ids=OPTIONS, terms=profile.Terms(OPTIONS),
        rules=make_rules(), ballots=(),
    )  # fmt: skip
    # Epochs as in a real contest: a rehearsal's end every few seconds.
    draft = msgspec.structs.replace(make_draft(election, slug=SLUG, now=int(time.time())), epoch=REAL_EPOCHS)
    await rehearsal.add_staff()
    said("making codes", 0, 1)
    codes = await rehearsal.prepare(draft, [("", total, 0)], cls="resident")
    await rehearsal.act(SLUG, "open")
    await rehearsal.move_clock(draft.opens_at)
    manifest = await _read_manifest(rehearsal.base_url)

    said("making ballots", 0, total)
    issue_bodies, cast_bodies = await asyncio.to_thread(_make_bodies, manifest, data, codes, said)
    signer = load_signer(KeyFolder(data, "registrar"), SLUG, "resident")
    said("measuring limits", 0, 1)
    blinded = bytes(255) + b"\5"
    sign_rate = _rate(lambda: signer.sign(blinded), 1.0)
    signature_seconds = _signature_seconds(manifest, cast_bodies[0], data)
    inserts = await asyncio.to_thread(_pgbench, rehearsal.database_url)
    empty = await _bench_empty(cast_bodies[:4000])
    said("issuing", 0, 1)
    issued = _good(await closed_loop(rehearsal.base_url, f"/api/v1/contests/{SLUG}/issue", issue_bodies), 200)
    said("casting", 0, 1)
    path = f"/api/v1/contests/{SLUG}/ballots"
    closed = _good(await closed_loop(rehearsal.base_url, path, cast_bodies[:casts]), 201)
    opened = _good(await open_loop(rehearsal.base_url, path, cast_bodies[casts:], rate=rate), 201)

    cores = os.cpu_count() or 1
    limit = 1 / (1 / inserts + signature_seconds / cores + 1 / empty.per_second)
    return [
        Figure(name="cast.pgbench", value=round(inserts), unit="1/s"),
        Figure(name="cast.empty_post", value=round(empty.per_second), unit="1/s"),
        Figure(name="cast.signatures", value=round(signature_seconds * 1e6), unit="us"),
        _against("cast.closed_loop", closed.per_second, "combined limit", limit, 0.7),
        _against("cast.closed_loop_plain", closed.per_second, "pgbench, same INSERT", inserts, None),
        Figure(name="cast.closed_loop_p99", value=round(closed.percentile(99), 1), unit="ms"),
        Figure(
            name=f"cast.open_loop_{rate:.0f}_p99", value=round(opened.percentile(99), 1), unit="ms", bar=50,
            against="bar in ms", meets_bar=opened.percentile(99) <= 50,
        ),
        Figure(name=f"cast.open_loop_{rate:.0f}_p50", value=round(opened.percentile(50), 1), unit="ms"),
        _against("issue.closed_loop", issued.per_second, "signer's raw rate, one core", sign_rate, 0.6),
    ]  # fmt: skip


def make_rules() -> BallotRules:
    """Return the ballot rules of the bench's contest: rank up to five of nine."""
    return RankingRules(max_ranks=5, equal=False)


async def _read_manifest(base_url: str) -> Manifest:
    async with httpx.AsyncClient(base_url=base_url) as http:
        return await client.read_manifest(http, SLUG)


def _make_bodies(
    manifest: Manifest, data: Path, codes: Sequence[Code], said: Callable[[str, int, int], None]
) -> tuple[list[bytes], list[bytes]]:
    """Make, for each code, the request to issue and the one to cast, with the token signed by the issuer's key file."""
    issue_bodies: list[bytes] = []
    cast_bodies: list[bytes] = []
    with ProcessPoolExecutor() as pool:
        texts, size = [code.text for code in codes], 250
        jobs = [pool.submit(_bodies, manifest, data, texts[at : at + size]) for at in range(0, len(texts), size)]
        for job in jobs:
            for issue_body, cast_body in job.result():
                issue_bodies.append(issue_body)
                cast_bodies.append(cast_body)
            said("making ballots", len(cast_bodies), len(texts))
    return issue_bodies, cast_bodies


def _bodies(manifest: Manifest, data: Path, codes: Sequence[str]) -> list[tuple[bytes, bytes]]:
    signer = load_signer(KeyFolder(data, "registrar"), SLUG, "resident")
    made = []
    for number, code in enumerate(codes):
        voter = client.Voter.new(manifest, "resident")
        (issue_body,) = voter.issue_requests(client.roll_secret_of(code, manifest))
        token = voter.token(0, signer.sign(tokens.read_request(voter.token_request(0), signer.spki)))
        start = number % len(OPTIONS)
        ranking = Ranking((OPTIONS[start:] + OPTIONS[:start])[: 1 + number % 5])
        made.append((issue_body, voter.ballot_body(ranking, rev=1, held_tokens=[token])))
    return made


def _signature_seconds(manifest: Manifest, body: bytes, data: Path) -> float:
    """Return what the signatures of one cast cost on one core: token and ballot verified, promise signed."""
    signer = Signer(secret=KeyFolder(data, "box").read(SLUG, "promise.key"), name=f"{manifest.box_host}/promise")
    terms = casting.make_terms(manifest, statement.contest_ctx(manifest), signer)
    cast = casting.check(terms, body)
    header = cast.header
    ((spki, digest),) = terms.token_checks["resident"]
    message = tokens.token_input(cast.pk, challenge_digest=digest, spki=spki)
    decoded: Header = canonical.decode(header, Header)
    token = from_base64(decoded.tok[0], 256)

    def once() -> None:
        tokens.is_token(spki, message, token)
        signing.verify(cast.pk, ballot.signed_bytes(header), cast.sig)
        signing.sign(signer.secret, b"weighin/v1/promise")

    return 1 / _rate(once, 1.0)


def _pgbench(url: str, *, seconds: int = 5) -> float:
    """Return how many rows like a ballot's pgbench inserts a second, one a transaction, over 32 connections."""
    program = shutil.which("pgbench", path=f"{server_programs()}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        raise NotReady("there is no pgbench: it comes with the embedded server, or with PostgreSQL's packages")
    script = (
        "INSERT INTO box.pending (contest_id, pk, rev, digest, header, sealed, sig) SELECT 'pgbench', "
        "sha256(random()::text::bytea), 1, sha256(random()::text::bytea), "
        f"convert_to(repeat('h', {_HEADER_BYTES}), 'UTF8'), convert_to(repeat('s', {_SEALED_BYTES}), 'UTF8'), "
        "convert_to(repeat('g', 64), 'UTF8');\n"
    )

    async def make_partition() -> None:
        conn = await asyncpg.connect(url)
        try:
            await conn.execute("SELECT box.make_pending('pgbench')")
        finally:
            await conn.close()

    asyncio.run(make_partition())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "insert.sql"
        file.write_text(script)
        done = subprocess.run(
            [program, "-n", "-M", "prepared", "-c", "32", "-j", "2", "-T", str(seconds), "-f", str(file), url],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None:
        raise NotReady(f"pgbench ended with code {done.returncode}: {done.stderr.strip()[-300:]}")
    return float(found[1])


@post("/empty", status_code=201)
async def _empty(request: Request[Any, Any, Any]) -> Response[bytes]:
    await request.body()
    return Response(b"{}", status_code=201, media_type="application/json")


def empty_app() -> Litestar:
    """Return an application that reads a body and does nothing: what the web layer itself costs."""
    return Litestar([_empty], openapi_config=None, logging_config=None)


def serve_empty(port: int) -> None:
    """Serve `empty_app` as `weighin serve` serves ours."""
    Granian(
        "service.benching:empty_app", address="127.0.0.1", port=port, interface=Interfaces.ASGI, workers=1,
        factory=True, log_access=False, log_level="warning",  # type: ignore[arg-type]
    ).serve()  # fmt: skip


def _start_empty(port: int) -> "subprocess.Popen[bytes]":
    program = f"from service.benching import serve_empty; serve_empty({port})"
    folder = Path(__file__).resolve().parents[1]
    return subprocess.Popen([sys.executable, "-c", program], cwd=folder, start_new_session=True)


async def _bench_empty(bodies: Sequence[bytes]) -> Load:
    port = serving.free_port()
    child = await asyncio.to_thread(_start_empty, port)
    try:
        base_url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with contextlib.suppress(OSError):
                connection = await _connect(base_url)
                await connection.send(_requests(base_url, "/empty", [b"{}"])[0])
                break
            await asyncio.sleep(0.1)
        return _good(await closed_loop(base_url, "/empty", bodies), 201)
    finally:
        await asyncio.to_thread(serving.stop, child)


def _rate(deed: Callable[[], object], seconds: float) -> float:
    deed()
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        deed()
        done += 1
    return done / (time.perf_counter() - begin)


def _good(load: Load, status: int) -> Load:
    if set(load.statuses) != {status}:
        raise NotReady(f"answers other than {status}: {load.statuses}")
    return load


def _against(name: str, value: float, against: str, against_value: float, bar: float | None) -> Figure:
    ratio = round(value / against_value, 3)
    return Figure(
        name=name, value=round(value), unit="1/s", against=against, against_value=round(against_value), ratio=ratio,
        bar=bar, meets_bar=None if bar is None else ratio >= bar,
    )  # fmt: skip


# -- verify -------------------------------------------------------------------------------------


async def finish(rehearsal: Rehearsal, folder: Path, *, said: Callable[[str, int, int], None]) -> tuple[Path, Figure]:
    """Close and publish the bench's contest; return its bundle, and how long that took."""
    manifest = await _read_manifest(rehearsal.base_url)
    said("closing and publishing", 0, 1)
    await rehearsal.finish(SLUG, closes_at=manifest.closes_at)
    async with httpx.AsyncClient(base_url=rehearsal.base_url, timeout=300) as http:
        answer = await http.get(f"/api/v1/contests/{SLUG}/bundle")
    path = folder / "bench.tar"
    path.write_bytes(answer.raise_for_status().content)
    seconds = round(rehearsal.seconds["close"], 1)
    return path, Figure(
        name="close.publish", value=seconds, unit="s", against="bar in s, for 20,000 ballots", bar=30,
        meets_bar=seconds <= 30,
    )  # fmt: skip


def bench_verify(bundle: Path) -> list[Figure]:
    """Measure the verifier against what OpenSSL says of the same signatures on all cores.

    A ballot has a token, its own signature, and the signature of the code in the issuance log. The memory is the
    verifier's at its peak, less that of a program that loads the same modules, less the bytes of the bundle.
    """
    with bundle.open("rb") as file:
        ballots = read_tar(file)[BALLOTS].count(b"\n")
    _, loaded, _ = _run_library("methods", "--json")
    seconds, peak, answer = _run_library("verify", str(bundle), "--json")
    if msgspec.json.decode(answer, type=Report).result != "passed":
        raise NotReady("the bundle does not pass")
    beyond = (peak - loaded - bundle.stat().st_size) / ballots
    cores = os.cpu_count() or 1
    done = subprocess.run(
        ["openssl", "speed", "-seconds", "2", "rsa2048", "ed25519"], capture_output=True, text=True, check=False
    )
    rsa = re.search(r"rsa\s+2048 bits\s+\S+\s+\S+\s+\S+\s+([0-9.]+)", done.stdout)
    ed = re.search(r"Ed25519\)\s+\S+\s+\S+\s+\S+\s+([0-9.]+)", done.stdout)
    if rsa is None or ed is None:
        raise NotReady("`openssl speed` is needed for comparison and said nothing that can be read")
    limit = cores / (1 / float(rsa[1]) + 2 / float(ed[1]))
    return [
        _against("verify.ballots", ballots / seconds, f"openssl speed, {cores} cores", limit, 0.5),
        Figure(
            name="verify.memory", value=round(beyond), unit="bytes a ballot", against="beyond the bundle", bar=200,
            meets_bar=beyond <= 200,
        ),
    ]  # fmt: skip


_LIBRARY = """
import sys, time
start = time.perf_counter()
from voting.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.perf_counter() - start, 1024 * int(peak), file=sys.stderr)
sys.exit(code)
"""


def _run_library(*arguments: str) -> tuple[float, int, bytes]:
    """Run a command of the library (on Linux); return its seconds, its peak memory in bytes, and its answer."""
    done = subprocess.run(
        [sys.executable, "-c", _LIBRARY, *arguments],
        cwd=Path(__file__).resolve().parents[1], capture_output=True, check=False,
    )  # fmt: skip
    try:
        seconds, peak = done.stderr.splitlines()[-1].split()
        return float(seconds), int(peak), done.stdout
    except (IndexError, ValueError):
        raise NotReady(f"`{arguments[0]}` ended with code {done.returncode}: {done.stderr.decode()[-300:]}") from None


def machine() -> str:
    """Return what this is measured on, in a line."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        name = found[1].strip() if found else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
