"""The CPU's hashing against the golden functions: every length, mixed functions, dropped messages, exact cycles."""

import random
from functools import cache

import pytest

from formats.hashing import SHAKE256_DOMAIN, Domain
from rtl.io.hash import WAIT_CYCLES, HashPeripheral
from sim.golden.keccak import shake256, turboshake128
from tests.unit.shared_sponge import SharedSponge
from tests.unit.wishbone_window import access

BUSY, DONE = 1, 2
LAST, PADDED = 1, 2
N, SHAKE256_P, TURBOSHAKE128_P = 8, 281, 149


@cache
def built(slices_per_cycle: int) -> SharedSponge:
    return SharedSponge(HashPeripheral(), "data_bus", slices_per_cycle=slices_per_cycle)


@pytest.fixture
def chip() -> SharedSponge:
    chip = built(8)
    chip.block.power_on()
    return chip


def begin(chip: SharedSponge, domain: int | None) -> None:
    """Begins TurboSHAKE128 with a domain, or SHAKE256."""
    chip.write("control", 1 | 2 if domain is None else 1 | domain << 2)


def feed(chip: SharedSponge, message: bytes, domain: int | None, cycle=None) -> int:
    """Writes a message as firmware does; returns the cycles that the longest access took."""
    body = message + bytes([SHAKE256_DOMAIN if domain is None else domain]) if len(message) % 8 else message
    body += bytes(-len(body) % 8)
    longest = 0
    for at in range(0, len(body), 4):
        if at == len(body) - 8:
            chip.write("last", LAST | (PADDED if len(message) % 8 else 0))
        outcome, cycles = access(chip.block, int.from_bytes(body[at : at + 4], "little"), cycle=cycle)
        assert outcome == "ack"
        longest = max(longest, cycles)
    return longest


def finish(chip: SharedSponge) -> bytes:
    for _ in range(200):
        status = chip.read("status", 1)
        assert status in (BUSY, DONE)
        if status == DONE:
            return chip.read("digest", 32).to_bytes(32, "little")
        chip.block.step(5)
    raise AssertionError("no digest")


def golden(message: bytes, domain: int | None) -> bytes:
    return shake256(message, 32) if domain is None else turboshake128(message, domain)


@pytest.mark.parametrize("domain", [None, Domain.MEASUREMENT])
def test_every_length_up_to_two_blocks(domain):
    chip = built(32)
    chip.block.power_on()
    message = random.Random(1).randbytes(344)
    for length in range(1, len(message) + 1):
        begin(chip, domain)
        feed(chip, message[:length], domain)
        assert finish(chip) == golden(message[:length], domain), length


def test_an_empty_message_is_its_domain_byte(chip):
    for domain in (None, 0x06):
        begin(chip, domain)
        chip.write("last", LAST | PADDED)
        assert access(chip.block, 0x1F if domain is None else domain)[0] == "ack"
        assert access(chip.block, 0)[0] == "ack"
        assert finish(chip) == golden(b"", domain)


@pytest.mark.parametrize("seed", range(2))
def test_messages_with_a_rival_and_dropped_messages(chip, seed):
    """A rival takes the sponge now and then; messages are dropped at any point, and leave it to others."""
    source = random.Random(seed)
    holds = False

    def cycle():
        nonlocal holds
        block = chip.block
        if holds:
            if source.random() < 0.01:
                block.set("rival__restart", 1)
                holds = False
        elif source.random() < 0.002:
            block.set_all({"rival__words__valid": 1, "rival__words__payload": source.getrandbits(64)})
        taken = block.get("rival__words__valid") and block.get("rival__words__ready")
        block.step()
        block.set("rival__restart", 0)
        if taken:
            block.set("rival__words__valid", 0)
            holds = True

    complete = 0
    for _ in range(60):
        domain = source.choice([None, 1, 0x7F])
        message = source.randbytes(source.randrange(1, 400))
        begin(chip, domain)
        if source.random() < 0.5:
            keep = source.randrange(len(message) + 1)
            feed(chip, message[:keep] or b"?", domain, cycle)
            for _ in range(source.randrange(400)):
                cycle()
            continue
        feed(chip, message, domain, cycle)
        for _ in range(3000):
            cycle()
        assert finish(chip) == golden(message, domain)
        complete += 1
    assert complete >= 20


@pytest.mark.parametrize("delay", range(12))
def test_a_dropped_message_gives_the_sponge_back_at_once(chip, delay):
    """Dropped in each cycle around the grant, a message must not leave the sponge taken."""
    begin(chip, None)
    access(chip.block, 1)
    chip.block.set_all({"data_bus__cyc": 1, "data_bus__stb": 1, "data_bus__dat_w": 2})
    chip.block.step()
    chip.block.set_all({"data_bus__cyc": 0, "data_bus__stb": 0})
    chip.block.step(delay)
    begin(chip, None)
    chip.block.set_all({"rival__words__valid": 1, "rival__words__payload": 5})
    assert chip.block.step_until("rival__words__ready", limit=1000) <= 2 * N + 3
    chip.block.step()
    chip.block.set("rival__words__valid", 0)
    chip.release()
    feed(chip, b"after it", None)
    assert finish(chip) == shake256(b"after it", 32)


def test_what_the_window_refuses(chip):
    block = chip.block
    assert access(block, 1) == ("err", 1), "no message was begun"
    begin(chip, 1)
    assert access(block, 1, write=False) == ("err", 1)
    for select in range(15):
        assert access(block, 1, select=select) == ("err", 1)
    assert access(block, 0x11111111) == ("ack", 1)
    chip.write("last", LAST)
    assert access(block, 0x22222222) == ("ack", 1)
    assert access(block, 3) == ("err", 1), "behind the last word"
    expected = turboshake128(bytes.fromhex("1111111122222222"), 1)
    assert finish(chip) == expected
    assert access(block, 4) == ("err", 1), "the message has ended"
    chip.write("control", 2 | 5 << 2)
    assert access(block, 4) == ("err", 1), "only begin begins"
    assert finish(chip) == expected


def test_begin_drops_the_half_word_and_the_mark(chip):
    begin(chip, 1)
    chip.write("last", LAST | PADDED)
    access(chip.block, 0xFFFFFFFF)
    begin(chip, 2)
    message = bytes(range(16))
    feed(chip, message, 2)
    assert finish(chip) == turboshake128(message, 2)


def test_reset_forgets_the_message_and_the_digest(chip):
    begin(chip, 1)
    feed(chip, bytes(8), 1)
    finish(chip)
    begin(chip, 1)
    access(chip.block, 1)
    chip.block.reset()
    assert chip.read("status", 1) == 0 and chip.read("digest", 32) == 0
    begin(chip, 1)
    feed(chip, bytes(16), 1)
    assert finish(chip) == turboshake128(bytes(16), 1)


def test_a_sponge_that_never_comes_is_a_bus_error(chip):
    begin(chip, 1)
    chip.claim()
    for half in range(3):
        assert access(chip.block, half) == ("ack", 1)
    assert access(chip.block, 3) == ("err", WAIT_CYCLES)
    assert access(chip.block, 3) == ("err", WAIT_CYCLES), "the word is neither taken nor lost"
    chip.release()
    chip.write("last", LAST)
    assert access(chip.block, 3)[0] == "ack"
    words = b"".join(half.to_bytes(4, "little") for half in range(4))
    assert finish(chip) == turboshake128(words, 1)


@pytest.mark.parametrize(
    ("domain", "length", "cycles"),
    [
        (None, 47, 3 * N + SHAKE256_P + 3 * (N + 2) + 3),
        (None, 48, 4 * N + SHAKE256_P + 3 * (N + 2) + 3),
        (None, 135, 2 * N + SHAKE256_P + 3 * (N + 2) + 3),
        (1, 47, 3 * N + TURBOSHAKE128_P + 3 * (N + 2) + 3),
        (1, 167, 2 * N + TURBOSHAKE128_P + 3 * (N + 2) + 3),
        (1, 168, 4 * N + 2 * TURBOSHAKE128_P + 3 * (N + 2) + 3),
    ],
)
def test_cycles_from_the_last_half_word_to_the_digest(chip, domain, length, cycles):
    """The sponge's own, a cycle to it, and one until `status` says so."""
    block = chip.block
    accesses = 0

    def pauses() -> None:
        # The sponge is ready for the last word when its last half comes.
        nonlocal accesses
        block.step()
        accesses += block.get("data_bus__ack")
        if accesses == 2 * -(-length // 8) - 1 and not block.get("data_bus__stb"):
            block.step(400)

    begin(chip, domain)
    feed(chip, bytes(length), domain, pauses)
    block.set_all({"bus__r_stb": 1, "bus__addr": chip.address("status")})
    assert block.step_until("bus__r_data", DONE, limit=1000) == cycles - 1, "of which `feed` makes one"


def test_the_longest_access_waits_for_a_permutation(chip):
    begin(chip, None)
    assert feed(chip, bytes(136 * 2), None) == SHAKE256_P + 5
