"""One modelled chip for all tests of a worker; each test boots it anew."""

import pytest

from tests.firmware.host_build import HostChip


@pytest.fixture(scope="session")
def driver():
    chip = HostChip()
    yield chip
    chip.close()


@pytest.fixture
def chip(driver):
    """A booted chip with the boot statement (seq 0) in its log."""
    driver.boot()
    return driver
