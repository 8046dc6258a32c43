"""What is generated from the RTL and from formats/ is what is used and documented."""

import re
from itertools import pairwise

import pytest

from formats import link, records, statement
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
        assert (f" {name}_read(void)" in header) == ("r" in access)
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
    ):
        for member in members:
            assert re.search(rf"\b{prefix}_{member.name} = {member.value},", header)
    offset = len(statement.layout().statement_prefix) + statement.layout()["seq"].offset
    assert f"#define CLAIM_SEQ_OFFSET {offset}\n" in header


def test_cddl_enumerations_are_the_python_ones():
    text = (statement.files("formats") / statement.CDDL).read_text()
    for name, members in (("kind", statement.Kind), ("cause", statement.Cause)):
        body = re.search(rf"^{name} = &\((.*?)\)", text, re.MULTILINE | re.DOTALL)[1]
        pairs = {
            label.replace("-", "_").upper(): int(value) for label, value in re.findall(r"([a-z-]+): (\d+)", body)
        }
        assert pairs == {member.name: member.value for member in members}
