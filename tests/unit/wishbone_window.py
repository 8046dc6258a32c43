"""Writes to a peripheral's one-word Wishbone window, as the CPU makes them."""

from collections.abc import Callable

from sim.rtl.block import VerilatedBlock


def access(
    block: VerilatedBlock,
    value: int,
    *,
    write: bool = True,
    select: int = 15,
    limit: int = 5000,
    cycle: Callable[[], None] | None = None,
) -> tuple[str, int]:
    """One access to `data_bus`; returns "ack" or "err", and after how many cycles.

    cycle: makes a cycle of the bench instead of a plain step. The strobe falls in the cycle after the answer.
    """
    step = cycle or block.step
    block.set_all({"data_bus__cyc": 1, "data_bus__stb": 1, "data_bus__we": write})
    block.set_all({"data_bus__sel": select, "data_bus__dat_w": value})
    for cycles in range(1, limit + 1):
        step()
        for outcome in ("ack", "err"):
            if block.get(f"data_bus__{outcome}"):
                assert not (block.get("data_bus__ack") and block.get("data_bus__err"))
                block.set_all({"data_bus__cyc": 0, "data_bus__stb": 0})
                step()
                return outcome, cycles
    raise AssertionError("the window did not answer")
