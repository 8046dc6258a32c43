"""What is generated from the RTL and from formats/ is what is used and documented."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from formats import boot, configuration, flash, hashing, image, link, lms, otp, records, statement
from rtl.config import CONFIGS
from rtl.generate import REGISTER_MAP, csr_header, formats_header, register_map_document
from rtl.memory_map import map_hash, register_rows, window_rows
from rtl.soc import LivetrapSoC


@pytest.fixture(scope="module")
def soc():
    return LivetrapSoC(CONFIGS["full"])


def test_documented_register_map_is_the_rtl_s(soc):
    assert REGISTER_MAP.read_text() == register_map_document(soc), "run 'make generate'"


def test_header_has_every_register_at_its_address(soc):
    header = csr_header(soc)
    rows = register_rows(soc.processor)
    assert len(rows) > 30
    for peripheral, register, address, _width, access, _fields in rows:
        name = f"{peripheral}_{register}"
        assert f"#define {name.upper()}_ADDRESS 0x{address:08x}u" in header
        assert (f" {name}_read(" in header) == ("r" in access)
        assert (f" {name}_write(uint32_t value)" in header) == ("w" in access)


def test_addresses_do_not_overlap(soc):
    spans = [(base, base + size) for _, base, size in window_rows(soc.processor)]
    spans += [(row[2], row[2] + -(-row[3] // 32) * 4) for row in register_rows(soc.processor)]
    spans.sort()
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_map_hash_depends_on_the_map(soc):
    assert soc.system.map_hash == map_hash(soc.processor)
    assert map_hash(LivetrapSoC(CONFIGS["test"]).processor) != soc.system.map_hash
    assert map_hash(LivetrapSoC(CONFIGS["full"]).processor) == soc.system.map_hash


def test_formats_header_has_every_constant():
    header = formats_header()
    for prefix, members in (
        ("KIND", statement.Kind),
        ("CAUSE", statement.Cause),
        ("RECORD", records.RecordKind),
        ("COMMAND", link.Command),
        ("CHIP_ERROR", link.ChipError),
        ("IMAGE_ERROR", link.ImageError),
        ("DOMAIN", hashing.Domain),
        ("LIFECYCLE", otp.Lifecycle),
        ("BOOT_ERROR", boot.BootError),
        ("JOURNAL_RECORD", flash.JournalRecord),
        ("TLV", image.Tlv),
    ):
        for member in members:
            assert re.search(rf"\b{prefix}_{member.name} = {member.value},", header)
    offset = len(statement.layout().statement_prefix) + statement.layout()["seq"].offset
    assert f"#define CLAIM_SEQ_OFFSET {offset}\n" in header


def test_formats_header_defines_each_name_once():
    names = re.findall(r"#define (\w+) |^    (\w+) = ", formats_header(), re.MULTILINE)
    flat = [defined or member for defined, member in names]
    assert len(flat) > 200 and len(flat) == len(set(flat))


@pytest.mark.parametrize("module", (flash, image, otp, lms, configuration), ids=lambda module: module.__name__)
def test_every_number_of_a_format_is_in_the_header(module):
    """By its own name, or by one that is unique in C."""
    header = formats_header()
    renamed = {
        "MAGIC": f"{module.__name__.split('.')[1].upper()}_MAGIC",
        "HASH_BYTES": "LMS_HASH_BYTES",
        **{f"{name}_OFFSET": f"CONFIGURATION_{name}" for name in ("LOG_MODE", "FIRMWARE_KEY", "VERIFIER_KEY")},
    }
    numbers = [name for name, value in vars(module).items() if isinstance(value, int) and name.isupper()]
    for name in numbers:
        found = re.search(rf"^#define {renamed.get(name, name)} \(?(-?\w+?)u?\)?$", header, re.MULTILINE)
        assert found and int(found[1], 0) == getattr(module, name), name


def test_header_constants_that_are_no_numbers():
    header = formats_header()
    assert '#define CONFIGURATION_MAGIC "LTCONF01"\n' in header
    assert '#define SIGNED_LABEL "livetrap firmware image\\x01"\n' in header
    assert "#define JEDEC_ID 0xef4016u\n" in header
    assert "#define LMS_SHAKE_M24_H10 21\n" in header


@pytest.mark.parametrize("name", CONFIGS)
def test_header_says_where_the_flash_and_its_log_are(name):
    config = CONFIGS[name]
    header = csr_header(LivetrapSoC(config))
    assert f"#define LOG_SECTORS {config.log_sectors}u\n" in header
    assert f"#define FLASH_OFFSET 0x{config.flash_offset:x}u\n" in header


def test_header_says_which_flashes_are_known():
    part = flash.FlashPart("two kinds", 1 << 24, (bytes.fromhex("9d6018"), bytes.fromhex("ef4018")))
    config = replace(CONFIGS["test"], flash_part=part, flash_offset=4 << 20)
    lines = csr_header(LivetrapSoC(config)).splitlines()
    assert "#define FLASH_IS_KNOWN(jedec_id) ((jedec_id) == 0x9d6018u || (jedec_id) == 0xef4018u)" in lines
    assert "#define FLASH_OFFSET 0x400000u" in lines
    modelled = csr_header(LivetrapSoC(CONFIGS["test"])).splitlines()
    assert "#define FLASH_IS_KNOWN(jedec_id) ((jedec_id) == 0xef4016u)" in modelled


def test_cddl_enumerations_are_the_python_ones():
    text = (statement.files("formats") / statement.CDDL).read_text()
    for name, members in (
        ("kind", statement.Kind),
        ("cause", statement.Cause),
        ("lifecycle", [state for state in otp.Lifecycle if state]),
    ):
        body = re.search(rf"^{name} = &\((.*?)\)", text, re.MULTILINE | re.DOTALL)[1]
        pairs = {
            label.replace("-", "_").upper(): int(value) for label, value in re.findall(r"([a-z-]+): (\d+)", body)
        }
        assert pairs == {member.name: member.value for member in members}
