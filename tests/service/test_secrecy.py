"""Nothing joins a person to a ballot: not a key, not a time, not a log line, not a file on disk."""

import os
import re
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest

from schemas.ballot import Ranking
from schemas.problem import Problem
from service import client
from tests.conftest import ROOT, run_apart
from voting.proof import signing

HARMLESS = {"contest_id", "epoch", "number", "size", "entries", "checkpoint", "manifest", "state", "closes_at",
            "epoch_started_at", "ctx", "sig"}  # fmt: skip
"""Columns of the same name in schema box and in registrar or desk, and why they join nobody:

contest_id, ctx, manifest, state, closes_at, epoch_started_at: of the contest. number, size, entries, checkpoint: of a
whole epoch of a log. epoch: the number of a ballot's or issuance's epoch, each log has its own. sig: the code's
signature over requests in one, the voter's key's over the ballot in the other; they have no input in common.
"""
CLOCKLIKE = ("timestamp", "time", "date", "interval")


async def columns(rooms, *schemas: str) -> list[asyncpg.Record]:
    """Every column of every table of the schemas: schema, table, column, type, default, identity."""
    return await rooms.fetch(
        "SELECT n.nspname AS schema, c.relname AS table, a.attname AS column,"
        " format_type(a.atttypid, a.atttypmod) AS type,"
        " pg_get_expr(d.adbin, d.adrelid) AS default, a.attidentity AS identity"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped",
        list(schemas),
    )


async def test_no_key_joins_box_and_registrar(rooms):
    """No foreign key crosses into or out of schema box; seen to fail with one added."""
    crossing = await rooms.fetch(
        "SELECT conname FROM pg_constraint k"
        " JOIN pg_class a ON a.oid = k.conrelid JOIN pg_class b ON b.oid = k.confrelid"
        " WHERE k.contype = 'f' AND a.relnamespace <> b.relnamespace"
    )

    assert crossing == []


async def test_no_column_is_common_to_person_and_ballot(rooms):
    """Names that stand on both sides are those listed above, each with its reason; none of them identifies.

    A new common column fails here until it is explained. Seen to fail with roll_pk added to box.ballot.
    """
    box = {(row["column"], row["type"]) for row in await columns(rooms, "box")}
    people = {(row["column"], row["type"]) for row in await columns(rooms, "registrar", "desk")}

    assert {name for name, _ in box & people} - HARMLESS == set()
    assert not {name for name, _ in box} & {"roll_pk", "code", "email", "area", "address", "channel", "pool"}
    assert not {name for name, _ in people} & {"pk", "rev", "digest", "sealed", "header", "token"}


async def test_ballots_and_issuances_have_no_time_and_no_counter(rooms):
    """No column of box or registrar is a time, and none is filled by a sequence; the only sequence numbers requests.

    Seen to fail with `added_at timestamptz DEFAULT now()` in box.pending.
    """
    for row in await columns(rooms, "box", "registrar"):
        where = f"{row['schema']}.{row['table']}.{row['column']}"
        assert not row["type"].startswith(CLOCKLIKE), where
        assert "nextval" not in (row["default"] or ""), where
        assert row["identity"] in ("", b"", b"\x00", "\x00"), where
        assert not re.search(r"clock|now\(|uuidv7|random", row["default"] or ""), where
    sequences = await rooms.fetch("SELECT schemaname, sequencename FROM pg_sequences")
    assert [row["sequencename"] for row in sequences] == ["request_request_id_seq"]


async def test_the_tables_of_ballots_hold_what_is_listed_and_no_more(rooms):
    """A new column of a ballot is a decision: it fails here first."""
    rows = await columns(rooms, "box")
    by_table: dict[str, set[str]] = {}
    for row in rows:
        by_table.setdefault(row["table"], set()).add(row["column"])

    ballot = {"contest_id", "pk", "rev", "digest", "header", "sealed", "sig"}
    assert by_table["pending"] == ballot
    assert by_table["ballot"] == ballot | {"epoch"}
    assert by_table["closed_ballot"] == ballot


# -- the canary ------------------------------------------------------------------------------------------

AGENT = "canary-agent/7.31"
ADDRESS = "203.0.113.77"


class Canary:
    """A voter whose traces are looked for everywhere."""

    def __init__(self, service, long_contest) -> None:
        self.code = long_contest.code()
        self.contest = long_contest.opened
        self.voter = client.Voter.new(self.contest.manifest, self.code.cls)
        self.secret = client.roll_secret_of(self.code.text, self.contest.manifest)
        self.roll_pk = signing.public_key(self.secret)
        self.answers: list[httpx.Response] = []
        run_apart(self._vote(service))

    async def _vote(self, service) -> None:
        headers = {"user-agent": AGENT, "x-forwarded-for": ADDRESS, "cookie": "canary=sweet"}
        hooks = {"response": [self._keep]}
        async with httpx.AsyncClient(base_url=service.base_url, headers=headers, event_hooks=hooks, timeout=30) as http:
            held = await client.obtain_tokens(http, self.voter, self.secret)
            body = self.voter.ballot_body(Ranking(("oak",)), rev=1, held_tokens=held)
            await client.cast(http, self.contest.manifest, body)
            self.digest = client.check_promise(
                msgspec.json.decode(self.answers[-1].content)["promise"].encode(), self.contest.manifest, body
            ).digest
            # What goes wrong leaves no trace either.
            for path in ("issue", "ballots", "nothing"):
                await http.post(f"/api/v1/contests/{self.contest.id}/{path}?canary-query=1", content=b"canary-body")
            await http.get("/contests/canary-path%00")
            await http.get("/contests/canary-path")

    async def _keep(self, response: httpx.Response) -> None:
        await response.aread()
        self.answers.append(response)

    def traces(self) -> dict[str, bytes]:
        """What must be found nowhere: by what it is."""
        secret = "".join(self.code.text.split("-"))
        return {
            "code as printed": self.code.text.encode(),
            "code as typed": secret.encode(),
            "secret of the code": self.secret,
            "secret of the code in hex": self.secret.hex().encode(),
            "user agent": AGENT.encode(),
            "address": ADDRESS.encode(),
            "cookie": b"canary=sweet",
            "body": b"canary-body",
            "query": b"canary-query",
            "path": b"canary-path",
            "voter's seed": self.voter.seed,
            "voter's seed in hex": self.voter.seed.hex().encode(),
            "voter's key": self.voter.secret,
        }


@pytest.fixture(scope="module")
def canary(service, long_contest) -> Canary:
    """A voter with a code, an agent and an address of their own, who has voted."""
    return Canary(service, long_contest)


async def rows_as_text(url: str) -> list[tuple[str, bytes]]:
    """Return every row of every table, as PostgreSQL writes it, byte strings also as they are."""
    conn = await asyncpg.connect(url)
    try:
        tables = await conn.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = []
        for table in tables:
            for row in await conn.fetch(f"SELECT one, one::text AS text FROM {table['name']} AS one"):
                raw = b"\x00".join(bytes(value) for value in row["one"] if isinstance(value, bytes))
                found.append((table["name"], row["text"].encode() + b"\x00" + raw))
        return found
    finally:
        await conn.close()


async def test_no_table_holds_a_trace_of_the_canary(service, canary):
    """Every row of every table, as text and as bytes."""
    rows = await rows_as_text(service.url)
    assert any(canary.roll_pk in row for _, row in rows), "the search finds what is there: the code's public key"

    for what, trace in canary.traces().items():
        assert [table for table, row in rows if trace in row] == [], what


async def test_no_row_holds_both_person_and_ballot(service, canary):
    """The code's key stands in the registrar's tables and the roll only, the voter's key in the box's only.

    No row has both, in binary or in hex.
    """
    rows = await rows_as_text(service.url)
    person = {table for table, row in rows if canary.roll_pk in row or canary.roll_pk.hex().encode() in row}
    voted = {
        table
        for table, row in rows
        for trace in (canary.voter.pk, canary.digest)
        if trace in row or trace.hex().encode() in row
    }

    published = {"published.file"}  # roll.txt has the one, log/epoch/n the digest: of all, in no common order
    assert person - published == {"registrar.roll", "registrar.issuance"}
    assert {table for table in voted - published if not table.startswith("box.")} == set()
    for table, row in rows:
        has_person = canary.roll_pk in row or canary.roll_pk.hex().encode() in row
        has_ballot = any(trace in row or trace.hex().encode() in row for trace in (canary.voter.pk, canary.digest))
        assert not (has_person and has_ballot), table


def test_no_file_of_the_service_holds_a_trace(service, canary):
    """Neither the data folder with its keys, nor what the service writes to standard error."""
    files = [path for path in service.data.rglob("*") if path.is_file()]
    assert len(files) > 4
    texts = {str(path): path.read_bytes() for path in (*files, service.stderr)}
    traces = canary.traces() | {
        "code's key": canary.roll_pk, "code's key in hex": canary.roll_pk.hex().encode(),
        "voter's public key": canary.voter.pk.hex().encode(), "digest": canary.digest.hex().encode(),
        "contest and path": b"/api/v1/contests",
    }  # fmt: skip

    for what, trace in traces.items():
        assert [path for path, text in texts.items() if trace in text] == [], what
    addresses = re.findall(rb"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", service.stderr.read_bytes())
    assert addresses == []


async def test_the_databases_log_holds_no_trace(service, canary):
    """The server's own log, where it is one of ours: no value and no statement of a voter."""
    conn = await asyncpg.connect(service.url)
    folder = Path(await conn.fetchval("SELECT current_setting('data_directory')")).parent
    await conn.close()
    logs = [path for path in folder.glob("*.log") if path.is_file() and os.access(path, os.R_OK)]
    if not logs:
        pytest.skip("the database server is not one of ours: its log is elsewhere")
    text = b"".join(path.read_bytes() for path in logs)
    traces = canary.traces() | {
        "code's key": canary.roll_pk.hex().encode(), "voter's key": canary.voter.pk.hex().encode(),
        "digest": canary.digest.hex().encode(),
    }  # fmt: skip

    assert [what for what, trace in traces.items() if trace in text] == []


def test_no_answer_sets_a_cookie_or_may_be_kept(canary):
    """Issue, cast and every refusal: no cookie, never cached, nothing that names the request."""
    assert {answer.status_code for answer in canary.answers} >= {200, 201, 400, 404}
    for answer in canary.answers:
        names = {name.lower() for name in answer.headers}
        assert "set-cookie" not in names
        assert answer.headers["cache-control"] == "no-store", answer.url
        assert not {name for name in names if "request-id" in name or "trace" in name}
        if answer.status_code >= 400:
            problem = msgspec.json.decode(answer.content, type=Problem)
            assert "canary-body" not in problem.detail


def test_an_error_of_ours_names_type_and_line_only(tmp_path):
    """What went wrong on our side is logged without what was asked: exception type, file and line, a random number.

    Seen to fail with the exception's text in the line.
    """
    program = (
        "import logging, sys\n"
        "from litestar import get\n"
        "from litestar.testing import create_test_client\n"
        "from service.doors import answer_error\n"
        "@get('/x', opt={'access': 'public'})\n"
        "async def broken() -> str: raise KeyError('canary-secret')\n"
        "logging.basicConfig()\n"
        "told = {Exception: answer_error}\n"
        "with create_test_client([broken], exception_handlers=told, logging_config=None) as http:\n"
        "    answer = http.get('/x?canary-query=1')\n"
        "    assert answer.status_code == 500 and b'canary' not in answer.content, answer.content\n"
        "    print(answer.json()['detail'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    number = done.stdout.strip().rpartition(" ")[2]
    assert f"error {number}: KeyError at" in done.stderr
    assert "canary" not in done.stderr
