"""`livetrap reset`."""

import rich_click as click

from .options import chip_options, json_option, open_device
from .output import complain, print_json, results


@click.command()
@chip_options
@json_option
def reset(port: str | None, baud: int, timeout: float, as_json: bool) -> int:
    """Have the chip boot anew: accelerator memory is cleared, the log and the statements' count go on.

    Exit code 1 when no firmware runs then.

    \b
    Example:
      livetrap reset --port /dev/ttyUSB0
    """
    with open_device(port, baud, timeout) as device:
        state = device.boot_state()
        state = device.restart(timeout, None if state.recovery else device.info().bootcount)
        if state.recovery:
            complain(f"the chip is in recovery mode: {state.error.explanation}")
            if as_json:
                print_json({"boot": state.as_json()})
            return 1
        said = device.info()
    if as_json:
        print_json({"bootcount": said.bootcount, "seq": said.seq})
    else:
        results.print(f"boot {said.bootcount}; the next statement is {said.seq}")
    return 0
