"""How fast and how small: files of a million ballots, in pieces as they come from a disk."""

import csv
import io
import random
import time
import tracemalloc
from collections import deque

import pytest

from voting.formats.blt import read_blt
from voting.formats.pabulib import read_pabulib
from voting.formats.preflib import read_preflib
from voting.formats.ranks_csv import read_ranks_csv

NAMES = ("Ann", "Ben", "Cas", "Dot", "Eve", "Fay")
MEGABYTE = 1 << 20


def rankings(number, seed=3):
    """So many rankings of one to five numbers."""
    chance = random.Random(seed)
    return [chance.sample(range(1, 7), chance.randint(1, 5)) for _ in range(number)]


def blt_lines(made):
    """The ballots as BLT."""
    return ["1 " + " ".join(map(str, ranking)) + " 0\n" for ranking in made]


def toc_lines(made):
    """The ballots as complete PrefLib rankings, everyone left on the last rank."""
    lines = []
    for ranking in made:
        left = sorted({1, 2, 3, 4, 5, 6} - set(ranking))
        last = "{" + ",".join(map(str, left)) + "}" if len(left) > 1 else str(left[0])
        lines.append("1: " + ",".join(map(str, ranking)) + f",{last}\n")
    return lines


def csv_lines(made):
    """The ballots as names in columns."""
    return [",".join([NAMES[option - 1] for option in ranking] + [""] * (5 - len(ranking))) + "\n" for ranking in made]


HEADS = {
    "blt": "6 2\n",
    "toc": "# NUMBER ALTERNATIVES: 6\n# DATA TYPE: toc\n"
    + "".join(f"# ALTERNATIVE NAME {number}: {name}\n" for number, name in enumerate(NAMES, 1)),
    "csv": "rank1,rank2,rank3,rank4,rank5\n",
}
TAILS = {"blt": "0\n" + "".join(f'"{name}"\n' for name in NAMES), "toc": "", "csv": ""}
LINES = {"blt": blt_lines, "toc": toc_lines, "csv": csv_lines}
READ = {
    "blt": lambda chunks: read_blt(chunks).profile,
    "toc": lambda chunks: read_preflib(chunks).profile,
    "csv": read_ranks_csv,
}


def pieces(form, body, ballots):
    """A file of so many ballots, piece by piece and never as a whole: the same 20,000 again and again."""
    yield HEADS[form].encode()
    for _ in range(ballots // 20_000):
        for at in range(0, len(body), 100_000):
            yield body[at : at + 100_000]
    yield TAILS[form].encode()


def peak_of(form, ballots):
    """The most memory that reading takes, in bytes; all ballots must arrive."""
    body = "".join(LINES[form](rankings(20_000))).encode()
    tracemalloc.start()
    try:
        profile = READ[form](pieces(form, body, ballots))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert profile.ballots == ballots
    return peak


@pytest.mark.parametrize("form", READ)
def test_memory_does_not_grow_with_the_file(form):
    """Three times the ballots, the same different rankings: at most a quarter more memory, and 60 MB at most."""
    small, large = peak_of(form, 500_000), peak_of(form, 1_500_000)

    assert large < 1.25 * small + MEGABYTE
    assert large < 60 * MEGABYTE


@pytest.mark.full
@pytest.mark.parametrize("form", READ)
def test_memory_of_ten_million_ballots(form):
    """The same at length."""
    print(f"{form}: {peak_of(form, 10_000_000) / MEGABYTE:.0f} MB at most")


def seconds(work):
    """The least processor time of three runs."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def pass_of_csv(data, delimiter):
    """One pass of csv.reader over the same bytes."""
    return seconds(lambda: deque(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter), 0))


def test_blt_is_read_as_fast_as_csv_splits_it():
    """300,000 plain lines: no more time than csv.reader, which only splits them."""
    data = (HEADS["blt"] + "".join(blt_lines(rankings(300_000))) + TAILS["blt"]).encode()

    assert seconds(lambda: read_blt(data)) <= min(pass_of_csv(data, " "), pass_of_csv(data, ","))


@pytest.mark.parametrize("vote_type", ["approval", "ordinal", "cumulative"])
def test_pabulib_is_read_as_fast_as_csv_splits_it(vote_type):
    """100,000 voters with six columns, the same bar."""
    pointed = ";points" if vote_type == "cumulative" else ""
    rows = []
    for number, ranking in enumerate(rankings(100_000)):
        given = ";" + ",".join("31415"[: len(ranking)]) if pointed else ""
        rows.append(
            f"{number};{20 + number % 60};F;internet;district {number % 9};{','.join(map(str, ranking))}{given}\n"
        )
    projects = "".join(f"{number};{number * 100}\n" for number in range(1, 7))
    data = (
        f"META\nkey;value\nbudget;900\nvote_type;{vote_type}\nmax_length;5\nPROJECTS\nproject_id;cost\n{projects}"
        f"VOTES\nvoter_id;age;sex;voting_method;neighborhood;vote{pointed}\n{''.join(rows)}"
    ).encode()

    assert seconds(lambda: read_pabulib(data)) <= pass_of_csv(data, ";")
