"""The life-time count of multiply-accumulates through power loss: never lower than what was computed."""

import pytest

from formats.flash import MACS_STEP as STEP
from formats.flash import JournalRecord
from formats.link import ChipError, Command
from tests.firmware.flash_bed import u64
from tests.firmware.host_build import HostChip, PowerCut, claim, error

NONCE = bytes(range(1, 33))
RUN = {"addr": 64, "count": 3, "iterations": 5, "open": 4096, "end": 8192}
LONG = 1 << 40


def ceiling(chip: HostChip) -> int:
    """What flash would say after a power-on."""
    record = chip.batch([("g", u64(JournalRecord.MACS))])[0]
    return int.from_bytes(record, "little")


def count(chip: HostChip) -> int:
    return chip.read(Command.COUNTERS)["macs"]


def test_nothing_is_reserved_before_the_first_run(chip):
    assert ceiling(chip) == 0
    assert chip.write(Command.RUN, RUN) == {"records": 1}
    assert ceiling(chip) == STEP


def test_the_ceiling_stays_above_the_count_and_is_raised_seldom(chip):
    chip.set(run_cycles=LONG, run_macs=1 << 18)
    chip.write(Command.RUN, RUN)
    raised, last = 0, ceiling(chip)
    for _ in range(400):
        chip.poll(5)
        now = ceiling(chip)
        assert now - 2 * STEP <= chip.state()["macs"] <= now and now % STEP == 0
        raised += now != last
        last = now
    computed = chip.state()["macs"]
    assert computed > 4 * STEP
    assert computed // (2 * STEP) <= raised <= computed // STEP + 1


def test_a_run_that_begins_just_below_the_ceiling_has_more_reserved_first(chip):
    chip.write(Command.RUN, RUN)
    chip.advance(1 << 20)
    for macs in (STEP // 2, STEP // 2 + 1, STEP - 1, 1 << 60):
        chip.set(macs=macs)
        before = ceiling(chip)
        assert "records" in chip.write(Command.RUN, RUN)
        chip.advance(1 << 20)
        assert ceiling(chip) == (before if macs + STEP // 2 <= before else (macs + 3 * STEP // 2) // STEP * STEP)


def test_a_cold_boot_resumes_at_the_ceiling_or_at_the_log_if_that_knows_more(chip):
    chip.set(run_cycles=LONG, run_macs=1000)
    chip.write(Command.RUN, RUN)
    chip.poll(100)
    before, reserved = chip.state()["macs"], ceiling(chip)
    assert 0 < before < reserved
    chip.power_cycle()
    assert count(chip) == reserved
    boot = chip.statement(chip.read(Command.INFO)["seq"] - 1)
    assert int.from_bytes(claim(boot, "macs"), "big") == reserved
    chip.set(macs=5 * STEP)
    chip.write(Command.ATTEST, {"nonce": NONCE})
    assert ceiling(chip) == reserved
    chip.power_cycle()
    assert count(chip) == 5 * STEP
    chip.warm_reset()
    chip.poll(1000)
    assert count(chip) == 5 * STEP


@pytest.mark.parametrize("failure", [(1, 0), (0, 1)])
def test_when_flash_fails_no_run_begins_that_could_pass_the_ceiling(chip, failure):
    chip.write(Command.RUN, RUN)
    chip.advance(1 << 20)
    chip.set(macs=STEP // 2)
    chip.batch([("f", u64(*failure))])
    assert chip.write(Command.RUN, RUN) == {"records": 2}, "enough is reserved"
    chip.advance(1 << 20)
    chip.set(macs=STEP // 2 + 1)
    assert chip.write(Command.RUN, RUN) == error(ChipError.HARDWARE)
    assert chip.write(Command.RUN, RUN) == error(ChipError.HARDWARE)
    assert not chip.state()["running"]
    chip.batch([("f", u64(0, 0))])
    chip.warm_reset()
    chip.poll(1000)
    assert chip.write(Command.RUN, RUN) == {"records": 1}


def test_power_that_fails_while_more_is_reserved_costs_no_count(chip):
    chip.write(Command.RUN, RUN)
    chip.advance(1 << 20)
    chip.set(macs=STEP - 5)
    chip.write(Command.ATTEST, {"nonce": NONCE})
    chip.save()
    for operation in range(1, 12):
        for seed in range(5):
            chip.restore()
            chip.start()
            chip.poll(2000)
            chip.set(macs=STEP - 5)
            chip.cut(operation, seed)
            try:
                answer = chip.write(Command.RUN, RUN)
            except PowerCut:
                answer = None
            chip.power_cycle()
            assert count(chip) in ((2 * STEP,) if answer else (STEP, 2 * STEP))
        if answer:
            assert operation > 1
            return
    pytest.fail("a reservation needs no end of flash operations")
