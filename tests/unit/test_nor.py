"""The NOR model does what its docstring says: commands, latch, busy time, wraps, and how power fails."""

import random

import pytest

from formats.flash import FLASH_BYTES, JEDEC_ID, PROGRAM_BYTES, SECTOR_BYTES
from sim.nor import BUSY, ERASE_CYCLES, IDLE, PROGRAM_CYCLES, WRITE_ENABLED, Command, Nor, PowerLost


def transact(nor: Nor, *bytes_: int, answers: int = 0) -> bytes:
    """One transaction; returns the answers to `answers` zero bytes behind the given ones."""
    for byte in bytes_:
        nor.exchange(byte)
    received = bytes(nor.exchange(0) for _ in range(answers))
    nor.deselect()
    return received


def address(at: int) -> bytes:
    return at.to_bytes(3, "big")


def status(nor: Nor) -> int:
    return transact(nor, Command.READ_STATUS, answers=1)[0]


def read(nor: Nor, at: int, count: int) -> bytes:
    return transact(nor, Command.READ, *address(at), answers=count)


def program(nor: Nor, at: int, content: bytes) -> None:
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.PAGE_PROGRAM, *address(at), *content)
    nor.tick(nor.program_cycles)


def erase(nor: Nor, at: int) -> None:
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.SECTOR_ERASE, *address(at))
    nor.tick(nor.erase_cycles)


@pytest.fixture
def content():
    return bytearray(random.Random(0).randbytes(FLASH_BYTES))


@pytest.fixture
def nor(content):
    return Nor(content)


def test_a_new_part_is_erased():
    assert read(Nor(), 0, 5000) == b"\xff" * 5000
    with pytest.raises(ValueError, match="5 bytes"):
        Nor(bytearray(5))
    with pytest.raises(ValueError, match="0 and 9 cycles"):
        Nor(program_cycles=0, erase_cycles=9)


def test_identity(nor):
    assert transact(nor, Command.JEDEC_ID, answers=5) == JEDEC_ID + bytes([IDLE, IDLE])


def test_reads_go_on_over_the_end_of_the_memory(nor, content):
    assert read(nor, 0x1234, 600) == content[0x1234:][:600]
    assert read(nor, FLASH_BYTES - 2, 4) == content[-2:] + content[:2]
    assert read(nor, 0xC00010, 3) == content[0x10:0x13], "address bits above the memory's size"


def test_fast_read_has_a_byte_between(nor, content):
    assert transact(nor, Command.FAST_READ, *address(0x777), 0x5A, answers=9) == content[0x777:0x780]


def test_answers_before_there_is_something_to_say(nor):
    assert [nor.exchange(byte) for byte in (Command.READ, 0, 0, 0)] == [IDLE] * 4
    nor.deselect()
    assert [nor.exchange(byte) for byte in (Command.FAST_READ, 0, 0, 0, 0)] == [IDLE] * 5
    nor.deselect()
    assert nor.exchange(Command.READ_STATUS) == IDLE


def test_an_answer_is_known_before_its_byte_comes_in(nor):
    for byte in (Command.READ, 0x01, 0x02, 0x03, 0x55, 0xAA):
        assert nor.answer() == nor.answer() == nor.exchange(byte)


def test_write_enable_latch(nor):
    assert status(nor) == 0
    transact(nor, Command.WRITE_ENABLE)
    assert status(nor) == WRITE_ENABLED
    transact(nor, Command.WRITE_DISABLE)
    assert status(nor) == 0


def test_program_clears_bits_only(nor, content):
    before = bytes(content)
    program(nor, 0x2010, b"\x0f\xff\x00\x55")
    expected = bytes(old & new for old, new in zip(before[0x2010:0x2014], b"\x0f\xff\x00\x55", strict=True))
    assert read(nor, 0x2010, 4) == expected
    assert content == before[:0x2010] + expected + before[0x2014:]


def test_program_wraps_in_its_page_and_the_last_bytes_count():
    nor = Nor()
    program(nor, 0x3F0, bytes(range(32)))
    assert read(nor, 0x3F0, 16) == bytes(range(16))
    assert read(nor, 0x300, 16) == bytes(range(16, 32))
    assert read(nor, 0x400, 16) == b"\xff" * 16
    program(nor, 0x500, bytes([0x00] * 44 + [0xF0] * PROGRAM_BYTES))
    assert read(nor, 0x500, PROGRAM_BYTES) == b"\xf0" * PROGRAM_BYTES


def test_erase_sets_the_sector_that_the_address_lies_in(nor, content):
    before = bytes(content)
    erase(nor, 0x5ABC)
    assert content == before[:0x5000] + b"\xff" * SECTOR_BYTES + before[0x6000:]


@pytest.mark.parametrize(
    ("command", "cycles"),
    [
        ((Command.PAGE_PROGRAM, 0, 0, 0, 0x00), PROGRAM_CYCLES),
        ((Command.SECTOR_ERASE, 0, 0, 0), ERASE_CYCLES),
    ],
)
def test_busy_time(nor, command, cycles):
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, *command)
    nor.tick(cycles - 1)
    assert status(nor) == BUSY | WRITE_ENABLED
    nor.tick(1)
    assert status(nor) == 0


def test_status_is_answered_anew_to_each_byte():
    nor = Nor()
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.PAGE_PROGRAM, 0, 0, 0, 0)
    nor.exchange(Command.READ_STATUS)
    assert nor.exchange(0) == BUSY | WRITE_ENABLED
    nor.tick(PROGRAM_CYCLES)
    assert nor.exchange(0) == 0


def test_nothing_is_changed_without_the_latch(nor, content):
    before = bytes(content)
    transact(nor, Command.PAGE_PROGRAM, 0, 0, 0, 0)
    transact(nor, Command.SECTOR_ERASE, 0, 0, 0)
    program(nor, 0, b"\xff")
    transact(nor, Command.SECTOR_ERASE, 0, 0, 0)
    assert status(nor) == 0
    assert content == before
    assert nor.operations == 1


@pytest.mark.parametrize(
    "transaction",
    [
        (Command.PAGE_PROGRAM, 0, 0, 0),
        (Command.PAGE_PROGRAM, 0, 0),
        (Command.SECTOR_ERASE, 0, 0),
        (Command.SECTOR_ERASE, 0, 0, 0, 0),
        (0xC7,),
        (0x60,),
        (0xD8, 0, 0, 0),
        (0x31, 0),
        (0xFF, 0, 0, 0, 0),
        (Command.WRITE_DISABLE, 0),
        (Command.RESET,),
    ],
)
def test_what_is_incomplete_or_unknown_does_nothing(nor, content, transaction):
    before = bytes(content)
    transact(nor, Command.WRITE_ENABLE)
    assert {nor.exchange(byte) for byte in transaction} == {IDLE}
    nor.deselect()
    assert status(nor) == WRITE_ENABLED
    assert content == before
    assert nor.operations == 0


def test_write_enable_with_a_byte_behind_it_does_nothing(nor):
    transact(nor, Command.WRITE_ENABLE, 0)
    assert status(nor) == 0


def test_deselecting_a_part_that_is_not_selected_does_nothing(nor):
    transact(nor, Command.ENABLE_RESET)
    nor.deselect()
    transact(nor, Command.RESET)
    assert status(nor) == 0


def test_a_busy_part_answers_its_status_alone(nor, content):
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.PAGE_PROGRAM, 0, 0, 0, 0)
    before = bytes(content)
    assert read(nor, 0x100, 4) == bytes([IDLE] * 4)
    assert transact(nor, Command.JEDEC_ID, answers=3) == bytes([IDLE] * 3)
    for transaction in (
        (Command.WRITE_ENABLE,),
        (Command.WRITE_DISABLE,),
        (Command.PAGE_PROGRAM, 0, 1, 0, 0),
        (Command.SECTOR_ERASE, 0, 0, 0),
        (Command.ENABLE_RESET,),
        (Command.RESET,),
    ):
        transact(nor, *transaction)
        assert status(nor) == BUSY | WRITE_ENABLED
    assert content == before
    nor.tick(PROGRAM_CYCLES)
    assert (status(nor), nor.operations) == (0, 1)


def test_a_transaction_begun_while_busy_is_ignored_to_its_end(nor):
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.PAGE_PROGRAM, 0, 0, 0, 0)
    nor.exchange(Command.WRITE_ENABLE)
    nor.tick(PROGRAM_CYCLES)
    nor.deselect()
    assert status(nor) == 0
    transact(nor, Command.WRITE_ENABLE)
    assert status(nor) == WRITE_ENABLED


def test_reset_needs_both_commands_in_a_row(nor):
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.ENABLE_RESET, 0)
    transact(nor, Command.RESET)
    assert status(nor) == WRITE_ENABLED
    transact(nor, Command.ENABLE_RESET)
    transact(nor, Command.RESET, 0)
    assert status(nor) == WRITE_ENABLED
    for between in ((Command.READ_STATUS, 0), (0xAB,), (Command.JEDEC_ID,)):
        transact(nor, Command.ENABLE_RESET)
        transact(nor, *between)
        transact(nor, Command.RESET)
        assert status(nor) == WRITE_ENABLED
    transact(nor, Command.ENABLE_RESET)
    transact(nor, Command.RESET)
    assert status(nor) == 0


def cut(content: bytearray, at: int, seed: int, **times: int) -> Nor:
    """A part that loses power in its at-th operation."""
    return Nor(content, cut_at=at, cut_seed=seed, **times)


def lose_power(nor: Nor) -> None:
    with pytest.raises(PowerLost):
        nor.tick(1)
    for use in (lambda: nor.exchange(0), nor.answer, nor.deselect, lambda: nor.tick(1)):
        with pytest.raises(PowerLost):
            use()


@pytest.mark.parametrize("seed", range(8))
def test_torn_program_clears_a_part_of_the_bits(content, seed):
    before = bytes(content)
    nor = cut(content, 2, seed, program_cycles=101)
    program(nor, 0x400, b"\xff")
    data = random.Random(seed).randbytes(PROGRAM_BYTES)
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.PAGE_PROGRAM, *address(0x100), *data)
    nor.tick(49)
    assert status(nor) == BUSY | WRITE_ENABLED
    lose_power(nor)
    assert content[:0x100] == before[:0x100] and content[0x200:] == before[0x200:]
    torn, old = content[0x100:0x200], before[0x100:0x200]
    assert all(now & ~was == 0 for now, was in zip(torn, old, strict=True)), "no bit is set"
    assert all(was & ~now & new == 0 for now, was, new in zip(torn, old, data, strict=True)), "only bits of zeros"


@pytest.mark.parametrize("seed", range(8))
def test_torn_erase_sets_a_part_of_the_bits(content, seed):
    before = bytes(content)
    nor = cut(content, 1, seed, erase_cycles=100)
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.SECTOR_ERASE, *address(0x1000))
    nor.tick(49)
    lose_power(nor)
    assert content[:0x1000] == before[:0x1000] and content[0x2000:] == before[0x2000:]
    assert all(was & ~now == 0 for now, was in zip(content[0x1000:0x2000], before[0x1000:0x2000], strict=True))


def torn_share(seed: int) -> float:
    """Share of the bits of a sector of zeros that a torn erase sets."""
    content = bytearray(FLASH_BYTES)
    nor = cut(content, 1, seed)
    transact(nor, Command.WRITE_ENABLE)
    transact(nor, Command.SECTOR_ERASE, 0, 0, 0)
    return int.from_bytes(content[:SECTOR_BYTES], "little").bit_count() / (8 * SECTOR_BYTES)


def test_seeds_tear_differently_and_each_the_same_way_again():
    shares = [torn_share(seed) for seed in range(12)]
    assert shares == [torn_share(seed) for seed in range(12)]
    assert len(set(shares)) == 12
    assert min(shares) < 0.2 and max(shares) > 0.8


def test_only_the_chosen_operation_is_torn(content):
    nor = cut(content, 3, 1)
    erase(nor, 0)
    program(nor, 0, b"\x12")
    assert read(nor, 0, 2) == b"\x12\xff"
    with pytest.raises(PowerLost):
        program(nor, 1, b"\x00")
    again = Nor(content)
    assert (status(again), again.operations) == (0, 0)
    assert read(again, 0, 1) == b"\x12"
    program(again, 1, b"\x00")
    assert read(again, 0, 2) == b"\x12\x00"


def test_operations_that_are_refused_do_not_count_towards_the_cut(content):
    nor = cut(content, 1, 1)
    transact(nor, Command.PAGE_PROGRAM, 0, 0, 0, 0)
    transact(nor, Command.SECTOR_ERASE, 0, 0, 0)
    nor.tick(ERASE_CYCLES)
    with pytest.raises(PowerLost):
        erase(nor, 0)
