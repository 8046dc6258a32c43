"""Updates a chip's firmware over the link: sends an image, has it tried, and sees what runs then."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from formats.statement import Kind
from host.device import Device
from host.errors import LinkError, LinkTimeout, LivetrapError
from host.evidence import statement as statements
from host.life_answers import BootState, ImageSlot
from host.requests import BUSY_PAUSE

BOOT_SECONDS = 30.0
"""For a boot, and for the new firmware to confirm itself after it."""

Progress = Callable[[str, int, int], None]


class Outcome(Enum):
    """What came of an update."""

    UPDATED = "updated"
    """The new firmware runs, and has confirmed itself."""
    RUNS_ALREADY = "runs already"
    ROLLED_BACK = "rolled back"
    """The firmware from before runs again."""
    UNCONFIRMED = "not confirmed"
    """The new firmware runs, but does not confirm itself: the next boot starts the one from before."""
    RECOVERY = "recovery"
    """No firmware runs."""


@dataclass(frozen=True)
class Updated:
    """outcome, with the measurements before and now (None in recovery mode), and how the chip booted last."""

    outcome: Outcome
    before: bytes | None
    now: bytes | None
    boot: BootState

    @property
    def succeeded(self) -> bool:
        """Whether the new firmware runs for good."""
        return self.outcome in (Outcome.UPDATED, Outcome.RUNS_ALREADY)

    def as_json(self) -> dict[str, object]:
        """Field name to value, bytes in hex."""
        return {
            "outcome": self.outcome.value,
            "before": self.before.hex() if self.before else None,
            "now": self.now.hex() if self.now else None,
            "boot": self.boot.as_json(),
        }


def update(
    device: Device,
    image: bytes,
    image_hash: bytes,
    measurement: bytes,
    progress: Progress,
    seconds: float = BOOT_SECONDS,
) -> Updated:
    """Uploads an image from where an earlier upload broke off, marks it for test, boots, and waits for its word.

    An image that is marked already, by an update that broke off, is booted at once.

    image: the file's bytes; image_hash: its SHA256 TLV; measurement: what statements will say. seconds: for the boot,
    and again for the confirmation. Raises what Device raises.
    """
    state = device.boot_state()
    info = None if state.recovery else device.info()
    before = info.firmware if info else None
    if before == measurement and state.confirmed:
        return Updated(Outcome.RUNS_ALREADY, before, before, state)
    if not state.recovery and not state.confirmed:
        raise LivetrapError("the firmware that runs has not confirmed itself: reset the chip first")
    if not _is_pending(device.images(), image_hash):
        device.upload(image, lambda done, total: progress("upload", done, total))
        if not _is_pending(device.mark_for_test(image_hash), image_hash):
            raise LinkError("the chip does not list the image as one to be tried at the next boot")
        if info is not None:
            _wait_until_announced(device, info.seq, measurement, seconds)
    state = device.restart(seconds, info.bootcount if info else None)
    deadline = time.monotonic() + seconds
    while not state.recovery and not state.confirmed and time.monotonic() < deadline:
        time.sleep(BUSY_PAUSE)
        state = device.boot_state()
    if state.recovery:
        return Updated(Outcome.RECOVERY, before, None, state)
    now = device.info().firmware
    if now != measurement:
        return Updated(Outcome.ROLLED_BACK, before, now, state)
    return Updated(Outcome.UPDATED if state.confirmed else Outcome.UNCONFIRMED, before, now, state)


def _is_pending(slots: Sequence[ImageSlot], image_hash: bytes) -> bool:
    return any(slot.hash == image_hash and slot.pending for slot in slots)


def _wait_until_announced(device: Device, seq: int, measurement: bytes, seconds: float) -> None:
    """Waits for the update statement, without which a Verifier would reject the boot.

    seq: from which on it must come. Raises LinkTimeout when it does not.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        while seq < device.info().seq:
            found = statements.parse(device.statement(seq), f"statement {seq}")
            if found.kind is Kind.UPDATE and found.digest == measurement:
                return
            seq += 1
        time.sleep(BUSY_PAUSE)
    raise LinkTimeout(f"the chip made no update statement in {seconds:g} s: so it is not reset")
