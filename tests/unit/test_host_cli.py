"""The command line against a chip in Python: results, JSON, exit codes, and one line for everything that fails."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from formats.statement import Cause
from host.evidence import records
from host.evidence.statement import parse
from sim.golden.ingest import inputs_digest
from tests.conftest import Livetrap, Result
from tests.evidence_story import MAKER_KEY, honest, write
from tests.fake_chip import FakeChip, Served

LIVETRAP = [sys.executable, "-c", "from host.cli import main; main()"]
NONCE = "ab" * 32


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(FakeChip()) as served:
        yield served


@pytest.fixture
def maker(tmp_path: Path, livetrap: Livetrap) -> Path:
    assert livetrap("maker", "keygen", tmp_path / "maker")[0] == 0
    return tmp_path / "maker"


def failed(result: Result, code: int, words: str) -> None:
    """The exit code, and one line on standard error that has the words."""
    assert result[0] == code, result
    assert words in result[2] and result[2].count("\n") == 1 and result[2].startswith("livetrap: "), result[2]


def folder_of_story(tmp_path: Path) -> tuple[Path, Path]:
    """An evidence folder on disk, and the maker's public key file."""
    from host.evidence.keys import public_pem

    key = tmp_path / "maker.pub"
    key.write_text(public_pem(MAKER_KEY))
    return write(honest(), tmp_path / "evidence").path, key


# One chip from enrolment to verdict.


def test_the_whole_way(served: Served, maker: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    port = ("--port", served.port)
    certified = json.loads(livetrap("maker", "certify", "--key", maker, *port, "--json")[1])
    assert certified["key"] == served.chip.chip.public_key.hex()

    np.save(tmp_path / "weights.npy", np.arange(-40, 40, dtype=np.int8).reshape(8, 10))
    (tmp_path / "odd.bin").write_bytes(b"\x01" * 13)
    record = ("--record", tmp_path / "record")
    code, out, err = livetrap("load", tmp_path / "weights.npy", "--address", 0, *record, *port, "--json")
    assert (code, err) == (0, "") and json.loads(out) == {"address": 0, "bytes": 80, "padding": 0, "records": 1}
    code, out, err = livetrap("load", tmp_path / "odd.bin", "-a", "0x1000", *record, *port)
    assert code == 0 and "16 bytes written at 0x1000" in out and "padded with 3 zero bytes" in err
    assert served.chip.chip.memory[:80] == bytes(range(216, 256)) + bytes(range(40))

    code, out, _ = livetrap("trigger", "--every", 1 << 20, *record, *port, "--json")
    assert json.loads(out) == {"rate": 1 << 44, "mean_ticks": 1 << 20, "records": 3}
    assert "once in 1.04858e+06 ticks" in livetrap("trigger", *port)[1]

    assert json.loads(livetrap("snapshot", *port, "--json")[1])["cause"] == "host"
    taken = json.loads(livetrap("snapshot", "--nonce", NONCE, *port, "--json")[1])
    assert (taken["cause"], taken["nonce"]) == ("challenge", NONCE)

    evidence = tmp_path / "evidence"
    pull = ("pull", evidence, "--record", tmp_path / "record", "--nonce", NONCE, *port)
    pulled = json.loads(livetrap(*pull, "--json")[1])
    assert pulled["new_statements"] == pulled["statements"] == 5 and pulled["new_pages"] == 5
    assert (pulled["head"], pulled["nonce"], pulled["notices"]) == (4, NONCE, [])

    verify = ("verify", evidence, "--maker", f"{maker}.pub")
    code, out, err = livetrap(*verify, "--nonce", NONCE, "--json")
    assert (code, err, json.loads(out)["verdict"]) == (0, "", "verified")
    assert json.loads(out)["trigger_rates"] == {"2": 1 << 44, "3": 1 << 44}
    code, out, _ = livetrap(*verify)
    assert code == 0 and "verified: 5 statements, 2 snapshots" in out
    assert livetrap(*verify, "--page", "3:1", "--page", 0)[0] == 0

    shown = ("--page", "3:0", "--page", "3:1")
    assert livetrap("disclose", evidence, tmp_path / "shown", *shown)[0] == 0
    assert livetrap("verify", tmp_path / "shown", "--maker", f"{maker}.pub", *shown)[0] == 0
    assert livetrap("verify", tmp_path / "shown", "--maker", f"{maker}.pub", "--page", "3:2")[0] == 3
    assert json.loads(livetrap("disclose", evidence, tmp_path / "b", *shown, "--json")[1])["pages"][1]["page"] == 1


def test_info(served: Served, livetrap: Livetrap, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = livetrap("info", "--port", served.port)
    assert code == 0 and served.chip.chip.public_key.hex() in out and "none yet" in out
    monkeypatch.setenv("LIVETRAP_PORT", served.port)
    monkeypatch.setenv("LIVETRAP_BAUD", "230400")
    said = json.loads(livetrap("info", "--json")[1])
    assert said["ueid"] == served.chip.chip.ueid.hex() and said["counters"]["records"] == 0
    assert said["certified"] is False


def test_reset(served: Served, livetrap: Livetrap) -> None:
    assert json.loads(livetrap("reset", "--port", served.port, "--json")[1]) == {"bootcount": 2, "seq": 2}


def test_ports(livetrap: Livetrap) -> None:
    assert isinstance(json.loads(livetrap("ports", "--json")[1])["ports"], list)
    assert livetrap("ports")[0] == 0


def test_tcp(livetrap: Livetrap) -> None:
    with Served(FakeChip(), "tcp") as served:
        assert livetrap("info", "--port", served.port)[0] == 0


# Pulls: resumed, merged, forked, superseded, full.


def test_pulls_resume_and_merge(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    pull = ("pull", tmp_path / "evidence", "--port", served.port, "--json")
    served.chip.snapshot()
    assert json.loads(livetrap(*pull, "--no-pages")[1])["new_pages"] == 0
    served.chip.requests.clear()
    again = json.loads(livetrap(*pull)[1])
    assert (again["new_statements"], again["statements"], again["new_pages"]) == (1, 4, 5)
    last = json.loads(livetrap(*pull)[1])
    assert (last["new_statements"], last["statements"], last["new_pages"]) == (1, 5, 0)


def test_an_interrupted_pull_goes_on_where_it_stopped(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    served.chip.snapshot()
    pages = iter(range(7))

    def stop_in_the_second_page(command: int, operation: int) -> None:
        if command == 4 and next(pages) == 6:
            served.chip.faults.deaf = True

    served.chip.faults.before = stop_in_the_second_page
    pull = ("pull", tmp_path / "evidence", "--port", served.port, "--timeout", 1)
    served.chip.faults.deaf = False
    failed(livetrap(*pull), 2, "does not answer")
    assert len(list((tmp_path / "evidence").rglob("*.page"))) == 1
    served.chip.faults.deaf = False
    served.chip.faults.before = lambda command, operation: None
    assert json.loads(livetrap(*pull, "--json")[1])["new_pages"] == 4


def test_a_snapshot_that_is_superseded_while_it_is_pulled(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    served.chip.snapshot()
    reads = []

    def supersede(command: int, operation: int) -> None:
        if command == 4:
            reads.append(command)
            if len(reads) == 6:
                served.chip.snapshot(Cause.RANDOM)

    served.chip.faults.before = supersede
    code, out, err = livetrap("pull", tmp_path / "evidence", "--port", served.port, "--json")
    assert code == 0 and "snapshot 1: 4 of 5 pages" in err
    assert json.loads(out)["new_pages"] == 1


def test_a_fork_is_refused(tmp_path: Path, maker: Path, livetrap: Livetrap) -> None:
    """The same chip with another history, as after its counters were turned back."""
    evidence = tmp_path / "evidence"
    for history in range(2):
        with Served(FakeChip()) as served:
            certify = livetrap("maker", "certify", "--key", maker, "--port", served.port)
            assert certify[0] == 0
            if history:
                served.chip.snapshot()
            result = livetrap("pull", evidence, "--port", served.port)
            if history:
                failed(result, 2, "has two histories (fork)")
            else:
                assert result[0] == 0
    result = livetrap("verify", evidence, "--maker", f"{maker}.pub")
    assert result[0] == 1 and "two that the chip's key signed (fork)" in result[2]


def test_another_chips_folder(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    assert livetrap("pull", tmp_path / "evidence", "--port", served.port)[0] == 0
    with Served(FakeChip(chip_id=bytes(16))) as other:
        failed(livetrap("pull", tmp_path / "evidence", "--port", other.port), 2, "is the evidence of chip")


def test_a_full_log_is_pulled_and_cannot_be_verified_to_its_end(
    tmp_path: Path, maker: Path, livetrap: Livetrap
) -> None:
    with Served(FakeChip(capacity=3)) as served:
        assert livetrap("maker", "certify", "--key", maker, "--port", served.port)[0] == 0
        served.chip.snapshot()
        code, _, err = livetrap("pull", tmp_path / "evidence", "--port", served.port)
        assert code == 0 and "log is full" in err
        (tmp_path / "payload").write_bytes(bytes(8))
        failed(livetrap("load", tmp_path / "payload", "-a", 0, "--port", served.port), 2, "log is full")
    result = livetrap("verify", tmp_path / "evidence", "--maker", f"{maker}.pub", "--json")
    failed(result, 3, "cannot be checked")


# The record follows the chip.


def test_a_record_of_another_chip_or_run(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    payload = tmp_path / "payload"
    payload.write_bytes(bytes(range(16)))
    load = ("load", payload, "-a", 0, "--port", served.port)
    assert livetrap(*load)[0] == 0
    failed(livetrap(*load, "--record", tmp_path / "late"), 2, "not in this file")
    (tmp_path / "other").write_bytes(records.header(bytes(17)))
    failed(livetrap(*load, "--record", tmp_path / "other"), 2, "is the record of chip")


def test_a_record_over_several_commands(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    payload = tmp_path / "payload"
    payload.write_bytes(bytes(3000))
    for address in (0, 4096):
        assert livetrap("load", payload, "-a", address, "--record", tmp_path / "r", "--port", served.port)[0] == 0
    boots = records.parse((tmp_path / "r").read_bytes()).boots
    assert len(boots[1]) == 6 and inputs_digest(boots[1]) == served.chip.chip.inputs


# Verdicts.


@pytest.mark.parametrize(
    "name, code, words",
    [
        ("statements/00000004.cose", 1, "statement 4: seq: expected a statement with each seq from 0 to 8"),
        ("certificate.cose", 3, "the evidence has no certificate"),
        ("record.cborseq", 0, ""),
        ("snapshots/00000004/00001.page", 0, ""),
    ],
)
def test_verify_when_a_file_is_gone(name: str, code: int, words: str, tmp_path: Path, livetrap: Livetrap) -> None:
    evidence, key = folder_of_story(tmp_path)
    (evidence / name).unlink()
    result = livetrap("verify", evidence, "--maker", key)
    assert result[0] == code and words in result[2] and result[2].count("\n") == (code != 0)


def test_verify_without_record_and_page(tmp_path: Path, livetrap: Livetrap) -> None:
    evidence, key = folder_of_story(tmp_path)
    record = (evidence / "record.cborseq").rename(tmp_path / "record")
    (evidence / "snapshots/00000004/00001.page").unlink()
    failed(livetrap("verify", evidence, "--maker", key, "--json"), 3, "statement 4: 1 of 3 pages are missing")
    assert "statement 4: 1 of 3 pages are missing" in livetrap("verify", evidence, "--maker", key)[1]
    assert livetrap("verify", evidence, "--maker", key, "--record", record)[0] == 0


@pytest.mark.parametrize("name", ["statements/00000004.cose", "certificate.cose", "snapshots/00000004/00001.page"])
def test_verify_when_a_byte_is_changed(name: str, tmp_path: Path, livetrap: Livetrap) -> None:
    evidence, key = folder_of_story(tmp_path)
    content = bytearray((evidence / name).read_bytes())
    content[len(content) // 2] ^= 4
    (evidence / name).write_bytes(content)
    code, out, err = livetrap("verify", evidence, "--maker", key)
    subject = "certificate" if name == "certificate.cose" else "statement 4"
    assert code == 1 and err.startswith(f"livetrap: rejected: {subject}: ") and err.count("\n") == 1
    assert "rejected" in out


def test_verify_with_files_that_are_none(tmp_path: Path, livetrap: Livetrap) -> None:
    evidence, key = folder_of_story(tmp_path)
    failed(livetrap("verify", tmp_path / "absent", "--maker", key), 2, "not an evidence folder")
    failed(livetrap("verify", evidence, "--maker", tmp_path / "absent"), 2, "does not exist")
    failed(livetrap("verify", evidence, "--maker", evidence / "certificate.cose"), 2, "not a")
    failed(livetrap("verify", evidence), 2, "--maker")
    failed(livetrap("verify", evidence, "--maker", key, "--page", "x"), 2, "is not a page")
    failed(livetrap("verify", evidence, "--maker", key, "--nonce", "00"), 2, "is not a nonce")


def test_disclose_what_is_not_there(tmp_path: Path, livetrap: Livetrap) -> None:
    evidence, _ = folder_of_story(tmp_path)
    for page, words in (("4:9", "no page 9"), ("3:0", "head statement"), ("77:0", "no statement 77"), ("1", "SEQ:N")):
        failed(livetrap("disclose", evidence, tmp_path / "out", "--page", page), 2, words)
    assert not (tmp_path / "out").exists()


def test_nothing_is_disclosed_into_a_folder_that_holds_more(tmp_path: Path, livetrap: Livetrap) -> None:
    evidence, _ = folder_of_story(tmp_path)
    before = sorted(evidence.rglob("*"))
    failed(livetrap("disclose", evidence, evidence, "--page", "4:0"), 2, "not empty")
    assert sorted(evidence.rglob("*")) == before


# Ports that fail.


def test_no_port(livetrap: Livetrap) -> None:
    for command in (("info",), ("snapshot",), ("trigger",), ("pull", "x"), ("load", __file__, "-a", 0), ("reset",)):
        failed(livetrap(*command), 2, "no port: give --port or set LIVETRAP_PORT")


@pytest.mark.parametrize(
    "port, words",
    [
        ("/dev/does-not-exist", "there is no such port"),
        ("/dev/null", "not a serial port"),
        ("/", "not a serial port"),
        ("tcp://", "named tcp://HOST:PORT"),
        ("tcp://localhost", "named tcp://HOST:PORT"),
        ("tcp://localhost:99999", "named tcp://HOST:PORT"),
        ("tcp://does-not-exist.invalid:1", "port tcp://does-not-exist.invalid:1: "),
    ],
)
def test_absent_ports(port: str, words: str, livetrap: Livetrap) -> None:
    failed(livetrap("info", "--port", port), 2, words)


def test_nothing_listens(livetrap: Livetrap) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    failed(livetrap("info", "--port", port), 2, "nothing listens there")


def test_a_busy_port(served: Served, livetrap: Livetrap) -> None:
    from host.link.serial_port import SerialPort

    with SerialPort(served.port):
        failed(livetrap("info", "--port", served.port), 2, "another program holds the port")


AS_ANOTHER_USER = """
import os
from host.cli import main
if os.geteuid() == 0:
    os.setgroups([]), os.setegid(65534), os.seteuid(65534)
main()
"""


def test_a_forbidden_port(served: Served) -> None:
    """As a user who may not open it; root may open everything, and so takes another user's place."""
    os.chmod(served.port, 0o000)
    command = [sys.executable, "-c", AS_ANOTHER_USER, "info", "--port", served.port]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    failed((result.returncode, result.stdout, result.stderr), 2, "this user may not open the port")


@pytest.mark.parametrize("link", ["pty", "tcp"])
def test_an_unplugged_port(link: str, livetrap: Livetrap) -> None:
    with Served(FakeChip(), link) as served:
        served.chip.faults.before = lambda command, operation: served.stop()
        result = livetrap("info", "--port", served.port, "--timeout", 5)
    failed(result, 2, "went away" if link == "pty" else "connection was closed")


def test_a_silent_port(served: Served, livetrap: Livetrap) -> None:
    served.chip.faults.deaf = True
    failed(livetrap("info", "--port", served.port, "--timeout", 0.4), 2, "does not answer")


# Manners.


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["bogus"], "No such command"),
        (["load"], "Missing argument"),
        (["load", "absent", "-a", "0"], "does not exist"),
        (["load", __file__, "-a", "-1"], "not an unsigned number"),
        (["trigger", "--rate", "1", "--every", "1", "--port", "x"], "not both"),
        (["trigger", "--every", "0", "--port", "x"], "at least 1"),
        (["trigger", "--rate", "x"], "not an unsigned number"),
        (["snapshot", "--nonce", "00" * 32], "not all zero"),
        (["info", "--baud", "fast"], "--baud"),
        (["info", "--timeout", "0"], "--timeout"),
        (["maker", "certify"], "--key"),
    ],
)
def test_usage_errors_are_one_line(arguments: list[str], words: str, livetrap: Livetrap) -> None:
    failed(livetrap(*arguments), 2, words)


def test_files_that_cannot_be_loaded(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "bad.npy").write_bytes(b"not an array")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name, words in (("empty", "empty"), ("bad.npy", "not a NumPy array"), ("objects.npy", "not a NumPy array")):
        failed(livetrap("load", tmp_path / name, "-a", 0, "--port", served.port), 2, words)


def test_a_file_that_does_not_fit_is_not_loaded_in_part(served: Served, tmp_path: Path, livetrap: Livetrap) -> None:
    (tmp_path / "payload").write_bytes(bytes(2048))
    size = json.loads(livetrap("info", "--port", served.port, "--json")[1])
    last = size["pages"] * size["page_size"] - 1024
    failed(livetrap("load", tmp_path / "payload", "-a", last, "--port", served.port), 2, "do not fit")
    assert json.loads(livetrap("info", "--port", served.port, "--json")[1])["counters"]["records"] == 0


def test_maker_keys_that_cannot_be_written_or_read(maker: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    failed(livetrap("maker", "keygen", maker), 2, "exists already")
    failed(livetrap("maker", "keygen", tmp_path / "no" / "folder"), 2, "No such file")
    failed(livetrap("maker", "certify", "--key", f"{maker}.pub", "--port", "x"), 2, "PRIVATE KEY")


def test_a_chip_that_cannot_prove_its_key_is_not_certified(
    served: Served, maker: Path, livetrap: Livetrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = served.chip._info({})
    monkeypatch.setattr(served.chip, "_info", lambda body: {**said, "key": MAKER_KEY})
    failed(livetrap("maker", "certify", "--key", maker, "--port", served.port), 1, "statement 1: signature")
    assert served.chip.certificate is None
    monkeypatch.undo()
    assert livetrap("maker", "certify", "--key", maker, "--port", served.port)[0] == 0
    failed(livetrap("maker", "certify", "--key", maker, "--port", served.port), 2, "can be set once")


@pytest.mark.parametrize(
    "command",
    ["sim", "ports", "info", "load", "train", "snapshot", "trigger", "reset", "pull", "verify", "disclose", "demo"],
)
def test_help_has_examples(command: str, livetrap: Livetrap) -> None:
    code, out, _ = livetrap(command, "--help")
    assert code == 0 and "Example" in out and f"livetrap {command}" in out


def test_help_without_arguments_and_version(livetrap: Livetrap) -> None:
    assert "Exit codes" in livetrap("--help")[1]
    assert "livetrap" in livetrap("--version")[1]


def test_ctrl_c() -> None:
    """Interrupted while it waits for a chip: 130, and no trace of Python."""
    with Served(FakeChip()) as served:
        served.chip.faults.lose = 10**6
        process = subprocess.Popen(
            [*LIVETRAP, "info", "--port", served.port, "--timeout", "600"], stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while not served.chip.requests and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err and len(err.strip()) == 0


def test_a_reader_that_leaves() -> None:
    """`livetrap ports --json | true`: no trace of Python."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = subprocess.run([*LIVETRAP, "ports", "--json"], stdout=write_end, stderr=subprocess.PIPE, timeout=60)
    os.close(write_end)
    assert result.stderr == b"" and result.returncode == 2


def test_statements_of_the_fake_chip_are_statements(served: Served) -> None:
    assert parse(served.chip.log[0]).signed_by(served.chip.chip.public_key)
