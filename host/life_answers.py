"""What the chip's answers about its life hold: boots, events, receipts, firmware slots."""

import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from formats import flash
from formats.boot import BootError
from formats.hashing import Domain
from formats.otp import Lifecycle
from host.answers import Body, byte_string, integer, text
from host.errors import LinkError
from sim.golden.keccak import turboshake128


@dataclass(frozen=True)
class BootState:
    """How a chip booted.

    recovery: ROM started no firmware, for the reason `error`; only identity and images can be dealt with. slot_a,
    slot_b: why ROM would not start what is there, or NONE. slot: that runs, 0 or 1. floor: least security version
    that the fuses let boot. confirmed: the firmware that runs is. entropy_failed: the chip signs nothing until it is
    powered on anew.
    """

    recovery: bool
    error: BootError
    slot_a: BootError
    slot_b: BootError
    slot: int
    lifecycle: Lifecycle
    floor: int
    confirmed: bool
    entropy_failed: bool

    @classmethod
    def of(cls, body: Body) -> Self:
        """What the answer to BOOT holds. Raises LinkError when a value is missing or undefined."""
        try:
            error, slot_a, slot_b = (BootError(integer(body, name)) for name in ("error", "slot_a", "slot_b"))
            lifecycle = Lifecycle(integer(body, "lifecycle"))
        except ValueError as undefined:
            raise LinkError(f"the chip's answer about its boot: {undefined}") from undefined
        return cls(
            recovery=bool(integer(body, "recovery")),
            error=error,
            slot_a=slot_a,
            slot_b=slot_b,
            slot=integer(body, "slot"),
            lifecycle=lifecycle,
            floor=integer(body, "floor"),
            confirmed=bool(integer(body, "confirmed")),
            entropy_failed=bool(integer(body, "entropy")),
        )

    def as_json(self) -> dict[str, object]:
        """Field name to value, errors and lifecycle by name."""
        values = asdict(self)
        for name in ("error", "slot_a", "slot_b", "lifecycle"):
            values[name] = getattr(self, name).name.lower()
        return values


_EVENT = struct.Struct("<IIIQ")


@dataclass(frozen=True)
class Event:
    """An event of the chip's log (formats/flash.py). boot, ticks: when it was noted."""

    event: flash.Event
    detail: int
    boot: int
    ticks: int

    @classmethod
    def of(cls, body: Body) -> Self:
        """What the answer to EVENT holds. Raises LinkError when a value is missing or undefined."""
        try:
            event = flash.Event(integer(body, "event"))
            found = cls(event, *(integer(body, name) for name in ("detail", "boot", "ticks")))
            found.encode()
        except (ValueError, struct.error) as error:
            raise LinkError(f"the chip's answer about an event: {error}") from error
        return found

    def encode(self) -> bytes:
        """The log's record, 20 bytes."""
        return _EVENT.pack(self.event, self.detail, self.boot, self.ticks)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The event in a record. Raises ValueError for anything that `encode` does not make."""
        if len(data) != _EVENT.size:
            raise ValueError(f"an event has {_EVENT.size} bytes, not {len(data)}")
        event, *rest = _EVENT.unpack(data)
        return cls(flash.Event(event), *rest)

    @property
    def digest(self) -> bytes:
        """How an error statement names it: TurboSHAKE128(record, D=EVENT), 32 bytes."""
        return turboshake128(self.encode(), Domain.EVENT)

    @property
    def explanation(self) -> str:
        """A sentence for people, with what the detail means."""
        match self.event:
            case flash.Event.ENTROPY:
                tests = {1: "repetition count", 2: "adaptive proportion", 3: "both"}.get(
                    self.detail, str(self.detail)
                )
                return f"{self.event.explanation}: {tests}"
            case flash.Event.REFUSED_IMAGE:
                slot, code = self.detail >> 16, self.detail & 0xFFFF
                known = code in {int(error) for error in BootError}
                why = BootError(code).explanation if known else f"error {code}"
                return f"{self.event.explanation}: slot {'AB'[slot] if slot < 2 else slot}: {why}"
            case flash.Event.ROLLBACK:
                return f"{self.event.explanation}: slot {'AB'[self.detail] if self.detail < 2 else self.detail}"
            case flash.Event.TRAP:
                return f"{self.event.explanation}: mcause {self.detail:#x}"
            case flash.Event.LOG_DAMAGE:
                return f"{self.event.explanation}: sector {self.detail}"

    def as_json(self) -> dict[str, object]:
        """Field name to value, with the explanation."""
        return {**asdict(self), "event": self.event.name.lower(), "explanation": self.explanation}


@dataclass(frozen=True)
class ReceiptState:
    """held: the accelerator waits for a receipt. seq: from which on a snapshot statement lacks a checked one."""

    held: bool
    seq: int

    @classmethod
    def of(cls, body: Body) -> Self:
        """What the answer to RECEIPT holds. Raises LinkError when a value is missing."""
        return cls(bool(integer(body, "held")), integer(body, "seq"))


@dataclass(frozen=True)
class ImageSlot:
    """An image in a firmware slot, as SMP's image group shows it. hash: the image's SHA256 TLV, 32 bytes."""

    slot: int
    version: str
    hash: bytes
    pending: bool
    confirmed: bool
    active: bool

    @classmethod
    def list_of(cls, body: Body) -> list[Self]:
        """The images in an answer to STATE; flags may be left out. Raises LinkError for anything else."""
        images = body.get("images")
        if not isinstance(images, list) or not all(isinstance(image, Mapping) for image in images):
            raise LinkError("the chip's answer has no list of images")
        return [
            cls(
                integer(image, "slot"),
                text(image, "version"),
                byte_string(image, "hash", 32),
                *(image.get(name, False) is True for name in ("pending", "confirmed", "active")),
            )
            for image in images
        ]

    def as_json(self) -> dict[str, object]:
        """Field name to value, the hash in hex."""
        return {**asdict(self), "hash": self.hash.hex()}
