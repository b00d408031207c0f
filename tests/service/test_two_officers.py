"""Two officers press at once, and two services work for them: one transition, one log, one signed result.

Each form prints its figures; `pytest -m full -s` runs the long one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from schemas.ballot import Ranking
from service import client, installing, serving
from service.desk import asking, staffing
from service.handover import Act
from service.refusals import Refused, WrongPhase
from service.rehearsing import APPROVER, Rehearsal
from tests.service.trial import QUICK_EPOCHS, Trial, make_draft, running_rooms
from voting import bundle, verify
from voting.proof import log

ROUNDS, ROUNDS_FULL = 5, 200
SECOND = "second@rehearsal.example"
ACTS: tuple[Act, ...] = ("open", "close", "draw", "publish")

WITNESS = """
CREATE TABLE public.witnessed (at bigint GENERATED ALWAYS AS IDENTITY, contest_id text, what text);
CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_TABLE_NAME = 'contest' THEN
        IF NEW.phase <> OLD.phase THEN
            INSERT INTO public.witnessed (contest_id, what) VALUES (NEW.contest_id, NEW.phase);
        END IF;
    ELSIF NEW.piece = 0 AND NEW.name IN ('manifest.note', 'result.note', 'bundle.tar') THEN
        INSERT INTO public.witnessed (contest_id, what) VALUES (NEW.contest_id, NEW.name);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER UPDATE ON desk.contest FOR EACH ROW EXECUTE FUNCTION public.witness();
CREATE TRIGGER witness AFTER INSERT ON published.file FOR EACH ROW EXECUTE FUNCTION public.witness();
"""
"""Writes down every change of a phase and every publication of what is published once."""
HISTORY = ["approved", "open", "manifest.note", "closed", "counted", "result.note", "bundle.tar"]


@dataclass
class Figures:
    """What two officers were told in all rounds."""

    asked: int = 0
    too_late: int = 0
    requests: int = 0

    def __str__(self) -> str:
        return f"{self.asked} times two asked at once, {self.requests} requests written, {self.too_late} told too late"


@contextlib.asynccontextmanager
async def officers(url: str) -> AsyncIterator[list[tuple[str, asyncpg.Connection]]]:
    """Give two officers, each with a connection."""
    conns = [await asyncpg.connect(url, server_settings={"role": "weighin_desk"}) for _ in range(2)]
    await staffing.add(conns[0], SECOND, role="approver", department="rehearsal")
    try:
        yield list(zip((APPROVER, SECOND), conns, strict=True))
    finally:
        for conn in conns:
            await conn.close()


async def ask_at_once(pair: list[tuple[str, asyncpg.Connection]], contest_id: str, act: Act, figures: Figures) -> None:
    """Both ask at the same moment; each is heard, or told that it is done already."""
    told = await asyncio.gather(
        *(asking.ask(conn, contest_id, act, by=email) for email, conn in pair), return_exceptions=True
    )
    assert all(answer is None or isinstance(answer, WrongPhase) for answer in told), told
    assert None in told
    figures.asked += 1
    figures.too_late += sum(isinstance(answer, WrongPhase) for answer in told)


async def check(url: str, contest_id: str, figures: Figures, *, ballots: int) -> None:
    """One transition to each phase, each file published once; one manifest, one close in the log; each asked once."""
    conn = await asyncpg.connect(url)
    try:
        happened = [
            row["what"]
            for row in await conn.fetch(
                "SELECT what FROM public.witnessed WHERE contest_id = $1 ORDER BY at", contest_id
            )
        ]
        asked = await conn.fetch("SELECT act, state FROM desk.request WHERE contest_id = $1", contest_id)
        epochs = await conn.fetch("SELECT entries FROM box.epoch WHERE contest_id = $1 ORDER BY number", contest_id)
        tar = await conn.fetchval(
            "SELECT string_agg(body, '' ORDER BY piece) FROM published.file"
            " WHERE contest_id = $1 AND name = 'bundle.tar'",
            contest_id,
        )
    finally:
        await conn.close()
    assert sorted(happened) == sorted(HISTORY)
    assert [what for what in happened if "." not in what] == ["approved", "open", "closed", "counted"]
    assert {row["state"] for row in asked} == {"done"}
    acts = [row["act"] for row in asked]
    assert set(acts) == set(ACTS)
    # A draw may be asked for again as long as nothing is published: it is the same draw.
    assert len([act for act in acts if act != "draw"]) == 3
    figures.requests += len(acts)
    kinds = [entry[0] for entry in log.split_entries(b"".join(row["entries"] for row in epochs))]
    assert kinds.count(log.STATEMENT) == kinds.count(log.CLOSE) == 1
    assert kinds.count(log.BALLOT) == ballots
    assert verify.verify_bundle(tar).result == "passed"
    assert bundle.read_tar(tar)["result.note"].count("\n— ".encode()) == 1


# -- two services --------------------------------------------------------------------------------------------------


@pytest.fixture
def twins(own_trial: Trial) -> Iterator[tuple[str, str]]:
    """Two services with all rooms on one database and one key folder, and a witness in the database."""
    base_urls, children = [], []
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            port = serving.free_port()
            base_urls.append(f"http://127.0.0.1:{port}")
            environment = {
                "WEIGHIN_DATABASE_URL": own_trial.url, "WEIGHIN_DATA": str(own_trial.data / "data"),
                "WEIGHIN_BASE_URL": "http://127.0.0.1:9",
            }  # fmt: skip
            children.append(serving.start(environment, port=port))
            stack.callback(serving.stop, children[-1])
        for base_url, child in zip(base_urls, children, strict=True):
            serving.wait_until_ready(base_url, child)
        yield base_urls[0], base_urls[1]


async def press_at_once(trial: Trial, twins: tuple[str, str], rounds: int) -> Figures:
    """Hold contests from opening to result, each act asked for by two officers at once, voters at both services."""
    figures = Figures()
    conn = await asyncpg.connect(trial.url)
    await conn.execute(WITNESS)
    await conn.close()
    rehearsal = Rehearsal(trial.url, twins[0])
    await rehearsal.add_staff()
    async with officers(trial.url) as pair, contextlib.AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30)) for url in twins]
        for number in range(rounds):
            slug = f"twins-{number}"
            draft = make_draft(slug, now=await installing.read_clock(trial.url), epoch=QUICK_EPOCHS)
            codes = await rehearsal.prepare(draft, [("", 2, 0)], cls="resident")
            for act in ACTS:
                if act == "close":
                    await rehearsal.move_clock(draft.opens_at)
                    await asyncio.gather(*(vote(doors[at], slug, codes[at]) for at in range(2)))
                    await rehearsal.move_clock(draft.closes_at)
                await ask_at_once(pair, slug, act, figures)
                await asyncio.gather(*(asking.wait(conn, slug, act) for _, conn in pair))
            await check(trial.url, slug, figures, ballots=2)
    return figures


async def vote(http: httpx.AsyncClient, slug: str, code) -> None:
    """Cast one ballot at one of the services."""
    manifest = await client.read_manifest(http, slug)
    voter = client.Voter.new(manifest, code.cls)
    held = await client.obtain_tokens(http, voter, client.roll_secret_of(code.text, manifest))
    await client.cast(http, manifest, voter.ballot_body(Ranking(("elm",)), rev=1, held_tokens=held))


@pytest.mark.slow
async def test_two_officers_and_two_services_make_one_result(own_trial, twins):
    """5 contests, all acts asked at once by two officers of two services: each phase once, each file once, one log.

    Seen to fail without ON CONFLICT in add_request and the unique index behind it.
    """
    figures = await press_at_once(own_trial, twins, ROUNDS)
    print(f"\ntwo officers, {ROUNDS} contests: {figures}; one transition and one result each")


@pytest.mark.full
@pytest.mark.slow
async def test_two_officers_two_hundred_times(own_trial, twins):
    """200 contests."""
    figures = await press_at_once(own_trial, twins, ROUNDS_FULL)
    print(f"\ntwo officers, {ROUNDS_FULL} contests: {figures}; one transition and one result each")


# -- without taking turns ------------------------------------------------------------------------------------------


async def test_rooms_that_do_not_take_turns_still_make_one_result(own_trial):
    """The service's processes take turns by a lock; here two of each room work at the same moment without it.

    Who comes second may fail and tries again, as in the service. The database lets one through: the same history. Seen
    to fail without the phase in move_phase: the result is published twice.
    """
    figures, failures = Figures(), []
    conn = await asyncpg.connect(own_trial.url)
    await conn.execute(WITNESS)
    await conn.close()

    async def attend(rooms) -> None:
        try:
            await rooms.attend()
        except (Refused, asyncpg.PostgresError) as error:
            failures.append(error)

    async with (
        running_rooms(own_trial) as here, running_rooms(own_trial) as there, officers(own_trial.url) as pair,
    ):  # fmt: skip

        async def act(contest_id: str, which: Act) -> None:
            await ask_at_once(pair, contest_id, which, figures)
            for _ in range(30):
                await asyncio.gather(attend(here), attend(there))
                waiting = await here.fetch("SELECT FROM desk.request WHERE state = 'waiting'")
                if not waiting:
                    break
                await asyncio.sleep(0.05)
            await asking.wait(pair[0][1], contest_id, which, seconds=0)

        here.act = act  # type: ignore[method-assign]
        for number in range(3):
            contest = await here.open(f"turns-{number}", size=2, epoch=QUICK_EPOCHS)
            for at, rooms in enumerate((here, there)):
                await rooms.box.cast(contest.id, (await rooms.holder(contest, at)).ballot())
                await asyncio.gather(attend(here), attend(there))
            await here.publish(contest)
            await check(own_trial.url, contest.id, figures, ballots=2)
    print(f"\nwithout turns, 3 contests: {figures}; {len(failures)} came second and tried again")
