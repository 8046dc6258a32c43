"""The snapshot's Merkle tree, from RFC 9162 section 2.1 with this project's hash.

Leaf = TurboSHAKE128(page, D=LEAF), node = TurboSHAKE128(left ‖ right, D=NODE). A tree of n > 1 leaves splits
at the largest power of two below n. Digests are 32 bytes. All functions are pure.
"""

from collections.abc import Sequence

from formats.hashing import DIGEST_BYTES, PAGE_BYTES, Domain
from sim.golden.keccak import turboshake128


def leaf_digest(page: bytes) -> bytes:
    """Digest of one page, of any length."""
    return turboshake128(page, Domain.LEAF, DIGEST_BYTES)


def node_digest(left: bytes, right: bytes) -> bytes:
    """Digest of an inner node from the digests of its children."""
    return turboshake128(left + right, Domain.NODE, DIGEST_BYTES)


def leaf_digests(image: bytes, page_bytes: int = PAGE_BYTES) -> list[bytes]:
    """Digests of an image's pages, in order.

    Raises ValueError when the image is empty or not a whole number of pages.
    """
    if not image or len(image) % page_bytes:
        raise ValueError(f"an image of {len(image)} bytes is no whole number of pages of {page_bytes} bytes")
    return [leaf_digest(image[offset : offset + page_bytes]) for offset in range(0, len(image), page_bytes)]


def split(size: int) -> int:
    """Leaves in the left subtree of a tree of `size` > 1: the largest power of two below it (2.1.1)."""
    return 1 << (size - 1).bit_length() - 1


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Merkle Tree Hash of the leaves' digests (2.1.1). Raises ValueError when there are none."""
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    if len(leaves) == 1:
        return leaves[0]
    left = split(len(leaves))
    return node_digest(tree_root(leaves[:left]), tree_root(leaves[left:]))


def snapshot_root(image: bytes, page_bytes: int = PAGE_BYTES) -> bytes:
    """Root over an image's pages. Raises ValueError as `leaf_digests` does."""
    return tree_root(leaf_digests(image, page_bytes))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Digests that lead from leaf `index` to the root, the leaf's sibling first (2.1.3.1).

    Raises ValueError when there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"leaf {index} is not in a tree of {len(leaves)} leaves")
    if len(leaves) == 1:
        return []
    left = split(len(leaves))
    if index < left:
        return [*inclusion_proof(leaves[:left], index), tree_root(leaves[left:])]
    return [*inclusion_proof(leaves[left:], index - left), tree_root(leaves[:left])]


def root_from_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Root of a tree of `size` leaves which the proof gives for `leaf` at `index` (2.1.3.2).

    The leaf is in the tree when this is the tree's root. Raises ValueError when no leaf has that index, or
    when the proof has not the length that index and size determine.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    node, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ValueError(f"the proof of leaf {index} of {size} is too long: {len(proof)} digests")
        if node & 1 or node == last:
            root = node_digest(sibling, root)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            root = node_digest(root, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise ValueError(f"the proof of leaf {index} of {size} is too short: {len(proof)} digests")
    return root
