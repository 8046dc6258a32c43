"""Log and journal in flash that was damaged: what is intact is kept, and less is never passed off as all."""

import random
import struct
import zlib

import pytest

from formats.flash import JOURNAL_OFFSET, LOG_MAGIC, SECTOR_BYTES, JournalRecord
from tests.firmware.flash_bed import (
    SECTOR_STATEMENTS,
    SECTORS,
    STATEMENT_BYTES,
    History,
    Status,
    carry_out,
    check,
    fresh,
    headers,
    initialise,
    place,
    power_on,
    put,
    read,
    status,
    truncated,
    u64,
)
from tests.firmware.host_build import HostChip

RECORD_BYTES = 8 + STATEMENT_BYTES
BLANK = b"\xff" * SECTOR_BYTES
STATEMENTS = 45
NEWEST = (STATEMENTS - 1) // SECTOR_STATEMENTS
NEXT = NEWEST + 1
LAST_RECORD = 16 + (STATEMENTS - 1) % SECTOR_STATEMENTS * RECORD_BYTES
"""Offset of the last statement in the newest sector."""


@pytest.fixture
def history(driver: HostChip) -> History:
    """A log of which six sectors are full and the seventh has three statements."""
    fresh(driver)
    history = History()
    carry_out(driver, history.grow(STATEMENTS))
    assert headers(driver) == [*range(NEWEST + 1), *[None] * (SECTORS - NEXT)]
    return history


def held(number: int) -> range:
    """The statements in a sector."""
    return range(number * SECTOR_STATEMENTS, min(STATEMENTS, (number + 1) * SECTOR_STATEMENTS))


def sector(bed: HostChip, number: int) -> bytes:
    return bed.flash(place(number), SECTOR_BYTES)


def header(sequence: int) -> bytes:
    head = struct.pack("<III", LOG_MAGIC, sequence, sequence ^ 0xFFFFFFFF)
    return head + struct.pack("<I", zlib.crc32(head))


def readable(bed: HostChip, history: History) -> set[int]:
    """Which statements are there; all of them must be right."""
    numbers = range(len(history.statements))
    answers = bed.batch([read(seq) for seq in numbers])
    assert all(answer in (b"", history.statements[seq]) for seq, answer in zip(numbers, answers, strict=True))
    return {seq for seq in numbers if answers[seq]}


def goes_on(bed: HostChip, found: Status, history: History, lost: set[int]) -> None:
    """The log has all but what is lost, and takes more."""
    total = len(history.statements)
    assert found.usable and (found.next, found.chain) == (total, history.chain(total))
    kept = set(range(total)) - lost
    assert readable(bed, history) == kept
    carry_out(bed, history.grow(SECTOR_STATEMENTS + 1))
    again = status(bed)
    assert again.usable and again.chain == history.chain(len(history.statements))
    assert readable(bed, history) == kept | set(range(total, len(history.statements)))


def refuses(bed: HostChip) -> None:
    """Nothing may be signed, and nothing is appended or erased."""
    before = bed.flash(place(0), SECTORS * SECTOR_BYTES)
    found = status(bed)
    assert not found.usable and found.full and found.exhausted
    assert bed.batch([*History().grow(1), *History().note(), ("t", u64(0))]) == [b"\0"] * 3
    assert bed.flash(place(0), SECTORS * SECTOR_BYTES) == before


DAMAGE = {
    "random": lambda old: random.Random(zlib.crc32(old)).randbytes(SECTOR_BYTES),
    "erased": lambda old: BLANK,
    "zeros": lambda old: bytes(SECTOR_BYTES),
    "header lost": lambda old: old[:7] + bytes([old[7] ^ 0x10]) + old[8:],
    "header of another sector": lambda old: header(2 * SECTORS - 1) + old[16:].replace(b"\xff" * 16, bytes(16)),
    "half overwritten": lambda old: bytes(SECTOR_BYTES // 2) + old[SECTOR_BYTES // 2 :],
}


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "header of another sector"])
@pytest.mark.parametrize("number", range(NEWEST))
def test_a_damaged_sector_before_the_newest_is_lost_alone(driver, history, damage, number):
    driver.write_flash(place(number), DAMAGE[damage](sector(driver, number)))
    found = status(driver)
    assert (found.damaged, found.sector) == (1, number)
    goes_on(driver, found, history, set(held(number)))


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "erased"])
@pytest.mark.parametrize("number", [NEWEST, NEXT])
def test_damage_where_later_statements_may_have_been_ends_the_signing(driver, history, damage, number):
    if number == NEXT and damage in ("header lost", "half overwritten"):
        driver.write_flash(place(number), sector(driver, 2))
    driver.write_flash(place(number), DAMAGE[damage](sector(driver, number)))
    refuses(driver)


def test_a_sector_of_a_later_sequence_elsewhere_ends_the_signing(driver, history):
    driver.write_flash(place(2), header(NEXT) + sector(driver, 2)[16:])
    refuses(driver)


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_free_sectors_hold_does_not_matter(driver, history, damage):
    for number in range(NEXT + 1, SECTORS):
        if damage != "header of another sector":
            driver.write_flash(place(number), DAMAGE[damage](sector(driver, 3)))
    goes_on(driver, status(driver), history, set())


@pytest.mark.parametrize("source", range(NEWEST + 1))
def test_copies_of_sectors_are_not_taken_for_others(driver, history, source):
    driver.batch([("u", b"")])
    copy = sector(driver, source)
    for target in set(range(SECTORS)) - {source}:
        driver.batch([("o", b"")])
        driver.write_flash(place(target), copy)
        if target in (NEWEST, NEXT):
            refuses(driver)
            continue
        found = status(driver)
        assert found.damaged == (target < NEWEST)
        now = history.shortened(STATEMENTS)
        goes_on(driver, found, now, set(held(target)) if target < NEWEST else set())


@pytest.mark.parametrize("first", range(NEXT + 1))
def test_swapped_sectors_are_both_lost(driver, history, first):
    driver.batch([("u", b"")])
    for second in range(first + 1, SECTORS):
        driver.batch([("o", b"")])
        pair = sector(driver, first), sector(driver, second)
        driver.write_flash(place(second), pair[0])
        driver.write_flash(place(first), pair[1])
        if first < NEXT and {first, second} & {NEWEST, NEXT}:
            refuses(driver)
        else:
            lost = {seq for number in (first, second) if number < NEXT for seq in held(number)}
            goes_on(driver, status(driver), history.shortened(STATEMENTS), lost)


@pytest.mark.parametrize("source", range(NEWEST))
def test_records_under_another_sectors_header_are_not_believed(driver, history, source):
    driver.batch([("u", b"")])
    for target in set(range(1, NEWEST)) - {source}:
        driver.batch([("o", b"")])
        driver.write_flash(place(target) + 16, sector(driver, source)[16:])
        found = status(driver)
        assert (found.damaged, found.sector) == (1, target)
        goes_on(driver, found, history.shortened(STATEMENTS), set(held(target)))


def test_sectors_of_the_round_before_are_not_taken_for_these(driver):
    fresh(driver)
    history = History()
    carry_out(driver, history.grow(80))
    old = [sector(driver, number) for number in range(SECTORS)]
    carry_out(driver, [truncated(78), ("t", u64(78)), *history.grow(80)])
    newest = max(sequence for sequence in headers(driver) if sequence is not None)
    assert newest == SECTORS + 6
    oldest = 11
    driver.batch([("u", b"")])
    for number in range(11):
        driver.batch([("o", b"")])
        driver.write_flash(place(number), old[number])
        sequence = number + SECTORS
        if sequence in (newest, newest + 1):
            refuses(driver)
            continue
        found, now = status(driver), history.shortened(160)
        assert found.damaged == (sequence < newest), number
        lost = set(range(number * 7 + 112, number * 7 + 119)) if sequence < newest else set()
        assert found.usable and found.next == 160 and found.first == oldest * SECTOR_STATEMENTS
        assert readable(driver, now) == set(range(found.first, 160)) - lost


@pytest.mark.parametrize("number", [2, NEWEST])
def test_flipped_bits_spoil_no_more_than_their_record_or_end_the_signing(driver, history, number):
    driver.batch([("u", b"")])
    choice = random.Random(number)
    end = 16 + len(held(number)) * RECORD_BYTES
    offsets = [*range(16), *choice.sample(range(16, end), 100)]
    offsets += [16 + record * RECORD_BYTES + at for record in range(len(held(number))) for at in range(8)]
    outcomes = set()
    for offset in offsets:
        driver.batch([("o", b"")])
        where, record = place(number) + offset, held(number)[0] + (offset - 16) // RECORD_BYTES
        driver.write_flash(where, bytes([driver.flash(where, 1)[0] ^ 1 << choice.randrange(8)]))
        found, now = status(driver), history.shortened(STATEMENTS)
        if not found.usable:
            assert number == NEWEST
            outcomes.add("refused")
            continue
        lost = set(range(STATEMENTS)) - readable(driver, now)
        if number == NEWEST and offset >= LAST_RECORD:
            # Nothing tells it from an append that power loss interrupted.
            assert (found.next, lost) == (STATEMENTS - 1, {STATEMENTS - 1})
            continue
        assert found.next == STATEMENTS
        is_head = offset < 16 or (offset - 16) % RECORD_BYTES < 4
        assert lost <= set(held(number)) if is_head else lost == {record}
        outcomes.add("all of its record" if lost == {record} else "more")
        assert number != NEWEST or found.damaged
    assert outcomes == ({"refused", "all of its record"} if number == NEWEST else {"all of its record", "more"})


def test_an_erased_newest_sector_is_missed_by_what_the_journal_knows(driver, history):
    """By itself it is what an interrupted append leaves."""
    driver.write_flash(place(NEWEST), BLANK)
    check(driver, status(driver), history.shortened(held(NEWEST)[0]))
    for kind in (JournalRecord.RECEIPTED, JournalRecord.TRUNCATED, JournalRecord.MACS):
        fresh(driver)
        carry_out(driver, history.shortened(0).grow(STATEMENTS))
        carry_out(driver, [put(kind, u64(held(NEWEST)[0] + 1) + bytes(32 if kind is JournalRecord.TRUNCATED else 0))])
        assert status(driver).usable
        driver.write_flash(place(NEWEST), BLANK)
        assert status(driver).usable == (kind is JournalRecord.MACS)


@pytest.mark.parametrize("kind", [JournalRecord.MACS, JournalRecord.RECEIPTED, JournalRecord.TRUNCATED])
@pytest.mark.parametrize("rest", [BLANK, bytes(SECTOR_BYTES)])
def test_a_log_that_is_gone_is_missed_by_what_the_journal_knows(driver, history, kind, rest):
    carry_out(driver, [put(kind, u64(1) + bytes(32 if kind is JournalRecord.TRUNCATED else 0))])
    for number in range(SECTORS):
        driver.write_flash(place(number), rest)
    refuses(driver)


def test_flash_that_never_held_a_log_may_hold_anything(driver):
    fresh(driver)
    driver.write_flash(place(0), random.Random(1).randbytes(SECTORS * SECTOR_BYTES))
    history = History()
    carry_out(driver, history.grow(90))
    check(driver, status(driver), history)


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_is_never_taken_for_statements(driver, history, seed):
    choice = random.Random(seed)
    driver.batch([("u", b"")])
    for _ in range(30):
        driver.batch([("o", b"")])
        hit = choice.sample(range(SECTORS), choice.randrange(1, 6))
        for number in hit:
            at, size = choice.randrange(SECTOR_BYTES), choice.choice([1, 8, 300, SECTOR_BYTES])
            if number in (NEWEST, NEXT):
                # Elsewhere in these two, less may be there than can be told.
                at = choice.randrange(16, LAST_RECORD - 300) if number == NEWEST else 16 + RECORD_BYTES
            data = choice.choice([choice.randbytes(SECTOR_BYTES), bytes(SECTOR_BYTES)])
            driver.write_flash(place(number) + at, data[: min(size, SECTOR_BYTES - at)])
        found = status(driver)
        if not found.usable:
            assert {NEWEST, NEXT} & set(hit)
            continue
        assert (found.next, found.chain) == (STATEMENTS, history.chain(STATEMENTS))
        lost = set(range(STATEMENTS)) - readable(driver, history)
        assert lost <= {seq for number in hit if number < NEXT for seq in held(number)}


def test_recovery_reads_in_proportion_to_the_sectors_held(driver):
    """Of free sectors a word, of held ones header and first record; all of the newest and of the one behind it."""
    fresh(driver)
    history = History()
    empty = 4 * 16
    for count in range(0, 90, 15):
        carry_out(driver, history.grow(count - len(history.statements)))
        counts = driver.batch([power_on(), initialise(), ("n", b"")])[2]
        (bytes_read,) = struct.unpack("<Q", counts[:8])
        sectors = (count + SECTOR_STATEMENTS - 1) // SECTOR_STATEMENTS
        bound = empty + SECTORS * 16 + sectors * (RECORD_BYTES + 24) + 3 * SECTOR_BYTES
        assert bytes_read < bound + 3 * RECORD_BYTES, count
        assert bytes_read >= SECTORS * 4 + sectors * (16 + RECORD_BYTES)


def test_a_damaged_journal_record_gives_way_to_the_one_before(driver):
    fresh(driver)
    carry_out(driver, [put(1, b"configuration"), put(3, b"earlier"), put(2, bytes(1000)), put(3, b"later")])
    expected = [b"configuration", bytes(1000), b"later"]
    for spoilt, now in ((b"", b"later"), (b"later", b"earlier"), (b"earlier", b"")):
        where = driver.flash(JOURNAL_OFFSET, SECTOR_BYTES).index(spoilt)
        driver.write_flash(JOURNAL_OFFSET + where, spoilt[:-1])
        driver.write_flash(JOURNAL_OFFSET + where + len(spoilt) - bool(spoilt), b"\0"[: len(spoilt)])
        expected[2] = now
        assert driver.batch([power_on(), initialise(), *[("g", u64(kind)) for kind in (1, 2, 3)]])[2:] == expected


def test_an_older_journal_sector_stands_in_for_a_damaged_record(driver):
    fresh(driver)
    carry_out(driver, [put(1, b"configuration"), *[put(2, bytes([value]) * 1000) for value in range(5)]])
    second = JOURNAL_OFFSET + SECTOR_BYTES
    content = driver.flash(second, SECTOR_BYTES)
    assert content.startswith(b"LJTL") and content.count(b"configuration") == 1
    driver.write_flash(second + content.index(b"configuration"), b"C")
    get = [power_on(), initialise(), ("g", u64(1)), ("g", u64(2))]
    assert driver.batch(get)[2:] == [b"configuration", b"\4" * 1000]
    carry_out(driver, [put(3, b"more")])
    assert driver.batch(get)[2:] == [b"configuration", b"\4" * 1000]
    # A sector whose header is gone: the one before it is the newest again.
    places = [JOURNAL_OFFSET + number * SECTOR_BYTES for number in (2, 1, 0)]
    driver.write_flash(next(where for where in places if driver.flash(where, 4) == b"LJTL"), bytes(4))
    assert driver.batch([*get, ("g", u64(3))])[2:] == [b"configuration", b"\4" * 1000, b""]


def test_a_journal_record_is_not_looked_for_where_the_next_one_erases(driver):
    fresh(driver)
    carry_out(driver, [put(1, b"configuration"), *[put(2, bytes([value]) * 1000) for value in range(14)]])
    places = [JOURNAL_OFFSET + number * SECTOR_BYTES for number in range(4)]
    assert [driver.flash(where, SECTOR_BYTES).count(b"configuration") for where in places] == [1] * 4
    newest = max(places, key=lambda where: driver.flash(where + 4, 4))
    for where in places:
        if where != places[(places.index(newest) + 1) % 4]:
            driver.write_flash(where + driver.flash(where, SECTOR_BYTES).index(b"configuration"), b"C")
    assert driver.batch([power_on(), initialise(), ("g", u64(1)), ("g", u64(2))])[2:] == [b"", b"\x0d" * 1000]


@pytest.mark.parametrize("failure", [(1, 0), (0, 1)])
def test_a_put_that_flash_does_not_take_leaves_the_record(driver, failure):
    fresh(driver)
    carry_out(driver, [put(1, b"before")])
    driver.batch([("f", u64(*failure))])
    assert driver.batch([put(1, b"behind")]) == [b"\0"]
    driver.batch([("f", u64(0, 0))])
    assert driver.batch([power_on(), initialise(), ("g", u64(1))])[2] == b"before"
    carry_out(driver, [put(1, b"behind")])
    assert driver.batch([("g", u64(1)), power_on(), initialise(), ("g", u64(1))])[::3] == [b"behind"] * 2


def test_records_that_the_journal_does_not_take(driver):
    fresh(driver)
    for kind, size in ((0, 4), (7, 4), (1 << 31, 4), (1, 0), (1, 1025)):
        assert driver.batch([put(kind, bytes(size))]) == [b"\0"]
    carry_out(driver, [put(1, bytes(1024))])
    assert driver.batch([("g", u64(7)), ("g", u64(0xFFFFFFFF)), ("g", u64(1))]) == [b"", b"", bytes(1024)]
