"""The chip's address map as plain rows, read from the bus fabric: the source of headers, documents and map hash."""

import zlib

from rtl.cpu import CSR_BASE, ControlProcessor

RegisterRow = tuple[str, str, int, int, str, list[tuple[str, int, int]]]


def register_rows(processor: ControlProcessor) -> list[RegisterRow]:
    """(peripheral, register, address, width, access, [(field, first bit, width)]), by address."""
    rows = []
    for info in processor.csr_map.all_resources():
        peripheral, register = (str(name[0]) for name in info.path)
        fields, bit = [], 0
        for path, field in info.resource:
            width = len(field.port.r_data) or len(field.port.w_data)
            fields.append((str(path[-1]), bit, width))
            bit += width
        access = info.resource.element.access.value
        rows.append((peripheral, register, CSR_BASE + info.start, bit, access, fields))
    return sorted(rows, key=lambda row: row[2])


def window_rows(processor: ControlProcessor) -> list[tuple[str, int, int]]:
    """(name, first address, bytes) of ROM, SRAM and the memory windows."""
    rows = []
    for info in processor.memory_map.all_resources():
        name = str(info.path[0][0])
        if name != "csr":
            rows.append((name, info.start, info.end - info.start))
    return rows


def map_hash(processor: ControlProcessor) -> int:
    """CRC-32 of every address, register and field: what firmware and chip compare at boot."""
    return zlib.crc32(repr((register_rows(processor), window_rows(processor))).encode())
