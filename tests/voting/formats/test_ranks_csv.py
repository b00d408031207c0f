"""CSV of ranks: what is read in either form, what is written, and what is refused with its line."""

import csv
import io

import pytest
from hypothesis import given

from schemas.ballot import Ranking
from tests.voting.formats.made import NAMES, ranked_profiles, same
from voting.errors import InvalidFile
from voting.formats.ranks_csv import read_ranks_csv, write_ranks_csv
from voting.profile import merge, merge_counted

PLAIN = b"count,rank1,rank2,rank3\n4,Ann,Ben,\n2,Cas,,Ann\n3,,,\n"


def unique(text, **options):
    """The rankings of a file with their multiplicities."""
    return dict(read_ranks_csv(text, **options).unique())


def test_a_column_a_rank():
    """Counts, names, gaps that are passed over, empty ballots; options as they first appear."""
    profile = read_ranks_csv(PLAIN)

    assert profile.options == ("Ann", "Ben", "Cas")
    assert dict(profile.unique()) == {("Ann", "Ben"): 4, ("Cas", "Ann"): 2, (): 3}


def test_a_column_an_option():
    """Cells are ranks: gaps in the numbers say nothing, equal numbers are equal ranks, blanks are unranked."""
    profile = read_ranks_csv(b"Ann,Ben,Cas\n1,2,\n7,3,3\n,,\n")

    assert profile.options == ("Ann", "Ben", "Cas")
    assert profile.rankings.tolist() == [[0, 1, -1], [1, 2, 0]]
    assert profile.tied.tolist() == [[False, False, False], [False, True, False]]
    assert profile.ballots == 3


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.removesuffix(b"\n"),
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b",", b"\t"),
        PLAIN.replace(b"Ann", b'"Ann"'),
        PLAIN.replace(b"rank", b"Choice ").replace(b"count", b"Count"),
        PLAIN.replace(b"rank1,rank2,rank3", b"1st Choice,2nd choice,3rd preference"),
        PLAIN.replace(b"4,Ann,Ben,\n", b"1,Ann,Ben,\n\n3, Ann ,Ben,undervote\n"),
        b"id,rank2,rank1,rank3,precinct,count\na,Ben,Ann,,x,4\nb,,Cas,Ann,y,1\nc,,Cas,Ann,z,1\nd,,,,,3\n",
    ],
    ids=[
        "crlf",
        "mark",
        "no last newline",
        "semicolons",
        "tabs",
        "quotes",
        "names",
        "ordinals",
        "in two lines",
        "other columns",
    ],
)
def test_form_does_not_matter(text):
    """Line ends, delimiters, quotes, other columns and the order of columns change nothing."""
    assert unique(text) == unique(PLAIN)


def test_every_line_is_a_ballot_without_a_count():
    """One ballot a line."""
    assert unique(b"rank1,rank2\nAnn,Ben\nAnn,Ben\n,\n") == {("Ann", "Ben"): 2, (): 1}


@pytest.mark.parametrize(
    ("line", "reason", "text"),
    [
        (1, "no header row", b""),
        (1, "no header row", b"\n1,2\n"),
        (1, "no option is named", b"rank1,rank2\n"),
        (1, "two columns are called count", b"count,rank1,Count\n"),
        (1, "two columns are the same rank", b"rank1,rank 1\n"),
        (1, "two columns are called 'Ann'", b"Ann,Ann\n1,2\n"),
        (1, "is empty", b"Ann,\n1,2\n"),
        (3, "3 cells, but the header has 4", PLAIN.replace(b"2,Cas,,Ann", b"2,Cas,Ann")),
        (3, "the count is '-2'", PLAIN.replace(b"2,Cas", b"-2,Cas")),
        (3, "the count is '1e3'", PLAIN.replace(b"2,Cas", b"1e3,Cas")),
        (3, "ranked twice", PLAIN.replace(b"Cas,,Ann", b"Ann,,Ann")),
        (3, "ranked twice", PLAIN.replace(b"Cas,,Ann", b"Ann|Ann,,")),
        (3, "the name '' is empty", PLAIN.replace(b"Cas,,Ann", b"Ann|,,")),
        (3, "control characters", PLAIN.replace(b"Cas", b"C\x07s")),
        (3, "count those with --rctab", PLAIN.replace(b"Cas", b"overvote")),
        (3, "check the quotes", PLAIN.replace(b"Cas,", b'"Cas,')),
        (3, "check the quotes", PLAIN.replace(b"Cas,", b'"Cas"x,')),
        (3, "more than", PLAIN.replace(b"2,Cas", b"9007199254740991,Cas")),
        (3, "UTF-8", PLAIN.replace(b"Cas", b"\xff")),
        (2, "'0' is no rank", b"Ann,Ben\n0,1\n"),
        (2, "'x' is no rank; write 1 for the best, or name the columns rank1", b"Ann,Ben\nx,1\n"),
    ],
)
def test_a_fault_is_told_with_its_line(line, reason, text):
    """The line, what is wrong with it, and how to mend it."""
    with pytest.raises(InvalidFile, match=rf"^line {line}: .*{reason}"):
        read_ranks_csv(text)


def test_equal_ranks_are_refused_where_a_method_does_not_take_them():
    """The line and the rank are named, in either form."""
    for text in (b"rank1,rank2\nAnn,\nCas,Ann|Ben\n", b"Ann,Ben,Cas\n1,2,3\n2,2,1\n"):
        with pytest.raises(InvalidFile, match=r"^line 3: equal ranks \(Ann\|Ben\)"):
            read_ranks_csv(text, equal_ranks=False)


def test_options_that_nobody_ranks_are_declared():
    """A line that counts for nobody holds all options in their order, so that nothing is lost."""
    profile = merge([Ranking(("c", "a"))], "abcd")

    written = write_ranks_csv(profile)

    assert written == b"count,rank1,rank2,rank3,rank4\n0,a,b,c,d\n1,c,a,,\n"
    assert same(read_ranks_csv(written), profile)


def test_no_cell_is_a_formula():
    """Names that a spreadsheet would run have a quote before them, and come back without it."""
    names = ("=1+1", "+1", "-1", "@x", "'=y", "'z", "plain")
    profile = merge_counted({Ranking((name,)): 1 for name in names} | {Ranking((("+1", "-1"),)): 1}, names)

    written = write_ranks_csv(profile)

    cells = [cell for row in csv.reader(io.StringIO(written.decode())) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert same(read_ranks_csv(written), profile)


@pytest.mark.parametrize("name", ["a|b", "overvote", "Undervote", " a"])
def test_a_name_that_means_something_else_is_not_written(name):
    """It is named, and the option must be renamed."""
    with pytest.raises(InvalidFile, match="rename it"):
        write_ranks_csv(merge([], [name]))


@given(ranked_profiles(names=NAMES.filter(lambda name: "|" not in name)))
def test_what_is_written_is_read_again(profile):
    """A profile goes out and comes back the same, ties, unranked options and empty ballots too."""
    assert same(read_ranks_csv(write_ranks_csv(profile)), profile)
