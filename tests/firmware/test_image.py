"""What firmware/build.py makes: reproducible, measured, signed, and within the memories of the chip."""

import json
import shutil

import pytest

from firmware import build as firmware_build
from formats.image import MAX_BODY_BYTES
from host.evidence.hash_keys import read_hss_public
from host.firmware import image
from rtl.config import CONFIGS
from sim.golden.lms import verify_hss
from tests.firmware.riscv import elf_symbols, stack_depths
from tests.firmware.unicorn_chip import SRAM_BASE


@pytest.mark.parametrize("name", CONFIGS)
def test_the_application_is_an_image_that_the_development_key_signed(name):
    rom = firmware_build.build(name)
    signed = image.parse((rom.parent / "app.signed.bin").read_bytes())
    key = read_hss_public(rom.parent / "firmware_key.pub")
    assert verify_hss(key, signed.signed_bytes, signed.signature)
    assert signed.measured == (rom.parent / "app.unsigned.bin").read_bytes()
    assert signed.body == (rom.parent / "app.bin").read_bytes()
    constants = firmware_build.header_constants((rom.parent / "livetrap_csr.h").read_text())
    assert (signed.load_address, signed.map_hash) == (SRAM_BASE, constants["MAP_HASH"])
    assert (signed.version, signed.security_version) == (firmware_build.VERSION, firmware_build.SECURITY_VERSION)
    assert firmware_build.measurement(name) == signed.measurement
    reference = json.loads((rom.parent / "measurement.json").read_text())
    assert reference == {
        "config": name,
        "measurement": signed.measurement.hex(),
        "security_version": signed.security_version,
    }


@pytest.mark.parametrize("name", CONFIGS)
def test_both_programs_fit_their_memories(name):
    rom = firmware_build.build(name)
    config = CONFIGS[name]
    assert len(rom.read_bytes()) <= config.rom_bytes
    assert len((rom.parent / "app.bin").read_bytes()) <= MAX_BODY_BYTES
    top = SRAM_BASE + config.sram_bytes - firmware_build.HANDOFF_BYTES
    for program in ("rom", "app"):
        symbols = {symbol: value for symbol, value, *_ in elf_symbols((rom.parent / f"{program}.elf").read_bytes())}
        assert symbols["linker_handoff"] == top
        assert symbols["linker_bss_end"] + firmware_build.STACK_BYTES <= top
        if program == "rom":
            assert symbols["linker_bss_start"] == SRAM_BASE + MAX_BODY_BYTES


def test_firmware_is_the_same_wherever_and_whenever_it_is_built(tmp_path):
    built = firmware_build.build("test").parent
    elsewhere = firmware_build.BUILD / f"elsewhere-{tmp_path.name}"
    elsewhere.mkdir(parents=True)
    try:
        firmware_build.compile_firmware(CONFIGS["test"], elsewhere)
        for name in ("rom.bin", "app.unsigned.bin", "app.elf", "rom.elf", "measurement.json"):
            assert (elsewhere / name).read_bytes() == (built / name).read_bytes()
    finally:
        shutil.rmtree(elsewhere)


def test_unchanged_firmware_is_neither_built_nor_signed_again():
    path = firmware_build.build("test")
    before = [(path.parent / name).stat().st_mtime_ns for name in ("rom.bin", "app.signed.bin")]
    assert firmware_build.build("test") == path
    assert [(path.parent / name).stat().st_mtime_ns for name in ("rom.bin", "app.signed.bin")] == before


def test_a_spent_development_key_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(firmware_build, "BUILD", tmp_path)
    monkeypatch.setattr(firmware_build, "DEVELOPMENT_KEY", tmp_path / "key")
    monkeypatch.setattr(firmware_build, "DEVELOPMENT_KEY_HEIGHT", 5)
    unsigned = image.pack(b"1234", SRAM_BASE, image.Version(), 1, 0)
    keys = [firmware_build.sign_for_development(unsigned)[1] for _ in range(33)]
    assert len(set(keys[:32])) == 1 and keys[32] != keys[0]


def test_segments_below_the_image_are_refused():
    elf = (firmware_build.build("test").parent / "app.elf").read_bytes()
    assert firmware_build.load_segments(elf, SRAM_BASE)
    with pytest.raises(ValueError, match="below"):
        firmware_build.load_segments(elf, SRAM_BASE + 8)
    with pytest.raises(ValueError, match="not a little-endian ELF32"):
        firmware_build.load_segments(b"\x7fELF\x02\x01" + elf[6:], 0)


READS_SIGNATURES = dict.fromkeys(("hss_verify", "lead_to_root", "climb"), "hss_read_")
CALLS_COMMANDS = dict.fromkeys(("dispatch_packet", "carry_out"), "command_")
INDIRECT = {"rom": READS_SIGNATURES | {"rom_start": "application_start"}, "app": READS_SIGNATURES | CALLS_COMMANDS}


@pytest.mark.parametrize(("program", "entry"), [("app", "application_start"), ("rom", "rom_reset")])
def test_nothing_recurs_and_the_stack_is_deep_enough(program, entry):
    elf = (firmware_build.build("test").parent / f"{program}.elf").read_bytes()
    depths = stack_depths(elf, INDIRECT[program])
    print(program, depths[entry])
    assert 400 < depths[entry] <= firmware_build.STACK_BYTES // 2
