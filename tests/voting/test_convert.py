"""The command `convert`: every format to every other that can hold it, and a refusal where it can't."""

import gzip
import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests import honest
from tests.voting.formats.made import same
from voting.bundle import write_tar
from voting.cli import main
from voting.formats.pabulib import read_pabulib
from voting.reading import read_election

ROOT = Path(__file__).resolve().parents[2]
ELECTIONS = ROOT / "tests" / "elections"
LUNCH = ELECTIONS / "lunch" / "ballots.blt"
NEIGHBORS = ELECTIONS / "neighbors" / "ballots.pb"
CVR = ROOT / "tests" / "voting" / "formats" / "cvr.json"
TIED = b'3 2\n4 1 2=3 0\n2 3 0\n0\n"Ann"\n"Ben"\n"Cas"\n"Board"\n'


def convert(capsys, *arguments):
    """Convert, which must succeed and say nothing."""
    code = main(["convert", *map(str, arguments)])
    assert (code, *capsys.readouterr()) == (0, "", "")


def refusal(capsys, *arguments):
    """The one line that is said when it is refused with exit code 2."""
    code = main(["convert", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


def elected(capsys, path, *arguments):
    """Who wins."""
    assert main(["tally", str(path), "--method", "irv", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)["elected"]


@pytest.mark.parametrize("suffix", [".blt", ".soi", ".toi", ".csv", ".blt.gz", ".toi.gz", ".csv.gz"])
def test_there_and_back(capsys, tmp_path, suffix):
    """Ballots, options and their order come back the same, and so does the winner."""
    there, back = tmp_path / f"a{suffix}", tmp_path / "back.blt"

    convert(capsys, LUNCH, there)
    convert(capsys, there, back)

    assert same(read_election(str(back)).profile, read_election(str(LUNCH)).profile)
    assert elected(capsys, there) == elected(capsys, back) == ["Salad"]


def test_packed_files_are_the_same_every_time(capsys, tmp_path):
    """No time is written into them."""
    one, other = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"

    convert(capsys, LUNCH, one)
    convert(capsys, LUNCH, other)

    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()).startswith(b"count,rank1")


def test_seats_and_title_stay_where_they_can(capsys, tmp_path):
    """BLT to BLT keeps both; PrefLib keeps the title; --seats says what a file can't."""
    source = tmp_path / "a.blt"
    source.write_bytes(TIED)

    convert(capsys, source, tmp_path / "a.toi")
    convert(capsys, tmp_path / "a.toi", tmp_path / "b.blt", "--seats", "2")

    assert (tmp_path / "b.blt").read_bytes() == TIED


def test_headers_of_preflib_stay(capsys, tmp_path):
    """From .soi to .toi with the description."""
    source = tmp_path / "a.soi"
    source.write_bytes(b"# DESCRIPTION: a town\n# NUMBER ALTERNATIVES: 1\n# ALTERNATIVE NAME 1: x\n3: 1\n")

    convert(capsys, source, tmp_path / "b.toi")

    assert b"# DESCRIPTION: a town\n" in (tmp_path / "b.toi").read_bytes()
    assert b"# DATA TYPE: toi\n" in (tmp_path / "b.toi").read_bytes()


def test_pabulib_keeps_everything(capsys, tmp_path):
    """META and columns that we don't know, cells as they stand."""
    source, out = tmp_path / "a.pb", tmp_path / "b.pb.gz"
    source.write_bytes(NEIGHBORS.read_bytes().replace(b"rule;greedy", b'rule;greedy\nwind;"north; strong"'))

    convert(capsys, source, out)

    old, new = read_pabulib(source.read_bytes()), read_pabulib(gzip.decompress(out.read_bytes()))
    assert (new.meta, new.projects.columns, new.votes.columns) == (old.meta, old.projects.columns, old.votes.columns)
    assert (new.projects.rows, new.votes.rows) == (old.projects.rows, old.votes.rows)
    assert new.meta["wind"] == "north; strong"


def test_one_contest_of_a_cvr(capsys, tmp_path):
    """By name; and tally reads it too."""
    convert(capsys, CVR, tmp_path / "a.csv", "--contest", "Oversight board")

    written = (tmp_path / "a.csv").read_text()
    assert written == ("count,rank1,rank2,rank3,rank4\n0,Ann,Ben,Cas,write-in\n1,Ann,Ben,,\n1,write-in,,,\n1,,,,\n")
    assert elected(capsys, CVR, "--contest", "first") == elected(capsys, CVR, "--contest", "What comes first")


def test_a_bundle_of_rankings(capsys, tmp_path):
    """The ballots that counted, by the ids of the options; the same winners by the same rule and lots."""
    contest = honest.contest("ranked")
    source = tmp_path / "bundle.tar.gz"
    source.write_bytes(gzip.compress(write_tar(contest.files())))

    convert(capsys, source, tmp_path / "a.blt")

    told = elected(capsys, tmp_path / "a.blt", "--ctx", contest.ctx.hex(), "--seed", contest.seed())
    assert told == elected(capsys, source, "--ctx", contest.ctx.hex(), "--seed", contest.seed())
    assert tuple(told) == contest.count(contest.seed())[1]


def test_a_bundle_of_a_budget(capsys, tmp_path):
    """Costs, budget and ballots as Pabulib; funded is what was funded."""
    contest = honest.contest("budget", change=lambda manifest: msgspec.structs.replace(manifest, exclusion_groups=()))
    source = tmp_path / "bundle.tar"
    source.write_bytes(write_tar(contest.files()))

    convert(capsys, source, tmp_path / "a.pb")

    lots = ("--ctx", contest.ctx.hex(), "--seed", contest.seed(), "--json")
    funded = []
    for path in (source, tmp_path / "a.pb"):
        assert main(["tally", str(path), "--method", "greedy", *lots]) == 0
        told = json.loads(capsys.readouterr().out)
        funded.append((told["funded"], Decimal(told["budget"]), told["ballots"]))
    assert funded[0] == funded[1]
    assert tuple(funded[0][0]) == contest.count(contest.seed())[1]


def test_groups_of_a_bundle_are_not_lost(capsys, tmp_path):
    """Pabulib has no place for them, so nothing is written."""
    source = tmp_path / "bundle.tar"
    source.write_bytes(write_tar(honest.contest("budget").files()))

    assert "can't hold groups" in refusal(capsys, source, tmp_path / "a.pb")
    assert not (tmp_path / "a.pb").exists()


def test_standard_input_and_output(monkeypatch):
    """`-` with --from and --to, or by how the input begins."""
    ran = subprocess.run(
        [sys.executable, "-m", "voting", "convert", "-", "-", "--to", "toi"],
        input=gzip.compress(TIED), cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.endswith(b"4: 1,{2,3}\n2: 3\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ran.stdout)))
    assert read_election("-").terms.options == ("Ann", "Ben", "Cas")


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("blt", TIED, "ranked"),
        ("pb", NEIGHBORS.read_bytes(), "budget"),
        ("csv", b"rank1,rank2\nx,y\n", "ranked"),
        ("toi", b"# NUMBER ALTERNATIVES: 1\n# ALTERNATIVE NAME 1: x\n3: 1\n", "ranked"),
        ("bundle", None, "ranked"),
    ],
)
def test_a_file_without_a_name_is_known_by_its_beginning(tmp_path, name, data, kind):
    """No suffix, no --from."""
    path = tmp_path / "file"
    path.write_bytes(write_tar(honest.contest().files()) if data is None else data)

    assert read_election(str(path)).kind == kind, name


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["tied.blt", "x.soi"], "equal ranks, which .soi can't hold; write .toi"),
        (["tied.blt", "x.toc"], "ranks 1 of 3 options, which .toc can't hold; write .toi"),
        (["tied.blt", "x.pb"], "needs costs and a budget"),
        (["tied.blt", "x.json"], "a CVR JSON file can be read, not written"),
        (["tied.blt", "x.tar"], "a bundle file can be read, not written"),
        (["tied.blt", "x"], "does not say a format"),
        (["tied.blt", "x.blt", "--seats", "4"], "4 seats for 3 options"),
        (["tied.blt", "x.blt", "--contest", "a"], "--contest is for a CVR"),
        (["none.blt", "x.csv"], "No such file"),
        (["tied.blt", "no/such/folder.csv"], "No such file"),
        (["empty.blt", "x.toi"], "1 ballots rank nothing, which PrefLib can't hold; leave them out with --drop-empty"),
        (["bar.blt", "x.csv"], "holds '|', which a CSV of ranks can't hold; rename it"),
        (["budget.pb", "x.csv"], "can't hold costs and a budget; write .pb"),
        (["budget.pb", "x.blt"], "can't hold costs and a budget; write .pb"),
        (["budget.pb", "x.pb", "--seats", "1"], "--seats is for rankings"),
        (["budget.pb", "x.pb", "--drop-empty"], "--drop-empty is for rankings"),
        (["cvr.json", "x.csv"], "2 contests; choose one with --contest: 'Oversight board', 'What comes first'"),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(capsys, tmp_path, monkeypatch, arguments, reason):
    """It says what and how to mend it, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    Path("tied.blt").write_bytes(TIED)
    Path("empty.blt").write_bytes(TIED.replace(b"2 3 0", b"1 0"))
    Path("bar.blt").write_bytes(TIED.replace(b"Ann", b"A|n"))
    Path("budget.pb").write_bytes(NEIGHBORS.read_bytes())
    Path("cvr.json").write_bytes(CVR.read_bytes())

    assert reason in refusal(capsys, *arguments)
    assert not list(tmp_path.glob("x*"))


def test_empty_ballots_can_be_left_out(capsys, tmp_path):
    """With --drop-empty a file that can't hold them is written without."""
    source = tmp_path / "a.blt"
    source.write_bytes(TIED.replace(b"2 3 0", b"2 0"))

    convert(capsys, source, tmp_path / "a.toi", "--drop-empty")

    assert read_election(str(tmp_path / "a.toi")).profile.ballots == 4


def test_equal_ranks_are_refused_by_a_method_without_them(capsys, tmp_path):
    """In every format, with the place."""
    source = tmp_path / "a.blt"
    source.write_bytes(TIED)
    for suffix in ("blt", "toi", "csv"):
        path = tmp_path / f"b.{suffix}"
        convert(capsys, source, path)
        assert main(["tally", str(path), "--method", "irv"]) == 2
        assert "which this method does not take" in capsys.readouterr().err
