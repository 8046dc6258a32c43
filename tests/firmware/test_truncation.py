"""Truncation: the log forgets what a Verifier has approved, and nothing else, whenever power fails."""

import random

import pytest
from Crypto.Hash import TurboSHAKE128

from formats.flash import JournalRecord
from formats.hashing import Domain
from formats.link import ChipError, Command
from formats.statement import Kind
from tests.firmware.flash_bed import RESERVE, SECTOR_STATEMENTS, SECTORS, History, carry_out, u64
from tests.firmware.host_build import HostChip, PowerCut, claim, error, facts
from tests.firmware.verifier import Verifier, chain_behind

NONCE = bytes(range(1, 33))
UNSIGNED = error(ChipError.UNSIGNED)
NOT_FOUND = error(ChipError.NOT_FOUND)
ALL = (SECTORS - 1) * SECTOR_STATEMENTS


def used(chip: HostChip, verifier: Verifier, statements: int) -> History:
    """A chip that obeys the Verifier, whose log has so many statements of earlier boots; booted."""
    chip.new()
    chip.configure(verifier.configuration())
    chip.batch([("i", b"")])
    history = History()
    carry_out(chip, history.grow(statements))
    chip.power_cycle()
    return history


def truncate(chip: HostChip, approval: bytes) -> dict:
    return chip.write(Command.TRUNCATE, {"data": approval})


def approve(chip: HostChip, verifier: Verifier, seq: int) -> bytes:
    """An approval for a statement that is in the log, or the next."""
    info = chip.read(Command.INFO)
    chain = claim(chip.statement(seq), "chain") if seq < info["seq"] else chain_behind(chip.statement(seq - 1))
    return verifier.approval(seq, chain)


def span(chip: HostChip) -> tuple[int, int]:
    info = chip.read(Command.INFO)
    return info["first"], info["seq"]


def kind(chip: HostChip, seq: int) -> int:
    return claim(chip.statement(seq), "kind")[0]


def journal(chip: HostChip) -> bytes:
    chip.batch([("i", b"")])
    return chip.batch([("g", u64(JournalRecord.TRUNCATED))])[0]


def check_truncate_statement(chip: HostChip, seq: int, approval: bytes) -> None:
    statement = chip.statement(seq)
    assert claim(statement, "kind")[0] == Kind.TRUNCATE
    assert claim(statement, "nonce") == bytes(32)
    assert claim(statement, "digest") == TurboSHAKE128.new(data=approval, domain=Domain.APPROVAL).read(32)


@pytest.mark.parametrize("seq", [7, 8, 20, 39, 40, 41])
def test_what_is_approved_is_forgotten_by_sectors_and_the_rest_is_kept(driver, verifier, seq):
    history = used(driver, verifier, 40)
    approval = approve(driver, verifier, seq)
    assert truncate(driver, approval) == {"seq": 41}
    first, following = span(driver)
    assert first == min(seq, 40) // SECTOR_STATEMENTS * SECTOR_STATEMENTS and following == 42
    for number in range(40):
        answer = driver.read(Command.STATEMENT, {"seq": number})
        assert answer == ({"seq": number, "data": history.statements[number]} if number >= first else NOT_FOUND)
    check_truncate_statement(driver, 41, approval)
    assert claim(driver.statement(41), "chain") == chain_behind(driver.statement(40))
    driver.power_cycle()
    assert span(driver) == (first, 43)
    assert journal(driver)[:8] == u64(seq)


def test_an_approval_for_something_else_frees_nothing(driver, verifier, stranger):
    used(driver, verifier, 40)
    chain = claim(driver.statement(30), "chain")
    good = verifier.approval(30, chain)
    before = driver.lasting_state()
    refused = {
        "another chip": (verifier.approval(30, chain, ueid=b"\x01" + bytes(16)), UNSIGNED),
        "another chain": (verifier.approval(30, claim(driver.statement(29), "chain")), UNSIGNED),
        "another seq's chain": (verifier.approval(29, chain), UNSIGNED),
        "no chain": (verifier.approval(30, bytes(32)), UNSIGNED),
        "another key": (stranger.approval(30, chain), UNSIGNED),
        "a receipt": (verifier.receipt(driver.statement(30)), UNSIGNED),
        "a statement not made yet": (verifier.approval(42, chain_behind(driver.statement(40))), NOT_FOUND),
        "a statement in 2**64": (verifier.approval((1 << 64) - 1, chain), NOT_FOUND),
        "longer": (good + b"\0", UNSIGNED),
        "shorter": (good[:-1], UNSIGNED),
        "nothing": (b"", UNSIGNED),
    }
    for what, (approval, answer) in refused.items():
        assert truncate(driver, approval) == answer, what
    source = random.Random(6)
    for at in [*range(180), *(source.randrange(180, len(good)) for _ in range(60))]:
        changed = bytearray(good)
        changed[at] ^= 1 << source.randrange(8)
        assert truncate(driver, bytes(changed)) in (UNSIGNED, NOT_FOUND), at
    assert driver.lasting_state() == before and span(driver) == (0, 41)
    assert truncate(driver, good) == {"seq": 41}


def test_without_a_verifier_nothing_is_truncated(driver, verifier):
    driver.boot()
    assert truncate(driver, verifier.approval(0, bytes(32))) == UNSIGNED


def test_an_approval_can_be_repeated_and_an_earlier_one_takes_nothing_back(driver, verifier):
    used(driver, verifier, 40)
    earlier, later = (approve(driver, verifier, seq) for seq in (36, 38))
    assert truncate(driver, later) == {"seq": 41}
    known = journal(driver)
    for number, approval in enumerate((later, later, earlier), start=42):
        assert truncate(driver, approval) == {"seq": number}
        check_truncate_statement(driver, number, approval)
        assert journal(driver) == known, "recovery still knows of the later statement"
        assert span(driver) == (35, number + 1)


def test_a_log_that_is_used_up_is_truncated_then_booted_then_says_so(driver, verifier):
    history = used(driver, verifier, ALL)
    assert driver.state()["statements"] == 0 and span(driver) == (0, ALL)
    assert driver.write(Command.ATTEST, {"nonce": NONCE}) == error(ChipError.LOG_FULL)
    approval = verifier.approval(ALL, history.chain(ALL))
    assert truncate(driver, approval) == {"seq": ALL + 1}
    assert facts(driver, ALL)[0] == Kind.BOOT
    check_truncate_statement(driver, ALL + 1, approval)
    assert driver.write(Command.ATTEST, {"nonce": NONCE}) == {"seq": ALL + 2}
    assert driver.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == {"records": 1}
    driver.power_cycle()
    assert facts(driver, ALL + 3)[0] == Kind.BOOT


def test_an_approval_that_frees_nothing_of_a_log_that_is_used_up_changes_nothing(driver, verifier):
    used(driver, verifier, ALL)
    assert truncate(driver, approve(driver, verifier, 3)) == error(ChipError.LOG_FULL)
    assert span(driver) == (0, ALL) and driver.state()["statements"] == 0
    assert truncate(driver, approve(driver, verifier, 7)) == {"seq": ALL + 1}


def test_a_full_log_takes_work_again_after_a_truncation(driver, verifier):
    used(driver, verifier, ALL - RESERVE)
    work = {"addr": 0, "data": bytes(8)}
    assert driver.write(Command.MEMORY, work) == error(ChipError.LOG_FULL)
    driver.set(random=1)
    driver.poll(1000)
    assert "seq" in truncate(driver, approve(driver, verifier, ALL - RESERVE))
    assert driver.write(Command.MEMORY, work) == {"records": 1}
    driver.poll(2000)
    last = span(driver)[1] - 1
    assert facts(driver, last)[0] == Kind.SNAPSHOT, "the capture that waited is stated"


def test_a_log_that_cannot_be_recovered_is_not_truncated(driver, verifier):
    used(driver, verifier, 20)
    known = journal(driver)
    driver.write_flash(0x30000 + 2 * 4096 + 8, bytes(4088))
    driver.power_cycle()
    assert truncate(driver, verifier.approval(0, bytes(32))) == error(ChipError.HARDWARE)
    assert journal(driver) == known


def carry_out_with_cuts(chip: HostChip, verifier: Verifier, statements: int, seq: int) -> set[bool]:
    """Cuts power in every flash operation of a truncation, in every way; returns what the journal then knew."""
    history = used(chip, verifier, statements)
    approval = verifier.approval(seq, history.chain(seq))
    chip.save()
    before = span(chip)
    known: set[bool] = set()
    for count in range(1, 80):
        finished = 0
        for seed in range(5):
            chip.restore()
            chip.start()
            chip.poll(2000)
            chip.cut(count, seed)
            try:
                answer = truncate(chip, approval)
            except PowerCut:
                answer = None
            chip.power_cycle()
            first, following = span(chip)
            known.add(first > before[0])
            kept = min(seq, statements - 1) // SECTOR_STATEMENTS * SECTOR_STATEMENTS
            # A sector may by now begin with statement `seq`.
            assert first == before[0] or kept <= first <= seq
            assert [chip.statement(number) for number in range(first, statements)] == history.statements[first:]
            kinds = [kind(chip, number) for number in range(statements, following)]
            chain = history.chain(statements)
            for number in range(statements, following):
                statement = chip.statement(number)
                assert claim(statement, "chain") == chain
                chain = chain_behind(statement)
            if answer is not None:
                assert answer == {"seq": kinds.index(Kind.TRUNCATE) + statements} and first >= kept
                finished += 1
            assert "seq" in truncate(chip, approval)
            assert kept <= span(chip)[0] <= seq
        assert finished in (0, 5)
        if finished:
            return known
    raise AssertionError("a truncation needs no end of flash operations")


@pytest.mark.parametrize(("statements", "seq"), [(20, 15), (ALL - 1, ALL - 1), (ALL, ALL)])
def test_power_that_fails_at_any_flash_operation_of_a_truncation(driver, verifier, statements, seq):
    assert carry_out_with_cuts(driver, verifier, statements, seq) == {False, True}
