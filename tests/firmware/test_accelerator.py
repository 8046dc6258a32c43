"""Runs, the accelerator's state and precommitments on the modelled chip."""

import pytest

from formats.descriptor import AcceleratorError
from formats.link import ChipError, Command
from formats.statement import Kind
from tests.firmware.host_build import READ, claim, error

RUN = {"addr": 64, "count": 3, "iterations": 5, "open": 4096, "end": 8192}
DIGEST = bytes(range(1, 33))
CYCLES = 10**8
"""Of a run: longer than any exchange."""


@pytest.fixture
def chip(chip):
    chip.set(run_cycles=CYCLES)
    return chip


def state(chip) -> dict[str, int]:
    return chip.read(Command.ACCELERATOR)


def test_a_run_is_a_record(chip):
    assert chip.write(Command.RUN, RUN) == {"records": 1}
    assert state(chip)["busy"] == 1
    chip.advance(CYCLES)
    assert state(chip) == {"busy": 0, "error": 0, "at": 0, "busy_cycles": CYCLES, "stall_cycles": 0}


def test_records_that_must_wait_are_busy(chip):
    chip.write(Command.RUN, RUN)
    inside, outside, across = ({"addr": at, "data": bytes(16)} for at in (8176, 0, 8184))
    assert chip.write(Command.MEMORY, inside) == {"records": 2}
    assert chip.write(Command.TRIGGER, {"rate": 5}) == {"records": 3}
    for command, body in ((Command.MEMORY, outside), (Command.MEMORY, across), (Command.RUN, RUN)):
        assert chip.write(command, body) == error(ChipError.BUSY)
    assert chip.write(Command.ACCELERATOR, {}) == error(ChipError.BUSY)
    chip.advance(CYCLES)
    assert chip.write(Command.MEMORY, outside) == {"records": 4}
    assert chip.write(Command.RUN, RUN) == {"records": 5}


def test_statements_are_made_during_a_run(chip):
    chip.write(Command.RUN, RUN)
    assert chip.write(Command.ATTEST, {"nonce": DIGEST}) == {"seq": 1}


def test_a_stopped_accelerator_takes_no_run_until_it_is_cleared(chip):
    chip.set(run_error=AcceleratorError.BOUNDS)
    chip.write(Command.RUN, RUN)
    chip.advance(CYCLES)
    assert (state(chip)["error"], state(chip)["at"]) == (AcceleratorError.BOUNDS, 64)
    assert chip.write(Command.RUN, RUN) == error(ChipError.STOPPED)
    assert chip.write(Command.MEMORY, {"addr": 0, "data": bytes(8)}) == {"records": 2}
    assert chip.write(Command.ACCELERATOR, {}) == {}
    assert (state(chip)["error"], state(chip)["at"]) == (0, 0)
    assert chip.write(Command.RUN, RUN) == {"records": 3}


@pytest.mark.parametrize(
    "change, expected",
    (
        ({"addr": 4}, ChipError.MISALIGNED),
        ({"addr": 1 << 32}, ChipError.OUT_OF_RANGE),
        ({"count": 1 << 32}, ChipError.OUT_OF_RANGE),
        ({"end": 1 << 63}, ChipError.OUT_OF_RANGE),
        ({"iterations": "5"}, ChipError.MALFORMED),
        ({"open": None}, ChipError.MALFORMED),
    ),
)
def test_malformed_runs(chip, change, expected):
    assert chip.write(Command.RUN, {**RUN, **change}) == error(expected)
    assert chip.state()["records"] == 0


@pytest.mark.parametrize("missing", RUN)
def test_a_run_needs_every_field(chip, missing):
    body = {key: value for key, value in RUN.items() if key != missing}
    assert chip.write(Command.RUN, body) == error(ChipError.MALFORMED)


def test_a_precommitment_is_a_statement_with_its_digest(chip):
    assert chip.write(Command.PRECOMMIT, {"digest": DIGEST}) == {"seq": 1}
    statement = chip.statement(1)
    assert claim(statement, "kind")[0] == Kind.PRECOMMIT
    assert (claim(statement, "digest"), claim(statement, "nonce")) == (DIGEST, bytes(32))
    assert chip.write(Command.ATTEST, {"nonce": DIGEST}) == {"seq": 2}
    assert claim(chip.statement(2), "digest") == bytes(32)
    for digest in (bytes(32), bytes(31), b"", DIGEST + b"x"):
        assert chip.write(Command.PRECOMMIT, {"digest": digest}) == error(ChipError.MALFORMED)


def test_commands_know_their_operation(chip):
    for command in (Command.RUN, Command.PRECOMMIT):
        answer = chip.request(command, RUN, operation=READ)
        assert answer == error(ChipError.UNKNOWN_COMMAND)
