"""`make bench`: exact cycle counts and printed rates; writes build/bench.json.

Exact figures are pinned by tests/bench/test_pipeline.py; the others are of this machine and this run.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sim.rtl.speed import emulator_mhz
from tests.bench.pipeline import measure_signing, measure_snapshot

RESULT = Path("build/bench.json")
RUNS = 3
"""Of what depends on the machine; the best counts, since other work can only slow a run."""


def demo_seconds() -> float:
    """Wall time of one `livetrap demo`, everything built."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "host.cli", "demo"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def figures() -> dict[str, dict[str, object]]:
    """Figure name -> {value, unit, exact}."""
    snapshot = measure_snapshot()
    signing, _statement, _key = measure_signing()
    demo_seconds()
    rows = [
        ("snapshot.hash_bytes_per_cycle", round(snapshot.hash_bytes_per_cycle, 4), "bytes/cycle", True),
        ("snapshot.stall_cycles", snapshot.stalls, "cycles", True),
        ("snapshot.trigger_to_root_cycles", snapshot.trigger_to_root, "cycles", True),
        ("snapshot.root_to_signature_cycles", signing.root_to_signature, "cycles", True),
        ("signer.ed25519_cycles", signing.signature, "cycles", True),
        ("signer.derive_cycles", signing.derive, "cycles", True),
        ("emulator.rtl_mhz", round(max(emulator_mhz() for _ in range(RUNS)), 3), "MHz", False),
        ("demo.warm_seconds", round(min(demo_seconds() for _ in range(RUNS)), 1), "s", False),
    ]
    return {name: {"value": value, "unit": unit, "exact": exact} for name, value, unit, exact in rows}


def main() -> None:
    measured = figures()
    RESULT.parent.mkdir(exist_ok=True)
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps(known | measured, indent=2, sort_keys=True) + "\n")
    table = Table("figure", "value", "unit", "kind")
    for name, figure in measured.items():
        kind = "exact" if figure["exact"] else "this machine"
        table.add_row(name, str(figure["value"]), str(figure["unit"]), kind)
    Console().print(table)


if __name__ == "__main__":
    main()
