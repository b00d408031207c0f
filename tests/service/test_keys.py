"""Keys on disk: readable by their room only, made once, and gone when they should be."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.app import create_app
from service.keys import KeyFolder, refuse_foreign_keys
from service.refusals import NotReady, UnsafeInstallation
from service.settings import read_settings
from tests.conftest import ROOT


def test_keys_are_for_their_owner_alone(tmp_path):
    """Files 0600, folders 0700, whatever the umask. Seen to fail with the modes left to it."""
    before = os.umask(0)
    try:
        KeyFolder(tmp_path, "box").secret("contest", "log.key")
    finally:
        os.umask(before)

    modes = {path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        "keys": 0o700,
        "keys/box": 0o700,
        "keys/box/contest": 0o700,
        "keys/box/contest/log.key": 0o600,
    }


def test_a_key_is_made_once_and_kept(tmp_path):
    """32 random bytes, the same at every call and in every process; another name, another key."""
    first = KeyFolder(tmp_path, "box").secret("a", "log.key")

    assert len(first) == 32
    assert KeyFolder(tmp_path, "box").secret("a", "log.key") == first
    assert KeyFolder(tmp_path, "box").read("a", "log.key") == first
    assert KeyFolder(tmp_path, "box").secret("b", "log.key") != first
    assert KeyFolder(tmp_path, "registrar").secret("a", "log.key") != first


def test_of_many_who_make_a_key_at_once_one_wins(tmp_path):
    """32 threads that ask at the same moment all get the same key, and leave no half a file.

    Seen to fail with the file replaced instead of linked.
    """
    folder = KeyFolder(tmp_path, "box")
    with ThreadPoolExecutor(32) as threads:
        made = list(threads.map(lambda _: folder.secret("a", "log.key"), range(32)))

    assert len(set(made)) == 1
    assert [path.name for path in (tmp_path / "keys/box/a").iterdir()] == ["log.key"]


def test_a_destroyed_key_is_overwritten_and_gone(tmp_path):
    """The bytes are overwritten before the name goes, so that a second link to the file does not keep them."""
    folder = KeyFolder(tmp_path, "registrar")
    secret = folder.secret("a", "resident.pem")
    kept = tmp_path / "second link"
    os.link(tmp_path / "keys/registrar/a/resident.pem", kept)

    folder.destroy("a", "resident.pem")

    assert kept.read_bytes() != secret
    with pytest.raises(NotReady):
        folder.read("a", "resident.pem")
    folder.destroy("a", "resident.pem")  # and again: nothing happens


def test_a_whole_folder_can_be_destroyed(tmp_path):
    """All keys of a contest go at once."""
    folder = KeyFolder(tmp_path, "tallier")
    folder.secret("a", "one")
    folder.secret("a", "two")
    folder.destroy("a")

    assert not (tmp_path / "keys/tallier/a").exists()


def test_a_process_refuses_to_start_where_it_could_read_anothers_keys(tmp_path):
    """The box alone, and the registrar's folder readable: refused with its name. All rooms in one: allowed."""
    KeyFolder(tmp_path, "registrar").secret("a", "resident.pem")
    KeyFolder(tmp_path, "box").secret("a", "log.key")

    with pytest.raises(UnsafeInstallation, match=r"can read .*registrar"):
        refuse_foreign_keys(tmp_path, ("box",))
    refuse_foreign_keys(tmp_path, ("box", "registrar", "desk", "tallier"))
    settings = read_settings({"WEIGHIN_DATA": str(tmp_path), "WEIGHIN_DATABASE_URL": "postgresql://nowhere.example/x"})
    with pytest.raises(UnsafeInstallation):
        create_app(settings, ["box"])
    create_app(settings, ["box", "registrar", "tallier", "desk", "public"])


def test_an_empty_folder_is_no_danger(tmp_path):
    """A folder without keys, or none at all, stops nobody."""
    (tmp_path / "keys" / "desk").mkdir(parents=True)

    refuse_foreign_keys(tmp_path, ("box",))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_process_of_another_user_starts(open_folder):
    """Where the other room's folder belongs to somebody else and is closed, the process may start."""
    KeyFolder(open_folder, "registrar").secret("a", "resident.pem")
    (open_folder / "keys").chmod(0o711)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from service.keys import refuse_foreign_keys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "refuse_foreign_keys(Path(sys.argv[1]), ('box',))\n"
        "print('may start')\n"
    )

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, str(open_folder)], cwd=ROOT, capture_output=True, text=True, check=False
        )

    assert start().stdout == "may start\n"
    (open_folder / "keys" / "registrar").chmod(0o755)
    assert "UnsafeInstallation" in start().stderr
