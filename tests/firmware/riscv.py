"""Just enough RV32IC to follow calls and stack frames in the firmware's ELF files."""

import struct
from collections.abc import Mapping

FUNCTION = 2


class _Symbol:
    def __init__(self, name: str, start: int, size: int):
        self.name, self.start, self.end, self.key = name, start, start + size, name


def elf_sections(elf: bytes) -> list[tuple[int, ...]]:
    """Section headers of an ELF32 file: (name, type, flags, address, offset, size, link, info, alignment, entry)."""
    (first,) = struct.unpack_from("<I", elf, 32)
    entry_bytes, entries = struct.unpack_from("<HH", elf, 46)
    return [struct.unpack_from("<10I", elf, first + index * entry_bytes) for index in range(entries)]


def elf_symbols(elf: bytes) -> list[tuple[str, int, int, int]]:
    """(name, value, size, type) of every symbol in an ELF32 file."""
    symbols = []
    sections = elf_sections(elf)
    for _, kind, _, _, offset, size, link, *_ in sections:
        if kind != 2:
            continue
        strings = elf[sections[link][4] :]
        for at in range(offset, offset + size, 16):
            name, value, length, information = struct.unpack_from("<IIIB", elf, at)
            symbols.append((strings[name : strings.index(b"\0", name)].decode(), value, length, information & 15))
    return symbols


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 & 1 else value


def _jump_offset(word: int) -> int:
    """Immediate of JAL (J-type, RISC-V unprivileged ISA 2.3)."""
    fields = (word >> 31 & 1) << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1
    return _signed(fields, 21)


def _compressed_jump_offset(word: int) -> int:
    """Immediate of C.J and C.JAL (CJ-type, RISC-V unprivileged ISA 16.2)."""
    places = {12: 11, 11: 4, 10: 9, 9: 8, 8: 10, 7: 6, 6: 7, 5: 3, 4: 2, 3: 1, 2: 5}
    return _signed(sum((word >> bit & 1) << place for bit, place in places.items()), 12)


def _compressed_frame(word: int) -> int:
    """Bytes by which C.ADDI or C.ADDI16SP moves the stack pointer; 0 for other instructions."""
    if word & 0xEF83 == 0x0101:
        return _signed((word >> 12 & 1) << 5 | word >> 2 & 31, 6)
    if word & 0xEF83 == 0x6101:
        places = {12: 9, 6: 4, 5: 6, 4: 8, 3: 7, 2: 5}
        return _signed(sum((word >> bit & 1) << place for bit, place in places.items()), 10)
    return 0


def stack_depths(elf: bytes, indirect: Mapping[str, str]) -> dict[str, int]:
    """Function -> bytes of stack that it and all it calls can take together.

    indirect: function that calls through a register -> what the names of those begin with that it may call.
    Functions of one name have their address behind it. Raises ValueError when a function can reach itself, calls
    through a register though `indirect` does not tell whom, or moves the stack pointer in a way not understood.
    """
    code = next(section for section in elf_sections(elf) if section[1] == 1 and section[2] & 4)
    base, offset, size = code[3], code[4], code[5]
    text = elf[offset : offset + size]
    found = [symbol for symbol in elf_symbols(elf) if base <= symbol[1] < base + size]
    functions = [_Symbol(name, value, length) for name, value, length, kind in found if kind == FUNCTION and length]
    names = [function.name for function in functions]
    for function in functions:
        function.key = function.name if names.count(function.name) == 1 else f"{function.name}@{function.start:x}"
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for function in functions:
        frames[function.key], calls[function.key] = _follow(function, functions, text, base, indirect)

    depths: dict[str, int] = {}

    def depth(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            raise ValueError(f"{' -> '.join((*path, name))} recurs")
        if name not in depths:
            inner = max((depth(callee, (*path, name)) for callee in calls[name]), default=0)
            depths[name] = frames[name] + inner
        return depths[name]

    for function in functions:
        depth(function.key, ())
    return depths


def _follow(function, functions, text: bytes, base: int, indirect: Mapping[str, str]) -> tuple[int, set[str]]:
    """Frame size and callees of one function, jumps to other functions included."""
    frame, callees = 0, set()
    upper: dict[int, int] = {}
    address = function.start
    while address < function.end:
        (word,) = struct.unpack_from("<I", text.ljust(address - base + 4, b"\0"), address - base)
        target, through_register = None, False
        if word & 3 != 3:
            word &= 0xFFFF
            frame = max(frame, -_compressed_frame(word))
            if word & 0x6003 == 0x2001 and word >> 13 in (1, 5):
                target = address + _compressed_jump_offset(word)
            # C.JR and C.JALR of anything but the return address.
            through_register = word & 0xE07F == 0x8002 and word >> 7 & 31 not in (0, 1)
            if word & 0xEF83 == 0x8102 and word & 0x7C:
                raise ValueError(f"{function.name} moves the stack pointer by a register")
            size = 2
        else:
            opcode, destination, source = word & 0x7F, word >> 7 & 31, word >> 15 & 31
            # `la sp` in the reset and trap code has another source.
            if opcode == 0x13 and destination == 2 and word >> 12 & 7 == 0 and source == 2:
                frame = max(frame, -_signed(word >> 20, 12))
            elif opcode == 0x33 and destination == 2:
                raise ValueError(f"{function.name} moves the stack pointer by a register")
            elif opcode == 0x17:
                upper[destination] = address + (word & 0xFFFFF000)
            elif opcode == 0x6F:
                target = address + _jump_offset(word)
            elif opcode == 0x67 and word != 0x00008067:
                through_register = source not in upper
                if not through_register:
                    target = (upper.pop(source) + _signed(word >> 20, 12)) & 0xFFFFFFFF
            size = 4
        if through_register:
            if function.name not in indirect:
                raise ValueError(f"{function.name} calls through a register at {address:#x}")
            callees |= {other.key for other in functions if other.name.startswith(indirect[function.name])}
        if target is not None and not function.start <= target < function.end:
            callees |= {other.key for other in functions if other.start <= target < other.end}
        address += size
    return frame, callees
