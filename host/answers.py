"""Values out of the chip's answers, and what the answers hold."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from formats.descriptor import AcceleratorError
from host.errors import LinkError

Body = Mapping[str, object]

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


def no_progress(done: int, total: int) -> None:
    """For callers who do not want to know."""


def integer(body: Body, key: str) -> int:
    """An unsigned integer. Raises LinkError when the answer has none under this key."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise LinkError(f"the chip's answer has no unsigned integer {key!r}")
    return value


def byte_string(body: Body, key: str, size: int | None = None) -> bytes:
    """A byte string, of `size` bytes if given. Raises LinkError as `integer` does."""
    value = body.get(key)
    if not isinstance(value, bytes) or size not in (None, len(value)):
        raise LinkError(f"the chip's answer has no byte string {key!r}" + (f" of {size} bytes" if size else ""))
    return value


def text(body: Body, key: str) -> str:
    """A text string. Raises LinkError as `integer` does."""
    value = body.get(key)
    if not isinstance(value, str):
        raise LinkError(f"the chip's answer has no text {key!r}")
    return value


@dataclass(frozen=True)
class Info:
    """What a chip says of itself; only its statements prove anything.

    ueid: 17 bytes. key: the public key, 32 bytes. firmware: measurement, 32 bytes. version: security version.
    config: name of the chip's configuration. map: hash of the register map that its firmware was built for.
    seq: of the next statement. first: of the oldest statement still in the log, which has room for `capacity`.
    """

    ueid: bytes
    key: bytes
    firmware: bytes
    version: int
    config: str
    pages: int
    page_size: int
    map: int
    bootcount: int
    seq: int
    first: int
    capacity: int

    @property
    def memory_bytes(self) -> int:
        """Accelerator memory in bytes, all of it the snapshot region."""
        return self.pages * self.page_size

    @classmethod
    def of(cls, body: Body) -> Self:
        """What the answer to INFO holds. Raises LinkError when a value is missing or of another type or size."""
        sizes = {"ueid": 17, "key": 32, "firmware": 32}
        values: dict[str, object] = {}
        for item in fields(cls):
            if item.name in sizes:
                values[item.name] = byte_string(body, item.name, sizes[item.name])
            else:
                values[item.name] = text(body, "config") if item.name == "config" else integer(body, item.name)
        return cls(**values)  # type: ignore[arg-type]

    def as_json(self) -> dict[str, object]:
        """Field name to value, byte strings in hex."""
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Counters:
    """The chip's counters. captures, stalls, capture_cycles, sign_cycles: of the snapshot engine and the signer."""

    macs: int
    steps: int
    descriptors: int
    ticks: int
    records: int
    captures: int
    stalls: int
    capture_cycles: int
    sign_cycles: int

    @classmethod
    def of(cls, body: Body) -> Self:
        """What the answer to COUNTERS holds. Raises LinkError when a value is missing or no unsigned integer."""
        return cls(**{item.name: integer(body, item.name) for item in fields(cls)})


@dataclass(frozen=True)
class AcceleratorState:
    """busy: a run is in progress. error: why the last one stopped, at the descriptor at address `at`, or NONE.

    busy_cycles, stall_cycles: since boot, cycles of runs, and of them those in which memory was not ready.
    """

    busy: bool
    error: AcceleratorError
    at: int
    busy_cycles: int
    stall_cycles: int

    @classmethod
    def of(cls, body: Body) -> Self:
        """What the answer to ACCELERATOR holds. Raises LinkError when a value is missing or undefined."""
        try:
            error = AcceleratorError(integer(body, "error"))
        except ValueError:
            raise LinkError(f"the chip's accelerator has an unknown error {body.get('error')!r}") from None
        cycles = (integer(body, name) for name in ("at", "busy_cycles", "stall_cycles"))
        return cls(bool(integer(body, "busy")), error, *cycles)


@dataclass(frozen=True)
class Parameters:
    """What SMP packets the chip takes: bytes in the largest, and how many it buffers."""

    buf_size: int
    buf_count: int
