"""`verify` as people and scripts use it: sources, exit codes, output; and with nothing installed but three packages."""

import gzip
import io
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests import honest
from voting import bundle
from voting.bundle import write_tar
from voting.cli import main

ROOT = Path(__file__).resolve().parents[2]


@cache
def tar() -> bytes:
    return write_tar(honest.contest().files())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bundle.tar on disk."""
    made = tmp_path / "bundle.tar"
    made.write_bytes(tar())
    return made


def run(*args: object) -> int:
    return main(["verify", *map(str, args)])


def test_a_good_bundle(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; a line for each check, the trust list, the outcome, and that it passed."""
    contest = honest.contest()

    assert run(path, "--ctx", contest.ctx.hex().upper()[:24]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"Contest ranked-contest, {contest.ctx.hex()}")
    lines = out.splitlines()
    assert [line.split()[1] for line in lines if line[:1] in "✓✗–" and line] == [f"V{n}" for n in range(1, 25)]
    assert "  single-party log: " in out
    assert out.rstrip().endswith("PASSED.")
    assert f"Elected: {contest.count(contest.seed())[1][0]}" in out


def test_a_bad_bundle(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; the failed check is marked, and no outcome is printed."""
    data = bytearray(tar())
    data[2000] ^= 1
    path.write_bytes(bytes(data))

    assert run(path) == 1

    out = capsys.readouterr().out
    assert "✗ V1" in out
    assert "Elected" not in out
    assert "REJECTED: V1" in out


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON document with exactly the published keys; the same with a failure, and exit code 1."""
    assert run(path, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["contest", "ctx", "result", "checks", "trust", "elected"]
    assert report["result"] == "passed"
    assert {"id": "V16", "name": "paper", "passed": None, "detail": "not applicable: no paper ballots"} in report[
        "checks"
    ]
    assert report["elected"] == list(honest.contest().count(honest.contest().seed())[1])

    assert run(path, "--json", "--ctx", "0" * 20) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["result"] == "rejected"
    assert "elected" not in report
    assert [check["id"] for check in report["checks"] if check["passed"] is False] == ["V2"]


def test_other_sources(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressed tar, standard input, and a folder of the files."""
    packed = tmp_path / "bundle.tar.gz"
    packed.write_bytes(gzip.compress(tar()))
    assert run(packed) == 0

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(tar())))
    assert run("-") == 0

    folder = tmp_path / "unpacked"
    shutil.unpack_archive(path, folder, "tar", filter="data")
    assert run(folder) == 0
    (folder / bundle.ROLL).write_bytes(b"")
    assert run(folder) == 1


def test_what_the_user_brings(path: Path, tmp_path: Path) -> None:
    """Promise, checkpoint, code and authority from files and arguments."""
    contest = honest.contest()
    (tmp_path / "promise").write_bytes(contest.promises[0])
    (tmp_path / "checkpoint").write_bytes(contest.files()[bundle.LOG_CHECKPOINT])
    brought = ["--promise", tmp_path / "promise", "--checkpoint", tmp_path / "checkpoint"]
    key = contest.keys.authority[0].vkey

    assert run(path, *brought, "--code", contest.residents[0].code, "--authority", key) == 0

    (tmp_path / "promise").write_bytes(contest.promise(bytes(32)))
    assert run(path, *brought) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere.tar"], "No such file"),
        ([__file__], "not a tar"),
        ([Path(__file__).parent / "nothing-here"], "No such file"),
        ([], "PATH_OR_URL"),
        (["BUNDLE", "--ctx", "xyz"], "20 to 64 hex digits"),
        (["BUNDLE", "--authority", "alice"], "name+id+key"),
        (["BUNDLE", "--authority", "al\udce4ice+1+A"], "--authority"),
        (["BUNDLE", "--code", "00008-0000J-0000V-00004"], "group 1"),
        (["BUNDLE", "--promise", "nowhere"], "No such file"),
        (["http://127.0.0.1:9/bundle"], "can't be read"),
        (["http://[/"], "no address"),
    ],
)
def test_wrong_use(args: list[object], said: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and one line on stderr that says what is wrong."""
    assert run(*(path if arg == "BUNDLE" else arg for arg in args)) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_damaged_gzip(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A compressed file that was cut, or changed, is unreadable and no crash."""
    whole = gzip.compress(tar())
    for data in (whole[:-20], whole[:100] + b"xxxx" + whole[104:], whole[:3]):
        path.write_bytes(data)
        assert run(path) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def site() -> Iterator[str]:
    """A web server that has the bundle where a contest has it, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/api/v1/contests/ranked-contest/bundle"
            body = gzip.compress(tar()) if found else b"no"
            self.send_response(200 if found else 404)
            if found:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_addresses(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The bundle's own address, and that of a contest's page in any language; everything else is unreadable."""
    for place in ("/api/v1/contests/ranked-contest/bundle", "/contests/ranked-contest", "/es/contests/ranked-contest/"):
        assert run(site + place) == 0
    assert run(site + "/contests/another") == 2
    assert "404" in capsys.readouterr().err


ALONE = """
import sys
from importlib.abc import MetaPathFinder

ALLOWED = {allowed!r}

class Guard(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        top = name.split(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{{name}} is not for an auditor", name=name)

sys.meta_path.insert(0, Guard())
sys.path[:] = [{code!r}, *(one for one in sys.path if one), *{sites!r}]
from voting.cli import main
sys.exit(main(["verify", {bundle!r}, "--json"]))
"""


def test_an_auditor_needs_three_packages(path: Path, tmp_path: Path) -> None:
    """schemas/ and voting/ alone verify a bundle in a bare Python with msgspec, numpy and cryptography."""
    code = tmp_path / "code"
    for room in ("schemas", "voting"):
        shutil.copytree(ROOT / room, code / room, ignore=shutil.ignore_patterns("__pycache__"))
    wanted = {"msgspec", "numpy", "cryptography", "cffi"}  # cryptography brings cffi
    allowed = {top for top, names in packages_distributions().items() if wanted & {name.lower() for name in names}}
    assert {"msgspec", "numpy", "cryptography"} <= allowed
    sites = [one for one in sys.path if "site-packages" in one]
    script = ALONE.format(
        allowed=allowed | {"schemas", "voting"}, code=str(code), sites=sites, bundle=str(path)
    )  # fmt: skip

    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, cwd=tmp_path)

    assert done.stderr == ""
    assert done.returncode == 0
    assert json.loads(done.stdout)["result"] == "passed"


def test_python_m_voting(path: Path) -> None:
    """`python -m voting verify` is the same command."""
    done = subprocess.run(
        [sys.executable, "-m", "voting", "verify", str(path)], capture_output=True, text=True, cwd=ROOT
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("PASSED.")
