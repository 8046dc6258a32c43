"""The part of the chip in Python that is about its life: fuses, boots, firmware slots, receipts, truncation, events.

A model of ROM and firmware as formats/link.py and formats/flash.py describe them, without a flash behind it.
"""

import struct
from dataclasses import dataclass, replace
from hashlib import sha256

import cbor2

from formats import image as container
from formats.boot import BootError
from formats.configuration import NO_KEY, Configuration, LogMode
from formats.flash import SLOT_BYTES, Event
from formats.hashing import Domain
from formats.link import ChipError, ImageCommand, ImageError
from formats.otp import Lifecycle
from formats.statement import Kind, layout
from sim.golden import chip as golden
from sim.golden.keccak import turboshake128
from sim.golden.lms import verify_hss

READ, WRITE = 0, 2
HASH_SIGNED = cbor2.dumps({1: -46})
SEQ, CHAIN, DIGEST = (layout()[name].key for name in ("seq", "chain", "digest"))

DEFAULT_CONFIGURATION = Configuration(bytes.fromhex("00000001") + bytes(range(48)))


class Refusal(Exception):
    """Carries the ChipError, or ImageError, that the request ends with."""


@dataclass
class Slot:
    """A firmware slot. data: the image file; None for the firmware that the model was made with."""

    data: bytes | None = None
    filled: bool = False
    pending: bool = False
    tried: bool = False
    confirmed: bool = False

    @property
    def signed_part(self) -> bytes:
        """Header, body and protected TLVs."""
        fields = container.HEADER.unpack_from(self.data)
        return self.data[: container.HEADER_BYTES + fields[4] + fields[3]]

    @property
    def hash(self) -> bytes:
        return sha256(self.signed_part).digest() if self.data else bytes(range(32))

    @property
    def measurement(self) -> bytes:
        return turboshake128(self.signed_part, Domain.MEASUREMENT) if self.data else b"\x77" * 32

    @property
    def version(self) -> str:
        if not self.data:
            return "0.0.0.0"
        return ".".join(map(str, container.HEADER.unpack_from(self.data)[6:10]))

    @property
    def security_version(self) -> int:
        if not self.data:
            return 1
        at = len(self.signed_part) - container.PROTECTED_BYTES + 8
        return int.from_bytes(self.data[at : at + 4], "little")


@dataclass
class BootFaults:
    """What goes wrong with firmware. refuse: ROM refuses the image in the slot that is to be tried. unconfirmed: new
    firmware does not confirm itself. crash: as many boots of it end in another boot at once."""

    refuse: BootError = BootError.NONE
    unconfirmed: bool = False
    crash: bool = False


class FakeLife:
    """State and commands. The class that uses it has `chip`, `log`, `_state(kind, ...)` and `capacity`."""

    def begin_life(self, configuration: Configuration, raw: bool, firmware: bool) -> None:
        self.configuration = configuration
        self.slots = [Slot(filled=firmware, confirmed=firmware), Slot()]
        self.active = 0
        self.recovery = False
        self.error = BootError.NONE
        self.slot_errors = [BootError.NONE, BootError.NONE]
        self.boot_faults = BootFaults()
        self.events: list[tuple[Event, int, int, int]] = []
        self.stated_events = 0
        self.receipted = 0
        self.upload: tuple[bytes, int, bytearray] | None = None
        self.entropy_failed = False
        if raw:
            self.chip = replace(self.chip, lifecycle=Lifecycle.RAW, chip_id=bytes(16))
        else:
            self._configure(configuration)

    def _configure(self, configuration: Configuration) -> None:
        self.configuration = configuration
        digest = turboshake128(configuration.encode(), Domain.CONFIGURATION)
        self.chip = replace(self.chip, configuration=digest)

    # Boots.

    def choose_firmware(self) -> bool:
        """What ROM does: whether there is firmware to start."""
        self.slot_errors = [BootError.NONE, BootError.NONE]
        self.recovery, self.error = True, BootError.NOT_PROVISIONED
        if self.chip.lifecycle is Lifecycle.RAW:
            return False
        self.error = BootError.NO_IMAGE
        for at, slot in enumerate(self.slots):
            if slot.filled and slot.tried and not slot.confirmed and slot.pending:
                slot.pending = False
                self.slot_errors[at] = BootError.NOT_CONFIRMED
                self._note(Event.ROLLBACK, at)
        chosen = None
        for at, slot in enumerate(self.slots):
            if slot.filled and slot.pending and not slot.tried:
                if self.boot_faults.refuse:
                    slot.pending = False
                    self.slot_errors[at] = self.boot_faults.refuse
                    self._note(Event.REFUSED_IMAGE, at << 16 | self.boot_faults.refuse)
                else:
                    slot.tried, chosen = True, at
        if chosen is None:
            chosen = next((at for at, slot in enumerate(self.slots) if slot.filled and slot.confirmed), None)
        for at, slot in enumerate(self.slots):
            if not slot.filled:
                self.slot_errors[at] = BootError.EMPTY
        if chosen is None:
            return False
        self.active, self.recovery, self.error = chosen, False, BootError.NONE
        slot = self.slots[chosen]
        self.chip = replace(self.chip, measurement=slot.measurement, security_version=slot.security_version)
        return True

    def state_events(self) -> None:
        """What firmware does behind its boot statement."""
        for event in self.events[self.stated_events :]:
            self._state(Kind.ERROR, digest=turboshake128(struct.pack("<IIIQ", *event), Domain.EVENT))
        self.stated_events = len(self.events)

    def confirm(self) -> None:
        """At the first valid request after a boot."""
        slot = self.slots[self.active]
        if slot.confirmed or self.recovery or self.boot_faults.unconfirmed:
            return
        for each in self.slots:
            each.confirmed = each is slot
        slot.pending = False
        self.chip = replace(self.chip, security_floor=max(self.chip.security_floor, self.chip.security_version))

    def _note(self, event: Event, detail: int) -> None:
        self.events.append((event, detail, self.chip.bootcount, self.chip.ticks))

    @property
    def held(self) -> bool:
        return self.configuration.log_mode is LogMode.SERVER and self._waiting() is not None

    def _waiting(self) -> int | None:
        kinds = {seq: cbor2.loads(cbor2.loads(data).value[2]) for seq, data in self.log.items()}
        key = layout()["kind"].key
        return next(
            (seq for seq in sorted(kinds) if seq >= self.receipted and kinds[seq][key] == Kind.SNAPSHOT), None
        )

    # Commands of the chip's group.

    def read_boot(self, body: dict[str, object]) -> dict[str, object]:
        return {
            "recovery": int(self.recovery),
            "error": int(self.error),
            "slot_a": int(self.slot_errors[0]),
            "slot_b": int(self.slot_errors[1]),
            "slot": self.active,
            "lifecycle": int(self.chip.lifecycle),
            "floor": self.chip.security_floor,
            "confirmed": int(self.slots[self.active].confirmed and not self.recovery),
            "entropy": int(self.entropy_failed),
        }

    def provision(self, body: dict[str, object]) -> dict[str, object]:
        if self.chip.lifecycle is not Lifecycle.RAW:
            raise Refusal(ChipError.ALREADY_SET)
        try:
            configuration = Configuration.decode(body["data"])
        except ValueError:
            raise Refusal(ChipError.MALFORMED) from None
        if len(body["chip"]) != 16:
            raise Refusal(ChipError.MALFORMED)
        self.chip = replace(self.chip, chip_id=body["chip"], lifecycle=Lifecycle.DEVELOPMENT)
        self._configure(configuration)
        return {}

    def raise_lifecycle(self, body: dict[str, object]) -> dict[str, object]:
        if not self.chip.lifecycle < body["state"] <= Lifecycle.RETIRED:
            raise Refusal(ChipError.OUT_OF_RANGE)
        self.chip = replace(self.chip, lifecycle=Lifecycle(body["state"]))
        return {}

    def read_event(self, body: dict[str, object]) -> dict[str, object]:
        if not 0 <= body["index"] < len(self.events):
            raise Refusal(ChipError.NOT_FOUND)
        event, detail, boot, ticks = self.events[body["index"]]
        return {"event": int(event), "detail": detail, "boot": boot, "ticks": ticks, "count": len(self.events)}

    def read_receipt(self, body: dict[str, object]) -> dict[str, object]:
        waiting = self._waiting()
        return {"held": int(self.held), "seq": self.chip.seq if waiting is None else waiting}

    def take_receipt(self, body: dict[str, object]) -> dict[str, object]:
        claims, waiting = self._hash_signed(body["data"], "urn:livetrap:receipt:v1"), self._waiting()
        if waiting is None or self.configuration.log_mode is not LogMode.SERVER:
            raise Refusal(ChipError.NOT_FOUND)
        digest = turboshake128(self.log[waiting], Domain.CHAIN)
        if (claims[SEQ], claims[DIGEST]) != (waiting.to_bytes(8, "big"), digest):
            raise Refusal(ChipError.UNSIGNED)
        self.receipted = waiting + 1
        return {}

    def truncate(self, body: dict[str, object]) -> dict[str, object]:
        claims = self._hash_signed(body["data"], "urn:livetrap:approval:v1")
        seq = int.from_bytes(claims[SEQ], "big")
        if seq not in self.log or seq <= min(self.log) or (self.held and seq > self._waiting()):
            raise Refusal(ChipError.UNSIGNED)
        if cbor2.loads(cbor2.loads(self.log[seq]).value[2])[CHAIN] != claims[CHAIN]:
            raise Refusal(ChipError.UNSIGNED)
        self.log = {at: data for at, data in self.log.items() if at >= seq}
        return {"seq": self._state(Kind.TRUNCATE, digest=turboshake128(body["data"], Domain.APPROVAL))}

    def _hash_signed(self, data: bytes, profile: str) -> dict[object, object]:
        protected, unprotected, payload, signature = cbor2.loads(data).value
        message = cbor2.dumps(["Signature1", protected, b"", payload])
        key, claims = self.configuration.verifier_key, cbor2.loads(payload)
        if key == NO_KEY or protected != HASH_SIGNED or unprotected or not verify_hss(key, message, signature):
            raise Refusal(ChipError.UNSIGNED)
        if (claims[256], claims[265]) != (self.chip.ueid, profile):
            raise Refusal(ChipError.UNSIGNED)
        return claims

    # SMP's image group.

    def image_group(self, command: int, operation: int, body: dict[str, object]) -> dict[str, object]:
        if (command, operation) == (ImageCommand.UPLOAD, WRITE):
            return self._upload(body)
        if (command, operation) == (ImageCommand.STATE, WRITE):
            self._mark(body)
        elif (command, operation) != (ImageCommand.STATE, READ):
            raise Refusal(ImageError.UNKNOWN)
        return {"images": [self._image(at) for at in (self.active, 1 - self.active) if self.slots[at].filled]}

    def _image(self, at: int) -> dict[str, object]:
        slot = self.slots[at]
        active = at == self.active and not self.recovery
        return {
            "slot": 0 if at == self.active else 1,
            "version": slot.version,
            "hash": slot.hash,
            "bootable": True,
            "pending": slot.pending,
            "confirmed": slot.confirmed,
            "active": active,
        }

    def _target(self) -> Slot:
        return self.slots[1 - self.active]

    def _upload(self, body: dict[str, object]) -> dict[str, object]:
        if body["off"] == 0:
            if body["len"] > SLOT_BYTES:
                raise Refusal(ImageError.INVALID_IMAGE_TOO_LARGE)
            if self.upload is None or self.upload[:2] != (body["sha"], body["len"]):
                self.slots[1 - self.active] = Slot()
                self.upload = body["sha"], body["len"], bytearray()
        if self.upload is None:
            raise Refusal(ImageError.INVALID_OFFSET)
        digest, size, data = self.upload
        if body["off"] == len(data):
            data += body["data"]
        if len(data) > size:
            raise Refusal(ImageError.INVALID_IMAGE_DATA_OVERRUN)
        if len(data) == size:
            if sha256(data).digest() != digest:
                raise Refusal(ImageError.INVALID_HASH)
            if data[:4] != container.MAGIC.to_bytes(4, "little"):
                raise Refusal(ImageError.INVALID_IMAGE_HEADER_MAGIC)
            self.slots[1 - self.active] = Slot(bytes(data), filled=True)
        return {"off": len(data)}

    def _mark(self, body: dict[str, object]) -> None:
        slot = self._target()
        if not slot.filled or slot.hash != body.get("hash"):
            raise Refusal(ImageError.HASH_NOT_FOUND)
        if not self.recovery and not self.slots[self.active].confirmed:
            raise Refusal(ImageError.IMAGE_CONFIRMATION_DENIED)
        slot.pending, slot.tried, slot.confirmed = True, False, False
        if not self.recovery:
            self._state(Kind.UPDATE, digest=slot.measurement)


def stated(chip: "golden.Chip", kind: Kind, digest: bytes) -> tuple["golden.Chip", bytes]:
    """A statement of a kind that carries firmware's digest."""
    return golden.state(golden.wait(chip, 10), kind, digest=digest)
