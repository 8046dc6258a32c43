"""The fuses: what is loaded, what may be burnt, and that the seed goes to the vault alone."""

import random
from dataclasses import dataclass, field

import pytest

from formats import otp
from formats.otp import OTP_BYTES, Lifecycle, image
from rtl.io.otp import Otp
from tests.unit.csr_bus import CsrBus

CHIP_ID, SEED, CONFIGURATION = (random.Random(number).randbytes(size) for number, size in ((1, 16), (2, 32), (3, 32)))
LOADED, BUSY, REFUSED, KEYED = 1, 2, 4, 8
RAW = bytes(OTP_BYTES)


def fused(lifecycle: Lifecycle, floor: int = 0) -> bytes:
    return image(lifecycle, CHIP_ID, SEED, CONFIGURATION, floor)


@dataclass
class Fuses:
    """The block, with fuses that are burnt and a vault that takes words, both when they like."""

    content: bytes
    stalls: random.Random = field(default_factory=lambda: random.Random(0))
    reluctance: float = 0.0
    burns: list[tuple[int, int]] = field(default_factory=list)
    words: bytes = b""
    drawn: bytes = b""

    def __post_init__(self) -> None:
        self.bus = CsrBus(Otp(), cycle_limit=1_000_000)
        self.block = self.bus.block
        self.fuses = bytearray(self.content)
        self._offered: tuple[int, int] | None = None

    def cycle(self, **inputs: int) -> bool:
        """Whether what is offered, a byte of the fuses or a random word, was taken."""
        block = self.block
        block.set_all({"load__valid": 0, "entropy__valid": 0} | inputs)
        willing = [self.stalls.random() >= self.reluctance for _ in range(2)]
        block.set_all({"burns__ready": willing[0], "seed_words__ready": willing[1]})
        burn = block.get("burns__payload") & 0x7F, block.get("burns__payload") >> 7
        if self._offered is not None:
            assert block.get("burns__valid") and burn == self._offered, "a burn changed before it was taken"
        self._offered = burn if block.get("burns__valid") and not willing[0] else None
        if block.get("burns__valid") and willing[0]:
            self.burns.append(burn)
            self.fuses[burn[0]] |= burn[1]
        if block.get("seed_words__valid") and willing[1]:
            self.words += block.get("seed_words__payload").to_bytes(8, "little")
        taken = any(block.get(f"{name}__valid") and block.get(f"{name}__ready") for name in ("load", "entropy"))
        block.step()
        return taken

    def load(self) -> int:
        """Returns the cycles that it took."""
        at, begun = 0, self.block.cycles
        while at < len(self.content):
            offered = self.stalls.random() >= self.reluctance
            at += self.cycle(load__payload=self.content[at], load__valid=offered)
        return self.block.cycles - begun

    def write(self, name: str, value: int) -> None:
        """Nobody gives or takes anything meanwhile."""
        self.block.set_all(dict.fromkeys(("load__valid", "entropy__valid", "burns__ready", "seed_words__ready"), 0))
        self.bus.write(name, value)

    @property
    def status(self) -> int:
        """Nobody gives or takes anything meanwhile."""
        self.block.set_all(dict.fromkeys(("load__valid", "entropy__valid", "burns__ready", "seed_words__ready"), 0))
        return self.bus.read("status")

    def burn(self, address: int, data: int) -> bool:
        """Whether it was carried out, on fuses that take it."""
        before = bytes(self.fuses)
        self.write("burn", address | data << 7)
        refused = bool(self.status & REFUSED)
        for _ in range(40):
            self.cycle()
        assert not self.status & BUSY
        changed = bytearray(before)
        if not refused:
            changed[address] |= data
        assert self.fuses == changed
        return not refused

    def generate(self, entropy: bytes) -> bool:
        """Whether a key was generated from these words."""
        self.write("generate_key", 1)
        if self.status & REFUSED:
            assert not self.status & BUSY
            return False
        at = 0
        while self.status & BUSY:
            word = int.from_bytes(entropy[at : at + 8], "little")
            offered = at < len(entropy) and self.stalls.random() >= self.reluctance
            if self.cycle(entropy__payload=word, entropy__valid=offered):
                self.drawn += entropy[at : at + 8]
                at += 8
        return True

    def identity(self) -> tuple[int, int, bytes, bytes, int]:
        get = self.block.get
        return (
            get("lifecycle"),
            get("security_floor"),
            get("chip_id").to_bytes(16, "little"),
            get("configuration").to_bytes(32, "little"),
            get("sealed"),
        )


@pytest.mark.parametrize("number", range(12))
def test_an_identity_is_loaded_whole_whatever_stalls(number):
    source = random.Random(number)
    lifecycle, floor = list(Lifecycle)[1 + number % 3], number * 64 // 11
    chip = Fuses(fused(lifecycle, floor), source, 0.3)
    assert not chip.status & LOADED
    chip.load()
    assert chip.identity() == (lifecycle, floor, CHIP_ID, CONFIGURATION, 1)
    assert chip.words == SEED
    assert chip.status == LOADED | KEYED
    assert (chip.bus.read("lifecycle"), chip.bus.read("security_floor")) == (lifecycle, floor)


def test_loading_takes_a_cycle_for_each_byte():
    assert Fuses(fused(Lifecycle.DEVELOPMENT)).load() == OTP_BYTES


def test_a_raw_chip_gives_the_vault_nothing():
    chip = Fuses(RAW)
    chip.load()
    assert chip.identity() == (Lifecycle.RAW, 0, bytes(16), bytes(32), 0)
    assert chip.words == b"" and chip.status == LOADED


@pytest.mark.parametrize("stages", (2, 4, 5, 6, 8, 0x0F, 0x80, 0xFF))
def test_of_fuses_that_are_no_lifecycle_the_highest_counts(stages):
    chip = Fuses(bytes([stages]) + fused(Lifecycle.RETIRED)[1:])
    chip.load()
    expected = Lifecycle.PRODUCTION if stages == 2 else Lifecycle.RETIRED
    assert chip.identity() == (expected, 0, CHIP_ID, CONFIGURATION, 1)


def test_a_floor_with_holes_demands_the_most():
    content = bytearray(fused(Lifecycle.PRODUCTION, 3))
    content[otp.FLOOR_OFFSET + 2] = 0b100
    chip = Fuses(bytes(content))
    chip.load()
    assert chip.block.get("security_floor") == 19


def test_the_loaded_block_takes_nothing_more():
    chip = Fuses(fused(Lifecycle.DEVELOPMENT))
    chip.load()
    before = chip.identity()
    for _ in range(200):
        assert not chip.block.get("load__ready")
        chip.cycle(load__valid=1, load__payload=0xFF)
    assert chip.identity() == before and chip.words == SEED


def test_nothing_is_burnt_before_the_fuses_are_loaded():
    chip = Fuses(RAW)
    assert not chip.burn(otp.CHIP_ID_OFFSET, 1)
    assert not chip.generate(SEED)
    assert not chip.burns


@pytest.mark.parametrize("seed", range(4))
def test_a_chip_is_given_an_identity_step_by_step(seed):
    chip = Fuses(RAW, random.Random(seed), 0.4)
    chip.load()
    assert not chip.burn(otp.LIFECYCLE_OFFSET, Lifecycle.DEVELOPMENT.fuses), "without a key there is no identity"
    assert chip.generate(SEED)
    assert chip.drawn == SEED and chip.words == SEED
    assert chip.status == LOADED | KEYED
    assert not chip.generate(CONFIGURATION), "a chip makes one key"
    for first, content in ((otp.CHIP_ID_OFFSET, CHIP_ID), (otp.CONFIGURATION_OFFSET, CONFIGURATION)):
        for index, byte in enumerate(content):
            assert chip.burn(first + index, byte)
    assert not chip.block.get("sealed")
    assert chip.burn(otp.LIFECYCLE_OFFSET, Lifecycle.DEVELOPMENT.fuses)
    assert chip.identity() == (Lifecycle.DEVELOPMENT, 0, CHIP_ID, CONFIGURATION, 1)
    assert chip.fuses == fused(Lifecycle.DEVELOPMENT)

    again = Fuses(bytes(chip.fuses))
    again.load()
    assert again.identity() == chip.identity() and again.words == SEED


def test_a_key_that_was_cut_off_is_not_made_again():
    content = bytearray(RAW)
    content[otp.SEED_OFFSET + 9] = 0x10
    chip = Fuses(bytes(content))
    chip.load()
    assert not chip.generate(SEED)
    assert chip.words == b"" and not chip.burns


def test_key_generation_takes_ten_cycles_for_each_word():
    chip = Fuses(RAW)
    chip.load()
    bus = chip.bus
    chip.block.set_all({"bus__w_stb": 1, "bus__addr": bus.address("generate_key"), "bus__w_data": 1})
    chip.cycle()
    chip.block.set("bus__w_stb", 0)
    burnt = []
    for _ in range(60):
        before = len(chip.burns)
        chip.cycle(entropy__valid=1, entropy__payload=0x0102030405060708)
        burnt.append(len(chip.burns) - before)
    assert len(chip.burns) == 32
    first = burnt.index(1)
    assert burnt[first : first + 40] == ([1] * 8 + [0] * 2) * 4


@pytest.mark.parametrize("lifecycle", Lifecycle)
def test_every_burn_is_allowed_by_the_rule_alone(lifecycle):
    """All addresses: the identity only while RAW, lifecycle and floor only from bit 0 up, the rest never."""
    floor = 11
    raw = image(lifecycle, bytes(16), bytes(32), bytes(32), floor)
    content = raw if lifecycle is Lifecycle.RAW else fused(lifecycle, floor)
    chip = Fuses(content)
    chip.load()
    for address in range(128):
        for data in (0x00, 0x01, 0x03, 0x06, 0x07, 0x08, 0x80, 0xF0, 0xFF):
            before = bytes(chip.fuses)
            after = before[address] | data
            if address == otp.LIFECYCLE_OFFSET:
                legal = after in (1, 3, 7) and lifecycle is not Lifecycle.RAW
            elif otp.FLOOR_OFFSET <= address < otp.FLOOR_OFFSET + otp.FLOOR_BYTES:
                begin = otp.FLOOR_OFFSET
                bits = bytearray(before[begin : begin + otp.FLOOR_BYTES])
                bits[address - begin] = after
                value = int.from_bytes(bits, "little")
                legal = value & value + 1 == 0
            elif 16 <= address < 32 or 64 <= address < 96:
                legal = lifecycle is Lifecycle.RAW
            else:
                legal = False
            assert chip.burn(address, data) == legal, (address, data)
    assert chip.bus.read("security_floor") == 64, "each byte of the floor was filled in turn"


def test_a_burn_while_another_is_carried_out_is_refused():
    chip = Fuses(fused(Lifecycle.DEVELOPMENT))
    chip.load()
    chip.write("burn", otp.LIFECYCLE_OFFSET | 3 << 7)
    assert chip.status & (BUSY | REFUSED) == BUSY
    chip.write("burn", otp.LIFECYCLE_OFFSET | 7 << 7)
    assert chip.status & (BUSY | REFUSED) == BUSY | REFUSED
    assert chip.block.get("lifecycle") == Lifecycle.DEVELOPMENT
    chip.cycle()
    assert chip.block.get("lifecycle") == Lifecycle.PRODUCTION and chip.burns == [(0, 3)]


def test_a_burn_of_no_bits_or_a_key_that_is_not_asked_for_changes_nothing():
    chip = Fuses(RAW)
    chip.load()
    chip.write("generate_key", 0)
    assert chip.status == LOADED
    assert chip.burn(otp.CHIP_ID_OFFSET, 0) and chip.fuses == RAW


def test_no_register_shows_a_bit_of_the_seed():
    """Two chips that differ in their seeds alone cannot be told apart on the bus."""
    shown = []
    for seed in (bytes(32), b"\xff" * 32):
        chip = Fuses(image(Lifecycle.DEVELOPMENT, CHIP_ID, seed, CONFIGURATION))
        chip.load()
        assert chip.words == seed
        chip.block.set("bus__r_stb", 1)
        values = []
        for address in range(64):
            chip.block.set("bus__addr", address)
            chip.cycle()
            values.append(chip.block.get("bus__r_data"))
        shown.append(values)
    assert shown[0] == shown[1]
