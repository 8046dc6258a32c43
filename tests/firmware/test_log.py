"""The log as the application keeps it: full, through resets and power loss, in a flash that is spoilt or fails."""

import pytest
from Crypto.Hash import TurboSHAKE128

from formats.boot import BootError
from formats.flash import SECTOR_BYTES
from formats.hashing import Domain
from formats.link import ChipError, Command
from formats.statement import Cause, Kind
from tests.firmware.flash_bed import RESERVE, SECTOR_STATEMENTS, SECTORS, History, carry_out, fresh, place, u64
from tests.firmware.host_build import WRITE, claim, error, facts, frame, packet, response_body

NONCE = bytes(range(1, 33))
CAPACITY = (SECTORS - 1) * SECTOR_STATEMENTS - RESERVE
BUSY, DOES_NOTHING = (1, 0), (0, 1)


def attest(chip) -> dict:
    return chip.write(Command.ATTEST, {"nonce": NONCE})


def boot_with(driver, statements: int) -> History:
    """A chip that has been used before, powered on: its log has so many statements, and a new boot's behind them."""
    fresh(driver)
    history = History()
    carry_out(driver, history.grow(statements))
    driver.power_cycle()
    return history


def refuses_work(chip) -> None:
    before = chip.lasting_state()
    refused = error(ChipError.LOG_FULL)
    assert chip.write(Command.SNAPSHOT, {}) == refused
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == refused
    assert chip.write(Command.TRIGGER, {"rate": 0}) == refused
    assert chip.lasting_state() == before


def test_a_full_log_takes_no_new_work_and_loses_nothing(driver):
    history = boot_with(driver, CAPACITY - 1)
    assert driver.read(Command.INFO)["capacity"] == CAPACITY
    refuses_work(driver)
    assert attest(driver) == {"seq": CAPACITY}, "an inspector gets the head all the same"
    driver.set(random=1)
    before = driver.state()
    driver.poll(1000)
    assert driver.state()["captures"] == 1
    assert driver.state()["statements"] == before["statements"], "the capture waits, unstated"
    assert [driver.statement(seq) for seq in range(CAPACITY - 1)] == history.statements
    assert [facts(driver, CAPACITY - back)[0] for back in (1, 0)] == [Kind.BOOT, Kind.HEAD]
    info = driver.read(Command.INFO)
    assert (info["first"], info["seq"]) == (0, CAPACITY + 1)


def test_the_last_place_may_go_to_a_random_snapshot(driver):
    boot_with(driver, CAPACITY - 2)
    driver.set(random=1)
    sent = packet(Command.SNAPSHOT, {}, operation=WRITE)
    (answer,) = driver.exchange(frame(sent))
    assert response_body(sent, answer) == error(ChipError.LOG_FULL)
    assert facts(driver, CAPACITY - 1)[1] == Cause.RANDOM


def test_a_warm_reset_keeps_the_log_and_adds_a_boot(chip):
    attest(chip)
    kept = [chip.statement(seq) for seq in range(2)]
    chip.warm_reset()
    info = chip.read(Command.INFO)
    assert (info["first"], info["seq"], info["bootcount"]) == (0, 3, 2)
    assert [chip.statement(seq) for seq in range(2)] == kept
    assert facts(chip, 2)[0] == Kind.BOOT


def test_power_loss_keeps_the_log_and_life_goes_on(chip):
    for seq in range(1, 20):
        assert attest(chip) == {"seq": seq}
    chip.write(Command.CERTIFICATE, {"data": b"certificate"})
    kept = [chip.statement(seq) for seq in range(20)]
    chip.power_cycle()
    info = chip.read(Command.INFO)
    assert (info["first"], info["seq"], info["bootcount"]) == (0, 21, 2)
    assert [chip.statement(seq) for seq in range(20)] == kept
    boot = chip.statement(20)
    assert facts(chip, 20)[0] == Kind.BOOT and int.from_bytes(claim(boot, "bootcount"), "big") == 2
    chain = TurboSHAKE128.new(data=claim(kept[19], "chain") + kept[19], domain=Domain.CHAIN).read(32)
    assert claim(boot, "chain") == chain
    assert chip.read(Command.CERTIFICATE) == {"data": b"certificate"}
    assert attest(chip) == {"seq": 21}


def test_boots_of_a_full_log_are_stated_as_long_as_there_is_room(driver):
    boot_with(driver, CAPACITY)
    for boots in range(2, RESERVE + 1):
        driver.warm_reset()
        assert driver.read(Command.INFO)["seq"] == CAPACITY + boots
        assert facts(driver, CAPACITY + boots - 1)[0] == Kind.BOOT
    driver.warm_reset()
    assert driver.read(Command.INFO)["seq"] == CAPACITY + RESERVE
    refuses_work(driver)
    assert attest(driver) == error(ChipError.LOG_FULL)
    assert facts(driver, CAPACITY + RESERVE - 1)[0] == Kind.BOOT


@pytest.mark.parametrize("made", [False, True])
def test_a_statement_made_just_before_a_warm_reset_is_recovered(chip, made):
    chip.set(statement_cycles=10**6)
    chip.feed(frame(packet(Command.ATTEST, {"nonce": NONCE}, operation=WRITE)))
    chip.poll(60)
    if made:
        chip.advance(10**6)
    assert chip.state()["statements"] == 1 + made
    chip.set(statement_cycles=5000)
    chip.warm_reset()
    chip.poll(1000)
    assert facts(chip, 1) == (Kind.HEAD, Cause.NONE, NONCE)
    assert facts(chip, 2)[0] == Kind.BOOT


def test_spoilt_statements_are_not_found_and_the_others_are(driver):
    history = boot_with(driver, 20)
    for seq in (3, 12):
        offset = place(seq // SECTOR_STATEMENTS) + 16 + seq % SECTOR_STATEMENTS * 552 + 100
        driver.write_flash(offset, bytes([driver.flash(offset, 1)[0] ^ 1]))
    for again in range(2):
        for seq in range(20):
            expected = error(ChipError.NOT_FOUND) if seq in (3, 12) else {"seq": seq, "data": history.statements[seq]}
            assert driver.read(Command.STATEMENT, {"seq": seq}) == expected
        driver.power_cycle()
        assert facts(driver, 21 + again)[0] == Kind.BOOT


def test_nothing_is_signed_over_a_log_whose_end_may_be_lost(driver):
    boot_with(driver, 20)
    driver.write_flash(place(2) + 8, bytes(SECTOR_BYTES - 8))
    driver.power_cycle()
    assert driver.state()["statements"] == 0
    assert driver.read(Command.BOOT)["error"] == BootError.LOG
    assert attest(driver) == error(ChipError.HARDWARE)
    assert driver.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == error(ChipError.HARDWARE)
    driver.set(random=1)
    driver.poll(1000)
    assert driver.state()["statements"] == 0


@pytest.mark.parametrize("failure", [BUSY, DOES_NOTHING])
def test_a_flash_that_fails_ends_the_signing_until_a_reset(chip, failure):
    attest(chip)
    chip.batch([("f", u64(*failure))])
    sent = packet(Command.ATTEST, {"nonce": NONCE}, operation=WRITE)
    (answer,) = chip.exchange(frame(sent))
    assert response_body(sent, answer) == error(ChipError.HARDWARE)
    assert attest(chip) == error(ChipError.HARDWARE)
    assert chip.state()["statements"] == 3, "the one that is not in the log, and none behind it"
    chip.batch([("f", u64(0, 0))])
    chip.warm_reset()
    chip.poll(1000)
    assert [facts(chip, seq)[0] for seq in range(4)] == [Kind.BOOT, Kind.HEAD, Kind.HEAD, Kind.BOOT]
    assert attest(chip) == {"seq": 4}
