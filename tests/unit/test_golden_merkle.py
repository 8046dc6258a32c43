"""The golden Merkle tree against RFC 9162's definitions, written a second way, and its refusals."""

import pytest
from Crypto.Hash import TurboSHAKE128
from hypothesis import given
from hypothesis import strategies as st

from sim.golden import merkle

LEAVES = [TurboSHAKE128.new(domain=0x01, data=bytes([n])).read(32) for n in range(40)]


def hash_node(left: bytes, right: bytes) -> bytes:
    return TurboSHAKE128.new(domain=0x02, data=left + right).read(32)


def root_by_stack(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.2: merge as often as the leaf's index has trailing ones, then fold what is left."""
    stack: list[bytes] = []
    for index, leaf in enumerate(leaves):
        stack.append(leaf)
        while index & 1:
            right = stack.pop()
            stack.append(hash_node(stack.pop(), right))
            index >>= 1
    while len(stack) > 1:
        right = stack.pop()
        stack.append(hash_node(stack.pop(), right))
    return stack[0]


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_root_is_that_of_the_stack_algorithm(size: int) -> None:
    assert merkle.tree_root(LEAVES[:size]) == root_by_stack(LEAVES[:size])


def test_seven_leaves_have_the_shape_of_the_rfc() -> None:
    """RFC 9162 2.1.5's example of seven leaves, spelled out."""
    a, b, c, d, e, f, j = LEAVES[:7]
    k = hash_node(hash_node(hash_node(a, b), hash_node(c, d)), hash_node(hash_node(e, f), j))
    assert merkle.tree_root(LEAVES[:7]) == k
    assert merkle.inclusion_proof(LEAVES[:7], 3) == [
        c, hash_node(a, b), hash_node(hash_node(e, f), j)
    ]  # fmt: skip
    assert merkle.inclusion_proof(LEAVES[:7], 6) == [
        hash_node(e, f), hash_node(hash_node(a, b), hash_node(c, d))
    ]  # fmt: skip


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33])
def test_every_proof_leads_to_the_root(size: int) -> None:
    root = merkle.tree_root(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion_proof(LEAVES[:size], index)
        assert merkle.root_from_proof(LEAVES[index], index, size, proof) == root


@given(st.data())
def test_an_altered_proof_leads_elsewhere(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 33))
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(LEAVES[:size], index)
    place = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    altered = int.from_bytes(proof[place], "little") ^ 1 << bit
    proof[place] = altered.to_bytes(32, "little")
    assert merkle.root_from_proof(LEAVES[index], index, size, proof) != merkle.tree_root(LEAVES[:size])


@pytest.mark.parametrize("size", range(1, 18))
def test_a_proof_of_the_wrong_length_is_refused(size: int) -> None:
    for index in range(size):
        proof = merkle.inclusion_proof(LEAVES[:size], index)
        with pytest.raises(ValueError, match="too long"):
            merkle.root_from_proof(LEAVES[index], index, size, [*proof, LEAVES[0]])
        if proof:
            with pytest.raises(ValueError, match="too short"):
                merkle.root_from_proof(LEAVES[index], index, size, proof[:-1])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_a_leaf_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        merkle.root_from_proof(LEAVES[0], index, size, [])
    with pytest.raises(ValueError, match="is not in a tree"):
        merkle.inclusion_proof(LEAVES[:size], index)


def test_pages_are_hashed_with_the_leaf_domain() -> None:
    image = bytes(range(256)) * 2
    leaves = [TurboSHAKE128.new(domain=0x01, data=image[:256]).read(32)] * 2
    assert merkle.leaf_digests(image, 256) == leaves
    assert merkle.snapshot_root(image, 256) == hash_node(*leaves)
    assert merkle.snapshot_root(image, 512) == TurboSHAKE128.new(domain=0x01, data=image).read(32)


@pytest.mark.parametrize("length", [0, 1, 4095, 4097])
def test_an_image_that_is_not_whole_pages_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="no whole number of pages"):
        merkle.leaf_digests(bytes(length))


def test_a_tree_without_leaves_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        merkle.tree_root([])
