"""Ingest: the only way into accelerator memory, and the running digest over all that came in.

Records and digests are defined in formats/records.py.
"""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from formats.descriptor import RUN_BYTES
from formats.hashing import WORD_BYTES, Domain
from formats.records import RecordKind
from rtl.accel.sequencer import RunPort
from rtl.bus import MemoryMap, RegisterPeripheral, read_only, wishbone_signature, write_only
from rtl.config import Config
from rtl.crypto.sponge_arbiter import SpongeUser

DIGEST_WORDS = 4


class Ingest(RegisterPeripheral):
    """Takes one record at a time from the CPU, carries it out and folds it into `inputs`.

    Registers `kind`, `address`, `length` describe a record; `start` begins it, or sets `rejected` and changes
    nothing when the kind is unknown, the length is zero, address or length is no multiple of 8, the record
    does not lie within the memory, it is a run while the accelerator is stopped, or another record is active. Then
    each 32-bit write to `data_bus`, low half first, gives half a word; it is acknowledged when taken (at most about
    one permutation later, if the record need not wait); writes while no record is active are refused with `err`.

    A record waits, before its first word is taken, while a run is in progress, unless it is a trigger rate or a write
    that lies wholly within the run's open window. A run that waited for one that stopped is
    rejected. `waiting` says whether the record in progress waits, or, while there is none, whether the one in the
    registers would.

    write_*: one word write, held until ready. enable: no record may start while 0 (memory not cleared).
    inputs, records, words: digest over completed records, their number, and the words of the record in
    progress that have taken effect; they change in the cycle after the memory does.
    rate: the trigger rate in force.
    sponge: a record has it from the word on that is absorbed first to the record's end.
    run: starts when a run record completes. running, stopped: the accelerator's `busy` and `stopped`.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "kind": write_only(kind=8),
                "address": write_only(address=32),
                "length": write_only(length=32),
                "start": write_only(start=1),
                "status": read_only(active=1, rejected=1, waiting=1),
                "records": read_only(records=64),
                "words": read_only(words=32),
            },
            {
                "data_bus": In(wishbone_signature(1)),
                "write_valid": Out(1),
                "write_addr": Out(range(config.weight_words)),
                "write_data": Out(64),
                "write_ready": In(1),
                "enable": In(1),
                "inputs": Out(data.ArrayLayout(64, DIGEST_WORDS)),
                "records": Out(64),
                "words": Out(32),
                "rate": Out(64, init=config.trigger_rate),
                "sponge": Out(SpongeUser()),
                "run": Out(RunPort()),
                "running": In(1),
                "stopped": In(1),
            },
        )
        memory_map = MemoryMap(addr_width=3, data_width=8)
        memory_map.add_resource(self, name=("ingest_data",), size=4)
        self.data_bus.memory_map = memory_map

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        register, sponge = self.registers, self.sponge
        kind, address, length = Signal(8), Signal(32), Signal(32)
        active, rejected = Signal(), Signal()
        for name, target in (("kind", kind), ("address", address), ("length", length)):
            field = getattr(register[name].f, name)
            with m.If(field.w_stb & ~active):
                m.d.sync += target.eq(field.w_data)
        m.d.comb += [
            register["status"].f.active.r_data.eq(active),
            register["status"].f.rejected.r_data.eq(rejected),
            register["records"].f.records.r_data.eq(self.records),
            register["words"].f.words.r_data.eq(self.words),
        ]

        end = Signal(33)
        m.d.comb += end.eq(address + length)
        well_formed = Signal()
        in_memory = (kind == RecordKind.WRITE) & (end <= self._config.weight_bytes)
        is_rate = (kind == RecordKind.TRIGGER_RATE) & (address == 0) & (length == WORD_BYTES)
        is_run = (kind == RecordKind.RUN) & (length == RUN_BYTES) & ~self.stopped
        m.d.comb += well_formed.eq(
            (length != 0) & (length[:3] == 0) & (address[:3] == 0) & (in_memory | is_rate | is_run) & self.enable
        )
        run, waiting = self.run, Signal()
        is_open = (kind == RecordKind.WRITE) & (run.open_begin <= address) & (end <= run.open_end)
        m.d.comb += [
            waiting.eq(self.running & (kind != RecordKind.TRIGGER_RATE) & ~is_open),
            register["status"].f.waiting.r_data.eq(waiting),
        ]

        # The half words of the bus become words here.
        low, word, word_valid, has_low = Signal(32), Signal(64), Signal(), Signal()
        bus = self.data_bus
        taking, held_back = Signal(), Signal()
        m.d.sync += [bus.ack.eq(0), bus.err.eq(0)]
        with m.If(bus.cyc & bus.stb & ~bus.ack & ~bus.err):
            with m.If(~bus.we | (bus.sel != 0b1111) | ~(taking | held_back)):
                m.d.sync += bus.err.eq(1)
            with m.Elif(~has_low & taking):
                m.d.sync += [low.eq(bus.dat_w), has_low.eq(1), bus.ack.eq(1)]
            with m.Elif(~word_valid & taking):
                m.d.sync += [word.eq(Cat(low, bus.dat_w)), word_valid.eq(1), has_low.eq(0), bus.ack.eq(1)]

        step = Signal(range(2 * DIGEST_WORDS + 2 + 1))
        payload_digest = Signal(data.ArrayLayout(64, DIGEST_WORDS))
        header = Signal(data.ArrayLayout(64, 2))
        m.d.comb += [header[0].eq(Cat(kind, Const(0, 24), length)), header[1].eq(address)]
        m.d.comb += [
            self.write_addr.eq((address >> 3) + self.words),
            self.write_data.eq(word),
        ]

        with m.FSM():
            with m.State("IDLE"):
                with m.If(register["start"].f.start.w_stb):
                    m.d.sync += [rejected.eq(~well_formed), active.eq(well_formed)]
                    with m.If(well_formed):
                        m.next = "WAIT"

            with m.State("WAIT"):
                m.d.comb += held_back.eq(1)
                with m.If(~waiting):
                    m.next = "TAKE"
                    with m.If((kind == RecordKind.RUN) & self.stopped):
                        m.d.sync += [rejected.eq(1), active.eq(0)]
                        m.next = "IDLE"

            with m.State("TAKE"):
                m.d.comb += taking.eq(1)
                with m.If(word_valid):
                    with m.If(kind == RecordKind.WRITE):
                        m.d.comb += self.write_valid.eq(1)
                    with m.If((kind != RecordKind.WRITE) | self.write_ready):
                        with m.If(kind == RecordKind.TRIGGER_RATE):
                            m.d.sync += self.rate.eq(word)
                        with m.If(kind == RecordKind.RUN):
                            m.d.sync += run.address.eq(address)
                            with m.If(self.words == 0):
                                m.d.sync += Cat(run.count, run.iterations).eq(word)
                            with m.Else():
                                m.d.sync += Cat(run.open_begin, run.open_end).eq(word)
                        m.d.sync += self.words.eq(self.words + 1)
                        m.next = "ABSORB"

            with m.State("ABSORB"):
                # `words` has moved on, so the word in hand is the last one when all are counted.
                absorbed_all = self.words == length >> 3
                m.d.comb += [
                    taking.eq(~absorbed_all),
                    sponge.domain.eq(Domain.PAYLOAD),
                    sponge.words.payload.data.eq(word),
                    sponge.words.payload.last.eq(absorbed_all),
                    sponge.words.payload.padded.eq(0),
                    sponge.words.valid.eq(1),
                ]
                with m.If(sponge.words.ready):
                    m.d.sync += word_valid.eq(0)
                    m.next = "TAKE"
                    with m.If(absorbed_all):
                        m.d.sync += step.eq(0)
                        m.next = "PAYLOAD_DIGEST"

            with m.State("PAYLOAD_DIGEST"):
                m.d.comb += [sponge.domain.eq(Domain.PAYLOAD), sponge.digest.ready.eq(1)]
                with m.If(sponge.digest.valid):
                    m.d.sync += [payload_digest[step[:2]].eq(sponge.digest.payload), step.eq(step + 1)]
                    with m.If(step == DIGEST_WORDS - 1):
                        m.d.sync += step.eq(0)
                        m.next = "RESTART"

            with m.State("RESTART"):
                m.d.comb += sponge.restart.eq(1)
                m.next = "FOLD"

            with m.State("FOLD"):
                folded = [*self.inputs, *header, *payload_digest]
                m.d.comb += [
                    sponge.domain.eq(Domain.INPUTS),
                    sponge.words.valid.eq(1),
                    sponge.words.payload.last.eq(step == len(folded) - 1),
                    sponge.words.payload.padded.eq(0),
                ]
                with m.Switch(step):
                    for index, value in enumerate(folded):
                        with m.Case(index):
                            m.d.comb += sponge.words.payload.data.eq(value)
                with m.If(sponge.words.ready):
                    m.d.sync += step.eq(step + 1)
                    with m.If(sponge.words.payload.last):
                        m.d.sync += step.eq(0)
                        m.next = "INPUTS"

            with m.State("INPUTS"):
                # The new digest is gathered aside, so that `inputs` and `records` change in one cycle.
                m.d.comb += [sponge.domain.eq(Domain.INPUTS), sponge.digest.ready.eq(1)]
                with m.If(sponge.digest.valid):
                    m.d.sync += [payload_digest[step[:2]].eq(sponge.digest.payload), step.eq(step + 1)]
                    with m.If(step == DIGEST_WORDS - 1):
                        m.next = "COMPLETE"

            with m.State("COMPLETE"):
                m.d.comb += [sponge.restart.eq(1), run.start.eq(kind == RecordKind.RUN)]
                m.d.sync += [
                    self.inputs.eq(payload_digest),
                    self.records.eq(self.records + 1),
                    self.words.eq(0),
                    active.eq(0),
                ]
                m.next = "IDLE"
        return m
