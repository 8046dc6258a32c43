"""Just enough RV32I to follow calls and stack frames in the firmware's ELF files."""

import struct

FUNCTION, NOTHING = 2, 0


class _Symbol:
    def __init__(self, name: str, start: int, size: int):
        self.name, self.start, self.end = name, start, start + size


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


def stack_depths(elf: bytes, indirect: str) -> dict[str, int]:
    """Function -> bytes of stack that it and all it calls can take together.

    indirect: a call through a register may go to any function whose name begins so.
    Raises ValueError when a function can reach itself, or moves the stack pointer in a way not understood.
    """
    code = next(section for section in elf_sections(elf) if section[1] == 1 and section[2] & 4)
    base, offset, size = code[3], code[4], code[5]
    text = elf[offset : offset + size]
    found = [symbol for symbol in elf_symbols(elf) if base <= symbol[1] < base + size]
    functions = [_Symbol(name, value, length) for name, value, length, kind in found if kind == FUNCTION and length]
    # Assembly symbols have no size: each goes on to the next function.
    for name, value, _, kind in found:
        if kind == NOTHING and name and not name.startswith((".", "$", "linker_")):
            later = (symbol[1] for symbol in found if symbol[1] > value and symbol[3] == FUNCTION)
            functions.append(_Symbol(name, value, min(later, default=base + size) - value))
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for function in functions:
        frames[function.name], calls[function.name] = _follow(function, functions, text, base, indirect)

    depths: dict[str, int] = {}

    def depth(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            raise ValueError(f"{' -> '.join((*path, name))} recurs")
        if name not in depths:
            inner = max((depth(callee, (*path, name)) for callee in calls[name]), default=0)
            depths[name] = frames[name] + inner
        return depths[name]

    for function in functions:
        depth(function.name, ())
    return depths


def _follow(function, functions, text: bytes, base: int, indirect: str) -> tuple[int, set[str]]:
    """Frame size and callees of one function, jumps to other functions included."""
    frame, callees = 0, set()
    upper: dict[int, int] = {}
    for address in range(function.start, function.end, 4):
        (word,) = struct.unpack_from("<I", text, address - base)
        opcode, destination, source = word & 0x7F, word >> 7 & 31, word >> 15 & 31
        target = None
        if opcode == 0x13 and destination == 2 and word >> 12 & 7 == 0:
            if source != 2:
                # `la sp` in the reset and trap code.
                continue
            frame = max(frame, -_signed(word >> 20, 12))
        elif opcode == 0x33 and destination == 2:
            raise ValueError(f"{function.name} moves the stack pointer by a register")
        elif opcode == 0x17:
            upper[destination] = address + (word & 0xFFFFF000)
        elif opcode == 0x6F:
            target = address + _jump_offset(word)
        elif opcode == 0x67 and word != 0x00008067:
            if source in upper:
                target = (upper.pop(source) + _signed(word >> 20, 12)) & 0xFFFFFFFF
            else:
                callees |= {other.name for other in functions if other.name.startswith(indirect)}
        if target is not None and not function.start <= target < function.end:
            callees |= {other.name for other in functions if other.start <= target < other.end}
    return frame, callees
