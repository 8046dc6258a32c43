"""`livetrap ports`."""

import rich_click as click
from rich.table import Table

from host.link.ports import serial_ports

from .options import json_option
from .output import notice, print_json, results


@click.command()
@json_option
def ports(as_json: bool) -> None:
    """List the serial ports of this machine.

    \b
    Examples:
      livetrap ports
      livetrap ports --json
    """
    found = serial_ports()
    if as_json:
        print_json({"ports": [vars(port) for port in found]})
        return
    if not found:
        notice("no serial ports; 'livetrap sim' starts an emulated chip")
    table = Table.grid(padding=(0, 2))
    for port in found:
        table.add_row(port.device, port.usb or "", port.description)
    if found:
        results.print(table)
