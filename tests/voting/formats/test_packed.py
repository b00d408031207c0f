"""Packed rankings: keys, rank columns and counts, whole or in pieces, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voting.formats.made import ranked_profiles, same
from voting.errors import InvalidFile
from voting.formats.packed import (
    COUNT,
    KEY,
    Gathering,
    Layout,
    pack_keys,
    packed_columns,
    rank_columns,
    read_layout,
    write_layout,
)
from voting.profile import ranked_profile

NAMES = ("Ann", "Ben", "Cas")
LAYOUT = Layout(NAMES, ranks=3)
ROWS = np.array([[1, 2, 0], [3, 0, 0], [1, 2, 0], [0, 0, 0]])


def rows(profile):
    """Rankings by name with their counts."""
    return list(profile.unique())


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.int64])
def test_keys_and_ranks_say_the_same(dtype):
    """Worked by hand, base 4: Ann, Ben is 1 * 16 + 2 * 4 = 24; Cas is 48; nothing is 0."""
    keys = pack_keys(ROWS, LAYOUT)
    by_key, by_rank = Gathering(LAYOUT), Gathering(LAYOUT)
    by_key.add_keys(keys.astype(dtype))
    by_rank.add_ranks(ROWS.astype(dtype))

    assert keys.tolist() == [24, 48, 24, 0]
    assert rows(by_key.profile()) == [(("Ann", "Ben"), 2), (("Cas",), 1), ((), 1)]
    assert same(by_key.profile(), by_rank.profile())


def test_a_row_may_stand_for_many_ballots_or_none():
    """The column count weighs rows; a count of 0 is nobody's ballot."""
    gathering = Gathering(LAYOUT)
    gathering.add_keys(np.array([24, 48, 24]), np.array([5, 0, 10**12]))
    gathering.add_ranks(ROWS[:2], np.array([1, 0]))

    profile = gathering.profile()

    assert rows(profile) == [(("Ann", "Ben"), 10**12 + 6)]
    assert profile.ballots == 10**12 + 6


@given(made=ranked_profiles(), data=st.data())
def test_any_pieces_in_any_order_give_the_same(made, data):
    """What a profile is written as gives that profile, however the rows are cut and shuffled."""
    layout, columns = packed_columns(made)
    counts = columns.pop(COUNT)
    order = data.draw(st.permutations(range(len(counts))))
    cut = data.draw(st.integers(0, len(counts)))
    gathering = Gathering(layout)
    for places in (order[:cut], order[cut:]):
        piece = [column[list(places)] for column in columns.values()]
        if KEY in columns:
            gathering.add_keys(piece[0], counts[list(places)])
        else:
            gathering.add_ranks(np.column_stack(piece), counts[list(places)])

    assert rows(gathering.profile()) == rows(made)
    assert gathering.profile().ballots == made.ballots


@pytest.mark.parametrize("options", [3, 40])
def test_tables_and_sorted_keys_count_alike(options):
    """40 options in 6 ranks are 4.7 thousand million keys: no table, but sorting. The same as grouping all at once."""
    names = tuple(f"o{number}" for number in range(options))
    layout = Layout(names, ranks=6 if options == 40 else 3)
    random = np.random.default_rng(7)
    order = np.argsort(random.random((5000, options)), axis=1)[:, : layout.ranks] + 1
    order[random.random(order.shape) < 0.3] = 0
    gathering = Gathering(layout)
    for piece in np.array_split(pack_keys(order, layout), 7):
        gathering.add_keys(piece)

    assert same(gathering.profile(), ranked_profile(order, options=names))


def test_very_many_different_rankings_are_merged_on_the_way(monkeypatch):
    """With room for 50 rankings only, the answer is the same as with room for all."""
    names = tuple(f"o{number}" for number in range(40))
    layout = Layout(names, ranks=6)
    order = np.argsort(np.random.default_rng(8).random((3000, 40)), axis=1)[:, :6] + 1
    monkeypatch.setattr("voting.formats.packed._WAITING", 50)
    gathering = Gathering(layout)
    for piece in np.array_split(order, 100):
        gathering.add_ranks(piece)

    assert same(gathering.profile(), ranked_profile(order, options=names))


@pytest.mark.parametrize(
    ("keys", "counts", "said"),
    [
        ([64], None, "the key 64 is no ranking"),
        ([-1], None, "the key -1 is no ranking"),
        ([20], None, "names an option twice: Ann, Ann"),
        ([24], [-1], "the count -1 is below 0"),
        ([24, 24], [2**53 - 1, 1], "more than 2^53 - 1 ballots"),
        ([24] * 1025, [2**53] * 1025, "more than 2^53 - 1 ballots"),  # 64 bits would wrap around
    ],
)
def test_keys_that_are_no_ballots_are_refused(keys, counts, said):
    """Nothing is passed over in silence."""
    gathering = Gathering(LAYOUT)
    with pytest.raises(InvalidFile, match=said.replace("^", r"\^")):
        gathering.add_keys(np.array(keys), None if counts is None else np.array(counts)) or gathering.profile()


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ([[7, 0, 0]], "the number 7 is no option"),
        ([[-1, 0, 0]], "the number -1 is no option"),
        ([[1, 2, 1]], "names an option twice"),
        ([[1, 4, 0]], "names an option twice"),
        ([[5, 0, 0]], "shares the rank of a blank"),
        ([[1, 0, 5]], "shares the rank of a blank"),
    ],
)
def test_ranks_that_are_no_ballots_are_refused(ranks, said):
    """As for keys; 4 to 6 are Ann, Ben and Cas on the rank before."""
    gathering = Gathering(LAYOUT)
    with pytest.raises(InvalidFile, match=said):
        gathering.add_ranks(np.array(ranks)) or gathering.profile()


def test_equal_ranks_are_refused_for_methods_that_do_not_take_them():
    """Taken else: Ann and Ben on one rank."""
    gathering = Gathering(LAYOUT)
    gathering.add_ranks(np.array([[1, 5, 0]]))
    assert gathering.profile().tied.tolist() == [[False, True, False]]

    with pytest.raises(InvalidFile, match="does not take"):
        Gathering(LAYOUT, equal_ranks=False).add_ranks(np.array([[1, 5, 0]]))


def test_metadata_there_and_back():
    """The bytes are JSON with sorted keys."""
    assert write_layout(LAYOUT) == b'{"options":["Ann","Ben","Cas"],"ranks":3,"seats":1}'
    assert read_layout(write_layout(LAYOUT)) == LAYOUT


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (None, "no metadata"),
        ("[]", "Expected `object`"),
        ({"options": ["a"], "ranks": 1, "more": 1}, "unknown field"),
        ({"options": [], "ranks": 1}, "1 to 10,000 different names"),
        ({"options": ["a", "a"], "ranks": 1}, "different names"),
        ({"options": ["a\n"], "ranks": 1}, "begins or ends with a blank"),
        ({"options": ["a", "b"], "ranks": 0}, "0 ranks"),
        ({"options": ["a", "b"], "ranks": 1, "seats": 3}, "3 seats for 2 options"),
    ],
)
def test_metadata_that_say_nothing_are_refused(metadata, said):
    """In one line that says what is wrong."""
    text = metadata if metadata is None else metadata if isinstance(metadata, str) else json.dumps(metadata)
    with pytest.raises(InvalidFile, match=said):
        read_layout(None if text is None else text.encode())


def test_columns_are_the_key_or_all_ranks():
    """A key of more than 63 bits is refused, and so is a rank that is missing."""
    assert rank_columns(["count", "key"], LAYOUT) == ("key",)
    assert rank_columns(["rank3", "rank1", "rank2"], LAYOUT) == ("rank1", "rank2", "rank3")
    with pytest.raises(InvalidFile, match="neither 'key' nor 'rank2'"):
        rank_columns(["rank1"], LAYOUT)
    with pytest.raises(InvalidFile, match="don't fit into a key"):
        rank_columns(["key"], Layout(tuple(f"o{number}" for number in range(40)), ranks=12))
