"""What a plan says about costs: stalls, storage, transcripts, our own chip. Each function makes one section."""

from . import burden
from .chip_cost import ChipMeasurements, compliance_cost, statement_bytes
from .figures import Figure, Section, or_reason
from .fleet import Fleet


def stall(fleet: Fleet) -> Section:
    """What snapshots that freeze a chip cost a cluster, and the longest freeze it can bear."""
    rate = fleet.scenario.snapshots_per_chip_day
    share = burden.stall_share(fleet.cluster_chips, rate, fleet.freeze_seconds)
    return Section(
        "stall",
        f"A cluster of {fleet.cluster_chips:,.0f} chips that wait for each other",
        (
            Figure(
                "share",
                share,
                "share",
                f"of its time lost if a snapshot freezes a chip for {fleet.freeze_seconds:g} s",
            ),
            Figure(
                "longest_freeze_seconds",
                burden.longest_freeze_seconds(burden.CHEAP_OVERHEAD, fleet.cluster_chips, rate),
                "s",
                "longest freeze that costs 1 % or less",
            ),
        ),
        "the paper's line: 1 % is easy to accept, 20 % is not" + (" (this is over 1 %)" if share > 0.01 else ""),
    )


def storage(fleet: Fleet) -> Section:
    """Bytes of evidence to keep: bare hashes, or whole memory images."""
    rate = fleet.scenario.snapshots_per_chip_day
    image = burden.bytes_per_chip_year(rate, fleet.memory_bytes)
    hashes = burden.bytes_per_chip_year(rate, burden.DIGEST_BYTES)
    return Section(
        "storage",
        "Evidence to keep",
        (
            Figure("hash_bytes_per_chip_year", hashes, "bytes", "of bare 32-byte hashes, per chip and year"),
            Figure("image_bytes_per_chip_year", image, "bytes", "of whole memory images, per chip and year"),
            Figure(
                "image_bytes_per_year", image * fleet.scenario.chips_owned, "bytes", "of images, all chips, per year"
            ),
        ),
    )


def transcript(fleet: Fleet) -> Section:
    """What re-executing some of a transcript's segments finds, and how many it takes."""
    segments, forged, checked = fleet.transcript_segments, fleet.forged_segments, fleet.checked_segments
    found = burden.segment_check(segments, forged, checked)
    least = or_reason(lambda: float(burden.segments_to_check(segments, forged, fleet.scenario.detection_probability)))
    return Section(
        "transcript",
        f"Re-execution of {checked:,} of a transcript's {segments:,} segments",
        (
            Figure("detection", found, "share", f"that one of {forged:,} forged segments is among them"),
            Figure(
                "segments_needed",
                least[0],
                "segments",
                f"to re-execute for probability {fleet.scenario.detection_probability:g}",
                least[1],
            ),
        ),
        "drawn after the transcript is committed to; a single forged segment needs a cheap test of every segment",
    )


def chip(fleet: Fleet, measured: ChipMeasurements | None, bench_absent: str) -> Section:
    """What this project's chip costs. measured: on the bench, or None; bench_absent then says what to do."""
    title = "What this project's chip costs"
    rate = fleet.scenario.snapshots_per_chip_day
    size = statement_bytes()
    log = burden.bytes_per_chip_year(rate, size)
    kept = (
        Figure("statement_bytes", size, "bytes", "of one signed statement, the log entry of a snapshot"),
        Figure("log_bytes_per_chip_year", log, "bytes", "of log per chip and year, images not kept"),
        Figure(
            "evidence_bytes_per_chip_year",
            log + burden.bytes_per_chip_year(rate, fleet.memory_bytes),
            "bytes",
            "of evidence per chip and year, images kept",
        ),
        Figure("log_bytes_per_year", log * fleet.scenario.chips_owned, "bytes", "of log, all chips, per year"),
    )
    if measured is None:
        return Section("chip", title, kept, bench_absent)
    cost = compliance_cost(measured, fleet.chip_clock_hertz, fleet.cluster_chips, rate, fleet.memory_bytes)
    clock = f"at {fleet.chip_clock_hertz / 1e6:g} MHz"
    return Section(
        "chip",
        title,
        (
            Figure("stall_cycles", measured.stall_cycles, "cycles", "that training waits for a snapshot, measured"),
            Figure(
                "cluster_stall_share",
                cost.cluster_stall_share,
                "share",
                "of the cluster's time; the paper's line: 1 %",
            ),
            Figure(
                "statement_seconds",
                cost.statement_seconds,
                "s",
                f"from trigger to signature {clock}, training goes on",
            ),
            Figure(
                "whole_memory_seconds",
                cost.whole_memory_seconds,
                "s",
                f"to hash an accelerator's {fleet.memory_bytes / 1e9:g} GB at this rate {clock}",
                f"{cost.whole_memory_share * 100:.2g} % of the time at this snapshot rate",
            ),
            *kept,
        ),
        "training goes on during a snapshot because the chip keeps a second memory as large: that costs area",
    )
