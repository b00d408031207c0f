"""The command line: a whole contest by commands, and every way to use them wrongly."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service import cli, installing
from tests.conftest import ROOT, run_apart
from voting.proof import codes, promise, statement

AUTHOR, APPROVER, CLERK = "ann@yard.example", "bob@yard.example", "cleo@yard.example"
CONTEST = """
id = "trees-by-command"
topic = "policy-proposal"
kind = "ranked"
department = "yard"
method = "irv"
max_ranks = 2
languages = ["en"]
epoch = {min_batch = 1, min_s = 0, max_s = 5184000}
options = [{id = "ash"}, {id = "elm"}, {id = "oak"}]

[schedule]
opens = "PT2H"
closes = "P3D"

[promise_to_respond]
official = "Robin Reed, gardener"
respond_within = "P30D"

[text.en]
title = "Which tree?"
question = "Which tree shall stand in the yard?"
[text.en.options]
ash = {title = "Ash"}
elm = {title = "Elm"}
oak = {title = "Oak"}
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def refused(self, code: int, *words: str) -> "Done":
        """Check the exit code, and that stderr has one line with these words, and stdout nothing."""
        assert self.code == code, self
        assert self.out == "", self
        assert self.err.count("\n") == 1, self
        assert self.err.startswith("weighin "), self
        for word in words:
            assert word in self.err, self
        return self


@pytest.fixture(scope="module")
def weighin(service):
    """Run a `weighin` command as people do, in a process of its own."""

    def run(*arguments: object) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "service", *map(str, arguments)],
            cwd=ROOT,
            env=service.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def here(service, monkeypatch, capsys):
    """Run a `weighin` command in this process: quicker, for the many ways to be refused."""
    monkeypatch.setenv("WEIGHIN_DATABASE_URL", service.url)
    monkeypatch.setenv("WEIGHIN_DATA", str(service.data))

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture(scope="module")
def staff(weighin):
    """An officer who writes, one who approves, and a clerk."""
    for email, role in ((AUTHOR, "officer"), (APPROVER, "approver"), (CLERK, "clerk")):
        assert weighin("staff", "add", email, "--role", role, "--department", "yard").code == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the contest's file."""
    made = tmp_path_factory.mktemp("contest")
    (made / "contest.toml").write_text(CONTEST)
    return made


@pytest.fixture(scope="module")
def opened(weighin, staff, folder) -> list[dict[str, str]]:
    """The contest, written, with a roll, approved and open: the rows of its codes.csv."""
    refused = weighin("contest", "open", "trees-by-command", "--as", APPROVER).refused(1, "there is no contest")
    assert "Traceback" not in refused.err
    assert weighin("contest", "create", folder / "contest.toml", "--as", AUTHOR).code == 0
    weighin("contest", "open", "trees-by-command", "--as", APPROVER).refused(1, "is draft")
    weighin("contest", "approve", "trees-by-command", "--as", AUTHOR).refused(1, "second officer")
    weighin("contest", "approve", "trees-by-command", "--as", CLERK).refused(1, "clerk", "approver")
    assert weighin("contest", "approve", "trees-by-command", "--as", APPROVER.upper()).code == 0
    weighin("contest", "open", "trees-by-command", "--as", APPROVER).refused(1, "roll make trees-by-command")
    out = folder / "codes.csv"
    made = weighin("roll", "make", "trees-by-command", "--size", 5, "--reserve", 2, "--area", "north", "--out", out)
    assert (made.code, made.err) == (0, "")
    assert out.stat().st_mode & 0o777 == 0o600
    assert weighin("contest", "open", "trees-by-command", "--as", APPROVER).code == 0
    with open(out, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def url(service, opened) -> str:
    """The page of the contest, once ballots are taken."""
    manifest = run_apart(service.manifest("trees-by-command"))
    run_apart(installing.move_clock(service.url, manifest.opens_at))
    return f"{service.base_url}/contests/trees-by-command"


def test_a_roll_is_a_file_of_codes(opened):
    """Header code,class,pool,area; five mailed and two in reserve; each code has its check characters."""
    assert list(opened[0]) == ["code", "class", "pool", "area"]
    assert [row["pool"] for row in opened] == ["mailed"] * 5 + ["reserve"] * 2
    assert {(row["class"], row["area"]) for row in opened} == {("resident", "north")}
    assert len({codes.parse_groups(row["code"], 10) for row in opened}) == 7


def test_rolls_that_can_not_be_made(here, opened, folder):
    """After opening, over a file that is there, of a class or contest that is not, of no size."""
    here("roll", "make", "trees-by-command", "--size", 1).refused(1, "is open")
    here("roll", "make", "trees-by-command", "--size", 1, "--out", folder / "codes.csv").refused(2, "is there already")
    here("roll", "make", "trees-by-command", "--size", 1, "--class", "nobody").refused(2, "nobody", "resident")
    here("roll", "make", "no-contest", "--size", 1).refused(1, "there is no contest")
    here("roll", "make", "trees-by-command", "--size", 0).refused(2, "--size")
    assert here("roll", "make", "trees-by-command", "--size", "many").code == 2


def test_an_open_contest_is_opened_once(here, opened, folder):
    """Opened again, approved again, written again: refused with its phase."""
    here("contest", "open", "trees-by-command", "--as", APPROVER).refused(1, "is open")
    here("contest", "approve", "trees-by-command", "--as", APPROVER).refused(1, "is open")
    here("contest", "create", folder / "contest.toml", "--as", AUTHOR).refused(1, "frozen")
    here("contest", "close", "trees-by-command", "--as", APPROVER).refused(1, "not before")
    here("contest", "draw", "trees-by-command", "--as", APPROVER).refused(1, "is open")
    here("contest", "publish", "trees-by-command", "--as", APPROVER).refused(1, "is open")


def test_contests_are_listed_and_shown(here, opened):
    """JSON with the names of the table; show has the draft and the print."""
    listed = json.loads(here("contest", "list", "--json").out)
    mine = next(row for row in listed if row["contest_id"] == "trees-by-command")
    assert mine == {"contest_id": "trees-by-command", "phase": "open", "author": AUTHOR, "approver": APPROVER}
    shown = json.loads(here("contest", "show", "trees-by-command", "--json").out)
    assert shown["phase"] == "open"
    assert len(shown["ctx"]) == 64
    assert [option["id"] for option in shown["draft"]["options"]] == ["ash", "elm", "oak"]
    here("contest", "show", "no-contest").refused(1, "there is no contest")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('method = "irv"', 'method = "dice"', ("dice",)),
        ('method = "irv"', 'method = "greedy"', ("greedy", "budget")),
        ('kind = "ranked"', "kind = 7", ("kind", "text")),
        ('department = "yard"', "", ("department", "missing")),
        ("max_ranks = 2", 'max_ranks = "two"', ("max_ranks", "whole number")),
        ("max_ranks = 2", "max_rank = 2", ("max_rank", "no key")),
        ('{id = "ash"}', '{id = "elm"}', ("same id",)),
        ('{id = "ash"}', '{id = "Ash tree"}', ("Ash tree",)),
        ('closes = "P3D"', 'closes = "PT1H"', ("opens must be before closes",)),
        ('opens = "PT2H"', "opens = 2026-05-29T20:00:00", ("opens", "time zone")),
        ('opens = "PT2H"', 'opens = "soon"', ("opens", "soon")),
        ('languages = ["en"]', 'languages = ["en", "es"]', ("'es'", "text.es.toml")),
        ('oak = {title = "Oak"}', "", ("oak",)),
        ('respond_within = "P30D"', 'respond_within = "-P1D"', ("respond_within",)),
        ('id = "trees-by-command"', 'id = "Trees!"', ("slug",)),
        ("[schedule]", "[schedule", ("line",)),
    ],
)
def test_a_wrong_contest_file_is_refused(here, staff, tmp_path, old, new, words):
    """Exit code 2; the line names the file, the key and what to write."""
    assert old in CONTEST
    path = tmp_path / "wrong.toml"
    path.write_text(CONTEST.replace(old, new, 1).replace('id = "trees-by-command"', 'id = "trees-wrong"'))

    here("contest", "create", path, "--as", AUTHOR).refused(2, str(path), *words)


def test_files_and_people_that_are_not_there(here, staff, tmp_path):
    """No such file, not text, nobody of that address, somebody without the right, somebody disabled."""
    here("contest", "create", tmp_path / "none.toml", "--as", AUTHOR).refused(2, "none.toml", "no such file")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    here("contest", "create", tmp_path / "binary.toml", "--as", AUTHOR).refused(2, "binary.toml")
    path = tmp_path / "fine.toml"
    path.write_text(CONTEST.replace("trees-by-command", "trees-unwritten"))
    here("contest", "create", path, "--as", "stranger@yard.example").refused(1, "not staff")
    here("contest", "create", path, "--as", CLERK).refused(1, "clerk")
    here("staff", "disable", "stranger@yard.example").refused(1, "nobody")
    here("staff", "add", "no-address", "--role", "clerk", "--department", "yard").refused(2, "no e-mail address")
    here("staff", "add", "x@yard.example", "--role", "king", "--department", "yard").refused(2, "king", "officer")
    assert here("staff", "add", "gone@yard.example", "--role", "officer", "--department", "yard").code == 0
    assert here("staff", "disable", "gone@yard.example").code == 0
    here("contest", "create", path, "--as", "gone@yard.example").refused(1, "not staff")
    assert "gone@yard.example\tofficer\tyard\tdisabled" in here("staff", "list").out
    for wrong in ((), ("contest",), ("contest", "fly"), ("contest", "open", "x"), ("nothing",)):
        assert here(*wrong).code == 2


def test_a_wrong_environment_is_refused(here, monkeypatch, empty_database_url):
    """An empty database, one that is not there, a variable that does not exist: one line that says what to do."""
    monkeypatch.setenv("WEIGHIN_DATABASE_URL", empty_database_url)
    here("contest", "list").refused(1, "weighin migrate")
    here("serve").refused(1, "weighin migrate")
    monkeypatch.setenv("WEIGHIN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert here("contest", "list").code in (1, 2)
    monkeypatch.setenv("WEIGHIN_DATABASE_URL", "mysql://x")
    here("contest", "list").refused(2, "WEIGHIN_DATABASE_URL")
    monkeypatch.setenv("WEIGHIN_TYPO", "1")
    here("contest", "list").refused(2, "WEIGHIN_TYPO")


@pytest.fixture(scope="module")
def voted(weighin, opened, url, folder) -> Path:
    """A ballot, cast by command; the file with its promise."""
    kept = folder / "promise.txt"
    done = weighin("vote", url, "--code", opened[0]["code"].lower(), "--ranking", "oak,ash", "--promise", kept)
    assert (done.code, done.err) == (0, "")
    assert "The ballot is in. Its mark: " in done.out
    return kept


def test_a_vote_by_command_leaves_a_promise(service, voted):
    """The promise in the file is the box's, for this contest."""
    manifest = run_apart(service.manifest("trees-by-command"))

    word = promise.verify(voted.read_bytes(), manifest.box_vkey)

    assert word.ctx == statement.contest_ctx(manifest)


def test_votes_that_can_not_be_cast(here, opened, url, voted):
    """Spent, unknown, in reserve: 1. Mistyped, no such option, not allowed by the rules, no such address: 2.

    A mistyped code names the group; an option that is not there, those that are.
    """
    spent, mailed, reserve = opened[0]["code"], opened[1]["code"], opened[5]["code"]
    here("vote", url, "--code", spent, "--ranking", "oak").refused(1, "used")
    here("vote", url, "--code", codes.format_groups(bytes(10)), "--ranking", "oak").refused(1, "roll")
    here("vote", url, "--code", reserve, "--ranking", "oak").refused(1, "roll")
    groups = mailed.split("-")
    groups[2] = groups[2][:-1] + ("0" if groups[2][-1] != "0" else "1")
    here("vote", url, "--code", "-".join(groups), "--ranking", "oak").refused(2, "mistyped", "group 3")
    here("vote", url, "--code", mailed[:-1], "--ranking", "oak").refused(2, "mistyped")
    here("vote", url, "--code", mailed, "--ranking", "fig").refused(2, "fig", "ash, elm, oak")
    here("vote", url, "--code", mailed, "--ranking", "oak,oak").refused(2, "oak")
    here("vote", url, "--code", mailed, "--ranking", "oak,ash,elm").refused(2)
    here("vote", url, "--code", mailed, "--approve", "oak").refused(2)
    here("vote", url, "--code", mailed, "--alloc", "oak=x").refused(2, "oak=x")
    here("vote", "ftp://x", "--code", mailed, "--ranking", "oak").refused(2, "address of a contest")
    here("vote", url + "x", "--code", mailed, "--ranking", "oak").refused(1)
    assert here("vote", url, "--code", mailed).code == 2
    assert here("vote", url, "--code", mailed, "--ranking", "a", "--approve", "a").code == 2
    # None of this has used the code.
    assert here("vote", url + "/vote", "--code", mailed, "--ranking", "elm").code == 0


def test_a_contest_by_command_is_closed_drawn_published_and_verified(weighin, service, opened, url, voted, folder):
    """To the end: close, draw, publish; the audit of the downloaded bundle passes with promise, print and code.

    In another order it is refused, with what comes first.
    """
    manifest = run_apart(service.manifest("trees-by-command"))
    run_apart(installing.move_clock(service.url, manifest.closes_at))
    assert weighin("contest", "close", "trees-by-command", "--as", CLERK).code == 0
    weighin("contest", "publish", "trees-by-command", "--as", APPROVER).refused(1, "contest draw trees-by-command")
    weighin("contest", "draw", "trees-by-command", "--dice", "1" * 20, "--as", APPROVER).refused(2, "dice")
    assert weighin("contest", "draw", "trees-by-command", "--as", APPROVER).code == 0
    assert weighin("contest", "publish", "trees-by-command", "--as", APPROVER).code == 0
    weighin("contest", "publish", "trees-by-command", "--as", APPROVER).refused(1, "is counted")
    tar = folder / "bundle.tar"
    tar.write_bytes(httpx.get(f"{service.base_url}/api/v1/contests/trees-by-command/bundle", timeout=30).content)

    ctx = statement.contest_ctx(manifest).hex()
    verified = weighin(
        "verify", tar, "--ctx", ctx[:20], "--promise", voted, "--code", opened[0]["code"], "--json"
    )  # fmt: skip

    assert verified.code == 0, verified
    report = json.loads(verified.out)
    assert report["result"] == "passed"
    assert next(check["passed"] for check in report["checks"] if check["id"] == "V22")
    assert weighin("verify", tar, "--ctx", "0" * 20, "--json").code == 1
    late = weighin("vote", url, "--code", opened[2]["code"], "--ranking", "oak")
    late.refused(1, "token")


def test_help_names_every_command():
    """`weighin --help` names the commands of the interface."""
    done = subprocess.run(
        [sys.executable, "-m", "service", "--help"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("WEIGHIN_")},
    )  # fmt: skip

    assert done.returncode == 0
    for command in ("demo", "serve", "migrate", "contest", "roll", "vote", "replay", "tally", "verify", "methods"):
        assert f"  {command}" in done.stdout
