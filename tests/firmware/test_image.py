"""The firmware image: reproducible, measured, within the ROM, and what the chip's memory map says."""

import json
import shutil
import struct

import pytest
from Crypto.Hash import TurboSHAKE128

from firmware import build as firmware_build
from rtl.config import CONFIGS
from tests.firmware.riscv import elf_symbols


@pytest.mark.parametrize("name", CONFIGS)
def test_the_image_fits_the_rom_and_holds_its_measurement(name):
    path = firmware_build.build(name)
    image = path.read_bytes()
    assert len(image) <= CONFIGS[name].rom_bytes
    assert len(image) % 8 == 0
    application = image[firmware_build.APPLICATION_OFFSET :]
    digest = TurboSHAKE128.new(data=application, domain=0x06).read(32)
    assert firmware_build.measurement(name) == digest
    reference = json.loads((path.parent / "measurement.json").read_text())
    assert reference == {"config": name, "measurement": digest.hex(), "security_version": 1}
    boot_code = image[: firmware_build.APPLICATION_OFFSET]
    assert boot_code.count(digest + struct.pack("<I", reference["security_version"])) == 1


def test_the_image_is_the_same_wherever_and_whenever_it_is_built(tmp_path):
    built = firmware_build.build("test").read_bytes()
    elsewhere = firmware_build.BUILD / f"elsewhere-{tmp_path.name}"
    elsewhere.mkdir(parents=True)
    try:
        assert firmware_build.compile_image(CONFIGS["test"], elsewhere) == built
        for name in ("app.elf", "rom.elf"):
            assert (elsewhere / name).read_bytes() == (firmware_build.BUILD / "test" / name).read_bytes()
    finally:
        shutil.rmtree(elsewhere)


def test_an_unchanged_image_is_not_built_again():
    path = firmware_build.build("test")
    before = path.stat().st_mtime_ns
    assert firmware_build.build("test") == path
    assert path.stat().st_mtime_ns == before


def test_every_change_of_the_application_changes_the_measurement():
    application = firmware_build.build("test").read_bytes()[firmware_build.APPLICATION_OFFSET :]
    measured = firmware_build.measure(application)
    for at in range(0, len(application), 997):
        changed = bytearray(application)
        changed[at] ^= 0x80
        assert firmware_build.measure(bytes(changed)) != measured


def test_segments_below_the_image_are_refused():
    elf = (firmware_build.build("test").parent / "app.elf").read_bytes()
    assert firmware_build.load_segments(elf, firmware_build.APPLICATION_OFFSET)
    with pytest.raises(ValueError, match="below"):
        firmware_build.load_segments(elf, firmware_build.APPLICATION_OFFSET + 8)
    with pytest.raises(ValueError, match="not a little-endian ELF32"):
        firmware_build.load_segments(b"\x7fELF\x02\x01" + elf[6:], 0)


def test_the_log_has_all_of_sram_but_a_few_kilobytes():
    for name, config in CONFIGS.items():
        elf = (firmware_build.build(name).parent / "app.elf").read_bytes()
        symbols = {symbol: value for symbol, value, *_ in elf_symbols(elf)}
        start, end = symbols["linker_log_start"], symbols["linker_log_end"]
        assert end == 0x1000_0000 + config.sram_bytes - firmware_build.STACK_BYTES
        assert end - start > config.sram_bytes - 9 * 1024
