"""The firmware on the emulated chip: booting, staying in step, its speed on the link, and traps."""

import random
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import cbor2
import pytest

from firmware import build as firmware_build
from formats.link import CHUNK_BYTES, OS_GROUP, Command, OsCommand
from host import hss
from host.firmware import image
from sim.rtl.build import build as build_emulator
from sim.rtl.chip_files import make_provisioned, otp_path
from sim.rtl.firmware import Firmware, firmware
from sim.rtl.identity import development_identity
from tests.firmware.host_build import WRITE, frame, packet, response_body, unframe

CONFIG = "full"
BOOTED = 2_300_000
"""A cycle by which a chip with an empty log has booted, and its boot statement is in the log."""

REBOOTED = 2_900_000
"""The same from a later reset or power-on on, with a few statements in the log."""

FIRST_STATEMENT = 1_700_000
"""A cycle by which ROM has made the boot statement: the application's first instruction comes next."""

SOON = 300_000
"""Cycles in which what a test asks for is answered."""


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    """The flash of a chip with the firmware that was built, before its first boot."""
    path = tmp_path / "flash"
    make_provisioned(path, CONFIG, development_identity(0), firmware(CONFIG))
    return path


def run(
    flash: Path, script: list[tuple[int, bytes]], cycles: int, rom: Path | None = None
) -> list[tuple[int, bytes]]:
    """A power-on: feeds the link at the given cycles; returns what the chip sent, with cycles."""
    lines = flash.with_name("script")
    lines.write_text("".join(f"{cycle} {data.hex()}\n" for cycle, data in script))
    used = rom or firmware(CONFIG).rom
    command = [build_emulator(CONFIG), "--rom", used, "--flash", flash, "--otp", otp_path(flash)]
    command += ["--script", lines, "--cycles", str(cycles)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 3, result.stderr
    rows = (line.split() for line in result.stdout.splitlines() if line[:1].isdigit())
    return [(int(cycle), bytes.fromhex(data)) for cycle, data in rows]


def sent_between(output: list[tuple[int, bytes]], first: int, last: int) -> bytes:
    return b"".join(data for cycle, data in output if first <= cycle < last)


def test_the_chip_boots_and_stays_in_step_with_a_garbled_link(flash):
    generator = random.Random(6)
    info = packet(Command.INFO, sequence=1)
    echo = packet(OsCommand.ECHO, {"d": "still here"}, group=OS_GROUP, operation=WRITE, sequence=2)
    garbage = generator.randbytes(1500) + b"\n\x06\x09" + frame(echo)[2:30] + b"\x06\x09AAAA====\n\x04\x14AAAA\n\x06"
    script = [(1000, frame(info)), (BOOTED, garbage + frame(echo))]
    output = run(flash, script, BOOTED + SOON)
    early, late = (unframe(sent_between(output, *span)) for span in ((0, BOOTED), (BOOTED, 1 << 60)))
    body = response_body(info, early[0])
    assert body["firmware"] == firmware_build.measurement(CONFIG)
    assert (body["seq"], body["bootcount"], body["config"]) == (1, 1, CONFIG)
    assert [response_body(echo, answer) for answer in late] == [{"r": "still here"}]


def test_a_link_character_costs_few_cycles(flash):
    """All included: framing, CRC, CBOR, ingest or the memory window, and the request or response that is short."""
    generator, count = random.Random(7), 4
    data = [generator.randbytes(CHUNK_BYTES) for _ in range(count)]
    writes, reads = [], []
    for number, chunk in enumerate(data):
        address = number * CHUNK_BYTES
        body = {"addr": address, "data": chunk, "id": number}
        writes.append(frame(packet(Command.MEMORY, body, operation=WRITE, sequence=number)))
        reads.append(frame(packet(Command.MEMORY, {"addr": address, "len": CHUNK_BYTES}, sequence=number)))
    times = [BOOTED, BOOTED + SOON, BOOTED + 2 * SOON]
    output = run(flash, [(times[0], b"".join(writes)), (times[1], b"".join(reads))], times[2])
    answers = [unframe(sent_between(output, *span)) for span in pairwise(times)]
    assert [cbor2.loads(answer[8:])["records"] for answer in answers[0]] == [1, 2, 3, 4]
    assert [cbor2.loads(answer[8:])["data"] for answer in answers[1]] == data
    done = [max(cycle for cycle, _ in output if cycle < end) - start for start, end in pairwise(times)]
    assert done[0] / sum(map(len, writes)) < 46
    assert done[1] / len(sent_between(output, *times[1:])) < 33


def test_log_and_counters_go_on_over_a_warm_reset_and_a_power_cycle(flash):
    reset = frame(packet(OsCommand.RESET, {}, group=OS_GROUP, operation=WRITE))
    first = packet(Command.STATEMENT, {"seq": 0}, sequence=1)
    info = packet(Command.INFO, sequence=2)
    asked = frame(first) + frame(info)
    script = [(BOOTED, frame(first)), (BOOTED + 50_000, reset), (BOOTED + REBOOTED, asked)]
    output = run(flash, script, BOOTED + REBOOTED + SOON)
    before, reset_answer, after, told = unframe(sent_between(output, 0, 1 << 60))
    assert cbor2.loads(reset_answer[8:]) == {}
    assert response_body(first, after) == response_body(first, before)
    body = response_body(info, told)
    assert (body["bootcount"], body["first"], body["seq"]) == (2, 0, 2)

    again, told = unframe(sent_between(run(flash, [(REBOOTED, asked)], REBOOTED + SOON), 0, 1 << 60))
    assert response_body(first, again) == response_body(first, before)
    body = response_body(info, told)
    assert (body["bootcount"], body["first"], body["seq"]) == (3, 0, 3)


ILLEGAL = struct.pack("<I", 0)
LOAD_MISALIGNED = struct.pack("<II", 0x100002B7, 0x0022A303)
"""lui t0, 0x10000; lw t1, 2(t0)"""
LOAD_FROM_NOWHERE = struct.pack("<III", 0xD00002B7, 0x0042A303, 0x0000006F)
"""lui t0, 0xd0000; lw t1, 4(t0); j ."""
STORE_TO_WEIGHTS = struct.pack("<III", 0x800002B7, 0x0052A023, 0x0000006F)
"""lui t0, 0x80000; sw t0, 0(t0); j ."""


@pytest.mark.parametrize(
    ("instructions", "report"),
    [
        (ILLEGAL, b"livetrap: trap mcause=00000002 mepc=10000000 mtval=00000000\n"),
        (LOAD_MISALIGNED, b"livetrap: trap mcause=00000004 mepc=10000004 mtval=10000002\n"),
        (LOAD_FROM_NOWHERE, b"livetrap: trap mcause=80000003 mepc=10000008 mtval=00000000\n"),
        (STORE_TO_WEIGHTS, b"livetrap: trap mcause=80000003 mepc=10000008 mtval=00000000\n"),
    ],
    ids=["illegal instruction", "misaligned load", "load from nowhere", "store to a read-only window"],
)
def test_a_trap_is_reported_and_resets_the_chip(tmp_path, instructions, report):
    """An image that the chip's firmware key has signed, and that traps at once: a new boot, and the same again."""
    directory = firmware(CONFIG).rom.parent
    body = (directory / "app.bin").read_bytes()
    changed = firmware_build.package(instructions + body[len(instructions) :], directory)
    hss.save(tmp_path / "key", hss.generate(1, 5))
    with hss.open_key(tmp_path / "key") as key:
        trapping = Firmware(Path(), image.sign(changed, key.sign), key.public_key)
    make_provisioned(tmp_path / "flash", CONFIG, development_identity(0), trapping)
    output = run(tmp_path / "flash", [(1, b"\n")], 2 * BOOTED)
    text = sent_between(output, 0, 1 << 60)
    assert text.count(report) >= 2, text
    assert text.replace(report, b"").strip() == b""
    assert output[0][0] < FIRST_STATEMENT


def test_nothing_in_sram_runs_before_the_measurement_is_locked(flash, tmp_path):
    """A ROM that jumps to SRAM at once, as a fault could make it: it traps there, again and again."""
    rom = bytearray(firmware(CONFIG).rom.read_bytes())
    store_and_jump = (0x100002B7, 0x00008337, 0x06730313, 0x0062A023, 0x00028067)
    """lui t0, 0x10000; lui t1, 0x8; addi t1, t1, 0x67 (jr ra); sw t1, 0(t0); jr t0"""
    start = rom.index(b"\x73\x90\x52\x30") + 4
    """Behind the reset code's `csrw mtvec, t0`."""
    rom[start : start + 20] = struct.pack("<5I", *store_and_jump)
    changed = tmp_path / "rom"
    changed.write_bytes(rom)
    text = sent_between(run(flash, [(1, b"\n")], 5 * SOON, changed), 0, 1 << 60)
    report = b"livetrap: trap mcause=00000002 mepc=10000000 mtval=00000000\n"
    assert text.count(report) >= 2, text
    assert text.replace(report, b"").strip() == b""
