"""The guard: what the chip asks of a flash reaches it unchanged, but for one sector, and but for other commands."""

import random

import pytest

from formats.flash import FLASH_BYTES, PROGRAM_BYTES, SECTOR_BYTES
from rtl.io.flash_guard import ADDRESSED, ALONE, OF_ANY_LENGTH, REFUSED, FlashGuard
from sim.nor import Command, Nor
from sim.rtl.block import VerilatedBlock
from tests.unit.flash_bench import FlashBench

SECTOR = 0x3FF
FIRST = SECTOR * SECTOR_BYTES
ADDRESS_BITS = 22
ALLOWED = (*ALONE, *OF_ANY_LENGTH, *ADDRESSED)
SECRET = random.Random(5).randbytes(SECTOR_BYTES)


def bench(reluctance: float = 0.0, seed: int = 0) -> FlashBench:
    block = VerilatedBlock(FlashGuard(SECTOR, ADDRESS_BITS), cycle_limit=2_000_000)
    content = bytearray(random.Random(1).randbytes(FLASH_BYTES))
    content[FIRST:] = SECRET
    return FlashBench(block, Nor(content, program_cycles=1, erase_cycles=1), reluctance, seed)


def to(command: int, at: int, data: bytes = b"") -> bytes:
    return bytes([command, *at.to_bytes(3, "big"), *data])


@pytest.mark.parametrize("reluctance", [0.0, 0.7])
def test_what_firmware_does_passes_unchanged(reluctance):
    guarded = bench(reluctance)
    plain = Nor(bytearray(guarded.nor.content), program_cycles=1, erase_cycles=1)
    asked = [
        bytes([Command.READ_STATUS, 0]),
        bytes([Command.ENABLE_RESET]),
        bytes([Command.RESET]),
        bytes([Command.JEDEC_ID, 0, 0, 0]),
        bytes([Command.WRITE_ENABLE]),
        to(Command.SECTOR_ERASE, 0x12000),
        bytes([Command.READ_STATUS, 0, 0, 0]),
        to(Command.READ, 0x11FF0, bytes(40)),
        bytes([Command.WRITE_ENABLE]),
        to(Command.PAGE_PROGRAM, 0x120F8, bytes(range(16))),
        bytes([Command.READ_STATUS, 0]),
        to(Command.READ, 0x12000, bytes(PROGRAM_BYTES)),
        to(Command.READ, FIRST - 1, b"\0"),
    ]
    for transaction in asked:
        expected = bytes(map(plain.exchange, transaction))
        plain.deselect()
        plain.tick(100)
        assert guarded.transact(transaction) == expected
        for _ in range(100):
            guarded.cycle()
    assert guarded.transactions == asked
    assert guarded.nor.content == plain.content


def test_every_other_command_is_refused():
    guarded = bench()
    others = set(range(256)) - set(ALLOWED)
    assert len(others) == 248
    for command in others:
        for length in (1, 2, 4, 5, 9):
            asked = bytes([command]) + random.Random(command).randbytes(length - 1)
            assert guarded.transact(asked) == bytes([REFUSED]) * length
    assert guarded.transactions == []


@pytest.mark.parametrize(
    "transaction",
    [
        *(bytes([command, 0]) for command in ALONE),
        *(to(command, 0x1000)[:length] for command in ADDRESSED for length in (1, 2, 3)),
        to(Command.READ, 0x1000),
        to(Command.PAGE_PROGRAM, 0x1000),
        to(Command.SECTOR_ERASE, 0x1000, b"\0"),
        *(
            to(command, at, data)
            for command, data in ((Command.PAGE_PROGRAM, b"\0"), (Command.SECTOR_ERASE, b""))
            for at in (FIRST, FIRST + 1, FIRST + SECTOR_BYTES - 1, *(FIRST | alias << 22 for alias in (1, 2, 3)))
        ),
    ],
    ids=lambda transaction: transaction.hex(),
)
def test_what_has_no_sense_or_touches_the_sector_is_refused(transaction):
    guarded = bench()
    guarded.transact(bytes([Command.WRITE_ENABLE]))
    assert guarded.transact(transaction) == bytes([REFUSED]) * len(transaction)
    assert guarded.transactions == [bytes([Command.WRITE_ENABLE])]
    assert guarded.nor.content[FIRST:] == SECRET
    guarded.transact(bytes([Command.READ_STATUS, 0]))
    assert len(guarded.transactions) == 2, "and the next goes through"


@pytest.mark.parametrize(
    "at", [FIRST - 20, FIRST, FIRST + 9, FIRST + SECTOR_BYTES - 3, FIRST - 1 | 1 << 22, FIRST + 5 | 3 << 22]
)
@pytest.mark.parametrize("reluctance", [0.0, 0.6])
def test_the_sector_reads_as_ones(at, reluctance):
    """And what lies before it and, after the part's last byte, at its beginning, as it is."""
    guarded = bench(reluctance)
    content = guarded.nor.content[:FIRST] + bytes([REFUSED]) * SECTOR_BYTES
    size = SECTOR_BYTES + 64 if at % FLASH_BYTES == FIRST - 20 else 64
    read = guarded.transact(to(Command.READ, at, bytes(size)), limit=1_000_000)
    assert read[4:] == (content + content)[at % FLASH_BYTES :][:size]


def expected(nor: Nor, transaction: bytes) -> tuple[bytes, bool]:
    """The answers through a guard, and whether the part is to see it."""
    command, length = transaction[0], len(transaction)
    at = int.from_bytes(transaction[1:4], "big") % FLASH_BYTES
    allowed = {
        **dict.fromkeys(ALONE, length == 1),
        **dict.fromkeys(OF_ANY_LENGTH, True),
        Command.READ: length > 4,
        Command.PAGE_PROGRAM: length > 4 and at < FIRST,
        Command.SECTOR_ERASE: length == 4 and at < FIRST,
    }.get(command, False)
    if not allowed:
        return bytes([REFUSED]) * length, False
    answers = bytearray(map(nor.exchange, transaction))
    nor.deselect()
    if command == Command.READ:
        for index in range(4, length):
            if (at + index - 4) % FLASH_BYTES >= FIRST:
                answers[index] = REFUSED
    return bytes(answers), True


@pytest.mark.parametrize("seed", range(12))
def test_random_transactions(seed):
    source = random.Random(seed)
    guarded = bench(source.choice((0.0, 0.3, 0.8)), seed)
    plain = Nor(bytearray(guarded.nor.content), program_cycles=1, erase_cycles=1)
    seen = []
    for _ in range(300):
        command = source.choice((*ALLOWED, Command.WRITE_ENABLE, source.randrange(256)))
        at = source.choice((FIRST, 0, source.randrange(FLASH_BYTES))) + source.randrange(-300, 300)
        transaction = to(command, at % (1 << 24), source.randbytes(source.choice((0, 1, 2, 20))))
        transaction = transaction[: source.choice((1, 1, 2, 3, 4, 99, 99, 99, 99))]
        answers, reaches = expected(plain, transaction)
        plain.tick(10)
        seen += [transaction] if reaches else []
        assert guarded.transact(transaction) == answers, transaction.hex(" ")
        for _ in range(10):
            guarded.cycle()
    assert guarded.transactions == seen
    assert guarded.nor.content == plain.content and plain.content[FIRST:] == SECRET
    assert len({transaction[0] for transaction in seen}) == len(ALLOWED)


def test_cycles():
    """With a part that takes a byte at once and answers in the next cycle."""
    took = {}
    for name, transaction in {
        "alone": bytes([Command.WRITE_ENABLE]),
        "status": bytes([Command.READ_STATUS, 0]),
        "read": to(Command.READ, 0, bytes(1)),
        "longer": to(Command.READ, 0, bytes(11)),
        "refused": bytes([0xC7]),
        "refused longer": bytes([0xC7, 0, 0, 0]),
        "erase refused": to(Command.SECTOR_ERASE, FIRST),
    }.items():
        guarded = bench()
        guarded.transact(transaction)
        took[name] = guarded.block.cycles
    assert took == {
        "alone": 3, "status": 5, "read": 18, "longer": 38, "refused": 3, "refused longer": 9, "erase refused": 10,
    }  # fmt: skip


@pytest.mark.parametrize(("sector", "bits"), [(-1, 22), (1 << 10, 22), (1 << 12, 24), (0, 25)])
def test_a_sector_must_lie_within_the_part(sector, bits):
    with pytest.raises(ValueError, match="sector"):
        FlashGuard(sector, bits)
