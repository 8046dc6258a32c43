"""`livetrap info`."""

import rich_click as click

from .options import chip_options, json_option, open_device
from .output import print_json, print_pairs


@click.command()
@chip_options
@json_option
def info(port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """Show what a chip says of itself, and its counters.

    \b
    Examples:
      livetrap info --port /dev/ttyUSB0
      livetrap info --port tcp://127.0.0.1:4242 --json
      livetrap info --port sim
    """
    with open_device(port, baud, timeout) as device:
        said, counters, rate = device.info(), device.counters(), device.trigger_rate()
        certified = device.certificate() is not None
    rate_text = f"rate {rate} / 2**64 per tick" + (f", once in {2**64 / rate:.3g} ticks" if rate else ", never")
    if as_json:
        print_json({**said.as_json(), "certified": certified, "trigger_rate": rate, "counters": vars(counters)})
        return
    print_pairs(
        {
            "ueid": said.ueid.hex(),
            "public key": said.key.hex(),
            "certificate": "on the chip" if certified else "none yet",
            "firmware": f"{said.firmware.hex()}, security version {said.version}",
            "configuration": said.config,
            "memory": f"{said.memory_bytes} bytes: {said.pages} pages of {said.page_size}",
            "boot": said.bootcount,
            "log": f"statements {said.first} to {said.seq - 1}, room for {said.capacity}",
            "random trigger": rate_text,
            **{name.replace("_", " "): value for name, value in vars(counters).items()},
        }
    )
