"""Statements come out of their files whole, or the file is refused with its line."""

import pytest

from service.database.queries import InvalidQueries, load


def write(folder, text):
    path = folder / "queries.sql"
    path.write_text(text)
    return path


def test_a_statement_keeps_its_comment(tmp_path):
    """Two statements, in order, each with the comment that lists its arguments."""
    path = write(
        tmp_path,
        "-- The box.\n\n\n-- name: add\n-- Add one.\n--   $1 n  integer\nINSERT INTO box\nVALUES ($1);\n\n\n"
        "-- name: list_all\nSELECT n\n  FROM box;\n",
    )

    assert load(path) == {
        "add": "-- Add one.\n--   $1 n  integer\nINSERT INTO box\nVALUES ($1);",
        "list_all": "SELECT n\n  FROM box;",
    }
    assert list(load(path)) == ["add", "list_all"]


def test_a_room_is_named_by_its_folder():
    """`load("database")` reads service/database/queries.sql."""
    assert "FROM weighin.migrations" in load("database")["list_migrations"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;\n-- name: one\nSELECT 2;\n", "queries.sql:1: there is SQL before"),
        ("SELECT 1;\n", "queries.sql:1: there is SQL before"),
        ("-- name: one\nSELECT 1;\n\n-- name: one\nSELECT 2;\n", "queries.sql:4: 'one' is used twice"),
        (
            "-- name: one\n-- only words\n\n-- name: two\nSELECT 2;\n",
            "queries.sql:1: there is no statement under 'one'",
        ),
        ("-- name: Add One\nSELECT 1;\n", "queries.sql:1: 'Add One' is no name"),
        ("-- name:\nSELECT 1;\n", "queries.sql:1: '' is no name"),
    ],
)
def test_a_careless_file_is_refused(tmp_path, text, complaint):
    """The message names the file, the line and the rule."""
    with pytest.raises(InvalidQueries, match=f"^{complaint}"):
        load(write(tmp_path, text))
