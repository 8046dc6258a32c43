"""`livetrap lifecycle`."""

import sys

import rich_click as click

from formats.otp import Lifecycle
from host.errors import LivetrapError

from .options import chip_options, json_option, open_device
from .output import print_json, results

LATER = [state.name.lower() for state in Lifecycle if state > Lifecycle.DEVELOPMENT]


@click.command()
@click.argument("state", type=click.Choice(LATER))
@click.option("--yes", is_flag=True, help="Do not ask; needed when nobody is at a terminal.")
@chip_options
@json_option
def lifecycle(state: str, yes: bool, port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """Move the chip's life on to STATE, for ever: production or retired.

    The fuses cannot be undone. A retired chip takes no more work, but still shows its evidence.

    \b
    Examples:
      livetrap lifecycle production --port /dev/ttyUSB0
      livetrap lifecycle retired --yes
    """
    target = Lifecycle[state.upper()]
    with open_device(port, baud, timeout) as device:
        before = device.boot_state().lifecycle
        if target <= before:
            raise LivetrapError(f"this is a {before.name.lower()} chip: its life does not go back, nor stay")
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("this cannot be undone: confirm it with --yes")
            click.confirm(
                f"This {before.name.lower()} chip becomes a {state} chip for ever. Go on?", abort=True, err=True
            )
        device.raise_lifecycle(target)
        after = device.boot_state().lifecycle
    if as_json:
        print_json({"before": before.name.lower(), "lifecycle": after.name.lower()})
    else:
        results.print(f"the chip is a {after.name.lower()} chip now")
