"""BOOT, CONFIGURATION and LIFECYCLE, and what a retired chip still does."""

import itertools

import pytest

from formats.boot import BootError
from formats.link import ChipError, Command
from formats.otp import LIFECYCLE_OFFSET, Lifecycle
from formats.statement import Kind
from tests.firmware.host_build import WRITE, error, facts, frame, packet
from tests.firmware.verifier import start

NONCE = bytes(range(1, 33))
RETIRED = error(ChipError.RETIRED)


def test_boot_tells_what_rom_found(chip):
    assert chip.read(Command.BOOT) == {
        "recovery": 0,
        "error": BootError.NONE,
        "slot_a": BootError.NONE,
        "slot_b": BootError.EMPTY,
        "slot": 0,
        "lifecycle": Lifecycle.DEVELOPMENT,
        "floor": 7,
        "confirmed": 1,
        "entropy": 0,
    }


def test_boot_tells_which_slot_runs(driver):
    driver.new(3, 1)
    driver.start()
    driver.poll(2000)
    answer = driver.read(Command.BOOT)
    assert (answer["slot"], answer["floor"]) == (1, 3)
    assert driver.read(Command.INFO)["version"] == 3


def test_the_configuration_is_the_journals(driver, verifier):
    driver.boot()
    assert driver.read(Command.CONFIGURATION) == error(ChipError.NOT_FOUND)
    start(driver, verifier.configuration())
    assert driver.read(Command.CONFIGURATION) == {"data": verifier.configuration().encode()}
    driver.power_cycle()
    assert driver.read(Command.CONFIGURATION) == {"data": verifier.configuration().encode()}


LATER = [pair for pair in itertools.product(Lifecycle, Lifecycle) if pair[0] and pair[1]]


@pytest.mark.parametrize(("now", "then"), LATER)
def test_the_lifecycle_only_goes_on(chip, now, then):
    chip.burn(LIFECYCLE_OFFSET, bytes([now.fuses]))
    answer = chip.write(Command.LIFECYCLE, {"state": int(then)})
    assert answer == ({} if then > now else error(ChipError.ALREADY_SET))
    after = max(now, then)
    assert chip.read(Command.BOOT)["lifecycle"] == after
    assert chip.fuses()[LIFECYCLE_OFFSET] == after.fuses
    assert chip.state()["refused_burns"] == 0


@pytest.mark.parametrize("state", [0, 4, 5, 8, 32, 33, 1 << 32, (1 << 64) - 1])
def test_there_are_no_other_states(chip, state):
    before = chip.fuses()
    assert chip.write(Command.LIFECYCLE, {"state": state}) == error(ChipError.OUT_OF_RANGE)
    chip.poll(10)
    assert chip.fuses() == before and chip.state()["burns"] == 0


def test_fuses_that_do_not_burn_are_a_hardware_error(chip):
    chip.set(burn_cycles=1 << 40)
    assert chip.write(Command.LIFECYCLE, {"state": 2}) == error(ChipError.HARDWARE)
    assert chip.write(Command.LIFECYCLE, {"state": 3}) == error(ChipError.HARDWARE)
    assert chip.read(Command.BOOT)["lifecycle"] == Lifecycle.DEVELOPMENT
    chip.advance(1 << 41)
    assert chip.read(Command.BOOT)["lifecycle"] == Lifecycle.PRODUCTION


def test_a_lifecycle_request_is_carried_out_once(chip):
    sent = frame(packet(Command.LIFECYCLE, {"state": 2, "id": 5}, operation=WRITE, sequence=9))
    answers = chip.exchange(sent)
    assert chip.exchange(sent) == answers
    assert chip.write(Command.LIFECYCLE, {"state": 2}) == error(ChipError.ALREADY_SET)


def test_a_retired_chip_takes_no_work_and_shows_its_evidence(chip):
    chip.write(Command.MEMORY, {"addr": 0, "data": b"retired!"})
    assert chip.write(Command.LIFECYCLE, {"state": int(Lifecycle.RETIRED)}) == {}
    for reset in (lambda: None, chip.warm_reset, chip.power_cycle):
        reset()
        chip.poll(2000)
        before = chip.lasting_state()
        assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == RETIRED
        assert chip.write(Command.TRIGGER, {"rate": 1}) == RETIRED
        run = {"addr": 64, "count": 3, "iterations": 5, "open": 4096, "end": 8192}
        assert chip.write(Command.RUN, run) == RETIRED
        assert chip.lasting_state() == before
        seq = chip.write(Command.ATTEST, {"nonce": NONCE})["seq"]
        assert facts(chip, seq)[2] == NONCE
        seq = chip.write(Command.SNAPSHOT, {})["seq"]
        assert facts(chip, seq)[0] == Kind.SNAPSHOT
        assert "off" in chip.read(Command.PAGE, {"seq": seq, "off": 0, "len": 8})
        assert facts(chip, 0)[0] == Kind.BOOT
        assert chip.write(Command.LIFECYCLE, {"state": 1}) == error(ChipError.ALREADY_SET)
