"""Pabulib files: what is read, and what is refused with its line."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voting.errors import InvalidFile
from voting.formats.pabulib import minor_units, read_pabulib, recorded_rule, units, write_pabulib

PLAIN = """META
key;value
budget;100
vote_type;approval
rule;greedy
PROJECTS
project_id;cost
a;60
b;50
VOTES
voter_id;vote
1;a,b
2;a
3;
"""


def with_votes(vote_type, votes, columns="voter_id;vote;points", meta=""):
    """A small file with ballots of one type."""
    head = PLAIN.partition("VOTES")[0].replace("approval", vote_type).replace("rule;greedy\n", f"rule;greedy\n{meta}")
    return (head + "VOTES\n" + columns + "\n" + votes).encode()


def unique(file):
    """The ballots as sets of (project, number) with multiplicities."""
    return {tuple(sorted(ballot.items())): times for ballot, times in file.profile.unique()}


def test_a_plain_file_is_read():
    """Terms, ballots and every column."""
    file = read_pabulib(PLAIN.encode())

    assert (file.terms.options, file.terms.costs, file.terms.budget) == (("a", "b"), (60, 50), 100)
    assert unique(file) == {(("a", 1), ("b", 1)): 1, (("a", 1),): 1, (): 1}
    assert (file.vote_type, file.minor_digits, file.point_digits) == ("approval", 0, 0)


def test_unknown_columns_and_keys_are_kept():
    """What we don't know is neither lost nor changed, and quoted cells may hold anything."""
    text = PLAIN.replace("rule;greedy", 'rule;greedy\nweather;"fine; dry"').replace(
        "cost\na;60\nb;50", 'cost;name;x\na;60;"The ""old"" mill\nby the river";1\nb;50;Bench;2'
    )

    file = read_pabulib(text.encode())

    assert file.meta["weather"] == "fine; dry"
    assert file.projects.column("name") == ['The "old" mill\nby the river', "Bench"]
    assert file.projects.column("x") == ["1", "2"]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.removesuffix("\n"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.lower(),
    ],
    ids=["crlf", "mark", "no last newline", "empty lines", "lower case"],
)
def test_form_does_not_matter(text):
    """Line ends, empty lines and the case of section names change nothing."""
    assert unique(read_pabulib(text.encode())) == unique(read_pabulib(PLAIN.encode()))


def test_decimals_become_minor_units():
    """As many digits as the file needs, for budget and costs alike; 60.00 needs none."""
    cents = read_pabulib(PLAIN.replace("a;60", "a;60.5").replace("b;50", "b;50,25").encode())
    whole = read_pabulib(PLAIN.replace("a;60", "a;60.00").replace("budget;100", "budget;1e2").encode())

    assert (cents.terms.costs, cents.terms.budget, cents.minor_digits) == ((6050, 5025), 10_000, 2)
    assert (whole.terms.costs, whole.terms.budget, whole.minor_digits) == ((60, 50), 100, 0)


@pytest.mark.parametrize("amount", ["0", "7", "60.5", "1234567.891234"])
def test_amounts_go_both_ways(amount):
    """Minor units and back: the same number."""
    assert float(units(minor_units(amount, 6), 6)) == float(amount)
    assert units(5, 2) == "0.05"
    with pytest.raises(InvalidFile, match="more decimals"):
        minor_units("0.001", 2)


def test_points_add_up():
    """Cumulative ballots give points; a project named twice gets their sum, one with 0 points nothing."""
    file = read_pabulib(with_votes("cumulative", "1;a,b;3,1\n2;b,b;1,1\n3;a;0\n4;;\n"))

    assert unique(file) == {(("a", 3), ("b", 1)): 1, (("b", 2),): 1, (): 2}
    assert file.profile.scores() == (3, 3)


def test_points_may_have_decimals():
    """Half points are scaled, so that sums stay whole numbers."""
    file = read_pabulib(with_votes("scoring", "1;a,b;0.5,1\n2;b;2\n"))

    assert (file.profile.scores(), file.point_digits) == ((5, 30), 1)


def test_ranks_become_points():
    """max_length, max_length - 1, ...; without it as many as there are projects."""
    three = read_pabulib(with_votes("ordinal", "1;b,a\n2;a\n", columns="voter_id;vote", meta="max_length;3\n"))
    none = read_pabulib(with_votes("ordinal", "1;b,a\n2;a\n", columns="voter_id;vote"))

    assert three.profile.scores() == (2 + 3, 3)
    assert none.profile.scores() == (1 + 2, 2)


def test_an_approval_named_twice_is_one_approval():
    """As cities count it."""
    assert read_pabulib(PLAIN.replace("2;a\n", "2;a,a\n").encode()).profile.scores() == (2, 1)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("line 1: the file ends without a section META", ""),
        ("line 1: the file must begin with a line META", "4 1\n1 2 0\n"),
        ("line 6: VOTES is out of order", PLAIN.replace("PROJECTS", "VOTES", 1)),
        ("line 15: META is out of order", PLAIN + "META\n"),
        ("without a section VOTES", PLAIN.partition("VOTES")[0]),
        ("line 8: 1 cells, but PROJECTS has 2", PLAIN.replace("a;60", "a")),
        ("line 12: 3 cells, but VOTES has 2", PLAIN.replace("1;a,b", "1;a,b;9")),
        ("line 7: two columns have the same name", PLAIN.replace("project_id;cost", "cost;cost")),
        ("PROJECTS: no column 'cost'", PLAIN.replace("project_id;cost", "project_id;price")),
        ("VOTES: no column 'vote'", PLAIN.replace("voter_id;vote", "voter_id;choice")),
        ("line 4: META names 'budget' twice", PLAIN.replace("vote_type;approval", "budget;5")),
        ("META: no budget", PLAIN.replace("budget;100\n", "")),
        ("META: budget is 'much'", PLAIN.replace("budget;100", "budget;much")),
        ("META: budget is '-5'", PLAIN.replace("budget;100", "budget;-5")),
        ("META: budget is 'Infinity'", PLAIN.replace("budget;100", "budget;Infinity")),
        ("META: budget is '1e99'", PLAIN.replace("budget;100", "budget;1e99")),
        ("an amount is too large", PLAIN.replace("budget;100", "budget;9007199254740992")),
        ("line 8: cost is ''", PLAIN.replace("a;60", "a;")),
        ("line 9: cost is 'NaN'", PLAIN.replace("b;50", "b;NaN")),
        ("line 9: project 'a' stands twice", PLAIN.replace("b;50", "a;50")),
        ("line 8: '' is no project id", PLAIN.replace("a;60", ";60")),
        ("line 8: 'a,z' is no project id", PLAIN.replace("a;60", "a,z;60")),
        ("no project; there must", PLAIN.replace("a;60\nb;50\n", "")),
        ("vote_type is 'show of hands'", PLAIN.replace("approval", "show of hands")),
        ("vote_type is None", PLAIN.replace("vote_type;approval\n", "")),
        ("line 13: a vote for 'z'", PLAIN.replace("2;a\n", "2;z\n")),
        ("line 13: a vote for ''", PLAIN.replace("2;a\n", "2;a,\n")),
        ("num_votes is 4, but the file holds 3", PLAIN.replace("rule;greedy", "num_votes;4")),
        ("num_projects is 1, but the file holds 2", PLAIN.replace("rule;greedy", "num_projects;1")),
        ("line 12: 2 projects, but vote_type is choose-1", PLAIN.replace("approval", "choose-1")),
        ("no column 'points', which cumulative", PLAIN.replace("approval", "cumulative")),
        ("line 13: 2 projects, but 1 points", with_votes("cumulative", "1;a;1\n2;a,b;1\n").decode()),
        ("line 12: points is 'x'", with_votes("cumulative", "1;a;x\n").decode()),
        ("line 12: points is '-1'", with_votes("cumulative", "1;a;-1\n").decode()),
        ("line 12: a project is ranked twice", with_votes("ordinal", "1;a,a\n", columns="voter_id;vote").decode()),
        ("line 13: 2 ranks, but META allows 1", with_votes("ordinal", "1;a,b;\n", meta="max_length;1\n").decode()),
        ("max_length is 'three'", with_votes("ordinal", "1;a,b;\n", meta="max_length;three\n").decode()),
        ("line 9: 1 cells, but PROJECTS", PLAIN.replace("b;50", '"b;50')),
    ],
)
def test_a_fault_is_told_with_its_place(reason, text):
    """Nothing is half-read: the line or section, what is wrong, and how to mend it."""
    with pytest.raises(InvalidFile) as refusal:
        read_pabulib(text.encode())
    assert reason in str(refusal.value)


def test_bytes_that_are_no_text_are_refused():
    """The line of the first wrong byte is named."""
    with pytest.raises(InvalidFile, match="line 2: not UTF-8"):
        read_pabulib(b"META\nk\xff;v\n")


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ("rule;unknown", "rule is 'unknown'"),
        ("rule;greedy-custom", "rule is 'greedy-custom'"),
        ("rule;equalshares", "rule is 'equalshares'"),
        ("x;y", "rule is ''"),
        ("rule;greedy-threshold", "min_project_score_threshold is missing"),
        ("rule;greedy-threshold\nmin_project_score_threshold;few", "min_project_score_threshold is 'few'"),
    ],
)
def test_a_file_that_does_not_say_how_it_was_counted_is_refused(meta, reason):
    """The reason names what is missing."""
    file = read_pabulib(PLAIN.replace("rule;greedy", meta).encode())

    with pytest.raises(InvalidFile) as refusal:
        recorded_rule(file)
    assert reason in str(refusal.value)


def test_a_recorded_rule_is_read():
    """Rule, threshold in the profile's units, and the order of the file for ties."""
    text = PLAIN.replace("rule;greedy", "rule;greedy-threshold\nmin_project_score_threshold;1.5")

    recorded = recorded_rule(read_pabulib(text.encode()))

    assert (recorded.threshold, recorded.stop_at_first_misfit, recorded.order) == (2, False, ("a", "b"))
    assert recorded_rule(read_pabulib(PLAIN.replace("greedy", "greedy-no-skip").encode())).stop_at_first_misfit


@pytest.mark.parametrize(("rule", "compare"), [("equalshares/add1", False), ("equalshares/add1-comparison", True)])
def test_equal_shares_is_a_recorded_rule(rule, compare):
    """With or without a comparison at the end."""
    recorded = recorded_rule(read_pabulib(PLAIN.replace("rule;greedy", f"rule;{rule}").encode()))

    assert (recorded.rule, recorded.equal_shares, recorded.compare) == (rule, True, compare)


def test_what_is_written_is_read_again():
    """Cells with semicolons, quotes, blanks and line ends come back as they were."""
    file = read_pabulib(PLAIN.replace("cost\na;60\nb;50", 'cost;n\na;60;" x; ""y""\nz "\nb;50;').encode())

    again = read_pabulib(write_pabulib(meta=file.meta, projects=file.projects, votes=file.votes))

    assert again.meta == file.meta
    assert again.projects.rows == file.projects.rows
    assert again.votes.rows == file.votes.rows


@settings(max_examples=300)
@given(st.binary(max_size=100) | st.text('ab12;,"\n.', max_size=40).map(str.encode), st.integers(0, len(PLAIN)))
def test_any_bytes_are_read_or_refused(rubbish, at):
    """Whatever a file holds, alone or inside a good file: a budget or a refusal."""
    for data in (rubbish, PLAIN.encode()[:at] + rubbish + PLAIN.encode()[at:]):
        try:
            file = read_pabulib(data)
            told = ""
        except InvalidFile as refusal:
            told = str(refusal)
        assert told or file.profile.ballots == len(file.votes.rows)


def test_published_scores_are_the_sums_of_the_ballots(shared):
    """Zurich, Gdansk, Wieliczka, Mechanical Turk: the column of votes or scores equals our sums."""
    folder = shared / "data/budget"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/budget")
    elections = json.loads((folder / "expected.json").read_text())["elections"]
    types = set()
    for election in elections:
        if election["city"] not in ("Zurich", "Gdansk", "Mechanical", "Wieliczka"):
            continue
        file = read_pabulib(gzip.decompress((folder / election["file"]).read_bytes()))
        types.add(file.vote_type)
        assert file.profile.ballots == election["num_votes"]
        assert len(file.terms.options) == election["num_projects"]
        assert units(file.terms.budget, file.minor_digits) == str(election["budget"]).removesuffix(".0")
        if file.vote_type in ("cumulative", "scoring") and "score" in file.projects.columns:
            published = [score.strip() for score in file.projects.column("score")]
            assert [units(score, file.point_digits) for score in file.profile.scores()] == published, election["file"]
        if file.vote_type in ("approval", "choose-1"):
            published = [votes.strip() for votes in file.projects.column("votes")]
            assert [str(score) for score in file.profile.scores()] == published, election["file"]
    assert types == {"approval", "choose-1", "cumulative", "ordinal"}
