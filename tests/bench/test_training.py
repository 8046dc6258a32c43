"""Exact cycle counts of training, and bits that are equal."""

from tests.bench.training import digits_step, gemm_64_cube


def test_a_64_cube_as_a_run():
    executed = gemm_64_cube()
    assert (executed.cycles, executed.macs) == (4292, 64**3)
    assert executed.utilisation > 0.95


def test_a_digits_step():
    executed, golden = digits_step()
    assert executed.memory == golden
    assert (executed.cycles, executed.macs, executed.descriptors) == (32536, 1523712, 10)
    assert executed.utilisation > 0.6
