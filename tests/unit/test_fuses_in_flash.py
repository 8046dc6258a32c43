"""Fuses in a flash: how they are read, burnt and kept from the chip, and what a part that fails comes to."""

import random
from itertools import groupby

import pytest

from formats.flash import FLASH_BYTES, MODELLED_PART, SECTOR_BYTES, FlashPart
from formats.otp import OTP_BYTES
from rtl.io.flash_guard import REFUSED
from rtl.io.fuses_in_flash import FusesInFlash
from sim.nor import BUSY, Command, Nor, PowerLost
from sim.rtl.block import VerilatedBlock
from tests.unit.flash_bench import FlashBench

OFFSET = FLASH_BYTES - SECTOR_BYTES
WAKE_CYCLES, STATUS_READS = 40, 200
PROGRAM_CYCLES = 200
FUSES = random.Random(3).randbytes(OTP_BYTES)
START = [b"\xff\xff", bytes([Command.RELEASE_POWER_DOWN]), bytes([Command.READ_STATUS, 0xFF]), b"\x9f" + b"\xff" * 3]
READ = bytes([Command.READ, *OFFSET.to_bytes(3, "big")]) + b"\xff" * OTP_BYTES


def content(fuses: bytes) -> bytearray:
    flash = bytearray(random.Random(4).randbytes(FLASH_BYTES))
    flash[OFFSET:] = bytes(byte ^ 0xFF for byte in fuses).ljust(SECTOR_BYTES, b"\xff")
    return flash


class Bench(FlashBench):
    """loaded: the fuses as they came. burn: what is offered to be burnt; None once it was taken."""

    def __init__(self, nor: Nor, reluctance: float = 0.0, seed: int = 0, part: FlashPart = MODELLED_PART, **options):
        block = VerilatedBlock(FusesInFlash(part, OFFSET, WAKE_CYCLES, STATUS_READS), cycle_limit=2_000_000)
        super().__init__(block, nor, reluctance, seed, **options)
        self.loaded = bytearray()
        self.burn: tuple[int, int] | None = None

    def inputs(self) -> dict[str, int]:
        offers = self.burn is not None
        return {
            "load__ready": self.willing(),
            "burns__valid": offers,
            "burns__payload": self.burn[0] | self.burn[1] << 7 if offers else 0,
        }

    def look(self) -> None:
        byte = self.checked("load", bool(self.block.get("load__ready")))
        if byte is not None:
            self.loaded.append(byte)
        if self.burn is not None and self.block.get("burns__ready"):
            self.burn = None

    @property
    def failed(self) -> bool:
        return bool(self.block.get("failed"))

    def run_until(self, done, limit: int = 200_000) -> int:
        """Cycles until `done()`."""
        begun = self.block.cycles
        while not done():
            assert self.block.cycles - begun < limit, "no end"
            self.cycle()
        return self.block.cycles - begun

    def power_on(self, fuses: bytes) -> int:
        """Cycles until all fuses were read."""
        took = self.run_until(lambda: len(self.loaded) == OTP_BYTES)
        assert self.loaded == fuses
        return took

    def burnt(self, address: int, data: int) -> int:
        self.burn = address, data
        return self.run_until(lambda: self.burn is None)


def part(fuses: bytes = FUSES, **options) -> Nor:
    return Nor(content(fuses), **{"program_cycles": PROGRAM_CYCLES, "erase_cycles": 500, **options})


@pytest.mark.parametrize(("reluctance", "seed"), [(0.0, 0), (0.5, 1), (0.9, 2)])
def test_fuses_are_read_after_power_on(reluctance, seed):
    bench = Bench(part(), reluctance, seed)
    bench.power_on(FUSES)
    bench.run_until(lambda: len(bench.transactions) == 5)
    assert bench.transactions == [*START, READ]
    for _ in range(2000):
        bench.cycle()
    assert len(bench.transactions) == 5 and len(bench.loaded) == OTP_BYTES and not bench.failed


def test_an_erased_sector_holds_no_fuses():
    bench = Bench(Nor(bytearray(b"\xff" * FLASH_BYTES)))
    bench.power_on(bytes(OTP_BYTES))


def test_cycles():
    """Of a part that takes a byte at once and answers in the next cycle: two a byte and one a transaction."""
    bench = Bench(part(bytes(OTP_BYTES)))
    transactions = [*START, READ]
    bytes_sent = sum(map(len, transactions))
    assert bench.power_on(bytes(OTP_BYTES)) == 2 * bytes_sent + len(transactions) - 1 + WAKE_CYCLES
    for _ in range(10):
        bench.cycle()
    bench.nor.program_cycles = 1
    # Seen, granted; then status, write enable, program, status, and read back, at whose end it is taken.
    assert bench.burnt(7, 0x80) == 2 + 2 * (2 + 1 + 5 + 2 + 5) + 5


@pytest.mark.parametrize(("reluctance", "seed"), [(0.0, 0), (0.6, 1), (0.8, 2)])
def test_burning(reluctance, seed):
    bench, source = Bench(part(bytes(OTP_BYTES)), reluctance, seed), random.Random(seed)
    bench.power_on(bytes(OTP_BYTES))
    fuses = bytearray(OTP_BYTES)
    before = bytes(bench.nor.content)
    for _ in range(40):
        address, data = source.randrange(OTP_BYTES), source.choice((0, 1, 0x80, 0xFF, source.randrange(256)))
        bench.burnt(address, data)
        fuses[address] |= data
        assert bench.nor.content == before[:OFFSET] + content(bytes(fuses))[OFFSET:]
    assert not bench.failed
    again = Bench(Nor(bench.nor.content))
    again.power_on(bytes(fuses))


def test_what_a_burn_tells_the_part():
    bench = Bench(part(bytes(OTP_BYTES)))
    bench.power_on(bytes(OTP_BYTES))
    bench.transactions.clear()
    bench.burnt(0x45, 0x12)
    bench.run_until(lambda: bench.transactions[-1][0] == Command.READ)
    at = (OFFSET + 0x45).to_bytes(3, "big")
    told = [transaction for transaction, _ in groupby(bench.transactions)]
    status = bytes([Command.READ_STATUS, 0xFF])
    assert told == [status, b"\x06", b"\x02" + at + b"\xed", status, b"\x03" + at + b"\xff"]
    assert bench.transactions.count(status) > 10, "it waits"


@pytest.mark.parametrize("seed", range(6))
def test_transactions_of_chip_and_fuses_are_not_mixed(seed):
    """The chip reads and erases while fuses are burnt, and finds what it would have found without them."""
    source = random.Random(seed)
    bench = Bench(part(bytes(OTP_BYTES)), source.choice((0.0, 0.3, 0.7)), seed)
    fuses, asked = bytearray(OTP_BYTES), []
    expected = bytearray()
    plain = bench.nor.content[:]
    for _ in range(60):
        at, size = source.randrange(FLASH_BYTES), source.randrange(1, 30)
        asked.append(bytes([Command.READ, *at.to_bytes(3, "big")]) + bytes(size))
        seen = (plain[:OFFSET] + bytes([REFUSED]) * SECTOR_BYTES + plain[:64])[at : at + size]
        expected += b"\xff" * 4 + seen
        bench.ask(asked[-1])
    while len(bench.answers) < len(expected):
        if bench.burn is None and len(bench.loaded) == OTP_BYTES and source.random() < 0.1:
            bench.burn = source.randrange(OTP_BYTES), source.randrange(256)
            fuses[bench.burn[0]] |= bench.burn[1]
        bench.cycle()
    bench.run_until(lambda: bench.burn is None)
    assert bench.answers == expected
    assert bench.nor.content == content(bytes(fuses))
    assert [each for each in bench.transactions if each in asked] == asked
    others = [each for each in bench.transactions if each not in asked]
    assert others.count(b"\x06") > 5 and {each[0] for each in others} == {0xFF, 0xAB, 0x05, 0x9F, 0x03, 0x06, 0x02}
    # From the write enable on the part is the burn's until its end.
    for at, each in enumerate(bench.transactions):
        if each == b"\x06":
            following = bench.transactions[at + 1 : at + 3]
            assert following[0][0] == Command.PAGE_PROGRAM and following[1] == bytes([Command.READ_STATUS, 0xFF])


def test_a_burn_waits_until_the_part_has_ended_what_the_chip_told_it():
    bench = Bench(part(bytes(OTP_BYTES)))
    bench.power_on(bytes(OTP_BYTES))
    bench.transact(bytes([Command.WRITE_ENABLE]))
    bench.transact(bytes([Command.SECTOR_ERASE, 0x01, 0x20, 0]))
    bench.burnt(0, 1)
    assert bench.nor.content[0x12000:0x13000] == b"\xff" * SECTOR_BYTES
    assert bench.nor.content[OFFSET] == 0xFE


class Asleep(Nor):
    """A part in power-down: it takes nothing but its release."""

    awake = False

    def exchange(self, byte: int) -> int:
        if self._received == 0 and byte != Command.RELEASE_POWER_DOWN and not self.awake:
            self._received, self._command, self._ignored = 1, byte, True
            return 0xFF
        return super().exchange(byte)

    def deselect(self) -> None:
        self.awake |= self._received == 1 and self._command == Command.RELEASE_POWER_DOWN
        super().deselect()


def test_a_sleeping_part_is_woken():
    bench = Bench(Asleep(content(FUSES)))
    bench.power_on(FUSES)


def fails(bench: Bench) -> None:
    """The fuses never come, the chip has the part, and burns are not taken."""
    bench.run_until(lambda: bench.failed)
    transactions = len(bench.transactions)
    bench.burn = 0, 1
    for _ in range(2000):
        bench.cycle()
    assert bench.failed and not bench.loaded and bench.burn == (0, 1)
    assert len(bench.transactions) == transactions
    bench.transact(bytes([Command.READ_STATUS, 0]))
    bench.run_until(lambda: len(bench.transactions) == transactions + 1)


@pytest.mark.parametrize("answer", [0x00, 0xFF], ids=["low", "high"])
def test_a_part_that_is_not_there(answer):
    bench = Bench(part(), answer=lambda transaction, byte: answer)
    fails(bench)
    reads = sum(transaction[0] == Command.READ_STATUS for transaction in bench.transactions[:-1])
    assert reads == (STATUS_READS if answer else 1)


def test_a_part_of_another_kind():
    other = FlashPart("others", FLASH_BYTES, (bytes.fromhex("ef4018"), bytes.fromhex("ef4116")))
    fails(Bench(part(), part=other))


def test_each_of_several_kinds_is_accepted():
    kinds = FlashPart("several", FLASH_BYTES, (bytes.fromhex("9d6016"), *MODELLED_PART.jedec_ids))
    Bench(part(), part=kinds).power_on(FUSES)


@pytest.mark.parametrize("reads", [STATUS_READS - 1, STATUS_READS])
def test_a_part_that_is_busy_at_power_on(reads):
    """One that is busy for the last status read is given up."""
    left = [reads]

    def answer(transaction: bytes, byte: int) -> int:
        if transaction[0] == Command.READ_STATUS and len(transaction) == 2 and left[0]:
            left[0] -= 1
            return BUSY
        return byte

    bench = Bench(part(), answer=answer)
    if reads < STATUS_READS:
        bench.power_on(FUSES)
    else:
        fails(bench)


def test_a_part_that_never_ends_a_burn():
    bench = Bench(part(program_cycles=1 << 40))
    bench.power_on(FUSES)
    bench.burn = 0, 0xFF
    bench.run_until(lambda: bench.failed)
    assert bench.burn is not None


@pytest.mark.parametrize("bit", range(8))
def test_a_part_that_does_not_keep_what_is_programmed(bit):
    """A byte that is write protected, or worn."""
    bench = Bench(part(bytes(OTP_BYTES)))
    bench.power_on(bytes(OTP_BYTES))
    bench.answer = lambda transaction, byte: byte | 1 << bit if transaction[0] == Command.READ else byte
    bench.burn = 3, 0xFF & ~(1 << bit)
    bench.run_until(lambda: bench.burn is None)
    bench.burn = 3, 1 << bit
    bench.run_until(lambda: bench.failed)
    assert bench.burn is not None


@pytest.mark.parametrize("seed", range(8))
def test_power_that_fails_in_a_burn(seed):
    """The fuses hold what they held, and of the burn any part; they hold all of it once it was taken."""
    held, source = bytearray(FUSES), random.Random(seed)
    address, data = source.randrange(OTP_BYTES), 0xFF
    held[address] = source.randrange(256)
    for cut_at in (1, None):
        nor = part(bytes(held), cut_at=cut_at, cut_seed=seed)
        bench = Bench(nor)
        bench.power_on(bytes(held))
        if cut_at:
            bench.burn = address, data
            while bench.powered:
                bench.cycle()
            with pytest.raises(PowerLost):
                nor.tick(1)
        else:
            bench.burnt(address, data)
        burnt = nor.content[OFFSET + address] ^ 0xFF
        assert burnt & held[address] == held[address]
        assert nor.content[OFFSET:] == content(held[:address] + bytes([burnt]) + held[address + 1 :])[OFFSET:]
        assert cut_at or burnt == 0xFF
        held[address] = burnt


@pytest.mark.parametrize(
    ("size", "offset", "cycles", "reads"),
    [(FLASH_BYTES, OFFSET + 1, 1, 1), (FLASH_BYTES, FLASH_BYTES, 1, 1), (FLASH_BYTES + SECTOR_BYTES, OFFSET, 1, 1),
     (1 << 25, 1 << 24, 1, 1), (FLASH_BYTES, OFFSET, 0, 1), (FLASH_BYTES, OFFSET, 1, 0)],
)  # fmt: skip
def test_what_cannot_work_is_refused(size, offset, cycles, reads):
    with pytest.raises(ValueError, match=r"\d"):
        FusesInFlash(FlashPart("odd", size, MODELLED_PART.jedec_ids), offset, cycles, reads)


def test_without_a_kind_of_part_it_is_refused():
    with pytest.raises(ValueError, match="0 parts"):
        FusesInFlash(FlashPart("none", FLASH_BYTES, ()), OFFSET, 1, 1)
