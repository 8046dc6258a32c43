"""The firmware's C headers and the documented register map, generated from the RTL's memory map and formats/."""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

from formats import boot, configuration, countersignature, flash, hashing, image, link, lms, otp, records, statement
from formats.hashing import TICK_CYCLES_LOG2
from rtl.config import CONFIGS, Config
from rtl.memory_map import register_rows, window_rows

GENERATED = "/* Generated from the RTL by rtl/generate.py: change it there. */\n"


def csr_header(soc) -> str:
    """livetrap_csr.h: bases and sizes, field masks, and an accessor for each register."""
    lines = [GENERATED, "#ifndef LIVETRAP_CSR_H\n#define LIVETRAP_CSR_H\n", "#include <stdint.h>\n"]
    for name, base, size in window_rows(soc.processor):
        lines += [f"#define {name.upper()}_BASE 0x{base:08x}u", f"#define {name.upper()}_SIZE {size}u"]
    lines += [
        f"#define PAGE_SIZE {soc.config.page_bytes}u",
        f"#define PAGES {soc.config.pages}u",
        f"#define TICK_CYCLES_LOG2 {TICK_CYCLES_LOG2}",
        f"#define LOG_SECTORS {soc.config.log_sectors}u",
        f"#define FLASH_OFFSET 0x{soc.config.flash_offset:x}u",
        f"#define FLASH_IS_KNOWN(jedec_id) ({_is_one_of('(jedec_id)', soc.config.flash_part.jedec_ids)})",
        f'#define CONFIG_NAME "{soc.config.name}"',
        f"#define MAP_HASH 0x{soc.system.map_hash:08x}u",
        "",
    ]
    for peripheral, register, address, width, access, fields in register_rows(soc.processor):
        name = f"{peripheral}_{register}"
        lines.append(f"#define {name.upper()}_ADDRESS 0x{address:08x}u")
        for field, bit, field_width in fields:
            if field_width <= 32 and bit < 32:
                lines.append(f"#define {name.upper()}_{field.upper()}_SHIFT {bit}")
                lines.append(f"#define {name.upper()}_{field.upper()}_MASK 0x{(1 << field_width) - 1 << bit:x}u")
        pointer = f"(volatile uint32_t *){name.upper()}_ADDRESS"
        if width <= 32:
            if "r" in access:
                lines.append(f"static inline uint32_t {name}_read(void) {{ return *{pointer}; }}")
            if "w" in access:
                lines.append(f"static inline void {name}_write(uint32_t value) {{ *{pointer} = value; }}")
        elif width > 64:
            # Reading word 0 latches all others; they are read after it.
            lines += [
                f"static inline uint32_t {name}_read(uint32_t word) {{",
                f"    return ((volatile uint32_t *){name.upper()}_ADDRESS)[word];",
                "}",
            ]
        else:
            # Reading the low word latches the high one; it is read second.
            lines += [
                f"static inline uint64_t {name}_read(void) {{",
                f"    uint32_t low = *{pointer};",
                f"    return low | (uint64_t)*(volatile uint32_t *)({name.upper()}_ADDRESS + 4u) << 32;",
                "}",
            ]
        lines.append("")
    lines.append("#endif")
    return "\n".join(lines) + "\n"


def _is_one_of(value: str, constants: Sequence[bytes]) -> str:
    """The expression in C whether a value is one of the constants, each a big-endian integer."""
    return " || ".join(f"{value} == 0x{constant.hex()}u" for constant in constants)


ENUMERATIONS = {
    "KIND": statement.Kind,
    "CAUSE": statement.Cause,
    "RECORD": records.RecordKind,
    "COMMAND": link.Command,
    "OS_COMMAND": link.OsCommand,
    "IMAGE_COMMAND": link.ImageCommand,
    "CHIP_ERROR": link.ChipError,
    "SMP_ERROR": link.SmpError,
    "IMAGE_ERROR": link.ImageError,
    "DOMAIN": hashing.Domain,
    "LIFECYCLE": otp.Lifecycle,
    "LOG_MODE": configuration.LogMode,
    "BOOT_ERROR": boot.BootError,
    "TRAILER": flash.Trailer,
    "LOG_RECORD": flash.LogRecord,
    "JOURNAL_RECORD": flash.JournalRecord,
    "EVENT": flash.Event,
    "FLASH_COMMAND": flash.FlashCommand,
    "TLV": image.Tlv,
}
"""Prefix of the C constants -> the enumeration that they are of."""

CONSTANTS = {
    link: "USER_GROUP OS_GROUP IMAGE_GROUP LINE_BYTES PACKET_BYTES CHUNK_BYTES CERTIFICATE_BYTES",
    otp: "OTP_BYTES LIFECYCLE_OFFSET FLOOR_OFFSET FLOOR_BYTES CHIP_ID_OFFSET CHIP_ID_BYTES SEED_OFFSET SEED_BYTES "
    "CONFIGURATION_OFFSET CONFIGURATION_BYTES MAX_SECURITY_FLOOR",
    configuration: "CONFIGURATION_RECORD_BYTES",
    flash: "MACS_STEP ADDRESS_BYTES SECTOR_BYTES PROGRAM_BYTES FLASH_BYTES JEDEC_ID SLOTS SLOT_BYTES TRAILER_OFFSET "
    "JOURNAL_OFFSET JOURNAL_SECTORS LOG_OFFSET SECTOR_HEADER_BYTES RECORD_HEADER_BYTES LOG_MAGIC JOURNAL_MAGIC "
    "FLAG_SET UPLOAD_OFFSET EVENT_RECORD_BYTES",
    image: "HEADER_BYTES PROTECTED_MAGIC TLV_MAGIC PROTECTED_BYTES SIGNED_LABEL MAX_BODY_BYTES",
    lms: "LMOTS_SHAKE_N24_W4 WINTERNITZ CHAINS CHECKSUM_SHIFT IDENTIFIER_BYTES MAX_LEVELS LMS_KEY_BYTES "
    "HSS_KEY_BYTES LMOTS_SIGNATURE_BYTES MAX_HSS_SIGNATURE_BYTES COSE_ALGORITHM",
}
"""Module of formats/ -> names of the constants that firmware has under the same name."""

RENAMED = {
    "CONFIGURATION_MAGIC": configuration.MAGIC,
    "CONFIGURATION_LOG_MODE": configuration.LOG_MODE_OFFSET,
    "CONFIGURATION_FIRMWARE_KEY": configuration.FIRMWARE_KEY_OFFSET,
    "CONFIGURATION_VERIFIER_KEY": configuration.VERIFIER_KEY_OFFSET,
    "IMAGE_MAGIC": image.MAGIC,
    "LMS_HASH_BYTES": lms.HASH_BYTES,
    **{f"LMS_SHAKE_M24_H{height}": value for value, height in lms.LMS_SHAKE_M24_HEIGHTS.items()},
}
"""Constants whose names would not be unique in C."""


def _literal(value: int | bytes) -> str:
    """A constant in C: printable bytes as a string, others as one big-endian integer."""
    if isinstance(value, bytes) and value[0] < 0x80:
        return '"' + "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in value) + '"'
    if isinstance(value, bytes):
        value = int.from_bytes(value, "big")
    if value < 0:
        return f"({value})"
    return f"{value}" if value < 1 << 16 else f"0x{value:x}u"


def _array(value: bytes) -> str:
    """The initialiser of an array of bytes in C."""
    return "{" + ", ".join(f"0x{byte:02x}" for byte in value) + "}"


def formats_header() -> str:
    """livetrap_formats.h: everything of formats/ that firmware needs."""
    layout = statement.layout()
    lines = [GENERATED, "#ifndef LIVETRAP_FORMATS_H\n#define LIVETRAP_FORMATS_H\n"]
    for prefix, members in ENUMERATIONS.items():
        lines.append("enum {")
        lines.extend(f"    {prefix}_{member.name} = {member.value}," for member in members)
        lines.append("};\n")
    for module, names in CONSTANTS.items():
        lines += [f"#define {name} {_literal(getattr(module, name))}" for name in names.split()]
    lines += [f"#define {name} {_literal(value)}" for name, value in RENAMED.items()]
    lines.append("")
    for name in ("SIGN1_PREFIX", "SIG_STRUCTURE_PREFIX"):
        lines.append(f"#define COUNTERSIGNATURE_{name} {_array(getattr(countersignature, name))}")
    for kind in ("receipt", "approval"):
        template = countersignature.template(kind)
        lines.append(f"#define {kind.upper()}_PAYLOAD {_array(template.payload)}")
        lines.append(f"#define {kind.upper()}_PAYLOAD_BYTES {len(template.payload)}")
        for name, (offset, _) in template.slots.items():
            lines.append(f"#define {kind.upper()}_{name.upper()}_OFFSET {offset}")
    lines.append("")
    lines.append("/* Offsets of the claims' values in the COSE_Sign1. */")
    lines.append(f"#define STATEMENT_BYTES {layout.statement_bytes}")
    prefix_bytes = len(layout.statement_prefix)
    for claim in layout.claims:
        if claim.source != "template" or claim.text is None:
            lines.append(f"#define CLAIM_{claim.name.upper()}_OFFSET {prefix_bytes + claim.offset}")
            lines.append(f"#define CLAIM_{claim.name.upper()}_BYTES {claim.size}")
    lines.append("\n#endif")
    return "\n".join(lines) + "\n"


REGISTER_MAP = Path(__file__).parents[1] / "docs" / "registers.md"


def register_map_document(soc) -> str:
    """docs/registers.md: the address map and every register, for configuration `full`."""
    lines = [
        "# Address and register map",
        "",
        "Generated from the RTL by `make generate`; a test compares. Contracts are in the docstrings of `rtl/io/`.",
        f"Configuration `{soc.config.name}`, map hash `{soc.system.map_hash:08x}`.",
        "",
        "| window | address | bytes |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | `{base:08x}` | {size} |" for name, base, size in window_rows(soc.processor)]
    lines += ["", "| register | address | access | fields |", "|---|---|---|---|"]
    for peripheral, register, address, _width, access, fields in register_rows(soc.processor):
        described = ", ".join(
            f"{field}[{bit}]" if width == 1 else f"{field}[{bit + width - 1}:{bit}]" for field, bit, width in fields
        )
        lines.append(f"| {peripheral}.{register} | `{address:08x}` | {access} | {described} |")
    return "\n".join(lines) + "\n"


def write_headers(config: Config, directory: Path) -> None:
    """Writes livetrap_csr.h and livetrap_formats.h; a file whose contents would not change is left alone."""
    directory.mkdir(parents=True, exist_ok=True)
    soc = _unelaborated(config)
    for name, text in (("livetrap_csr.h", csr_header(soc)), ("livetrap_formats.h", formats_header())):
        path = directory / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def _unelaborated(config: Config):
    """A chip for its maps alone."""
    from rtl.soc import LivetrapSoC

    warnings.simplefilter("ignore", UnusedElaboratable)
    return LivetrapSoC(config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("build/generated"))
    arguments = parser.parse_args()
    for config in CONFIGS.values():
        write_headers(config, arguments.directory / config.name)
    REGISTER_MAP.write_text(register_map_document(_unelaborated(CONFIGS["full"])))
    print(arguments.directory, REGISTER_MAP.relative_to(Path.cwd()))


if __name__ == "__main__":
    main()
