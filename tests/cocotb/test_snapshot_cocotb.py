"""cocotb on the snapshot engine under Verilator. A missing scenario is a failure."""

from rtl.snapshot.engine import SnapshotEngine
from tests.cocotb import snapshot_scenarios
from tests.cocotb.runner import run_scenarios


def test_snapshot_engine_scenarios(monkeypatch, tmp_path):
    engine = SnapshotEngine(snapshot_scenarios.CONFIG)
    assert run_scenarios(engine, "snapshot_engine", snapshot_scenarios, tmp_path, monkeypatch) == (3, 0)
