"""Private keys on disk: one folder a room, files of mode 0600, never in the database.

    WEIGHIN_DATA/keys/<room>/<contest>/<name>

A room's process reads its own folder only, and does not start where it could read another's.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from service.refusals import NotReady, UnsafeInstallation
from voting.proof.statement import Signer

ROOMS = ("registrar", "box", "tallier", "desk")


class KeyFolder:
    """The keys of one room."""

    def __init__(self, data: Path, room: str) -> None:
        self.path = data / "keys" / room

    def secret(self, *names: str) -> bytes:
        """Return 32 random bytes that are made at the first call and kept."""
        return self.keep(*names, make=lambda: secrets.token_bytes(32))

    def keep(self, *names: str, make: Callable[[], bytes]) -> bytes:
        """Return the bytes of a key file, made by `make()` when there is none yet.

        The file is written beside and linked into place, so that of two who make it at once one wins, and a crash
        leaves no half a key.
        """
        path = self._path(names)
        if not path.exists():
            for folder in (self.path.parent, self.path, path.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(partial, path)
            partial.unlink()
        return path.read_bytes()

    def read(self, *names: str) -> bytes:
        """Return the bytes of a key file.

        Raises:
            NotReady: There is none: it was never made here, or destroyed.
        """
        try:
            return self._path(names).read_bytes()
        except FileNotFoundError:
            raise NotReady(f"there is no key {'/'.join(names)} in {self.path}: made elsewhere, or destroyed") from None

    def signer(self, *names: str, name: str) -> Signer:
        """Return a note signer whose secret is kept under `names`, made at the first call."""
        return Signer(secret=self.secret(*names), name=name)

    def destroy(self, *names: str) -> None:
        """Overwrite and remove a key file, or a folder of them. Nothing happens where there is none."""
        path = self._path(names)
        files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        for file in files:
            size = file.stat().st_size
            with open(file, "r+b") as handle:
                handle.write(secrets.token_bytes(size))
                handle.flush()
                os.fsync(handle.fileno())
            file.unlink()
        if path.is_dir():
            shutil.rmtree(path)

    def _path(self, names: tuple[str, ...]) -> Path:
        return self.path.joinpath(*names)


def refuse_foreign_keys(data: Path, rooms: tuple[str, ...]) -> None:
    """Check that a process that runs only `rooms` can't read the keys of another.

    Raises:
        UnsafeInstallation: It can.
    """
    for room in ROOMS:
        folder = data / "keys" / room
        if room not in rooms and folder.is_dir() and os.access(folder, os.R_OK | os.X_OK) and any(folder.iterdir()):
            raise UnsafeInstallation(
                f"this process runs {', '.join(rooms)} and can read {folder}: "
                "give each room a user of its own and close the folder to the others"
            )
