"""The SPI PHY's cycles, with its output led back to its input. At pin level with a part: tests/cocotb."""

import random
from itertools import pairwise

import pytest

from rtl.io.spi_phy import SpiPhy
from sim.rtl.block import VerilatedBlock

LAST = 1 << 8
DESELECT = 4


def loop(divisor: int, count: int, last_at: set[int]) -> dict[str, list[int]]:
    """Sends bytes as fast as they are taken, with `last` at some; returns the pins, and transfers by cycle."""
    block = VerilatedBlock(SpiPhy(divisor, DESELECT), f"spi_phy_{divisor}", cycle_limit=100_000)
    source = random.Random(divisor)
    sent = [source.getrandbits(8) for _ in range(count)]
    trace: dict[str, list[int]] = {name: [] for name in ("cs_n", "sck", "copi", "taken", "answered", "received")}
    block.set("rx__ready", 1)
    while len(trace["received"]) < count:
        at = len(trace["taken"])
        offers = at < count
        block.set_all(
            {"tx__valid": offers, "tx__payload": sent[at] | (LAST if at in last_at else 0) if offers else 0}
        )
        block.set("cipo", block.get("copi"))
        for name in ("cs_n", "sck", "copi"):
            trace[name].append(block.get(name))
        if offers and block.get("tx__ready"):
            trace["taken"].append(block.cycles)
        if block.get("rx__valid"):
            trace["answered"].append(block.cycles)
            trace["received"].append(block.get("rx__payload"))
        block.step()
    assert trace["received"] == sent
    return trace


def edges(pin: list[int]) -> list[int]:
    return [cycle for cycle in range(1, len(pin)) if pin[cycle] != pin[cycle - 1]]


@pytest.mark.parametrize("divisor", [1, 2, 5])
def test_cycles(divisor):
    byte = 16 * (1 + divisor) + 3
    trace = loop(divisor, 5, {2, 4})
    first = byte - 1
    again = first + 2 * byte + 1 + DESELECT + 1 + byte - 1
    assert trace["taken"] == [first, first + byte, first + 2 * byte, again, again + byte]
    assert trace["answered"] == [taken + 1 for taken in trace["taken"]]
    closed = trace["answered"][2] + 2
    assert edges(trace["cs_n"]) == [2, closed, closed + DESELECT + 1]


@pytest.mark.parametrize("divisor", [1, 2, 5])
def test_clock(divisor):
    """Eight pulses for a byte, each half of 1 + divisor cycles; data change while SCK is low."""
    trace = loop(divisor, 3, {2})
    changes = edges(trace["sck"])
    assert len(changes) == 2 * 8 * 3
    for begin in range(0, len(changes), 16):
        pulses = changes[begin : begin + 16]
        assert [later - earlier for earlier, later in pairwise(pulses)] == [1 + divisor] * 15
    assert not any(trace["sck"][cycle] for cycle in edges(trace["copi"]))
    assert not any(trace["sck"][cycle] or trace["sck"][cycle - 1] for cycle in edges(trace["cs_n"]))


def test_parameters():
    for divisor, cycles in ((0, 4), (1, 0)):
        with pytest.raises(ValueError, match="1 or more"):
            SpiPhy(divisor, cycles)
