"""Truncation: only what a Verifier has, verified and approved, is forgotten; and what verification says of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from formats.configuration import Configuration
from formats.hashing import Domain
from formats.link import ChipError
from formats.statement import Kind
from host import enrol, hss, truncate
from host.cli import run as livetrap
from host.device import Device
from host.errors import EvidenceError, FieldError, Fork
from host.evidence import approval as approvals
from host.evidence import keys
from host.evidence.folder import Evidence, EvidenceFolder
from host.evidence.statement import parse
from host.link.message import ChipRefusal
from host.pull import pull
from host.verify import Report, Verdict, verify
from host.verify.truncation import CONFIGURATION, ERROR, TRUNCATION
from sim.golden import chip as golden
from sim.golden.keccak import turboshake128
from tests.evidence_story import MAKER_KEY, MAKER_SEED, certified, new_chip
from tests.fake_chip import FakeChip, Served

NONCE = bytes(range(32))
FIRMWARE_KEY = bytes.fromhex("00000001") + bytes(range(48))


@pytest.fixture
def chip(hss_key: Path) -> FakeChip:
    return FakeChip(capacity=12, configuration=Configuration(FIRMWARE_KEY, hss.public_key(hss_key)))


@pytest.fixture
def served(chip: FakeChip) -> Iterator[Served]:
    with Served(chip, "tcp") as served:
        with Device.open(served.port, timeout=5.0) as device:
            enrol.certify(device, MAKER_SEED)
        yield served


def pulled(served: Served, path: Path) -> EvidenceFolder:
    with Device.open(served.port, timeout=5.0) as device:
        folder = EvidenceFolder.create(path, device.info().ueid)
        pull(device, folder, NONCE)
    return folder


def checks(report: Report, name: str) -> list[Verdict]:
    return [check.verdict for check in report.named(name)]


@pytest.fixture
def maker(tmp_path: Path) -> Path:
    path = tmp_path / "maker.pub"
    path.write_text(keys.public_pem(MAKER_KEY))
    return path


def test_a_full_log_gets_room(
    chip: FakeChip, served: Served, hss_key: Path, maker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    while len(chip.log) < chip.capacity - 1:
        chip.snapshot()
    evidence = tmp_path / "evidence"
    folder = pulled(served, evidence)
    assert livetrap(["snapshot", "--port", served.port]) == 2
    command = ["truncate", str(evidence), "--key", str(hss_key), "--maker", str(maker), "--port", served.port]
    assert livetrap([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["keep_from"] == chip.capacity - 1 and told["statement"] == chip.capacity
    assert list(chip.log) == [chip.capacity - 1, chip.capacity]
    assert turboshake128(folder.load().approvals[0], Domain.APPROVAL).hex() == told["approval"]
    assert livetrap(["snapshot", "--port", served.port]) == 0
    capsys.readouterr()
    pulled(served, evidence)
    report = verify(folder.load(), MAKER_KEY)
    assert checks(report, TRUNCATION) == [Verdict.VERIFIED] and checks(report, CONFIGURATION) == [Verdict.VERIFIED]
    assert checks(report, "seq continuity") == [Verdict.VERIFIED] and report.verdict is not Verdict.REJECTED
    remaining = hss.load(hss_key).remaining
    assert livetrap(command) == 0 and "approved" not in capsys.readouterr().err
    assert hss.load(hss_key).remaining == remaining - 1, "a newer statement, a new approval"
    assert livetrap([*command, "--keep-from", str(chip.capacity - 1)]) == 0
    assert "nothing before statement 11" in capsys.readouterr().err
    assert hss.load(hss_key).remaining == remaining - 1


def test_an_approval_is_used_again(chip: FakeChip, served: Served, hss_key: Path, tmp_path: Path) -> None:
    """The chip was gone when it should have got it."""
    chip.snapshot()
    folder = pulled(served, tmp_path / "evidence")
    with hss.open_key(hss_key) as key:
        keep = truncate.kept_from(folder.load(), 2)
        first = truncate.approve(folder, folder.load(), keep, key.public_key, key.sign)
        assert truncate.approve(folder, folder.load(), keep, key.public_key, key.sign) == first
        other = truncate.approve(
            folder, folder.load(), truncate.kept_from(folder.load(), 1), key.public_key, key.sign
        )
    assert other != first and len(folder.load().approvals) == 2
    with Device.open(served.port, timeout=5.0) as device:
        assert truncate.truncate(device, folder, keep, first) == chip.chip.seq - 1
        assert truncate.truncate(device, folder, keep, first) is None


def test_only_what_the_folder_has(chip: FakeChip, served: Served, tmp_path: Path) -> None:
    folder = pulled(served, tmp_path / "evidence")
    assert truncate.kept_from(folder.load(), None).seq == max(folder.seqs())
    with pytest.raises(EvidenceError, match="has no statement 99"):
        truncate.kept_from(folder.load(), 99)


@pytest.mark.parametrize("missing", ["statements/00000001.cose", "certificate.cose"])
def test_what_does_not_verify_is_not_forgotten(
    chip: FakeChip, served: Served, hss_key: Path, maker: Path, tmp_path: Path, missing: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = pulled(served, tmp_path / "evidence")
    (folder.path / missing).unlink()
    remaining, log = hss.load(hss_key).remaining, dict(chip.log)
    command = ["truncate", str(folder.path), "--key", str(hss_key), "--maker", str(maker), "--port", served.port]
    assert livetrap(command) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and ("seq continuity" in said or "certificate" in said)
    assert chip.log == log and hss.load(hss_key).remaining == remaining


def test_the_chip_decides_for_itself(chip: FakeChip, served: Served, hss_key: Path, tmp_path: Path) -> None:
    """An approval by another key, for another chip, for a statement with another chain."""
    chip.snapshot()
    folder = pulled(served, tmp_path / "evidence")
    keep = truncate.kept_from(folder.load(), 2)
    other_path = tmp_path / "other"
    hss.save(other_path, hss.generate(1, 5))
    with hss.open_key(hss_key) as key, hss.open_key(other_path) as other:
        wrong = [
            approvals.issue(keep, other.sign),
            approvals.issue(replace(keep, ueid=b"\x01" + bytes(16)), key.sign),
            approvals.issue(replace(keep, chain=bytes(32)), key.sign),
            approvals.issue(replace(keep, seq=77), key.sign),
        ]
    with Device.open(served.port, timeout=5.0) as device:
        for approval in wrong:
            with pytest.raises(ChipRefusal, match="not signed by the key") as caught:
                device.truncate(approval.encoded)
            assert caught.value.error is ChipError.UNSIGNED
    assert min(chip.log) == 0


def test_a_key_that_is_not_the_chips(
    served: Served, maker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pulled(served, tmp_path / "evidence")
    other = tmp_path / "other"
    hss.save(other, hss.generate(1, 5))
    command = ["truncate", str(folder.path), "--key", str(other), "--maker", str(maker), "--port", served.port]
    assert livetrap(command) == 2
    assert "not the key that the chip takes approvals from" in capsys.readouterr().err
    assert folder.load().approvals == () and hss.load(other).remaining == 32


def test_a_chip_with_another_history(chip: FakeChip, served: Served, hss_key: Path, tmp_path: Path) -> None:
    folder = pulled(served, tmp_path / "evidence")
    keep = truncate.kept_from(folder.load(), 2)
    with hss.open_key(hss_key) as key:
        approval = truncate.approve(folder, folder.load(), keep, key.public_key, key.sign)
    chip.log[2] = golden.head(replace(chip.chip, seq=2, chain=keep.chain), NONCE[::-1])[1]
    with Device.open(served.port, timeout=5.0) as device, pytest.raises(Fork):
        truncate.truncate(device, folder, keep, approval)
    with Served(FakeChip(chip_id=bytes(16))) as another, Device.open(another.port, timeout=5.0) as device:
        with pytest.raises(EvidenceError, match="evidence of chip"):
            truncate.truncate(device, folder, keep, approval)


# What verification says.


def truncated(hss_key: Path, **change: object) -> Evidence:
    """A golden chip that was told to forget what is before statement 2, by an approval with other claims."""
    configuration = Configuration(FIRMWARE_KEY, hss.public_key(hss_key)).encode()
    chip, boot = golden.boot(new_chip(configuration))
    made = [boot]
    for _ in range(2):
        chip, statement = golden.head(golden.wait(chip, 10), NONCE)
        made.append(statement)
    with hss.open_key(hss_key) as key:
        approval = approvals.issue(replace(parse(made[2]), **change), key.sign)
    chip, statement = golden.state(golden.wait(chip, 10), Kind.TRUNCATE, digest=approval.digest)
    return Evidence(
        ueid=chip.ueid,
        certificate=certified(chip),
        statements=dict(enumerate([*made, statement])),
        challenges=(NONCE,),
        configuration=configuration,
        approvals=(approval.encoded,),
    )


def test_an_approved_truncation_is_verified(hss_key: Path) -> None:
    report = verify(truncated(hss_key), MAKER_KEY)
    assert report.exit_code == 0 and checks(report, TRUNCATION) == [Verdict.VERIFIED]
    assert "before statement 2" in report.named(TRUNCATION)[0].reason


def test_without_the_approval_it_is_left_aside(hss_key: Path) -> None:
    report = verify(replace(truncated(hss_key), approvals=()), MAKER_KEY)
    assert report.exit_code == 0 and checks(report, TRUNCATION) == [Verdict.NOT_ASKED]
    report = verify(replace(truncated(hss_key), configuration=None), MAKER_KEY)
    assert report.exit_code == 3 and checks(report, TRUNCATION) == [Verdict.UNCHECKED]


def rejection(evidence: Evidence, name: str) -> FieldError:
    report = verify(evidence, MAKER_KEY)
    found = [check for check in report.named(name) if check.verdict is Verdict.REJECTED]
    assert report.exit_code == 1 and len(found) == 1 and "\n" not in found[0].reason
    return found[0]


@pytest.mark.parametrize(
    "change, field",
    [({"ueid": b"\x01" + bytes(16)}, "ueid"), ({"seq": 4}, "seq"), ({"chain": bytes(32)}, "chain")],
)
def test_approvals_that_do_not_fit(hss_key: Path, change: dict[str, object], field: str) -> None:
    assert rejection(truncated(hss_key, **change), TRUNCATION).field == field


def test_approvals_by_another_key(hss_key: Path, tmp_path: Path) -> None:
    hss.save(tmp_path / "other", hss.generate(1, 5))
    found = truncated(tmp_path / "other")
    honest = truncated(hss_key)
    assert verify(found, MAKER_KEY).exit_code == 0
    mixed = replace(found, configuration=honest.configuration)
    assert rejection(mixed, CONFIGURATION).field == "configuration"


def test_a_configuration_that_is_none(hss_key: Path) -> None:
    assert rejection(replace(truncated(hss_key), configuration=bytes(120)), CONFIGURATION).field == "file"


def test_a_chip_without_a_key_for_approvals(hss_key: Path) -> None:
    configuration = Configuration(FIRMWARE_KEY).encode()
    chip, boot = golden.boot(new_chip(configuration))
    with hss.open_key(hss_key) as key:
        approval = approvals.issue(parse(boot), key.sign)
    chip, statement = golden.state(golden.wait(chip, 1), Kind.TRUNCATE, digest=approval.digest)
    evidence = Evidence(
        chip.ueid,
        certified(chip),
        {0: boot, 1: statement},
        configuration=configuration,
        approvals=(approval.encoded,),
    )
    assert rejection(evidence, TRUNCATION).field == "kind"


@pytest.mark.parametrize("kind, name", [(Kind.TRUNCATE, TRUNCATION), (Kind.ERROR, ERROR)])
def test_digests_of_nothing(kind: Kind, name: str) -> None:
    chip, boot = golden.boot(new_chip())
    chip, statement = golden.state(golden.wait(chip, 1), kind)
    assert rejection(Evidence(chip.ueid, certified(chip), {0: boot, 1: statement}), name).field == "digest"


@pytest.mark.parametrize(
    "record, field", [(bytes(20), "digest"), (b"", "digest"), (b"\x02\0\0\0" * 3 + bytes(8), "boot")]
)
def test_events_that_cannot_be(record: bytes, field: str) -> None:
    chip, boot = golden.boot(new_chip())
    digest = turboshake128(record, Domain.EVENT)
    chip, statement = golden.state(golden.wait(chip, 1), Kind.ERROR, digest=digest)
    evidence = Evidence(chip.ueid, certified(chip), {0: boot, 1: statement}, events=(record,))
    assert rejection(evidence, ERROR).field == field
    report = verify(replace(evidence, events=()), MAKER_KEY)
    assert checks(report, ERROR) == [Verdict.NOT_ASKED]


def test_the_folder_keeps_them(hss_key: Path, tmp_path: Path) -> None:
    evidence = truncated(hss_key)
    folder = EvidenceFolder.create(tmp_path / "evidence", evidence.ueid)
    folder.put_configuration(evidence.configuration)
    assert not folder.put_configuration(evidence.configuration)
    with pytest.raises(EvidenceError, match="differs"):
        folder.put_configuration(bytes(120))
    digest = approvals.digest_of(evidence.approvals[0])
    folder.put_approval(digest, evidence.approvals[0])
    folder.put_event(bytes(32), b"event")
    (folder.path / "approvals" / "notes.txt").write_text("mine")
    found = folder.load()
    assert (found.configuration, found.approvals) == (evidence.configuration, evidence.approvals)
    assert found.events == (b"event",) and found.strangers == ("approvals/notes.txt",)
