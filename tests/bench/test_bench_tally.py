"""`weighin bench tally` in small: every method is there, ratios follow from values, what is absent is said to be."""

import contextlib
import io
import json
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from service import bench_tally
from service.bench_tally import OPTIONS, RANKS, make_blt, make_pabulib, make_rankings
from service.cli import main
from voting.formats.blt import read_blt
from voting.formats.pabulib import read_pabulib
from voting.methods import METHODS
from voting.profile import ranked_profile


@pytest.fixture(scope="module")
def figures():
    """What the bench says of 2,000 ballots where only pyrankvote and pabutools are installed, by name."""

    def version(program):
        if program not in ("pyrankvote", "pabutools"):
            raise PackageNotFoundError(program)
        return "1"

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(bench_tally, "version", version)
        patch.setattr(bench_tally, "_VOTERS_MAX", 30)  # pabutools raises shares thousands of times
        patch.setattr(bench_tally, "_PROJECTS", 12)
        patch.setattr(bench_tally, "_TIMES", 1)
        assert main(["bench", "tally", "--ballots", "2000", "--json"]) == 0
    told = json.loads(out.getvalue())
    assert told["machine"]
    return {figure["name"]: figure for figure in told["figures"]}


@pytest.mark.slow
def test_the_bench_tells_all(figures):
    """Every ranked method against the pass, other programs where they are, memory, reading."""
    for method in METHODS:
        if method.kind == "ranked" and "ranking" in method.ballot_kinds:
            assert figures[f"tally.{method.id}"]["unit"] == "ms"
    for name in (
        "tally.group",
        "tally.group_keys",
        "tally.group_memory",
        "tally.read_blt",
        "tally.read_pabulib.synthetic",
    ):
        assert figures[name]["against"], name
    for name in ("greedy", "phragmen", "equal-shares-none", "equal-shares-add1"):
        assert figures[f"tally.{name}.synthetic.pabutools"]["ratio"] > 0

    for name, figure in figures.items():
        if figure["ratio"]:
            assert figure["ratio"] == pytest.approx(figure["value"] / figure["against_value"], rel=0.05), name
        if figure["bar"] and figure["ratio"] is not None and figure["unit"] != "MB":
            assert figure["meets_bar"] == (figure["ratio"] >= figure["bar"]), f"{name}: more is better"


@pytest.mark.slow
def test_what_is_absent_is_said_to_be(figures):
    """No figure, no ratio and no bar met; the pass sets no bar for so few ballots."""
    absent = figures["tally.irv.votelib"]
    assert absent["against"] == "votelib, which is not installed; install weighin[peers]"
    assert (absent["value"], absent["ratio"], absent["meets_bar"]) == (0, None, None)
    assert figures["tally.irv"]["bar"] is None

    present = figures["tally.irv.pyrankvote"]
    assert present["against"] == "pyrankvote 1, 2,000 ballots; same result"
    assert present["bar"] == 10


def test_synthetic_rankings_are_rankings():
    """Numbers of options without gaps or repeats, of every length, the same from the same seed."""
    codes = make_rankings(5000, seed=4)

    assert codes.shape == (5000, RANKS)
    assert codes.max() == len(OPTIONS)
    for row in codes.tolist():
        ranked = [code for code in row if code]
        assert row == ranked + [0] * (RANKS - len(ranked))
        assert len(set(ranked)) == len(ranked) >= 1
    assert set((codes > 0).sum(axis=1).tolist()) == {1, 2, 3, 4, 5}
    assert np.array_equal(codes, make_rankings(5000, seed=4))
    assert not np.array_equal(codes, make_rankings(5000, seed=5))


def test_synthetic_files_hold_what_they_should():
    """A line a ballot, and approvals that can be funded in part."""
    codes = make_rankings(300)
    data = make_blt(codes)
    assert data.count(b"\n") == 300 + 2 + len(OPTIONS) + 1
    assert list(read_blt(data).profile.unique()) == list(ranked_profile(codes, options=OPTIONS).unique())

    file = read_pabulib(make_pabulib(200))
    assert file.profile.ballots == 200
    assert file.profile.empty == 0
    assert 0 < file.terms.budget < sum(file.terms.costs)


def test_parts_are_written_and_counted(capsys, tmp_path):
    """`--parts` writes files that `weighin tally` counts."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: it comes with the extra cluster")
    bench_tally.write_parts(tmp_path, ballots=1001, parts=3, said=lambda *_: None)
    parts = sorted(map(str, tmp_path.iterdir()))

    assert main(["tally", "--method", "irv", "--json", *parts]) == 0

    assert len(parts) == 3
    assert json.loads(capsys.readouterr().out)["ballots"] == 1001


def test_no_ballots_no_bench(capsys):
    """Refused in one line."""
    assert main(["bench", "tally", "--ballots", "0"]) == 2
    assert "--ballots must be at least 1" in capsys.readouterr().err
