"""A town with a running service: its contests, its voters, its rooms, and what it publishes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from schemas.ballot import BallotLine, Header, Ranking
from schemas.bundle import Report
from schemas.draft import ContestDraft
from schemas.problem import Problem
from service import client, installing, serving
from service.handover import Act
from service.keys import KeyFolder
from service.refusals import NotReady
from service.registrar import roll
from service.registrar.roll import Code
from service.rehearsing import Rehearsal
from tests.conftest import ROOT
from tests.service.trial import Holder, Opened, make_draft
from voting import bundle, verify
from voting.proof import canonical


@dataclass(frozen=True)
class Answer:
    """What a door said: the body where it said yes, the problem's slug and words where it said no."""

    status: int
    slug: str
    detail: str
    body: bytes

    @property
    def said(self) -> str:
        """Return the status and, where it said no, which problem it named."""
        return f"{self.status} {self.slug}".rstrip()


def post(base_url: str, contest_id: str, door: str, body: bytes) -> Answer:
    """Send a body to a contest's door."""
    # Plain HTTP: verify=False spares reading a list of certificates for each request, which takes longer than to ask.
    answer = httpx.post(f"{base_url}/api/v1/contests/{contest_id}/{door}", content=body, timeout=30, verify=False)
    if answer.is_success:
        return Answer(answer.status_code, "", "", answer.content)
    problem = msgspec.json.decode(answer.content, type=Problem)
    return Answer(answer.status_code, problem.type.removeprefix("/problems/"), problem.detail, answer.content)


@dataclass
class Town:
    """A rehearsal database, a key folder, and the services that run on them.

    Attributes:
        url: The database, by a role that owns it.
        data: The folder that holds the rooms' keys.
        base_url: Where the service as it is listens, and what manifests call its host.
    """

    url: str
    data: Path
    port: int = field(default_factory=serving.free_port)
    _children: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """The address of the service as it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def rehearsal(self) -> Rehearsal:
        """What drives it."""
        return Rehearsal(self.url, self.base_url)

    def run(self, *services: Sequence[str]) -> list[str]:
        """Start services at once, each with the weaknesses it is to have, and return their addresses when they answer.

        The one without weaknesses is at `base_url`. All work on the same database with the same keys.
        """
        started = {}
        for weak in services:
            port = serving.free_port() if weak else self.port
            child = self._start(weak, port) if weak else serving.start(self.environment, port=port)
            started[f"http://127.0.0.1:{port}"] = child
        self._children |= started
        for address, child in started.items():
            serving.wait_until_ready(address, child)
        return list(started)

    def _start(self, weak: Sequence[str], port: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.attack.weakened", *weak, "serve", "--port", str(port)],
            env={**os.environ, **self.environment}, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=serving._die_with_parent if sys.platform == "linux" else None,
        )  # fmt: skip

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings of its services."""
        return {
            "WEIGHIN_DATABASE_URL": self.url, "WEIGHIN_DATA": str(self.data), "WEIGHIN_BASE_URL": self.base_url,
        }  # fmt: skip

    def stop(self, *addresses: str) -> None:
        """Kill the services at these addresses; all where none is given. They need no time to tidy up."""
        children = [self._children.pop(address) for address in addresses or tuple(self._children)]
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait(10)

    def keys(self, room: str) -> KeyFolder:
        """Return a room's key folder."""
        return KeyFolder(self.data, room)

    async def open(self, sizes: Mapping[str, int], **changes: Mapping[str, Any]) -> dict[str, Opened]:
        """Open small contests all at once and move the clock to their first second.

        Args:
            sizes: For each contest, how many codes each of its classes gets.
            changes: For a contest, what its draft has that is not as usual; `_` in its name stands for `-`.
        """
        now = await installing.read_clock(self.url)
        drafts = [make_draft(slug, now=now, **changes.get(slug.replace("-", "_"), {})) for slug in sizes]
        await self.rehearsal.add_staff()
        made = {draft.slug: await self._make_codes(draft, sizes[draft.slug]) for draft in drafts}
        await asyncio.gather(*(self.rehearsal.act(slug, "open") for slug in sizes))
        await self.rehearsal.move_clock(drafts[0].opens_at)
        async with httpx.AsyncClient(base_url=self.base_url, timeout=30, verify=False) as http:
            return {
                slug: Opened(manifest=await client.read_manifest(http, slug), codes=tuple(codes))
                for slug, codes in made.items()
            }

    async def _make_codes(self, draft: ContestDraft, size: int) -> list[Code]:
        first, *others = draft.classes
        made = await self.rehearsal.prepare(draft, [("", size, 0)], cls=first)
        async with as_room(self.url, "registrar") as conn:
            for cls in others:
                made += await roll.make_codes(conn, draft.slug, size=size, reserve=0, cls=cls, area="")
        return made

    async def act(self, act: Act, contests: Sequence[str]) -> dict[str, str]:
        """Ask the rooms for an act in several contests; return why it was refused, by contest, where it was."""

        async def ask(contest_id: str) -> str:
            try:
                await self.rehearsal.act(contest_id, act)
            except NotReady as refusal:
                return str(refusal)
            return ""

        found = dict(zip(contests, await asyncio.gather(*map(ask, contests)), strict=True))
        return {contest_id: reason for contest_id, reason in found.items() if reason}

    async def close(self, contests: Mapping[str, Opened]) -> None:
        """Move the clock to the end and let the rooms close the contests."""
        await self.rehearsal.move_clock(max(one.manifest.closes_at for one in contests.values()))
        assert await self.act("close", list(contests)) == {}

    async def finish(self, contests: Mapping[str, Opened]) -> dict[str, str]:
        """Close, draw and publish; return why a contest was not published, by contest."""
        await self.close(contests)
        assert await self.act("draw", list(contests)) == {}
        return await self.act("publish", list(contests))

    def file(self, contest_id: str, name: str) -> httpx.Response:
        """Ask the service for a file that it may publish."""
        return httpx.get(f"{self.base_url}/api/v1/contests/{contest_id}/files/{name}", timeout=30, verify=False)

    def bundle(self, contest_id: str, address: str = "") -> bytes:
        """Return a published bundle, from the service at an address, or from the one as it is."""
        answer = httpx.get(f"{address or self.base_url}/api/v1/contests/{contest_id}/bundle", timeout=30, verify=False)
        return answer.raise_for_status().content

    async def holder(self, opened: Opened, number: int) -> Holder:
        """Return a voter who got a token for the contest's code `number` through the front door."""
        code = opened.codes[number]
        voter = client.Voter.new(opened.manifest, code.cls)
        async with httpx.AsyncClient(base_url=self.base_url, timeout=30, verify=False) as http:
            held = await client.obtain_tokens(http, voter, secret_of(opened, number))
        return Holder(voter=voter, tokens=held)

    async def holders(self, opened: Opened, numbers: Sequence[int]) -> list[Holder]:
        """Return several voters with tokens."""
        return list(await asyncio.gather(*(self.holder(opened, number) for number in numbers)))

    def cast(self, holder: Holder, *ranking: str, rev: int = 1) -> bytes:
        """Cast a ballot through the front door and return its body."""
        body = holder.ballot(*ranking, rev=rev)
        answer = post(self.base_url, holder.voter.manifest.slug, "ballots", body)
        assert answer.said == "201", answer
        return body


class as_room:
    """A connection under a room's database role: what whoever sits in that room can do beside its program."""

    def __init__(self, url: str, room: str) -> None:
        self._url, self._role = url, f"weighin_{room}"

    async def __aenter__(self) -> asyncpg.Connection:
        self._conn = await asyncpg.connect(self._url, server_settings={"role": self._role})
        return self._conn

    async def __aexit__(self, *_: object) -> None:
        await self._conn.close()


def secret_of(opened: Opened, number: int) -> bytes:
    """Return the private key of a contest's code."""
    return client.roll_secret_of(opened.codes[number].text, opened.manifest)


@dataclass(frozen=True)
class Seen:
    """What an attacker saw: answers of doors by what was tried, and keys of voters that were used."""

    answers: dict[str, Answer] = field(default_factory=dict)
    pks: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> dict[str, str]:
        """Status and problem, by what was tried."""
        return {what: answer.said for what, answer in self.answers.items()}


def lines(tar: bytes) -> list[tuple[Header, Ranking]]:
    """Return what a bundle counts: the header and the choices of each valid final ballot."""
    found = []
    for line in bundle.read_tar(tar)[bundle.BALLOTS].splitlines():
        record: BallotLine = canonical.decode(line, BallotLine)
        if record.open is not None and not record.why:
            header: Header = canonical.decode(record.header.encode(), Header)
            found.append((header, canonical.decode(record.open.choices.encode(), Ranking)))
    return found


def votes(tar: bytes) -> Counter[str]:
    """Return how many ballots each option is first on."""
    return Counter(str(choices.ranking[0]) for _, choices in lines(tar) if choices.ranking)


def counted(tar: bytes) -> set[str]:
    """Return the keys of the voters whose ballots count."""
    return {header.pk for header, _ in lines(tar)}


def rejections(tar: bytes, **brought: Any) -> dict[str, str]:
    """Return why each check failed that failed, for whoever verifies a published bundle; empty where it passes."""
    try:
        verify.verify_bundle(tar, **brought)
    except verify.BundleRejected as error:
        return {check.id: check.detail for check in error.report.checks if check.passed is False}
    return {}


def verify_without(number: str, tar: bytes, **brought: Any) -> Report:
    """Return the report of a verifier that has all checks but one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "CHECKS", tuple(check for check in verify.CHECKS if check[0] != number))
        return verify.verify_bundle(tar, **brought)
