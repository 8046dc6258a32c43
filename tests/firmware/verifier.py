"""What a Verifier signs for the modelled chip, with an HSS key of its own (formats/countersignature.py)."""

from pathlib import Path

from Crypto.Hash import TurboSHAKE128

from formats.configuration import Configuration, LogMode
from formats.countersignature import SIG_STRUCTURE_PREFIX, SIGN1_PREFIX, template
from formats.hashing import Domain
from formats.statement import cbor_bytes
from host import hss
from tests.firmware.host_build import HostChip, claim

UEID = b"\x01" + bytes(range(0xA0, 0xB0))
"""Of the modelled chip."""


class Verifier:
    """A new key of one or two levels of height 5, in a file in `directory`."""

    def __init__(self, directory: Path, levels: int = 2):
        self.path = directory / f"verifier{levels}.hss"
        hss.save(self.path, hss.generate(levels, 5))
        self.public_key = hss.public_key(self.path)

    def configuration(self, mode: LogMode = LogMode.FLASH) -> Configuration:
        """Of a chip that obeys this Verifier."""
        return Configuration(self.public_key, self.public_key, mode)

    def sign1(self, payload: bytes) -> bytes:
        """A COSE_Sign1 over a payload."""
        message = cbor_bytes(payload)
        return SIGN1_PREFIX + message + cbor_bytes(hss.sign(self.path, SIG_STRUCTURE_PREFIX + message))

    def receipt(self, statement: bytes, *, ueid: bytes = UEID, seq: int | None = None) -> bytes:
        """For a snapshot statement, with other claims where they are given."""
        digest = TurboSHAKE128.new(data=statement, domain=Domain.CHAIN).read(32)
        number = int.from_bytes(claim(statement, "seq"), "big") if seq is None else seq
        return self.sign1(template("receipt").fill(ueid=ueid, seq=number.to_bytes(8, "big"), digest=digest))

    def approval(self, seq: int, chain: bytes, *, ueid: bytes = UEID) -> bytes:
        """That the chip forgets what is before `seq`."""
        return self.sign1(template("approval").fill(ueid=ueid, seq=seq.to_bytes(8, "big"), chain=chain))


def chain_behind(statement: bytes) -> bytes:
    """The chain over a statement and all before it."""
    return TurboSHAKE128.new(data=claim(statement, "chain") + statement, domain=Domain.CHAIN).read(32)


def start(chip: HostChip, configuration: Configuration, **knobs: int) -> None:
    """A new chip with this configuration, booted, its boot statement in the log."""
    chip.new()
    chip.configure(configuration)
    chip.start(**knobs)
    chip.poll(2000)
