"""The Merkle tree over a stream of pages, hashed as fast as the words come."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, enum, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from formats.hashing import DIGEST_BYTES, WORD_BYTES, Domain
from rtl.crypto.block_buffer import BlockBuffer, absorbed, padded_block
from rtl.crypto.keccak import KeccakPermutation
from rtl.memory.weights import WORD_BITS
from rtl.snapshot.merges import MergePlanner, slots

DIGEST_WORDS = DIGEST_BYTES // WORD_BYTES
DIGEST = data.ArrayLayout(WORD_BITS, DIGEST_WORDS)


class Running(enum.Enum):
    """What the permutation runs for, or ran for last."""

    PAGE = 0
    """A block of a page that has more of them."""
    LEAF = 1
    """The last block of a page."""
    NODE = 2


class MerkleTreeHasher(wiring.Component):
    """Root over `pages` pages of `page_words` words; leaf and node as in formats.hashing, shape of RFC 9162 2.1.1.

    pages, page_words: at least 1. rounds_per_cycle: of the Keccak permutation, 1 or 2.

    * `words`: the pages' words in order. Padding and nodes are hashed while the next blocks come in: with pages of
      512 words it is ready in every cycle.
    * `restart`: begins a new tree. To be given before the tree's first word, with `done` or after a reset; a tree
      in progress must not be interrupted by anything but a reset.
    * `done`: all pages are hashed and `root` is valid, until the next `restart`.
    * `root`: 4 words, byte 0 of the digest the least significant of word 0.

    With pages of 512 words, one round in a cycle and words always valid, `done` comes pages * 512 + 19 cycles after
    the first word's cycle, and 13 later for each of merges.closing_merges (15 if its left child is in the state):
    16468 cycles for 32 pages.
    """

    def __init__(self, pages: int, page_words: int, rounds_per_cycle: int = 1):
        if pages < 1 or page_words < 1:
            raise ValueError(f"{pages} pages of {page_words} words: there must be at least one of each")
        self.pages = pages
        self.page_words = page_words
        self.rounds_per_cycle = rounds_per_cycle
        super().__init__(
            {
                "words": In(stream.Signature(WORD_BITS)),
                "restart": In(1),
                "done": Out(1),
                "root": Out(DIGEST),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.permutation = permutation = KeccakPermutation(self.rounds_per_cycle)
        m.submodules.buffer = buffer = BlockBuffer()
        m.submodules.planner = planner = MergePlanner(self.pages)
        self._gather_pages(m, buffer)

        running = Signal(Running)
        result = Signal.like(planner.result)
        idle_cycles = Signal(2)
        hashed = Signal()
        merges = Signal()
        takes_block = Signal()
        digest = permutation.state[:DIGEST_WORDS]
        m.d.sync += idle_cycles.eq(Mux(permutation.ready, Cat(1, idle_cycles[0]), 0))
        m.d.comb += [
            planner.restart.eq(self.restart),
            hashed.eq(permutation.ready & (running != Running.PAGE)),
            self.done.eq(hashed & planner.last & ~planner.due),
            Cat(self.root).eq(Cat(digest)),
        ]

        # The left child is fetched while the permutation runs, the right one in the cycle that starts the next.
        fetches_left = ~permutation.ready | planner.left_in_state & ~idle_cycles[1]
        left, right = self._keep_digests(
            m,
            store=hashed & ~idle_cycles[0],
            store_slot=Mux(running == Running.LEAF, planner.leaf, result),
            digest=digest,
            fetches_left=fetches_left,
            fetch_slot=Mux(fetches_left, planner.left, planner.right),
        )

        with m.If(hashed & planner.due):
            m.d.comb += [merges.eq(~fetches_left), planner.made.eq(merges)]
        with m.Elif(permutation.ready & ~self.done):
            m.d.comb += [planner.next_page.eq(hashed), takes_block.eq(buffer.block_valid)]
        m.d.comb += [
            buffer.block_take.eq(takes_block),
            permutation.load.eq(merges | takes_block),
            permutation.start.eq(merges | takes_block),
        ]
        with m.If(self.restart | planner.next_page):
            m.d.sync += running.eq(Running.PAGE)
        with m.If(takes_block & buffer.block_last):
            m.d.sync += running.eq(Running.LEAF)
        with m.If(merges):
            m.d.sync += [running.eq(Running.NODE), result.eq(planner.result)]

        children = [Mux(planner.right_in_state, a, b) for a, b in zip(digest, right, strict=True)]
        node = padded_block([*left, *children], Domain.NODE)
        page = absorbed(permutation.state, buffer.block, buffer.block_first)
        # Nothing is worked out in cycles that load nothing: that is 10 % of the engine's simulation time.
        with m.If(merges):
            m.d.comb += [lane.eq(value) for lane, value in zip(permutation.state_in, node, strict=False)]
        with m.Elif(takes_block):
            m.d.comb += [lane.eq(value) for lane, value in zip(permutation.state_in, page, strict=True)]
        return m

    def _gather_pages(self, m, buffer):
        index = Signal(range(max(self.page_words, 2)))
        m.d.comb += [
            buffer.words.valid.eq(self.words.valid),
            buffer.words.p.data.eq(self.words.payload),
            buffer.words.p.last.eq(index == self.page_words - 1),
            buffer.domain.eq(Domain.LEAF),
            self.words.ready.eq(buffer.words.ready),
        ]
        with m.If(self.words.valid & self.words.ready):
            m.d.sync += index.eq(Mux(buffer.words.p.last, 0, index + 1))

    def _keep_digests(self, m, *, store, store_slot, digest, fetches_left, fetch_slot):
        """Slots for digests, word by word. Returns a register for the left child, and the slot fetched now."""
        left, fetched = [], []
        for i in range(DIGEST_WORDS):
            m.submodules[f"digests_{i}"] = words = memory.Memory(shape=WORD_BITS, depth=slots(self.pages), init=[])
            write, read = words.write_port(), words.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(store),
                write.addr.eq(store_slot),
                write.data.eq(digest[i]),
                read.addr.eq(fetch_slot),
            ]
            left.append(Signal(WORD_BITS, name=f"left_{i}"))
            fetched.append(read.data)
            with m.If(fetches_left):
                m.d.sync += left[i].eq(read.data)
        return left, fetched
