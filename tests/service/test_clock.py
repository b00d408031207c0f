"""The database's clock alone decides: a service whose own clock is an hour off decides the same, and writes its time.

The processes are really shifted: below Python, by a library of ten lines put before the C library's, where there is a C
compiler; else inside Python, where `time` and `datetime` are replaced before anything else is imported.
"""

import ast
import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.log import BeaconDraw
from service import client, installing, serving
from service.refusals import ContestNotOpen
from service.rehearsing import Rehearsal
from tests.conftest import ROOT
from tests.service.trial import HOUR, QUICK_EPOCHS, Holder, Trial, make_draft
from voting import bundle, verify
from voting.proof import canonical, log, promise

SHIFTS = (HOUR, -HOUR)
LASTS_SECONDS = 1200
"""Shorter than the shifts, so that who goes by their own clock is never inside."""

PRELOADED = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long shift(void) { return atol(getenv("SHIFT_SECONDS")); }
int clock_gettime(clockid_t clock, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += shift();
    return failed;
}
int gettimeofday(struct timeval *at, void *zone) {
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int failed = real(at, zone);
    at->tv_sec += shift();
    return failed;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""
REPLACED = """
import datetime, os, time
shift = int(os.environ["SHIFT_SECONDS"])
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + shift
time.time_ns = lambda: real_ns() + shift * 10**9
class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)
    today = now
datetime.datetime = Shifted
"""


def shifted(folder: Path, seconds: int) -> dict[str, str]:
    """Return the environment in which a process has another time."""
    environment = {"SHIFT_SECONDS": str(seconds)}
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        (folder / "sitecustomize.py").write_text(REPLACED)
        return environment | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    library = folder / "shift.so"
    if not library.exists():
        (folder / "shift.c").write_text(PRELOADED)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "shift.c", "-ldl"], check=True)
    return environment | {"LD_PRELOAD": str(library)}


@pytest.fixture
def two_services(own_trial: Trial, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two services with all rooms on one database and one key folder, an hour ahead and an hour behind."""
    base_urls = []
    with contextlib.ExitStack() as stack:
        children = []
        for seconds in SHIFTS:
            port = serving.free_port()
            base_urls.append(f"http://127.0.0.1:{port}")
            environment = {
                "WEIGHIN_DATABASE_URL": own_trial.url, "WEIGHIN_DATA": str(own_trial.data / "data"),
                "WEIGHIN_BASE_URL": "http://127.0.0.1:9",
            }  # fmt: skip
            child = serving.start(environment | shifted(tmp_path, seconds), port=port)
            stack.callback(serving.stop, child)
            children.append(child)
        for base_url, child in zip(base_urls, children, strict=True):
            serving.wait_until_ready(base_url, child)
        yield base_urls[0], base_urls[1]


async def test_a_service_an_hour_off_decides_by_the_databases_clock(own_trial, two_services):
    """Tokens and ballots before, at and after their times, through a service an hour ahead and one an hour behind.

    Both decide alike, the same bytes get one promise from both, and every time in the bundle is the database's.
    Seen to fail with opens_at held against time.time() in the box.
    """
    rehearsal = Rehearsal(own_trial.url, two_services[0])
    now = await installing.read_clock(own_trial.url)
    draft = make_draft("hours", now=now, lasts=LASTS_SECONDS, epoch=QUICK_EPOCHS)
    await rehearsal.add_staff()
    codes = await rehearsal.prepare(draft, [("", 3, 0)], cls="resident")
    await rehearsal.act("hours", "open")
    async with contextlib.AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30)) for url in two_services]
        for door, seconds in zip(doors, SHIFTS, strict=True):
            (line,) = [one for one in (await door.get("/metrics")).text.splitlines() if one.startswith("process_start")]
            assert abs(int(line.split()[1]) - time.time() - seconds) < 300, "the process is not shifted"
        manifest = await client.read_manifest(doors[0], "hours")
        voters = [client.Voter.new(manifest, code.cls) for code in codes]
        secrets = [client.roll_secret_of(code.text, manifest) for code in codes]

        for door in doors:
            (early,) = voters[0].issue_requests(secrets[0])
            assert await told(door, "issue", early) == "contest-not-open"

        await rehearsal.move_clock(draft.opens_at)
        holders = [
            Holder(voter, await client.obtain_tokens(doors[at % 2], voter, secret))
            for at, (voter, secret) in enumerate(zip(voters, secrets, strict=True))
        ]
        bodies = [holder.ballot("elm", "oak") for holder in holders]
        notes = [await client.cast(doors[at], manifest, bodies[at]) for at in range(2)]
        assert [await client.cast(doors[1 - at], manifest, bodies[at]) for at in range(2)] == notes

        await rehearsal.move_clock(draft.closes_at)
        for door in doors:
            assert await told(door, "ballots", bodies[2]) == "contest-not-open"
            assert await told(door, "issue", early) == "contest-not-open"
        await rehearsal.finish("hours", closes_at=draft.closes_at)
        tar = (await doors[1].get("/api/v1/contests/hours/bundle")).content
    over = await installing.read_clock(own_trial.url)

    assert verify.verify_bundle(tar, promises=notes).result == "passed"
    assert {promise.verify(note, manifest.box_vkey).include_by for note in notes} == {draft.closes_at + HOUR}
    files = bundle.read_tar(tar)
    drawn = canonical.decode(files["beacon.json"], BeaconDraw).drawn_at
    _, final = log.read_checkpoint(
        files["log/checkpoint"], origin=manifest.log_origin, log_vkey=manifest.log_vkey,
        others=(manifest.log_time_vkey,),
    )  # fmt: skip
    assert draft.closes_at <= max(final.times.values()) < drawn <= over


async def told(http: httpx.AsyncClient, door: str, body: bytes) -> str:
    """Send something once and return the slug of the refusal."""
    answer = await http.post(f"/api/v1/contests/hours/{door}", content=body)
    return str(answer.json()["type"]).removeprefix("/problems/") if answer.is_error else f"{answer.status_code}"


@pytest.mark.parametrize("room", ["box", "registrar"])
async def test_who_waited_for_the_contest_is_not_taken_at_a_moment_that_has_gone(own_rooms, room):
    """A cast, and a request for a token, that waits for the contest's row while the contest ends is refused.

    Seen to fail with the clock read beside the row instead of behind it, and with now() in weighin.posix().
    """
    rooms = own_rooms
    contest = await rooms.open("ends", size=2)
    body = (await rooms.holder(contest)).ballot()
    voter = client.Voter.new(contest.manifest, "resident")
    (asked,) = voter.issue_requests(client.roll_secret_of(contest.codes[1].text, contest.manifest))
    hold = {
        "box": "SELECT FROM box.contest WHERE contest_id = $1 FOR UPDATE",
        "registrar": "SELECT FROM registrar.contest WHERE contest_id = $1 FOR UPDATE",
    }[room]
    await installing.move_clock(rooms.trial.url, contest.manifest.closes_at - 1)
    async with rooms.pools[room].acquire() as conn:
        async with conn.transaction():
            await conn.execute(hold, contest.id)
            waiting = asyncio.create_task(
                rooms.box.cast(contest.id, body) if room == "box" else rooms.registrar.issue(contest.id, asked)
            )
            await asyncio.sleep(1.2)
            assert not waiting.done()

    with pytest.raises(ContestNotOpen):
        await waiting
    assert await rooms.fetch("SELECT FROM box.pending") == []
    assert len(await rooms.fetch("SELECT FROM registrar.issuance")) == 1


ROOMS = ("registrar", "box", "tallier", "desk")
CLOCKS = {"time.time", "time.time_ns", "time.gmtime", "time.localtime", "time.strftime"}
METHODS = {"now", "utcnow", "today"}


def test_nothing_that_a_room_imports_reads_another_clock():
    """From the rooms' files through all that they import of ours: no `time.time`, no `datetime.now`.

    Clocks that measure how long something took (`monotonic`, `perf_counter`, the event loop's) decide nothing. Seen to
    fail with time.time() in service/epochs.py.
    """
    waiting = [path for room in ROOMS for path in (ROOT / "service" / room).glob("*.py")]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                name = f"{ast.unparse(node.value)}.{node.attr}"
                assert name not in CLOCKS, f"{path}:{node.lineno}: {name}"
                assert not (node.attr in METHODS and "date" in name), f"{path}:{node.lineno}: {name}"
            elif isinstance(node, ast.ImportFrom):
                assert not (node.module == "time" and {f"time.{one.name}" for one in node.names} & CLOCKS), path
                waiting += [
                    found
                    for one in node.names
                    for found in (ROOT / f"{(node.module or '').replace('.', '/')}.py",
                                  ROOT / f"{(node.module or '').replace('.', '/')}/{one.name}.py")
                    if found.is_file()
                ]  # fmt: skip
    assert ROOT / "service" / "epochs.py" in seen
    assert len(seen) > 40
