"""Which firmware may run, and what a chip was certified as: rules over boots, and reference values."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from formats.otp import Lifecycle
from formats.statement import Kind
from host.cli import run as livetrap
from host.errors import EvidenceError
from host.evidence import certificate, keys
from host.evidence.folder import Evidence
from host.verify import Check, Verdict, verify
from host.verify.certified import CERTIFIED
from host.verify.firmware import FIRMWARE, REFERENCE, ReferenceValue, read_reference
from sim.golden import chip as golden
from tests.evidence_story import FIRMWARE as OLD
from tests.evidence_story import MAKER_KEY, MAKER_SEED, certified, forged, honest, new_chip, write

NEW, OTHER = b"\x01" * 32, b"\x02" * 32
DEVELOPMENT, PRODUCTION, RETIRED = Lifecycle.DEVELOPMENT, Lifecycle.PRODUCTION, Lifecycle.RETIRED


def life(events: Sequence[tuple[str, object]], lifecycle: Lifecycle = PRODUCTION) -> Evidence:
    """A chip's boots with the firmware of each, updates that it announces, and lifecycles that it comes to."""
    chip = replace(new_chip(), lifecycle=lifecycle)
    chain = certified(chip)
    statements: list[bytes] = []
    for event, value in events:
        if event == "boot":
            chip, made = golden.boot(replace(chip, measurement=value))
        elif event == "announce":
            chip, made = golden.state(golden.wait(chip, 5), Kind.UPDATE, digest=value)
        else:
            chip, made = golden.head(replace(chip, lifecycle=value, ticks=chip.ticks + 5), b"\x05" * 32)
        statements.append(made)
    return Evidence(chip.ueid, chain, dict(enumerate(statements)))


def found(evidence: Evidence, name: str = FIRMWARE, references: Sequence[ReferenceValue] = ()) -> list[Check]:
    return list(verify(evidence, MAKER_KEY, references=references).named(name))


def rejections(evidence: Evidence, name: str = FIRMWARE) -> list[tuple[int | None, str | None]]:
    return [(check.statement, check.field) for check in found(evidence, name) if check.verdict is Verdict.REJECTED]


@pytest.mark.parametrize(
    "events",
    [
        [("boot", OLD), ("boot", OLD)],
        [("boot", OLD), ("announce", NEW), ("boot", NEW), ("boot", NEW)],
        [("boot", OLD), ("announce", NEW), ("boot", OLD), ("boot", NEW)],
        [("boot", OLD), ("announce", NEW), ("boot", NEW), ("boot", OLD)],
        [("boot", OLD), ("announce", NEW), ("announce", OTHER), ("boot", OTHER), ("boot", NEW)],
    ],
)
def test_changes_that_were_announced(events: list[tuple[str, object]]) -> None:
    assert rejections(life(events)) == []


@pytest.mark.parametrize("lifecycle", [PRODUCTION])
@pytest.mark.parametrize(
    "events, at",
    [
        ([("boot", OLD), ("boot", NEW)], 1),
        ([("boot", OLD), ("announce", NEW), ("boot", OTHER)], 2),
        ([("boot", OLD), ("boot", OLD), ("boot", NEW), ("announce", NEW)], 2),
    ],
)
def test_changes_that_nothing_announced(events: list[tuple[str, object]], at: int, lifecycle: Lifecycle) -> None:
    assert rejections(life(events, lifecycle)) == [(at, "firmware")]
    report = verify(life(events, lifecycle), MAKER_KEY)
    assert report.exit_code == 1 and f"statement {at}: firmware: expected " in report.deciding.reason


def test_a_development_chip_may_run_anything_and_it_is_told() -> None:
    events = [("boot", OLD), ("boot", NEW), ("head", PRODUCTION), ("boot", OTHER), ("head", RETIRED), ("boot", NEW)]
    checks = found(life(events, DEVELOPMENT))
    assert "development chip" in checks[1].reason and checks[1].verdict is Verdict.VERIFIED
    assert rejections(life(events, DEVELOPMENT)) == [(3, "firmware")]


def test_an_update_that_announces_nothing() -> None:
    assert rejections(life([("boot", OLD), ("announce", bytes(32))])) == [(1, "digest")]


# Reference values.


def test_only_reference_values_may_run() -> None:
    evidence = life([("boot", OLD), ("announce", NEW), ("boot", NEW)])
    assert found(evidence, REFERENCE) == []
    both = [ReferenceValue(OLD), ReferenceValue(NEW, 1)]
    assert [check.verdict for check in found(evidence, REFERENCE, both)] == [Verdict.VERIFIED] * 2
    first, second = found(evidence, REFERENCE, [ReferenceValue(OLD)])
    assert (first.verdict, second.verdict, second.field) == (Verdict.VERIFIED, Verdict.REJECTED, "firmware")
    first = found(evidence, REFERENCE, [ReferenceValue(OLD, 2), ReferenceValue(NEW)])[0]
    assert (first.verdict, first.field, first.found) == (Verdict.REJECTED, "security_version", "1")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"measurement": 5}', '{"measurement": "zz"}', '{"measurement": "00"}', "[" * 100000]
    + [json.dumps({"measurement": "00" * 32, "security_version": version}) for version in ("1", -1, 1.5, True)],
)
def test_files_that_are_no_reference_values(content: str, tmp_path: Path) -> None:
    (tmp_path / "measurement.json").write_text(content)
    with pytest.raises(EvidenceError):
        read_reference(tmp_path / "measurement.json")
    with pytest.raises(EvidenceError, match="No such file"):
        read_reference(tmp_path / "absent")


def test_the_command_takes_reference_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence, maker = write(honest(), tmp_path / "evidence").path, tmp_path / "maker.pub"
    maker.write_text(keys.public_pem(MAKER_KEY))
    good, other = tmp_path / "good.json", tmp_path / "other.json"
    good.write_text(json.dumps({"measurement": OLD.hex(), "security_version": 1}))
    other.write_text(json.dumps({"measurement": NEW.hex()}))
    command = ["verify", str(evidence), "--maker", str(maker)]
    assert livetrap([*command, "--firmware", str(other), "--firmware", str(good)]) == 0
    assert livetrap([*command, "--firmware", str(other)]) == 1
    assert "statement 0: firmware: expected one of 1 reference values" in capsys.readouterr().err


# What the chip was certified as.


def test_another_configuration_than_the_certified() -> None:
    evidence = forged(honest(), {seq: {"configuration": NEW} for seq in honest().statements})
    assert rejections(evidence, CERTIFIED)[0] == (0, "configuration")


def test_a_life_that_went_back() -> None:
    chip = new_chip()
    issued = certificate.issue(MAKER_SEED, chip.ueid, chip.public_key, PRODUCTION, chip.configuration)
    evidence = replace(honest(), certificate=certificate.Chain(issued, ()).encoded)
    assert rejections(evidence, CERTIFIED) == [(seq, "lifecycle") for seq in honest().statements]
    later = life([("boot", OLD), ("head", PRODUCTION), ("head", RETIRED)], DEVELOPMENT)
    assert rejections(later, CERTIFIED) == [] and len(found(later, CERTIFIED)) == 3
