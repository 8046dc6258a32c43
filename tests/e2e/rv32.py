"""A few RV32I instructions, for ROM images that do one plain thing. Numbers are registers; offsets are bytes."""


def lui(rd: int, value: int) -> int:
    return value & 0xFFFFF000 | rd << 7 | 0x37


def lw(rd: int, offset: int, base: int) -> int:
    return (offset & 0xFFF) << 20 | base << 15 | 2 << 12 | rd << 7 | 0x03


def sw(source: int, offset: int, base: int) -> int:
    return (offset >> 5 & 0x7F) << 25 | source << 20 | base << 15 | 2 << 12 | (offset & 0x1F) << 7 | 0x23


def andi(rd: int, source: int, value: int) -> int:
    return (value & 0xFFF) << 20 | source << 15 | 7 << 12 | rd << 7 | 0x13


def beq(a: int, b: int, offset: int) -> int:
    bits = (offset >> 12 & 1) << 31 | (offset >> 5 & 0x3F) << 25 | (offset >> 1 & 0xF) << 8 | (offset >> 11 & 1) << 7
    return bits | b << 20 | a << 15 | 0x63


def image(*instructions: int) -> bytes:
    return b"".join(instruction.to_bytes(4, "little") for instruction in instructions)


def echo_image(rx: int, tx: int, status: int) -> bytes:
    """Sends every byte from the link back. Arguments: addresses of the link's registers, in one 4 KiB block."""
    base = rx & 0xFFFFF000
    return image(
        lui(10, base),
        lw(12, status - base, 10),
        andi(13, 12, 1),
        beq(13, 0, -8),  # until tx_ready
        lw(12, rx - base, 10),
        andi(13, 12, 256),
        beq(13, 0, -20),  # until valid
        sw(12, tx - base, 10),
        beq(0, 0, -28),
    )


def idle_image() -> bytes:
    """Does nothing, for ever."""
    return image(beq(0, 0, 0))
