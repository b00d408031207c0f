"""What journeys may ask for: the demonstration, running as anyone would start it."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from service import serving
from tests.conftest import ROOT, make_open_folder

START_SECONDS = 180


@dataclass(frozen=True)
class RunningDemo:
    """A demonstration that is ready.

    Attributes:
        base_url: Its address.
        codes: Unused codes of the contest that is open, one journey each.
        contests: What `weighin demo --json` says of its contests.
    """

    base_url: str
    codes: list[str]
    contests: list[dict[str, Any]]


@pytest.fixture(scope="session")
def demo() -> Iterator[RunningDemo]:
    """`weighin demo --json` as a child process, with data and a database server of its own."""
    folder = make_open_folder()
    port = serving.free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIGHIN_")}
    child = subprocess.Popen(
        [sys.executable, "-m", "service", "demo", "--json", "--port", str(port)],
        cwd=ROOT,
        env={**environment, "WEIGHIN_DATA": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    too_long = threading.Timer(START_SECONDS, child.kill)
    too_long.start()
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        too_long.cancel()
        if not line:
            pytest.fail(f"the demonstration ended with code {child.wait(10)} before it was ready")
        said = msgspec.json.decode(line)
        codes = [code for contest in said["contests"] if contest["phase"] == "open" for code in contest["codes"]]
        yield RunningDemo(base_url=said["base_url"], codes=codes, contests=said["contests"])
    finally:
        too_long.cancel()
        serving.stop(child)
        assert child.stdout is not None
        child.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)
