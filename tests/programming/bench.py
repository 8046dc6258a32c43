"""A made-up machine with stand-in programmers on its search path, and builds to write with them."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from boards import BOARDS
from boards.board import UsbId
from boards.flow.family import Family
from formats.flash import SLOT_BYTES
from host.programming.machine import Machine
from host.programming.usb import DEVICES

from .bitstreams import BUILD_ID, PREAMBLE, ecp5, ice40

HERE = Path(__file__).parent
STAND_INS = {"openFPGALoader": "stand_in_openfpgaloader.py", "dfu-util": "stand_in_dfu_util.py"}
DEVICES_OF = {"ulx3s-85f": "LFE5U-85F", "icebreaker": "5k", "ice40-hx8k": "8k"}
DFU = bytes.fromhex("09 04 000000fe0102 03") + bytes.fromhex("09 21 0d 1027 0010 0101")
"""An interface descriptor, and OrangeCrab's DFU functional descriptor: upload unsupported."""


def bitstream(board: str) -> bytes:
    """One for the board's part."""
    if BOARDS[board].family is Family.ICE40:
        return ice40(DEVICES_OF[board])
    return ecp5(DEVICES_OF.get(board, "LFE5U-25F"))


def write_build(
    folder: Path, board: str, data: bytes, images: list[tuple[str, int, bytes]], **changes: object
) -> Path:
    """A build's folder. images: what, offset and content. changes: of the manifest's fields."""
    folder.mkdir(parents=True, exist_ok=True)

    def file(name: str, offset: int, content: bytes) -> dict[str, object]:
        (folder / name).write_bytes(content)
        return {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "offset": offset}

    about = BOARDS[board]
    fields: dict[str, object] = {
        "board": board,
        "part": about.part,
        "build_id": BUILD_ID,
        "bitstream": file("chip.bit", about.bitstream_offset, data),
        "images": [
            {**file(f"image{index}.bin", offset, content), "what": what}
            for index, (what, offset, content) in enumerate(images)
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(fields | changes))
    return folder


def slot(fill: int = 0x5A) -> bytes:
    """A whole firmware slot."""
    return bytes([fill]) * SLOT_BYTES


def failed(result: tuple[int, str, str], *words: str, code: int = 2) -> str:
    """The exit code, and one line on standard error that has all the words; returns it."""
    assert result[0] == code, result
    assert result[2].startswith("livetrap: ") and result[2].count("\n") == 1, result[2]
    for each in words:
        assert each in result[2], (each, result[2])
    return result[2]


@dataclass
class Bench:
    """folder: everything lies in it. denied: what the user may not open. modules: Python modules that are there."""

    folder: Path
    denied: set[str] = field(default_factory=set)
    modules: Callable[[str], bool] = lambda name: True
    packaged: Callable[[str], Path | None] = lambda name: None
    is_root: bool = False
    library_path: str = ""

    def __post_init__(self) -> None:
        for path in (self.programs, self.state, self.root):
            path.mkdir()
        for program in STAND_INS:
            self.install(program)

    @property
    def programs(self) -> Path:
        """The only folder on the search path."""
        return self.folder / "programs"

    @property
    def state(self) -> Path:
        """Of the stand-ins (stand_in.py)."""
        return self.folder / "state"

    @property
    def root(self) -> Path:
        """Of the file system."""
        return self.folder / "root"

    def install(self, program: str) -> None:
        """Puts a stand-in onto the search path."""
        path = self.programs / program
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / STAND_INS[program]}" "{self.state}" "$@"\n')
        path.chmod(0o755)

    def remove(self, program: str) -> None:
        """Takes it away."""
        (self.programs / program).unlink()

    def machine(self) -> Machine:
        """As the code under test sees it."""
        return Machine(
            root=self.root,
            search_path=str(self.programs),
            library_path=self.library_path,
            may_use=lambda path: f"/{path.relative_to(self.root)}" not in self.denied,
            is_root=self.is_root,
            has_module=self.modules,
            packaged=self.packaged,
        )

    def play(self, scenario: str) -> None:
        """What the stand-ins do from now on."""
        (self.state / "scenario").write_text(scenario)

    def calls(self) -> list[list[str]]:
        """The arguments of each run of a stand-in."""
        path = self.state / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def flash(self, offset: int, size: int) -> bytes:
        """What lies in the board's flash."""
        with (self.state / "flash").open("rb") as flash:
            flash.seek(offset)
            return flash.read(size)

    def as_flashed(self) -> bytes:
        """The built bitstream as it lies in an ECP5's flash: without its comments."""
        data = (self.folder / "build" / "chip.bit").read_bytes()
        return data[data.index(PREAMBLE) :]

    def build(self, board: str, images: list[tuple[str, int, bytes]] | None = None, **changes: object) -> Path:
        """A good build, with a firmware image in slot A unless others are given."""
        default = [("firmware image", BOARDS[board].flash_offset, slot())]
        return write_build(
            self.folder / "build", board, bitstream(board), default if images is None else images, **changes
        )

    def attach(
        self, usb: UsbId, *ports: str, name: str = "1-2", product: str = "", descriptors: bytes = b"", number: int = 4
    ) -> Path:
        """Puts a USB device into sysfs and /dev; each port at an interface of its own. Returns its sysfs folder."""
        devices = self.root / DEVICES.lstrip("/")
        device = devices / name
        device.mkdir(parents=True)
        texts = {
            "busnum": "1",
            "devnum": str(number),
            "idVendor": f"{usb.vendor:04x}",
            "idProduct": f"{usb.product:04x}",
        }
        for key, text in (texts | ({"product": product} if product else {})).items():
            (device / key).write_text(text + "\n")
        (device / "descriptors").write_bytes(
            bytes(18) if not descriptors else bytes([18, 1]) + bytes(16) + descriptors
        )
        node = self.root / "dev/bus/usb/001" / f"{number:03}"
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
        for interface, port in enumerate(ports):
            place = devices / f"{name}:1.{interface}" / (f"tty/{port}" if port.startswith("ttyACM") else port)
            place.mkdir(parents=True)
        return device

    def attach_bootloader(self, bits: int = 0x0D) -> Path:
        """OrangeCrab's, with these bmAttributes; the stand-in knows where it is."""
        board = BOARDS["orangecrab"]
        descriptors = DFU[:11] + bytes([bits]) + DFU[12:]
        device = self.attach(board.programmer.usb, product="OrangeCrab r0.2 DFU Bootloader", descriptors=descriptors)
        (self.state / "sysfs").write_text(str(device))
        return device

    def connect(self, port: str, terminal: str) -> None:
        """Lets a serial port be a terminal of ours."""
        link = self.root / "dev" / port
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(terminal)

    def environment(self) -> dict[str, str]:
        """Of a process of its own, which finds the stand-ins first."""
        return {**os.environ, "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
