"""Verification of what was computed: every lie about it is found, though the chip's own key signed it."""

from dataclasses import replace
from itertools import pairwise

import pytest

from formats.descriptor import Run
from formats.flash import MACS_STEP
from formats.records import Record, RecordKind
from formats.statement import Cause
from host.verify import Verdict
from host.verify.counters import COUNTERS
from host.verify.roots import PAGES as ROOT_FROM_PAGES
from host.verify.roots import REPLAY, ROOT
from tests.computing_story import MACS, PROGRAM, RUN, claim, items_of, program, seq_of, story, with_items
from tests.evidence_story import NONCE, forged
from tests.unit.verify_bench import assert_finds, check, rejections


def test_the_story_is_as_told():
    told = story()
    steps_of_run = [claim(seq_of(f"descriptor {index}"), "descriptor") for index in range(1, RUN.descriptors)]
    assert steps_of_run == list(range(1, RUN.descriptors))
    assert claim(seq_of("forced"), "macs") - claim(seq_of("after forced"), "macs") == 768 - MACS[1]
    assert all(told.images[seq_of("forced")] != told.images[seq] for seq in told.snapshots)
    images = [told.images[seq] for seq in told.snapshots]
    assert all(before != after for before, after in pairwise(images[: seq_of("first run over")])), "all is seen"


def test_an_honest_chip_is_verified_at_every_descriptor():
    report = check(story().evidence)
    assert report.verdict is Verdict.VERIFIED
    assert [each.statement for each in report.named(REPLAY)] == story().snapshots
    assert [each.statement for each in report.named(ROOT_FROM_PAGES)] == [seq_of("forced")]
    assert [each.statement for each in report.named(COUNTERS)] == list(range(len(story().statements)))


@pytest.mark.parametrize("by", (1, -1))
@pytest.mark.parametrize("name", ("descriptor 2", "descriptor 4", "descriptor 6", "second boot's last"))
def test_a_descriptor_count_that_is_off_by_one(name: str, by: int):
    """Neither the root nor the counters are those of another descriptor, even if nothing else contradicts it."""
    seq = seq_of(name)
    lie = forged(story().evidence, {seq: {"descriptor": claim(seq, "descriptor") + by}})
    assert_finds(lie, ROOT, seq, "digest")


@pytest.mark.parametrize("name", ("first run over", "stopped", "nothing to run", "third boot's last"))
def test_more_descriptors_than_the_runs_have(name: str):
    """One more, when none is left: at the end of a run, and behind a refused descriptor."""
    seq = seq_of(name)
    honest = claim(seq, "descriptor")
    lie = forged(story().evidence, {seq: {"descriptor": honest + 1}})
    assert_finds(lie, COUNTERS, seq, "descriptor", f"at most {honest}, as the record gives", f"{honest + 1}")
    assert_finds(lie, ROOT, seq, "descriptor")


def test_fewer_descriptors_than_the_records_waited_for():
    """The record behind a run is taken when the run is over."""
    seq = seq_of("first run over") + 1
    assert claim(seq, "records") == 10
    lie = forged(story().evidence, {seq: {"descriptor": 7, "steps": 1}})
    assert_finds(lie, COUNTERS, seq, "descriptor")


@pytest.mark.parametrize("by", (1, -1))
@pytest.mark.parametrize("name", ("descriptor 4", "after forced", "forced", "head within a product", "stopped"))
def test_steps_that_are_off_by_one(name: str, by: int):
    seq = seq_of(name)
    honest = claim(seq, "steps")
    lie = forged(story().evidence, {seq: {"steps": honest + by}})
    assert_finds(lie, COUNTERS, seq, "steps", f"{honest}, as the record gives", f"{honest + by}")


@pytest.mark.parametrize("by", (1, -1))
@pytest.mark.parametrize(
    "name", ("started", "descriptor 2", "descriptor 7", "stopped", "second boot's last", "third boot's last", "last")
)
def test_macs_that_are_off_by_one(name: str, by: int):
    seq = seq_of(name)
    honest = claim(seq, "macs")
    if honest + by >= 0:
        lie = forged(story().evidence, {seq: {"macs": honest + by}})
        assert_finds(lie, COUNTERS, seq, "macs", f"{honest}, as the record gives", f"{honest + by}")


@pytest.mark.parametrize("name, within", (("head within a product", MACS[0]), ("forced", MACS[1])))
def test_macs_within_a_descriptor_lie_between_its_ends(name: str, within: int):
    seq = seq_of(name)
    least = sum(MACS) * claim(seq, "descriptor") // len(MACS) if name == "head within a product" else 4608 + 512
    for macs, is_found in ((least - 1, True), (least, False), (least + within, False), (least + within + 1, True)):
        lie = forged(story().evidence, {seq: {"macs": macs}})
        assert bool(rejections(lie, COUNTERS)) is is_found, macs
    assert_finds(lie, COUNTERS, seq, "macs", f"{least} to {least + within}, as the record gives", str(macs))


def test_macs_of_a_boot_statement_follow_from_the_boot_before():
    """The record of boot 3 has nothing left to run, so nothing was run unseen. That of boot 2 has."""
    seq, before = seq_of("fourth boot"), seq_of("third boot's last")
    lies = {later: {"macs": claim(later, "macs") + 1} for later in (seq, seq_of("last"))}
    assert_finds(forged(story().evidence, lies), COUNTERS, seq, "macs", f"no run after statement {before}")
    seq = seq_of("third boot")
    more = {later: {"macs": claim(later, "macs") + 5} for later in range(seq, len(story().statements))}
    assert check(forged(story().evidence, more)).exit_code == 0


@pytest.mark.parametrize(
    "macs, is_told", [(MACS_STEP, True), (2 * MACS_STEP, True), (MACS_STEP + 1, False), (3 * MACS_STEP, False)]
)
def test_after_a_power_cut_macs_go_on_from_their_ceiling(macs: int, is_told: bool):
    """At most two steps above, and at a whole one; how many that leaves out is told."""
    seq = seq_of("fourth boot")
    skipped = macs - claim(seq, "macs")
    lies = {later: {"macs": claim(later, "macs") + skipped} for later in (seq, seq_of("last"))}
    evidence = forged(story().evidence, lies)
    if is_told:
        told = next(each for each in check(evidence).named(COUNTERS) if each.statement == seq)
        assert told.verdict is Verdict.VERIFIED and f"went on {skipped} multiply-accumulates above" in told.reason
    else:
        assert_finds(evidence, COUNTERS, seq, "macs", "or the ceiling above it", str(macs))


def test_a_run_in_the_record_behind_the_last_statement_may_explain_macs():
    seq = seq_of("fourth boot")
    more = {later: {"macs": claim(later, "macs") + 512} for later in (seq, seq_of("last"))}
    items = [*items_of(3), Record(RecordKind.RUN, PROGRAM, Run(1).encode())]
    assert check(forged(with_items(3, items), more)).exit_code == 0
    items[-1] = Record(RecordKind.WRITE, 0, bytes(8))
    assert_finds(forged(with_items(3, items), more), COUNTERS, seq, "macs")


# Forced snapshots.


def test_a_forced_snapshot_is_not_re_executed():
    """A descriptor was interrupted: nobody can say what was in memory, but its pages can."""
    seq = seq_of("forced")
    report = check(replace(story().evidence, pages={}))
    assert report.exit_code == 3 and report.deciding is not None
    assert (report.deciding.statement, report.deciding.name) == (seq, ROOT_FROM_PAGES)
    assert seq not in [each.statement for each in report.named(REPLAY)]


def test_a_snapshot_within_a_descriptor_that_is_called_one_at_a_boundary():
    seq = seq_of("forced")
    lie = forged(story().evidence, {seq: {"cause": Cause.RANDOM}})
    assert_finds(lie, ROOT, seq, "digest")
    assert_finds(lie, COUNTERS, seq, "macs")


# Hostile evidence costs little.


def test_regions_beyond_all_addresses_are_rejected_and_cost_nothing():
    """Even if the chip's key vouches for them."""
    for pages, page_size in ((2**32 - 1, 2**32 - 8), (2**20 + 1, 4096)):
        huge = {"pages": pages, "page_size": page_size}
        lie = forged(story().evidence, dict.fromkeys(range(len(story().statements)), huge))
        assert_finds(lie, "rules", 0, "pages", "at most 4294967296 bytes", f"{pages} of {page_size} bytes")


def test_the_program_is_what_its_documentation_says():
    assert tuple(each.m * each.n * each.k if each.opcode == 1 else 0 for each in program()) == MACS
    assert NONCE in story().evidence.challenges
