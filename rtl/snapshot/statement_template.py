"""The statement's byte template as the hardware walks it, from formats/statement.cddl and a configuration."""

from enum import IntEnum, IntFlag

from formats.statement import SIGNATURE_BYTES, layout
from rtl.config import Config


class Action(IntEnum):
    """What gives a byte of the walk."""

    LITERAL = 0
    """The template itself."""
    SLOT_BYTE = 1
    """The next byte of the source word in hand."""
    SLOT_LOAD = 2
    """Byte 0 of the next source word, which is then in hand."""


class Target(IntFlag):
    """Where a byte of the walk goes."""

    MESSAGE = 1
    """The Sig_structure that is signed (RFC 9052 4.4)."""
    STATEMENT = 2
    """The COSE_Sign1 that is shown."""


def statement_words() -> int:
    """64-bit words of a COSE_Sign1."""
    return layout().statement_bytes // 8


def message_bytes() -> int:
    """Bytes of the Sig_structure."""
    return len(layout().sig_structure_prefix) + len(layout().payload)


def slot_names(config: Config) -> list[str]:
    """Claims whose values come from source words, in the order of the walk."""
    literal = _literal_claims(config)
    return [claim.name for claim in layout().claims if claim.text is None and claim.name not in literal]


def walk(config: Config) -> list[tuple[Target, Action, int]]:
    """(where, what, literal byte), byte by byte: one walk writes both byte strings, so what is signed is shown."""
    both = Target.MESSAGE | Target.STATEMENT
    steps = [(Target.MESSAGE, Action.LITERAL, byte) for byte in layout().sig_structure_prefix]
    steps += [(Target.STATEMENT, Action.LITERAL, byte) for byte in layout().statement_prefix]
    steps += [(both, action, byte) for action, byte in _payload(config)]
    steps += [(Target.STATEMENT, Action.LITERAL, byte) for byte in (0x58, SIGNATURE_BYTES)]
    return steps


def _literal_claims(config: Config) -> dict[str, int]:
    return {"pages": config.pages, "page_size": config.page_bytes, "region": 0}


def _payload(config: Config) -> list[tuple[Action, int]]:
    steps = [(Action.LITERAL, byte) for byte in layout().payload]
    literals, slots = _literal_claims(config), slot_names(config)
    for claim in layout().claims:
        first, size = claim.offset, claim.size
        if claim.name in literals:
            value = literals[claim.name].to_bytes(size, "big")
            steps[first : first + size] = [(Action.LITERAL, byte) for byte in value]
        if claim.name == "ueid":
            # RFC 9711 4.2.1: the type byte of a random UEID.
            steps[first] = (Action.LITERAL, 0x01)
            first, size = first + 1, size - 1
        if claim.name in slots:
            for index in range(size):
                steps[first + index] = (Action.SLOT_BYTE if index % 8 else Action.SLOT_LOAD, 0)
    return steps
