"""An assembler for the Ed25519 signer: names for the working memory, and instructions that refuse misuse."""

from dataclasses import dataclass, field
from enum import IntEnum

from .ed25519_instruction import INSTRUCTION, Constant, Destination, Operation, Source, Space


class Element(IntEnum):
    """Where numbers are in working memory. Names with _PAIR are 512-bit numbers: this element and the next."""

    PUBLIC_KEY = 0
    COMMITMENT = 1
    RESPONSE = 2
    SEED = 3
    SECRET = 4
    PREFIX = 5
    NONCE = 6
    ENCODED = 7
    WIDE_PAIR = 8
    FOLD_PAIR = 10
    FOLD_AGAIN_PAIR = 12
    X = 14
    Y = 15
    Z = 16
    T = 17
    A = 18
    B = 19
    C = 20
    E = 21
    F = 22
    G = 23
    H = 24
    SQUARES = 26
    """Two elements that a repeated SQUARE uses in turn."""
    POWER_9 = 28
    POWER_11 = 29
    POWER_50 = 30


Operand = Element | int | Constant | tuple[int, int]
"""b: an element, a constant, or (part, table) of the point that the comb's digit selects."""


@dataclass
class Program:
    """words: the encoded instructions. labels: name -> address."""

    words: list[int] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def label(self, name: str) -> None:
        """Names the address of the next instruction."""
        self.labels[name] = len(self.words)

    def emit(self, operation: Operation, d: int = 0, a: int = 0, b: Operand = 0, number: int = 0) -> None:
        """Appends an instruction; see `Operation` for its operands, which are not checked."""
        if isinstance(b, Constant):
            space, index = Space.CONSTANT, b.value
        elif isinstance(b, tuple):
            space, index = Space.TABLE, b[0] | b[1] << 2
        else:
            space, index = Space.ELEMENT, int(b)
        fields = {"operation": operation, "d": int(d), "a": int(a), "number": number}
        self.words.append(INSTRUCTION.const(fields | {"b": {"index": index, "space": space}}).as_bits())

    def add(self, d: int, a: int, b: Operand) -> None:
        """d = a + b."""
        self.emit(Operation.ADD, d, a, b)

    def subtract(self, d: int, a: int, b: Operand) -> None:
        """d = a - b."""
        self.emit(Operation.SUBTRACT, d, a, b)

    def add_if_negative(self, d: int, b: Operand) -> None:
        """d = d + b if the last sum or difference was negative."""
        self.emit(Operation.ADD_IF_NEGATIVE, d, d, b)

    def load(self, d: int, constant: Constant) -> None:
        """d = the constant, by way of zero."""
        self.subtract(d, d, d)
        if constant != Constant.ZERO:
            self.add(d, d, constant)

    def multiply(self, d: int, a: int, b: Operand) -> None:
        """d = a * b mod p, not fully reduced. Raises ValueError when d is a factor."""
        if d in (a, b):
            raise ValueError(f"a product cannot replace its factor {d}")
        self.emit(Operation.MULTIPLY, d, a, b)

    def square(self, d: int, a: int, times: int = 1) -> None:
        """d = a**(2**times); d ^ 1 is overwritten if times > 1."""
        first = d ^ (times - 1) % 2
        if first == a:
            raise ValueError(f"a square cannot replace its root {a}")
        self.emit(Operation.SQUARE, first, a, a, times - 1)

    def multiply_wide(self, pair: int, a: int, b: Operand) -> None:
        """The pair (pair, pair + 1) = a * b. Raises ValueError when pair is odd or overlaps a factor."""
        if pair % 2 or pair in (a, b) or pair + 1 in (a, b):
            raise ValueError(f"a product of two numbers cannot go to {pair}")
        self.emit(Operation.MULTIPLY_WIDE, pair, a, b)

    def send(self, a: int, destination: Destination) -> None:
        """Sends the number a, as four 64-bit words."""
        self.emit(Operation.SEND, a=a, number=destination.value)

    def receive(self, d: int, source: Source) -> None:
        """d = what the source gives; a digest goes to d and d + 1."""
        self.emit(Operation.RECEIVE, d=d, number=source.value)

    def jump(self, operation: Operation, label: str) -> None:
        """LOOP or CALL with a label as its target. Raises KeyError unless the label comes before."""
        self.emit(operation, number=self.labels[label])
