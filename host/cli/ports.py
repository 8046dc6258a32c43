"""`livetrap ports`."""

import rich_click as click

from host.link.ports import serial_ports

from .options import json_option
from .output import notice, print_columns, print_json


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
    print_columns([(port.device, port.usb or "", port.description) for port in found])
