"""One contest in many files: the count is the same to the byte, from one file, from many, and from a cluster."""

import json
import os

import numpy as np
import pytest

from tests.voting.formats.made import same
from voting.cli import main
from voting.formats.packed import Layout, pack_keys
from voting.profile import ranked_profile

pytest.importorskip("pyarrow", reason="pyarrow is not installed: it comes with the extra cluster")

import pyarrow
import pyarrow.parquet

from voting.formats.parquet import PackedWriter, read_packed, read_shape, write_packed
from voting.parts import read_parts

OPTIONS = ("Ann", "Ben", "Cas", "Dea")
LAYOUT = Layout(OPTIONS, ranks=3, seats=2)


def made(rows, seed=3):
    """Random short rankings."""
    random = np.random.default_rng(seed)
    codes = np.argsort(random.random((rows, len(OPTIONS))), axis=1)[:, :3] + 1
    codes[np.arange(3) >= random.integers(0, 4, rows)[:, None]] = 0
    return codes


def write(path, codes, *, layout=LAYOUT, keys=True, piece=100):
    """A part with several row groups, as keys or rank columns."""
    with PackedWriter(str(path), layout, form="arrow" if path.suffix == ".arrow" else "parquet") as writer:
        for start in range(0, len(codes), piece):
            rows = codes[start : start + piece]
            ranks = {f"rank{number}": column.astype(np.int8) for number, column in enumerate(rows.T, 1)}
            writer.add({"key": pack_keys(rows, layout)} if keys else ranks)
    return str(path)


@pytest.fixture
def parts(tmp_path):
    """1,000 ballots in four files of every form, and the profile they make together."""
    codes = made(1000)
    cuts = np.split(codes, [300, 301, 720])
    names = ["part-1.parquet", "part-2.parquet", "part-3.arrow", "part-4.arrow"]
    files = [
        write(tmp_path / name, cut, keys=number % 2 == 0)
        for number, (name, cut) in enumerate(zip(names, cuts, strict=True))
    ]
    return files, ranked_profile(codes, options=OPTIONS)


def tallied(capsys, *arguments):
    """What is printed, which must be a count."""
    assert main(["tally", "--method", "stv-scottish", "--json", *arguments]) == 0
    return capsys.readouterr().out


def refusal(capsys, *arguments):
    """The one line that is said when it is refused with exit code 2."""
    code = main(["tally", "--method", "irv", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1), err
    return err


def test_parts_make_the_whole(parts):
    """Any order of files gives the profile that all ballots at once would give."""
    files, whole = parts
    for order in (files, files[::-1]):
        election = read_parts(order)
        assert same(election.profile, whole)
        assert (election.terms.options, election.terms.seats) == (OPTIONS, 2)


def test_a_large_file_is_work_for_several(parts, monkeypatch):
    """With pieces of 150 rows, a file of several row groups is read in several goes, each row once."""
    files, whole = parts
    monkeypatch.setattr("voting.parts._TASK_ROWS", 150)

    assert same(read_parts(files).profile, whole)


def test_tally_of_parts(parts, capsys, tmp_path):
    """One command for one file and for four; the same outcome from the same ballots in a BLT file."""
    files, whole = parts
    one = tmp_path / "whole.parquet"
    one.write_bytes(write_packed(whole, form="parquet", seats=2))
    assert main(["convert", str(one), str(tmp_path / "whole.blt")]) == 0

    counted = tallied(capsys, *files)

    assert json.loads(counted)["ballots"] == 1000
    assert counted == tallied(capsys, str(one)) == tallied(capsys, str(tmp_path / "whole.blt"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_cluster_gives_the_same_to_the_byte(parts, capsys):
    """Read by other processes, merged there, counted here."""
    pytest.importorskip("distributed", reason="Dask is not installed: it comes with the extra cluster")
    files, _ = parts

    assert tallied(capsys, "--cluster", "local", *files) == tallied(capsys, *files)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_what_a_worker_refuses_is_refused_here(tmp_path, capsys):
    """With the name of the part, in one line, whichever machine read it."""
    pytest.importorskip("distributed", reason="Dask is not installed: it comes with the extra cluster")
    good = write(tmp_path / "good.parquet", made(10))
    bad = write(tmp_path / "bad.parquet", np.array([[1, 1, 0]]))

    assert refusal(capsys, "--cluster", "local", good, bad).endswith(
        f"{bad}: a ballot names an option twice: Ann, Ann\n"
    )


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_there_and_back(form, tmp_path):
    """A profile is written the same each time, and read as it was, with its seats; also with equal ranks."""
    for codes in (made(200), np.array([[1, 6, 0], [0, 0, 0], [3, 0, 0]]), np.zeros((0, 3), np.int64)):
        profile = ranked_profile(codes, options=OPTIONS)
        data = write_packed(profile, form=form, seats=2)
        layout, back = read_packed(pyarrow.BufferReader(data), form=form)
        assert data == write_packed(profile, form=form, seats=2)
        assert list(back.unique()) == list(profile.unique())
        assert (layout.options, layout.seats) == (OPTIONS, 2)


def test_the_shape_of_a_file(tmp_path):
    """Pieces and rows without reading them."""
    for name in ("a.parquet", "a.arrow"):
        shape = read_shape(write(tmp_path / name, made(250)), form=name.partition(".")[2])
        assert (shape.layout, shape.pieces, shape.rows) == (LAYOUT, 3, 250)


def test_parts_of_another_contest_are_refused(tmp_path, capsys):
    """Other options, or the same in another order, and also the same part twice."""
    one = write(tmp_path / "one.parquet", made(10))
    other = write(tmp_path / "other.parquet", made(10), layout=Layout(OPTIONS[::-1], 3, 2))

    assert "its metadata differ" in refusal(capsys, one, other)
    assert "named twice" in refusal(capsys, one, one)
    assert "named twice" in refusal(capsys, one, os.path.relpath(one))


def table(columns, metadata=b'{"options":["Ann","Ben"],"ranks":1}'):
    """A Parquet file with any columns."""
    made_table = pyarrow.table(columns).replace_schema_metadata(None if metadata is None else {b"weighin": metadata})
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(made_table, sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Parquet"),
        (b"PAR1 and no more", "not a whole .parquet file"),
        (table({"key": [1]})[:-9] + b"\xff" * 9, "not a whole .parquet file"),
        (table({"key": [1]}, metadata=None), 'no metadata "weighin"'),
        (table({"other": [1]}), "neither 'key' nor 'rank1'"),
        (table({"key": [1, None]}), "missing values"),
        (table({"key": ["1"]}), "must hold whole numbers"),
        (table({"key": [1.0]}), "must hold whole numbers"),
        (table({"key": [3]}), "the key 3 is no ranking"),
        (table({"rank1": [5]}), "the number 5 is no option"),
        (table({"key": pyarrow.array([2**64 - 1], pyarrow.uint64())}), "2^63 and more"),
    ],
)
def test_faulty_parts_are_refused(tmp_path, capsys, data, said):
    """In one line, with the file's name and what is wrong."""
    path = tmp_path / "bad.parquet"
    path.write_bytes(data)

    line = refusal(capsys, path)

    assert said in line
    assert "bad.parquet" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.parquet"], "No such file"),
        (["a.blt", "b.blt"], "only as .parquet or .arrow"),
        (["a.parquet", "b.parquet", "--contest", "x"], "parts of a contest go with --method"),
        (["--cluster", "nowhere", "a.blt"], "only as .parquet or .arrow"),
    ],
)
def test_wrong_use_is_refused(capsys, arguments, said):
    """Before anything is read."""
    assert said in refusal(capsys, *arguments)


def test_nobody_answers(tmp_path, capsys, monkeypatch):
    """A cluster that is not there is said to be not there."""
    pytest.importorskip("distributed", reason="Dask is not installed: it comes with the extra cluster")
    monkeypatch.setattr("voting.parts._PATIENCE_SECONDS", 1)
    part = write(tmp_path / "one.parquet", made(10))

    assert "no Dask scheduler answers" in refusal(capsys, "--cluster", "tcp://127.0.0.1:9", part)
