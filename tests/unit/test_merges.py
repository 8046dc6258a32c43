"""The plan of merges, played on digests, against the golden tree's shape."""

import pytest

from rtl.snapshot.merges import FREE_SLOT, children, closing_merges, node_after, slot, slots
from sim.golden.merkle import split


def shape(first, last):
    """Nested pairs of the pages first..last-1, as RFC 9162 2.1.1 splits them."""
    if last - first == 1:
        return first
    middle = first + split(last - first)
    return shape(first, middle), shape(middle, last)


def play(pages):
    """Follows the plan with names in place of digests; returns the root."""
    kept = {}
    for done in range(1, pages):
        kept[slot((0, done - 1))] = done - 1
        if node := node_after(done):
            left, right = children(node)
            kept[slot(node)] = (kept[slot(left)], kept[slot(right)])
    state = kept[slot((0, pages - 1))] = pages - 1
    for merge in closing_merges(pages):
        assert max(merge.left, merge.right, merge.result) < slots(pages)
        assert merge.right_in_state == (kept[merge.right] == state)
        assert merge.left_in_state == (kept[merge.left] == state)
        state = kept[merge.result] = (kept[merge.left], state if merge.right_in_state else kept[merge.right])
    return state


@pytest.mark.parametrize("pages", [*range(1, 70), 100, 127, 128, 129, 500, 511, 512, 513])
def test_plan_makes_the_tree(pages):
    assert play(pages) == shape(0, pages)


@pytest.mark.parametrize("levels", range(11))
def test_only_the_last_path_is_left_for_a_power_of_two(levels):
    merges = closing_merges(1 << levels)
    assert [merge.left for merge in merges] == [slot((level, 0)) for level in range(levels)]
    assert all(merge.right_in_state and not merge.left_in_state for merge in merges)


def test_little_is_left_for_any_number():
    for pages in range(1, 600):
        assert len(closing_merges(pages)) <= 2 * (pages - 1).bit_length()


def test_the_free_slot_is_never_a_left_child():
    for pages in range(1, 200):
        assert all(merge.left != FREE_SLOT for merge in closing_merges(pages))
