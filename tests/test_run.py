"""The two commands: `run` installs once, says in one line what is wrong, and the lock covers all that it installs."""

import ast
import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

# The Python behind the virtual environment that the tests run in: that one has no pip.
PYTHON = sys._base_executable
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def project(tmp_path):
    """A copy of `run` with as much of a project around it as it looks at."""
    shutil.copy(ROOT / "run", tmp_path)
    (tmp_path / "frontend").mkdir()
    for name in ("requirements.lock", "pyproject.toml", "frontend/build_hook.py", "frontend/package-lock.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def start(project, *arguments, **environ):
    """Run the copy from another folder and return what came of it."""
    return subprocess.run(
        [PYTHON, project / "run", *arguments],
        cwd="/",
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def load(project):
    """Return the copy as a module."""
    loader = SourceFileLoader("run_copy", str(project / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_copy", loader))
    loader.exec_module(module)
    return module


def own_lines(done):
    """Return the lines of `run` itself on stderr, those about its progress aside."""
    return [line for line in done.stderr.splitlines() if "installing into" not in line]


def test_an_older_python_reads_as_far_as_the_message():
    """The file parses as Python 3.6, and a 3.10 is told what it is and what is needed."""
    source = (ROOT / "run").read_text()
    ast.parse(source, feature_version=(3, 6))

    pretend = "import sys; sys.version_info = (3, 10, 13); exec(compile(open(sys.argv[1]).read(), 'run', 'exec'))"
    done = subprocess.run([sys.executable, "-c", pretend, ROOT / "run"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert re.fullmatch(r"run: Python 3\.11 or newer is needed; this is 3\.10 at .*\n", done.stderr)


def test_it_can_be_started_by_its_name():
    """`./run` works too, and so does `.ci/run`."""
    assert os.access(ROOT / "run", os.X_OK)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_without_pip_one_line_says_so(project):
    """No traceback, exit code 2, and how to mend it."""
    (project / "pip.py").write_text("raise ImportError('none here')\n")

    done = start(project, PYTHONPATH=str(project))

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(own_lines(done)) == 1
    assert "has no pip; install it first" in done.stderr


def test_without_a_network_one_line_says_so(project):
    """The package index is a closed port: one line, exit code 2, and the next start tries again."""
    closed = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}

    for _ in range(2):
        done = start(project, **closed)
        assert done.returncode == 2
        assert len(own_lines(done)) == 1, done.stderr
        assert "the package index can't be reached; check the network" in done.stderr


def test_two_at_once_take_turns(project):
    """While one installs, the other says that it waits."""
    with open(project / ".venv.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen([sys.executable, project / "run"], stderr=subprocess.PIPE, text=True) as waiting:
            assert waiting.stderr.readline() == "run: another run is installing; waiting for it ...\n"
            assert waiting.poll() is None
            waiting.kill()


def test_what_changes_is_installed_again(project):
    """A finished install counts until the lock, pyproject.toml or the frontend's packages change."""
    run = load(project)
    (project / ".venv" / "bin").mkdir(parents=True)
    run.PYTHON.touch()
    assert not run.is_installed()
    (run.ENV / "requirements.sha256").write_text(run.requirements_digest())
    (run.ENV / "project.sha256").write_text(run.project_digest())
    assert run.is_installed()

    for name in ("requirements.lock", "pyproject.toml", "frontend/package-lock.json"):
        before = (project / name).read_bytes()
        (project / name).write_bytes(before + b"\n")
        assert not run.is_installed(), name
        (project / name).write_bytes(before)
    assert run.is_installed()


def test_newer_sources_are_built_again(project, monkeypatch):
    """A source that is newer than the last build, also a new one in a folder; not what npm installed."""
    monkeypatch.delenv("SKIP_FRONTEND", raising=False)
    run = load(project)
    source, stamp = project / "frontend" / "client" / "a.ts", project / "frontend" / "dist" / ".built"
    for path in (source, stamp, project / "frontend" / "node_modules" / "x.js"):
        path.parent.mkdir()
        path.touch()
    assert run.is_frontend_built()

    later = stamp.stat().st_mtime + 10
    os.utime(project / "frontend" / "node_modules" / "x.js", (later, later))
    assert run.is_frontend_built()
    os.utime(source, (later, later))
    assert not run.is_frontend_built()
    stamp.unlink()
    assert not run.is_frontend_built()
    monkeypatch.setenv("SKIP_FRONTEND", "1")
    assert run.is_frontend_built()


def locked():
    """Return name to versions, as the lock pins them: more than one where Pythons differ."""
    pins = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
        pins.setdefault(name, []).append(version)
    return pins


@pytest.mark.parametrize(
    "wanted",
    [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["service"],
        *PROJECT["project"]["optional-dependencies"]["test"],
        *PROJECT["build-system"]["requires"],
    ],
)
def test_the_lock_has_what_the_project_asks_for(wanted):
    """Every requirement, those of the build too, is pinned at a version that it accepts."""
    requirement = Requirement(wanted)
    if requirement.name != "weighin":
        versions = locked()[requirement.name]
        assert all(version in requirement.specifier for version in versions)


def test_every_pin_has_hashes_and_no_host():
    """A changed package is noticed, and the lock works with any index."""
    text = (ROOT / "requirements.lock").read_text()

    entries = re.findall(r"^\S+==.*(?:\n .*)*", text, re.MULTILINE)
    assert len(entries) == sum(len(versions) for versions in locked().values())
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry.splitlines()[0]
    assert "://" not in text


def test_the_frontend_lock_names_no_host():
    """npm's lock works with any registry, and each package has its hash."""
    text = (ROOT / "frontend" / "package-lock.json").read_text()

    assert "://registry" not in text
    assert text.count('"integrity": "sha512-') >= text.count('"version"') - 2


def test_what_builds_the_package_is_what_the_lock_pins():
    """The build's requirements stand twice in pyproject.toml, for two tools that read it; they must agree."""
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
