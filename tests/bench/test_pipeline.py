"""Exact cycle counts from trigger to signed statement, pinned: a change of any is a change of the product."""

from host.evidence.statement import parse
from tests.bench.pipeline import CONFIG, SigningCycles, measure_signing, measure_snapshot


def test_snapshot_of_the_whole_region_at_line_rate_without_a_stall():
    snapshot = measure_snapshot()
    # 16384 words at one a cycle; 87 cycles of pipeline, padding and the last six permutations.
    assert snapshot.capture == CONFIG.weight_words + 87
    assert snapshot.trigger_to_root == snapshot.capture + 1
    assert snapshot.stalls == 0
    assert snapshot.writes > snapshot.capture
    assert snapshot.hash_bytes_per_cycle > 7.95


def test_statement_is_signed_and_chained_in_the_same_time_under_every_key():
    for seed in range(3):
        cycles, statement, public_key = measure_signing(seed)
        assert cycles == SigningCycles(signature=60159, root_to_signature=61889, derive=57265)
        assert parse(statement).signed_by(public_key)
