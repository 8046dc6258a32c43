"""`livetrap trigger`."""

from pathlib import Path

import rich_click as click

from .options import as_number, chip_options, json_option, open_device, record_option
from .output import print_json, results


@click.command()
@click.option("--rate", type=as_number, metavar="N", help="Fire with probability N / 2**64 at each tick.")
@click.option("--every", type=as_number, metavar="N", help="Fire once in N ticks (of 64 cycles), on average.")
@record_option
@chip_options
@json_option
def trigger(
    rate: int | None,
    every: int | None,
    record: Path | None,
    port: str | None,
    baud: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Show or set the rate of the random trigger.

    The rate enters the chip as an ingest record, so statements cover it too.

    \b
    Examples:
      livetrap trigger --port /dev/ttyUSB0
      livetrap trigger --every 1000000 --record run.cborseq
    """
    if rate is not None and every is not None:
        raise click.UsageError("give --rate or --every, not both")
    if every is not None:
        if every == 0:
            raise click.UsageError("--every needs at least 1 tick")
        rate = min((1 << 64) // every, (1 << 64) - 1)
    with open_device(port, baud, timeout, record) as device:
        records = None if rate is None else device.set_trigger_rate(rate)
        rate = device.trigger_rate()
    mean = 2**64 / rate if rate else None
    if as_json:
        print_json({"rate": rate, "mean_ticks": mean, "records": records})
    else:
        in_force = f"once in {mean:.6g} ticks on average" if mean else "never"
        results.print(f"rate {rate} / 2**64 per tick: {in_force}")
