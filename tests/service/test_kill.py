"""The service is killed in the middle of everything; every ballot that was acknowledged is counted, once."""

import asyncio
import os
import signal
import time

import httpx
import pytest

from schemas.ballot import Ranking
from service import client, installing, serving
from service.rehearsing import Rehearsal
from tests.service.trial import LONG_EPOCHS, OPTIONS, Opened, make_draft
from voting import bundle, verify
from voting.proof import note, statement

KILLS = 5
CLIENTS = 16
GAP_SECONDS = 0.7
"""How long the service works between two kills."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX systems")]


class Mortal:
    """A service that is killed and started again, on a database server that goes on."""

    def __init__(self, url: str, data: str) -> None:
        self.port = serving.free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.url = url
        self.environment = {
            "WEIGHIN_DATABASE_URL": url, "WEIGHIN_DATA": data, "WEIGHIN_BASE_URL": self.base_url,
        }  # fmt: skip
        self.child = serving.start(self.environment, port=self.port)

    def kill(self) -> None:
        """Kill it with all its workers, with no chance to say anything."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(10)

    def start(self) -> float:
        """Start it again; return the seconds until it answers."""
        began = time.monotonic()
        self.child = serving.start(self.environment, port=self.port)
        serving.wait_until_ready(self.base_url, self.child)
        return time.monotonic() - began


@pytest.fixture
def mortal(own_trial):
    """A running service on a database of its own."""
    made = Mortal(own_trial.url, str(own_trial.data / "data"))
    serving.wait_until_ready(made.base_url, made.child)
    yield made
    serving.stop(made.child)


async def keep_voting(http: httpx.AsyncClient, opened: Opened, number: int, stop: asyncio.Event) -> list[tuple]:
    """One voter who votes again and again, each time with the same bytes until there is a promise."""
    code = opened.codes[number]
    voter = client.Voter.new(opened.manifest, code.cls)
    held = await client.obtain_tokens(http, voter, client.roll_secret_of(code.text, opened.manifest))
    given = []
    for rev in range(1, opened.manifest.max_rev):
        body = voter.ballot_body(Ranking((OPTIONS[(number + rev) % 3],)), rev=rev, held_tokens=held)
        given.append((body, await client.cast(http, opened.manifest, body)))
        if stop.is_set():
            break
        await asyncio.sleep(0.02)
    return given


async def test_killed_five_times_it_loses_no_ballot_and_counts_none_twice(mortal):
    """16 voters who retry the same bytes, 5 kills with SIGKILL, from before the first token on.

    Every promise that anyone holds is kept by the published log, to the second; every voter is counted once; the same
    bytes still get the same promise after all kills. Seen to fail with the promise given before the commit.
    """
    rehearsal = Rehearsal(mortal.url, mortal.base_url)
    now = await installing.read_clock(mortal.url)
    draft = make_draft("killed", now=now, epoch=LONG_EPOCHS, max_rev=100_000)
    await rehearsal.add_staff()
    codes = await rehearsal.prepare(draft, [("", CLIENTS, 0)], cls="resident")
    await rehearsal.act("killed", "open")
    await rehearsal.move_clock(draft.opens_at)
    stop = asyncio.Event()
    async with httpx.AsyncClient(base_url=mortal.base_url, timeout=10) as http:
        opened = Opened(manifest=await client.read_manifest(http, "killed"), codes=tuple(codes))
        voters = [asyncio.create_task(keep_voting(http, opened, number, stop)) for number in range(CLIENTS)]
        for number in range(KILLS):
            await asyncio.sleep(0.05 if number == 0 else GAP_SECONDS)
            mortal.kill()
            await asyncio.to_thread(mortal.start)
        await asyncio.sleep(GAP_SECONDS)
        stop.set()
        given = [one for voter in await asyncio.gather(*voters) for one in voter]
        for body, promised in given[::29]:
            assert await client.cast(http, opened.manifest, body) == promised
        await rehearsal.finish("killed", closes_at=draft.closes_at)
        tar = (await http.get("/api/v1/contests/killed/bundle")).content

    promises = [promised for _, promised in given]
    assert len(given) > CLIENTS * KILLS
    assert len(set(promises)) == len(promises)
    report = verify.verify_bundle(tar, promises=promises)
    assert report.result == "passed"
    assert next(check for check in report.checks if check.id == "V22").passed
    files = bundle.read_tar(tar)
    assert files["ballots.jsonl"].count(b"\n") == len(given)
    result = statement.verify_result(files["result.note"], opened.manifest.authority)
    assert (result.counts.cast, result.counts.final, result.counts.issued) == (len(given), CLIENTS, CLIENTS)
    assert result.counts.invalid == {}
    assert {note.split(promised)[0].split("\n")[0] for promised in promises} == {"weighin/v1/promise"}


async def test_a_service_killed_while_it_closes_closes_anyway(mortal):
    """Killed between asking and answering of close, draw and publish: started again it goes on, and asks nobody."""
    rehearsal = Rehearsal(mortal.url, mortal.base_url)
    now = await installing.read_clock(mortal.url)
    draft = make_draft("closing", now=now, epoch=LONG_EPOCHS)
    await rehearsal.add_staff()
    codes = await rehearsal.prepare(draft, [("", 5, 0)], cls="resident")
    asked = asyncio.create_task(rehearsal.act("closing", "open"))
    await asyncio.sleep(0.05)
    mortal.kill()
    await asyncio.to_thread(mortal.start)
    await asked
    await rehearsal.move_clock(draft.opens_at)
    await rehearsal.vote("closing", [(code, Ranking(("elm",))) for code in codes], concurrency=2)
    await rehearsal.move_clock(draft.closes_at)
    for act, wait in (("close", 0.1), ("draw", 0.3), ("publish", 0.1)):
        asked = asyncio.create_task(rehearsal.act("closing", act))
        await asyncio.sleep(wait)
        mortal.kill()
        await asyncio.to_thread(mortal.start)
        await asked

    async with httpx.AsyncClient(base_url=mortal.base_url, timeout=30) as http:
        tar = (await http.get("/api/v1/contests/closing/bundle")).content
    assert verify.verify_bundle(tar).elected == ("elm",)
