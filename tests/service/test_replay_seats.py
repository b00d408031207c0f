"""Replay of a real ward by the Scottish rules: the whole service, and the councillors that were elected."""

import gzip
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from voting import bundle
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms
from voting.verify import verify_bundle

WARD = "orkney-islands_S13002737.blt.gz"


@pytest.mark.slow
def test_a_ward_elects_its_councillors(shared, server_url, open_folder):
    """Orkney, May 2017, three seats, 1,075 ballots cast over HTTP: the official winners, quota and every round."""
    folder = shared / "data/ranked/scotland2017"
    if not (folder / WARD).is_file():
        pytest.skip(f"there is no ../shared/data/ranked/scotland2017/{WARD}")
    official = next(
        ward for ward in json.loads((folder / "expected.json").read_text())["elections"] if ward["file"] == WARD
    )

    done = subprocess.run(
        [
            sys.executable, "-m", "service", "replay", str(folder / WARD), "--method", "stv-scottish", "--json",
            "--out", str(open_folder),
        ],
        cwd=ROOT,
        env=os.environ | {"WEIGHIN_DATABASE_URL": server_url, "WEIGHIN_DATA": str(open_folder / "data")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["cast"], document["equals_offline_tally"], document["verified"]) == (1075, True, True)
    assert set(document["elected"]) == {official["candidates"][number - 1] for number in official["winners"]}
    file = read_blt(gzip.decompress((folder / WARD).read_bytes()))
    names = file.profile.options
    offline = find("stv-scottish").count(file.profile, terms=Terms(names, seats=file.seats), order=names)
    assert not offline.draws
    assert [stage["tally"] for stage in document["rounds"]] == [
        dict(zip(names, stage.tally, strict=True)) for stage in offline.rounds
    ]

    tar = (open_folder / os.path.basename(document["bundle"])).read_bytes()
    assert verify_bundle(tar).result == "passed"
    files = bundle.read_tar(tar)
    assert json.loads(files[bundle.ROUNDS])["quota"] == f"{official['quota']}.00000"
    result = json.loads(files[bundle.RESULT].split(b"\n")[1])
    (opinion,) = result["opinions"]
    assert opinion["name"] == "pyrankvote"
    assert opinion["speaks"] or opinion["reason"]
