"""Every statement in the service's .sql files parses, names only what is there, and says what it takes."""

import re

import asyncpg
import pytest

from service.database.queries import load
from tests.conftest import ROOT

FILES = sorted(path for path in (ROOT / "service").rglob("*.sql") if "migrations" not in path.parts)
STATEMENTS = [(path, name, text) for path in FILES for name, text in load(path).items()]
IDS = [f"{path.relative_to(ROOT / 'service').with_suffix('')}.{name}" for path, name, _ in STATEMENTS]
_COMMENT = re.compile(r"--[^\n]*")


def test_every_room_has_its_statements():
    """The list below is not empty by accident: each room that has rows has a file."""
    rooms = {path.parent.name for path in FILES}

    assert {"registrar", "box", "tallier", "desk", "public", "database"} <= rooms


@pytest.mark.parametrize(("text"), [text for *_, text in STATEMENTS], ids=IDS)
async def test_a_statement_prepares(trial, text):
    """The database accepts the statement, its header lists each argument in order, and its columns are spelled out."""
    conn = await asyncpg.connect(trial.url)
    taken = (await conn.prepare(text)).get_parameters()
    await conn.close()

    documented = re.findall(r"^--   \$(\d+) +[a-z0-9_]+ +\S", text, re.MULTILINE)
    assert documented == [str(number) for number in range(1, len(taken) + 1)]
    assert not re.search(r"select\s+(\w+\.)?\*", _COMMENT.sub("", text), re.IGNORECASE)


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, name, _ in STATEMENTS], ids=IDS)
def test_a_statement_is_used(path, name):
    """What nobody runs is not there."""
    beside = path.parent.glob("*.py") if path.name == "queries.sql" else [path.with_suffix(".py")]
    users = [*beside, *(ROOT / "service").glob("*.py")]

    assert any(f'_SQL["{name}"]' in source.read_text() for source in users), f"{path}: {name} is not used"
