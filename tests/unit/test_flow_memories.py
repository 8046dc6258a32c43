"""Memories marked `no_rw_check` keep the mark's meaning on their way into synthesis."""

import json
import re
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out

from boards.flow.family import Family
from boards.flow.rtlil import allow_collisions, design
from boards.flow.synthesis import synthesise
from rtl.config import CONFIGS
from rtl.memory.shadow import ShadowMemory
from rtl.memory.weights import NO_RW_CHECK, WeightMemory


def masks(rtlil: str) -> list[str]:
    """Of each read port, in the order of the text."""
    return re.findall(r"COLLISION_X_MASK (\S+)", rtlil)


class Unmarked(wiring.Component):
    """A memory with a write port and a read port of another address, without the attribute."""

    data: Out(8)

    def __init__(self, attrs: dict[str, int]):
        super().__init__()
        self._attrs = attrs

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = memory.Memory(shape=8, depth=16, init=[], attrs=self._attrs)
        write, read = array.write_port(), array.read_port()
        counter = Signal(4)
        m.d.sync += counter.eq(counter + 1)
        m.d.comb += [write.addr.eq(counter), write.en.eq(1), read.addr.eq(counter ^ 5), self.data.eq(read.data)]
        return m


def test_own_address_is_read_before_write_and_others_may_collide() -> None:
    assert masks(design(WeightMemory(64), "weights").rtlil) == ["1'0", "1'1"]


def test_a_mask_has_the_first_write_port_in_its_lowest_bit() -> None:
    # The first write port is `save`; the second shares its address with the read port.
    assert masks(design(ShadowMemory(64), "shadow").rtlil) == ["2'01"]


@pytest.mark.parametrize(("attrs", "mask"), [({}, "1'0"), (NO_RW_CHECK, "1'1")])
def test_only_marked_memories_change(attrs: dict[str, int], mask: str) -> None:
    assert masks(design(Unmarked(attrs), "block").rtlil) == [mask]


def test_a_mask_that_is_set_already_is_refused() -> None:
    text = design(WeightMemory(64), "weights").rtlil
    with pytest.raises(ValueError, match="no plain COLLISION_X_MASK"):
        allow_collisions(text)


def test_weights_take_two_block_ram_ports_and_nothing_else(tmp_path: Path) -> None:
    """One port of each block writes, and gives the old word when it does, which the snapshot needs; the other only
    reads."""
    words = CONFIGS["full"].weight_words
    netlist = synthesise(design(WeightMemory(words), "weights"), Family.ECP5, tmp_path)
    # 18 Kbit blocks in 1-bit slices; the LUT joins `valid` and `write`.
    assert netlist.cells == {"DP16KD": words * 64 // (1 << 14), "LUT4": 1}
    cells = json.loads(netlist.path.read_text())["modules"]["weights"]["cells"].values()
    blocks = [cell for cell in cells if cell["type"] == "DP16KD"]
    for cell in blocks:
        writing = [port for port in "AB" if cell["connections"][f"WE{port}"] != ["0"]]
        assert [cell["parameters"][f"WRITEMODE_{port}"] for port in writing] == ["READBEFOREWRITE"]


def test_without_the_masks_weights_take_twice_as_much(tmp_path: Path) -> None:
    """What the masks are for; if Yosys learns to look at the attribute in RTLIL, they are not needed any more."""
    marked = design(WeightMemory(2048), "weights")
    plain = type(marked)("weights", re.sub(r"(COLLISION_X_MASK) 1'1", r"\1 1'0", marked.rtlil))
    assert synthesise(plain, Family.ECP5, tmp_path).cells["DP16KD"] == 16
