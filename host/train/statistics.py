"""The sums that LOSS operations keep in accelerator memory."""

from dataclasses import dataclass
from typing import Self

UNITS_PER_BIT = 16


@dataclass(frozen=True)
class Statistics:
    """loss: sum over rows, in 1/16 bit. correct: rows whose label was the largest logit. rows: counted rows."""

    loss: int = 0
    correct: int = 0
    rows: int = 0

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The STATISTICS_BYTES of formats.descriptor."""
        return cls(*(int.from_bytes(data[begin:end], "little") for begin, end in ((0, 8), (8, 12), (12, 16))))

    def since(self, earlier: "Statistics") -> "Statistics":
        """What was added after `earlier`; the counters wrap around."""
        return Statistics(
            (self.loss - earlier.loss) % 2**64,
            (self.correct - earlier.correct) % 2**32,
            (self.rows - earlier.rows) % 2**32,
        )

    @property
    def bits(self) -> float:
        """Mean loss of a row in bits; NaN without rows."""
        return self.loss / UNITS_PER_BIT / self.rows if self.rows else float("nan")

    @property
    def accuracy(self) -> float:
        """Share of the rows that were right; NaN without rows."""
        return self.correct / self.rows if self.rows else float("nan")
