"""The command line of the library: `tally` and `methods`."""

import gzip
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from voting.cli import main
from voting.ties import lot_order

ROOT = Path(__file__).resolve().parents[2]
ELECTIONS = ROOT / "tests" / "elections"
LUNCH = ELECTIONS / "lunch" / "ballots.blt"
NEIGHBORS = ELECTIONS / "neighbors" / "ballots.pb"
POINTS = ELECTIONS / "points" / "ballots.pb"
TIED = b'3 1\n1 1 0\n1 2 0\n1 3 0\n0\n"Ann"\n"Ben"\n"Cas"\n'


def answer(capsys, *arguments):
    """What `--json` prints; the command must succeed and say nothing else."""
    code = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    return json.loads(out)


def refusal(capsys, *arguments):
    """The one line that is said when a command is refused with exit code 2."""
    code = main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


def test_a_count_in_words(capsys):
    """Rounds, votes and the winner, for people."""
    assert main(["tally", str(LUNCH), "--method", "irv"]) == 0

    out = capsys.readouterr().out
    assert "Instant runoff (irv/1): 10 ballots, 4 options" in out
    assert "Round 3" in out
    assert out.endswith("Elected: Salad\n")


def test_a_count_explained_in_words(capsys):
    """Who won by how much, who went out when, and where the ballots went."""
    assert main(["tally", str(LUNCH), "--method", "irv", "--explain"]) == 0

    out = capsys.readouterr().out
    assert "Salad wins by 2: 6 votes against 4 for Soup in round 3." in out
    assert "Rice lost in round 2 with 2 votes, 2 behind. Its ballots: 2 to Salad." in out


def test_a_count_with_several_seats_in_words(capsys):
    """Quota, votes with five decimals, what was lost, and why each won or lost."""
    path = ELECTIONS / "committee" / "ballots.blt"
    assert main(["tally", str(path), "--method", "stv-scottish", "--explain"]) == 0

    out = capsys.readouterr().out
    assert "Seats: 3. Quota: 6.00000" in out
    assert "lost to rounding           0.00013" in out
    assert "Elected: Ann, Ben, Cas" in out
    assert "Ben is elected in round 2 with 7.54540 votes, 1.54540 more than needed." in out
    assert "Cas is elected in round 5 with 5.06897 votes, below the quota" in out
    assert "Dot lost in round 3 with 2.00000 votes, tied and out by lot." in out
    moved = "After round 2 the surplus of Ben moved: 0.61443 to Cas, 0.93090 exhausted, 0.00007 lost to rounding."
    assert moved in out


def test_the_number_of_seats_can_be_given(capsys):
    """--seats goes before what the file says, and can't be more than stand."""
    path = ELECTIONS / "committee" / "ballots.blt"

    told = answer(capsys, "tally", path, "--method", "stv-scottish", "--seats", "1")

    assert (told["seats"], told["quota"], told["elected"]) == (1, "12.00000", ["Ann"])
    assert "6 seats for 5 options" in refusal(capsys, "tally", path, "--method", "stv-scottish", "--seats", "6")


def test_a_budget_explained_in_words(capsys):
    """What was funded, what was skipped, how much was missing."""
    assert main(["tally", str(NEIGHBORS), "--method", "greedy", "--explain"]) == 0

    out = capsys.readouterr().out
    assert "Spent: 99.75 of 100.00" in out
    assert "tree has 4 votes: skipped, since it costs 32.00 and 6.50 was left (25.50 short)." in out
    assert "1 more votes would have funded it." in out


def test_an_explanation_as_facts(capsys):
    """With --json the facts come in the same document."""
    facts = answer(capsys, "tally", LUNCH, "--method", "irv", "--explain")["explanation"]

    assert facts["margin"] == "2"
    assert facts["transfers"][0] == {
        "after": 1,
        "moves": [{"source": "Pasta", "target": "Salad", "votes": "1"}],
    }


def test_a_tie_without_a_seed_is_always_decided_the_same(capsys, tmp_path):
    """The lot order of the empty seed over the file's names, and the draw is listed."""
    path = tmp_path / "tied.blt"
    path.write_bytes(TIED)

    told = answer(capsys, "tally", path, "--method", "irv")

    order = lot_order(["Ann", "Ben", "Cas"])
    assert told["seed"] is None
    assert told["elected"] == [order[0]]
    draw = {"round": 1, "among": ["Ann", "Ben", "Cas"], "order": list(order), "decided": "eliminate"}
    assert told["draws"][0] == draw
    assert told == answer(capsys, "tally", path, "--method", "irv")


def test_a_seed_is_the_lot(capsys, tmp_path):
    """Each of the three may win, by the seed alone."""
    path = tmp_path / "tied.blt"
    path.write_bytes(TIED)

    winners = {answer(capsys, "tally", path, "--method", "irv", "--seed", seed)["elected"][0] for seed in "0123456789"}

    assert winners == {"Ann", "Ben", "Cas"}


def test_a_contest_draws_by_its_ids(capsys, tmp_path):
    """With --ctx names that are no ids become o01, o02, ... in file order (protocol section 2)."""
    path = tmp_path / "tied.blt"
    path.write_bytes(TIED)
    ctx = "5c" * 32

    told = answer(capsys, "tally", path, "--method", "irv", "--ctx", ctx, "--seed", "7")

    ids = {"o01": "Ann", "o02": "Ben", "o03": "Cas"}
    assert told["draws"][0]["order"] == [ids[name] for name in lot_order(ids, ctx=bytes.fromhex(ctx), seed="7")]


def test_names_that_are_ids_stay_ids(capsys, tmp_path):
    """With --ctx and names that all fit the pattern, lots are over the names."""
    path = tmp_path / "tied.blt"
    path.write_bytes(TIED.replace(b"Ann", b"ann").replace(b"Ben", b"b-2").replace(b"Cas", b"cas_3"))
    ctx = "5c" * 32

    told = answer(capsys, "tally", path, "--method", "irv", "--ctx", ctx)

    assert told["draws"][0]["order"] == list(lot_order(["ann", "b-2", "cas_3"], ctx=bytes.fromhex(ctx)))


@pytest.mark.parametrize("source", [LUNCH, NEIGHBORS])
def test_compressed_and_piped_files_are_the_same(capsys, tmp_path, monkeypatch, source):
    """.gz by name or content, and standard input by content, give the same answer."""
    method = "irv" if source is LUNCH else "greedy"
    packed = tmp_path / f"{source.name}.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    nameless = tmp_path / "ballots"
    nameless.write_bytes(packed.read_bytes())
    plain = answer(capsys, "tally", source, "--method", method)

    for data in (source.read_bytes(), packed.read_bytes()):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert answer(capsys, "tally", "-", "--method", method) == plain
    assert answer(capsys, "tally", packed, "--method", method) == plain
    assert answer(capsys, "tally", nameless, "--method", method) == plain


def test_the_budget_can_be_given(capsys):
    """In the file's currency; more money funds more."""
    told = answer(capsys, "tally", NEIGHBORS, "--method", "greedy", "--budget", "132.5")

    assert (told["budget"], told["funded"], told["spent"]) == ("132.50", ["lamp", "bench", "tree", "sign"], "131.75")


def test_seats_of_a_file_do_not_stop_a_method_with_one_winner(capsys, tmp_path):
    """A ward with three seats can be counted by irv, for one; asking for three is refused."""
    path = tmp_path / "ward.blt"
    path.write_bytes(TIED.replace(b"3 1", b"3 3", 1))

    assert answer(capsys, "tally", path, "--method", "irv")["seats"] == 1
    assert "elects one option, not 3" in refusal(capsys, "tally", path, "--method", "irv", "--seats", "3")


def test_a_city_is_counted_as_it_recorded(capsys, shared):
    """Lodz, Katedralna 2024: threshold and order of the file decide a tie, and the official projects come out."""
    name = "Lodz/Poland_Lodz_2024_Katedralna.pb.gz"
    path = shared / "data/budget" / name
    if not path.is_file():
        pytest.skip(f"there is no ../shared/data/budget/{name}")
    elections = json.loads((shared / "data/budget/expected.json").read_text())["elections"]
    official = next(election for election in elections if election["file"] == name)

    told = answer(capsys, "tally", path, "--as-recorded")

    assert sorted(told["funded"]) == sorted(official["official_selected"])
    assert told["recorded"] == {"rule": "greedy-threshold", "threshold": "50", "tie_order": "file"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "COMMAND"),
        (["count"], "invalid choice"),
        (["tally"], "FILE"),
        (["tally", LUNCH], "no --method"),
        (["tally", LUNCH, "--method", "best"], "no method 'best'; there are: irv"),
        (["tally", LUNCH, "--method", "irv/9"], "no method 'irv/9'"),
        (["tally", LUNCH, "--method", "greedy"], "spends a budget"),
        (["tally", NEIGHBORS, "--method", "irv"], "holds a budget"),
        (["tally", LUNCH, "--method", "irv", "--seats", "two"], "invalid int"),
        (["tally", LUNCH, "--method", "irv", "--seats", "0"], "0 seats for 4 options"),
        (["tally", LUNCH, "--method", "irv", "--budget", "5"], "--budget is for budget methods"),
        (["tally", NEIGHBORS, "--method", "greedy", "--seats", "1"], "--seats is for ranked"),
        (["tally", NEIGHBORS, "--method", "greedy", "--budget", "much"], "must be a number"),
        (["tally", NEIGHBORS, "--method", "greedy", "--budget", "0.001"], "more decimals"),
        (["tally", LUNCH, "--method", "irv", "--ctx", "ab"], "64 lower-case hex digits"),
        (["tally", LUNCH, "--method", "irv", "--ctx", "AB" * 32], "64 lower-case hex digits"),
        (["tally", LUNCH, "--method", "irv", "--seed", "ñ"], "must be ASCII"),
        (["tally", LUNCH, "--as-recorded"], "only a Pabulib file"),
        (["tally", POINTS, "--as-recorded", "--method", "greedy"], "--method does not go with --as-recorded"),
        (["tally", POINTS, "--as-recorded", "--budget", "5"], "--budget does not go with --as-recorded"),
        (["tally", "no/such.blt", "--method", "irv"], "no/such.blt: No such file"),
        (["tally", ELECTIONS, "--method", "irv"], "Is a directory"),
        (["tally", LUNCH, "--method", "irv", "--format", "pb"], "holds a budget"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(capsys, arguments, reason):
    """It says what and where, on stderr, and never with a traceback."""
    assert reason in refusal(capsys, *arguments)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.blt", b"", "line 1: the file ends"),
        ("a.blt", TIED.replace(b"1 2 0", b"1 2"), "line 3: a ballot must end with 0"),
        ("a.blt", TIED.replace(b"1 2 0", b"1 2=3 0"), "line 3: equal ranks (2=3), which this method does not take"),
        ("a.blt", TIED.replace(b"1 2 0", b"1 7 0"), "line 3: '7' is no candidate"),
        ("a.blt", TIED.replace(b'"Cas"\n', b""), "line 8: the file ends, but the name of candidate 3"),
        ("a.pb", b"", "line 1: the file ends without a section META"),
        ("a.pb", b"META\nkey;value\nbudget;5\n", "without a section PROJECTS"),
        ("a.pb", NEIGHBORS.read_bytes().replace(b"7;tree", b"7;trees"), "line 24: a vote for 'trees'"),
        ("a.pb", NEIGHBORS.read_bytes()[:-16], "num_votes is 10, but the file holds 9"),
        ("a.pb", NEIGHBORS.read_bytes()[:-40], "line 25: 1 cells, but VOTES has 3"),
        ("a.blt.gz", b"\x1f\x8b\x08\x00rubbish", "damaged gzip"),
        ("a.blt.gz", gzip.compress(TIED, mtime=0)[:-9], "damaged gzip"),
        ("a.txt", b"hello", "line 1: neither BLT nor Pabulib"),
        ("a", b"", "line 1: neither BLT nor Pabulib"),
        ("a.blt", b"\x00\xff" * 50, "not UTF-8"),
    ],
)
def test_a_malformed_file_is_named_with_line_and_fix(capsys, tmp_path, name, data, reason):
    """File, line, reason: exit code 2 and nothing half-counted."""
    path = tmp_path / name
    path.write_bytes(data)

    told = refusal(capsys, "tally", path, "--method", "greedy" if name.endswith(".pb") else "irv", "--json")

    assert f"{path}: " in told
    assert reason in told


def test_a_rule_that_the_file_does_not_define_is_refused(capsys, tmp_path):
    """`rule;unknown` is no rule: exit code 2 and why."""
    path = tmp_path / "a.pb"
    path.write_bytes(NEIGHBORS.read_bytes().replace(b"rule;greedy", b"rule;unknown"))

    assert "rule is 'unknown', which the file alone does not define" in refusal(capsys, "tally", path, "--as-recorded")


def test_the_methods_are_listed(capsys):
    """For people a line each, for programs id, version, ballots, spec and hashes."""
    assert main(["methods"]) == 0
    assert "irv/1" in capsys.readouterr().out

    methods = answer(capsys, "methods")

    assert [(method["id"], method["version"], method["kind"]) for method in methods][:2] == [
        ("irv", 1, "ranked"),
        ("greedy", 1, "budget"),
    ]
    for method in methods:
        assert (ROOT / method["spec"]).is_file()
        assert len(method["spec_sha256"]) == len(method["vectors_sha256"]) == 64
        assert method["ballots"]
        assert method["rule"]


def test_help_is_no_fault(capsys):
    """`--help` says how and ends with 0."""
    assert main(["tally", "--help"]) == 0
    assert "--as-recorded" in capsys.readouterr().out


def run(*arguments, **options):
    """Run `python -m voting` as a program of its own."""
    return subprocess.run([sys.executable, "-m", "voting", *map(str, arguments)], cwd=ROOT, **options, check=False)


def test_the_module_runs_as_a_program():
    """`python -m voting tally` prints one document, also where the terminal knows no Unicode."""
    ran = run("tally", LUNCH, "--method", "irv", "--json", capture_output=True)

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert json.loads(ran.stdout)["elected"] == ["Salad"]
    assert run("tally", "none.blt", "--method", "irv", capture_output=True).returncode == 2


def test_names_of_any_script_are_printed_on_any_terminal(tmp_path):
    """A locale without Unicode is no reason for a traceback."""
    path = tmp_path / "names.blt"
    path.write_text(TIED.decode().replace("Ann", "أمل").replace("Ben", "Łódź"), encoding="utf-8")

    ran = run(
        "tally", path, "--method", "irv", capture_output=True,
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert "Łódź".encode() in ran.stdout


def test_a_reader_that_stops_reading_is_no_fault():
    """`tally ... | head -0` ends quietly."""
    reading, writing = os.pipe()
    os.close(reading)

    ran = run("tally", LUNCH, "--method", "irv", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)

    assert b"Traceback" not in ran.stderr
    assert ran.returncode == 0


def test_progress_is_for_terminals(tmp_path):
    """A long read draws a bar on a terminal, and writes nothing to a pipe."""
    pytest.importorskip("rich")
    path = tmp_path / "long.blt"
    path.write_bytes(b"#" * 9_000_000 + b"\n" + TIED)
    quiet = run("tally", path, "--method", "irv", capture_output=True)
    terminal, screen = pty.openpty()

    terminal_kind = os.environ | {"TERM": "xterm"}
    shown = run("tally", path, "--method", "irv", stdout=subprocess.PIPE, stderr=screen, env=terminal_kind)
    os.close(screen)

    assert quiet.stderr == b""
    assert shown.stdout == quiet.stdout
    assert b"reading" in os.read(terminal, 65536)
    os.close(terminal)


def test_equal_shares_in_words(capsys):
    """What each pays at most, what every ballot had, and why the bench is not funded."""
    assert main(["tally", str(NEIGHBORS), "--method", "equal-shares", "--explain"]) == 0

    out = capsys.readouterr().out
    assert "Each ballot had 17" in out
    assert "level 8.08333333" in out
    assert "bench has 5 votes: not funded: it costs 45.00, and its voters had 44.58 left for it (0.42 short)." in out
    assert "By greedy/1: lamp, bench, sign." in out


def test_a_completion_is_a_variant_that_the_answer_names(capsys):
    """Without raises each ballot has 10 and the sign is not bought; the published method is the default."""
    told = answer(capsys, "tally", NEIGHBORS, "--method", "equal-shares", "--completion", "none")
    default = answer(capsys, "tally", NEIGHBORS, "--method", "equal-shares")
    add1 = answer(capsys, "tally", NEIGHBORS, "--method", "equal-shares", "--completion", "add1")

    assert (told["completion"], told["endowment"], default["endowment"]) == ("none", "1000", "1700")
    assert "completion" not in default
    assert add1.pop("completion") == "add1"
    assert add1 == default
    for name in ("add1-greedy", "add1-exhaustive", "add1-comparison", "none-comparison"):
        answer(capsys, "tally", NEIGHBORS, "--method", "equal-shares-cardinal", "--completion", name)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--method", "greedy", "--completion", "none"), "--completion is for equal-shares"),
        (("--as-recorded", "--completion", "none"), "--completion does not go with --as-recorded"),
        (("--method", "equal-shares", "--completion", "all"), "invalid choice"),
    ],
)
def test_a_completion_where_there_is_none_is_refused(capsys, arguments, reason):
    """One line, and exit code 2."""
    assert reason in refusal(capsys, "tally", NEIGHBORS, *arguments)


def test_points_are_not_for_phragmen(capsys):
    """A file with points is refused by a method that is about approvals."""
    assert "counts approvals" in refusal(capsys, "tally", POINTS, "--method", "phragmen")


def test_equal_shares_as_recorded(capsys, shared):
    """Wieliczka, April 2023: the official 30 projects by the rule in the file."""
    path = shared / "data/budget/Wieliczka/Poland_Wieliczka_2023_Green_Budget.pb.gz"
    if not path.is_file():
        pytest.skip("there is no ../shared/data/budget/Wieliczka")

    told = answer(capsys, "tally", path, "--as-recorded")

    assert (told["method"], len(told["funded"]), told["spent"]) == ("equalshares/add1-comparison", 30, "995079")
    assert "46" in told["funded"]
    assert not {"66", "67"} & set(told["funded"])


def test_approvals_of_a_budget_elect(capsys):
    """A Pabulib file of approvals is counted by approval, its budget aside; one of points is refused."""
    assert main(["tally", str(NEIGHBORS), "--method", "approval", "--seats", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["elected"], document["scores"]) == ("ranked", ["lamp", "bench"], list("6542"))

    points = ELECTIONS / "points" / "ballots.pb"
    assert main(["tally", str(points), "--method", "approval"]) == 2
    assert "cumulative votes" in capsys.readouterr().err
