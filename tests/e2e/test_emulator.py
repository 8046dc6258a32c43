"""The emulator as a program, with ROM images of a few instructions, so that what goes wrong is its own doing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from formats.configuration import Configuration
from formats.flash import FLASH_BYTES
from formats.otp import OTP_BYTES
from rtl.config import CONFIGS
from rtl.memory_map import register_rows
from rtl.soc import LivetrapSoC
from sim.rtl.build import build
from sim.rtl.chip import Chip, EmulatorError
from sim.rtl.flash_image import fuses
from sim.rtl.identity import development_identity
from sim.rtl.verilator import BuildError
from tests.e2e import rv32

CONFIG = "full"
SECONDS = 60
"""Bound of every wait; nothing here takes long."""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """ROM images by name: `echo` and `idle`."""
    addresses = {row[1]: row[2] for row in register_rows(LivetrapSoC(CONFIGS[CONFIG]).processor) if row[0] == "link"}
    directory = tmp_path_factory.mktemp("images")
    (directory / "echo").write_bytes(rv32.echo_image(addresses["rx"], addresses["tx"], addresses["status"]))
    (directory / "idle").write_bytes(rv32.idle_image())
    return directory


@pytest.fixture
def emulate(images):
    """Starts the emulator with a ROM image and options; returns the process. Kills what is left at the end."""
    processes = []

    def start(rom="echo", *options):
        command = [build(CONFIG), "--rom", images / rom, *map(str, options)]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def finished(process):
    """Exit code, lines on standard output, lines on standard error."""
    output, errors = process.communicate(timeout=SECONDS)
    return process.returncode, output.splitlines(), errors.splitlines()


def receive(client, count):
    """`count` bytes from a file descriptor that blocks, or from a socket."""
    deadline, data = time.monotonic() + SECONDS, b""
    while len(data) < count:
        assert time.monotonic() < deadline
        wanted = count - len(data)
        data += os.read(client, wanted) if isinstance(client, int) else client.recv(wanted)
    return data


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly(emulate, number):
    process = emulate("idle", "--pty")
    assert json.loads(process.stdout.readline())["port"].startswith("/dev/")
    process.send_signal(number)
    code, output, errors = finished(process)
    assert code == 0
    assert json.loads(output[-1])["reason"] == "signal"
    assert len(errors) == 1 and "MHz" in errors[0]


def test_cycle_limit(emulate):
    code, output, _ = finished(emulate("idle", "--cycles", 5001))
    end = json.loads(output[-1])
    assert (code, end["cycles"], end["reason"]) == (3, 5001, "cycle limit")


def test_end_of_input_ends_it(emulate):
    process = emulate("idle", "--watch-input")
    process.stdout.readline()
    assert process.poll() is None
    code, output, _ = finished(process)
    assert (code, json.loads(output[-1])["reason"]) == (0, "end of input")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--speed"], "--speed"),
        (["--cycles"], "--cycles"),
        (["--cycles", "-1"], "--cycles"),
        (["--cycles", " 1"], "--cycles"),
        (["--seed", "many"], "--seed"),
        (["--tcp", "65536"], "--tcp"),
        (["--pty", "--tcp", "0"], "--pty"),
        (["more"], "more"),
        (["--rom", "absent.bin"], "absent.bin"),
        (["--rom", "."], "."),
        (["--rom", os.devnull], os.devnull),
        (["--flash", "absent/flash"], "absent/flash"),
        (["--flash", os.devnull], f"{FLASH_BYTES} bytes"),
        (["--otp", os.devnull], f"{OTP_BYTES} bytes"),
        (["--cut-at", "0"], "--cut-at"),
        (["--spi-cycles", "0"], "--spi-cycles"),
        (["--noise-stuck", "soon"], "--noise-stuck"),
        (["--script", "absent.script"], "absent.script"),
        (["--record", "absent/record"], "absent/record"),
        (["--trace", "wave.vcd"], "--trace"),
    ],
)
def test_what_cannot_be_used_is_one_line(emulate, options, named):
    code, output, errors = finished(emulate("idle", *options))
    assert (code, output, len(errors)) == (2, [], 1)
    assert named in errors[0]


def test_rom_image_larger_than_the_rom(emulate, tmp_path):
    image = tmp_path / "large.bin"
    image.write_bytes(bytes(CONFIGS[CONFIG].rom_bytes + 1))
    code, _, errors = finished(emulate("idle", "--rom", image))
    assert (code, len(errors)) == (2, 1)
    assert f"{CONFIGS[CONFIG].rom_bytes} bytes" in errors[0]


@pytest.mark.parametrize("line", ["12", "x 00", "12 0", "12 0g", "12 00 00", "-1 00", "5 00\n4 00"])
def test_malformed_script(emulate, tmp_path, line):
    script = tmp_path / "script"
    script.write_text(f"1 00\n{line}\n")
    code, _, errors = finished(emulate("idle", "--script", script))
    assert (code, len(errors)) == (2, 1)
    assert f"line {1 + len(line.splitlines())} " in errors[0]


def test_tcp_port_in_use(emulate):
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, _, errors = finished(emulate("idle", "--tcp", other.getsockname()[1]))
    assert (code, len(errors)) == (2, 1)


def test_pty_clients_come_and_go(images):
    with Chip(CONFIG, firmware=images / "echo", raw=True) as chip:
        for message in (b"first\r\n\x00\xff\x03\x11\x13", bytes(range(256))):
            client = os.open(chip.port, os.O_RDWR | os.O_NOCTTY)
            os.write(client, message)
            assert receive(client, len(message)) == message
            os.write(client, b"nobody waits for this")
            os.close(client)
            time.sleep(0.5)
        client = os.open(chip.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        time.sleep(0.2)
        with pytest.raises(BlockingIOError):
            os.read(client, 1)
        os.close(client)


def test_tcp_clients_one_after_another(images):
    with Chip(CONFIG, link="tcp", firmware=images / "echo", raw=True) as chip:
        address = ("127.0.0.1", int(chip.port.rsplit(":", 1)[1]))
        first = socket.create_connection(address, SECONDS)
        first.sendall(b"1")
        assert receive(first, 1) == b"1"
        with socket.create_connection(address, SECONDS) as second:
            second.sendall(b"2")
            first.sendall(b"one more")
            assert receive(first, 8) == b"one more"
            first.close()
            assert receive(second, 1) == b"2"


def test_bytes_that_the_chip_does_not_take_stay_with_the_sender(images):
    with Chip(CONFIG, link="tcp", firmware=images / "idle", raw=True) as chip:
        with socket.create_connection(("127.0.0.1", int(chip.port.rsplit(":", 1)[1])), 1) as client:
            with pytest.raises(TimeoutError):
                for _ in range(1000):
                    client.sendall(bytes(1 << 16))


def test_scripted_run_repeats_exactly(emulate, tmp_path):
    script = tmp_path / "script"
    script.write_text("100 48656c6c6f\n2500 00ff0d0a\n40000 2e\n")
    runs = [finished(emulate("echo", "--script", script, "--cycles", 60_000)) for _ in range(2)]
    assert runs[0][1][:-1] == runs[1][1][:-1]
    sent = [line.split() for line in runs[0][1][1:-1]]
    assert "".join(data for _, data in sent) == "48656c6c6f00ff0d0a2e"
    assert [int(cycle) % 1024 for cycle, _ in sent] == [0] * len(sent)
    assert json.loads(runs[0][1][-1])["cycles"] == 60_000


def test_recorded_session_repeats_as_a_script(images, emulate, tmp_path):
    record, message = tmp_path / "record", os.urandom(1000)
    with Chip(CONFIG, firmware=images / "echo", raw=True, record=record) as chip:
        client = os.open(chip.port, os.O_RDWR | os.O_NOCTTY)
        for at in range(0, len(message), 300):
            os.write(client, message[at : at + 300])
            assert receive(client, len(message[at : at + 300])) == message[at : at + 300]
        os.close(client)
        cycles = chip.stop().cycles
    _, output, _ = finished(emulate("echo", "--script", record, "--cycles", cycles))
    assert "".join(line.split()[1] for line in output[1:-1]) == message.hex()


@pytest.mark.slow
def test_waveform(images, tmp_path):
    waveform = tmp_path / "wave.vcd"
    with Chip(CONFIG, link=None, firmware=images / "idle", raw=True, trace=waveform, cycle_limit=300) as chip:
        assert chip.wait(SECONDS).cycles == 300
    header, changes = waveform.read_text().split("$enddefinitions $end")
    assert "link_tx__valid" in header
    assert "\n#600\n" in changes and "#601" not in changes


def test_waveform_names_and_missing_headers(monkeypatch, tmp_path):
    with pytest.raises(BuildError, match=r"\.vcd or \.fst"):
        Chip(CONFIG, trace="wave.txt")
    with pytest.raises(BuildError, match="cannot be written"):
        Chip(CONFIG, trace=tmp_path / "absent" / "wave.vcd")
    monkeypatch.setattr("sim.rtl.build.FST_HEADERS", (("no_such_header.h", "libnone-dev"),))
    with pytest.raises(BuildError, match="libnone-dev") as raised:
        Chip(CONFIG, trace="wave.fst")
    assert "\n" not in str(raised.value)


def test_several_chips_in_one_process(images):
    chips = [Chip(CONFIG, seed, firmware=images / "echo", raw=True) for seed in range(3)]
    assert len({chip.port for chip in chips}) == 3
    for chip in chips:
        assert chip.stop().reason == "signal"
        assert not chip.running


def test_files_of_a_chip(images, tmp_path):
    """Made when they are not there, kept, held by one emulator at a time, and never mended."""
    flash, otp = tmp_path / "chip", tmp_path / "chip.otp"
    options = {"link": None, "firmware": images / "idle", "raw": True, "flash": flash}
    with Chip(CONFIG, **options) as chip:
        assert chip.identity is None
        with pytest.raises(EmulatorError, match="another emulator holds it"):
            Chip(CONFIG, **options)
    assert flash.read_bytes() == b"\xff" * FLASH_BYTES and otp.read_bytes() == bytes(OTP_BYTES)
    identity = development_identity(7)
    otp.write_bytes(fuses(identity, Configuration(bytes(52))))
    with Chip(CONFIG, **options) as chip:
        assert chip.identity == identity
    otp.write_bytes(bytes(OTP_BYTES - 1))
    with pytest.raises(EmulatorError, match=f"chip.otp: not {OTP_BYTES} bytes"):
        Chip(CONFIG, **options)
    otp.unlink()
    with pytest.raises(EmulatorError, match=r"chip\.otp: No such file"):
        Chip(CONFIG, **options)
    flash.rename(otp)
    with pytest.raises(EmulatorError, match="whose flash is gone"):
        Chip(CONFIG, **options)


def test_chip_ends_with_the_process_that_holds_it(images):
    script = (
        "import os, signal, sys\nfrom sim.rtl.chip import Chip\n"
        f"chip = Chip({CONFIG!r}, link='tcp', firmware=sys.argv[1], raw=True)\n"
        "print(chip.port, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    holder = subprocess.run([sys.executable, "-c", script, images / "idle"], capture_output=True, timeout=SECONDS)
    address = ("127.0.0.1", int(holder.stdout.decode().rsplit(":", 1)[1]))
    deadline = time.monotonic() + SECONDS
    with pytest.raises(ConnectionRefusedError):
        while time.monotonic() < deadline:
            socket.create_connection(address, SECONDS).close()
            time.sleep(0.05)


def test_emulator_that_does_not_start(images):
    with pytest.raises(EmulatorError, match=r"^\S*absent\.bin: No such file or directory$"):
        Chip(CONFIG, firmware=images / "absent.bin", raw=True)
    with pytest.raises(ValueError, match="link"):
        Chip(CONFIG, link="usb")
