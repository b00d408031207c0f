"""Settings, read from the environment once, at start."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import platformdirs

from schemas.base import Record

_PREFIX = "WEIGHIN_"
Room = Literal["registrar", "box", "tallier", "desk", "public"]
ROOMS: tuple[Room, ...] = get_args(Room)
"""What a process may run, all or one (`serve --only`)."""
ROOMS_VARIABLE = "_WEIGHIN_ROOMS"
"""How `serve` tells its worker processes which rooms they run."""
_SECRET_CHARACTERS_MIN = 32


class SettingsError(Exception):
    """A setting that is wrong. The text begins with the variable's name."""


class Settings(Record, frozen=True):
    """Everything that may differ from one installation to the next."""

    database_url: str | None
    """WEIGHIN_DATABASE_URL: one or several hosts of a PostgreSQL server; None for the embedded one."""
    data: Path
    """WEIGHIN_DATA: the folder of keys, of the embedded server's data, and of what is published."""
    base_url: str
    """WEIGHIN_BASE_URL: how browsers reach the service, without a slash at the end."""
    secrets: tuple[str, ...]
    """WEIGHIN_SECRET: what links and sessions are signed with, newest last."""
    smtp_url: str | None
    """WEIGHIN_SMTP_URL: where mail goes out, such as smtps://name:password@mail.example; None for nowhere."""

    def __repr__(self) -> str:
        """Return where things are. Passwords and secrets stay out of logs."""
        database = "embedded" if self.database_url is None else urlsplit(self.database_url).hostname
        return f"Settings(database={database!r}, data={str(self.data)!r}, base_url={self.base_url!r})"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings that an environment holds. An empty value counts as none.

    Where there is no WEIGHIN_SECRET, one is made and kept in the data folder, readable by its owner only.

    Args:
        environ: Names and values, usually `os.environ`. Only names that begin with WEIGHIN_ count.

    Raises:
        SettingsError: A WEIGHIN_ variable that we don't know, or a value that is wrong.

    Example:
        >>> import tempfile
        >>> read_settings({"WEIGHIN_DATA": tempfile.mkdtemp()}).base_url
        'http://127.0.0.1:8000'
    """
    given = {name: value.strip() for name, value in environ.items() if name.startswith(_PREFIX) and value.strip()}
    for name in sorted(given):
        if name.removeprefix(_PREFIX).lower() not in _VARIABLES:
            raise SettingsError(f"{name}: no such setting; there are {', '.join(_names())}")

    data = _read_data(given.get("WEIGHIN_DATA"))
    return Settings(
        database_url=_read_url(given, "WEIGHIN_DATABASE_URL", "postgresql", "postgres"),
        data=data,
        base_url=_read_base_url(given),
        secrets=_read_secrets(given.get("WEIGHIN_SECRET"), data),
        smtp_url=_read_url(given, "WEIGHIN_SMTP_URL", "smtp", "smtps"),
    )


_VARIABLES = ("base_url", "data", "database_url", "secret", "smtp_url")


def _names() -> list[str]:
    return [_PREFIX + variable.upper() for variable in _VARIABLES]


def _read_data(value: str | None) -> Path:
    if value is None:
        return platformdirs.user_data_path("weighin", appauthor=False)
    data = Path(value).expanduser()
    if not data.is_absolute():
        raise SettingsError(f"WEIGHIN_DATA: {value!r} is no absolute path")
    if data.exists() and not data.is_dir():
        raise SettingsError(f"WEIGHIN_DATA: {value!r} is no folder")
    return data


def _read_url(given: Mapping[str, str], name: str, *schemes: str) -> str | None:
    url = given.get(name)
    if url is not None and url.partition("://")[0] not in schemes:
        # The value may hold a password, so it isn't repeated.
        raise SettingsError(f"{name}: must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url


def _read_base_url(given: Mapping[str, str]) -> str:
    url = given.get("WEIGHIN_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or url != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise SettingsError(f"WEIGHIN_BASE_URL: {url!r} is not like https://vote.example or http://127.0.0.1:8000")
    return url


def _read_secrets(value: str | None, data: Path) -> tuple[str, ...]:
    if value is None:
        return (_keep_secret(data / "secret"),)
    parts = tuple(part.strip() for part in value.split(","))
    for number, part in enumerate(parts, start=1):
        if len(part) < _SECRET_CHARACTERS_MIN:
            raise SettingsError(
                f"WEIGHIN_SECRET: secret {number} of {len(parts)} has {len(part)} characters, "
                f"and {_SECRET_CHARACTERS_MIN} are the least"
            )
    if len(set(parts)) < len(parts):
        raise SettingsError("WEIGHIN_SECRET: a secret is there twice")
    return parts


def _keep_secret(path: Path) -> str:
    """Return the secret that a file keeps, and make it if there is none; the same for all who ask at once."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.new-{os.getpid()}-{secrets.token_hex(4)}")
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                # A link never replaces what is there, so the first one wins and nobody sees half a file.
                os.link(partial, path)
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        secret = path.read_text("utf-8").strip()
        open_to_others = os.name == "posix" and path.stat().st_mode & 0o077
    except OSError as error:
        raise SettingsError(f"WEIGHIN_DATA: no secret can be kept there: {error}") from error
    if open_to_others:
        raise SettingsError(f"WEIGHIN_DATA: others can read {path}; run: chmod 600 {path}")
    if len(secret) < _SECRET_CHARACTERS_MIN:
        raise SettingsError(f"WEIGHIN_DATA: {path} is damaged; remove it, and all sessions and mailed links end")
    return secret
