"""Exact cycle counts of training, bits that are equal, and what training reaches."""

from host.train.characters import Characters
from host.train.digits import Digits
from tests.bench.training import final_scores, first_step, gemm_64_cube


def test_a_64_cube_as_a_run():
    executed = gemm_64_cube()
    assert (executed.cycles, executed.macs) == (4292, 64**3)
    assert executed.utilisation > 0.95


def test_a_digits_step():
    executed, golden = first_step(Digits())
    assert executed.memory == golden
    assert (executed.cycles, executed.macs, executed.descriptors) == (32536, 1523712, 10)
    assert executed.utilisation > 0.6


def test_a_characters_step():
    executed, golden = first_step(Characters())
    assert executed.memory == golden
    assert (executed.cycles, executed.macs, executed.descriptors) == (52128, 2048000, 25)
    assert executed.utilisation > 0.6


def test_what_digits_reach():
    """On the golden model, which chips equal to the last bit."""
    assert final_scores(Digits()) == {"accuracy": 436 / 450}


def test_what_characters_reach():
    scores = final_scores(Characters())
    assert {name: f"{score:.4f}" for name, score in scores.items()} == {
        "bits_per_character": "3.0792",
        "bigram": "3.6540",
    }
