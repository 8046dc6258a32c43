"""The golden chip over power cycles: its life goes on from what flash knows."""

from dataclasses import replace

import pytest

from formats.otp import Lifecycle
from host.evidence.chain import chain_after
from host.evidence.statement import parse
from sim.golden import chip as golden
from tests.evidence_story import CHIP_ID, CHIP_SEED, PAGES


def lived() -> tuple[golden.Chip, list[bytes]]:
    """A chip with a boot, a snapshot and 1000 multiply-accumulates behind it."""
    chip = golden.Chip(CHIP_ID, CHIP_SEED, pages=PAGES, lifecycle=Lifecycle.PRODUCTION, security_floor=1)
    chip, booted = golden.boot(chip)
    chip, taken = golden.snapshot(golden.wait(chip, 10))
    return replace(chip, macs=1000), [booted, taken]


def test_a_restored_life_continues_seq_chain_and_counts() -> None:
    chip, statements = lived()
    chip, booted = golden.boot(golden.power_on(chip, macs=1 << 30))
    after = parse(booted)
    assert (after.seq, after.bootcount, after.macs) == (2, 2, 1 << 30)
    assert after.chain == chain_after([parse(data) for data in statements])
    assert (after.lifecycle, after.security_floor) == (Lifecycle.PRODUCTION, 1)
    assert golden.power_on(chip) == chip


def test_a_lost_log_begins_anew_under_the_same_key() -> None:
    chip, statements = lived()
    chip, booted = golden.boot(golden.power_on(chip, forgets=True))
    again = parse(booted)
    assert (again.seq, again.bootcount, again.macs, again.chain) == (0, 1, 0, golden.ZEROS)
    assert again.signed_by(chip.public_key) and again.lifecycle is parse(statements[0]).lifecycle


def test_work_is_not_forgotten() -> None:
    chip, _ = lived()
    with pytest.raises(ValueError, match="999"):
        golden.power_on(chip, macs=999)
