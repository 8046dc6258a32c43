"""Settings for all tests."""

import pytest
from hypothesis import settings

settings.register_profile("livetrap", derandomize=True, deadline=None, max_examples=100, database=None)
settings.load_profile("livetrap")


@pytest.fixture
def chip():
    """A chip of its own for one test: powered on, provisioned, its link on a pty."""
    from sim.rtl.chip import Chip

    with Chip() as chip:
        yield chip


@pytest.fixture(scope="session")
def shared_chip():
    """One chip for all tests of a worker that do not mind what happened to it before."""
    from sim.rtl.chip import Chip

    with Chip(seed=1) as chip:
        yield chip
