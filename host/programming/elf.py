"""The shared libraries that an executable names, from its dynamic section (ELF, 64 or 32 bits, little-endian)."""

import struct
from typing import NamedTuple

MAGIC = b"\x7fELF"
CLASS_64, LITTLE = 2, 1
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 0, 1, 5, 15, 29
MAX_SEGMENTS = 1024


class Dynamic(NamedTuple):
    """needed: names of libraries. search: directories that the executable itself names, with $ORIGIN in them."""

    needed: tuple[str, ...]
    search: tuple[str, ...]


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def dynamic(data: bytes) -> Dynamic | None:
    """None for what is no such executable, or one that is linked statically; damaged ones too."""
    if data[:4] != MAGIC or data[5:6] != bytes([LITTLE]):
        return None
    try:
        return _dynamic(data, data[4] == CLASS_64)
    except (struct.error, ValueError, OverflowError):
        return None


def _dynamic(data: bytes, is_64: bool) -> Dynamic | None:
    segments = _segments(data, is_64)
    section = next((each for each in segments if each.kind == PT_DYNAMIC), None)
    if section is None:
        return None
    entry = struct.Struct("<QQ" if is_64 else "<II")
    content = data[section.offset : section.offset + section.size]
    entries = []
    for tag, value in entry.iter_unpack(content[: len(content) // entry.size * entry.size]):
        if tag == DT_NULL:
            break
        entries.append((tag, value))
    table = next((value for tag, value in entries if tag == DT_STRTAB), None)
    if table is None:
        return None
    start = next(
        (
            each.offset + table - each.address
            for each in segments
            if each.kind == PT_LOAD and 0 <= table - each.address < each.size
        ),
        None,
    )
    if start is None:
        return None
    paths = [_text(data, start + value) for tag, value in entries if tag in (DT_RPATH, DT_RUNPATH)]
    return Dynamic(
        tuple(_text(data, start + value) for tag, value in entries if tag == DT_NEEDED),
        tuple(path for each in paths for path in each.split(":") if path),
    )


def _segments(data: bytes, is_64: bool) -> list[_Segment]:
    if is_64:
        (at,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    else:
        (at,), (size, count) = struct.unpack_from("<I", data, 28), struct.unpack_from("<HH", data, 42)
    found = []
    for index in range(min(count, MAX_SEGMENTS)):
        place = at + index * size
        if is_64:
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, place)
        else:
            kind, offset, address, _, length = struct.unpack_from("<IIIII", data, place)
        found.append(_Segment(kind, offset, address, length))
    return found


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode("ascii")
