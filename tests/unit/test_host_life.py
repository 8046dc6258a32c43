"""A chip's life over the link: recovery mode, provisioning, lifecycle, events, certificates by authorities."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.boot import BootError
from formats.configuration import NO_KEY, LogMode
from formats.flash import Event as EventKind
from formats.link import ChipError, Command
from formats.otp import Lifecycle
from formats.statement import Kind
from host import enrol, hss
from host.cli.info import what_to_do
from host.device import Device
from host.errors import FieldError, LinkError, LinkTimeout, LivetrapError
from host.evidence import certificate, keys
from host.evidence.statement import parse
from host.life_answers import BootState, Event, ReceiptState
from host.link.message import ChipRefusal
from tests.conftest import Livetrap
from tests.evidence_story import MAKER_KEY, MAKER_SEED
from tests.fake_chip import FakeChip, Served

NONCE = bytes(range(32))


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(FakeChip()) as served:
        yield served


@pytest.fixture
def device(served: Served) -> Iterator[Device]:
    with Device.open(served.port, timeout=2.0) as device:
        yield device


@pytest.fixture
def public(hss_key: Path) -> Path:
    return hss_key.with_name("key.pub")


def raw_chip(**options: object) -> FakeChip:
    return FakeChip(raw=True, **options)


# What the chip says.


def test_how_it_booted(served: Served, device: Device) -> None:
    state = device.boot_state()
    assert state == BootState(
        False, BootError.NONE, BootError.NONE, BootError.EMPTY, 0, Lifecycle.DEVELOPMENT, 0, True, False
    )
    assert state.as_json()["slot_b"] == "empty" and state.as_json()["lifecycle"] == "development"
    assert device.configuration() == served.chip.configuration
    assert device.receipt_state() == ReceiptState(False, 1)


@pytest.mark.parametrize(
    "change", [{"error": 200}, {"slot_a": 9}, {"lifecycle": 4}, {"floor": -1}, {"recovery": True}, {"slot": "A"}]
)
def test_boots_that_are_undefined(served: Served, device: Device, change: dict[str, object]) -> None:
    honest = served.chip.read_boot({})
    served.chip.read_boot = lambda body: {**honest, **change}
    with pytest.raises(LinkError):
        device.boot_state()


def test_a_configuration_that_is_none(served: Served, device: Device) -> None:
    class Other:
        def encode(self) -> bytes:
            return bytes(120)

    served.chip.configuration = Other()
    with pytest.raises(LinkError, match="no configuration"):
        device.configuration()


def test_events(served: Served, livetrap: Livetrap) -> None:
    assert "no events" in livetrap("events", "--port", served.port)[2]
    for kind, detail in ((EventKind.ENTROPY, 3), (EventKind.TRAP, 5), (EventKind.LOG_DAMAGE, 9)):
        served.chip._note(kind, detail)
    served.chip._note(EventKind.REFUSED_IMAGE, 1 << 16 | BootError.DOWNGRADE)
    served.chip._note(EventKind.REFUSED_IMAGE, 7 << 16 | 0x999)
    served.chip.boot()
    with Device.open(served.port, timeout=2.0) as device:
        events = list(device.events())
    words = ("both", "mcause 0x5", "sector 9", "slot B: the image's security version", "slot 7: error 2457")
    for word, event in zip(words, events, strict=True):
        assert word in event.explanation
    digests = [parse(data).digest for data in served.chip.log.values() if parse(data).kind is Kind.ERROR]
    assert digests == [event.digest for event in events]
    assert "sector 9" in livetrap("events", "--port", served.port)[1]
    told = json.loads(livetrap("events", "--port", served.port, "--json")[1])["events"]
    assert [event["event"] for event in told][:2] == ["entropy", "trap"] and told[0]["digest"] == digests[0].hex()


def test_events_are_read_back() -> None:
    event = Event(EventKind.ROLLBACK, 1, 7, 1 << 40)
    assert Event.decode(event.encode()) == event and len(event.encode()) == 20
    for bad in (b"", event.encode() + b"\0", bytes(20)):
        with pytest.raises(ValueError):
            Event.decode(bad)


@pytest.mark.parametrize("answer", [{"event": 99}, {"detail": 1 << 32}, {"ticks": "late"}, {"boot": None}])
def test_events_that_are_undefined(served: Served, device: Device, answer: dict[str, object]) -> None:
    served.chip._note(EventKind.TRAP, 0)
    honest = served.chip.read_event({"index": 0})
    served.chip.read_event = lambda body: {**honest, **answer}
    with pytest.raises(LinkError):
        list(device.events())


def test_a_chip_whose_events_never_end(served: Served, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.life.MAX_EVENTS", 20)
    served.chip._note(EventKind.TRAP, 0)
    honest = served.chip.read_event({"index": 0})
    served.chip.read_event = lambda body: honest
    with pytest.raises(LinkError, match="more than 20 events"):
        list(device.events())


# A raw chip.


def test_provisioning(livetrap: Livetrap, public: Path) -> None:
    chip = raw_chip()
    with Served(chip) as served:
        code, out, err = livetrap("info", "--port", served.port)
        assert code == 0 and "recovery mode" in out and "livetrap provision" in err
        chosen = "00112233445566778899aabbccddeeff"
        command = ("provision", "--firmware-key", public, "--port", served.port)
        code, out, err = livetrap(*command, "--chip-id", chosen, "--json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert told["chip"] == chosen and not told["boot"]["recovery"]
        assert told["boot"]["lifecycle"] == "development"
        assert chip.chip.chip_id.hex() == chosen and chip.configuration.verifier_key == NO_KEY
        code, out, err = livetrap(*command)
        assert code == 2 and "has its identity already" in err
        with Device.open(served.port, timeout=2.0) as device:
            with pytest.raises(ChipRefusal, match="set once") as caught:
                device.provision(bytes(16), chip.configuration)
            assert caught.value.error is ChipError.ALREADY_SET


def test_provisioning_for_a_log_server(livetrap: Livetrap, public: Path) -> None:
    chip = raw_chip()
    with Served(chip) as served:
        command = ("provision", "--firmware-key", public, "--log-mode", "server", "--port", served.port)
        code, _, err = livetrap(*command)
        assert code == 2 and "give --verifier-key" in err and chip.chip.lifecycle is Lifecycle.RAW
        assert livetrap(*command, "--verifier-key", public)[0] == 0
        assert chip.configuration.log_mode is LogMode.SERVER
        assert any(chip.chip.chip_id), "a random identifier"
        said = json.loads(livetrap("info", "--port", served.port, "--json")[1])
        assert said["log_mode"] == "server" and said["verifier_key"] == chip.configuration.verifier_key.hex()


def test_provisioned_without_firmware(livetrap: Livetrap, public: Path) -> None:
    with Served(raw_chip(firmware=False)) as served:
        code, out, err = livetrap("provision", "--firmware-key", public, "--port", served.port)
        assert code == 1 and "neither slot holds an image" in err and "development" in out
        code, out, err = livetrap("info", "--port", served.port)
        assert code == 0 and "slot A  " in out and "livetrap firmware update" in err
        said = json.loads(livetrap("info", "--port", served.port, "--json")[1])
        assert said["boot"]["error"] == "no_image" and "firmware update" in said["advice"]


def test_commands_in_recovery_mode(livetrap: Livetrap) -> None:
    with Served(raw_chip()) as served:
        code, _, err = livetrap("snapshot", "--port", served.port)
        assert code == 2 and "is it in recovery mode? see 'livetrap info'" in err and err.count("\n") == 1
        code, out, err = livetrap("reset", "--port", served.port, "--json", "--timeout", 2)
        assert code == 1 and "no identity yet" in err and json.loads(out)["boot"]["error"] == "not_provisioned"


def test_a_raw_chip_that_does_not_boot(public: Path, livetrap: Livetrap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["host.cli.provision"], "BOOT_SECONDS", 0.3)
    chip = raw_chip()
    with Served(chip) as served:
        chip.boot = lambda: None
        code, _, err = livetrap("provision", "--firmware-key", public, "--port", served.port)
        assert code == 2 and "did not boot anew" in err


def test_recovery_mode_refuses_the_rest(served: Served) -> None:
    served.chip = raw_chip()
    with Device.open(served.port, timeout=2.0) as device:
        for act in (device.info, device.configuration, lambda: device.attest(NONCE), device.receipt_state):
            with pytest.raises(ChipRefusal, match="does not know this command"):
                act()


@pytest.mark.parametrize(
    "options, words",
    [
        (("--chip-id", "00"), "not a chip id"),
        (("--chip-id", "zz" * 16), "not a chip id"),
        (("--firmware-key", "/dev/null"), "RFC 9708"),
    ],
)
def test_provisioning_with_nonsense(
    served: Served, livetrap: Livetrap, public: Path, options: tuple[str, ...], words: str
) -> None:
    code, _, err = livetrap("provision", "--firmware-key", public, *options, "--port", served.port)
    assert code == 2 and words in err and err.count("\n") == 1


def test_every_reason_for_recovery_has_advice() -> None:
    honest = FakeChip().read_boot({})
    advice = {
        what_to_do(BootState.of({**honest, "recovery": 1, "error": int(error), "entropy": entropy}))
        for error in BootError
        for entropy in (0, 1)
    }
    assert len(advice) == 4 and all("\n" not in line for line in advice)
    assert "provision" in what_to_do(BootState.of({**honest, "recovery": 1, "error": 1, "lifecycle": 0}))


# The lifecycle.


def test_lifecycle(served: Served, livetrap: Livetrap) -> None:
    port = ("--port", served.port)
    code, _, err = livetrap("lifecycle", "production", *port)
    assert code == 2 and "confirm it with --yes" in err and served.chip.chip.lifecycle is Lifecycle.DEVELOPMENT
    code, out, _ = livetrap("lifecycle", "production", "--yes", *port, "--json")
    assert code == 0 and json.loads(out) == {"before": "development", "lifecycle": "production"}
    for state in ("production", "development", "raw"):
        assert livetrap("lifecycle", state, "--yes", *port)[0] == 2
    assert "retired chip now" in livetrap("lifecycle", "retired", "--yes", *port)[1]
    assert livetrap("snapshot", *port)[0] == 2 and "retired" in livetrap("snapshot", *port)[2]
    with Device.open(served.port, timeout=2.0) as device:
        assert parse(device.statement(device.attest(NONCE))).lifecycle is Lifecycle.RETIRED


def test_lifecycle_asks_at_a_terminal(served: Served, livetrap: Livetrap, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def confirm(text: str, abort: bool, err: bool) -> None:
        assert "for ever" in text and abort and err
        if not next(answers):
            raise KeyboardInterrupt

    monkeypatch.setattr("rich_click.confirm", confirm)
    assert livetrap("lifecycle", "production", "--port", served.port)[0] == 130
    assert served.chip.chip.lifecycle is Lifecycle.DEVELOPMENT
    assert livetrap("lifecycle", "production", "--port", served.port)[0] == 0
    assert served.chip.chip.lifecycle is Lifecycle.PRODUCTION


def test_the_chip_itself_goes_one_way(device: Device) -> None:
    device.raise_lifecycle(Lifecycle.PRODUCTION)
    for state in (Lifecycle.RAW, Lifecycle.DEVELOPMENT, Lifecycle.PRODUCTION):
        with pytest.raises(ChipRefusal):
            device.raise_lifecycle(state)


# Certificates.


def test_enrolment_names_what_the_chip_signed(served: Served, device: Device) -> None:
    device.raise_lifecycle(Lifecycle.PRODUCTION)
    issued = enrol.certify(device, MAKER_SEED)
    assert (issued.chip.lifecycle, issued.chip.configuration) == (
        Lifecycle.PRODUCTION,
        served.chip.chip.configuration,
    )
    found = certificate.parse_chain(device.certificate())
    certificate.check_chain(found, MAKER_KEY)
    assert found == issued


def test_a_retired_chip_is_not_certified(device: Device) -> None:
    device.raise_lifecycle(Lifecycle.RETIRED)
    with pytest.raises(FieldError, match="lifecycle"):
        enrol.certify(device, MAKER_SEED)
    assert device.certificate() is None


def test_the_chip_must_hold_the_key_that_it_names(served: Served, device: Device) -> None:
    honest = served.chip._info({})
    served.chip._info = lambda body: {**honest, "key": MAKER_KEY}
    with pytest.raises(FieldError, match="signature"):
        enrol.certify(device, MAKER_SEED)
    served.chip._info = lambda body: {**honest, "ueid": b"\x01" + bytes(16)}
    with pytest.raises(FieldError, match="ueid"):
        enrol.certify(device, MAKER_SEED)
    replayed = device.attest(NONCE)
    served.chip._attest = lambda body: {"seq": replayed}
    with pytest.raises(FieldError, match="nonce"):
        enrol.certify(device, MAKER_SEED)
    served.chip._attest = lambda body: {"seq": 0}
    with pytest.raises(FieldError, match="kind"):
        enrol.certify(device, MAKER_SEED)


def test_authorities(served: Served, livetrap: Livetrap, tmp_path: Path) -> None:
    root, plant, line = (tmp_path / name for name in ("root", "plant", "line"))
    for path in (root, plant, line):
        assert livetrap("maker", "keygen", path)[0] == 0
    chains = {name: tmp_path / f"{name}.chain" for name in ("plant", "line")}
    code, out, _ = livetrap(
        "maker", "delegate", f"{plant}.pub", "--name", "Plant 7", "--key", root, "-o", chains["plant"], "--json"
    )
    assert code == 0 and json.loads(out)["name"] == "Plant 7"
    delegate = ("maker", "delegate", f"{line}.pub", "--name", "line 3", "--key", plant)
    assert livetrap(*delegate, "--chain", chains["plant"], "-o", chains["line"])[0] == 0
    code, _, err = livetrap(*delegate, "--chain", chains["plant"], "-o", chains["line"])
    assert code == 2 and "exists already" in err
    third = ("maker", "delegate", f"{root}.pub", "--name", "third", "--key", line, "--chain", chains["line"])
    code, _, err = livetrap(*third, "-o", tmp_path / "third")
    assert code == 2 and "at most 2" in err
    code, _, err = livetrap("maker", "delegate", f"{plant}.pub", "--name", "x", "--key", plant, "-o", tmp_path / "x")
    assert code == 2 and "stands above" in err

    certify = ("maker", "certify", "--key", line, "--port", served.port)
    code, _, err = livetrap(*certify, "--chain", chains["plant"])
    assert code == 2 and "Plant 7" in err
    code, out, _ = livetrap(*certify, "--chain", chains["line"], "--json")
    assert code == 0
    assert [each["name"] for each in json.loads(out)["authorities"]] == ["line 3", "Plant 7"]
    evidence = tmp_path / "evidence"
    assert livetrap("snapshot", "--port", served.port)[0] == livetrap("pull", evidence, "--port", served.port)[0] == 0
    assert livetrap("verify", evidence, "--maker", f"{root}.pub")[0] == 0
    assert livetrap("verify", evidence, "--maker", f"{plant}.pub")[0] == 1
    code, out, _ = livetrap("verify", evidence, "--maker", f"{root}.pub", "--json")
    reasons = {check["name"]: check["reason"] for check in json.loads(out)["checks"]}
    assert "through 'Plant 7', through 'line 3'" in reasons["certificate"]
    assert "go with the certificate" in reasons["certified"]


def test_chains_that_are_none(served: Served, livetrap: Livetrap, tmp_path: Path) -> None:
    assert livetrap("maker", "keygen", tmp_path / "key")[0] == 0
    (tmp_path / "chain").write_bytes(b"junk")
    command = ("maker", "certify", "--key", tmp_path / "key", "--chain", tmp_path / "chain", "--port", served.port)
    code, _, err = livetrap(*command)
    assert code == 1 and "certificate: chain" in err and err.count("\n") == 1


def test_hss_keys_are_made_once(livetrap: Livetrap, tmp_path: Path) -> None:
    command = ("maker", "keygen", "--hss", "--height", 5, tmp_path / "key")
    code, out, _ = livetrap(*command, "--json")
    assert code == 0 and json.loads(out)["key"] == hss.public_key(tmp_path / "key").hex()
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert livetrap(*command)[0] == 2
    (tmp_path / "key").unlink()
    code, _, err = livetrap(*command)
    assert code == 2 and "exists already" in err and not (tmp_path / "key").exists()
    with pytest.raises(LivetrapError):
        keys.read_public(tmp_path / "key.pub")


# Restarts.


def test_restart(served: Served, device: Device) -> None:
    before = device.info().bootcount
    assert not device.restart(2.0, before).recovery and device.info().bootcount == before + 1
    served.chip.boot = lambda: None
    with pytest.raises(LinkTimeout, match="did not boot anew"):
        device.restart(0.3, before + 1)


def test_restart_bears_a_chip_that_is_deaf_for_a_while(served: Served, device: Device) -> None:
    device.exchange.timeout = 0.4
    asked = []

    def before(command: int, operation: int) -> None:
        if command == Command.BOOT and not asked:
            served.chip.faults.lose = 7
            asked.append(command)

    served.chip.faults.before = before
    assert device.restart(5.0).lifecycle is Lifecycle.DEVELOPMENT and asked
    assert not served.chip.faults.lose
