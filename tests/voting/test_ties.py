"""The lot: protocol section 12."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.errors import InvalidContest
from voting.ties import NO_CONTEST, lot, lot_order, places


def test_a_lot_is_the_hash_that_the_protocol_writes_down():
    """lot(option) = hex SHA-256("weighin/v1/lot" 00 ctx u32(length) id seed)."""
    ctx = bytes(range(32))

    by_hand = hashlib.sha256(b"weighin/v1/lot\x00" + ctx + b"\x00\x00\x00\x03" + b"elm" + b"63454660390103169462")

    assert lot("elm", ctx, "63454660390103169462") == by_hand.hexdigest()


def test_a_name_counts_by_its_bytes():
    """An id outside ASCII has the length of its UTF-8, not of its characters."""
    by_hand = hashlib.sha256(b"weighin/v1/lot\x00" + bytes(32) + b"\x00\x00\x00\x03" + "ñá"[:1].encode() + b"x")

    assert lot("ñx", NO_CONTEST, "") == by_hand.hexdigest()


@given(st.sets(st.text(), max_size=8), st.text(st.characters(codec="ascii"), max_size=20))
def test_the_order_is_ascending_and_has_nothing_to_do_with_the_list(options, seed):
    """Whoever has the smaller lot comes first, however the options were given."""
    order = lot_order(sorted(options), seed=seed)

    lots = [lot(option, NO_CONTEST, seed) for option in order]
    assert lots == sorted(lots)
    assert order == lot_order(sorted(options, reverse=True), seed=seed)


@pytest.mark.parametrize("order", [("a",), ("a", "a"), ("a", "b", "b"), ("a", "c"), ()])
def test_a_tie_order_names_everyone_once(order):
    """A missing, doubled or unknown option is refused, and not counted as last."""
    with pytest.raises(InvalidContest, match="exactly once"):
        places(order, ("a", "b"))
