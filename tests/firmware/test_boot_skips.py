"""Single faults: each instruction that the boot ROM's binary executes on a bad image is skipped once; none starts it.

Each run continues from the state before one instruction as if that were not there, to its end: nothing is pruned or
sampled. Execution of anything in SRAM counts as a start; that fetches from SRAM need a locked measurement is the
hardware's part (rtl/cpu.py). What a run leaves as evidence of the first of the two verifications is looked at too.
"""

import pytest

from formats.boot import BootError
from formats.configuration import Configuration
from formats.image import HEADER_BYTES
from tests.firmware.boot_images import (
    CONFIRMED,
    good,
    maker,
    map_hash,
    provision,
    put_configuration,
    signed,
    unsigned,
)
from tests.firmware.unicorn_chip import Findings, Outcome, build_rom, notes, skip_each

LEAST = 20_000
"""Instructions in the shortest of these boots: a campaign of fewer would not have covered one."""


def flipped(chip) -> None:
    provision(chip)
    contents = bytearray(good())
    contents[HEADER_BYTES + 100] ^= 4
    chip.put_image(0, bytes(contents), *CONFIRMED)


def of_another_key(chip) -> None:
    provision(chip)
    chip.put_image(0, signed(unsigned(), "somebody else"), *CONFIRMED)


def of_another_lower_tree(chip) -> None:
    provision(chip, firmware_key=maker("two levels", 2).public_key)
    chip.put_image(0, signed(unsigned(), "other two", 2), *CONFIRMED)


def downgraded(chip) -> None:
    provision(chip, floor=2)
    chip.put_image(0, good(), *CONFIRMED)


def of_another_chip(chip) -> None:
    provision(chip)
    chip.put_image(0, good(map_of=map_hash() ^ 1), *CONFIRMED)


def never_marked(chip) -> None:
    provision(chip)
    chip.put_image(0, signed(unsigned(), "somebody else"))


def of_another_configuration(chip) -> None:
    provision(chip)
    put_configuration(chip, Configuration(maker("somebody else").public_key).encode())
    chip.put_image(0, signed(unsigned(), "somebody else"), *CONFIRMED)


BAD = {
    "body": (flipped, "verify_slot"),
    "key": (of_another_key, "verify_slot"),
    "version": (downgraded, "verify_slot"),
    "chip": (of_another_chip, "verify_slot"),
    "configuration": (of_another_configuration, "configuration_get"),
}
"""What is wrong -> how the chip is made, and the function from which on instructions are skipped."""


def campaign(name: str, plain: bool = False) -> Findings:
    prepare, first = BAD[name]
    outcome, findings = skip_each(build_rom(plain), prepare, first)
    assert outcome is Outcome.RECOVERY
    return findings


@pytest.mark.parametrize("name", BAD)
def test_no_skipped_instruction_starts_a_bad_image(name):
    findings = campaign(name)
    print(f"{name}: {findings.instructions} instructions, {[int(count) for count in findings.outcomes]}")
    found = list(notes(build_rom(), findings))
    assert findings.outcomes[Outcome.ENTERED] == 0, found
    assert findings.convinced == 0, found
    assert sum(findings.outcomes) == findings.instructions
    assert findings.instructions > (1_000 if name == "configuration" else LEAST)


@pytest.mark.parametrize("name", ["key", "version"])
def test_the_campaign_finds_what_a_plain_rom_lets_through(name):
    findings = campaign(name, plain=True)
    assert findings.outcomes[Outcome.ENTERED] > 0
    assert any("verify_slot" in note or "image_check" in note for note in notes(build_rom(plain=True), findings))


def test_without_a_skip_the_good_image_starts():
    def prepare(chip) -> None:
        provision(chip)
        chip.put_image(0, good(), *CONFIRMED)

    outcome, findings = skip_each(build_rom(), prepare, "rom_start")
    assert outcome is Outcome.ENTERED
    assert 10 < findings.instructions < 60
    assert findings.outcomes[Outcome.ENTERED] > 0
    assert BootError.NONE == 0
