"""Settings: what is missing has a default, and what is wrong stops the start with the variable's name."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import platformdirs
import pytest

from service.settings import SettingsError, read_settings

OLD = "o" * 32
NEW = "n" * 32


def read(tmp_path, **variables):
    """Read settings with the data in a folder of the test's."""
    return read_settings({"WEIGHIN_DATA": str(tmp_path), **variables})


def test_nothing_needs_to_be_set(tmp_path):
    """The embedded server, the address of this machine, no mail, and a secret of our own making."""
    settings = read(tmp_path)

    assert settings.database_url is None
    assert settings.data == tmp_path
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.smtp_url is None
    assert len(settings.secrets) == 1


def test_the_data_is_at_home_unless_told_otherwise():
    """With a secret given nothing is written, so this reads the default without touching it."""
    assert read_settings({"WEIGHIN_SECRET": NEW}).data == platformdirs.user_data_path("weighin", appauthor=False)


def test_all_that_is_set_is_taken(tmp_path):
    """Values as they are, the secrets newest last, the slash at the end of the address gone, strangers ignored."""
    settings = read(
        tmp_path,
        WEIGHIN_DATABASE_URL="postgresql://a,b/weighin?target_session_attrs=primary",
        WEIGHIN_BASE_URL="https://vote.example:8443/",
        WEIGHIN_SECRET=f"{OLD}, {NEW}",
        WEIGHIN_SMTP_URL="smtps://post:word@mail.example",
        PATH="/bin",
    )

    assert settings.database_url == "postgresql://a,b/weighin?target_session_attrs=primary"
    assert settings.base_url == "https://vote.example:8443"
    assert settings.secrets == (OLD, NEW)
    assert settings.smtp_url == "smtps://post:word@mail.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEIGHIN_DATABASE_ULR", "postgresql://a/b"),
        ("WEIGHIN_DATABASE_URL", "mysql://a/b"),
        ("WEIGHIN_DATA", "relative/folder"),
        ("WEIGHIN_DATA", __file__),
        ("WEIGHIN_BASE_URL", "vote.example"),
        ("WEIGHIN_BASE_URL", "ftp://vote.example"),
        ("WEIGHIN_BASE_URL", "https://vote.example/path"),
        ("WEIGHIN_BASE_URL", "https://vote.example:port"),
        ("WEIGHIN_BASE_URL", "https://name@vote.example"),
        ("WEIGHIN_SECRET", "short"),
        ("WEIGHIN_SECRET", f"{OLD},"),
        ("WEIGHIN_SECRET", f"{OLD},{OLD}"),
        ("WEIGHIN_SMTP_URL", "mail.example:25"),
    ],
)
def test_a_wrong_value_stops_the_start_with_its_name(tmp_path, name, value):
    """One line, and the name is the first thing in it."""
    with pytest.raises(SettingsError, match=f"^{name}: ") as caught:
        read(tmp_path, **{name: value})
    assert "\n" not in str(caught.value)


def test_passwords_are_never_shown(tmp_path):
    """Not in the text of the settings, and not in an error."""
    settings = read(tmp_path, WEIGHIN_DATABASE_URL="postgresql://a:canary@host/b", WEIGHIN_SECRET="canary" * 6)
    assert "canary" not in repr(settings)

    with pytest.raises(SettingsError) as caught:
        read(tmp_path, WEIGHIN_DATABASE_URL="mysql://a:canary@host/b")
    assert "canary" not in str(caught.value)


def test_the_secret_is_kept_and_private(tmp_path):
    """The same one at every start, 256 bits, and nobody else may read it."""
    first = read(tmp_path / "new" / "folder").secrets

    assert read(tmp_path / "new" / "folder").secrets == first
    assert len(bytes.fromhex(first[0])) == 32
    assert stat.S_IMODE((tmp_path / "new" / "folder" / "secret").stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "new" / "folder") == ["secret"]


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    """The message says how to mend it."""
    read(tmp_path)
    (tmp_path / "secret").chmod(0o644)

    with pytest.raises(SettingsError, match=r"chmod 600"):
        read(tmp_path)


def test_a_damaged_secret_is_refused(tmp_path):
    """An empty file must not become an empty key."""
    read(tmp_path)
    (tmp_path / "secret").write_text("")

    with pytest.raises(SettingsError, match="damaged"):
        read(tmp_path)


def test_those_who_start_at_once_agree_on_one_secret(tmp_path):
    """Sixteen starts on an empty folder, ten times over: one secret each time, and nothing else is left behind."""
    with ThreadPoolExecutor(16) as threads:
        for turn in range(10):
            folder = tmp_path / str(turn)
            at_once = Barrier(16)

            def start(_, folder=folder, at_once=at_once):
                at_once.wait()
                return read(folder).secrets[0]

            assert len(set(threads.map(start, range(16)))) == 1
            assert os.listdir(folder) == ["secret"]
