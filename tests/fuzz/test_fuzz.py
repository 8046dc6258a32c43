"""A short run of the fuzzer with fixed seeds; `make fuzz` runs it for ten minutes."""

import random

import pytest

from .fuzzer import Target, run


@pytest.mark.parametrize("seed", range(4))
def test_no_input_upsets_a_parser(seed):
    with Target() as fuzzed:
        run(fuzzed, random.Random(seed), 200)
