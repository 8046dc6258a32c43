"""Firmware that confirms itself: when, what it leaves in flash and fuses, and what power loss leaves of that."""

import struct

import pytest

from formats.flash import FLAG_SET, SLOT_BYTES, TRAILER_OFFSET, Trailer
from formats.link import IMAGE_GROUP, OS_GROUP, ChipError, Command, ImageCommand, OsCommand
from formats.otp import FLOOR_BYTES, FLOOR_OFFSET, MAX_SECURITY_FLOOR
from tests.firmware.flash_bed import u64
from tests.firmware.host_build import WRITE, HostChip, PowerCut, error, frame, packet, unframe

NOTHING, REVOKED = 0xFFFFFFFF, 0
SET = FLAG_SET


def flag(chip: HostChip, slot: int, which: Trailer) -> int:
    return struct.unpack("<I", chip.flash(slot * SLOT_BYTES + TRAILER_OFFSET + which, 4))[0]


def set_flag(chip: HostChip, slot: int, which: Trailer) -> None:
    chip.write_flash(slot * SLOT_BYTES + TRAILER_OFFSET + which, struct.pack("<I", FLAG_SET))


def on_trial(chip: HostChip, version: int = 7, **knobs: int) -> None:
    """A chip that tries the image in slot B; slot A's is confirmed. Boot statement in the log, nothing answered."""
    chip.new(version, 1, confirmed=False)
    set_flag(chip, 0, Trailer.CONFIRMED)
    set_flag(chip, 1, Trailer.PENDING)
    chip.start(**knobs)
    chip.poll(2000)


def is_confirmed(chip: HostChip) -> bool:
    """By all signs, in flash and elsewhere."""
    confirmed = flag(chip, 1, Trailer.CONFIRMED) == SET
    assert chip.state()["floor"] == 0 or confirmed
    return confirmed


def check_confirmed(chip: HostChip, version: int = 7) -> None:
    assert flag(chip, 1, Trailer.CONFIRMED) == SET
    assert flag(chip, 0, Trailer.CONFIRMED) == REVOKED and flag(chip, 0, Trailer.TRIED) == SET
    assert chip.state()["floor"] == min(version, MAX_SECURITY_FLOOR)
    answer = chip.read(Command.BOOT)
    assert (answer["confirmed"], answer["floor"], answer["slot"]) == (1, min(version, MAX_SECURITY_FLOOR), 1)


def test_an_image_confirms_itself_when_it_has_booted_and_answered(driver):
    on_trial(driver)
    assert flag(driver, 1, Trailer.TRIED) == SET and not is_confirmed(driver)
    assert driver.read(Command.BOOT)["confirmed"] == 0
    driver.poll(100)
    check_confirmed(driver)
    changes = driver.state()["flash_changes"], driver.state()["burns"]
    driver.poll(1000)
    assert (driver.state()["flash_changes"], driver.state()["burns"]) == changes
    driver.power_cycle()
    check_confirmed(driver)


def test_errors_are_no_answers_that_confirm(driver):
    on_trial(driver)
    assert driver.read(200) == error(ChipError.UNKNOWN_COMMAND)
    assert driver.read(Command.STATEMENT, {}) == error(ChipError.MALFORMED)
    assert driver.read(Command.CERTIFICATE) == error(ChipError.NOT_FOUND)
    assert "rc" in driver.request(0, group=99)
    assert "err" in driver.request(ImageCommand.ERASE, {"slot": 9}, group=IMAGE_GROUP, operation=WRITE)
    driver.exchange(frame(packet(Command.INFO, operation=1)) + b"console text\n")
    driver.poll(1000)
    assert not is_confirmed(driver)
    driver.request(OsCommand.ECHO, {"d": "hello"}, group=OS_GROUP)
    driver.poll(100)
    check_confirmed(driver)


@pytest.mark.parametrize("hindrance", [{"entropy": 1}, {"statement_refused": 1}, {"derived": 0}])
def test_an_image_that_answers_without_a_boot_statement_is_not_confirmed(driver, hindrance):
    on_trial(driver, **hindrance)
    assert "seq" in driver.read(Command.INFO)
    driver.poll(1000)
    assert not is_confirmed(driver)
    assert driver.read(Command.BOOT)["confirmed"] == 0


def test_an_answer_from_before_the_boot_statement_counts_once_that_is_there(driver):
    on_trial(driver, statement_cycles=1 << 30)
    driver.advance(1 << 24)
    assert "seq" in driver.read(Command.INFO)
    driver.poll(100)
    assert not is_confirmed(driver)
    driver.advance(1 << 30)
    driver.poll(100)
    check_confirmed(driver)


@pytest.mark.parametrize("version", range(MAX_SECURITY_FLOOR + 2))
def test_the_floor_is_raised_byte_by_byte(driver, version):
    on_trial(driver, version, burn_cycles=3000)
    driver.feed(frame(packet(Command.INFO)))
    seen = [driver.state()["floor"]]
    for _ in range(1000):
        driver.poll(1)
        floor = driver.state()["floor"]
        if floor != seen[-1]:
            seen.append(floor)
    final = min(version, MAX_SECURITY_FLOOR)
    assert seen == [*range(0, final, 8), final]
    assert driver.state()["burns"] == -(-final // 8) and driver.state()["refused_burns"] == 0
    fuses = driver.fuses()
    assert fuses[FLOOR_OFFSET : FLOOR_OFFSET + FLOOR_BYTES] == ((1 << final) - 1).to_bytes(FLOOR_BYTES, "little")
    assert sum(fuses[1:FLOOR_OFFSET]) == 0, "and no other fuse"


@pytest.mark.parametrize("floor", [0, 1, 7, 8, 9, 20, 23, 24, 64])
def test_the_floor_is_never_lowered_and_goes_on_where_it_is(driver, floor):
    on_trial(driver, 20)
    driver.burn(FLOOR_OFFSET, ((1 << floor) - 1).to_bytes(FLOOR_BYTES, "little"))
    driver.read(Command.INFO)
    driver.poll(1000)
    assert driver.state()["floor"] == max(floor, 20)
    assert driver.state()["refused_burns"] == 0


def test_the_lifecycle_is_raised_while_the_floor_is(driver):
    on_trial(driver, 64, burn_cycles=20_000)
    assert driver.read(Command.BOOT)["lifecycle"] == 1
    assert driver.write(Command.LIFECYCLE, {"state": 2}) == {}
    driver.poll(40_000)
    assert (driver.state()["lifecycle"], driver.state()["floor"]) == (2, 64)


def test_the_flash_is_left_alone_while_the_floor_is_raised(driver):
    """The modelled flash takes nothing while a fuse is burnt."""
    on_trial(driver, 64, burn_cycles=200_000)
    driver.feed(
        frame(packet(Command.INFO)) + b"".join(frame(packet(Command.STATEMENT, {"seq": 0})) for _ in range(9))
    )
    driver.poll(1000)
    assert driver.state()["floor"] == 64
    assert len(unframe(driver.take())) == 10


def test_power_that_fails_between_and_in_the_steps_of_a_confirmation(driver):
    on_trial(driver, 20)
    driver.save()
    answers = set()
    for operation in range(1, 12):
        for seed in range(5):
            driver.restore()
            driver.start()
            driver.poll(2000)
            driver.cut(operation, seed)
            try:
                driver.read(Command.INFO)
                driver.poll(100)
                finished = True
            except PowerCut:
                finished = False
            confirmed = is_confirmed(driver)
            answers.add(confirmed)
            # Whatever is left, one of the two slots can be started.
            assert confirmed or flag(driver, 0, Trailer.CONFIRMED) == SET
            driver.power_cycle()
            driver.read(Command.INFO)
            driver.poll(1000)
            check_confirmed(driver, 20)
        if finished:
            assert operation > 1 and answers == {False, True}
            return
    pytest.fail("a confirmation needs no end of flash operations")


@pytest.mark.parametrize("turns", range(1, 40, 3))
def test_power_that_fails_between_two_burns(driver, turns):
    on_trial(driver, 64, burn_cycles=100)
    driver.feed(frame(packet(Command.INFO)))
    driver.poll(turns)
    driver.power_cycle(burn_cycles=100)
    driver.read(Command.INFO)
    driver.poll(1000)
    check_confirmed(driver, 64)


def test_an_image_on_trial_that_flash_does_not_let_confirm_raises_no_floor(driver):
    on_trial(driver)
    driver.batch([("f", u64(0, 1))])
    driver.read(Command.INFO)
    driver.poll(50)
    assert driver.state()["floor"] == 0 and driver.read(Command.BOOT)["confirmed"] == 0
    driver.batch([("f", u64(0, 0))])
    driver.poll(100)
    check_confirmed(driver)
