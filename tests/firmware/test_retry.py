"""The retry rule of formats/link.py: a repeated request is answered again and not carried out again."""

import pytest

from formats.link import ChipError, Command
from tests.firmware.host_build import WRITE, error, frame, packet, response_body

NONCE = bytes(range(32))
CHANGES = [
    (Command.ATTEST, {"nonce": NONCE}),
    (Command.SNAPSHOT, {}),
    (Command.SNAPSHOT, {"nonce": NONCE}),
    (Command.MEMORY, {"addr": 16, "data": b"retry me" * 4}),
    (Command.TRIGGER, {"rate": 99}),
    (Command.CERTIFICATE, {"data": b"certificate"}),
    (Command.PRECOMMIT, {"digest": NONCE}),
    (Command.LIFECYCLE, {"state": 2}),
]


@pytest.mark.parametrize(("command", "body"), CHANGES)
def test_a_retry_gets_the_same_bytes_and_is_not_carried_out(chip, command, body):
    sent = frame(packet(command, {**body, "id": 0xFFFFFFFF}, operation=WRITE, sequence=200))
    (first,) = chip.exchange(sent)
    after = chip.lasting_state()
    for _ in range(3):
        assert chip.exchange(sent) == [first]
        chip.read(Command.INFO)
    assert chip.lasting_state() == after


def test_another_id_or_sequence_is_another_request(chip):
    body = {"addr": 0, "data": bytes(8)}
    for records, (sequence, number) in enumerate(((1, 1), (1, 2), (2, 2), (1, 1)), start=1):
        sent = packet(Command.MEMORY, {**body, "id": number}, operation=WRITE, sequence=sequence)
        (answer,) = chip.exchange(frame(sent))
        assert response_body(sent, answer) == {"records": records}


def test_without_id_every_request_is_carried_out(chip):
    sent = packet(Command.MEMORY, {"addr": 0, "data": bytes(8)}, operation=WRITE, sequence=3)
    for records in (1, 2, 3):
        (answer,) = chip.exchange(frame(sent))
        assert response_body(sent, answer) == {"records": records}


def test_a_refused_request_is_judged_anew_when_repeated(chip):
    body = {"data": b"certificate", "id": 5}
    assert "err" in chip.request(Command.MEMORY, {"addr": 4, "data": bytes(8), "id": 5}, operation=WRITE, sequence=7)
    assert chip.request(Command.CERTIFICATE, body, operation=WRITE, sequence=7) == {}


def test_a_retry_of_a_request_in_progress_gets_one_response(chip):
    for command, body in ((Command.ATTEST, {"nonce": NONCE, "id": 77}), (Command.SNAPSHOT, {"id": 78})):
        before = chip.state()
        sent = frame(packet(command, body, operation=WRITE, sequence=1))
        answers = chip.exchange(sent * 3)
        assert len(answers) == 1
        assert chip.state()["statements"] == before["statements"] + 1
        assert chip.exchange(sent) == answers


def test_while_a_response_is_to_come_changes_are_busy_and_reads_are_served(chip):
    chip.set(statement_cycles=100_000)
    attest = packet(Command.ATTEST, {"nonce": NONCE, "id": 1}, operation=WRITE, sequence=1)
    write = packet(Command.MEMORY, {"addr": 0, "data": b"8 bytes.", "id": 2}, operation=WRITE, sequence=2)
    anonymous = packet(Command.ATTEST, {"nonce": NONCE}, operation=WRITE, sequence=1)
    info = packet(Command.INFO, sequence=3)
    chip.feed(frame(attest))
    chip.poll(50)
    for sent in (write, anonymous):
        (answer,) = chip.exchange(frame(sent), quiet_turns=20)
        assert response_body(sent, answer) == error(ChipError.BUSY)
    (answer,) = chip.exchange(frame(info), quiet_turns=20)
    assert response_body(info, answer)["seq"] == 1
    (answer,) = chip.exchange(b"", quiet_turns=20_000)
    assert response_body(attest, answer) == {"seq": 1}
    assert chip.state()["records"] == 0
    # The refused write was not remembered: with the same id it is now carried out.
    (answer,) = chip.exchange(frame(write))
    assert response_body(write, answer) == {"records": 1}


def test_a_warm_reset_forgets_the_last_request(chip):
    sent = packet(Command.MEMORY, {"addr": 0, "data": b"8 bytes.", "id": 2}, operation=WRITE, sequence=2)
    assert response_body(sent, chip.exchange(frame(sent))[0]) == {"records": 1}
    chip.warm_reset()
    assert response_body(sent, chip.exchange(frame(sent))[0]) == {"records": 1}
    assert chip.weights(0, 8) == b"8 bytes."


def test_a_request_that_broke_off_in_the_hardware_is_not_repeated(chip):
    chip.set(ingest_cycles=1 << 40)
    sent = packet(Command.MEMORY, {"addr": 0, "data": b"8 bytes.", "id": 2}, operation=WRITE, sequence=2)
    (first,) = chip.exchange(frame(sent))
    assert response_body(sent, first) == error(ChipError.HARDWARE)
    chip.advance(1 << 41)
    assert chip.state()["records"] == 1
    chip.set(ingest_cycles=200)
    assert chip.exchange(frame(sent)) == [first]
    assert chip.state()["records"] == 1
