"""Packed lines say what the lines say: looked up, counted and judged as by plain dictionaries."""

import random
from collections import Counter

import pytest

from schemas.ballot import BallotLine, Header, Opening
from voting.errors import InvalidBundle, InvalidEncoding, InvalidProof
from voting.proof import ballot, canonical, log, roll
from voting.proof.base64s import to_base64
from voting.survey import Entries, Issuances, Roll, Survey

CTX = "ab" * 32


def ballot_line(pk: int, rev: int, *, cls: str = "resident", mark: int = 0, choices: str | None = None) -> BallotLine:
    """A line as ballots.jsonl has it; its signature is made up, since nobody looks at it here."""
    header = Header(
        type="weighin/v1/ballot", ctx=CTX, cls=cls, pk=f"{pk:064x}", rev=rev, commit=f"{mark:064x}", seal="00" * 32,
        tok=(to_base64(bytes(256)),),
    )  # fmt: skip
    opening = None if choices is None else Opening(salt="00" * 32, choices=choices)
    return BallotLine(
        header=canonical.encode(header).decode(), sig=to_base64(bytes(64)), open=opening,
        why="" if choices is not None else "superseded",
    )  # fmt: skip


def survey_of(lines: list[BallotLine]) -> Survey:
    return Survey("ballots.jsonl", b"".join(canonical.encode(line) + b"\n" for line in lines))


def digest_of(line: BallotLine) -> bytes:
    return ballot.digest(line.header.encode(), bytes(64))


@pytest.mark.parametrize("seed", range(40))
def test_the_last_revision_counts_as_by_a_dictionary(seed):
    """Few keys, few revisions, doubled ones too, keys that share most of their bytes, two classes."""
    rng = random.Random(seed)
    keys = [rng.choice((1, 2**64, 2**128, 2**192, 255 * 2**248)) + rng.randrange(2) for _ in range(6)]
    lines = [
        ballot_line(rng.choice(keys), rng.choice((1, 2, 3, 2**32 - 1)), mark=number, cls=rng.choice(("a", "a", "b")))
        for number in range(rng.randrange(1, 40))
    ]
    best: dict[str, tuple[int, bytes, int]] = {}
    classes, revisions = set(), Counter()
    for number, line in enumerate(lines, start=1):
        header: Header = canonical.decode(line.header.encode(), Header)
        mine = (-header.rev, digest_of(line), number)
        best[header.pk] = min(best.get(header.pk, mine), mine)
        classes.add((header.pk, header.cls))
        revisions[header.pk, header.rev] += 1

    finals, voters, equal = survey_of(lines).finals()

    assert {number for number in range(1, len(lines) + 1) if number in finals} == {one[2] for one in best.values()}
    assert len(finals) == len(best)
    assert +voters == Counter(cls for _, cls in classes)
    assert equal == sum(times - 1 for times in revisions.values())


def test_reasons_texts_and_digests_are_those_of_the_lines():
    """What is opened, why not, and each digest, in the order of the lines."""
    lines = [ballot_line(1, 1), ballot_line(1, 2, choices='{"x":1}'), ballot_line(2, 1, choices="")]
    survey = survey_of(lines)
    finals, _, _ = survey.finals()

    assert survey.opened().tolist() == [False, True, True]
    assert [survey.texts[place] for place in survey.table["choices"][1:]] == ['{"x":1}', ""]
    assert survey.why("superseded").tolist() == [True, False, False]
    assert survey.why("unopened").tolist() == [False, False, False]
    assert survey.count_reasons(finals) == Counter({"": 2})
    assert survey.find({digest_of(lines[1]), bytes(32)}) == {digest_of(lines[1]): 2}
    logged = [bytes([log.BALLOT]) + digest_of(line) for line in lines]
    assert survey.differ(Entries(b"".join(logged))).tolist() == [False, False, False]
    assert survey.differ(Entries(logged[0] + logged[2] + logged[2])).tolist() == [False, True, False]


def test_no_ballots_are_a_survey_too():
    """Nothing to count is no error."""
    finals, voters, equal = survey_of([]).finals()
    assert (len(finals), +voters, equal) == (0, Counter(), 0)


@pytest.mark.parametrize("data", [b"{}\n", b"\n", b"not json\n", canonical.encode(ballot_line(1, 1))])
def test_a_malformed_line_is_named(data):
    """The file, and the line where there is one."""
    with pytest.raises(InvalidBundle, match=r"ballots\.jsonl"):
        Survey("ballots.jsonl", data)
    with pytest.raises(InvalidBundle, match=r"entries\.jsonl"):
        Issuances("entries.jsonl", data)


def test_a_roll_is_looked_up_in_its_file():
    """Every code is found at its place with its leaf; its neighbors are not."""
    leaves = sorted(roll.Leaf(bytes([number, *bytes(30), number % 5]), number % 3, number % 2) for number in range(99))
    found = Roll(roll.write(leaves))

    assert len(found) == 99
    assert list(found) == [leaf.roll_pk for leaf in leaves]
    assert [found[leaf.roll_pk] for leaf in leaves] == leaves == list(found.leaves())
    assert [found.index(leaf.roll_pk) for leaf in leaves] == list(range(99))
    for stranger in (bytes(31) + b"\1", b"\xff" * 32, bytes([5, *bytes(31)])[:31] + b"\7"):
        assert found.index(stranger) is None
        assert stranger not in found
    with pytest.raises(InvalidEncoding):
        Roll(roll.write(leaves).replace(b"\n", b" \n", 1))


def test_entries_are_read_where_they_lie():
    """By place, from the end, in a row, by type."""
    rows = [bytes([kind]) + bytes([number]) * 32 for number, kind in enumerate((log.STATEMENT, log.BALLOT, log.BALLOT))]
    entries = Entries(b"".join(rows))

    assert list(entries) == rows == [entries[place] for place in range(3)]
    assert (entries[-1], len(entries), list(entries[1:]), list(entries[3:])) == (rows[2], 3, rows[1:], [])
    assert entries.index(rows[1]) == 1
    assert [bytes(row) for row in entries.digests()] == [row[1:] for row in rows]
    assert list(entries.of_kind(log.BALLOT)) == rows[1:]
    assert list(Entries(b"".join((rows[1], rows[0], rows[2]))).of_kind(log.BALLOT)) == rows[1:]
    assert len(entries.of_kind(log.CLOSE)) == 0
    with pytest.raises(IndexError):
        entries[3]
    with pytest.raises(InvalidProof):
        Entries(bytes(34))
