"""SHA-512 (FIPS 180-4 section 6.4), one round in a clock cycle."""

from functools import reduce
from math import isqrt

from amaranth.hdl import Module, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

WORD_BITS = 64
BLOCK_WORDS = 16
HASH_WORDS = 8
ROUNDS = 80
BLOCK_CYCLES = ROUNDS + 1
"""Cycles of one compression: the rounds and the addition to the hash value."""

_MASK = 2**WORD_BITS - 1


def _primes(count: int) -> list[int]:
    """The first primes."""
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _cube_root(number: int) -> int:
    """The integer part of the cube root."""
    root = 0
    for bit in reversed(range(number.bit_length() // 3 + 1)):
        if (root | 1 << bit) ** 3 <= number:
            root |= 1 << bit
    return root


INITIAL_HASH = [isqrt(prime << 2 * WORD_BITS) & _MASK for prime in _primes(HASH_WORDS)]
"""FIPS 180-4 section 5.3.5: the first 64 bits of the fractional parts of the square roots of the first primes."""

ROUND_CONSTANTS = [_cube_root(prime << 3 * WORD_BITS) & _MASK for prime in _primes(ROUNDS)]
"""FIPS 180-4 section 4.2.3: the same of the cube roots."""


def choose(x: Value, y: Value, z: Value) -> Value:
    """Ch of FIPS 180-4 (4.8)."""
    return (x & (y ^ z)) ^ z


def majority(x: Value, y: Value, z: Value) -> Value:
    """Maj of FIPS 180-4 (4.9)."""
    return (x & y) | (z & (x | y))


def rotations(x: Value, *amounts: int) -> Value:
    """The exclusive or of the word rotated right by three amounts: Sigma of FIPS 180-4 (4.10), (4.11)."""
    first, second, third = amounts
    return x.rotate_right(first) ^ x.rotate_right(second) ^ x.rotate_right(third)


def modular_sum(*terms: Value) -> Value:
    """The sum modulo 2**64. Each partial sum is cut to 64 bits: wider ones are slow in simulation."""
    return reduce(lambda total, term: (total + term)[:WORD_BITS], terms)


def small_sigma(x: Value, first: int, second: int, shift: int) -> Value:
    """Two words rotated right and one shifted right: sigma of FIPS 180-4 (4.12), (4.13)."""
    return x.rotate_right(first) ^ x.rotate_right(second) ^ (x >> shift)


class Sha512(wiring.Component):
    """Hashes padded messages of whole blocks; padding (FIPS 180-4 section 5.1.2) is the user's.

    restart: while `ready`, sets the hash value to the initial one, for the next message; ignored otherwise. A
        word taken in the same cycle is the first of that message. Needed before every message, the first too.
    words: each is the big-endian value of 8 message bytes, in order; 16 make a block. One per cycle;
        `words.ready` is 0 while a block is compressed, and in a cycle with `zeroise`.
    ready: 1 when no block is compressed and none is partly taken.
    digest: the hash value H0 .. H7 of the blocks so far, valid and stable while `ready`. Each element is the
        big-endian value of 8 digest bytes.
    zeroise: clears schedule, working variables and hash value, and gives up a block partly taken or being
        compressed. Wins over everything else; `ready` is 1 and `digest` is 0 in the next cycle.

    Cycles: from the one that takes a block's 16th word to the next one with `ready` are BLOCK_CYCLES + 1 = 82: 80
    rounds, 1 addition. In that cycle the next word can be taken, so a block takes 97 cycles if words never wait.
    Schedule and working variables keep values of the last block until the next one, or `zeroise`.
    """

    restart: In(1)
    words: In(stream.Signature(WORD_BITS))
    ready: Out(1)
    digest: Out(data.ArrayLayout(WORD_BITS, HASH_WORDS))
    zeroise: In(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.constants = constants = Memory(shape=WORD_BITS, depth=ROUNDS, init=ROUND_CONSTANTS)
        constant = constants.read_port()
        schedule = [Signal(WORD_BITS, name=f"schedule_{i}") for i in range(BLOCK_WORDS)]
        working = [Signal(WORD_BITS, name=name) for name in "abcdefgh"]
        hash_value = [Signal(WORD_BITS, name=f"hash_{i}") for i in range(HASH_WORDS)]
        count = Signal(range(BLOCK_WORDS))
        compressing = Signal()
        step = Signal(range(BLOCK_CYCLES))
        taken, rounding = Signal(), Signal()
        m.d.comb += [
            self.words.ready.eq(~compressing & ~self.zeroise),
            taken.eq(self.words.valid & self.words.ready),
            rounding.eq(compressing & (step != ROUNDS)),
            self.ready.eq(~compressing & (count == 0)),
            constant.addr.eq(step + rounding),
            *(element.eq(word) for element, word in zip(self.digest, hash_value, strict=True)),
        ]

        a, b, c, d, e, f, g, h = working
        temporary_1, temporary_2 = Signal(WORD_BITS), Signal(WORD_BITS)
        new_word = Signal(WORD_BITS)
        big_sigma_1, big_sigma_0 = rotations(e, 14, 18, 41), rotations(a, 28, 34, 39)
        sigma_1, sigma_0 = small_sigma(schedule[14], 19, 61, 6), small_sigma(schedule[1], 1, 8, 7)
        m.d.comb += [
            temporary_1.eq(modular_sum(h, big_sigma_1, choose(e, f, g), constant.data, schedule[0])),
            temporary_2.eq(modular_sum(big_sigma_0, majority(a, b, c))),
            new_word.eq(self.words.payload),
        ]
        with m.If(rounding):
            m.d.comb += new_word.eq(modular_sum(sigma_1, schedule[9], sigma_0, schedule[0]))

        with m.If(taken | rounding):
            m.d.sync += [old.eq(new) for old, new in zip(schedule, [*schedule[1:], new_word], strict=True)]
        with m.If(taken):
            m.d.sync += count.eq(count + 1)
            with m.If(count == BLOCK_WORDS - 1):
                m.d.sync += [compressing.eq(1), *(v.eq(word) for v, word in zip(working, hash_value, strict=True))]
        with m.If(self.restart & self.ready):
            m.d.sync += [word.eq(value) for word, value in zip(hash_value, INITIAL_HASH, strict=True)]
        with m.If(compressing):
            m.d.sync += step.eq(step + 1)
            with m.If(rounding):
                after = [temporary_1 + temporary_2, a, b, c, d + temporary_1, e, f, g]
                m.d.sync += [old.eq(new) for old, new in zip(working, after, strict=True)]
            with m.Else():
                m.d.sync += [word.eq(word + v) for word, v in zip(hash_value, working, strict=True)]
                m.d.sync += [compressing.eq(0), step.eq(0)]
        return ResetInserter(self.zeroise)(m)
