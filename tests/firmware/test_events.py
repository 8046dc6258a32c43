"""Events: recorded when they happen, stated at a later boot, each once."""

import struct

import pytest
from Crypto.Hash import TurboSHAKE128

from formats.flash import Event
from formats.hashing import Domain
from formats.link import ChipError, Command
from formats.statement import Kind
from tests.firmware.host_build import HostChip, PowerCut, claim, error, facts

NONCE = bytes(range(1, 33))
NOT_FOUND = error(ChipError.NOT_FOUND)


def events(chip: HostChip) -> list[tuple[int, int, int, int]]:
    """(event, detail, boot, ticks) of all events in the log."""
    found = []
    while "err" not in (answer := chip.read(Command.EVENT, {"index": len(found)})):
        found.append(tuple(answer[key] for key in ("event", "detail", "boot", "ticks")))
        count = answer["count"]
    assert not found or count == len(found)
    assert answer == NOT_FOUND
    return found


def digest(event: tuple[int, int, int, int]) -> bytes:
    return TurboSHAKE128.new(data=struct.pack("<IIIQ", *event), domain=Domain.EVENT).read(32)


def stated(chip: HostChip) -> list[bytes]:
    """The digests of all error statements."""
    info = chip.read(Command.INFO)
    statements = [chip.statement(seq) for seq in range(info["first"], info["seq"])]
    errors = [statement for statement in statements if claim(statement, "kind")[0] == Kind.ERROR]
    assert all(claim(statement, "nonce") == bytes(32) for statement in errors)
    return [claim(statement, "digest") for statement in errors]


def kinds(chip: HostChip) -> list[int]:
    return [claim(chip.statement(seq), "kind")[0] for seq in range(chip.read(Command.INFO)["seq"])]


def test_a_chip_without_events(chip):
    assert events(chip) == [] and stated(chip) == []
    for index in (0, 1, (1 << 32) - 1, 1 << 32, (1 << 64) - 1):
        assert chip.read(Command.EVENT, {"index": index}) == NOT_FOUND


def test_a_trap_is_recorded_and_stated_by_the_boot_after_it_once(chip):
    chip.trap(7)
    chip.warm_reset()
    chip.poll(3000)
    assert events(chip) == [(Event.TRAP, 7, 1, 0)]
    assert stated(chip) == [digest((Event.TRAP, 7, 1, 0))]
    assert kinds(chip) == [Kind.BOOT, Kind.BOOT, Kind.ERROR]
    for again in (chip.warm_reset, chip.power_cycle):
        again()
        chip.poll(3000)
        assert len(events(chip)) == len(stated(chip)) == 1


def test_several_traps_are_each_stated(chip):
    for cause in (2, 5, 0x80000003):
        chip.trap(cause)
        chip.warm_reset()
        chip.poll(4000)
    found = events(chip)
    assert found == [(Event.TRAP, 2, 1, 0), (Event.TRAP, 5, 2, 0), (Event.TRAP, 0x80000003, 3, 0)]
    assert stated(chip) == [digest(event) for event in found]


def test_traps_between_which_no_boot_could_sign_are_stated_together(chip):
    for cause in (2, 5, 7):
        chip.trap(cause)
        chip.warm_reset()
    chip.poll(4000)
    assert stated(chip) == [digest(event) for event in events(chip)]
    assert [event[:2] for event in events(chip)] == [(Event.TRAP, cause) for cause in (2, 5, 7)]


@pytest.mark.parametrize("tests", [1, 2, 3])
def test_an_entropy_failure_is_recorded_once_and_ends_the_signing(chip, tests):
    chip.set(entropy=tests)
    chip.poll(3000)
    (event,) = events(chip)
    assert event[:3] == (Event.ENTROPY, tests, 1) and event[3] > 0
    before = chip.lasting_state()
    for command, body in (
        (Command.ATTEST, {"nonce": NONCE}),
        (Command.SNAPSHOT, {}),
        (Command.PRECOMMIT, {"digest": NONCE}),
        (Command.MEMORY, {"addr": 0, "data": bytes(8)}),
        (Command.RUN, {"addr": 64, "count": 3, "iterations": 5, "open": 4096, "end": 8192}),
        (Command.TRUNCATE, {"data": b"approval"}),
    ):
        assert chip.write(command, body) == error(ChipError.ENTROPY)
    assert chip.read(Command.BOOT)["entropy"] == 1
    assert facts(chip, 0)[0] == Kind.BOOT, "what there is can be read"
    assert chip.lasting_state() == before
    chip.power_cycle()
    chip.poll(3000)
    assert chip.read(Command.BOOT)["entropy"] == 0
    assert events(chip) == [event] and stated(chip) == [digest(event)]
    assert kinds(chip) == [Kind.BOOT, Kind.BOOT, Kind.ERROR]


def test_a_chip_whose_entropy_fails_before_its_boot_statement_serves_and_signs_nothing(driver):
    driver.power_on(entropy=1)
    driver.poll(3000)
    boot = driver.read(Command.BOOT)
    assert (boot["entropy"], boot["error"], boot["confirmed"]) == (1, 0, 1)
    assert driver.state()["statements"] == 0
    assert driver.write(Command.ATTEST, {"nonce": NONCE}) == error(ChipError.ENTROPY)
    driver.warm_reset()
    driver.poll(3000)
    assert driver.state()["statements"] == 0
    recorded = events(driver)
    assert [event[:3] for event in recorded] == [(Event.ENTROPY, 1, 1), (Event.ENTROPY, 1, 2)]
    # Boots without a statement do not count over a power cycle: their events are stated when their number is passed.
    for _ in range(3):
        driver.power_cycle()
        driver.poll(4000)
    assert sorted(stated(driver)) == sorted(digest(event) for event in recorded)
    assert events(driver) == recorded


@pytest.mark.parametrize("moment", range(0, 600, 30))
def test_entropy_that_fails_while_an_error_is_stated_does_not_lose_it(chip, moment):
    chip.trap(7)
    chip.warm_reset()
    chip.poll(moment)
    chip.set(entropy=2)
    chip.poll(3000)
    for _ in range(3):
        chip.power_cycle()
        chip.poll(4000)
    assert sorted(stated(chip)) == sorted(digest(event) for event in events(chip))
    assert [event[0] for event in events(chip)] == [Event.TRAP, Event.ENTROPY]


def test_power_that_fails_while_an_error_is_stated_does_not_lose_it(chip):
    chip.trap(7)
    chip.warm_reset()
    expected = digest((Event.TRAP, 7, 1, 0))
    chip.save()
    counts = set()
    for operation in range(1, 60):
        for seed in range(5):
            chip.restore()
            chip.cut(operation, seed)
            try:
                chip.start()
                chip.poll(4000)
                finished = True
            except PowerCut:
                finished = False
            chip.power_cycle()
            chip.poll(4000)
            assert set(stated(chip)) == {expected}
            counts.add(len(stated(chip)))
            again = len(stated(chip))
            chip.power_cycle()
            chip.poll(4000)
            assert len(stated(chip)) == again
        if finished:
            assert operation > 5
            # A cut behind the statement, before the journal knows of it: it is stated twice rather than not at all.
            assert counts == {1, 2}
            return
    pytest.fail("a boot needs no end of flash operations")


def test_an_error_is_stated_before_a_reset_that_the_host_asks_for(chip):
    chip.trap(7)
    chip.warm_reset()
    chip.set(statement_cycles=400_000)
    assert chip.request(5, {}, group=0, operation=2) == {}
    chip.poll(60_000)
    chip.set(statement_cycles=5000)
    chip.poll(4000)
    assert chip.state()["resets"] == 1
    assert stated(chip) == [digest((Event.TRAP, 7, 1, 0))]
