"""`livetrap relay`."""

import time
from collections.abc import Iterator

import rich_click as click

from host.device import Device
from host.errors import LinkError, LinkTimeout, PortError
from host.logserver.client import LogServerClient
from host.logserver.relay import PATIENCE, Relay

from .options import chip_options, json_option, open_device
from .output import notice, print_json, results

LOOK_SECONDS = 0.2
"""Between looks at whether the chip has a new snapshot."""


@click.command()
@click.option("--server", metavar="URL", required=True, help="The log server: http://HOST:PORT.")
@click.option("--once", is_flag=True, help="Stop when every snapshot that is stated has its receipt.")
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=PATIENCE,
    show_default=True,
    metavar="SECONDS",
    help="How long server or chip may be out of reach before the relay gives up.",
)
@chip_options
@json_option
def relay(
    server: str, once: bool, patience: float, port: str | None, baud: int, timeout: float, as_json: bool
) -> None:
    """Take a chip's statements to a log server, and its receipts to the chip, until Ctrl-C.

    A chip whose log mode is `server` is held after each snapshot until its receipt is there. Server and link may come
    and go; nothing is skipped. `livetrap train --log-server` relays by itself.

    \b
    Examples:
      livetrap relay --server http://127.0.0.1:8440 --port /dev/ttyUSB0
      livetrap relay --server https://log.example --once --json
    """
    client = LogServerClient(server)
    receipts = 0
    lost_since: float | None = None
    met = False
    while True:
        try:
            with open_device(port, baud, timeout) as device:
                met = True
                for given in _relayed(device, client, patience, once):
                    lost_since = None
                    receipts += given
                    if given and not as_json:
                        results.print(f"{receipts} receipts given")
            break
        except (PortError, LinkTimeout, LinkError) as error:
            now = time.monotonic()
            if not met:
                raise
            if lost_since is None:
                lost_since = now
                notice(f"{error}; trying again")
            if now - lost_since >= patience:
                raise
            time.sleep(1.0)
    if as_json:
        print_json({"receipts": receipts})


def _relayed(device: Device, client: LogServerClient, patience: float, once: bool) -> Iterator[int]:
    """How many receipts each look gave."""
    relay = Relay(device, client, patience)
    if once:
        yield relay.finish(patience)
        return
    while True:
        yield relay.step()
        time.sleep(LOOK_SECONDS)
