"""The firmware on the emulated chip: booting, staying in step, its speed on the link, traps, and its stack."""

import random
import struct
import subprocess
from itertools import pairwise

import cbor2
import pytest

from firmware import build as firmware_build
from formats.link import CHUNK_BYTES, OS_GROUP, Command, OsCommand
from sim.rtl.build import build as build_emulator
from tests.firmware.host_build import WRITE, frame, packet, response_body, unframe
from tests.firmware.riscv import stack_depths

CONFIG = "full"
BOOTED = 300_000
"""A cycle by which the boot statement is made and logged."""

IDENTITY = bytes(range(48))


def run(tmp_path, script: list[tuple[int, bytes]], cycles: int, rom: bytes | None = None) -> list[tuple[int, bytes]]:
    """Feeds the link of a fresh chip at the given cycles; returns what it sent, with cycles."""
    image = firmware_build.build(CONFIG)
    if rom is not None:
        image = tmp_path / "rom.bin"
        image.write_bytes(rom)
    (tmp_path / "script").write_text("".join(f"{cycle} {data.hex()}\n" for cycle, data in script))
    (tmp_path / "identity").write_bytes(IDENTITY)
    options = ["--provision", tmp_path / "identity", "--script", tmp_path / "script", "--cycles", str(cycles)]
    result = subprocess.run(
        [build_emulator(CONFIG), "--rom", image, *options], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 3, result.stderr
    rows = (line.split() for line in result.stdout.splitlines() if line[:1].isdigit())
    return [(int(cycle), bytes.fromhex(data)) for cycle, data in rows]


def sent_between(output: list[tuple[int, bytes]], first: int, last: int) -> bytes:
    return b"".join(data for cycle, data in output if first <= cycle < last)


def test_the_chip_boots_and_stays_in_step_with_a_garbled_link(tmp_path):
    generator = random.Random(6)
    info = packet(Command.INFO, sequence=1)
    echo = packet(OsCommand.ECHO, {"d": "still here"}, group=OS_GROUP, operation=WRITE, sequence=2)
    garbage = generator.randbytes(1500) + b"\n\x06\x09" + frame(echo)[2:30] + b"\x06\x09AAAA====\n\x04\x14AAAA\n\x06"
    script = [(1000, frame(info)), (BOOTED, garbage + frame(echo))]
    output = run(tmp_path, script, BOOTED + 200_000)
    early, late = (unframe(sent_between(output, *span)) for span in ((0, BOOTED), (BOOTED, 1 << 60)))
    body = response_body(info, early[0])
    assert body["firmware"] == firmware_build.measurement(CONFIG)
    assert (body["seq"], body["bootcount"], body["config"]) == (1, 1, CONFIG)
    assert [response_body(echo, answer) for answer in late] == [{"r": "still here"}]


def test_a_link_character_costs_few_cycles(tmp_path):
    """All included: framing, CRC, CBOR, ingest or the memory window, and the request or response that is short."""
    generator, count = random.Random(7), 4
    data = [generator.randbytes(CHUNK_BYTES) for _ in range(count)]
    writes, reads = [], []
    for number, chunk in enumerate(data):
        address = number * CHUNK_BYTES
        body = {"addr": address, "data": chunk, "id": number}
        writes.append(frame(packet(Command.MEMORY, body, operation=WRITE, sequence=number)))
        reads.append(frame(packet(Command.MEMORY, {"addr": address, "len": CHUNK_BYTES}, sequence=number)))
    times = [BOOTED, 2 * BOOTED, 3 * BOOTED]
    output = run(tmp_path, [(times[0], b"".join(writes)), (times[1], b"".join(reads))], times[2])
    answers = [unframe(sent_between(output, *span)) for span in pairwise(times)]
    assert [cbor2.loads(answer[8:])["records"] for answer in answers[0]] == [1, 2, 3, 4]
    assert [cbor2.loads(answer[8:])["data"] for answer in answers[1]] == data
    done = [max(cycle for cycle, _ in output if cycle < end) - start for start, end in pairwise(times)]
    assert done[0] / sum(map(len, writes)) < 42
    assert done[1] / len(sent_between(output, *times[1:])) < 31


def test_a_warm_reset_keeps_the_log(tmp_path):
    reset = frame(packet(OsCommand.RESET, {}, group=OS_GROUP, operation=WRITE))
    first = packet(Command.STATEMENT, {"seq": 0}, sequence=1)
    info = packet(Command.INFO, sequence=2)
    script = [(BOOTED, frame(first)), (BOOTED + 50_000, reset), (BOOTED + 500_000, frame(first) + frame(info))]
    output = run(tmp_path, script, BOOTED + 600_000)
    before, reset_answer, after, told = unframe(sent_between(output, 0, 1 << 60))
    assert cbor2.loads(reset_answer[8:]) == {}
    assert response_body(first, after) == response_body(first, before)
    body = response_body(info, told)
    assert (body["bootcount"], body["first"], body["seq"]) == (2, 0, 2)


ILLEGAL = struct.pack("<I", 0)
LOAD_MISALIGNED = struct.pack("<II", 0x100002B7, 0x0022A303)
"""lui t0, 0x10000; lw t1, 2(t0)"""
LOAD_FROM_NOWHERE = struct.pack("<III", 0xC00002B7, 0x0042A303, 0x0000006F)
"""lui t0, 0xc0000; lw t1, 4(t0); j ."""
STORE_TO_WEIGHTS = struct.pack("<III", 0x800002B7, 0x0052A023, 0x0000006F)
"""lui t0, 0x80000; sw t0, 0(t0); j ."""


@pytest.mark.parametrize(
    ("instructions", "report"),
    [
        (ILLEGAL, b"livetrap: trap mcause=00000002 mepc=00001000 mtval=00000000\n"),
        (LOAD_MISALIGNED, b"livetrap: trap mcause=00000004 mepc=00001004 mtval=10000002\n"),
        (LOAD_FROM_NOWHERE, b"livetrap: trap mcause=80000003 mepc=00001008 mtval=00000000\n"),
        (STORE_TO_WEIGHTS, b"livetrap: trap mcause=80000003 mepc=00001008 mtval=00000000\n"),
    ],
    ids=["illegal instruction", "misaligned load", "load from nowhere", "store to a read-only window"],
)
def test_a_trap_is_reported_and_resets_the_chip(tmp_path, instructions, report):
    image = firmware_build.build(CONFIG).read_bytes()
    offset = firmware_build.APPLICATION_OFFSET
    changed = image[:offset] + instructions + image[offset + len(instructions) :]
    output = run(tmp_path, [(1, b"\n")], 1_500_000, rom=changed)
    text = sent_between(output, 0, 1 << 60)
    assert text.count(report) >= 2, text
    assert text.replace(report, b"").strip() == b""


@pytest.mark.parametrize("program", ["app", "rom"])
def test_nothing_recurs_and_the_stack_is_deep_enough(program):
    elf = (firmware_build.build(CONFIG).parent / f"{program}.elf").read_bytes()
    depths = stack_depths(elf, indirect="command_")
    entry = {"app": "application_start", "rom": "rom_reset"}[program]
    assert 0 < depths[entry] <= firmware_build.STACK_BYTES // 2
