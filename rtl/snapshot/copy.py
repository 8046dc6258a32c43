"""The copy engine: a point-in-time image of the weights, taken while their user goes on writing."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out, connect, flipped

from rtl.memory.shadow import ShadowedBitPort, ShadowSavePort, ShadowWalkPort
from rtl.memory.weights import WORD_BITS, WordReadPort

OUTSTANDING = 4
"""Words between the memories and the consumer: as many as the pipeline's latency, so that it runs at full rate."""


class CopyEngine(wiring.Component):
    """Walks a memory of `words` words from word 0, one in a cycle, and streams the image of one instant.

    The instant is a cycle with `start`: writes before that cycle are in the image, its own writes are not. When
    the last word has left `words`, the whole image is in the shadow memory. The word read in a cycle is offered
    three cycles later; while the consumer is not ready the walk stops, and the image remains that of the instant.

    The writer is watched, never stalled: a write to a word that the walk has not reached saves the old word in the
    shadow memory, and the walk takes it from there. `shadow_walk` makes exactly one operation for each
    word, whatever is written, and `shadow_save` has the old words to itself.

    No result depends on a memory's two ports meeting at a word: if a write meets the walk (same cycle, same word) the
    old word comes from the writer's own port, and the shadow memory's `save` and the bits' `mark` leave that
    word alone.

    * `start`: ignored unless `ready`.
    * `ready`: 0 during a walk, and for `words` cycles after a reset, in which bits and shadow memory are
      cleared, because a reset may have interrupted a walk.
    * `write`, `write_addr`, `old_word`: the memory's user writes word `write_addr`; `old_word` is what was in
      it, a cycle later.
    * `weights`: the memory's second port. `shadow_save`, `shadow_walk`, `mark`, `take`: ShadowMemory and
      ShadowedBits.
    """

    def __init__(self, words: int):
        if words < 2:
            raise ValueError(f"{words} words: a walk has at least two")
        self.word_count = words
        super().__init__(
            {
                "start": In(1),
                "ready": Out(1),
                "write": In(1),
                "write_addr": In(range(words)),
                "old_word": In(WORD_BITS),
                "weights": Out(WordReadPort(words)),
                "shadow_save": Out(ShadowSavePort(words)),
                "shadow_walk": Out(ShadowWalkPort(words)),
                "mark": Out(ShadowedBitPort(words)),
                "take": Out(ShadowedBitPort(words)),
                "words": Out(stream.Signature(WORD_BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = SyncFIFO(width=WORD_BITS, depth=OUTSTANDING)
        connect(m, fifo.r_stream, flipped(self.words))

        clearing = Signal(init=1)
        walking = Signal()
        position = Signal(range(self.word_count))
        outstanding = Signal(range(OUTSTANDING + 1))
        capturing = Signal()
        issue = Signal()
        meets = Signal()
        m.d.comb += [
            self.ready.eq(~clearing & ~walking),
            capturing.eq(walking | self.start & self.ready),
            issue.eq(capturing & (outstanding != OUTSTANDING)),
            meets.eq(issue & self.write & (self.write_addr == position)),
        ]
        m.d.sync += outstanding.eq(outstanding + issue - (self.words.valid & self.words.ready))
        with m.If(capturing):
            m.d.sync += walking.eq(1)
        with m.If(issue | clearing):
            m.d.sync += position.eq(position + 1)
            with m.If(position == self.word_count - 1):
                m.d.sync += [position.eq(0), walking.eq(0), clearing.eq(0)]

        # Stage 0: the word and its bit are addressed.
        m.d.comb += [
            self.weights.addr.eq(position),
            self.take.enable.eq(issue | clearing),
            self.take.addr.eq(position),
        ]

        # Stage 1: the word goes to the shadow memory, unless its old value is there and must be fetched.
        moving = Signal()
        wiping = Signal()
        met = Signal()
        moved_addr = Signal.like(position)
        word = Signal(WORD_BITS)
        m.d.sync += [moving.eq(issue), wiping.eq(clearing), met.eq(meets), moved_addr.eq(position)]
        m.d.comb += [
            word.eq(Mux(met, self.old_word, self.weights.data)),
            self.shadow_walk.enable.eq(moving | wiping),
            self.shadow_walk.write.eq(wiping | ~self.take.was),
            self.shadow_walk.addr.eq(moved_addr),
            self.shadow_walk.w_data.eq(Mux(wiping, 0, word)),
        ]

        # Stage 2: the word, from where it is, goes out.
        moved = Signal()
        fetched = Signal()
        moved_word = Signal(WORD_BITS)
        m.d.sync += [moved.eq(moving), fetched.eq(self.take.was), moved_word.eq(word)]
        m.d.comb += [
            fifo.w_en.eq(moved),
            fifo.w_data.eq(Mux(fetched, self.shadow_walk.r_data, moved_word)),
        ]

        # The writer's side: mark, and a cycle later save the old word if it was the first write to it.
        marked = Signal()
        marked_addr = Signal.like(position)
        m.d.comb += [
            self.mark.enable.eq(capturing & self.write & (self.write_addr >= position) & ~meets),
            self.mark.addr.eq(self.write_addr),
            self.shadow_save.enable.eq(marked & ~self.mark.was),
            self.shadow_save.addr.eq(marked_addr),
            self.shadow_save.data.eq(self.old_word),
        ]
        m.d.sync += [marked.eq(self.mark.enable), marked_addr.eq(self.write_addr)]
        return m
