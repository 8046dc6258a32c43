"""What the log takes, and in what order, on flash that does what it should."""

import struct

import pytest

from tests.firmware.flash_bed import (
    RESERVE,
    SECTOR_STATEMENTS,
    SECTORS,
    STATEMENT_BYTES,
    History,
    Status,
    append,
    carry_out,
    check,
    fresh,
    headers,
    put,
    read,
    status,
    truncated,
    u64,
)

ROOM = (SECTORS - 1) * SECTOR_STATEMENTS
EVENT_BYTES = 8 + 20


@pytest.fixture
def bed(driver):
    fresh(driver)
    return driver


def now(bed) -> Status:
    return Status.decode(bed.batch([("s", b"")])[0])


def test_an_empty_log(bed):
    found = status(bed)
    assert (found.seq, found.bootcount, found.macs, found.chain) == (0, 0, 0, bytes(32))
    assert (found.first, found.next, found.capacity, found.events) == (0, 0, ROOM - RESERVE, 0)
    assert (found.empty, found.full, found.exhausted, found.damaged) == (1, 0, 0, 0)
    assert bed.batch([read(0), ("v", u64(0))]) == [b"", b""]


def test_what_is_appended_is_found_at_once_as_after_power_on(bed):
    history = History()
    for count in range(1, 30):
        carry_out(bed, history.grow(1) if count % 4 else history.note())
        check(bed, now(bed), history)
        check(bed, status(bed), history)


def test_the_reserve_begins_where_the_log_is_full_and_ends_where_it_is_exhausted(bed):
    history = History()
    carry_out(bed, history.grow(ROOM - RESERVE - 1))
    for left in range(RESERVE + 1, 0, -1):
        found = now(bed)
        assert (found.full, found.exhausted) == (left <= RESERVE, 0)
        carry_out(bed, history.grow(1))
    assert (now(bed).full, now(bed).exhausted) == (1, 1)
    refused = history.shortened(ROOM).grow(1)
    assert bed.batch(refused) == [b"\0"]
    check(bed, status(bed), history)
    assert now(bed).exhausted and bed.batch(refused) == [b"\0"]


def test_a_statement_out_of_its_order_is_not_appended(bed):
    history = History()
    carry_out(bed, history.grow(3))
    (other,) = history.shortened(3).grow(1)
    wrong = [append(2, history.statements[2]), append(4, other[1][8:]), append(3, history.statements[2])]
    assert bed.batch(wrong) == [b"\0"] * 3
    check(bed, status(bed), history)


def test_events_leave_room_for_boots(bed):
    history = History()
    carry_out(bed, history.grow(ROOM - 2 * SECTOR_STATEMENTS))
    for _ in range(1000):
        if bed.batch(history.note()) == [b"\0"]:
            history.events.pop()
            break
    beside_statements = (4080 - SECTOR_STATEMENTS * (8 + STATEMENT_BYTES)) // EVENT_BYTES
    assert len(history.events) == 4080 // EVENT_BYTES + 2 * beside_statements
    check(bed, status(bed), history)
    carry_out(bed, history.grow(SECTOR_STATEMENTS))
    check(bed, status(bed), history)


def test_sectors_of_nothing_but_events(bed):
    """The last statement then stands in a sector before the newest."""
    history = History()
    carry_out(bed, [*history.grow(9), *history.note(400)])
    assert len([sequence for sequence in headers(bed) if sequence is not None]) == 5
    check(bed, status(bed), history)
    carry_out(bed, history.grow(3))
    check(bed, status(bed), history)


def test_events_before_the_first_statement(bed):
    history = History()
    carry_out(bed, history.note(300))
    check(bed, status(bed), history)
    carry_out(bed, history.grow(3))
    check(bed, status(bed), history)


def test_truncation_frees_whole_sectors_and_needs_the_journal(bed):
    history = History()
    carry_out(bed, history.grow(40))
    assert bed.batch([("t", u64(20)), truncated(20), ("t", u64(21)), ("t", u64(41))]) == [b"\0", b"\1", b"\0", b"\0"]
    assert now(bed).first == 0
    carry_out(bed, [("t", u64(20))])
    assert now(bed).first == 14
    check(bed, status(bed), history, kept=20)
    carry_out(bed, [truncated(40), ("t", u64(40))])
    assert now(bed).first == 35
    check(bed, status(bed), history, kept=40)
    assert now(bed).first == 35


def test_a_truncated_log_takes_as_much_again_for_ever(bed):
    history = History()
    for _ in range(6):
        while not now(bed).full:
            carry_out(bed, history.grow(1))
        held = len(history.statements) - now(bed).first
        assert ROOM - RESERVE - SECTOR_STATEMENTS < held <= ROOM
        carry_out(bed, history.grow(RESERVE))
        assert now(bed).exhausted
        kept = len(history.statements) - 3
        carry_out(bed, [truncated(kept), ("t", u64(kept))])
        check(bed, now(bed), history, kept=kept)
        check(bed, status(bed), history, kept=kept)
    assert max(sequence for sequence in headers(bed) if sequence is not None) > 5 * SECTORS


def test_the_count_of_multiply_accumulates_goes_on_at_the_journals(bed):
    history = History()
    carry_out(bed, [*history.grow(5), put(3, u64(1 << 60))])
    check(bed, status(bed), history, macs=1 << 60)
    carry_out(bed, [put(3, u64(17))])
    check(bed, status(bed), history, macs=17)


def test_records_are_as_the_format_says(bed):
    history = History()
    carry_out(bed, [*history.grow(1), *history.note()])
    content = bed.flash(0x30000, 16 + 8 + STATEMENT_BYTES + EVENT_BYTES + 8)
    kind, length = struct.unpack_from("<HH", content, 16)
    assert (kind, length) == (1, STATEMENT_BYTES) and content[24 : 24 + STATEMENT_BYTES] == history.statements[0]
    event = content[24 + STATEMENT_BYTES :]
    assert struct.unpack_from("<HH", event) == (2, 20) and event[8:28] == history.events[0]
    assert event[28:] == b"\xff" * 8
