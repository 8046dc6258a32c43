"""The command line against the emulated chip: real RTL, real firmware, over its pseudo-terminal and TCP."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from formats.hashing import PAGE_BYTES
from formats.link import Command
from host.device import Device
from host.errors import PortBusy, PortLost
from host.evidence import keys
from host.evidence.folder import EvidenceFolder
from host.evidence.statement import parse
from host.link.message import ChipRefusal
from host.verify import verify
from sim.rtl.chip import Chip
from tests.conftest import Livetrap, Result
from tests.peers import cose, smp_peer
from tests.peers.conversation import converse

LIVETRAP = [sys.executable, "-c", "from host.cli import main; main()"]
CYCLES = 300_000_000
"""Limit for every emulated chip here, some minutes of emulation."""

SPI_CYCLES = 4
"""Of a byte, as by four wires: chips boot sooner where booting is not what is tested."""


@pytest.fixture
def chip() -> Iterator[Chip]:
    with Chip(seed=5, cycle_limit=CYCLES, spi_cycles=SPI_CYCLES) as chip:
        yield chip


@pytest.fixture(scope="module")
def idle_chip() -> Iterator[Chip]:
    """One for tests that change nothing of it."""
    with Chip(seed=5, cycle_limit=CYCLES, spi_cycles=SPI_CYCLES) as chip:
        yield chip


@pytest.fixture
def maker(tmp_path: Path) -> Path:
    keys.generate(tmp_path / "maker")
    return tmp_path / "maker"


@contextmanager
def emulated(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`livetrap sim` as a process of its own, and the port it names."""
    command = [*LIVETRAP, "sim", "--json", "--cycles", str(CYCLES), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or lines[-1].rstrip() != "}":
            lines.append(process.stdout.readline())
            assert lines[-1], process.communicate()[1]
        yield process, json.loads("".join(lines))["port"]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        process.stdout.close()
        process.stderr.close()


def failed(result: Result, code: int, words: str) -> None:
    assert result[0] == code, result
    assert words in result[2] and result[2].count("\n") == 1, result[2]


@pytest.mark.parametrize("link", ["--pty", "--tcp"])
def test_the_whole_way(link: str, maker: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    """Enrol, load, snapshot, pull and verify; then Ctrl-C stops the chip."""
    (tmp_path / "weights").write_bytes(os.urandom(2 * PAGE_BYTES + 300))
    with emulated(link, "--seed", "9", "--maker-key", str(maker)) as (process, port):
        at = ("--port", port)
        said = json.loads(livetrap("info", *at, "--json")[1])
        assert said["certified"] and said["config"] == "full" and said["pages"] == 32
        record = tmp_path / "record"
        assert livetrap("load", tmp_path / "weights", "-a", 4096, "--record", record, *at)[0] == 0
        assert json.loads(livetrap("snapshot", *at, "--json")[1])["records"] == 9
        evidence = tmp_path / "evidence"
        code, out, err = livetrap("pull", evidence, "--record", record, *at, "--json")
        pulled = json.loads(out)
        assert (code, err) == (0, "") and pulled["new_pages"] == 32 and pulled["statements"] == 4
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "MHz, stopped by" in errors and "Traceback" not in errors

    against = ("--maker", f"{maker}.pub", "--nonce", pulled["nonce"])
    code, out, err = livetrap("verify", evidence, *against, "--json")
    assert (code, err, json.loads(out)["verdict"]) == (0, "", "verified")
    shown = EvidenceFolder.open(evidence).load()
    assert b"".join(shown.pages[2][page] for page in (1, 2, 3)).startswith((tmp_path / "weights").read_bytes())
    assert not any(shown.pages[2][0]) and not any(shown.pages[2][31])
    (evidence / "record.cborseq").unlink()
    assert livetrap("verify", evidence, *against)[0] == 0
    (evidence / "snapshots/00000002/00005.page").unlink()
    failed(livetrap("verify", evidence, *against, "--json"), 3, "1 of 32 pages are missing")
    statement = evidence / "statements/00000002.cose"
    statement.write_bytes(statement.read_bytes().replace(b"\x00", b"\x01", 1))
    failed(livetrap("verify", evidence, *against, "--json"), 1, "rejected: statement 2: ")


def test_statements_are_what_an_independent_library_verifies(chip: Chip) -> None:
    with Device.open(chip.port) as device:
        device.snapshot()
        device.attest(bytes(range(32)))
        info = device.info()
        statements = [data for _, data in device.statements()]
    assert len(statements) == 3
    payloads = cose.payloads([(data, info.key) for data in statements])
    assert payloads == [parse(data).sign1.payload for data in statements]
    assert cose.payloads([(statements[1][:-1] + bytes([statements[1][-1] ^ 1]), info.key)]) == [None]


def test_an_independent_smp_client_drives_the_chip(chip: Chip) -> None:
    smp_peer.with_client(chip.port, converse)


def test_snapshots_while_memory_is_overwritten(chip: Chip, maker: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    """A random trigger that fires all the time; every root is the one of the inputs at its instant.

    Heads are asked for meanwhile, so some snapshots are stated after a later head.
    """
    at = ("--port", chip.port)
    assert livetrap("maker", "certify", "--key", maker, *at)[0] == 0
    record = tmp_path / "record"
    with Device.open(chip.port, record=record) as device:
        device.set_trigger_rate(1 << 57)
        for turn in range(6):
            device.write_memory(1024 * turn, bytes([turn + 1]) * 4096)
            device.attest(bytes([turn + 1]) * 32)
        device.set_trigger_rate(0)
        captures = device.counters().captures
        assert device.counters().stalls == 0
    evidence = tmp_path / "evidence"
    assert livetrap("pull", evidence, "--record", record, *at)[0] == 0
    report = verify(EvidenceFolder.open(evidence).load(), keys.read_public(Path(f"{maker}.pub")))
    assert report.exit_code == 0, report.deciding
    assert 3 <= captures <= report.snapshots <= captures + 1, "one may have been latched when the rate became 0"
    assert len(report.named("root from record")) == report.snapshots
    assert set(report.rates.values()) <= {1 << 57, 0}


def test_a_reset_between(chip: Chip, maker: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    """Log, seq, chain and certificate go on over a warm reset; memory and inputs begin anew."""
    at = ("--port", chip.port)
    assert livetrap("maker", "certify", "--key", maker, *at)[0] == 0
    record, evidence = tmp_path / "record", tmp_path / "evidence"
    (tmp_path / "payload").write_bytes(b"before the reset" * 20)
    load = ("load", tmp_path / "payload", "-a", 0, "--record", record, *at)
    assert livetrap(*load)[0] == 0 and livetrap("snapshot", *at)[0] == 0
    assert livetrap("pull", evidence, "--no-pages", *at)[0] == 0
    assert json.loads(livetrap("reset", *at, "--json")[1])["bootcount"] == 2
    with Device.open(chip.port) as device:
        assert not any(device.read_memory(0, 1024))
    assert json.loads(livetrap("snapshot", *at, "--json")[1])["records"] == 0
    assert livetrap(*load)[0] == 0 and livetrap("snapshot", *at)[0] == 0
    assert livetrap("pull", evidence, "--no-pages", "--record", record, *at)[0] == 0
    code, out, _ = livetrap("verify", evidence, "--maker", f"{maker}.pub", "--json")
    assert code == 0 and json.loads(out)["snapshots"] == 3


def test_a_chip_whose_power_was_cut_has_forked(tmp_path: Path, maker: Path, livetrap: Livetrap) -> None:
    """Without flash its counters begin anew, and so the same chip signs a second history."""
    evidence = tmp_path / "evidence"
    for life in range(2):
        with Chip(seed=6, cycle_limit=CYCLES) as chip:
            assert livetrap("maker", "certify", "--key", maker, "--port", chip.port)[0] == 0
            if life:
                assert livetrap("snapshot", "--port", chip.port)[0] == 0
            result = livetrap("pull", evidence, "--port", chip.port)
        if life:
            failed(result, 2, "two histories (fork)")
        else:
            assert result[0] == 0
    result = livetrap("verify", evidence, "--maker", f"{maker}.pub", "--json")
    failed(result, 1, "two that the chip's key signed (fork)")


def test_an_interrupted_pull_is_resumed(chip: Chip, maker: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    at = ("--port", chip.port)
    assert livetrap("maker", "certify", "--key", maker, *at)[0] == 0
    with Device.open(chip.port) as device:
        for start in range(16):
            device.write_memory(8192 * start, os.urandom(1024))
        device.snapshot()
    evidence = tmp_path / "evidence"
    pull = subprocess.Popen([*LIVETRAP, "pull", str(evidence), *at], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(evidence.rglob("*.page")) and time.monotonic() < deadline:
        time.sleep(0.01)
    pull.send_signal(signal.SIGINT)
    _, errors = pull.communicate(timeout=60)
    got = len(list(evidence.rglob("*.page")))
    assert pull.returncode == 130 and errors.strip() == "" and 0 < got < 32
    assert json.loads(livetrap("pull", evidence, *at, "--json")[1])["new_pages"] == 32 - got
    assert livetrap("verify", evidence, "--maker", f"{maker}.pub")[0] == 0


def test_busy_and_unplugged(chip: Chip, livetrap: Livetrap) -> None:
    with Device.open(chip.port) as device:
        device.info()
        failed(livetrap("info", "--port", chip.port), 2, "another program holds the port")
        with pytest.raises(PortBusy):
            Device.open(chip.port)
        unplug = threading.Timer(0.3, chip.stop)
        unplug.start()
        with pytest.raises(PortLost):
            while True:
                device.read_memory(0, 1024)
        unplug.join()
    failed(livetrap("info", "--port", chip.port), 2, "port ")


def test_garbled_and_foreign_bytes_do_not_stop_the_link(chip: Chip) -> None:
    with Device.open(chip.port) as device:
        before = device.info()
        for noise in (
            os.urandom(3000),
            b"\x06\x09",
            b"\x06\x09AAAA\n",
            b"\x04\x14AAAA\n",
            b"\n" * 50,
            b"\x06\x09" * 300,
        ):
            device.exchange.transport.send(noise)
            assert device.info() == before
        assert device.echo("still here") == "still here"


@pytest.mark.parametrize(
    "body, command",
    [
        ({"addr": 0}, Command.MEMORY),
        ({"addr": 0, "len": 4}, Command.MEMORY),
        ({"addr": -1, "len": 8}, Command.MEMORY),
        ({"addr": 1 << 40, "len": 8}, Command.MEMORY),
        ({"seq": "x"}, Command.STATEMENT),
        ({"seq": 0, "off": 0, "len": 2000}, Command.PAGE),
        ({}, 200),
    ],
)
def test_requests_that_make_no_sense_are_refused(body: dict[str, object], command: int, idle_chip: Chip) -> None:
    with Device.open(idle_chip.port) as device:
        before = (device.info(), device.counters().records)
        with pytest.raises(ChipRefusal):
            device._read(command, body)
        assert (device.info(), device.counters().records) == before


def test_the_port_name_sim(livetrap: Livetrap) -> None:
    code, out, _ = livetrap("info", "--port", "sim", "--json")
    assert code == 0 and json.loads(out)["bootcount"] == 1


def test_sim_ends_at_its_cycle_limit_and_names_what_is_wrong(livetrap: Livetrap) -> None:
    code, _, err = livetrap("sim", "--cycles", 300_000)
    assert code == 0 and "300000 cycles" in err and "cycle limit" in err
    failed(livetrap("sim", "--config", "huge"), 2, "huge")
    failed(livetrap("sim", "--trace", "wave.txt"), 2, ".vcd or .fst")


def test_demo(tmp_path: Path, livetrap: Livetrap) -> None:
    code, out, err = livetrap("demo", "--keep", tmp_path / "kept")
    assert code == 0, err
    assert "step 40 of the transcript, descriptor 400" in out and "another memory" not in out
    assert out.count("rejected (exit code 1)") == 3
    assert "step    40" in out and "held out: accuracy 0.9422" in out, "above 93 % from scratch"
    kept = tmp_path / "kept"
    assert livetrap("verify", kept / "evidence", "--maker", kept / "maker.pub")[0] == 0
    failed(livetrap("demo", "--keep", kept), 2, "not empty")


def test_the_emulator_shows_its_speed_on_a_terminal() -> None:
    terminal, other_end = os.openpty()
    command = [*LIVETRAP, "sim", "--cycles", "4000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other_end, text=True) as process:
        os.close(other_end)
        said = b""
        # Reading fails when nobody has the other end any more.
        while part := _read_if_any(terminal):
            said += part
        assert process.wait(60) == 0
    os.close(terminal)
    assert b" MHz, no client" in said
    assert b"4000000 cycles in " in said and b"stopped by cycle limit" in said


def _read_if_any(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""
