"""A chip's life over the host link: how it booted, its identity, its log's keepers, and its firmware slots."""

import time
from collections.abc import Iterator, Mapping
from hashlib import sha256

from formats.boot import BootError
from formats.configuration import Configuration
from formats.link import CHUNK_BYTES, IMAGE_GROUP, OS_GROUP, ChipError, Command, ImageCommand, OsCommand, SmpError
from formats.otp import CHIP_ID_BYTES, Lifecycle
from host.answers import Info, Progress, byte_string, integer, no_progress
from host.errors import EvidenceError, LinkError, LinkTimeout, LivetrapError
from host.life_answers import BootState, Event, ImageSlot, ReceiptState
from host.link.message import ChipRefusal, Operation

from .requests import BUSY_PAUSE, Requests

MAX_EVENTS = 100_000
"""More than any log holds; a chip that lists more is not believed."""

UPLOAD_ATTEMPTS = 16
"""Answers to one upload that bring it no further."""

SETTLE_SECONDS = 0.2
"""After a reset request, before the first answer can be the new boot's."""


class Life(Requests):
    """What ROM's recovery mode and the firmware offer beside evidence and accelerator; raises as Device says."""

    # Identity.

    def info(self) -> Info:
        """What the chip says of itself. Raises as `Exchange.request`, and LinkError when a value is missing."""
        return Info.of(self._read(Command.INFO))

    def certificate(self) -> bytes | None:
        """The certificate chain that the chip keeps, if it has one."""
        try:
            return byte_string(self._read(Command.CERTIFICATE), "data") or None
        except ChipRefusal as refusal:
            if refusal.error is ChipError.NOT_FOUND:
                return None
            raise

    def put_certificate(self, data: bytes) -> None:
        """Gives the chip its certificate chain, once."""
        self._write(Command.CERTIFICATE, {"data": data})

    def configuration(self) -> Configuration:
        """The chip's configuration; only its digest in statements proves it. Raises LinkError when it is none."""
        data = byte_string(self._read(Command.CONFIGURATION), "data")
        try:
            return Configuration.decode(data)
        except ValueError as error:
            raise LinkError(f"the chip's answer has no configuration: {error}") from error

    def provision(self, chip_id: bytes, configuration: Configuration) -> None:
        """Gives a raw chip its id of 16 bytes and its configuration; it makes its own key. `restart` it then."""
        if len(chip_id) != CHIP_ID_BYTES:
            raise LivetrapError(f"a chip id has {CHIP_ID_BYTES} bytes, not {len(chip_id)}")
        self._write(Command.PROVISION, {"chip": chip_id, "data": configuration.encode()})

    def raise_lifecycle(self, state: Lifecycle) -> None:
        """Moves the chip's life on to a later state, for ever."""
        self._write(Command.LIFECYCLE, {"state": int(state)})

    # Boots.

    def boot_state(self) -> BootState:
        """How the chip booted; recovery mode answers too."""
        return BootState.of(self._read(Command.BOOT))

    def restart(self, seconds: float, bootcount: int | None = None) -> BootState:
        """Has the chip boot anew, from recovery mode too, and waits until it answers.

        bootcount: before, if firmware runs; what still has it is before its reset, as is a chip that was provisioned
        and still says that it is not. Raises LinkTimeout after `seconds`.
        """
        self.exchange.request(Operation.WRITE, OS_GROUP, OsCommand.RESET, {})
        time.sleep(SETTLE_SECONDS)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                state = self.boot_state()
                if self._has_booted(state, bootcount):
                    return state
            except (LinkTimeout, LinkError):
                continue
            time.sleep(BUSY_PAUSE)
        raise LinkTimeout(f"port {self.exchange.transport.name}: the chip did not boot anew in {seconds:g} s")

    def _has_booted(self, state: BootState, bootcount: int | None) -> bool:
        if state.recovery:
            return state.lifecycle is Lifecycle.RAW or state.error is not BootError.NOT_PROVISIONED
        return bootcount is None or self.info().bootcount > bootcount

    def events(self) -> Iterator[Event]:
        """What the log holds beside statements, oldest first. Raises LinkError when there is no end of it."""
        for index in range(MAX_EVENTS):
            try:
                yield Event.of(self._read(Command.EVENT, {"index": index}))
            except ChipRefusal as refusal:
                if refusal.error is ChipError.NOT_FOUND:
                    return
                raise
        raise LinkError(f"the chip has more than {MAX_EVENTS} events")

    # The log's keepers.

    def receipt_state(self) -> ReceiptState:
        """Whether the accelerator is held, and which snapshot statement waits for its receipt."""
        return ReceiptState.of(self._read(Command.RECEIPT))

    def put_receipt(self, data: bytes) -> None:
        """Gives the chip a log server's receipt."""
        self._write(Command.RECEIPT, {"data": data})

    def truncate(self, approval: bytes) -> int:
        """Has the chip forget what a Verifier approved. Returns the seq of the truncate statement."""
        return integer(self._write(Command.TRUNCATE, {"data": approval}), "seq")

    # Firmware slots: SMP's image group.

    def images(self) -> list[ImageSlot]:
        """The images in the slots; slot 0 is the one that runs."""
        return ImageSlot.list_of(self.exchange.request(Operation.READ, IMAGE_GROUP, ImageCommand.STATE, {}))

    def upload(self, image: bytes, progress: Progress = no_progress) -> None:
        """Sends an image file into the slot that does not run, from where an earlier upload of it broke off.

        The chip says at which byte it is. Raises LinkError when it does not come to the end.
        """
        if not image:
            raise EvidenceError("an image of no bytes cannot be uploaded")
        digest, at, least = sha256(image).digest(), 0, 0
        stuck = 0
        while at < len(image):
            body: dict[str, object] = {"off": at, "data": image[at : at + CHUNK_BYTES]}
            if at == 0:
                body |= {"image": 0, "len": len(image), "sha": digest}
            answer = self._write_image(ImageCommand.UPLOAD, body)
            at = integer(answer, "off")
            stuck = 0 if at > least else stuck + 1
            if at > len(image) or stuck == UPLOAD_ATTEMPTS:
                raise LinkError(f"the chip is at byte {at} of an image of {len(image)}, and comes no further")
            least = max(at, least)
            progress(at, len(image))

    def mark_for_test(self, image_hash: bytes) -> list[ImageSlot]:
        """Has the image with this 32-byte hash tried at the next boot. Returns the slots as they are then."""
        body = {"hash": image_hash, "confirm": False}
        return ImageSlot.list_of(self._write_image(ImageCommand.STATE, body))

    def _write_image(self, command: ImageCommand, body: Mapping[str, object]) -> Mapping[str, object]:
        """A write to the image group, made anew while the chip is busy and time is left."""
        for last in self._waits(self.exchange.timeout):
            try:
                return self.exchange.request(Operation.WRITE, IMAGE_GROUP, command, body)
            except ChipRefusal as refusal:
                if (refusal.group, refusal.code) != (OS_GROUP, SmpError.BUSY) or last:
                    raise
        raise AssertionError("the last wait returns or raises")
