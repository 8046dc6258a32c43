"""`livetrap events`."""

import rich_click as click

from .options import chip_options, json_option, open_device
from .output import notice, print_columns, print_json


@click.command()
@chip_options
@json_option
def events(port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """List what the chip noted in its log beside statements: what could not be signed when it happened.

    \b
    Example:
      livetrap events --port /dev/ttyUSB0
    """
    with open_device(port, baud, timeout) as device:
        found = list(device.events())
    if as_json:
        print_json({"events": [{**event.as_json(), "digest": event.digest.hex()} for event in found]})
        return
    if not found:
        notice("the chip has noted no events")
        return
    rows = [("boot", "tick", "event", "")]
    rows += [(str(each.boot), str(each.ticks), each.event.name.lower(), each.explanation) for each in found]
    print_columns(rows, right=(0, 1))
