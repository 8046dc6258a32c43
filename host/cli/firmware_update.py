"""`livetrap firmware update`."""

from pathlib import Path

import rich_click as click

from host.errors import LivetrapError
from host.firmware import image as images
from host.firmware.update import Outcome, Updated
from host.firmware.update import update as update_firmware

from .info import show_boot
from .options import EXISTING_FILE, chip_options, json_option, open_device
from .output import complain, print_json, print_pairs, progress_bar

_FAILURES = {
    Outcome.ROLLED_BACK: "the chip went back to the firmware from before",
    Outcome.UNCONFIRMED: "the new firmware does not confirm itself: the next boot starts the one from before",
    Outcome.RECOVERY: "no firmware runs",
}


def failure(done: Updated) -> str:
    """One line on why the new firmware does not run for good."""
    reasons = [
        f"slot {name}: {error.explanation}"
        for name, error in (("A", done.boot.slot_a), ("B", done.boot.slot_b))
        if error
    ]
    return f"not updated: {_FAILURES[done.outcome]}" + "".join(f"; {reason}" for reason in reasons)


@click.command()
@click.argument("image", type=EXISTING_FILE)
@chip_options
@json_option
def update(image: Path, port: str | None, baud: int, timeout: float, as_json: bool) -> int:
    """Send the signed firmware IMAGE to a chip, boot it, and see that it runs.

    An upload that broke off is continued. The chip checks the signature, tries the image once, and goes back to the
    firmware from before unless the new one confirms itself. Exit code 1 when it did not.

    \b
    Examples:
      livetrap firmware update app.signed --port /dev/ttyUSB0
      livetrap firmware update app.signed --json
    """
    found = images.read(image)
    if found.signature is None:
        raise LivetrapError(f"{image}: not signed yet: livetrap firmware sign")
    with open_device(port, baud, timeout) as device, progress_bar() as progress:
        done = update_firmware(device, found.encode(), found.hash, found.measurement, progress)
    if as_json:
        print_json({**done.as_json(), "measurement": found.measurement.hex(), "version": str(found.version)})
    else:
        pairs = {"version": str(found.version), "measurement": found.measurement.hex(), "outcome": done.outcome.value}
        print_pairs({**pairs, **show_boot(done.boot)})
    if not done.succeeded:
        complain(failure(done))
        return 1
    return 0
