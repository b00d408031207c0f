"""Five rooms as five processes: each with its own keys, its own database login, its own address, and nobody else's.

Together, behind a proxy that goes by the path, they hold a whole contest. Alone, each answers at its own doors only,
and does not start where it could read another's keys.
"""

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import get_args
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import asyncpg
import httpx
import pytest

from schemas.ballot import Ranking
from service import installing, serving
from service.app import ROOMS, Room
from service.keys import ROOMS as ROOMS_WITH_KEYS
from service.keys import KeyFolder
from service.rehearsing import Rehearsal
from tests.conftest import ROOT, make_open_folder, run_apart
from tests.service.conftest import make_trial
from tests.service.trial import QUICK_EPOCHS, Trial, make_draft
from voting import verify
from voting.proof import statement

HOSTS = {room: f"{room}.example:8443" for room in ROOMS}
DOORS: dict[tuple[str, str], Room] = {
    ("POST", "/api/v1/contests/apart/issue"): "registrar",
    ("POST", "/api/v1/contests/apart/issued"): "registrar",
    ("POST", "/api/v1/contests/apart/ballots"): "box",
    ("GET", "/api/v1/contests"): "public",
    ("GET", "/api/v1/contests/apart/manifest"): "public",
    ("GET", "/api/v1/contests/apart/log/checkpoint"): "public",
    ("GET", "/api/openapi.json"): "public",
    ("GET", "/"): "public",
}
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="sends signals")]


def start(room: str, environment: dict[str, str], port: int, **more: object) -> "subprocess.Popen[bytes]":
    """Start one room."""
    return subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--only", room, "--port", str(port)],
        env={**os.environ, **environment}, cwd=ROOT, start_new_session=True, **more,  # type: ignore[call-overload]
    )  # fmt: skip


@dataclass(frozen=True)
class Apart:
    """Five running processes.

    Attributes:
        trial: Their database; the owner's address, which none of them has.
        data: Each room's own data folder.
        urls: Where each listens.
        proxy: The one address that voters know.
    """

    trial: Trial
    data: dict[str, Path]
    urls: dict[str, str]
    proxy: str


@contextlib.contextmanager
def path_proxy(urls: dict[str, str]) -> Iterator[str]:
    """Pass requests on to the room whose door their path names: issue, issued, ballots; everything else is public."""

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2] if re.match("/api/v1/contests/[^/]+/[^/]+$", self.path) else ""
            room = {"issue": "registrar", "issued": "registrar", "ballots": "box"}.get(name, "public")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = httpx.request(self.command, urls[room] + self.path, content=body, timeout=60)
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passing) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def make_logins(url: str) -> dict[str, str]:
    """Make a login for each room that is a member of the room's role and of no other; return their addresses."""
    conn = await asyncpg.connect(url)
    urls = {}
    for room in ROOMS:
        name, password = f"trial_{room}_{secrets.token_hex(4)}", secrets.token_hex(16)
        await conn.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE weighin_{room}")
        parts = urlsplit(url)
        at = parts.netloc.rpartition("@")[2]
        urls[room] = urlunsplit(parts._replace(netloc=f"{name}:{password}@{at}"))
        if "host" in parse_qs(parts.query):  # a socket: the same query, the name before an empty host
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            urls[room] = f"postgresql://{name}:{password}@{parts.path}?{urlencode(query)}"
    await conn.close()
    return urls


async def drop_logins(url: str, urls: dict[str, str]) -> None:
    """Take the logins away."""
    conn = await asyncpg.connect(url)
    for one in urls.values():
        await conn.execute(f"DROP ROLE {urlsplit(one).username}")
    await conn.close()


@pytest.fixture(scope="module")
def apart(server_url: str, template: str) -> Iterator[Apart]:
    """Five processes on one database, and the proxy before them."""
    for trial in make_trial(server_url, template):
        logins = run_apart(make_logins(trial.url))
        with contextlib.ExitStack() as stack:
            stack.callback(lambda trial=trial, logins=logins: run_apart(drop_logins(trial.url, logins)))
            urls, data, children = {}, {}, {}
            for room in ROOMS:
                port = serving.free_port()
                urls[room], data[room] = f"http://127.0.0.1:{port}", trial.data / room
                environment = {
                    "WEIGHIN_DATABASE_URL": logins[room], "WEIGHIN_DATA": str(data[room]),
                    "WEIGHIN_BASE_URL": f"https://{HOSTS[room]}",
                }  # fmt: skip
                children[room] = start(room, environment, port)
                stack.callback(serving.stop, children[room])
            for room, child in children.items():
                serving.wait_until_ready(urls[room], child)
            proxy = stack.enter_context(path_proxy(urls))
            yield Apart(trial=trial, data=data, urls=urls, proxy=proxy)


@pytest.fixture(scope="module")
def bundle_of_apart(apart: Apart) -> bytes:
    """A whole contest through the proxy: opened, voted in, closed, drawn, published. Its bundle."""

    async def hold() -> bytes:
        rehearsal = Rehearsal(apart.trial.url, apart.proxy)
        now = await installing.read_clock(apart.trial.url)
        draft = make_draft("apart", now=now, epoch=QUICK_EPOCHS)
        await rehearsal.add_staff()
        codes = await rehearsal.prepare(draft, [("", 5, 0)], cls="resident")
        await rehearsal.act("apart", "open")
        await rehearsal.move_clock(draft.opens_at)
        rankings = [Ranking(("oak", "elm")), Ranking(("elm",)), Ranking(("oak",)), Ranking(()), Ranking(("oak", "ash"))]
        await rehearsal.vote("apart", list(zip(codes, rankings, strict=True)), concurrency=2)
        await rehearsal.finish("apart", closes_at=draft.closes_at)
        async with httpx.AsyncClient(base_url=apart.proxy, timeout=30) as http:
            return (await http.get("/api/v1/contests/apart/bundle")).content

    return run_apart(hold())


def test_five_processes_hold_a_whole_contest(apart, bundle_of_apart):
    """Verified as a stranger would; the manifest names each room's own host; each folder holds its own keys only."""
    report = verify.verify_bundle(bundle_of_apart)
    assert (report.result, report.elected) == ("passed", ("oak",))
    with httpx.Client(base_url=apart.urls["public"]) as http:
        manifest = statement.verify_manifest(http.get("/api/v1/contests/apart/manifest").content)
    assert manifest.issuers[0].host == HOSTS["registrar"]
    assert manifest.box_host == HOSTS["box"]
    assert manifest.log_origin == f"{HOSTS['box']}/log/apart"
    assert manifest.authority.keys[0].startswith(f"{HOSTS['desk']}/authority+")
    for room in ROOMS:
        folder = apart.data[room] / "keys"
        assert [path.name for path in folder.glob("*")] == ([room] if room in ROOMS_WITH_KEYS else [])


@pytest.mark.parametrize("room", get_args(Room))
def test_a_route_is_only_where_its_room_runs(apart, bundle_of_apart, room):
    """Every door, tried at every process: there, or 404. Health is everywhere.

    Seen to fail with the box's route given to every process.
    """
    with httpx.Client(base_url=apart.urls[room], timeout=30) as http:
        for (method, path), home in DOORS.items():
            status = http.request(method, path, content=b"{}" if method == "POST" else None).status_code
            assert (status == 404) is (room != home), f"{method} {path} at {room}: {status}"
        assert http.get("/health/ready").text == "ok"


async def test_a_rooms_login_reaches_no_other_rooms_rows(apart, bundle_of_apart):
    """With the box's own address the registrar's rows can't be read, nor the registrar's role taken; and so on."""
    logins = await make_logins(apart.trial.url)
    try:
        for room, table in (("box", "registrar.issuance"), ("registrar", "box.ballot"), ("public", "desk.handover")):
            conn = await asyncpg.connect(logins[room])
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch(f"SELECT FROM {table}")
            for other in set(ROOMS) - {room}:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute(f"SET ROLE weighin_{other}")
            await conn.close()
    finally:
        await drop_logins(apart.trial.url, logins)


def test_no_room_starts_where_it_could_read_anothers_keys(database_url):
    """Each room with another's key file in its data folder: exit code 1, one line, before it listens.

    Seen to fail without refuse_foreign_keys: it listens.
    """
    folder = make_open_folder()
    children = {}
    for at, room in enumerate(ROOMS):
        other = next(one for one in (ROOMS_WITH_KEYS * 2)[at:] if one != room)
        KeyFolder(folder / room, other).secret("contest", "some.key")
        environment = {"WEIGHIN_DATABASE_URL": database_url, "WEIGHIN_DATA": str(folder / room)}
        children[room] = other, start(room, environment, serving.free_port(), stderr=subprocess.PIPE)
    for room, (other, child) in children.items():
        try:
            _, told = child.communicate(timeout=30)
        finally:
            serving.stop(child)
        assert child.returncode == 1, room
        assert told.decode().count("\n") == 1, told.decode()
        assert f"this process runs {room} and can read {folder / room / 'keys' / other}" in told.decode()
    shutil.rmtree(folder, ignore_errors=True)
