"""Every command on the modelled chip: what it does, and what it refuses without a trace."""

import random

import cbor2
import pytest

from formats.link import (
    CERTIFICATE_BYTES,
    CHUNK_BYTES,
    OS_GROUP,
    PACKET_BYTES,
    ChipError,
    Command,
    OsCommand,
    SmpError,
)
from tests.firmware.host_build import CONFIG, READ, WRITE, error, frame, packet

NONCE = bytes(range(32))
SIZE = CONFIG.weight_bytes


def test_info_tells_who_the_chip_is(chip):
    info = chip.read(Command.INFO)
    assert info == {
        "ueid": b"\x01" + bytes(range(0xA0, 0xB0)),
        "key": bytes(range(0x40, 0x60)),
        "firmware": bytes([0xD1, 0xD2, 0xD3]).ljust(32, b"\0"),
        "version": 7,
        "config": CONFIG.name,
        "pages": CONFIG.pages,
        "page_size": CONFIG.page_bytes,
        "map": info["map"],
        "bootcount": 1,
        "seq": 1,
        "first": 0,
        "capacity": 91,
    }


def test_counters_show_the_registers_in_full(chip):
    chip.set(macs=0x123456789ABCDEF0)
    counters = chip.read(Command.COUNTERS)
    assert counters.pop("ticks") > 0
    assert counters == {
        "macs": 0x123456789ABCDEF0,
        "steps": 70000,
        "descriptors": 300,
        "records": 0,
        "captures": 0,
        "stalls": 0,
        "capture_cycles": 2000,
        "sign_cycles": 5000,
    }


def test_memory_is_written_by_one_record_and_read_back(chip):
    data = bytes(range(256)) * 4
    assert chip.write(Command.MEMORY, {"addr": 0, "data": data}) == {"records": 1}
    last = CONFIG.weight_bytes - 8
    assert chip.write(Command.MEMORY, {"addr": last, "data": b"the end."}) == {"records": 2}
    assert chip.weights() == data + bytes(last - 1024) + b"the end."
    assert chip.read(Command.MEMORY, {"addr": 0, "len": 1024}) == {"addr": 0, "data": data}
    end = {"addr": last - 8, "data": bytes(8) + b"the end."}
    assert chip.read(Command.MEMORY, {"addr": last - 8, "len": 16}) == end
    assert chip.read(Command.MEMORY, {"addr": 2048, "len": 1024}) == {"addr": 2048, "zeros": 1024}
    assert chip.state()["records"] == 2


def test_data_arrive_whatever_their_place_in_the_packet(chip):
    for shift in range(5):
        body = {"x" * shift: 0, "addr": 8 * shift, "data": b"abcdefgh"}
        assert "records" in chip.request(Command.MEMORY, body, operation=WRITE)
    assert chip.weights(0, 40) == b"abcdefgh" * 5


def test_chunks_are_read_whole_wherever_they_are(chip):
    contents = random.Random(4).randbytes(SIZE)
    for address in range(0, SIZE, CHUNK_BYTES):
        chip.write(Command.MEMORY, {"addr": address, "data": contents[address : address + CHUNK_BYTES]})
    seq = chip.write(Command.SNAPSHOT, {})["seq"]
    for address, size in ((0, 8), (16, 16), (24, 24), (248, 1024), (256, 1024), (4096, 200), (SIZE - 1024, 1024)):
        expected = contents[address : address + size]
        assert chip.read(Command.MEMORY, {"addr": address, "len": size}) == {"addr": address, "data": expected}
        answer = chip.read(Command.PAGE, {"seq": seq, "off": address, "len": size})
        assert answer == {"off": address, "data": expected}


def test_one_bit_is_not_zeros(chip):
    for at in (0, 511, 1023):
        data = bytearray(1024)
        data[at] = 0x80
        chip.write(Command.MEMORY, {"addr": 1024, "data": bytes(data)})
        assert chip.read(Command.MEMORY, {"addr": 1024, "len": 1024})["data"] == data


def test_the_trigger_rate_is_a_record(chip):
    for number, rate in enumerate((0, 1, 1 << 40, (1 << 64) - 1), start=1):
        assert chip.write(Command.TRIGGER, {"rate": rate}) == {"records": number}
        assert chip.read(Command.TRIGGER) == {"rate": rate}


@pytest.mark.parametrize("size", [1, 32, CERTIFICATE_BYTES])
def test_the_certificate_is_set_once_and_outlives_a_warm_reset(chip, size):
    assert chip.read(Command.CERTIFICATE) == error(ChipError.NOT_FOUND)
    certificate = bytes(index & 0xFF for index in range(size))
    assert chip.write(Command.CERTIFICATE, {"data": certificate}) == {}
    assert chip.read(Command.CERTIFICATE) == {"data": certificate}
    assert chip.write(Command.CERTIFICATE, {"data": b"another"}) == error(ChipError.ALREADY_SET)
    chip.warm_reset()
    assert chip.read(Command.CERTIFICATE) == {"data": certificate}
    chip.boot()
    assert chip.read(Command.CERTIFICATE) == error(ChipError.NOT_FOUND)


def test_statements_are_read_by_seq(chip):
    assert chip.write(Command.ATTEST, {"nonce": NONCE}) == {"seq": 1}
    assert chip.statement(0) != chip.statement(1)
    for seq in (2, 100, (1 << 64) - 1):
        assert chip.read(Command.STATEMENT, {"seq": seq}) == error(ChipError.NOT_FOUND)


BAD_RANGES = [
    (0, CHUNK_BYTES + 8, ChipError.TOO_LARGE),
    (0, (1 << 64) - 8, ChipError.TOO_LARGE),
    (4, 8, ChipError.MISALIGNED),
    (0, 12, ChipError.MISALIGNED),
    ((1 << 64) - 1, 8, ChipError.MISALIGNED),
    (0, 0, ChipError.OUT_OF_RANGE),
    (SIZE, 8, ChipError.OUT_OF_RANGE),
    (SIZE - 8, 16, ChipError.OUT_OF_RANGE),
    (SIZE, 0, ChipError.OUT_OF_RANGE),
    (1 << 32, 8, ChipError.OUT_OF_RANGE),
    ((1 << 64) - 8, 16, ChipError.OUT_OF_RANGE),
]


@pytest.mark.parametrize(("first", "size", "code"), BAD_RANGES)
def test_bad_ranges_are_refused(chip, first, size, code):
    seq = chip.write(Command.SNAPSHOT, {})["seq"]
    before = chip.lasting_state()
    assert chip.read(Command.MEMORY, {"addr": first, "len": size}) == error(code)
    assert chip.read(Command.PAGE, {"seq": seq, "off": first, "len": size}) == error(code)
    if size <= CHUNK_BYTES + 8:
        assert chip.write(Command.MEMORY, {"addr": first, "data": bytes(size)}) == error(code)
    assert chip.lasting_state() == before


def test_too_much_for_one_request_is_refused(chip):
    before = chip.lasting_state()
    assert chip.write(Command.CERTIFICATE, {"data": bytes(CERTIFICATE_BYTES + 1)}) == error(ChipError.TOO_LARGE)
    assert chip.write(Command.CERTIFICATE, {"data": b""}) == error(ChipError.MALFORMED)
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(1904)}) == error(ChipError.TOO_LARGE)
    assert chip.lasting_state() == before


def test_unknown_commands_operations_and_groups(chip):
    before = chip.lasting_state()
    for command in (9, 100, 255):
        assert chip.read(command) == error(ChipError.UNKNOWN_COMMAND)
    for command, operation in ((Command.INFO, WRITE), (Command.ATTEST, READ), (Command.PAGE, 4)):
        assert chip.request(command, operation=operation) == error(ChipError.UNKNOWN_COMMAND)
    for group in (2, 63, 65, 0xFFFF):
        assert chip.request(0, group=group) == {"rc": SmpError.NOT_SUPPORTED}
    assert chip.request(99, group=OS_GROUP) == {"rc": SmpError.NOT_SUPPORTED}
    assert chip.lasting_state() == before


def test_responses_are_not_answered(chip):
    for operation in (1, 3, 5, 7):
        assert chip.exchange(frame(packet(Command.INFO, operation=operation))) == []


def test_a_header_with_another_length_than_the_packet_is_corrupt(chip):
    before = chip.lasting_state()
    sent = packet(Command.MEMORY, {"addr": 0, "data": bytes(8)}, operation=WRITE)
    for length in (0, len(sent) - 9, len(sent) - 7, 0xFFFF):
        changed = sent[:2] + length.to_bytes(2, "big") + sent[4:]
        (answer,) = chip.exchange(frame(changed))
        assert cbor2.loads(answer[8:]) == {"rc": SmpError.CORRUPT}
    assert chip.lasting_state() == before


@pytest.mark.parametrize(
    ("code", "smp_code", "command", "body", "operation"),
    [
        (ChipError.MALFORMED, SmpError.INVALID, Command.STATEMENT, {}, READ),
        (ChipError.UNKNOWN_COMMAND, SmpError.NOT_SUPPORTED, 77, {}, READ),
        (ChipError.OUT_OF_RANGE, SmpError.INVALID, Command.MEMORY, {"addr": SIZE, "len": 8}, READ),
        (ChipError.MISALIGNED, SmpError.INVALID, Command.MEMORY, {"addr": 1, "len": 8}, READ),
        (ChipError.TOO_LARGE, SmpError.MESSAGE_SIZE, Command.MEMORY, {"addr": 0, "len": 4096}, READ),
        (ChipError.NOT_FOUND, SmpError.NOT_FOUND, Command.STATEMENT, {"seq": 50}, READ),
    ],
)
def test_errors_in_both_versions_of_smp(chip, code, smp_code, command, body, operation):
    assert chip.request(command, body, operation=operation, version=1) == error(code)
    assert chip.request(command, body, operation=operation, version=0) == {"rc": smp_code}


@pytest.mark.parametrize("version", [2, 3])
def test_unknown_versions_of_smp(chip, version):
    sent = packet(Command.INFO, version=version)
    (answer,) = chip.exchange(frame(sent))
    assert answer[0] == (1 << 3 | READ + 1) and cbor2.loads(answer[8:]) == {"rc": SmpError.NOT_SUPPORTED}


def test_os_group(chip):
    assert chip.request(OsCommand.PARAMETERS, group=OS_GROUP) == {"buf_size": PACKET_BYTES, "buf_count": 1}
    for text in ("", "plain", "caf\u00e9 \U0001f9ea", "x" * 1900):
        for version in (0, 1):
            body = {"d": text}
            assert chip.request(OsCommand.ECHO, body, group=OS_GROUP, operation=WRITE, version=version) == {"r": text}
    for body in ({}, {"d": 1}, {"d": b"bytes"}):
        assert chip.request(OsCommand.ECHO, body, group=OS_GROUP, operation=WRITE) == {"rc": SmpError.INVALID}
    assert chip.state()["resets"] == 0
    assert chip.request(OsCommand.RESET, {"force": 1}, group=OS_GROUP, operation=WRITE) == {}
    chip.poll(20_000)
    assert chip.state()["resets"] == 1
    assert chip.read(Command.INFO)["bootcount"] == 2
