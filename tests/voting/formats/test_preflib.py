"""PrefLib files: what is read, what is written, and what is refused with its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voting.formats.made import ranked_profiles, same
from voting.errors import InvalidFile
from voting.formats.preflib import read_preflib, write_preflib
from voting.profile import merge

PLAIN = b"""# FILE NAME: 00001.toi
# TITLE: Board: 2026
# DATA TYPE: toi
# NUMBER ALTERNATIVES: 3
# NUMBER VOTERS: 9
# ALTERNATIVE NAME 1: Ann
# ALTERNATIVE NAME 2: Ben: the second
# ALTERNATIVE NAME 3: Cas
5: 1,2
1: 3
3: {2, 1},3
"""
STRICT = PLAIN.replace(b"{2, 1},3", b"2,1,3").replace(b"toi", b"soi")


def test_a_plain_file_is_read():
    """Headers, names with colons, multiplicities, ties."""
    file = read_preflib(PLAIN)

    assert (file.title, file.data_type) == ("Board: 2026", "toi")
    assert file.profile.options == ("Ann", "Ben: the second", "Cas")
    assert file.profile.rankings.tolist() == [[0, 1, -1], [0, 1, 2], [2, -1, -1]]
    assert file.profile.tied.tolist() == [[False, False, False], [False, True, False], [False, False, False]]
    assert file.profile.counts.tolist() == [5, 3, 1]
    assert file.profile.ballots == 9


@pytest.mark.parametrize(
    "text",
    [
        STRICT.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + STRICT,
        STRICT.removesuffix(b"\n"),
        STRICT.replace(b": 2,1,3", b":2,1,3"),
        STRICT.replace(b"5: 1,2", b"\n  5 :  1 , 2 \n# a comment\n"),
        STRICT.replace(b"5: 1,2", b"2: 1,2\n3: 1,2"),
    ],
    ids=["crlf", "mark", "no last newline", "no blank", "blanks and comments", "in two lines"],
)
def test_form_does_not_matter(text):
    """Line ends, blanks and comments change nothing; block by block or line by line, the profile is the same."""
    assert same(read_preflib(text).profile, read_preflib(STRICT).profile)


@pytest.mark.parametrize(
    ("line", "reason", "text"),
    [
        (1, "NUMBER ALTERNATIVES", b""),
        (9, "NUMBER ALTERNATIVES", PLAIN.replace(b"# NUMBER ALT", b"# NUMB ALT")),
        (8, "no header ALTERNATIVE NAME 2", PLAIN.replace(b"# ALTERNATIVE NAME 2: Ben: the second\n", b"")),
        (7, "has a name already", PLAIN.replace(b"NAME 2", b"NAME 1")),
        (7, "stands twice", PLAIN.replace(b"Ben: the second", b"Ann")),
        (7, "is empty", PLAIN.replace(b"Ben: the second", b"")),
        (3, "header 'TITLE' stands twice", PLAIN.replace(b"DATA TYPE", b"TITLE")),
        (9, "is no ballot", PLAIN.replace(b"5: 1,2", b"1,2")),
        (9, "is no ballot", PLAIN.replace(b"5: 1,2", b"0: 1,2")),
        (9, "is no ballot", PLAIN.replace(b"5: 1,2", b"1.5: 1,2")),
        (9, "must not be empty", PLAIN.replace(b"5: 1,2", b"5:")),
        (9, "end with a comma", PLAIN.replace(b"5: 1,2", b"5: 1,")),
        (9, "before a comma", PLAIN.replace(b"5: 1,2", b"5: ,1")),
        (9, "no alternative", PLAIN.replace(b"5: 1,2", b"5: 1,4")),
        (9, "no alternative", PLAIN.replace(b"5: 1,2", b"5: 1 2")),
        (9, "no alternative", PLAIN.replace(b"5: 1,2", b"5: 1,{}")),
        (9, "where a comma belongs", PLAIN.replace(b"5: 1,2", b"5: {1,{2}}")),
        (9, "where a comma belongs", PLAIN.replace(b"5: 1,2", b"5: {1}2")),
        (9, "ranked twice", PLAIN.replace(b"5: 1,2", b"5: 1,2,1")),
        (9, "ranked twice", PLAIN.replace(b"5: 1,2", b"5: 1,{2,1}")),
        (9, "more than", PLAIN.replace(b"5: 1,2", b"9007199254740992: 1,2")),
        (10, "more than", PLAIN.replace(b"5: 1,2", b"9007199254740991: 1,2")),
        (11, "which .soi can't hold", PLAIN.replace(b"DATA TYPE: toi", b"DATA TYPE: soi")),
        (9, "2 of 3 alternatives, but .toc", PLAIN.replace(b"DATA TYPE: toi", b"DATA TYPE: toc")),
        (9, "2 of 3 alternatives, but .soc", STRICT.replace(b"DATA TYPE: soi", b"DATA TYPE: soc")),
        (9, "UTF-8", PLAIN.replace(b"5: 1,2", b"\xff")),
    ],
)
def test_a_fault_is_told_with_its_line(line, reason, text):
    """The line, what is wrong with it, and how to mend it."""
    with pytest.raises(InvalidFile, match=rf"^line {line}: .*{reason}"):
        read_preflib(text)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("header NUMBER VOTERS is '8', but the file holds 9", PLAIN.replace(b"VOTERS: 9", b"VOTERS: 8")),
        ("header NUMBER ALTERNATIVES is 'x'", PLAIN.replace(b"ALTERNATIVES: 3", b"ALTERNATIVES: x")),
        ("header ALTERNATIVE NAME 3, but there are 2", PLAIN.replace(b"ALTERNATIVES: 3", b"ALTERNATIVES: 2")),
        ("header DATA TYPE is 'cat'", PLAIN.replace(b"TYPE: toi", b"TYPE: cat")),
    ],
)
def test_a_fault_in_a_header_is_told_with_its_name(reason, text):
    """The header, what it says, and what the file holds."""
    with pytest.raises(InvalidFile) as refusal:
        read_preflib(text)
    assert reason in str(refusal.value)


def test_a_name_that_says_something_else_is_refused():
    """A .soi that says it is .toi."""
    with pytest.raises(InvalidFile, match="rename it to"):
        read_preflib(PLAIN, data_type="soi")


def test_equal_ranks_are_refused_where_a_method_does_not_take_them():
    """The line and the rank are named."""
    with pytest.raises(InvalidFile, match=r"^line 11: equal ranks \(\{2, 1\}\)"):
        read_preflib(PLAIN, equal_ranks=False)


@pytest.mark.parametrize(
    ("rankings", "data_type", "reason"),
    [
        ([("a", "b")], "soc", "ranks 2 of 3 options, which .soc can't hold; write .soi"),
        ([("a", "b")], "toc", "write .toi"),
        ([(("a", "b"), "c")], "soi", "equal ranks, which .soi can't hold; write .toi"),
        ([()], "toi", "1 ballots rank nothing, which PrefLib can't hold; leave them out with --drop-empty"),
    ],
)
def test_what_a_type_cannot_hold_is_not_written(rankings, data_type, reason):
    """What it is, and what can hold it."""
    from schemas.ballot import Ranking

    with pytest.raises(InvalidFile) as refusal:
        write_preflib(merge([Ranking(ranking) for ranking in rankings], "abc"), data_type=data_type)
    assert reason in str(refusal.value)


@given(ranked_profiles(empty=False))
def test_what_is_written_is_read_again(profile):
    """A profile goes out as .toi and comes back the same."""
    assert same(read_preflib(write_preflib(profile, data_type="toi", title="t"), data_type="toi").profile, profile)


@pytest.mark.parametrize(
    ("data_type", "equal", "complete"), [("soc", False, True), ("soi", False, False), ("toc", True, True)]
)
@settings(max_examples=60)
@given(data=st.data())
def test_every_type_goes_both_ways(data_type, equal, complete, data):
    """The same for strict and for complete rankings."""
    profile = data.draw(ranked_profiles(equal=equal, complete=complete, empty=False))

    file = read_preflib(write_preflib(profile, data_type=data_type), data_type=data_type)

    assert same(file.profile, profile)
    assert file.data_type == data_type


def test_headers_are_kept():
    """DESCRIPTION and others stay; those that the ballots decide are written anew."""
    file = read_preflib(PLAIN.replace(b"# FILE NAME: 00001.toi", b"# DESCRIPTION: a town: long ago"))

    again = read_preflib(write_preflib(file.profile, data_type="toi", title=file.title, headers=file.headers))

    assert again.headers["DESCRIPTION"] == "a town: long ago"
    assert again.headers["NUMBER UNIQUE ORDERS"] == "3"
