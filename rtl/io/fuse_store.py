"""Fuses for boards that have none: a sector of the configuration flash that hardware alone reads and programs."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from formats.flash import ADDRESS_BYTES, SECTOR_BYTES, FlashCommand
from formats.otp import OTP_BYTES
from rtl.io.flash import FLASH_BYTE
from rtl.io.otp import BURN

ADDRESS_END = 1 + ADDRESS_BYTES
"""Bytes of a command with its address."""


class _Step(enum.IntEnum, shape=3):
    """Transactions with the part."""

    LEAVE_MODES = 0
    """Whatever mode for several data lines, or in the middle of a read, the part was left in."""
    WAKE = 1
    STATUS = 2
    IDENTIFY = 3
    READ = 4
    ENABLE = 5
    PROGRAM = 6
    VERIFY = 7


_COMMANDS = {
    _Step.LEAVE_MODES: 0xFF,
    _Step.WAKE: FlashCommand.RELEASE_POWER_DOWN,
    _Step.STATUS: FlashCommand.READ_STATUS,
    _Step.IDENTIFY: FlashCommand.JEDEC_ID,
    _Step.READ: FlashCommand.READ,
    _Step.ENABLE: FlashCommand.WRITE_ENABLE,
    _Step.PROGRAM: FlashCommand.PAGE_PROGRAM,
    _Step.VERIFY: FlashCommand.READ,
}
_LENGTHS = {
    _Step.LEAVE_MODES: 2,
    _Step.WAKE: 1,
    _Step.STATUS: 2,
    _Step.IDENTIFY: 4,
    _Step.READ: ADDRESS_END + OTP_BYTES,
    _Step.ENABLE: 1,
    _Step.PROGRAM: ADDRESS_END + 1,
    _Step.VERIFY: ADDRESS_END + 1,
}


class FuseStore(wiring.Component):
    """Keeps the OTP_BYTES bytes of formats/otp.py at the beginning of a sector, inverted: an erased sector holds no
    fuses, and to burn one is to program a 1 to 0, which the part itself takes back by nothing but an erase.

    offset: of the sector in the part. jedec_ids: of the parts that are accepted. wake_cycles: between its release
    from power-down and the next command. status_reads: how often it may answer that it is busy before it is given up.

    tx, rx: SPI by bytes, as of rtl/io/flash.py, while `granted`. request: from reset on until the fuses are read, and
    then while a byte is burnt; between two of its transactions nobody else may have one.

    * After reset the part is woken, waited for, identified, and its fuses are streamed to `load`, offset 0 first.
    * `burns`: each is programmed with write enable and page program, waited for and read back; it is taken when it
      is found to be set.
    * failed: the part is none of the accepted ones, stayed busy, or did not keep what was programmed. Then nothing
      more happens until reset: fuses that were not read never are, and the burn is never taken.

    Whoever opens the board can read, copy and erase the sector: this keeps the rules against the firmware alone.

    From a request that is granted at once to `failed`, `load` or a burn's end nothing waits but for the part. Each
    byte takes two cycles with a part that takes and answers it at once, and each transaction one more.
    """

    tx: Out(stream.Signature(FLASH_BYTE))
    rx: In(stream.Signature(8))
    load: Out(stream.Signature(8))
    burns: In(stream.Signature(BURN))
    request: Out(1)
    granted: In(1)
    failed: Out(1)

    def __init__(self, offset: int, jedec_ids: Sequence[bytes], wake_cycles: int, status_reads: int):
        if offset % SECTOR_BYTES or not 0 <= offset < 1 << 8 * ADDRESS_BYTES:
            raise ValueError(f"fuses at flash offset {offset:#x}: a sector's first byte is needed")
        if not jedec_ids or min(wake_cycles, status_reads) < 1:
            counts = f"{len(jedec_ids)} parts, {wake_cycles} cycles, {status_reads} status reads"
            raise ValueError(f"{counts}: 1 or more of each are needed")
        self.offset = offset
        self.jedec_ids = tuple(jedec_ids)
        self.wake_cycles = wake_cycles
        self.status_reads = status_reads
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        step, after = Signal(_Step), Signal(_Step, init=_Step.IDENTIFY)
        index = Signal(range(max(_LENGTHS.values())))
        reads_left = Signal(range(self.status_reads), init=self.status_reads - 1)
        waited = Signal(range(self.wake_cycles))
        # The last three answers, the newest in the low byte.
        answers = Signal(24)
        burn = self.burns.payload

        command, length = Signal(8), Signal.like(index)
        with m.Switch(step):
            for each in _Step:
                with m.Case(each):
                    m.d.comb += [command.eq(_COMMANDS[each]), length.eq(_LENGTHS[each] - 1)]
        addressed = (step == _Step.READ) | (step == _Step.PROGRAM) | (step == _Step.VERIFY)
        address = self.offset | Mux(step == _Step.READ, 0, burn.address)
        m.d.comb += [self.tx.payload.data.eq(0xFF), self.tx.payload.last.eq(index == length)]
        with m.If(index == 0):
            m.d.comb += self.tx.payload.data.eq(command)
        with m.Elif(addressed & (index < ADDRESS_END)):
            m.d.comb += self.tx.payload.data.eq(address.word_select((ADDRESS_BYTES - index)[:2], 8))
        with m.Elif(step == _Step.PROGRAM):
            m.d.comb += self.tx.payload.data.eq(~burn.data)

        streams = Signal()
        m.d.comb += [
            streams.eq((step == _Step.READ) & (index >= ADDRESS_END)),
            self.load.payload.eq(~self.rx.payload),
        ]
        m.d.comb += self.request.eq(1)
        with m.FSM():
            with m.State("SEND"):
                m.d.comb += self.tx.valid.eq(self.granted)
                with m.If(self.granted & self.tx.ready):
                    m.next = "ANSWER"

            with m.State("ANSWER"):
                m.d.comb += [
                    self.load.valid.eq(self.rx.valid & streams),
                    self.rx.ready.eq(self.load.ready | ~streams),
                ]
                with m.If(self.rx.valid & self.rx.ready):
                    m.d.sync += [answers.eq(Cat(self.rx.payload, answers)), index.eq(index + 1)]
                    m.next = "SEND"
                    with m.If(index == length):
                        m.d.sync += index.eq(0)
                        m.next = "END"

            with m.State("END"):
                m.next = "SEND"
                with m.Switch(step):
                    with m.Case(_Step.LEAVE_MODES):
                        m.d.sync += step.eq(_Step.WAKE)
                    with m.Case(_Step.WAKE):
                        m.next = "WAKING"
                    with m.Case(_Step.STATUS):
                        m.d.sync += reads_left.eq(reads_left - 1)
                        with m.If(~answers[0]):
                            m.d.sync += [step.eq(after), reads_left.eq(self.status_reads - 1)]
                        with m.Elif(reads_left == 0):
                            m.next = "FAILED"
                    with m.Case(_Step.IDENTIFY):
                        m.d.sync += step.eq(_Step.READ)
                        with m.If(~answers.matches(*(int.from_bytes(each, "big") for each in self.jedec_ids))):
                            m.next = "FAILED"
                    with m.Case(_Step.READ):
                        m.next = "IDLE"
                    with m.Case(_Step.ENABLE):
                        m.d.sync += step.eq(_Step.PROGRAM)
                    with m.Case(_Step.PROGRAM):
                        m.d.sync += [step.eq(_Step.STATUS), after.eq(_Step.VERIFY)]
                    with m.Case(_Step.VERIFY):
                        set_bits = (answers[:8] & burn.data) == 0
                        m.d.comb += self.burns.ready.eq(set_bits)
                        m.next = "IDLE"
                        with m.If(~set_bits):
                            m.next = "FAILED"

            with m.State("WAKING"):
                m.d.sync += waited.eq(waited + 1)
                with m.If(waited == self.wake_cycles - 1):
                    m.d.sync += step.eq(_Step.STATUS)
                    m.next = "SEND"

            with m.State("IDLE"):
                m.d.comb += self.request.eq(0)
                m.d.sync += [step.eq(_Step.STATUS), after.eq(_Step.ENABLE)]
                with m.If(self.burns.valid):
                    m.next = "SEND"

            with m.State("FAILED"):
                m.d.comb += [self.request.eq(0), self.failed.eq(1)]
        return m
