"""The noise source of boards: what synthesis may not optimise away, and when samples come."""

import json
import random
from collections import Counter

import pytest

from rtl.io.ring_oscillator import RING_LENGTHS, LutFamily, NoiseSampler, RingOscillator
from sim.rtl.block import VerilatedBlock
from sim.rtl.elaboration import to_rtlil, to_verilog

LIBRARY = """
attribute \\blackbox 1
module \\LUT4
  parameter \\INIT 16'0000000000000000
  wire input 1 \\A
  wire input 2 \\B
  wire input 3 \\C
  wire input 4 \\D
  wire output 5 \\Z
end
attribute \\blackbox 1
module \\SB_LUT4
  parameter \\LUT_INIT 16'0000000000000000
  wire input 1 \\I0
  wire input 2 \\I1
  wire input 3 \\I2
  wire input 4 \\I3
  wire output 5 \\O
end
"""
OPTIMISED = ("hierarchy -check", "proc", "flatten", "opt -full", "wreduce", "opt_clean -purge", "write_json")
CELLS = {LutFamily.ECP5: ("LUT4", "INIT", "A", "Z"), LutFamily.ICE40: ("SB_LUT4", "LUT_INIT", "I0", "O")}


def netlist(component) -> list[dict]:
    """The cells of the flattened and optimised design."""
    rtlil, _ = to_rtlil(component, "top")
    design = json.loads(to_verilog(rtlil + LIBRARY, OPTIMISED))
    return list(design["modules"]["top"]["cells"].values())


def rings(cells: list[dict], family: LutFamily) -> Counter[int]:
    """Lengths of the closed rings of inverters among the cells. Every LUT must be an inverter in one, and kept."""
    kind, table, source, target = CELLS[family]
    luts = [cell for cell in cells if cell["type"] == kind]
    assert all(int(cell["parameters"][table], 2) & 0xFFFF == 0x5555 for cell in luts)
    assert all("keep" in cell["attributes"] for cell in luts)
    follows = {cell["connections"][source][0]: cell["connections"][target][0] for cell in luts}
    assert len(follows) == len(luts), "each net feeds one inverter"
    lengths: Counter[int] = Counter()
    while follows:
        first, net = follows.popitem()
        length = 1
        while net != first:
            net = follows.pop(net)
            length += 1
        lengths[length] += 1
    return lengths


@pytest.mark.parametrize("family", LutFamily)
@pytest.mark.parametrize("lengths", [RING_LENGTHS, (3, 3, 3), (1,)])
def test_every_ring_is_kept(family, lengths):
    assert rings(netlist(RingOscillator(family, lengths)), family) == Counter(lengths)


@pytest.mark.parametrize("family", LutFamily)
def test_each_ring_reaches_a_flop_of_its_own(family):
    """A ring that nothing samples would be of no use: its nets meet as many flops' inputs as there are rings."""
    cells = netlist(RingOscillator(family))
    kind, _, _, target = CELLS[family]
    nets = {cell["connections"][target][0] for cell in cells if cell["type"] == kind}
    flops = [bit for cell in cells if "dff" in cell["type"] for bit in cell["connections"]["D"]]
    assert len(nets & set(flops)) == len(RING_LENGTHS)
    assert sum(bit in nets for bit in flops) == len(RING_LENGTHS)


def test_parameters():
    for lengths in ((), (4,), (3, 0)):
        with pytest.raises(ValueError, match="odd"):
            RingOscillator(LutFamily.ECP5, lengths)
    with pytest.raises(ValueError, match="at least 2"):
        NoiseSampler(3, 1)


@pytest.mark.parametrize("sample_cycles", [2, 7, 64])
def test_samples_are_the_rings_sum_behind_two_flops(sample_cycles):
    block = VerilatedBlock(NoiseSampler(3, sample_cycles), f"noise_sampler_{sample_cycles}")
    source = random.Random(sample_cycles)
    values = [source.getrandbits(3) for _ in range(40 * sample_cycles)]
    outputs = block.run({"rings": values, "noise__ready": [1] * len(values)}, ["noise__valid", "noise__payload"])
    valid = [cycle for cycle, each in enumerate(outputs["noise__valid"]) if each]
    assert valid == list(range(sample_cycles, len(values), sample_cycles))
    for cycle in valid[1:]:
        assert outputs["noise__payload"][cycle] == values[cycle - 3].bit_count() % 2


def test_a_sample_waits_until_it_is_taken():
    block = VerilatedBlock(NoiseSampler(1, 4), "noise_sampler_4")
    ready = [0] * 10 + [1, 0, 0, 0, 0, 1] + [1] * 8
    outputs = block.run(
        {"rings": [cycle % 4 < 2 for cycle in range(len(ready))], "noise__ready": ready}, ["noise__valid"]
    )
    assert [cycle for cycle, each in enumerate(outputs["noise__valid"]) if each] == [
        *range(4, 11),
        *range(12, 16),
        16,
        20,
    ]
