"""Configurations: what is refused, and that every named chip can be elaborated."""

import pytest

from rtl.config import CONFIGS, Config
from rtl.soc import LivetrapSoC
from sim.rtl.elaboration import to_rtlil


@pytest.mark.parametrize("name", CONFIGS)
def test_every_named_chip_elaborates(name):
    text, files = to_rtlil(LivetrapSoC(CONFIGS[name]), "chip")
    assert "snapshot_engine" in text
    assert any("VexRiscv" in source for source in files.values())


@pytest.mark.parametrize(
    "sizes",
    [
        {"weight_bytes": 4097},
        {"weight_bytes": 4096, "page_bytes": 12},
        {"weight_bytes": 4096, "slices_per_cycle": 4},
        {"weight_bytes": 4096, "log_sectors": 1},
        {"weight_bytes": 4096, "log_sectors": 977},
        {"weight_bytes": 4096, "flash_offset": 2048},
        {"weight_bytes": 4096, "flash_offset": 2 << 20},
    ],
)
def test_sizes_that_cannot_work_are_refused(sizes):
    with pytest.raises(ValueError, match=r"\d"):
        Config("odd", **sizes)
