"""`livetrap reset`."""

import rich_click as click

from .options import chip_options, json_option, open_device
from .output import print_json, results


@click.command()
@chip_options
@json_option
def reset(port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """Have the chip boot anew: accelerator memory is cleared, the log and the statements' count go on.

    \b
    Example:
      livetrap reset --port /dev/ttyUSB0
    """
    with open_device(port, baud, timeout) as device:
        said = device.reset()
    if as_json:
        print_json({"bootcount": said.bootcount, "seq": said.seq})
    else:
        results.print(f"boot {said.bootcount}; the next statement is {said.seq}")
