"""Between the chip and a flash that stands in for its fuses: what the chip may tell the part."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from formats.flash import ADDRESS_BYTES, SECTOR_BYTES, FlashCommand
from rtl.io.flash import FLASH_BYTE

ALONE = (FlashCommand.WRITE_ENABLE, FlashCommand.ENABLE_RESET, FlashCommand.RESET)
"""Allowed as a transaction of one byte."""

OF_ANY_LENGTH = (FlashCommand.READ_STATUS, FlashCommand.JEDEC_ID)
"""Allowed with whatever follows."""

ADDRESSED = (FlashCommand.READ, FlashCommand.PAGE_PROGRAM, FlashCommand.SECTOR_ERASE)
"""Allowed by their address."""

REFUSED = 0xFF
"""Answers a byte that does not reach the part, and stands for each byte of the sector."""


class FlashGuard(wiring.Component):
    """Lets through what firmware needs of a flash, and nothing that touches one sector of it.

    sector: number of the protected sector. address_bits: of an address, those that the part looks at; the others
    are not compared. ValueError unless the sector lies within.

    chip_tx, chip_rx, part_tx, part_rx: SPI by bytes, as of rtl/io/flash.py. For the power-on domain: a transaction
    goes on over a warm reset.

    * Commands are those of ALONE, OF_ANY_LENGTH and ADDRESSED. All others, one of ALONE that is not alone, a program
      or read without data, an erase with more than an address, and a program or erase whose address lies in the
      sector, are refused: no byte of the transaction reaches the part, and each is answered REFUSED.
    * A read gets REFUSED for each byte of the sector, wherever it began. The part stays within the page of a
      program's address.

    A refused byte takes two cycles if its answer is taken at once, a refused transaction one more. A transaction that
    is let through is on offer to the part a cycle later than to the guard; one with an address a cycle after the
    third byte of it is, and its first three bytes go to the part then. After that the guard adds no cycle.
    """

    chip_tx: In(stream.Signature(FLASH_BYTE))
    chip_rx: Out(stream.Signature(8))
    part_tx: Out(stream.Signature(FLASH_BYTE))
    part_rx: In(stream.Signature(8))

    def __init__(self, sector: int, address_bits: int = 8 * ADDRESS_BYTES):
        self.sector_shift = (SECTOR_BYTES - 1).bit_length()
        if not 0 <= sector < 1 << (address_bits - self.sector_shift) or address_bits > 8 * ADDRESS_BYTES:
            raise ValueError(f"sector {sector} is not within {address_bits} address bits")
        self.sector = sector
        self.address_bits = address_bits
        super().__init__()

    def _is_protected(self, address):
        return address[self.sector_shift : self.address_bits] == self.sector

    def elaborate(self, platform):
        m = Module()
        source, answers, part, part_answers = self.chip_tx, self.chip_rx, self.part_tx, self.part_rx
        byte, last = source.payload.data, source.payload.last
        taken = source.valid & source.ready
        answered = answers.valid & answers.ready

        command, address = Signal(8), Signal(8 * ADDRESS_BYTES)
        header_bytes, replayed = Signal(range(ADDRESS_BYTES + 1)), Signal(range(ADDRESS_BYTES + 1))
        header = Cat(command, address[16:], address[8:16]).word_select(replayed, 8)
        whole_address = Cat(byte, address[:16])

        # What is not for the part is answered here.
        owes, ends = Signal(), Signal()
        refusing, collecting = Signal(), Signal()
        with m.If(refusing | collecting):
            m.d.comb += [
                source.ready.eq(~owes & (refusing | (header_bytes != ADDRESS_BYTES))),
                answers.valid.eq(owes),
                answers.payload.eq(REFUSED),
            ]
            with m.If(taken):
                m.d.sync += [owes.eq(1), ends.eq(last)]
            with m.If(answered):
                m.d.sync += owes.eq(0)

        waiting, closing, masked = Signal(), Signal(), Signal()
        with m.FSM():
            with m.State("COMMAND"):
                m.d.sync += [header_bytes.eq(0), replayed.eq(0), masked.eq(0)]
                with m.If(source.valid):
                    m.next = "REFUSE"
                    with m.Switch(byte):
                        with m.Case(*ALONE):
                            with m.If(last):
                                m.next = "PASS"
                        with m.Case(*OF_ANY_LENGTH):
                            m.next = "PASS"
                        with m.Case(*ADDRESSED):
                            m.next = "HEADER"

            with m.State("REFUSE"):
                m.d.comb += refusing.eq(1)
                with m.If(answered & ends):
                    m.next = "COMMAND"

            with m.State("HEADER"):
                m.d.comb += collecting.eq(1)
                with m.If(taken):
                    m.d.sync += header_bytes.eq(header_bytes + 1)
                    with m.If(header_bytes == 0):
                        m.d.sync += command.eq(byte)
                    with m.Else():
                        m.d.sync += address.eq(whole_address)
                with m.If(answered & ends):
                    m.next = "COMMAND"
                with m.If(source.valid & ~owes & (header_bytes == ADDRESS_BYTES)):
                    erases = command == FlashCommand.SECTOR_ERASE
                    reads = command == FlashCommand.READ
                    m.d.sync += [address.eq(whole_address), ends.eq(0)]
                    m.next = "REFUSE"
                    with m.If((last == erases) & (reads | ~self._is_protected(whole_address))):
                        m.next = "REPLAY"

            with m.State("REPLAY"):
                m.d.comb += [
                    part.valid.eq(~waiting),
                    part.payload.data.eq(header),
                    part_answers.ready.eq(waiting),
                ]
                with m.If(part.valid & part.ready):
                    m.d.sync += waiting.eq(1)
                with m.If(part_answers.valid & part_answers.ready):
                    m.d.sync += [waiting.eq(0), replayed.eq(replayed + 1)]
                    with m.If(replayed == ADDRESS_BYTES - 1):
                        m.next = "PASS"

            with m.State("PASS"):
                m.d.comb += [
                    part.valid.eq(source.valid & ~closing & (~waiting | answered)),
                    part.payload.eq(source.payload),
                    source.ready.eq(part.ready & ~closing & (~waiting | answered)),
                    answers.valid.eq(part_answers.valid & waiting),
                    answers.payload.eq(Mux(masked, REFUSED, part_answers.payload)),
                    part_answers.ready.eq(answers.ready & waiting),
                ]
                with m.If(answered):
                    # The answer to the address's last byte comes first.
                    m.d.sync += waiting.eq(0)
                    with m.If((replayed != 0) & (command == FlashCommand.READ)):
                        m.d.sync += [masked.eq(self._is_protected(address)), address.eq(address + 1)]
                    with m.If(closing):
                        m.d.sync += closing.eq(0)
                        m.next = "COMMAND"
                with m.If(taken):
                    m.d.sync += [waiting.eq(1), closing.eq(last)]
        return m
