"""The flash peripheral: which bytes go to the part, how answers come back as words, and what a reset leaves open."""

import random
from collections import deque

import pytest

from formats.flash import FLASH_BYTES
from rtl.io.flash import CLOSING_BYTE, FIFO_WORDS, FlashPeripheral
from sim.nor import Command, Nor
from tests.unit.csr_bus import CsrBus

READY, WORD_VALID = 1, 2
LAST = 1 << 8


class Part:
    """The peripheral and a part that answers each byte `latency` cycles after it took it, one every `pace` cycles.

    stalls: a source of random delays on top of both, or None. sent: bytes that the part took, with LAST. taken_at,
    answered_at: their cycles. A byte on offer that changes or goes away fails at once.
    """

    def __init__(
        self, bus: CsrBus, answers: bytes, pace: int = 1, latency: int = 1, stalls: random.Random | None = None
    ):
        self.bus, self.block, self.answers, self.stalls = bus, bus.block, answers, stalls
        self.pace, self.latency = pace, latency
        self.sent: list[int] = []
        self.taken_at: list[int] = []
        self.answered_at: list[int] = []
        self._due: deque[tuple[int, int]] = deque()
        self._free_at = 0
        self._on_offer: int | None = None
        self.cycle = 0
        self.block.power_on()

    def step(self) -> None:
        block = self.block
        stalled = self.stalls is not None and self.stalls.random() < 0.5
        ready = self.cycle >= self._free_at and not stalled
        block.set("flash_tx__ready", ready)
        hold = self.stalls is not None and self.stalls.random() < 0.5
        answers = bool(self._due) and self._due[0][0] <= self.cycle and not hold
        block.set_all({"flash_rx__valid": answers, "flash_rx__payload": self._due[0][1] if answers else 0xA5})
        assert block.get("flash_rx__ready")
        valid, payload = block.get("flash_tx__valid"), block.get("flash_tx__payload")
        if self._on_offer is not None:
            assert (valid, payload) == (1, self._on_offer)
        self._on_offer = payload if valid and not ready else None
        if valid and ready:
            self._due.append((self.cycle + self.latency, self.answers[len(self.sent)]))
            self.sent.append(payload)
            self.taken_at.append(self.cycle)
            self._free_at = self.cycle + self.pace
        if answers:
            self._due.popleft()
            self.answered_at.append(self.cycle)
        block.step()
        self.cycle += 1

    def write(self, name: str, value: int) -> int:
        """Writes a register; returns the cycle of the strobe, in which the peripheral sees the value."""
        self.block.set("bus__w_stb", 1)
        for index in range(2):
            self.block.set_all(
                {"bus__addr": self.bus.address(name) + index, "bus__w_data": value >> 8 * index & 0xFF}
            )
            self.step()
        self.block.set("bus__w_stb", 0)
        self.step()
        return self.cycle - 1

    def read(self, name: str, width: int) -> int:
        value = 0
        self.block.set("bus__r_stb", 1)
        for index in range(width):
            self.block.set("bus__addr", self.bus.address(name) + index)
            self.step()
            value |= self.block.get("bus__r_data") << 8 * index
        self.block.set("bus__r_stb", 0)
        return value

    def status(self) -> int:
        return self.read("status", 1)

    def until(self, flag: int) -> None:
        for _ in range(2000):
            if self.status() & flag:
                return
        raise AssertionError(f"no status {flag} within 2000 reads")

    def word(self) -> int:
        self.until(WORD_VALID)
        return self.read("word", 4)


@pytest.fixture(scope="module")
def bus():
    return CsrBus(FlashPeripheral(), cycle_limit=2_000_000)


def words(answers: bytes) -> list[int]:
    padded = answers + bytes(-len(answers) % 4)
    return [int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4)]


def test_registers_lie_where_they_are_named(bus):
    assert [bus.address(name) for name in ("write", "read_count", "word", "status")] == [0, 4, 8, 12]


@pytest.mark.parametrize("seed", range(6))
def test_transactions_with_stalls_on_both_sides(bus, seed):
    source = random.Random(seed)
    answers = source.randbytes(4000)
    part = Part(bus, answers, source.choice([1, 3]), source.choice([1, 2, 7]), source)
    expected: list[int] = []
    for _ in range(25):
        command = source.randbytes(source.randrange(1, 7))
        count = source.choice([0, 1, 2, 3, 4, 5, 15, 16, 17, 40])
        for index, byte in enumerate(command):
            part.until(READY)
            last = LAST if not count and index == len(command) - 1 else 0
            part.write("write", byte | last)
            expected.append(byte | last)
        part.until(READY)
        part.write("read_count", count)
        begin = len(expected)
        expected += [0] * (count - 1) + [LAST] * min(count, 1)
        received = [part.word() for _ in words(bytes(count))]
        assert received == words(answers[begin : begin + count])
        part.until(READY)
        assert part.status() == READY
    assert part.sent == expected


def test_cycles_of_a_written_byte(bus):
    part = Part(bus, bytes(10), latency=5)
    part.step()
    strobe = part.write("write", 0x9F)
    for _ in range(8):
        part.step()
    assert part.sent == [0x9F]
    assert part.taken_at == [strobe + 1]
    assert part.answered_at == [strobe + 6]
    # The byte of `status` is sampled in its read's cycle.
    part = Part(bus, bytes(10), latency=20)
    part.step()
    strobe = part.write("write", 0x9F)
    ready_at = next(part.cycle - 1 for _ in range(100) if part.status() & READY)
    assert ready_at == strobe + 22 == part.answered_at[0] + 1


@pytest.mark.parametrize(("pace", "latency"), [(1, 1), (16, 16), (16, 17)])
def test_cycles_of_a_read(bus, pace, latency):
    """The part is never kept waiting while there is room for a word: at pace 1 one byte in each cycle."""
    answers = bytes(range(1, 17))
    part = Part(bus, answers, pace, latency)
    part.step()
    strobe = part.write("read_count", 16)
    valid_at = next(part.cycle - 1 for _ in range(200) if part.status() & WORD_VALID)
    for _ in range(400):
        part.step()
    assert part.taken_at == [strobe + 2 + pace * index for index in range(16)]
    assert valid_at == part.answered_at[3] + 2
    assert [part.word() for _ in range(4)] == words(answers)


def test_the_part_waits_while_the_fifo_is_full(bus):
    answers = bytes(range(1, 41))
    part = Part(bus, answers)
    part.step()
    part.write("read_count", 40)
    for _ in range(200):
        part.step()
    assert len(part.sent) == 4 * FIFO_WORDS
    received = []
    for taken in range(1, 7):
        received.append(part.word())
        for _ in range(50):
            part.step()
        assert len(part.sent) == 4 * (FIFO_WORDS + taken)
    assert not part.status() & READY or len(part.sent) == 40
    received += [part.word() for _ in range(4)]
    assert received == words(answers)
    assert part.sent == [0] * 39 + [LAST]


def test_what_is_written_while_it_is_not_ready_is_ignored(bus):
    part = Part(bus, bytes(range(1, 60)), latency=300)
    part.step()
    part.write("write", 0x03)
    part.write("write", 0x55)
    part.write("read_count", 9)
    assert part.sent == [0x03]
    part.until(READY)
    part.write("read_count", 6)
    part.write("write", 0x77 | LAST)
    part.write("read_count", 30)
    assert [part.word(), part.word()] == [0x05040302, 0x0706]
    for _ in range(700):
        part.step()
    assert part.status() == READY
    assert part.sent == [0x03, 0, 0, 0, 0, 0, LAST]


def test_largest_count_and_none(bus):
    part = Part(bus, bytes(70_000))
    part.step()
    part.write("read_count", 0)
    assert part.status() == READY
    part.write("read_count", 0xFFFF)
    for _ in range((0xFFFF + 3) // 4):
        part.word()
    assert part.sent == [0] * 0xFFFE + [LAST]
    assert part.status() == READY


def test_reading_an_empty_fifo_takes_nothing(bus):
    part = Part(bus, b"\x01\x02\x03\x04\x05\x06\x07\x08", latency=50)
    part.step()
    part.write("read_count", 8)
    for _ in range(3):
        part.read("word", 4)
    assert [part.word(), part.word()] == [0x04030201, 0x08070605]


def reset(part: Part) -> None:
    part.block.set("rst", 1)
    part.step()
    part.block.set("rst", 0)


@pytest.mark.parametrize("after", range(60))
def test_reset_in_a_read_closes_the_transaction(bus, after):
    """At whatever cycle it comes, no byte on offer is taken back, and the part is deselected after all answers."""
    part = Part(bus, bytes(range(1, 80)), pace=3, latency=4)
    part.step()
    part.write("write", 0x03)
    part.until(READY)
    part.write("read_count", 40)
    for _ in range(after):
        part.step()
    reset(part)
    sent = len(part.sent)
    assert not part.status() & READY
    part.until(READY)
    assert part.status() == READY, "no word is left over"
    # At most one more byte was on offer when the reset came.
    assert part.sent[sent:] in ([0, CLOSING_BYTE | LAST], [CLOSING_BYTE | LAST])
    part.write("read_count", 3)
    begin = len(part.sent)
    assert part.word() == words(part.answers[begin : begin + 3])[0]
    assert part.sent[begin:] == [0, 0, LAST]


def test_reset_outside_a_transaction_sends_nothing(bus):
    part = Part(bus, bytes(100))
    part.step()
    part.write("write", 0x06 | LAST)
    part.until(READY)
    reset(part)
    part.step()
    assert part.status() == READY
    assert part.sent == [0x06 | LAST]


def test_reset_between_the_bytes_of_a_command_closes_it(bus):
    part = Part(bus, bytes(100), pace=16, latency=16)
    part.step()
    for byte in (0x02, 0x01, 0x23):
        part.until(READY)
        part.write("write", byte)
    reset(part)
    part.until(READY)
    assert part.sent == [0x02, 0x01, 0x23, CLOSING_BYTE | LAST]
    reset(part)
    part.step()
    assert part.status() == READY
    assert len(part.sent) == 4


@pytest.mark.parametrize("length", range(1, 8))
@pytest.mark.parametrize("command", [Command.PAGE_PROGRAM, Command.SECTOR_ERASE])
def test_the_closing_byte_does_no_harm(command, length):
    """Whatever it cuts short: what was to be programmed is, as far as it came, and no other sector is erased."""
    at = 0x12345
    whole = bytes([command, *at.to_bytes(3, "big"), 0x00, 0x11, 0x22])
    nor = Nor(bytearray(b"\x55" * FLASH_BYTES))
    nor.exchange(Command.WRITE_ENABLE)
    nor.deselect()
    for byte in whole[:length]:
        nor.exchange(byte)
    nor.exchange(CLOSING_BYTE)
    nor.deselect()
    changed = {index for index, byte in enumerate(nor.content[:0x20000]) if byte != 0x55}
    if command == Command.PAGE_PROGRAM:
        assert changed == set(range(at, at + max(0, length - 4)))
    else:
        assert changed == (set(range(0x12000, 0x13000)) if length == 3 else set())
