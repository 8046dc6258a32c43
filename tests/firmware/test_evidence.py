"""When statements are made, and what they answer."""

import pytest

from formats.link import ChipError, Command
from formats.statement import Cause, Kind
from tests.firmware.host_build import WRITE, error, facts, frame, packet, response_body

NONCE = bytes(range(1, 33))


def test_boot_makes_the_first_statement(chip):
    assert facts(chip, 0) == (Kind.BOOT, Cause.NONE, bytes(32))


def test_requests_wait_in_the_link_until_the_boot_statement_is_made(driver):
    driver.power_on(statement_cycles=400_000)
    driver.feed(frame(packet(Command.INFO)))
    driver.poll(500)
    assert driver.take() == b""
    driver.advance(400_000)
    (answer,) = driver.exchange(b"")
    assert response_body(packet(Command.INFO), answer)["seq"] == 1


@pytest.mark.parametrize("missing", ["provisioned", "derived"])
def test_without_an_identity_nothing_is_signed_and_nothing_taken(driver, missing):
    driver.power_on(**{missing: 0})
    driver.poll(5)
    before = driver.lasting_state()
    refused = error(ChipError.HARDWARE)
    assert driver.write(Command.ATTEST, {"nonce": NONCE}) == refused
    assert driver.write(Command.SNAPSHOT, {}) == refused
    assert driver.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == refused
    assert driver.write(Command.TRIGGER, {"rate": 1}) == refused
    assert driver.read(Command.INFO)["seq"] == 0
    assert driver.read(Command.MEMORY, {"addr": 0, "len": 8}) == {"addr": 0, "zeros": 8}
    assert driver.lasting_state() == before


def test_the_boot_statement_is_made_once(chip):
    for boots in range(1, 4):
        chip.poll(3000)
        assert [facts(chip, seq)[0] for seq in range(boots)] == [Kind.BOOT] * boots
        assert chip.read(Command.INFO)["seq"] == boots
        chip.warm_reset()


def test_a_boot_statement_that_is_refused_or_overdue_is_a_hardware_error(driver):
    driver.boot(statement_refused=1)
    assert driver.write(Command.ATTEST, {"nonce": NONCE}) == error(ChipError.HARDWARE)
    assert driver.read(Command.INFO)["seq"] == 0
    driver.power_on(statement_cycles=1 << 40)
    driver.poll(100)
    driver.advance(1 << 30)
    assert driver.write(Command.ATTEST, {"nonce": NONCE}) == error(ChipError.HARDWARE)
    driver.advance(1 << 40)
    driver.set(statement_cycles=100)
    driver.poll(10)
    assert driver.write(Command.ATTEST, {"nonce": NONCE}) == {"seq": 1}


def test_attest_carries_the_nonce(chip):
    assert chip.write(Command.ATTEST, {"nonce": NONCE}) == {"seq": 1}
    assert facts(chip, 1) == (Kind.HEAD, Cause.NONE, NONCE)
    assert chip.write(Command.SNAPSHOT, {}) == {"seq": 2}
    assert facts(chip, 2) == (Kind.SNAPSHOT, Cause.HOST, bytes(32))
    assert chip.write(Command.SNAPSHOT, {"nonce": NONCE}) == {"seq": 3}
    assert facts(chip, 3) == (Kind.SNAPSHOT, Cause.CHALLENGE, NONCE)


def test_random_snapshots_are_stated_unasked_and_without_nonce(chip):
    chip.set(random=1)
    chip.poll(1000)
    assert facts(chip, 1) == (Kind.SNAPSHOT, Cause.RANDOM, bytes(32))


@pytest.mark.parametrize("moment", range(0, 1000, 40))
@pytest.mark.parametrize("command", [Command.SNAPSHOT, Command.ATTEST])
def test_a_request_is_answered_by_its_own_statement_whatever_the_random_trigger_does(chip, moment, command):
    sent = packet(command, {"nonce": NONCE}, operation=WRITE)
    chip.set(random=1)
    chip.poll(moment)
    chip.set(random=1)
    (answer,) = chip.exchange(frame(sent))
    chip.poll(1000)
    seq = response_body(sent, answer)["seq"]
    is_snapshot = command == Command.SNAPSHOT
    assert facts(chip, seq) == (
        (Kind.SNAPSHOT, Cause.CHALLENGE, NONCE) if is_snapshot else (Kind.HEAD, Cause.NONE, NONCE)
    )
    for other in {1, 2, 3} - {seq}:
        assert chip.read(Command.STATEMENT, {"seq": other}).get("err") or facts(chip, other)[1:] == (
            Cause.RANDOM,
            bytes(32),
        )


def test_no_rate_of_the_random_trigger_keeps_the_head_from_an_inspector(chip):
    chip.set(capture_cycles=10, statement_cycles=1000)
    sent = packet(Command.ATTEST, {"nonce": NONCE}, operation=WRITE)
    chip.feed(frame(sent))
    for _ in range(100):
        chip.set(random=1)
        chip.poll(2)
    (answer,) = chip.exchange(b"")
    assert response_body(sent, answer)["seq"] <= 4


def test_a_capture_that_never_ends_is_a_hardware_error(chip):
    chip.set(capture_cycles=1 << 50)
    sent = packet(Command.SNAPSHOT, {"id": 3}, operation=WRITE)
    chip.feed(frame(sent))
    chip.poll(50)
    assert chip.take() == b""
    chip.advance(1 << 30)
    (answer,) = chip.exchange(b"")
    assert response_body(sent, answer) == error(ChipError.HARDWARE)
    assert chip.write(Command.ATTEST, {"nonce": NONCE}) == {"seq": 1}


def test_a_late_or_refused_statement_is_a_hardware_error(chip):
    chip.set(statement_cycles=1 << 40)
    sent = packet(Command.ATTEST, {"nonce": NONCE}, operation=WRITE)
    chip.feed(frame(sent))
    chip.poll(50)
    chip.advance(1 << 30)
    (answer,) = chip.exchange(b"")
    assert response_body(sent, answer) == error(ChipError.HARDWARE)
    chip.advance(1 << 41)
    chip.set(statement_cycles=1000)
    chip.poll(10)
    assert facts(chip, 1) == (Kind.HEAD, Cause.NONE, NONCE), "a late statement is in the log all the same"
    chip.set(statement_refused=1)
    assert chip.write(Command.ATTEST, {"nonce": NONCE}) == error(ChipError.HARDWARE)


def test_ingest_that_refuses_or_hangs_is_a_hardware_error(chip):
    chip.set(ingest_rejected=1)
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == error(ChipError.HARDWARE)
    chip.set(ingest_rejected=0, ingest_cycles=1 << 40)
    assert chip.write(Command.TRIGGER, {"rate": 0}) == error(ChipError.HARDWARE)
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == error(ChipError.HARDWARE)
    assert chip.read(Command.INFO)["seq"] == 1


def test_pages_are_those_of_the_newest_snapshot(chip):
    assert chip.read(Command.PAGE, {"seq": 0, "off": 0, "len": 8}) == error(ChipError.NOT_FOUND)
    chip.write(Command.MEMORY, {"addr": 8, "data": b"snapshot"})
    first = chip.write(Command.SNAPSHOT, {})["seq"]
    chip.write(Command.MEMORY, {"addr": 8, "data": b"too late"})
    page = {"seq": first, "off": 0, "len": 16}
    assert chip.read(Command.PAGE, page) == {"off": 0, "data": bytes(8) + b"snapshot"}
    assert chip.read(Command.PAGE, {**page, "off": 4096}) == {"off": 4096, "zeros": 16}
    second = chip.write(Command.SNAPSHOT, {})["seq"]
    assert chip.read(Command.PAGE, page) == error(ChipError.SUPERSEDED)
    assert chip.read(Command.PAGE, {**page, "seq": second}) == {"off": 0, "data": bytes(8) + b"too late"}
    assert chip.read(Command.PAGE, {**page, "seq": 0}) == error(ChipError.NOT_FOUND)
    assert chip.read(Command.PAGE, {**page, "seq": second + 1}) == error(ChipError.NOT_FOUND)
    chip.warm_reset()
    assert chip.read(Command.PAGE, {**page, "seq": second}) == error(ChipError.SUPERSEDED)


@pytest.mark.parametrize("capture_cycles", [1, 500, 1 << 30])
def test_a_capture_that_begins_under_a_page_read_spoils_nothing(chip, capture_cycles):
    seq = chip.write(Command.SNAPSHOT, {})["seq"]
    chip.write(Command.MEMORY, {"addr": 8, "data": b"newer..."})
    chip.set(capture_cycles=capture_cycles, capture_at_image_read=1)
    assert chip.read(Command.PAGE, {"seq": seq, "off": 0, "len": 512}) == error(ChipError.SUPERSEDED)
    assert chip.read(Command.PAGE, {"seq": seq, "off": 0, "len": 512}) == error(ChipError.SUPERSEDED)
