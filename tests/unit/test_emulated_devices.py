"""The emulator's flash and fuses (sim/rtl/nor.cpp, otp.hpp): what they answer, and what their files hold.

The flash does what sim/nor.py does, byte for byte, except which bits of a torn operation have changed.
"""

import random
import subprocess

import pytest

from formats.flash import FLASH_BYTES, JEDEC_ID, PROGRAM_BYTES, SECTOR_BYTES
from formats.otp import OTP_BYTES
from sim.nor import Command, Nor, PowerLost
from sim.rtl import verilator
from sim.rtl.build import DEVICE_FLAGS, DEVICE_UNITS, HERE
from sim.rtl.cache import BUILD, built_once, digest

DRIVER = HERE.parents[1] / "tests" / "unit" / "device_driver.cpp"
PROGRAM_CYCLES, ERASE_CYCLES = 200, 400
BYTE_CYCLES = 16
POWER_CUT = 4
"""Exit code of the driver, and of the emulator."""


@pytest.fixture(scope="module")
def driver():
    """The devices as a program, on their own (device_driver.cpp)."""
    sources = [DRIVER, *(HERE / name for name in DEVICE_UNITS)]
    headers = sorted(HERE.glob("*.hpp"))
    key = digest([verilator.tools(), *DEVICE_FLAGS, *(path.read_text() for path in (*sources, *headers))])

    def build(directory):
        verilator.run(["g++", "-std=c++17", "-O1", *DEVICE_FLAGS, f"-I{HERE}", *sources, "-o", directory / "driver"])

    return built_once(BUILD / "devices" / key, build) / "driver"


class Flash:
    """Drives a flash file. Each `run` is a power-on; time goes on in `cycle`."""

    def __init__(self, driver, path):
        self.driver, self.path, self.cycle, self.lines = driver, path, 0, []

    def select(self, *data, wait=0):
        """One selection, `wait` cycles after the last: these bytes, BYTE_CYCLES apart."""
        self.cycle += wait
        for index, byte in enumerate(data):
            self.lines.append(f"{self.cycle} {byte} {int(index == len(data) - 1)}")
            self.cycle += BYTE_CYCLES

    def write(self, command, address, *data, wait=0):
        self.select(0x06, wait=wait)
        self.select(command, *address.to_bytes(3, "big"), *data)

    def run(self, cut_at=0, cut_seed=0, code=0):
        """Sends it all; returns what came back, a byte for each."""
        options = [PROGRAM_CYCLES, ERASE_CYCLES, cut_at, cut_seed]
        command = [self.driver, "nor", self.path, *map(str, options)]
        result = subprocess.run(command, input="\n".join(self.lines), capture_output=True, text=True, timeout=60)
        assert result.returncode == code, result.stderr
        self.lines = []
        return bytes(map(int, result.stdout.split()))


@pytest.fixture
def flash(driver, tmp_path):
    return Flash(driver, tmp_path / "flash")


def random_selection(generator):
    """Bytes of one selection: mostly whole commands at a few places, sometimes anything."""
    place = generator.choice((0, 0x1000, FLASH_BYTES - PROGRAM_BYTES)) + generator.choice((0, 1, 250, 255))
    address = (place | generator.choice((0, 0xC00000))).to_bytes(3, "big")
    data = generator.randbytes(generator.choice((1, 2, 8, 300)))
    command = generator.choice([*Command, Command.PAGE_PROGRAM, Command.SECTOR_ERASE, 0xC7, 0xD8, 0x00])
    alone = bytes([command])
    usual = {
        Command.PAGE_PROGRAM: alone + address + data,
        Command.READ: alone + address + bytes(9),
        Command.FAST_READ: alone + address + bytes(9),
        Command.SECTOR_ERASE: alone + address,
        Command.READ_STATUS: alone + bytes(generator.randrange(20)),
        Command.JEDEC_ID: alone + bytes(5),
    }
    if generator.random() < 0.15:
        return alone + generator.randbytes(generator.randrange(6))
    return usual.get(command, alone)


def model_answers(nor, lines):
    """What sim/nor.py answers to the driver's lines, until it has no power."""
    answers, now = [], 0
    try:
        for line in lines:
            cycle, byte, last = map(int, line.split())
            nor.tick(cycle - now)
            now = cycle
            answers.append(nor.exchange(byte))
            if last:
                nor.deselect()
    except PowerLost:
        pass
    return bytes(answers)


@pytest.mark.parametrize("seed", range(12))
def test_it_answers_and_remembers_as_the_model_does(flash, seed):
    """Two power-ons of random selections on one file; in the second, power is lost."""
    generator, content = random.Random(seed), bytearray(b"\xff" * FLASH_BYTES)
    times = {"program_cycles": PROGRAM_CYCLES, "erase_cycles": ERASE_CYCLES}
    for cut_at in (None, 20):
        flash.cycle = 0
        while len(flash.lines) < 20_000:
            if generator.random() < 0.6:
                flash.select(Command.WRITE_ENABLE)
            flash.select(*random_selection(generator), wait=generator.choice((0, 0, 0, 100, 500)))
        nor = Nor(content, cut_at=cut_at, **times)
        expected = model_answers(nor, flash.lines)
        assert flash.run(cut_at=cut_at or 0, cut_seed=seed, code=POWER_CUT if cut_at else 0) == expected
        found = flash.path.read_bytes()
        if not cut_at:
            assert nor.operations > 30 and found == content
    differing = [at for at in range(FLASH_BYTES) if found[at] != content[at]] if found != content else []
    assert not differing or differing[-1] - differing[0] < SECTOR_BYTES, "the torn operation alone"


def test_a_new_part_is_erased_and_names_itself(flash):
    flash.select(0x9F, 0, 0, 0)
    flash.select(0x03, 0, 0, 0, 0, 0)
    flash.select(0x05, 0)
    assert flash.run() == b"\xff" + JEDEC_ID + b"\xff" * 6 + b"\xff\x00"
    assert flash.path.read_bytes() == b"\xff" * FLASH_BYTES


def test_program_clears_bits_and_wraps_in_its_page(flash):
    flash.write(0x02, 0x1FE, 0x0F, 0xF0, 0xAA)
    flash.write(0x02, 0x1FE, 0x3C, wait=PROGRAM_CYCLES)
    flash.select(0x03, 0, 0x01, 0xFE, 0, 0, 0, wait=PROGRAM_CYCLES)
    assert flash.run()[-3:] == b"\x0c\xf0\xff"
    content = flash.path.read_bytes()
    assert (content[0x1FE], content[0x1FF], content[0x100], content[0x200]) == (0x0C, 0xF0, 0xAA, 0xFF)


def test_a_page_that_overflows_keeps_its_last_bytes(flash):
    data = random.Random(1).randbytes(PROGRAM_BYTES + 10)
    flash.write(0x02, 0x300, *data)
    flash.run()
    assert flash.path.read_bytes()[0x300:0x400] == data[PROGRAM_BYTES:] + data[10:PROGRAM_BYTES]


def test_busy_times_and_the_write_enable_latch(flash):
    flash.select(0x06)
    flash.select(0x05, 0)
    flash.select(0x20, 0, 0x10, 0x01)
    begun = flash.cycle - BYTE_CYCLES
    flash.select(0x05, *[0] * 30)
    last = begun + ERASE_CYCLES
    polled = [begun + BYTE_CYCLES * (2 + index) < last for index in range(30)]
    answers = flash.run()
    assert answers[2] == 0x02
    assert list(answers[-30:]) == [3 * busy for busy in polled] and 1 < sum(polled) < 30


def test_what_is_sent_to_a_busy_part_is_ignored(flash):
    flash.write(0x02, 0, 0x00)
    flash.select(0x03, 0, 0, 0, 0)
    flash.write(0x02, 1, 0x00)
    assert flash.run()[9 + 1 :].count(0) == 0
    assert flash.path.read_bytes()[:2] == b"\x00\xff"


@pytest.mark.parametrize(
    "selections",
    [
        [(0x02, 0, 0, 0, 0x00)],
        [(0x06,), (0x04,), (0x02, 0, 0, 0, 0x00)],
        [(0x06, 0), (0x02, 0, 0, 0, 0x00)],
        [(0x06,), (0x02, 0, 0, 0)],
        [(0x06,), (0x20, 0, 0)],
        [(0x06,), (0x20, 0, 0, 0, 0)],
        [(0x06,), (0x66,), (0x99,), (0x02, 0, 0, 0, 0x00)],
        [(0x06,), (0xC7,), (0xD8, 0, 0, 0), (0x01, 0)],
    ],
    ids=["not enabled", "disabled", "06 with more", "no data", "short", "long", "reset", "unknown"],
)
def test_what_changes_nothing(flash, selections):
    flash.write(0x02, 4, 0x55)
    flash.cycle += PROGRAM_CYCLES
    for selection in selections:
        flash.select(*selection, wait=100)
    flash.run()
    assert flash.path.read_bytes() == b"\xff" * 4 + b"\x55" + b"\xff" * (FLASH_BYTES - 5)


def test_reset_needs_its_two_commands_in_a_row(flash):
    for between, latch in (((), 0), ((0x05, 0), 2)):
        flash.select(0x06)
        flash.select(0x66)
        if between:
            flash.select(*between)
        flash.select(0x99)
        flash.select(0x05, 0)
        assert flash.run()[-1] == latch


def test_reading_goes_on_at_the_end(flash):
    flash.write(0x02, FLASH_BYTES - 1, 0x12)
    flash.write(0x02, 0, 0x34, wait=PROGRAM_CYCLES)
    top = (FLASH_BYTES - 1).to_bytes(3, "big")
    flash.select(0x03, *top, 0, 0, wait=PROGRAM_CYCLES)
    assert flash.run()[-2:] == b"\x12\x34"
    flash.select(0x0B, *top, 0, 0, 0)
    assert flash.run()[-2:] == b"\x12\x34"


@pytest.mark.parametrize("seed", range(6))
def test_power_cut_in_the_middle_of_a_program(flash, seed):
    """Each byte lies, bit for bit, between what it was and what it was to become."""
    generator = random.Random(seed)
    before, new = generator.randbytes(PROGRAM_BYTES), generator.randbytes(PROGRAM_BYTES)
    flash.write(0x02, 0x1000, *before)
    flash.write(0x02, 0x1000, *new, wait=PROGRAM_CYCLES)
    flash.write(0x02, 0x2000, 0, wait=PROGRAM_CYCLES)
    flash.run(cut_at=2, cut_seed=seed, code=POWER_CUT)
    content = flash.path.read_bytes()
    torn = content[0x1000 : 0x1000 + PROGRAM_BYTES]
    for old, data, found in zip(before, new, torn, strict=True):
        assert found & ~old == 0 and found & (old & data) == old & data
    assert content[:0x1000] + content[0x1000 + PROGRAM_BYTES :] == b"\xff" * (FLASH_BYTES - PROGRAM_BYTES)


def test_power_cuts_leave_anything_between_nothing_and_all(driver, tmp_path):
    shares = []
    for seed in range(24):
        flash = Flash(driver, tmp_path / f"flash{seed}")
        flash.write(0x02, 0, *bytes(PROGRAM_BYTES))
        flash.run(cut_at=1, cut_seed=seed, code=POWER_CUT)
        shares.append(sum(byte.bit_count() for byte in flash.path.read_bytes()[:PROGRAM_BYTES]) / 8 / PROGRAM_BYTES)
    assert min(shares) < 0.1 and max(shares) > 0.9 and len(set(shares)) > 20


@pytest.mark.parametrize("seed", range(4))
def test_power_cut_in_the_middle_of_an_erase(flash, seed):
    before = random.Random(seed).randbytes(PROGRAM_BYTES)
    flash.write(0x02, 0, *before)
    flash.write(0x02, SECTOR_BYTES, *before, wait=PROGRAM_CYCLES)
    flash.write(0x20, 5, wait=PROGRAM_CYCLES)
    flash.run(cut_at=3, cut_seed=seed, code=POWER_CUT)
    content = flash.path.read_bytes()
    assert all(old & ~found == 0 for old, found in zip(before, content, strict=False))
    assert content[PROGRAM_BYTES:SECTOR_BYTES] == b"\xff" * (SECTOR_BYTES - PROGRAM_BYTES)
    assert content[SECTOR_BYTES:].startswith(before)


def test_what_was_programmed_survives_a_kill(driver, tmp_path):
    flash = Flash(driver, tmp_path / "flash")
    flash.write(0x02, 0, 0x77)
    process = subprocess.Popen(
        [driver, "nor", flash.path, "1", "1", "0", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.stdin.write("\n".join(flash.lines) + "\n" + "99999 5 0\n" * 4000)
    process.stdin.flush()
    for _ in flash.lines:
        process.stdout.readline()
    process.kill()
    process.communicate()
    assert flash.path.read_bytes()[:2] == b"\x77\xff"


def test_fuses_only_become_1(driver, tmp_path):
    path = tmp_path / "otp"

    def burn(*lines):
        command = [driver, "otp", path]
        return subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, timeout=60)

    assert burn("0 1", "0 2", "127 128", "0 0").stdout.split() == ["1", "3", "128", "3"]
    assert burn("0 4").stdout.split() == ["7"]
    assert path.read_bytes() == b"\x07" + bytes(OTP_BYTES - 2) + b"\x80"


@pytest.mark.parametrize(("device", "size"), [("nor", FLASH_BYTES), ("otp", OTP_BYTES)])
def test_files_that_cannot_be_used(driver, tmp_path, device, size):
    def said(path):
        command = [driver, device, path, "1", "1", "0", "0"]
        result = subprocess.run(command, input="", capture_output=True, text=True, timeout=60)
        assert result.returncode == 2
        return result.stderr

    for wrong in (size - 1, size + 1):
        (tmp_path / "wrong").write_bytes(bytes(wrong))
        assert f"not {size} bytes" in said(tmp_path / "wrong")
    assert "No such file" in said(tmp_path / "absent" / "file")
    command = [driver, device, tmp_path / "held", "1", "1", "0", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        holder.stdin.write("0 0 1\n" * 4000)
        holder.stdin.flush()
        holder.stdout.readline()
        assert "another emulator holds it" in said(tmp_path / "held")
        holder.stdin.close()
        holder.stdout.read()
