"""SQL from files: named statements, each with its comment."""

import re
from pathlib import Path

_SERVICE = Path(__file__).resolve().parents[1]
_NAME_LINE = re.compile(r"^-- name:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COMMENT = re.compile(r"--[^\n]*")


class InvalidQueries(Exception):
    """A file of statements that breaks the rules. The text says file, line and rule."""


def load(source: str | Path) -> dict[str, str]:
    """Return the statements of a file by their names.

    A statement begins behind a line `-- name: add_ballot` and ends before the next such line. Its comment stays with
    it: it lists the arguments, and a test counts them.

    Args:
        source: A room of `service/`, such as "box", for its queries.sql; or the path of a file.

    Returns:
        Name to SQL, in the order of the file.

    Raises:
        InvalidQueries: A statement without a name, a name without a statement, or a name that is used twice.
        OSError: There is no such file.

    Example:
        >>> load("database")["list_databases"].splitlines()[0]
        '-- Every database but the server\\'s own.'
    """
    path = _SERVICE / source / "queries.sql" if isinstance(source, str) else source
    text = path.read_text("utf-8")
    heads = list(_NAME_LINE.finditer(text))
    preamble = text[: heads[0].start()] if heads else text
    if _COMMENT.sub("", preamble).strip():
        raise InvalidQueries(f"{path.name}:1: there is SQL before the first '-- name:' line")

    statements: dict[str, str] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        name, line = head[1], text.count("\n", 0, head.start()) + 1
        body = text[head.end() : following.start() if following else len(text)].strip()
        if not _NAME.fullmatch(name):
            raise InvalidQueries(f"{path.name}:{line}: {name!r} is no name: write lower_case_with_underscores")
        if name in statements:
            raise InvalidQueries(f"{path.name}:{line}: {name!r} is used twice")
        if not _COMMENT.sub("", body).strip():
            raise InvalidQueries(f"{path.name}:{line}: there is no statement under {name!r}")
        statements[name] = body
    return statements
