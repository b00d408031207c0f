"""Files that went wrong, thousands of them: each is read or refused in good order, and quickly."""

import random
import re
import time
from pathlib import Path

import pytest

from tests import honest
from voting.bundle import write_tar
from voting.errors import InvalidContest, InvalidFile
from voting.formats.blt import read_blt
from voting.formats.bundle_ballots import read_bundle_ballots
from voting.formats.cvr_json import read_cvr_json
from voting.formats.pabulib import read_pabulib, recorded_rule
from voting.formats.preflib import read_preflib
from voting.formats.ranks_csv import read_ranks_csv
from voting.rctab import count_rctab, read_config, read_records

BLT = b'4 2\n-4\n5 1 2 0\n2 2=1 3 0 # note\n3 0\n1 1 2 3 0\n0\n"Ann"\n"Ben \xc5\x81"\n"Cas"\n"Dot"\n"Board"\n'
PLAIN_BLT = b'3 1\n4 1 2 0\n3 3 0\n2 0\n12 2 1 3 0\n0\n"Ann"\n"Ben"\n"Cas"\n"Board"\n'
PABULIB = (
    b"META\nkey;value\nbudget;100.50\nvote_type;%s\nrule;greedy\nmax_length;3\nPROJECTS\nproject_id;cost;name\na;60;x\n"
    b'bb;50,25;"y; z"\nc;9;\nVOTES\nvoter_id;age;vote;points\n1;20;a,bb;2,1\n2;;a;1\n3;9;;\n4;7;c,bb,a;1,1,1\n'
)
PREFLIB = (
    b"# TITLE: t\n# DATA TYPE: toi\n# NUMBER ALTERNATIVES: 3\n# NUMBER VOTERS: 10\n# ALTERNATIVE NAME 1: Ann\n"
    b"# ALTERNATIVE NAME 2: Ben\n# ALTERNATIVE NAME 3: Cas\n5: 1,2\n1: 3\n3: {1,2},3\n1: 2,3,1\n"
)
CSV = b'count,rank1,rank2,rank3\n4,Ann,Ben,\n2,Cas,"Ann|Ben",\n0,Ann,Dot,\n1,undervote,\'=x,Ann\n'
OPTIONS = b"Ann,Ben,count,Cas\n1,2,7,\n2,2,1,1\n,,3,\n"
CVR = re.sub(rb"\n\s*", b"", Path(__file__).with_name("cvr.json").read_bytes())
CONFIG = (
    b'{"candidates":[{"name":"Ann","aliases":["A"]},{"name":"Ben","excluded":false},{"name":"Cas","code":"9"}],'
    b'"cvrFileSources":[{"overvoteLabel":"overvote","overvoteDelimiter":"|","skippedRankLabel":"undervote",'
    b'"undeclaredWriteInLabel":"UWI","treatBlankAsUndeclaredWriteIn":false}],"rules":{"tiebreakMode":"random",'
    b'"overvoteRule":"exhaustImmediately","winnerElectionMode":"multiWinnerAllowMultipleWinnersPerRound",'
    b'"randomSeed":"12","numberOfWinners":"2","decimalPlacesForVoteArithmetic":"4","minimumVoteThreshold":"0",'
    b'"maxSkippedRanksAllowed":"1","maxRankingsAllowed":"max","batchElimination":false,"hareQuota":false,'
    b'"multiSeatBottomsUpPercentageThreshold":"15"}}'
)
RECORDS = b"count,rank1,rank2,rank3\n4,Ann,Ben,\n2,9,overvote,A\n3,undervote,UWI,Ben\n1,Ann|Ben,Cas,\n2,Cas,,\n"
TOKENS = (
    b"0", b"1", b"-1", b"99", b"9007199254740992", b"99999999999999999999", b"1e9", b"0.5", b"", b" ", b"\n", b"\r\n",
    b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b'""', b"'", b",", b";", b"|", b"=", b"#", b":", b"{", b"}",
    b"[", b"]", b"null", b"true", b"META", b"VOTES", b"count", b"rank1", b"max", b"\xc5\x81", b"\x1b[31m",
    b"# DATA TYPE: soc\n",
)  # fmt: skip


def count_by(config):
    """Read a configuration, and count records by it."""
    rules = read_config(config)
    count_rctab(read_records(RECORDS, rules), rules)


def count_records(records):
    """Count records by a configuration."""
    rules = read_config(CONFIG)
    count_rctab(read_records(records, rules), rules)


READERS = {
    "blt": (read_blt, (BLT, PLAIN_BLT)),
    "pabulib": (
        lambda data: recorded_rule(read_pabulib(data)),
        tuple(PABULIB % kind for kind in (b"approval", b"cumulative", b"ordinal", b"scoring")),
    ),
    "preflib": (read_preflib, (PREFLIB, PREFLIB.replace(b"{1,2}", b"1,2"))),
    "csv": (read_ranks_csv, (CSV, OPTIONS)),
    "cvr": (lambda data: read_cvr_json(data, contest="board"), (CVR,)),
    "rctab configuration": (count_by, (CONFIG,)),
    "rctab records": (count_records, (RECORDS,)),
    "bundle": (read_bundle_ballots, ()),
}
PLACE = re.compile(
    r"\bline \d+|\bround \d+|META|PROJECTS|VOTES|\bheader |record \d+|"
    r"rules\.|candidates|configuration|cvrFileSources|bundle"
)
SECONDS_MAX = 0.05


def mutated(data, chance):
    """The file with one to six things changed in it."""
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        to = min(len(data), at + chance.choice((0, 1, 1, 2, 5, 20)))
        match chance.randint(0, 5):
            case 0:
                data = data[:at] + bytes([chance.randint(0, 255)]) + data[min(len(data), at + 1) :]
            case 1:
                data = data[:at] + data[to:]
            case 2:
                data = data[:at] + data[at:to] * chance.randint(2, 4) + data[to:]
            case 3:
                data = data[:at]
            case _:
                data = data[:at] + chance.choice(TOKENS) + data[to:]
    return data


def survive(name, inputs):
    """Read so many mutated files; return the longest time one took, in seconds."""
    read, examples = READERS[name]
    examples = examples or tuple(write_tar(honest.contest(kind).files()) for kind in ("ranked", "budget"))
    chance = random.Random(name)
    longest = 0.0
    for number in range(inputs):
        data = mutated(examples[number % len(examples)], chance)
        started = time.process_time()
        try:
            read(data)
        except (InvalidFile, InvalidContest) as refusal:
            told = str(refusal)
            assert PLACE.search(told), (told, data)
            assert told.isprintable(), (told, data)
        except Exception as error:
            raise AssertionError(f"{name} number {number}: {data!r}") from error
        took = time.process_time() - started
        if took > SECONDS_MAX:  # the machine may have been busy with something else
            started = time.process_time()
            try:
                read(data)
            except (InvalidFile, InvalidContest):
                pass
            took = min(took, time.process_time() - started)
        assert took <= SECONDS_MAX, (took, data)
        longest = max(longest, took)
    return longest


@pytest.mark.parametrize("name", READERS)
def test_ten_thousand_broken_files(name):
    """Only declared errors, each with its place, 50 ms at most."""
    survive(name, 10_000)


@pytest.mark.full
@pytest.mark.parametrize("name", READERS)
def test_a_million_broken_files(name):
    """The same at length."""
    print(f"{name}: 1,000,000 inputs, {1000 * survive(name, 1_000_000):.1f} ms at most")


@pytest.mark.parametrize("name", READERS)
def test_the_examples_are_read(name):
    """What is broken above was whole before."""
    read, examples = READERS[name]
    for example in examples or (write_tar(honest.contest().files()),):
        read(example)
