"""The tree's laws: what a proof shows, and that a changed one shows nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.errors import InvalidProof
from voting.proof import merkle

sizes = st.integers(1, 70)


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


@given(size=sizes, data=st.data())
def test_every_leaf_has_a_proof(size: int, data: st.DataObject) -> None:
    """An audit path verifies for its leaf at its place, and for no other leaf, place, size or root."""
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    root, proof = merkle.root(leaves), merkle.inclusion_proof(leaves, index)

    def holds(**change: object) -> bool:
        known = {"index": index, "size": size, "proof": proof, "tree_root": root} | change
        leaf = known.pop("leaf", leaves[index])
        return merkle.verify_inclusion(leaf, **known)  # type: ignore[arg-type]

    assert holds()
    assert not holds(leaf=merkle.leaf_hash(b"another"))
    assert not holds(tree_root=merkle.leaf_hash(b"another"))
    assert not holds(proof=[*proof, root])
    assert not holds(leaf=leaves[index][:31])
    if size > 1:
        other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index))
        assert not holds(index=other)
        assert not holds(proof=proof[:-1])
        assert not holds(proof=flip(proof, data))
    assert not holds(index=size)
    assert not holds(index=-1)


@given(size=sizes, data=st.data())
def test_every_prefix_has_a_proof(size: int, data: st.DataObject) -> None:
    """A consistency proof verifies for its two trees; a changed proof or root does not."""
    old = data.draw(st.integers(1, size))
    leaves = leaves_of(size)
    old_root, root = merkle.root(leaves[:old]), merkle.root(leaves)
    proof = merkle.consistency_proof(leaves, old)

    def holds(**change: object) -> bool:
        known = {"old_size": old, "new_size": size, "old_root": old_root, "new_root": root, "proof": proof} | change
        return merkle.verify_consistency(**known)  # type: ignore[arg-type]

    assert holds()
    assert not holds(old_root=merkle.leaf_hash(b"another"))
    assert not holds(new_root=merkle.leaf_hash(b"another"))
    assert not holds(proof=[*proof, root])
    assert not holds(old_size=0)
    assert not holds(old_size=size + 1)
    if proof:
        assert not holds(proof=flip(proof, data))
        assert not holds(proof=proof[:-1])
        assert not holds(proof=[])


def flip(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    """The proof with one bit of one hash turned."""
    at = data.draw(st.integers(0, len(proof) * 256 - 1))
    changed = bytearray(proof[at // 256])
    changed[at % 256 // 8] ^= 1 << at % 8
    return [*proof[: at // 256], bytes(changed), *proof[at // 256 + 1 :]]


@given(size=st.integers(0, 300), cut=st.integers(0, 300))
def test_a_frontier_goes_on_where_it_was_left(size: int, cut: int) -> None:
    """Root and peaks are the same whether a tree is built at once or in two sittings."""
    leaves = leaves_of(size)
    first = merkle.Frontier()
    for leaf in leaves[:cut]:
        first.append(leaf)
    second = merkle.Frontier(first.size, first.peaks)
    for leaf in leaves[cut:]:
        second.append(leaf)

    assert second.root() == merkle.root(leaves)
    assert second.size == size


def test_impossible_trees_are_refused() -> None:
    """Peaks that no tree of that size has, leaves and prefixes that are not there."""
    with pytest.raises(InvalidProof, match="peaks"):
        merkle.Frontier(3, [merkle.EMPTY_ROOT])
    with pytest.raises(InvalidProof, match="no leaf 2"):
        merkle.inclusion_proof(leaves_of(2), 2)
    with pytest.raises(InvalidProof, match="no tree of 0"):
        merkle.consistency_proof(leaves_of(2), 0)
