"""Requests that are not what their command takes: refused without a trace, whatever is wrong with them."""

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats.link import OS_GROUP, ChipError, Command, OsCommand
from tests.firmware.host_build import CONFIG, READ, WRITE, error, frame, packet, response_body

NONCE = bytes(range(32))
SIZE = CONFIG.weight_bytes

REQUESTS = {
    (Command.INFO, READ): {},
    (Command.ATTEST, WRITE): {"nonce": NONCE},
    (Command.SNAPSHOT, WRITE): {"nonce": NONCE},
    (Command.STATEMENT, READ): {"seq": 0},
    (Command.PAGE, READ): {"seq": 0, "off": 0, "len": 8},
    (Command.MEMORY, READ): {"addr": 0, "len": 8},
    (Command.MEMORY, WRITE): {"addr": 0, "data": b"8 bytes."},
    (Command.TRIGGER, READ): {},
    (Command.TRIGGER, WRITE): {"rate": 5},
    (Command.COUNTERS, READ): {},
    (Command.CERTIFICATE, READ): {},
    (Command.CERTIFICATE, WRITE): {"data": b"certificate"},
    (Command.RUN, WRITE): {"addr": 64, "count": 3, "iterations": 5, "open": 4096, "end": 8192},
    (Command.ACCELERATOR, READ): {},
    (Command.ACCELERATOR, WRITE): {},
    (Command.PRECOMMIT, WRITE): {"digest": NONCE},
    (Command.BOOT, READ): {},
    (Command.LIFECYCLE, WRITE): {"state": 2},
    (Command.CONFIGURATION, READ): {},
    (Command.EVENT, READ): {"index": 0},
    (Command.RECEIPT, READ): {},
    (Command.RECEIPT, WRITE): {"data": b"receipt"},
    (Command.TRUNCATE, WRITE): {"data": b"approval"},
}

ILL_FORMED = {
    "no map": b"",
    "null": cbor2.dumps(None),
    "array": cbor2.dumps([]),
    "indefinite map": b"\xbf\xff",
    "trailing byte": b"\xa0\x00",
    "truncated": b"\xa1\x61a",
    "integer key": cbor2.dumps({1: 2}),
    "byte string key": cbor2.dumps({b"seq": 2}),
    "duplicate unknown key": b"\xa2\x61x\x00\x61x\x00",
    "too many pairs": cbor2.dumps({f"k{index}": 0 for index in range(33)}),
    "key not UTF-8": b"\xa1\x61\xff\x00",
    "indefinite value": b"\xa1\x61x\x9f\xff",
}


@pytest.mark.parametrize(("command", "operation"), REQUESTS)
@pytest.mark.parametrize("body", ILL_FORMED.values(), ids=ILL_FORMED)
def test_ill_formed_bodies_are_malformed_and_change_nothing(chip, command, operation, body):
    before = chip.lasting_state()
    assert chip.request(command, operation=operation, encoded=body) == error(ChipError.MALFORMED)
    assert chip.lasting_state() == before


WRONG_TYPES = [None, True, -1, 1.5, [], {}, cbor2.CBORTag(70_000, 1), "text", b"bytes", 7, 1 << 64]


@pytest.mark.parametrize(("command", "operation"), REQUESTS)
def test_missing_doubled_and_wrongly_typed_keys_are_malformed(chip, command, operation):
    body = REQUESTS[command, operation]
    before = chip.lasting_state()
    for key, good in body.items():
        others = {name: value for name, value in body.items() if name != key}
        if (command, operation) != (Command.SNAPSHOT, WRITE):
            assert chip.request(command, others, operation=operation) == error(ChipError.MALFORMED)
        for wrong in WRONG_TYPES:
            if type(wrong) is not type(good) or wrong == 1 << 64:
                answer = chip.request(command, {**body, key: wrong}, operation=operation)
                assert answer == error(ChipError.MALFORMED), (key, wrong)
        pair = cbor2.dumps(key) + cbor2.dumps(good)
        doubled = bytes([0xA0 + len(body) + 1]) + cbor2.dumps(body)[1:] + pair
        assert chip.request(command, operation=operation, encoded=doubled) == error(ChipError.MALFORMED)
    for wrong in ("1", -1, 1 << 32, b"1", None) if operation == WRITE else ():
        assert chip.request(command, {**body, "id": wrong}, operation=operation) == error(ChipError.MALFORMED)
    assert chip.lasting_state() == before


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_nonces_of_another_length_are_malformed(chip, size):
    before = chip.lasting_state()
    for command in (Command.ATTEST, Command.SNAPSHOT):
        assert chip.write(command, {"nonce": b"n" * size}) == error(ChipError.MALFORMED)
    assert chip.lasting_state() == before


def test_a_challenge_of_zeros_is_malformed(chip):
    before = chip.lasting_state()
    for command in (Command.ATTEST, Command.SNAPSHOT):
        assert chip.write(command, {"nonce": bytes(32)}) == error(ChipError.MALFORMED)
    assert chip.lasting_state() == before


@pytest.mark.parametrize(("command", "operation"), REQUESTS)
def test_unknown_keys_are_ignored_whatever_they_hold(driver, command, operation):
    body = REQUESTS[command, operation]
    extra = {"": 0, "zz": [1, {"seq": "x"}, cbor2.CBORTag(99_999, [None])], "seqs": -5, "d": 1.5, "Nonce": b""}
    answers = []
    for request in (body, {**extra, **body}, {**body, **extra}):
        driver.boot()
        answers.append(driver.request(command, request, operation=operation))
    for answer in answers:
        answer.pop("ticks", None)
    assert answers[0] == answers[1] == answers[2]


NUMBERS = st.integers(0, (1 << 64) - 1) | st.sampled_from([0, 8, 16, SIZE - 8, SIZE, 1024, 1 << 32])
ANYTHING = NUMBERS | st.binary(max_size=40) | st.text(max_size=5) | st.none() | st.lists(st.integers(), max_size=3)
KEYS = st.sampled_from(["id", "nonce", "seq", "off", "len", "addr", "data", "rate", "d", "state", "index", "x"])


FIXTURE_IS_RESET = [HealthCheck.function_scoped_fixture]


@settings(deadline=None, derandomize=True, max_examples=300, suppress_health_check=FIXTURE_IS_RESET)
@given(
    command=st.integers(0, 20),
    operation=st.sampled_from([READ, WRITE]),
    group=st.sampled_from([OS_GROUP, 64, 64, 64]),
    version=st.sampled_from([0, 1]),
    body=st.dictionaries(KEYS, ANYTHING, max_size=6),
    damage=st.none() | st.tuples(st.integers(0, 100), st.integers(1, 255)),
)
def test_any_request_is_answered_and_a_refused_one_changes_nothing(
    driver, command, operation, group, version, body, damage
):
    driver.boot()
    encoded = bytearray(cbor2.dumps(body))
    if damage:
        encoded[damage[0] % len(encoded)] ^= damage[1]
    before = driver.lasting_state()
    sent = packet(command, operation=operation, group=group, version=version, encoded=bytes(encoded), sequence=9)
    (answer,) = driver.exchange(frame(sent))
    result = response_body(sent, answer)
    if "rc" in result or "err" in result or operation == READ:
        assert driver.lasting_state() == before
    driver.poll(20_000 if group == OS_GROUP and command == OsCommand.RESET else 0)
    assert driver.read(Command.INFO)["first"] == 0
