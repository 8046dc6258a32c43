"""Numbers that the Ed25519 signer keeps in ROM: the comb table of the base point and the moduli (RFC 8032 5.1).

All pure functions of integers; elaboration calls them, no logic is made of them.
"""

from functools import cache

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME

LIMB_BITS = 32
LIMBS = 8
"""A number is held as LIMBS limbs of LIMB_BITS bits, least significant first; the last also holds what is above."""

TEETH = 4
TABLES = 4
STEPS = 256 // (TEETH * TABLES)
"""The comb: tooth t of table u in step s looks at bit (t * TABLES + u) * STEPS + s of the scalar."""

ORDER_FOLD = -(2**256) % (16 * ORDER)
"""C with 2**256 = -C (mod L): 16 * L is a little more than 2**256, so that C has only 129 bits."""

AffinePoint = tuple[int, int]


def limbs(value: int) -> list[int]:
    """A non-negative number as LIMBS limbs."""
    low = [value >> LIMB_BITS * i & (1 << LIMB_BITS) - 1 for i in range(LIMBS - 1)]
    return [*low, value >> LIMB_BITS * (LIMBS - 1)]


def added(p: AffinePoint, q: AffinePoint) -> AffinePoint:
    """The sum of two points by the affine addition law of RFC 8032 section 5.1.4; complete, so p may equal q."""
    (x1, y1), (x2, y2) = p, q
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME)
    return x % PRIME, y % PRIME


def base_point() -> AffinePoint:
    """B (RFC 8032 table 1): y = 4/5, x even, recovered as in section 5.1.3."""
    y = 4 * pow(5, -1, PRIME) % PRIME
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return (x if x % 2 == 0 else PRIME - x), y


@cache
def comb_table() -> tuple[tuple[AffinePoint, ...], ...]:
    """For each of the TABLES tables its 2**TEETH points: entry `digit` of table u is the sum over the bits t of
    digit of 2**((t * TABLES + u) * STEPS) * B.
    """
    powers = [base_point()]
    for _ in range(255):
        powers.append(added(powers[-1], powers[-1]))
    tables = []
    for u in range(TABLES):
        points = [(0, 1)]
        for t in range(TEETH):
            tooth = powers[(t * TABLES + u) * STEPS]
            points += [added(point, tooth) for point in points]
        tables.append(tuple(points))
    return tuple(tables)


def precomputed(point: AffinePoint) -> tuple[int, int, int]:
    """(y - x, y + x, 2 d x y) mod p: what the mixed addition of a table's point needs."""
    x, y = point
    return (y - x) % PRIME, (y + x) % PRIME, 2 * D * x * y % PRIME
