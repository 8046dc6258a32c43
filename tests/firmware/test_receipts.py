"""Log mode (b): the accelerator is held after a snapshot until the log server's receipts are there."""

import random

import pytest

from formats.configuration import LogMode
from formats.flash import JournalRecord
from formats.link import ChipError, Command
from formats.statement import Kind
from tests.firmware.flash_bed import u64
from tests.firmware.host_build import WRITE, PowerCut, claim, error, facts, frame, packet, unframe
from tests.firmware.verifier import start

NONCE = bytes(range(1, 33))
RUN = {"addr": 64, "count": 3, "iterations": 5, "open": 4096, "end": 8192}
HELD = error(ChipError.HELD)
UNSIGNED = error(ChipError.UNSIGNED)
NOT_FOUND = error(ChipError.NOT_FOUND)


@pytest.fixture
def chip(driver, verifier):
    """In mode (b), booted, with a run in progress that lasts."""
    start(driver, verifier.configuration(LogMode.SERVER), run_cycles=10**7)
    driver.write(Command.RUN, RUN)
    return driver


def snapshot(chip) -> int:
    return chip.write(Command.SNAPSHOT, {})["seq"]


def give(chip, receipt: bytes) -> dict:
    return chip.write(Command.RECEIPT, {"data": receipt})


def waits(chip) -> tuple[int, int]:
    answer = chip.read(Command.RECEIPT)
    return answer["held"], answer["seq"]


def is_held(chip) -> bool:
    """By hardware; and a run that is held gets no further."""
    chip.poll(50)
    before = chip.state()["macs"]
    chip.set(run_macs=1)
    chip.advance(10_000)
    chip.set(run_macs=0)
    state = chip.state()
    assert (state["macs"] == before) == bool(state["held"])
    return bool(state["held"])


def test_a_snapshot_holds_the_accelerator_until_its_receipt_is_there(chip, verifier):
    assert waits(chip) == (0, 1) and not is_held(chip)
    seq = snapshot(chip)
    assert waits(chip) == (1, seq) and is_held(chip)
    assert give(chip, verifier.receipt(chip.statement(seq))) == {}
    assert waits(chip) == (0, seq + 1) and not is_held(chip)
    chip.advance(10**8)
    assert chip.write(Command.RUN, RUN) == {"records": 2}


def test_without_its_receipt_no_run_begins_though_the_hardware_would_let_it(chip, verifier):
    seq = snapshot(chip)
    chip.warm_reset()
    chip.poll(1000)
    assert not chip.state()["held"], "a reset has ended the hold, and zeroised memory"
    assert waits(chip) == (1, seq)
    assert chip.write(Command.RUN, RUN) == HELD
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == {"records": 1}
    assert chip.write(Command.ATTEST, {"nonce": NONCE})["seq"] == seq + 2
    assert give(chip, verifier.receipt(chip.statement(seq))) == {}
    assert chip.write(Command.RUN, RUN) == {"records": 2}


def test_a_receipt_for_something_else_releases_nothing(chip, verifier, stranger):
    seq = snapshot(chip)
    statement, other = chip.statement(seq), chip.statement(0)
    good = verifier.receipt(statement)
    wrong = {
        "another chip": verifier.receipt(statement, ueid=b"\x01" + bytes(16)),
        "another seq": verifier.receipt(statement, seq=seq + 1),
        "an earlier seq": verifier.receipt(statement, seq=0),
        "another statement": verifier.receipt(other, seq=seq),
        "another key": stranger.receipt(statement),
        "an approval": verifier.approval(seq, bytes(32)),
        "untagged": good[1:],
        "longer": good + b"\0",
        "shorter": good[:-1],
        "nothing": b"",
        "one byte": b"\xd2",
    }
    for what, receipt in wrong.items():
        assert give(chip, receipt) == UNSIGNED, what
    before = chip.lasting_state()
    source = random.Random(5)
    for at in [*range(180), *(source.randrange(180, len(good)) for _ in range(60))]:
        changed = bytearray(good)
        changed[at] ^= 1 << source.randrange(8)
        assert give(chip, bytes(changed)) == UNSIGNED, at
    assert chip.lasting_state() == before and waits(chip) == (1, seq) and is_held(chip)
    assert give(chip, good) == {}


def test_a_receipt_that_is_sent_again_is_not_taken_for_another(chip, verifier):
    assert give(chip, verifier.receipt(chip.statement(0))) == NOT_FOUND
    first = snapshot(chip)
    receipt = verifier.receipt(chip.statement(first))
    sent = frame(packet(Command.RECEIPT, {"data": receipt, "id": 9}, operation=WRITE, sequence=7))
    answers = chip.exchange(sent)
    assert chip.exchange(sent) == answers
    assert give(chip, receipt) == NOT_FOUND
    second = snapshot(chip)
    assert give(chip, receipt) == UNSIGNED
    assert waits(chip) == (1, second)


def test_several_snapshots_get_their_receipts_in_order(chip, verifier):
    first = snapshot(chip)
    chip.write(Command.ATTEST, {"nonce": NONCE})
    chip.set(random=1)
    chip.poll(1000)
    second, third = first + 2, snapshot(chip)
    assert [facts(chip, seq)[0] for seq in (second, third)] == [Kind.SNAPSHOT] * 2
    receipts = {seq: verifier.receipt(chip.statement(seq)) for seq in (first, second, third)}
    for seq in (third, second):
        assert give(chip, receipts[seq]) == UNSIGNED
    for seq, then in ((first, second), (second, third)):
        assert give(chip, receipts[seq]) == {}
        assert waits(chip) == (1, then) and is_held(chip)
    assert give(chip, receipts[third]) == {}
    assert waits(chip) == (0, third + 1) and not is_held(chip)


@pytest.mark.parametrize("moment", range(0, 400, 20))
def test_a_snapshot_between_receipt_and_release_is_not_released(chip, verifier, moment):
    seq = snapshot(chip)
    receipt = verifier.receipt(chip.statement(seq))
    chip.feed(frame(packet(Command.RECEIPT, {"data": receipt}, operation=WRITE)))
    chip.poll(moment)
    chip.set(random=1)
    chip.poll(3000)
    assert len(unframe(chip.take())) == 1
    assert waits(chip) == (1, seq + 1) and is_held(chip)


def test_receipts_are_remembered_without_power(chip, verifier):
    first = snapshot(chip)
    second = snapshot(chip)
    assert give(chip, verifier.receipt(chip.statement(first))) == {}
    chip.power_cycle()
    assert waits(chip) == (1, second)
    assert chip.write(Command.RUN, RUN) == HELD
    assert give(chip, verifier.receipt(chip.statement(second))) == {}
    chip.power_cycle()
    assert waits(chip) == (0, chip.read(Command.INFO)["seq"])
    assert chip.write(Command.RUN, RUN) == {"records": 1}


def test_power_that_fails_while_a_receipt_is_taken_leaves_it_missing_or_there(chip, verifier):
    seq = snapshot(chip)
    receipt = verifier.receipt(chip.statement(seq))
    chip.save()
    outcomes = set()
    for count in range(1, 20):
        for seed in range(5):
            chip.restore()
            chip.start()
            chip.poll(2000)
            chip.cut(count, seed)
            try:
                answer = give(chip, receipt)
            except PowerCut:
                answer = None
            chip.power_cycle()
            held, awaited = waits(chip)
            assert (held, awaited) in ((1, seq), (0, chip.read(Command.INFO)["seq"]))
            if answer is not None:
                assert (answer, held, outcomes) == ({}, 0, {0, 1})
                return
            outcomes.add(held)
            if held:
                assert chip.write(Command.RUN, RUN) == HELD
                assert give(chip, receipt) == {}
            assert chip.write(Command.RUN, RUN) == {"records": 1}
    pytest.fail("the receipt needs no end of flash operations")


@pytest.mark.parametrize("failure", [(1, 0), (0, 1)])
def test_when_flash_fails_a_receipt_is_not_taken(chip, verifier, failure):
    seq = snapshot(chip)
    receipt = verifier.receipt(chip.statement(seq))
    chip.batch([("f", u64(*failure))])
    assert give(chip, receipt) == error(ChipError.HARDWARE)
    assert waits(chip) == (1, seq) and is_held(chip)
    chip.batch([("f", u64(0, 0))])
    chip.warm_reset()
    chip.poll(1000)
    assert waits(chip) == (1, seq)
    assert give(chip, receipt) == {}


def test_a_snapshot_whose_statement_flash_does_not_take_keeps_the_accelerator_held(chip):
    chip.batch([("f", u64(0, 1))])
    assert chip.write(Command.SNAPSHOT, {}) == error(ChipError.HARDWARE)
    assert chip.state()["statements"] == 2
    assert is_held(chip) and waits(chip)[0] == 1
    chip.batch([("f", u64(0, 0))])


def test_a_statement_that_cannot_be_read_waits_for_a_truncation(chip, verifier):
    seq = snapshot(chip)
    statement = chip.statement(seq)
    for _ in range(14):
        chip.write(Command.ATTEST, {"nonce": NONCE})
    chip.write_flash(chip.flash(0, 1 << 18).index(statement) + 200, bytes(4))
    chip.power_cycle()
    assert waits(chip) == (1, seq)
    assert give(chip, verifier.receipt(statement)) == NOT_FOUND
    last = chip.read(Command.INFO)["seq"] - 1
    chain = claim(chip.statement(last), "chain")
    assert chip.write(Command.TRUNCATE, {"data": verifier.approval(last, chain)}) == {"seq": last + 1}
    assert waits(chip)[0] == 0
    assert chip.write(Command.RUN, RUN) == {"records": 1}


def test_mode_a_holds_nothing_and_knows_no_receipts(driver, verifier):
    start(driver, verifier.configuration(LogMode.FLASH), run_cycles=10**7)
    driver.write(Command.RUN, RUN)
    seq = snapshot(driver)
    assert driver.read(Command.RECEIPT)["held"] == 0 and not is_held(driver)
    assert give(driver, verifier.receipt(driver.statement(seq))) == NOT_FOUND
    driver.batch([("i", b"")])
    assert driver.batch([("g", u64(JournalRecord.RECEIPTED))]) == [b""]


def test_a_configuration_that_is_not_the_fuses_signs_and_holds_nothing(driver, verifier):
    driver.new()
    driver.configure(verifier.configuration(LogMode.SERVER))
    driver.burn(64, bytes(32))
    driver.start(run_cycles=10**7)
    driver.poll(2000)
    seq = snapshot(driver)
    assert not driver.state()["held"]
    assert give(driver, verifier.receipt(driver.statement(seq))) == NOT_FOUND
    approval = verifier.approval(seq, bytes(32))
    assert driver.write(Command.TRUNCATE, {"data": approval}) == UNSIGNED
    assert driver.read(Command.CONFIGURATION)["data"] == verifier.configuration(LogMode.SERVER).encode()
