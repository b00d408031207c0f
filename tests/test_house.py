"""The house rules that a machine can check. Each failure names file, line and rule."""

import ast
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
ROOMS = ("schemas", "voting", "service")
MAY_IMPORT = {
    "schemas": {"schemas"},
    "voting": {"schemas", "voting"},
    "service": {"schemas", "voting", "service"},
}
OUTSIDE = {
    "schemas": {"msgspec"},
    "voting": {"msgspec", "numpy", "cryptography"},
}
"""What may be imported beside the standard library: an auditor has nothing else."""
IMPURE = {
    "asyncio", "glob", "http", "multiprocessing", "os", "random", "secrets", "shutil", "socket", "subprocess",
    "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
THIRD_OPINIONS = {"voting/second_count.py": {"pyrankvote", "pabutools"}}
"""The one file that asks programs of other people. It imports them where it asks, so that nothing else needs them."""
EXTRAS = {"voting/formats/parquet.py": {"pyarrow"}, "voting/parts.py": {"distributed"}}
"""Files for ballots in very large numbers, and what each imports where it is needed, and only there."""
COMMANDS = {
    "voting/__main__.py", "voting/cli.py", "voting/convert_command.py", "voting/parts.py", "voting/reading.py",
    "voting/verify_command.py",
}  # fmt: skip
"""The files of voting/ that read files and write to the terminal."""
CLOSED_ROOMS = ("registrar", "box", "tallier", "assist")

FILES = sorted(path.relative_to(HOUSE) for room in ROOMS for path in (HOUSE / room).rglob("*.py"))
SQL_FILES = sorted(path.relative_to(HOUSE) for path in (HOUSE / "service").rglob("*.sql"))


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file of the house."""
    return ast.parse((HOUSE / path).read_text("utf-8"))


def imports(tree: ast.Module) -> list[tuple[int, str]]:
    """Return (line, module) of every import, inside functions too; `from a import b` gives a.b."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def test_there_is_something_to_check():
    """The lists below are not empty by mistake."""
    assert len(FILES) > 60
    assert len(SQL_FILES) > 8


@pytest.mark.parametrize("path", FILES, ids=str)
def test_data_flows_one_way(path):
    """schemas <- voting <- service, and never back."""
    room = path.parts[0]
    for line, module in imports(parse(path)):
        target = module.split(".")[0]
        if target in ROOMS:
            assert target in MAY_IMPORT[room], f"{path}:{line}: {room} may not import {module}"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] != "service"], ids=str)
def test_an_auditor_needs_little(path):
    """schemas/ and voting/ import the standard library and their base dependencies; rich is drawn only where it is."""
    import sys

    allowed = OUTSIDE[path.parts[0]] | set(ROOMS) | set(sys.stdlib_module_names)
    if str(path) in COMMANDS:
        allowed |= {"rich"}
    opinions = THIRD_OPINIONS.get(str(path), set()) | EXTRAS.get(str(path), set())
    for line, module in imports(parse(path)):
        assert module.split(".")[0] in allowed | opinions, f"{path}:{line}: an auditor has no {module}"
    at_the_top = [node for node in parse(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    for line, module in imports(ast.Module(at_the_top, [])):
        assert module.split(".")[0] not in opinions, f"{path}:{line}: import {module} where it is asked"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] != "service"], ids=str)
def test_the_count_is_pure(path):
    """Same bytes in, same bytes out: no clock, no dice, no network, no files in schemas/ and voting/."""
    if str(path) in COMMANDS:
        return
    for line, module in imports(parse(path)):
        assert module.split(".")[0] not in IMPURE, f"{path}:{line}: {module} is not for pure code"
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "today", "utcnow"), f"{path}:{node.lineno}: a clock is not for pure code"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] in ("schemas",) or "voting" in p.parts[:1]], ids=str)
def test_no_float_counts(path):
    """No float literal and no float type in schemas/ or in counting code."""
    if str(path) in COMMANDS:
        return
    for node in ast.walk(parse(path)):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path}:{node.lineno}: a float"
        if isinstance(node, ast.Name):
            assert node.id != "float", f"{path}:{node.lineno}: a float"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[:1] == ("service",)], ids=str)
def test_closed_rooms_keep_apart(path):
    """Registrar, box, tallier and assist never import each other."""
    if len(path.parts) < 3 or path.parts[1] not in CLOSED_ROOMS:
        return
    others = {f"service.{room}" for room in CLOSED_ROOMS if room != path.parts[1]}
    for line, module in imports(parse(path)):
        assert ".".join(module.split(".")[:2]) not in others, f"{path}:{line}: {path.parts[1]} may not import {module}"


def test_no_import_cycles():
    """A module is finished before another one needs it, also inside functions."""
    names = {str(path.with_suffix("")).replace("/", ".").removesuffix(".__init__"): path for path in FILES}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        for _, module in imports(parse(path)):
            target = module if module in names else module.rpartition(".")[0]
            if target in names and target != name:
                graph[name].add(target)
    done: set[str] = set()
    while ready := [name for name in graph if name not in done and graph[name] <= done]:
        done.update(ready)
    assert done == set(graph), f"in or behind a cycle: {sorted(set(graph) - done)}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_everything_public_says_what_it_is(path):
    """Modules, classes and functions without a leading underscore have a docstring; __init__ holds nothing else."""
    tree = parse(path)
    assert ast.get_docstring(tree), f"{path}: no module docstring"
    if path.name == "__init__.py":
        assert len(tree.body) == 1, f"{path}: a docstring at most"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            overload = any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)
            assert overload or ast.get_docstring(node), f"{path}:{node.lineno}: {node.name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_catch_all_names(path):
    """A file is named for what it holds."""
    assert path.stem not in ("utils", "helpers", "common", "manager", "handler", "misc")


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "routes.py"], ids=str)
def test_routes_do_not_catch(path):
    """Raise where the fact is known, translate once: no route has try/except."""
    for node in ast.walk(parse(path)):
        assert not isinstance(node, ast.Try), f"{path}:{node.lineno}: try in a route"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "service"], ids=str)
def test_sql_is_never_put_together(path):
    """Values go to the database as arguments: no f-string begins like a statement, but with a constant's name."""
    for node in ast.walk(parse(path)):
        if not (isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant)):
            continue
        start = str(node.values[0].value).lstrip().split(" ")[0]
        if start in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "DROP", "ALTER", "SET", "GRANT"):
            for part in node.values:
                constant = isinstance(part, ast.Constant) or (
                    isinstance(part, ast.FormattedValue)
                    and isinstance(part.value, ast.Name)
                    and part.value.id.isupper()
                )
                assert constant, f"{path}:{node.lineno}: SQL in an f-string"


@pytest.mark.parametrize("path", SQL_FILES, ids=str)
def test_columns_are_spelled_out(path):
    """No `select *`, and one clock: now() is when a transaction began, clock_timestamp() is not everyone's moment."""
    text = re.sub(r"--[^\n]*", "", (HOUSE / path).read_text("utf-8")).lower()
    assert not re.search(r"select\s+\*", text), f"{path}: spell the columns out"
    assert "now()" not in text, f"{path}: take the time from weighin.clock()"
    if "0001_" not in path.name and path.name not in ("queries.sql", "installing.sql"):
        assert "clock_timestamp" not in text, f"{path}: take the time from weighin.clock()"


def test_only_one_clock_below_the_routes():
    """Acts read the time from the database: no datetime.now, no time.time in rooms."""
    for path in FILES:
        if path.parts[0] == "service" and len(path.parts) > 2 and path.parts[1] in (*CLOSED_ROOMS, "desk"):
            for line, module in imports(parse(path)):
                assert module != "time.time", f"{path}:{line}: take the time from the database"
            source = (HOUSE / path).read_text("utf-8")
            assert "time.time(" not in source, f"{path}: take the time from the database"
            assert "datetime.now" not in source, f"{path}: take the time from the database"
