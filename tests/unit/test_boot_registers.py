"""The boot's registers: what is given to go on from, and what ROM leaves behind."""

import random
import struct

import pytest

from rtl.io.boot import ERRORS, LIFE, LIFE_WORDS, BootRegisters
from tests.unit.csr_bus import CsrBus


@pytest.fixture
def boot():
    return CsrBus(BootRegisters(), cycle_limit=100_000)


def test_a_life_is_given_word_by_word(boot):
    source = random.Random(1)
    life = {
        "seq": source.getrandbits(64),
        "bootcount": source.getrandbits(32),
        "macs": source.getrandbits(64),
        "chain": [source.getrandbits(64) for _ in range(4)],
    }
    whole = struct.pack("<QIQ4Q", life["seq"], life["bootcount"], life["macs"], *life["chain"])
    words = [value for (value,) in struct.iter_unpack("<I", whole)]
    assert len(words) == LIFE_WORDS == 13
    boot.write("restore_index", 0)
    for word in words:
        boot.write("restore_data", word)
    for surplus in range(3):
        boot.write("restore_data", surplus)
    assert boot.block.get("life") == LIFE.const(life).as_bits()
    boot.write("restore_index", 2)
    boot.write("restore_data", 77)
    life["bootcount"] = 77
    assert boot.block.get("life") == LIFE.const(life).as_bits()


def test_a_restore_is_asked_for_by_its_bit_alone(boot):
    pulses = 0
    for value in (0, 1):
        boot.block.set_all({"bus__w_stb": 1, "bus__addr": boot.address("restore"), "bus__w_data": value})
        boot.block.step()
        boot.block.set("bus__w_stb", 0)
        for _ in range(4):
            pulses += boot.block.get("restore")
            boot.block.step()
        assert pulses == value


def test_status_says_whether_life_was_restored(boot):
    for restored in (0, 1):
        boot.block.set("restored", restored)
        assert boot.read("status") == restored


@pytest.mark.parametrize("name", (*ERRORS, "hold_mode"))
def test_a_register_of_the_boot_is_kept_once_locked_until_reset(boot, name):
    last = 1 if name == "hold_mode" else 25
    for value in (0, 1, last):
        boot.write(name, value)
        assert boot.read(name) == value
    boot.block.set("locked", 1)
    boot.write(name, 0)
    assert boot.read(name) == last
    assert boot.block.get("hold_mode") == (name == "hold_mode")
    boot.block.reset()
    assert boot.read(name) == 0
