"""One modelled chip for all tests of a worker; each test boots it anew."""

import pytest

from tests.firmware.host_build import HostChip
from tests.firmware.verifier import Verifier


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


@pytest.fixture(scope="session")
def verifier(tmp_path_factory):
    return Verifier(tmp_path_factory.mktemp("verifier"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """A Verifier that no chip here obeys."""
    return Verifier(tmp_path_factory.mktemp("stranger"))
