"""The snapshot engine: accelerator memory, and the Merkle root of what was in it at an instant."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.hashing import WORD_BYTES
from formats.statement import FORCED, Cause
from rtl.config import Config
from rtl.memory.shadow import ShadowedBits, ShadowMemory
from rtl.memory.weights import WeightMemory, WeightPort, WordReadPort
from rtl.snapshot.copy import CopyEngine
from rtl.snapshot.merkle import DIGEST, MerkleTreeHasher

COUNTER_BITS = 32


class SnapshotEngine(wiring.Component):
    """Owns the weight memory and the shadow memory; on a trigger takes a point-in-time image and its Merkle root.

    config: sizes, rounds_per_cycle and boundary_timeout. weight_memory, shadow_memory, shadowed_bits: classes of the
    memories, for tests that watch them.

    Memory:
    * `user`: the weight memory's port. Always ready, during captures too.
    * `image`: reads the shadow memory: the image of the last capture, or zeros. Of no meaning for an address given
      while `clearing` or `capturing`, or in the cycle after `clearing`.

    Triggers. A random and a requested trigger are latched separately, each at most once, and each leads to a
    capture of its own: the random one first, but none while a request waits that an earlier one has overtaken.
    * `random`: pulse. `request`: pulse, with `request_cause` HOST or CHALLENGE of formats.statement.Cause; a
      request while another is latched changes nothing.
    * `boundary`: 1 in a cycle at whose start no descriptor is in progress.
    * `hold`: while 1, no capture starts.
    * `pending`: a trigger is latched; from the cycle after its pulse.

    Capture. It starts in the first cycle with `pending` and `boundary`, and neither `hold`, `clearing` nor
    `capturing`; or, after config.boundary_timeout such cycles in a row without `boundary`, in the next one, and
    then FORCED is added to the cause.
    * `instant`: 1 in the cycle in which it starts: writes of earlier cycles are in the image, those of this cycle
      are not. It depends on `boundary` and `hold` in the same cycle.
    * `capturing`: from the cycle after `instant` until `done`.
    * `done`: `root` is valid. From then on, and up to and including the cycle of the next `instant`.
    * `cause`: of the last capture; from the cycle after its `instant`.
    * `root`: 4 words, byte 0 the least significant of word 0.
    * `clearing`: for config.weight_words cycles after a reset, the shadow memory is zeroised, because the reset
      may have cut off a capture. Triggers stay latched.

    The root of 32 pages of 4096 bytes is valid 16471 cycles after the instant at one round in a cycle (7.957 bytes
    in a cycle), whatever the user does.

    Counters, modulo 2**32, since reset:
    * `captures`: captures done, counted in the first cycle of `done`. `capture_cycles`: cycles from `instant` to
      `done` of the last capture, or so far of one in progress.
    * `stall_cycles`: cycles in which `user` was valid and not ready.
    """

    def __init__(
        self,
        config: Config,
        *,
        weight_memory: type[wiring.Component] = WeightMemory,
        shadow_memory: type[wiring.Component] = ShadowMemory,
        shadowed_bits: type[wiring.Component] = ShadowedBits,
    ):
        self.config = config
        self._memories = (weight_memory, shadow_memory, shadowed_bits)
        words = config.weight_words
        super().__init__(
            {
                "user": In(WeightPort(words)),
                "image": In(WordReadPort(words)),
                "random": In(1),
                "request": In(1),
                "request_cause": In(4),
                "boundary": In(1),
                "hold": In(1),
                "pending": Out(1),
                "clearing": Out(1),
                "instant": Out(1),
                "capturing": Out(1),
                "done": Out(1),
                "cause": Out(4),
                "root": Out(DIGEST),
                "captures": Out(COUNTER_BITS),
                "capture_cycles": Out(COUNTER_BITS),
                "stall_cycles": Out(COUNTER_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        words = config.weight_words
        weight_memory, shadow_memory, shadowed_bits = self._memories
        m.submodules.weights = weights = weight_memory(words)
        m.submodules.shadow = shadow = shadow_memory(words)
        m.submodules.shadowed = shadowed = shadowed_bits(words)
        m.submodules.copy = copy = CopyEngine(words)
        m.submodules.tree = tree = MerkleTreeHasher(
            config.pages, config.page_bytes // WORD_BYTES, config.rounds_per_cycle
        )
        connect(m, flipped(self.user), weights.user)
        connect(m, flipped(self.image), shadow.image)
        connect(m, copy.weights, weights.copy)
        connect(m, copy.shadow_save, shadow.save)
        connect(m, copy.shadow_walk, shadow.walk)
        connect(m, copy.mark, shadowed.mark)
        connect(m, copy.take, shadowed.take)
        connect(m, copy.words, tree.words)
        m.d.comb += [
            copy.write.eq(self.user.valid & self.user.ready & self.user.write),
            copy.write_addr.eq(self.user.addr),
            copy.old_word.eq(self.user.r_data),
            copy.start.eq(self.instant),
            tree.restart.eq(self.instant),
            self.root.eq(tree.root),
        ]

        self._choose_instant(m)
        self._follow_capture(m, copy, tree)
        return m

    def _choose_instant(self, m):
        random, requested = Signal(), Signal()
        chooses_random, overtook = Signal(), Signal()
        request_cause = Signal(4)
        waited = Signal(range(self.config.boundary_timeout + 1))
        may_start, forced = Signal(), Signal()
        m.d.comb += [
            self.pending.eq(random | requested),
            may_start.eq(self.pending & ~self.hold & ~self.clearing & ~self.capturing),
            forced.eq(~self.boundary & (waited == self.config.boundary_timeout)),
            self.instant.eq(may_start & (self.boundary | forced)),
            chooses_random.eq(random & ~(requested & overtook)),
        ]
        with m.If(~may_start | self.instant):
            m.d.sync += waited.eq(0)
        with m.Else():
            m.d.sync += waited.eq(waited + 1)

        with m.If(self.instant):
            m.d.sync += [
                self.cause.eq(Mux(chooses_random, Cause.RANDOM, request_cause) | Mux(forced, FORCED, 0)),
                overtook.eq(chooses_random),
            ]
        with m.If(self.random | (self.instant & chooses_random)):
            m.d.sync += random.eq(self.random)
        request_taken = self.instant & ~chooses_random
        with m.If(self.request & (~requested | request_taken)):
            m.d.sync += [requested.eq(1), request_cause.eq(self.request_cause)]
        with m.Elif(request_taken):
            m.d.sync += requested.eq(0)

    def _follow_capture(self, m, copy, tree):
        started = Signal()
        m.d.comb += [
            self.done.eq(tree.done),
            self.capturing.eq(started & ~tree.done),
            self.clearing.eq(~copy.ready & ~self.capturing),
        ]
        with m.If(self.instant):
            m.d.sync += [started.eq(1), self.capture_cycles.eq(1)]
        with m.Elif(self.capturing):
            m.d.sync += self.capture_cycles.eq(self.capture_cycles + 1)
        with m.Elif(started):
            m.d.sync += [started.eq(0), self.captures.eq(self.captures + 1)]
        with m.If(self.user.valid & ~self.user.ready):
            m.d.sync += self.stall_cycles.eq(self.stall_cycles + 1)
