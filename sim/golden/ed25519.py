"""Ed25519 written from RFC 8032 section 5.1 (pure Ed25519: no context, no prehash), with strict verification.

Keys and signatures are byte strings in the RFC's encodings; points are integers in extended homogeneous
coordinates (section 5.1.4). This is the specification that the RTL is tested against, and what the Verifier
uses to refuse weak public keys. It is not constant-time: never give it a key that matters.
"""

from dataclasses import dataclass
from hashlib import sha512

PRIME = 2**255 - 19
"""The field's p (RFC 8032 table 1)."""

ORDER = 2**252 + 27742317777372353535851937790883648493
"""L, the order of the base point (RFC 8032 table 1)."""

D = -121665 * pow(121666, -1, PRIME) % PRIME
"""The curve's d in -x^2 + y^2 = 1 + d x^2 y^2."""

SEED_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

_SQRT_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)


@dataclass(frozen=True)
class Point:
    """A curve point (X : Y : Z : T) with x = X/Z, y = Y/Z, x*y = T/Z (RFC 8032 section 5.1.4)."""

    x: int
    y: int
    z: int
    t: int

    def __add__(self, other: "Point") -> "Point":
        """The complete addition formula of RFC 8032 section 5.1.4."""
        a = (self.y - self.x) * (other.y - other.x) % PRIME
        b = (self.y + self.x) * (other.y + other.x) % PRIME
        c = self.t * 2 * D * other.t % PRIME
        d = self.z * 2 * other.z % PRIME
        e, f, g, h = b - a, d - c, d + c, b + a
        return Point(e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME)

    def doubled(self) -> "Point":
        """The doubling formula of RFC 8032 section 5.1.4."""
        a = self.x * self.x % PRIME
        b = self.y * self.y % PRIME
        c = 2 * self.z * self.z % PRIME
        h = a + b
        e = h - (self.x + self.y) ** 2 % PRIME
        g = a - b
        f = c + g
        return Point(e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME)

    def __rmul__(self, scalar: int) -> "Point":
        """scalar * self by double-and-add; scalar >= 0."""
        product, power = IDENTITY, self
        while scalar:
            if scalar & 1:
                product += power
            power = power.doubled()
            scalar >>= 1
        return product

    def is_identity(self) -> bool:
        """True for the neutral element (0, 1)."""
        return self.x % PRIME == 0 and (self.y - self.z) % PRIME == 0

    def is_small_order(self) -> bool:
        """True when the order divides the cofactor 8."""
        return (8 * self).is_identity()

    def affine(self) -> tuple[int, int]:
        """(x, y), each in 0..p-1."""
        inverse = pow(self.z, -1, PRIME)
        return self.x * inverse % PRIME, self.y * inverse % PRIME

    def encode(self) -> bytes:
        """The 32-byte encoding of RFC 8032 section 5.1.2."""
        x, y = self.affine()
        return (y | (x & 1) << 255).to_bytes(32, "little")


def point(x: int, y: int) -> Point:
    """The point with affine coordinates x, y; not checked to be on the curve."""
    return Point(x, y, 1, x * y % PRIME)


IDENTITY = point(0, 1)


def decode_point(encoding: bytes) -> Point | None:
    """RFC 8032 section 5.1.3: the point of a canonical 32-byte encoding, else None.

    Not canonical: y >= p, or x = 0 with the sign bit set.
    """
    if len(encoding) != 32:
        return None
    value = int.from_bytes(encoding, "little")
    sign, y = value >> 255, value & (1 << 255) - 1
    if y >= PRIME:
        return None
    u, v = (y * y - 1) % PRIME, (D * y * y + 1) % PRIME
    x = u * pow(v, 3, PRIME) * pow(u * pow(v, 7, PRIME), (PRIME - 5) // 8, PRIME) % PRIME
    if v * x * x % PRIME == -u % PRIME:
        x = x * _SQRT_MINUS_ONE % PRIME
    if v * x * x % PRIME != u:
        return None
    if x == 0 and sign:
        return None
    return point(PRIME - x if x & 1 != sign else x, y)


def _base_point() -> Point:
    """B (RFC 8032 table 1): y = 4/5 and x even."""
    base = decode_point((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
    if base is None:
        raise ArithmeticError("4/5 is not the y coordinate of a curve point")
    return base


BASE = _base_point()


def expand_seed(seed: bytes) -> tuple[int, bytes]:
    """RFC 8032 section 5.1.5 steps 1 and 2: (clamped secret scalar s, 32-byte prefix).

    Raises ValueError when seed has not 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(seed)}")
    digest = sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & (1 << 254) - 8 | 1 << 254, digest[32:]


def public_key(seed: bytes) -> bytes:
    """RFC 8032 section 5.1.5: the 32-byte public key of a 32-byte seed."""
    return (expand_seed(seed)[0] * BASE).encode()


def sign(seed: bytes, message: bytes) -> bytes:
    """RFC 8032 section 5.1.6: the 64-byte signature R ‖ S of message under a 32-byte seed."""
    scalar, prefix = expand_seed(seed)
    nonce = _hash_to_scalar(prefix, message)
    commitment = (nonce * BASE).encode()
    challenge = _hash_to_scalar(commitment, (scalar * BASE).encode(), message)
    return commitment + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")


def check_public_key(public_key: bytes) -> bool:
    """True when public_key may stand for a chip: canonical, on the curve, and of order exactly L.

    Refuses small-order points (anyone can sign for them) and mixed-order points (one secret then has
    several public keys, and verifiers disagree about its signatures).
    """
    decoded = decode_point(public_key)
    return decoded is not None and not decoded.is_small_order() and (ORDER * decoded).is_identity()


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032 section 5.1.7, strict: at least everything that the RFC demands, without the cofactor.

    False when a length is wrong, A or R is not canonical or has small order, S >= L, or S*B != R + k*A.
    """
    if len(signature) != SIGNATURE_BYTES:
        return False
    commitment_bytes, response = signature[:32], int.from_bytes(signature[32:], "little")
    key, commitment = decode_point(public_key), decode_point(commitment_bytes)
    if key is None or commitment is None or response >= ORDER:
        return False
    if key.is_small_order() or commitment.is_small_order():
        return False
    challenge = _hash_to_scalar(commitment_bytes, public_key, message)
    return (response * BASE).affine() == (commitment + challenge * key).affine()


def _hash_to_scalar(*parts: bytes) -> int:
    """SHA-512 of the parts' concatenation as a little-endian integer mod L."""
    return int.from_bytes(sha512(b"".join(parts)).digest(), "little") % ORDER
