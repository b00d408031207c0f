"""BLT files: what is read, and what is refused with its line."""

import gzip
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Ranking
from tests.voting.made import NAMES, ranked_elections
from voting.errors import InvalidFile
from voting.formats.blt import read_blt, write_blt
from voting.profile import merge

PLAIN = b'3 1\n4 1 2 0\n3 3 0\n2 0\n0\n"Ann"\n"Ben"\n"Cas"\n"Board"\n'


def unique(file):
    """The rankings of a file with their multiplicities."""
    return dict(file.profile.unique())


def test_a_plain_file_is_read():
    """Counts, rankings, names and title; ballots without a ranking are ballots."""
    file = read_blt(PLAIN)

    assert (file.title, file.seats, file.candidates, file.withdrawn) == ("Board", 1, ("Ann", "Ben", "Cas"), ())
    assert unique(file) == {("Ann", "Ben"): 4, ("Cas",): 3, (): 2}
    assert file.profile.ballots == 9


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\n\n"),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.removesuffix(b"\n"),
        b"# a comment first\n" + PLAIN,
        PLAIN.replace(b"4 1 2 0", b"  4   1\t2 0   # four of them"),
        PLAIN.replace(b"4 1 2 0", b"1 1 2 0\n3 1 2 0"),
        PLAIN.replace(b'"Board"\n', b'"Board" # the end\n\n# really\n'),
    ],
    ids=["crlf", "empty lines", "mark", "no last newline", "comment", "blanks", "in two lines", "comments at the end"],
)
def test_form_does_not_matter(text):
    """Line ends, empty lines, blanks and comments change nothing."""
    assert unique(read_blt(text)) == unique(read_blt(PLAIN))


def test_a_withdrawn_candidate_is_passed_over():
    """Rankings close up behind a withdrawn candidate, by the fast way and line by line alike."""
    fast = b'3 1\n-2\n4 1 2 3 0\n3 2 0\n0\n"Ann"\n"Ben"\n"Cas"\n'

    for text in (fast, fast.replace(b"4 1 2 3 0", b"4 1 2 3 0 # slow")):
        file = read_blt(text)
        assert unique(file) == {("Ann", "Cas"): 4, (): 3}
        assert (file.withdrawn, file.profile.options, file.title) == (("Ben",), ("Ann", "Cas"), "")


def test_equal_ranks_are_read_where_a_method_takes_them():
    """`1=3` is one rank; a withdrawn candidate leaves it."""
    file = read_blt(b'4 2\n-4\n2 1=3 2 0\n1 4=2 1 0\n0\n"a"\n"b"\n"c"\n"d"\n')

    assert file.profile.rankings.tolist() == [[0, 2, 1], [1, 0, -1]]
    assert file.profile.tied.tolist() == [[False, True, False], [False, False, False]]


@pytest.mark.parametrize(
    ("line", "reason", "text"),
    [
        (1, "the file ends", b""),
        (1, "two whole numbers", b"x\n"),
        (1, "two whole numbers", b"3\n"),
        (1, "two whole numbers", b"3 1 2\n"),
        (1, "two whole numbers", b"3.0 1\n"),
        (1, "two whole numbers", b"-3 1\n"),
        (1, "candidates; there must", b"0 0\n"),
        (1, "candidates; there must", b"99999999999 1\n"),
        (1, "seats for 3", b"3 4\n"),
        (1, "seats for 3", b"3 0\n"),
        (1, "UTF-8", b"3 1 \xff\n"),
        (2, "withdrawn candidate", b"3 1\n-4\n"),
        (2, "withdrawn candidate", b"3 1\n-1 2\n"),
        (2, "every candidate has withdrawn", b"1 1\n-1\n1 1 0\n0\n"),
        (2, "must end with 0", b"3 1\n4 1 2\n0\n"),
        (3, "must end with 0", b"3 1\n4 1 2 0\n5\n0\n"),
        (2, "no candidate", b"3 1\n4 1 4 0\n0\n"),
        (2, "no candidate", b"3 1\n4 1 0 2 0\n0\n"),
        (2, "no candidate", b"3 1\n4 1 x 0\n0\n"),
        (2, "no candidate", b"3 1\n4 1 - 2 0\n0\n"),
        (2, "no candidate", b"3 1\n4 1= 0\n0\n"),
        (2, "no candidate", b"3 1\n4 1 99999999999999999999999 0\n0\n"),
        (2, "ranked twice", b"3 1\n4 1 2 1 0\n0\n"),
        (2, "ranked twice", b"3 1\n4 1=1 0\n0\n"),
        (2, "number of ballots", b"3 1\n1.5 1 0\n0\n"),
        (2, "number of ballots", b"3 1\n(id) 1 0\n0\n"),
        (2, "number of ballots", b"3 1\n0 1 0\n0\n"),
        (2, "more than", b"3 1\n9007199254740992 1 0\n0\n"),
        (3, "more than", b"3 1\n9007199254740991 1 0\n1 1 0\n0\n"),
        (3, "have not ended", b'3 1\n4 1 2 0\n"Ann"\n'),
        (3, "the file ends", b"3 1\n4 1 2 0\n"),
        (5, "name of candidate 2 of 3", b'3 1\n4 1 2 0\n0\n"Ann"\n'),
        (4, "in quotes", b"3 1\n4 1 2 0\n0\nAnn\n"),
        (5, "stands twice", b'3 1\n4 1 2 0\n0\n"Ann"\n"Ann"\n"Cas"\n'),
        (4, "has no name", b'3 1\n4 1 2 0\n0\n""\n"Ben"\n"Cas"\n'),
        (4, "control characters", b'3 1\n4 1 2 0\n0\n"A\x1b[31mnn"\n"Ben"\n"Cas"\n'),
        (8, "more text after 3 names", b'3 1\n4 1 2 0\n0\n"Ann"\n"Ben"\n"Cas"\n"Dot"\n"Board"\n'),
    ],
)
def test_a_fault_is_told_with_its_line(line, reason, text):
    """Nothing is half-read: the line, what is wrong with it, and how to mend it."""
    with pytest.raises(InvalidFile, match=rf"^line {line}: .*{reason}"):
        read_blt(text)


def test_equal_ranks_are_refused_where_a_method_does_not_take_them():
    """The line and the rank are named."""
    with pytest.raises(InvalidFile, match=r"^line 3: equal ranks \(2=3\)"):
        read_blt(b'3 1\n1 1 0\n2 1 2=3 0\n0\n"a"\n"b"\n"c"\n', equal_ranks=False)


@given(ranked_elections(), st.text(st.characters(exclude_categories=("C", "Z")), max_size=9))
def test_what_is_written_is_read_again(made, title):
    """A profile goes out and comes back the same."""
    profile = made.profile

    file = read_blt(write_blt(profile, seats=1, title=title))

    assert unique(file) == dict(profile.unique())
    assert (file.title, file.candidates) == (title, made.terms.options)


@given(st.lists(st.lists(st.sets(st.sampled_from(NAMES[:3]), min_size=1), max_size=2), max_size=6))
def test_equal_ranks_are_written_and_read_again(rankings):
    """The same for profiles with several options on one rank."""
    choices = []
    for ranking in rankings:
        left = set(NAMES[:3])
        ranks = []
        for rank in ranking:
            if rank & left:
                ranks.append(tuple(sorted(rank & left)))
                left -= rank
        choices.append(Ranking(tuple(ranks)))
    profile = merge(choices, NAMES[:3])

    again = read_blt(write_blt(profile, seats=1, title="")).profile

    assert (again.rankings.tolist(), again.counts.tolist()) == (profile.rankings.tolist(), profile.counts.tolist())
    assert (again.tied is None) == (profile.tied is None)
    assert again.tied is None or again.tied.tolist() == profile.tied.tolist()


@settings(max_examples=300)
@given(ranked_elections(most_times=99))
def test_the_fast_way_and_line_by_line_agree(made):
    """A comment in every line forces the slow way; the profile is the same."""
    text = write_blt(made.profile, seats=1, title="t")
    slow = text.replace(b" 0\n", b" 0 # slow\n")

    assert read_blt(slow).profile.rankings.tolist() == read_blt(text).profile.rankings.tolist()
    assert read_blt(slow).profile.counts.tolist() == read_blt(text).profile.counts.tolist()


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text('0123 -="#\n', max_size=80).map(str.encode), st.integers(0, 60))
def test_any_bytes_are_read_or_refused(rubbish, at):
    """Whatever a file holds, alone or inside a good file: an election, or a refusal with a line."""
    for data in (rubbish, PLAIN[:at] + rubbish + PLAIN[at:]):
        try:
            file = read_blt(data)
            told = ""
        except InvalidFile as refusal:
            told = str(refusal)
        assert told.startswith("line ") if told else sum(unique(file).values()) == file.profile.ballots


def test_the_largest_file_is_read_at_once(shared):
    """The mayor of New York City 2021: 61,830 different rankings in well under a second."""
    path = shared / "data/ranked/us-irv/us_ny_nyc_2021_06_mayor-primary-dem.blt.gz"
    if not path.is_file():
        pytest.skip("there is no ../shared/data/ranked/us-irv")
    data = gzip.decompress(path.read_bytes())
    started = time.process_time()

    file = read_blt(data)

    assert time.process_time() - started < 1
    assert file.profile.ballots == 942_031
    assert len(file.profile.counts) == 61_830
