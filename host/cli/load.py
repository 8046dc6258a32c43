"""`livetrap load`."""

from pathlib import Path

import numpy as np
import rich_click as click

from formats.hashing import WORD_BYTES
from host.errors import EvidenceError, LivetrapError

from .options import EXISTING_FILE, as_number, chip_options, json_option, open_device, record_option
from .output import notice, print_json, progress_bar, results


def read_payload(path: Path) -> bytes:
    """The bytes of a file, or of the array in a .npy file in C order. Raises EvidenceError when it is neither."""
    if path.suffix != ".npy":
        return path.read_bytes()
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise EvidenceError(f"{path}: not a NumPy array of plain numbers") from error
    return np.ascontiguousarray(array).tobytes()


@click.command()
@click.argument("file", type=EXISTING_FILE)
@click.option(
    "--address",
    "-a",
    type=as_number,
    metavar="N",
    required=True,
    help="In accelerator memory; a multiple of 8.",
)
@record_option
@chip_options
@json_option
def load(
    file: Path, address: int, record: Path | None, port: str | None, baud: int, timeout: float, as_json: bool
) -> None:
    """Write a FILE of raw bytes, or a .npy array, to accelerator memory.

    Each KiB becomes one ingest record, which every later statement covers. Bytes are padded with zeros to a multiple
    of 8.

    \b
    Examples:
      livetrap load weights.npy --address 0 --record run.cborseq --port /dev/ttyUSB0
      livetrap load image.bin --address 0x1000
    """
    data = read_payload(file)
    if not data:
        raise EvidenceError(f"{file}: empty")
    padding = -len(data) % WORD_BYTES
    with open_device(port, baud, timeout, record) as device, progress_bar() as progress:
        memory = device.info().memory_bytes
        if address + len(data) > memory:
            raise LivetrapError(f"{len(data)} bytes at {address:#x} do not fit: the chip's memory has {memory}")
        records = device.write_memory(address, data + bytes(padding), lambda done, all: progress("load", done, all))
    if padding:
        notice(f"{file}: padded with {padding} zero bytes to a multiple of {WORD_BYTES}")
    written = len(data) + padding
    if as_json:
        print_json({"address": address, "bytes": written, "padding": padding, "records": records})
    else:
        results.print(f"{written} bytes written at {address:#x}; the chip has taken {records} records since its boot")
