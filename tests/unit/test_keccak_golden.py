"""The Keccak reference against published vectors, and the compiled functions against the reference."""

import random

import numpy as np
import pytest

from sim.golden.keccak import (
    keccak_p,
    reference_shake256,
    reference_turboshake128,
    rotation_offsets,
    round_constants,
    shake256,
    turboshake128,
)
from tests.unit.keccak_vectors import KECCAK_F_CHAIN, RFC_9861_TURBOSHAKE128, cavp_shake256, lanes, ptn


def test_keccak_f_1600_of_the_zero_state_and_of_its_result():
    state = lanes(KECCAK_F_CHAIN[0])
    for expected in KECCAK_F_CHAIN[1:]:
        state = keccak_p(state, 24)
        assert state.tolist() == lanes(expected).tolist()


def test_keccak_p_on_many_states_at_once_equals_one_by_one():
    states = np.random.default_rng(1).integers(0, 1 << 64, (3, 2, 25), dtype=np.uint64)
    together = keccak_p(states, 12)
    for index in np.ndindex(3, 2):
        assert (together[index] == keccak_p(states[index], 12)).all()


def test_constants_of_the_keccak_team():
    assert round_constants()[:3] == (1, 0x8082, 0x800000000000808A)
    assert round_constants()[-1] == 0x8000000080008008
    assert rotation_offsets()[:10] == (0, 1, 62, 28, 27, 36, 44, 6, 55, 20)


def test_keccak_p_refuses_what_it_is_not_defined_for():
    state = lanes(KECCAK_F_CHAIN[0])
    with pytest.raises(ValueError, match="at most 24 rounds"):
        keccak_p(state, 25)
    with pytest.raises(ValueError, match="25"):
        keccak_p(state[:24], 12)


@pytest.mark.parametrize("function", [reference_turboshake128, turboshake128])
def test_turboshake128_of_rfc_9861(function):
    for message, domain, length, expected in RFC_9861_TURBOSHAKE128:
        output = function(message, domain, length)
        assert len(output) == length
        assert output.hex().endswith(expected)


def test_shake256_of_the_keccak_team():
    cases = cavp_shake256()
    assert len(cases) == 256
    for message, expected in cases:
        assert reference_shake256(message, len(expected)) == expected
        assert shake256(message, len(expected)) == expected


def test_compiled_functions_equal_the_reference_at_every_length_around_a_block():
    source = random.Random(2)
    for length in (*range(20), *range(130, 175), *range(330, 342), 1000):
        message = source.randbytes(length)
        domain = source.randrange(1, 0x80)
        assert turboshake128(message, domain) == reference_turboshake128(message, domain)
        assert shake256(message, 200) == reference_shake256(message, 200)


@pytest.mark.parametrize("function", [reference_turboshake128, turboshake128])
@pytest.mark.parametrize("domain", [0, 0x80, -1])
def test_domain_outside_rfc_9861_is_refused(function, domain):
    with pytest.raises(ValueError, match="0x01 to 0x7f"):
        function(b"", domain)


def test_ptn_repeats_251_bytes():
    assert ptn(253) == bytes(range(251)) + b"\x00\x01"
