"""The Ed25519 signer's microprogram: RFC 8032 sections 5.1.5 and 5.1.6 as instructions of the datapath."""

from collections.abc import Callable

from .ed25519_instruction import ELEMENTS, Constant, Destination, Operation, Source
from .ed25519_program import Element, Operand, Program
from .ed25519_table import TABLES

PUBLIC = (Element.PUBLIC_KEY, Element.COMMITMENT, Element.RESPONSE)
"""What may be left in working memory when an operation has ended."""

Y_MINUS_X, Y_PLUS_X, XY_2D = range(3)
"""Parts of a precomputed point (ed25519_table)."""


def double(p: Program) -> None:
    """(X, Y, Z) doubled, by RFC 8032 section 5.1.4; with T."""
    e = Element
    p.square(e.A, e.X)
    p.square(e.B, e.Y)
    p.square(e.C, e.Z)
    p.add(e.E, e.X, e.Y)
    p.square(e.F, e.E)
    p.add(e.H, e.A, e.B)
    p.subtract(e.E, e.H, e.F)
    p.subtract(e.G, e.A, e.B)
    p.add(e.C, e.C, e.C)
    p.add(e.F, e.C, e.G)
    _point_from_factors(p)


def add_table_point(p: Program, table: int) -> None:
    """(X, Y, Z, T) plus the table's point for the comb's digit, by RFC 8032 section 5.1.4 with Z2 = 1.

    The formulas are complete, so that a digit 0, which selects the neutral element, is like any other.
    """
    e = Element
    p.subtract(e.E, e.Y, e.X)
    p.multiply(e.A, e.E, (Y_MINUS_X, table))
    p.add(e.F, e.Y, e.X)
    p.multiply(e.B, e.F, (Y_PLUS_X, table))
    p.multiply(e.C, e.T, (XY_2D, table))
    p.add(e.Z, e.Z, e.Z)
    p.subtract(e.E, e.B, e.A)
    p.add(e.H, e.B, e.A)
    p.subtract(e.F, e.Z, e.C)
    p.add(e.G, e.Z, e.C)
    _point_from_factors(p)


def _point_from_factors(p: Program) -> None:
    e = Element
    p.multiply(e.X, e.E, e.F)
    p.multiply(e.Y, e.G, e.H)
    p.multiply(e.T, e.E, e.H)
    p.multiply(e.Z, e.F, e.G)


def invert(p: Program, d: int, z: int) -> None:
    """d = z**(p - 2) = 1/z; A to E are overwritten. In comments: exponents."""
    e = Element
    power, spare = e.SQUARES, e.A
    p.square(e.B, z)  # 2
    p.square(power, e.B, 2)  # 8
    p.multiply(e.POWER_9, power, z)
    p.multiply(e.POWER_11, e.POWER_9, e.B)
    p.square(power, e.POWER_11)  # 22
    p.multiply(spare, power, e.POWER_9)  # 2**5 - 1
    p.square(power, spare, 5)
    p.multiply(e.C, power, spare)  # 2**10 - 1
    p.square(power, e.C, 10)
    p.multiply(spare, power, e.C)  # 2**20 - 1
    p.square(power, spare, 20)
    p.multiply(e.B, power, spare)  # 2**40 - 1
    p.square(power, e.B, 10)
    p.multiply(e.POWER_50, power, e.C)  # 2**50 - 1
    p.square(power, e.POWER_50, 50)
    p.multiply(spare, power, e.POWER_50)  # 2**100 - 1
    p.square(power, spare, 100)
    p.multiply(e.B, power, spare)  # 2**200 - 1
    p.square(power, e.B, 50)
    p.multiply(spare, power, e.POWER_50)  # 2**250 - 1
    p.square(power, spare, 5)
    p.multiply(d, power, e.POWER_11)  # 2**255 - 21


def canonical(p: Program, d: int) -> None:
    """d reduced to 0..p-1; d, a product mod p, is between -2**54 and 3 * p."""
    p.subtract(d, d, Constant.TWO_PRIMES)
    for _ in range(3):
        p.add_if_negative(d, Constant.PRIME)


def base_multiple(p: Program) -> None:
    """ENCODED = the encoding (RFC 8032 section 5.1.2) of the scalar times B, by a comb (see ed25519_table)."""
    e = Element
    p.label("base_multiple")
    for coordinate in (e.X, e.T):
        p.load(coordinate, Constant.ZERO)
    for coordinate in (e.Y, e.Z):
        p.load(coordinate, Constant.ONE)
    p.label("comb_step")
    double(p)
    for table in range(TABLES):
        add_table_point(p, table)
    p.jump(Operation.LOOP, "comb_step")
    invert(p, e.H, e.Z)
    p.multiply(e.F, e.X, e.H)
    p.multiply(e.G, e.Y, e.H)
    canonical(p, e.F)
    canonical(p, e.G)
    # The low half of x * 2**255 is the lowest bit of x on top: the sign.
    p.multiply_wide(e.WIDE_PAIR, e.F, Constant.TOP_BIT)
    p.add(e.ENCODED, e.G, e.WIDE_PAIR)
    p.emit(Operation.RETURN)


def reduce_wide(p: Program, d: int, addend: Operand = Constant.ZERO) -> None:
    """d = (WIDE_PAIR + addend) mod L.

    Twice 2**256 = -C (mod L) leaves low - (fold - (fold again - the last fold)), more than -17 L and less than
    34 L with an addend below L; then the multiples of L are taken away bit by bit.
    """
    e = Element
    p.multiply_wide(e.FOLD_PAIR, e.WIDE_PAIR + 1, Constant.ORDER_FOLD)
    p.subtract(e.A, e.WIDE_PAIR, e.FOLD_PAIR)
    p.add(e.A, e.A, addend)
    p.add(e.A, e.A, Constant.ORDER_OFFSET)
    p.multiply_wide(e.FOLD_AGAIN_PAIR, e.FOLD_PAIR + 1, Constant.ORDER_FOLD)
    p.add(e.A, e.A, e.FOLD_AGAIN_PAIR)
    p.multiply_wide(e.FOLD_PAIR, e.FOLD_AGAIN_PAIR + 1, Constant.ORDER_FOLD)
    p.subtract(d, e.A, e.FOLD_PAIR)
    multiples = (
        *(Constant.ORDER_32, Constant.ORDER_16, Constant.ORDER_8),
        *(Constant.ORDER_4, Constant.ORDER_2, Constant.ORDER),
    )
    for multiple in multiples:
        p.subtract(d, d, multiple)
        p.add_if_negative(d, multiple)


def hashed(p: Program, d: int, source: Source, parts: list[Element], end: Operation) -> None:
    """d, d + 1 = SHA-512 of the elements and then, with end HASH_MESSAGE, of the message."""
    p.emit(Operation.HASH_START)
    for part in parts:
        p.send(part, Destination.HASH)
    p.emit(end)
    p.receive(d, source)


def expand_seed(p: Program) -> None:
    """SECRET = the clamped scalar, PREFIX = the prefix (RFC 8032 section 5.1.5)."""
    p.receive(Element.SEED, Source.SEED)
    hashed(p, Element.SECRET, Source.KEY_DIGEST, [Element.SEED], Operation.HASH_END)


def copy(p: Program, d: int, a: int) -> None:
    """d = a."""
    p.add(d, a, Constant.ZERO)


def wipe(p: Program) -> None:
    """Overwrites whatever depends on a secret: working memory, the comb's scalar, the multiplier."""
    p.label("wipe")
    secrets = [element for element in range(ELEMENTS) if element not in PUBLIC]
    for element in secrets:
        p.load(element, Constant.ZERO)
    p.send(Element.NONCE, Destination.SCALAR)
    p.multiply(Element.X, Element.A, Element.B)
    p.emit(Operation.RETURN)


def derive(p: Program) -> None:
    """RFC 8032 section 5.1.5."""
    e = Element
    p.label("derive")
    expand_seed(p)
    p.send(e.SECRET, Destination.SCALAR)
    p.jump(Operation.CALL, "base_multiple")
    copy(p, e.PUBLIC_KEY, e.ENCODED)
    p.jump(Operation.CALL, "wipe")
    p.send(e.PUBLIC_KEY, Destination.PUBLIC_KEY)
    p.emit(Operation.END)


def sign(p: Program) -> None:
    """RFC 8032 section 5.1.6."""
    e = Element
    p.label("sign")
    expand_seed(p)
    hashed(p, e.WIDE_PAIR, Source.DIGEST, [e.PREFIX], Operation.HASH_MESSAGE)
    reduce_wide(p, e.NONCE)
    p.send(e.NONCE, Destination.SCALAR)
    p.jump(Operation.CALL, "base_multiple")
    copy(p, e.COMMITMENT, e.ENCODED)
    hashed(p, e.WIDE_PAIR, Source.DIGEST, [e.COMMITMENT, e.PUBLIC_KEY], Operation.HASH_MESSAGE)
    reduce_wide(p, e.ENCODED)
    p.multiply_wide(e.WIDE_PAIR, e.ENCODED, e.SECRET)
    reduce_wide(p, e.RESPONSE, e.NONCE)
    p.jump(Operation.CALL, "wipe")
    p.send(e.COMMITMENT, Destination.SIGNATURE)
    p.send(e.RESPONSE, Destination.SIGNATURE)
    p.emit(Operation.END)


def program() -> Program:
    """The whole microprogram; entries: labels "derive" and "sign"."""
    result = Program()
    sections: list[Callable[[Program], None]] = [base_multiple, wipe, derive, sign]
    for section in sections:
        section(result)
    if len(result.words) > 256:
        raise ValueError(f"{len(result.words)} instructions, but an address has 8 bits")
    return result
