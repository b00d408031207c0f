"""What is written is read again, the same to the last cell: BLT and Pabulib. The others are beside their readers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voting.formats.made import ranked_profiles, same
from voting.errors import InvalidFile
from voting.formats import plain_votes
from voting.formats.blt import read_blt, write_blt
from voting.formats.pabulib import Table, read_pabulib, write_pabulib
from voting.profile import merge

CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)
IDS = st.text("ab1é.-", min_size=1, max_size=20)


@given(ranked_profiles(), st.text(st.characters(exclude_categories=("C", "Z")), max_size=9), st.integers(1, 5))
def test_blt(profile, title, seats):
    """Names of any script, quotes and # too; ties, empty ballots, options that nobody ranks."""
    seats = min(seats, len(profile.options))

    file = read_blt(write_blt(profile, seats=seats, title=title))

    assert same(file.profile, profile)
    assert (file.title, file.seats, file.withdrawn) == (title, seats, ())


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a\x1b"])
def test_a_name_that_blt_cannot_hold_is_not_written(name):
    """A file that could not be read again is refused when it is written."""
    with pytest.raises(InvalidFile, match="which BLT can't hold"):
        write_blt(merge([], [name]), seats=1, title="")
    if name:
        with pytest.raises(InvalidFile, match="the title of a BLT file"):
            write_blt(merge([], ["a"]), seats=1, title=name)


@st.composite
def budgets(draw, vote_type):
    """The three sections of a file, with keys and columns that nobody knows."""
    ids = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    meta = {"budget": str(draw(st.integers(0, 10**6))), "vote_type": vote_type}
    meta |= draw(st.dictionaries(IDS.map(lambda key: f"x-{key}"), CELLS.map(str.strip), max_size=2))
    projects = [(name, draw(st.sampled_from(["0", "7", "60.25", "1e3"])), draw(CELLS)) for name in ids]
    votes = []
    for number in range(draw(st.integers(0, 6))):
        most = 1 if vote_type == "choose-1" else len(ids)
        unique = vote_type == "ordinal"
        chosen = draw(st.lists(st.sampled_from(ids), max_size=most, unique=unique))
        values = st.integers(0, 9).map(str) | st.just("0.5") if draw(st.booleans()) else st.integers(0, 3).map(str)
        given_points = ",".join(draw(values) for _ in chosen)
        votes.append((str(number), draw(CELLS), ",".join(chosen), given_points))
    return (
        meta,
        Table(("project_id", "cost", "unknown"), projects),
        Table(("voter_id", "mood", "vote", "points"), votes),
    )


@pytest.mark.parametrize("vote_type", ["approval", "choose-1", "cumulative", "scoring", "ordinal"])
@settings(max_examples=80)
@given(data=st.data())
def test_pabulib(vote_type, data):
    """Every cell of every column, every key of META; and at once or line by line, the same profile."""
    meta, projects, votes = data.draw(budgets(vote_type))

    written = write_pabulib(meta=meta, projects=projects, votes=votes)
    file = read_pabulib(written)

    assert file.meta == meta
    assert (file.projects.columns, file.projects.rows) == (projects.columns, projects.rows)
    assert (file.votes.columns, file.votes.rows) == (votes.columns, votes.rows)
    slow = read_pabulib(written.replace(b"voter_id;mood", b'"voter_id";mood').replace(b"\n0;", b'\n"0";'))
    for name in ("starts", "members", "values", "counts"):
        assert getattr(file.profile, name).tolist() == getattr(slow.profile, name).tolist(), name
    assert (file.profile.ballots, file.point_digits) == (slow.profile.ballots, slow.point_digits)


@pytest.mark.parametrize("vote_type", ["approval", "choose-1", "cumulative", "scoring", "ordinal"])
@settings(max_examples=80)
@given(data=st.data(), end=st.sampled_from([b"\n", b"\r\n"]), first=st.booleans())
def test_plain_votes_are_read_at_once(vote_type, data, end, first):
    """Without quotes the fast way reads them, and agrees with the slow one; whatever the line ends and columns."""
    meta, projects, votes = data.draw(budgets(vote_type))
    order = (2, 0, 3) if first else (0, 3, 2)
    rows = [tuple(row[place] for place in order) for row in votes.rows]
    columns = tuple(votes.columns[place] for place in order)
    written = write_pabulib(meta=meta, projects=projects, votes=Table(columns, rows))
    head, _, tail = written.partition(b"VOTES\n")

    file = read_pabulib(head + b"VOTES\n" + tail.replace(b"\n", end))
    slow = read_pabulib(head + b"VOTES\n" + tail + b'""' + b";" * 2 + b"\n") if tail else file

    assert file.votes.plain is not None
    assert file.votes.rows == rows
    assert file.profile.scores() == slow.profile.scores()
    assert dict_of(file.profile) == dict_of(slow.profile)


def dict_of(profile):
    """The ballots that support something, with multiplicities."""
    return {tuple(ballot.items()): times for ballot, times in profile.unique() if ballot}


def test_a_token_is_not_taken_for_a_shorter_id():
    """A zero byte behind an id is another text."""
    head = b"META\nkey;value\nbudget;9\nvote_type;approval\nPROJECTS\nproject_id;cost\na;1\nbb;1\nVOTES\n"

    assert plain_votes.find_plain_votes(b"1;a\n", ("voter_id", "vote"), wanted=("vote",)) is not None
    with pytest.raises(InvalidFile, match=r"line 11: a vote for 'a\\x00'"):
        read_pabulib(head + b"voter_id;vote\n1;a\0\n")
