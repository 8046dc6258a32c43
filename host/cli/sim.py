"""`livetrap sim`."""

import sys
from pathlib import Path
from typing import Any

import rich_click as click

from formats.configuration import LogMode
from host import enrol
from host.device import Device
from host.evidence import keys
from host.evidence.hash_keys import read_hss_public
from host.link.emulated_port import start_chip

from .options import EXISTING_FILE, FILE, as_number
from .output import notice, print_json, results

INTERRUPTED = 130
LOOK_SECONDS = 0.5
"""Between looks at whether the emulator still runs."""


@click.command()
@click.option("--config", default="full", show_default=True, help="A chip configuration: full, tiny or test.")
@click.option(
    "--seed",
    type=as_number,
    metavar="N",
    default=0,
    show_default=True,
    help="Of a new chip's identity, and of the noise.",
)
@click.option("--flash", type=FILE, help="Keep what the chip keeps without power here, and its fuses in FILE.otp.")
@click.option("--raw", is_flag=True, help="A new chip is as it leaves the fab: 'livetrap provision' comes next.")
@click.option(
    "--verifier-key", type=EXISTING_FILE, help="Of a new chip: the HSS public key of approvals and receipts."
)
@click.option(
    "--log-mode",
    type=click.Choice([mode.name.lower() for mode in LogMode]),
    default="flash",
    show_default=True,
    help="Of a new chip: whether it is held after each snapshot until a log server's receipt is there.",
)
@click.option("--pty", "link", flag_value="pty", default=True, help="Link on a pseudo-terminal (the default).")
@click.option("--tcp", "link", flag_value="tcp", help="Link on a TCP port of this machine.")
@click.option("--trace", type=FILE, help="Write a waveform: .vcd, or .fst where the lz4 headers are installed.")
@click.option("--cycles", type=as_number, metavar="N", help="Stop after so many clock cycles.")
@click.option("--maker-key", type=EXISTING_FILE, help="Certify the chip with this private key before it is offered.")
@click.option("--json", "as_json", is_flag=True, help="Say where the chip is in one JSON object.")
def sim(
    config: str,
    seed: int,
    flash: Path | None,
    raw: bool,
    verifier_key: Path | None,
    log_mode: str,
    link: str,
    trace: Path | None,
    cycles: int | None,
    maker_key: Path | None,
    as_json: bool,
) -> int:
    """Start an emulated chip: the real RTL, with the real firmware on it. Ctrl-C cuts its power.

    The same seed gives the same chip; its key is derived from the seed, so it is for development alone. With --flash
    the chip lives on in a file: it is made if there is none, and otherwise started again with all that it knows.

    \b
    Examples:
      livetrap sim
      livetrap sim --flash chip7 --seed 7
      livetrap sim --flash fresh --raw
      livetrap sim --flash chip8 --log-mode server --verifier-key verifier.pub
      livetrap sim --tcp --seed 7 --maker-key maker
      livetrap sim --config test --trace wave.vcd --cycles 2000000
    """
    seed_of_maker = keys.read_private(maker_key) if maker_key else None
    # On a terminal the emulator itself shows how fast it runs, and what it ran when it stops.
    status = sys.stderr.isatty()
    options: dict[str, Any] = {"flash": flash, "raw": raw, "trace": trace, "cycle_limit": cycles, "status": status}
    if verifier_key is not None:
        options |= {"verifier_key": read_hss_public(verifier_key), "log_mode": LogMode[log_mode.upper()]}
    elif log_mode != "flash":
        raise click.UsageError("a log server needs the key that its receipts are checked with: give --verifier-key")
    with start_chip(config=config, seed=seed, link=link, **options) as chip:
        try:
            if seed_of_maker is not None:
                with Device.open(chip.port) as device:
                    if device.certificate() is None:
                        enrol.certify(device, seed_of_maker)
            if as_json:
                print_json({"port": chip.port, "config": config, "seed": seed})
            else:
                results.print(f"a chip of configuration {config} is at {chip.port}; Ctrl-C stops it")
                results.print(f"[dim]try: livetrap info --port {chip.port}[/dim]")
            _wait(chip)
            code = 0
        except KeyboardInterrupt:
            code = INTERRUPTED
        ran = _ran(chip)
        if not status:
            notice(ran)
    return code


def _wait(chip: Any) -> None:
    while True:
        try:
            chip.wait(LOOK_SECONDS)
            return
        except TimeoutError:
            continue


def _ran(chip: Any) -> str:
    run = chip.stop()
    return f"{run.cycles} cycles in {run.seconds:.1f} s, {run.mhz:.2f} MHz, stopped by {run.reason}"
