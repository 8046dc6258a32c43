"""`make bench`: exact cycle counts and printed rates; writes build/bench.json.

Exact figures are pinned by the tests beside this file; the others are of this machine and this run.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from host.train.characters import Characters
from host.train.digits import Digits
from sim.rtl.speed import emulator_mhz
from tests.bench.pipeline import measure_signing, measure_snapshot
from tests.bench.training import final_scores, first_step, float_accuracy, gemm_64_cube, golden_step_seconds

RESULT = Path("build/bench.json")
RUNS = 3
"""Of what depends on the machine; the best counts, since other work can only slow a run."""


def demo_seconds() -> float:
    """Wall time of one `livetrap demo`, everything built."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "host.cli", "demo"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def training_seconds(accuracy: float) -> float:
    """Wall time of `livetrap train digits` on an emulated chip until its held-out accuracy is as high."""
    start = time.monotonic()
    command = [sys.executable, "-m", "host.cli", "train", "digits", "--port", "sim", "--no-test"]
    command += ["--evaluate-every", "1", "--target", str(accuracy), "--salt", "00" * 32]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def training_rows(emulator: float) -> list[tuple[str, object, str, bool]]:
    """Figures of the accelerator and of training; emulator: its speed in MHz, to compare with the golden model's."""
    cube, (step, _), (characters_step, _) = gemm_64_cube(), first_step(Digits()), first_step(Characters())
    golden = min(golden_step_seconds(Digits()) for _ in range(RUNS))
    characters = final_scores(Characters())
    return [
        ("accelerator.gemm_64_cycles", cube.cycles, "cycles", True),
        ("accelerator.gemm_64_utilisation", round(cube.utilisation, 4), "of peak", True),
        ("training.digits_step_cycles", step.cycles, "cycles", True),
        ("training.digits_step_utilisation", round(step.utilisation, 4), "of peak", True),
        ("training.characters_step_cycles", characters_step.cycles, "cycles", True),
        ("training.characters_step_utilisation", round(characters_step.utilisation, 4), "of peak", True),
        ("training.digits_accuracy", round(final_scores(Digits())["accuracy"], 4), "held out", True),
        ("training.digits_float_accuracy", round(float_accuracy(), 4), "held out", False),
        ("training.characters_bits", round(characters["bits_per_character"], 4), "bits/symbol", True),
        ("training.characters_bigram_bits", round(characters["bigram"], 4), "bits/symbol", True),
        ("training.digits_seconds_to_93_percent", round(training_seconds(0.93), 1), "s", False),
        ("training.golden_step", round(1e3 * golden, 3), "ms", False),
        ("training.golden_to_emulator", round(step.cycles / (1e6 * emulator) / golden, 1), "times as fast", False),
    ]


def figures() -> dict[str, dict[str, object]]:
    """Figure name -> {value, unit, exact}."""
    snapshot = measure_snapshot()
    signing, _statement, _key = measure_signing()
    demo_seconds()
    emulator = max(emulator_mhz() for _ in range(RUNS))
    rows = [
        ("snapshot.hash_bytes_per_cycle", round(snapshot.hash_bytes_per_cycle, 4), "bytes/cycle", True),
        ("snapshot.stall_cycles", snapshot.stalls, "cycles", True),
        ("snapshot.trigger_to_root_cycles", snapshot.trigger_to_root, "cycles", True),
        ("snapshot.root_to_signature_cycles", signing.root_to_signature, "cycles", True),
        ("signer.ed25519_cycles", signing.signature, "cycles", True),
        ("signer.derive_cycles", signing.derive, "cycles", True),
        ("emulator.rtl_mhz", round(emulator, 3), "MHz", False),
        ("demo.warm_seconds", round(min(demo_seconds() for _ in range(RUNS)), 1), "s", False),
        *training_rows(emulator),
    ]
    return {name: {"value": value, "unit": unit, "exact": exact} for name, value, unit, exact in rows}


def main() -> None:
    measured = figures()
    RESULT.parent.mkdir(exist_ok=True)
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps(known | measured, indent=2, sort_keys=True) + "\n")
    table = Table(Column("figure", no_wrap=True), "value", "unit", "kind")
    for name, figure in measured.items():
        kind = "exact" if figure["exact"] else "this machine"
        table.add_row(name, str(figure["value"]), str(figure["unit"]), kind)
    Console().print(table)


if __name__ == "__main__":
    main()
