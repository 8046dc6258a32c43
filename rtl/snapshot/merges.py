"""Which tree nodes the Merkle hasher makes, and when: the plan that its logic and its tests share.

A subtree (level, index) covers the pages index * 2**level up to, not including, (index + 1) * 2**level. Its digest
is kept in slot 2 * level + index % 2 until it is merged.

While pages come in, at most one merge is made after each page, so that it is hidden behind the next page's first
words. After `done` pages it is made at the level that is the number of trailing ones of `done`: leaves are merged
after every even page, and each higher level in every second gap that the levels below leave. If the number of
pages is a power of two, only the chain from the last leaf to the root is left at the end.
"""

from dataclasses import dataclass, replace

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

Subtree = tuple[int, int]

FREE_SLOT = 1
"""Slot of a right-hand leaf, which is merged at once and never read back, and of whatever else is not."""


@dataclass(frozen=True)
class Merge:
    """One node: slots of its children and of its own digest.

    right_in_state: the right child is the digest made just before. left_in_state: the left child is that, and
    can be read from its slot once it is stored there.
    """

    left: int
    right: int
    result: int
    right_in_state: bool
    left_in_state: bool


def slot(subtree: Subtree) -> int:
    """Where a subtree's digest is kept until it is merged."""
    level, index = subtree
    return 2 * level + index % 2


def slots(pages: int) -> int:
    """Slots for a tree of so many pages; the root needs none."""
    return 2 * max(1, (pages - 1).bit_length())


def node_after(done: int) -> Subtree | None:
    """The node that is made after `done` pages while more follow, or None if no pair of children waits."""
    if not done & (done + 1):
        return None
    level = (~done & (done + 1)).bit_length() - 1
    return (level + 1, (done >> (level + 1)) - 1)


def children(node: Subtree) -> tuple[Subtree, Subtree]:
    """The left and the right half of a subtree above the leaves."""
    level, index = node
    return (level - 1, 2 * index), (level - 1, 2 * index + 1)


def closing_merges(pages: int) -> list[Merge]:
    """The merges after the last page: pairs that still wait, then the fold of the rest (RFC 9162 2.1.2)."""
    waiting: set[Subtree] = set()
    for done in range(1, pages):
        waiting.add((0, done - 1))
        if node := node_after(done):
            waiting.difference_update(children(node))
            waiting.add(node)

    newest = (0, pages - 1)
    waiting.add(newest)
    merges = []

    def merge(left: Subtree, right: Subtree, result: int) -> None:
        merges.append(Merge(slot(left), slot(right), result, right == newest, left == newest))

    def pairs() -> list[Subtree]:
        """Nodes whose children both wait; first the one that takes the newest digest, then the lowest."""
        nodes = [(level + 1, index // 2) for level, index in waiting if index % 2]
        nodes = [node for node in nodes if waiting.issuperset(children(node))]
        return sorted(nodes, key=lambda node: (newest not in children(node), node))

    while nodes := pairs():
        node = nodes[0]
        merge(*children(node), slot(node))
        waiting.difference_update(children(node))
        waiting.add(node)
        newest = node

    lowest, *lefts = sorted(waiting)
    if lefts:
        merge(lefts[0], lowest, FREE_SLOT)
        merges += [Merge(slot(left), FREE_SLOT, FREE_SLOT, True, False) for left in lefts[1:]]
    elif merges:
        merges[-1] = replace(merges[-1], result=FREE_SLOT)
    return merges


class MergePlanner(wiring.Component):
    """Says which merge comes next in a tree of `pages` pages, by the plan above.

    * `restart`: the next page is the tree's first.
    * `due`: once the present page's leaf is hashed, the merge of the other outputs (as in `Merge`) is to be made.
    * `made`: the merge that is due has been made. `next_page`: the next page begins; not while `due` or `last`.
    * `leaf`: slot of the present page's leaf. `last`: the present page is the tree's last, and its merges close
      the tree.
    """

    def __init__(self, pages: int):
        self.pages = pages
        address = range(slots(pages))
        super().__init__(
            {
                "restart": In(1),
                "next_page": In(1),
                "made": In(1),
                "due": Out(1),
                "left": Out(address),
                "right": Out(address),
                "result": Out(address),
                "right_in_state": Out(1),
                "left_in_state": Out(1),
                "leaf": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        closing = closing_merges(self.pages)
        page = Signal(range(max(self.pages, 2)))
        done = Signal.like(page)
        merges_made = Signal(range(max(len(closing), 1) + 1))
        m.d.comb += [done.eq(page + 1), self.last.eq(page == self.pages - 1), self.leaf.eq(page & 1)]

        with m.If(self.last):
            m.d.comb += self.due.eq(merges_made != len(closing))
            with m.Switch(merges_made):
                for number, merge in enumerate(closing):
                    with m.Case(number):
                        m.d.comb += [
                            self.left.eq(merge.left),
                            self.right.eq(merge.right),
                            self.result.eq(merge.result),
                            self.right_in_state.eq(merge.right_in_state),
                            self.left_in_state.eq(merge.left_in_state),
                        ]
        with m.Else(), m.Switch(done):
            for level in range(len(done) - 1):
                higher = done[level + 1 :]
                with m.Case("-" * len(higher) + "0" + "1" * level):
                    m.d.comb += [
                        self.due.eq(higher.any() & (merges_made == 0)),
                        self.left.eq(slot((level, 0))),
                        self.right.eq(slot((level, 1))),
                        self.result.eq(Cat(~higher[0], Const(level + 1))),
                        self.right_in_state.eq(level == 0),
                    ]

        with m.If(self.made):
            m.d.sync += merges_made.eq(merges_made + 1)
        with m.If(self.next_page):
            m.d.sync += [page.eq(done), merges_made.eq(0)]
        with m.If(self.restart):
            m.d.sync += [page.eq(0), merges_made.eq(0)]
        return m
