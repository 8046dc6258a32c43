"""cocotb on the SPI PHY under Verilator, with a flash at its pins. A missing scenario is a failure."""

from rtl.io.spi_phy import SpiPhy
from tests.cocotb import spi_flash_scenarios
from tests.cocotb.runner import run_scenarios


def test_spi_flash_scenarios(monkeypatch, tmp_path):
    assert run_scenarios(SpiPhy(), "spi_phy", spi_flash_scenarios, tmp_path, monkeypatch) == (4, 0)
