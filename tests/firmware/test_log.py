"""The log when it is full, when the chip is reset, and when its memory is spoilt."""

import pytest

from formats.link import ChipError, Command
from formats.statement import Cause, Kind, layout
from tests.firmware.host_build import WRITE, error, facts, frame, packet, response_body

NONCE = bytes(range(1, 33))
LOG_CAPACITY = 8
HEADER_BYTES = 16
ENTRY_BYTES = 16 + layout().statement_bytes


def fill_log(chip) -> None:
    for seq in range(1, LOG_CAPACITY):
        assert chip.write(Command.ATTEST, {"nonce": NONCE}) == {"seq": seq}


def test_a_full_log_takes_no_new_work_and_loses_nothing(chip):
    assert chip.read(Command.INFO)["capacity"] == LOG_CAPACITY
    fill_log(chip)
    before = chip.lasting_state()
    refused = error(ChipError.LOG_FULL)
    assert chip.write(Command.ATTEST, {"nonce": NONCE}) == refused
    assert chip.write(Command.SNAPSHOT, {}) == refused
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == refused
    assert chip.write(Command.TRIGGER, {"rate": 0}) == refused
    assert chip.lasting_state() == before
    chip.set(random=1)
    chip.poll(1000)
    assert chip.state()["captures"] == 1
    assert chip.state()["statements"] == before["statements"], "the capture waits, unstated"
    assert [facts(chip, seq)[0] for seq in range(LOG_CAPACITY)] == [Kind.BOOT] + [Kind.HEAD] * (LOG_CAPACITY - 1)
    info = chip.read(Command.INFO)
    assert (info["first"], info["seq"]) == (0, LOG_CAPACITY)


def test_the_last_place_may_go_to_a_random_snapshot(chip):
    fill_log_but_one = LOG_CAPACITY - 1
    for seq in range(1, fill_log_but_one):
        assert chip.write(Command.ATTEST, {"nonce": NONCE}) == {"seq": seq}
    chip.set(random=1)
    sent = packet(Command.SNAPSHOT, {}, operation=WRITE)
    (answer,) = chip.exchange(frame(sent))
    assert response_body(sent, answer) == error(ChipError.LOG_FULL)
    assert facts(chip, fill_log_but_one)[1] == Cause.RANDOM


def test_a_warm_reset_keeps_the_log_and_adds_a_boot(chip):
    chip.write(Command.ATTEST, {"nonce": NONCE})
    kept = [chip.statement(seq) for seq in range(2)]
    chip.warm_reset()
    info = chip.read(Command.INFO)
    assert (info["first"], info["seq"], info["bootcount"]) == (0, 3, 2)
    assert [chip.statement(seq) for seq in range(2)] == kept
    assert facts(chip, 2)[0] == Kind.BOOT


def test_a_warm_reset_with_a_full_log_boots_without_a_statement(chip):
    fill_log(chip)
    chip.warm_reset()
    info = chip.read(Command.INFO)
    assert (info["seq"], info["bootcount"]) == (LOG_CAPACITY, 2)
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == error(ChipError.LOG_FULL)


def test_a_statement_made_just_before_a_warm_reset_is_recovered(chip):
    sent = packet(Command.ATTEST, {"nonce": NONCE}, operation=WRITE)
    chip.feed(frame(sent))
    chip.poll(30)
    chip.advance(1 << 20)
    assert chip.state()["statements"] == 2
    chip.warm_reset()
    chip.poll(1000)
    assert facts(chip, 1) == (Kind.HEAD, Cause.NONE, NONCE)
    assert facts(chip, 2)[0] == Kind.BOOT


def test_power_on_clears_the_log(chip):
    fill_log(chip)
    chip.boot()
    info = chip.read(Command.INFO)
    assert (info["first"], info["seq"]) == (0, 1)


def test_a_spoilt_statement_is_not_found_and_the_others_are(chip):
    fill_log(chip)
    kept = [chip.statement(seq) for seq in range(LOG_CAPACITY)]
    for offset in (HEADER_BYTES + 3 * ENTRY_BYTES + 16, HEADER_BYTES + 5 * ENTRY_BYTES + ENTRY_BYTES - 1):
        chip.spoil_log(offset)
    for _ in range(2):
        for seq in range(LOG_CAPACITY):
            expected = error(ChipError.NOT_FOUND) if seq in (3, 5) else {"seq": seq, "data": kept[seq]}
            assert chip.read(Command.STATEMENT, {"seq": seq}) == expected
        chip.warm_reset()


@pytest.mark.parametrize("offset", range(12))
def test_a_log_with_a_spoilt_header_starts_anew_behind_what_was_made(chip, offset):
    chip.write(Command.ATTEST, {"nonce": NONCE})
    chip.write(Command.ATTEST, {"nonce": NONCE})
    chip.spoil_log(offset)
    chip.warm_reset()
    info = chip.read(Command.INFO)
    assert info["seq"] == 4
    assert info["first"] == 2, "the last statement is still in the statement window"
    assert facts(chip, 2)[0] == Kind.HEAD
    assert facts(chip, 3)[0] == Kind.BOOT
    assert chip.read(Command.STATEMENT, {"seq": 1}) == error(ChipError.NOT_FOUND)
