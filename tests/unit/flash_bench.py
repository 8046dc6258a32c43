"""A flash behind streams of SPI bytes, and a chip before them, for the blocks in between."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.nor import IDLE, Nor, PowerLost
from sim.rtl.block import VerilatedBlock

LAST = 1 << 8


@dataclass
class FlashBench:
    """A block with `part_tx` and `part_rx` to a Nor, and `chip_tx` and `chip_rx` to a chip.

    reluctance: how often either side lets a byte wait, in each cycle. filter: what becomes of a transaction's answers
    on the way from the part (a part that answers something else). The part works like the PHY: it takes a byte when
    the answer to the one before was taken, and is deselected when that to the last was.

    transactions: what reached the part, whole ones. inputs: to be overridden, for ports besides; look: called in each
    cycle when all inputs are set, before its edge.
    """

    block: VerilatedBlock
    nor: Nor
    reluctance: float = 0.0
    seed: int = 0
    answer: Callable[[bytes, int], int] = lambda transaction, byte: byte
    transactions: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stalls = random.Random(self.seed)
        self.powered = True
        self._taken = bytearray()
        self._due: int | None = None
        self._closing = self._answering = self._offering = False
        self._offered: dict[str, int | None] = {}
        self._requests: deque[int] = deque()
        self.answers = bytearray()

    def willing(self) -> bool:
        return self.stalls.random() >= self.reluctance

    def checked(self, name: str, ready: bool) -> int | None:
        """What is transferred on a stream from the block; what is on offer may not change."""
        valid, payload = self.block.get(f"{name}__valid"), self.block.get(f"{name}__payload")
        if self._offered.get(name) is not None:
            assert (valid, payload) == (1, self._offered[name]), f"{name} changed before it was taken"
        self._offered[name] = payload if valid and not ready else None
        return payload if valid and ready else None

    def inputs(self) -> dict[str, int]:
        return {}

    def look(self) -> None:
        pass

    def cycle(self) -> None:
        block = self.block
        part_ready = self._due is None and self.willing()
        part_answers = self._due is not None and (self._answering or self.willing())
        chip_offers = bool(self._requests) and (self._offering or self.willing())
        chip_ready = self.willing()
        block.set_all(
            {
                "part_tx__ready": part_ready,
                "part_rx__valid": part_answers,
                "part_rx__payload": self._due if part_answers else 0xA5,
                "chip_tx__valid": chip_offers,
                "chip_tx__payload": self._requests[0] if chip_offers else 0,
                "chip_rx__ready": chip_ready,
                **self.inputs(),
            }
        )
        self.look()
        answered = part_answers and block.get("part_rx__ready")
        requested = chip_offers and block.get("chip_tx__ready")
        self._answering, self._offering = part_answers and not answered, chip_offers and not requested
        sent = self.checked("part_tx", part_ready)
        answer = self.checked("chip_rx", chip_ready)
        if answer is not None:
            self.answers.append(answer)
        if requested:
            self._requests.popleft()
        block.step()
        self._work(sent, bool(answered))

    def _work(self, sent: int | None, answered: bool) -> None:
        if answered:
            self._due = None
            if self._closing:
                self.transactions.append(bytes(self._taken))
                self._taken.clear()
                self._closing = False
                self._with_power(self.nor.deselect)
        if sent is not None:
            byte = sent & 0xFF
            self._taken.append(byte)
            self._due = self.answer(bytes(self._taken), self._with_power(lambda: self.nor.exchange(byte)))
            self._closing = bool(sent & LAST)
        self._with_power(lambda: self.nor.tick(1))

    def _with_power(self, action: Callable[[], int | None]) -> int:
        if self.powered:
            try:
                return action() or 0
            except PowerLost:
                self.powered = False
        return IDLE

    def ask(self, transaction: bytes) -> None:
        """Puts a transaction of the chip's behind those that wait."""
        self._requests.extend(transaction[:-1])
        self._requests.append(transaction[-1] | LAST)

    def transact(self, transaction: bytes, limit: int = 100_000) -> bytes:
        """One transaction of the chip's; returns its answers."""
        self.answers.clear()
        self.ask(transaction)
        for _ in range(limit):
            if len(self.answers) == len(transaction):
                return bytes(self.answers)
            self.cycle()
        raise AssertionError(f"{transaction.hex(' ')}: no end within {limit} cycles")
