"""Replay: real elections through the whole service, counted as others count them, verified by a stranger."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from service import cli
from tests.conftest import ROOT
from tests.voting.test_other_counters import funded_by_pabutools, pabutools, winner_by_pyrankvote
from voting import bundle
from voting.formats.blt import read_blt
from voting.formats.pabulib import read_pabulib
from voting.methods import find
from voting.profile import Terms
from voting.verify import verify_bundle

__all__ = ["pabutools"]

SHAPE = {"contest", "cast", "rounds", "equals_offline_tally", "verified", "bundle", "seconds"}


def replay(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `weighin replay` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "service", "replay", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def find_file(shared, name: str):
    """Return a file of the published data, or skip."""
    path = shared / "data" / name
    if not path.is_file():
        pytest.skip(f"there is no ../shared/data/{name}")
    return path


@pytest.mark.slow
def test_a_ward_of_1075_ballots(shared, server_url, open_folder):
    """Orkney, 2017: a service of its own, 1,075 voters; the same winner as pyrankvote, and a bundle that verifies."""
    path = find_file(shared, "ranked/scotland2017/orkney-islands_S13002737.blt.gz")

    done = replay(
        path, "--json", "--out", open_folder, WEIGHIN_DATABASE_URL=server_url, WEIGHIN_DATA=str(open_folder / "data")
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    document = json.loads(done.stdout)
    assert set(document) == SHAPE | {"elected"}
    assert set(document["seconds"]) == {"issue", "cast", "close", "verify"}
    assert document["cast"] == 1075
    assert document["equals_offline_tally"] is True
    assert document["verified"] is True
    profile = read_blt(gzip.decompress(path.read_bytes())).profile
    offline = find("irv").count(profile, terms=Terms(profile.options), order=profile.options)
    assert document["elected"] == [winner_by_pyrankvote(profile, offline)]
    first = document["rounds"][0]["tally"]
    assert sum(map(int, first.values())) + int(document["rounds"][0]["exhausted"]) == 1075
    report = verify_bundle((open_folder / os.path.basename(document["bundle"])).read_bytes())
    assert report.result == "passed"
    assert sorted(path.name for path in open_folder.iterdir()) == ["data", os.path.basename(document["bundle"])]


def test_a_budget_of_180_ballots_through_a_running_service(shared, service, open_folder, pabutools):
    """Zurich, 2023, greedy: through a service that runs already; equal to a recount in ten lines, and to pabutools."""
    path = find_file(shared, "budget/Zurich/Switzerland_Zurich_S5.pb.gz")

    done = replay(
        path, "--method", "greedy", "--json", "--out", open_folder, "--url", service.base_url,
        WEIGHIN_DATABASE_URL=service.url, WEIGHIN_DATA=str(service.data),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) == SHAPE | {"funded"}
    assert document["cast"] == 180
    assert document["equals_offline_tally"] is True
    assert document["verified"] is True
    tar = (open_folder / os.path.basename(document["bundle"])).read_bytes()
    lots = json.loads(bundle.read_tar(tar)["tally/rounds.json"])["lots"]
    assert document["funded"] == recounted(gzip.decompress(path.read_bytes()).decode(), lots)

    file = read_pabulib(gzip.decompress(path.read_bytes()))
    lot = dict(zip(file.terms.options, lots, strict=True))
    cost = dict(zip(file.terms.options, file.terms.costs, strict=True))
    order = sorted(file.terms.options, key=lambda option: (cost[option], lot[option]))
    assert document["funded"] == funded_by_pabutools(pabutools, file.profile, file.terms, order)


def recounted(text: str, lots: list[str]) -> list[str]:
    """Count a Pabulib file by the rule's words: most votes first, then lower cost, then lot; skip what does not fit."""
    head, _, rest = text.replace("\r\n", "\n").partition("PROJECTS\n")
    projects, _, votes = rest.partition("VOTES\n")
    left = next(int(line.split(";")[1]) for line in head.splitlines() if line.startswith("budget;"))
    cost = {line.split(";")[0]: int(line.split(";")[1]) for line in projects.splitlines()[1:]}
    lot = dict(zip(cost, lots, strict=True))
    support = Counter(one for line in votes.splitlines()[1:] for one in line.split(";")[1].split(","))
    funded = []
    for project in sorted(support, key=lambda one: (-support[one], cost[one], lot[one])):
        if cost[project] <= left:
            left -= cost[project]
            funded.append(project)
    return funded


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing.blt",), ("nothing.blt",)),
        (("{blt}", "--method", "dice"), ("dice",)),
        (("{blt}", "--method", "greedy"), ("greedy",)),
        (("{blt}", "--method", "approval"), ("approval", "rankings")),
        (("{equal}", "--method", "schulze"), ("several options on one rank", "`tally` counts them")),
        (("{equal}", "--method", "irv"), ("equal.blt", "line 2", "equal ranks")),
        (("{txt}",), ("ward.txt", ".blt")),
        (("{bad}",), ("bad.blt", "line")),
        (("{gz}",), ("half.blt.gz",)),
        (("{blt}", "--concurrency", "0"), ("--concurrency",)),
        (("{blt}", "--limit", "-1"), ("--limit",)),
        (("{blt}", "--seats", "9"), ("seats",)),
        (("{blt}", "--seats", "x"), ("--seats",)),
    ],
)
def test_what_can_not_be_replayed(tmp_path, capsys, monkeypatch, arguments, words, server_url):
    """Exit code 2, one line that names the file or the option, and no contest."""
    monkeypatch.setenv("WEIGHIN_DATABASE_URL", server_url)
    monkeypatch.setenv("WEIGHIN_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    good = b'3 1\n2 1 2 0\n1 3 0\n0\n"Ash"\n"Elm"\n"Oak"\n"Trees"\n'
    (tmp_path / "ward.blt").write_bytes(good)
    (tmp_path / "ward.txt").write_bytes(good)
    (tmp_path / "bad.blt").write_bytes(good.replace(b"1 3 0", b"1 7 0"))
    (tmp_path / "half.blt.gz").write_bytes(gzip.compress(good)[:-9])
    (tmp_path / "equal.blt").write_bytes(good.replace(b"2 1 2 0", b"2 1=2 0"))
    names = {
        "{equal}": "equal.blt",
        "{blt}": "ward.blt",
        "{txt}": "ward.txt",
        "{bad}": "bad.blt",
        "{gz}": "half.blt.gz",
    }

    code = cli.main(["replay", *(names.get(argument, argument) for argument in arguments)])

    said = capsys.readouterr()
    assert code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err, said.err
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").glob("replay-*"))
