"""`livetrap firmware`: images for chips."""

import rich_click as click

from .firmware_info import info
from .firmware_sign import sign
from .firmware_update import update


@click.group()
def firmware() -> None:
    """Sign firmware, look into images, and update chips."""


for command in (sign, info, update):
    firmware.add_command(command)
