"""The whole chip from its fuses to its first statements, with the test as its processor."""

from dataclasses import replace

import pytest

from formats import otp
from formats.otp import OTP_BYTES, Lifecycle, image
from formats.statement import Kind
from host.evidence.statement import parse
from sim.golden import chip as golden
from sim.golden import ed25519
from tests.unit.soc_bus import CONFIG, SocOnBus

CHIP_ID, SEED, CONFIGURATION = bytes(range(16)), bytes(range(50, 82)), bytes(range(100, 132))
MEASUREMENT = bytes(range(200, 232))
SEALED, DERIVED, CLEARED, MEASURED, ENTROPY_FAILED, BOOTED = (1 << bit for bit in range(6))


def measure(soc: SocOnBus, version: int = 7) -> None:
    for at in range(0, 32, 4):
        soc.write("chip.measurement", int.from_bytes(MEASUREMENT[at : at + 4], "little"))
    soc.write("chip.security_version", version)
    soc.write("chip.lock", 1)


def known(seed: bytes, **fields: object) -> golden.Chip:
    """The golden chip of these fuses and of this bench's firmware, booted."""
    chip = golden.Chip(
        CHIP_ID, seed, CONFIG.pages, CONFIG.page_bytes, MEASUREMENT, 7, configuration=CONFIGURATION, bootcount=1
    )
    return replace(chip, memory=bytes(CONFIG.weight_bytes), **fields)


def assert_states(soc: SocOnBus, chip: golden.Chip, kind: Kind) -> golden.Chip:
    """The chip's statement is the golden one but for its time; what that is the golden chip cannot know."""
    made = soc.state(kind)
    assert made is not None
    after, expected = golden.state(replace(chip, ticks=parse(made).ticks), kind)
    assert made == expected
    return after


def test_a_chip_without_identity_becomes_one_that_signs_for_life():
    """RAW, key, fuses, development, boot; warm reset; power off and on, its life restored."""
    soc = SocOnBus(bytes(OTP_BYTES))
    assert soc.read("otp.status") == 1 and soc.read("otp.lifecycle") == Lifecycle.RAW
    assert soc.read("chip.status") & (SEALED | DERIVED) == 0
    measure(soc)
    assert soc.state(Kind.BOOT) is None, "it has no identity"

    soc.write("otp.generate_key", 1)
    soc.wait("otp.status", 2, 0)
    assert soc.read("otp.status") == 0b1001
    seed = bytes(soc.fuses[otp.SEED_OFFSET : otp.SEED_OFFSET + otp.SEED_BYTES])
    assert seed != bytes(32)
    for first, content in ((otp.CHIP_ID_OFFSET, CHIP_ID), (otp.CONFIGURATION_OFFSET, CONFIGURATION)):
        for index, byte in enumerate(content):
            soc.write("otp.burn", first + index | byte << 7)
    soc.write("otp.burn", otp.LIFECYCLE_OFFSET | 1 << 7)
    assert soc.fuses == image(Lifecycle.DEVELOPMENT, CHIP_ID, seed, CONFIGURATION)
    soc.wait("chip.status", SEALED | DERIVED, SEALED | DERIVED)
    assert soc.identity() == CHIP_ID + ed25519.public_key(seed) + CONFIGURATION

    assert soc.state(Kind.HEAD) is None, "the first statement is a boot's"
    chip = assert_states(soc, known(seed), Kind.BOOT)
    assert soc.read("chip.status") & BOOTED and soc.state(Kind.BOOT) is None
    soc.write("otp.burn", otp.FLOOR_OFFSET | 0x1F << 7)
    soc.write("otp.burn", otp.LIFECYCLE_OFFSET | 3 << 7)
    chip = replace(chip, lifecycle=Lifecycle.PRODUCTION, security_floor=5)
    chip = assert_states(soc, chip, Kind.HEAD)

    soc.reset()
    assert soc.read("chip.status") & (MEASURED | BOOTED | DERIVED) == DERIVED
    assert soc.state(Kind.HEAD) is None and soc.state(Kind.BOOT) is None
    measure(soc)
    chip = assert_states(soc, replace(chip, bootcount=2), Kind.BOOT)

    soc.power_on()
    soc.wait("chip.status", SEALED | DERIVED, SEALED | DERIVED)
    assert soc.identity() == CHIP_ID + ed25519.public_key(seed) + CONFIGURATION
    assert soc.read("otp.security_floor") == 5 and soc.read("boot.status") == 0
    chain = [int.from_bytes(chip.chain[at : at + 4], "little") for at in range(0, 32, 4)]
    macs = 1 << 35 | 3
    soc.write("boot.restore_index", 0)
    for word in (chip.seq, 0, 3, macs & 0xFFFFFFFF, macs >> 32, *chain):
        soc.write("boot.restore_data", word)
    soc.write("boot.restore", 1)
    assert soc.read("boot.status") == 1 and soc.read("chip.seq") == 3 and soc.read("chip.bootcount") == 3
    assert (soc.read("counters.macs"), soc.read("counters.macs", 1)) == (3, 8)
    measure(soc)
    chip = assert_states(soc, replace(golden.power_on(chip, macs), bootcount=3), Kind.BOOT)
    soc.write("boot.restore", 1)
    assert soc.read("chip.seq") == 4, "its life is restored once"
    assert_states(soc, chip, Kind.HEAD)
    assert soc.block.get("fault") == 0


@pytest.fixture
def running():
    """A retired chip that has made its boot statement."""
    soc = SocOnBus(image(Lifecycle.RETIRED, CHIP_ID, SEED, CONFIGURATION, 7))
    measure(soc)
    soc.wait("chip.status", DERIVED | CLEARED, DERIVED | CLEARED)
    soc.chip = assert_states(soc, known(SEED, lifecycle=Lifecycle.RETIRED, security_floor=7), Kind.BOOT)
    return soc


def test_a_retired_chip_still_shows_its_evidence(running):
    assert_states(running, running.chip, Kind.HEAD)


def test_a_chip_whose_noise_fails_signs_nothing_until_it_is_powered_on_anew(running):
    running.wait("trng.status", 1, 1)
    assert running.read("chip.status") & ENTROPY_FAILED == 0
    running.stuck = True
    running.wait("chip.status", ENTROPY_FAILED, ENTROPY_FAILED)
    assert running.read("trng.status") == 0b010, "repetition count"
    assert running.state(Kind.HEAD) is None
    running.stuck = False
    running.reset()
    measure(running)
    assert running.read("chip.status") & (ENTROPY_FAILED | MEASURED) == ENTROPY_FAILED | MEASURED
    assert running.state(Kind.BOOT) is None
    running.power_on()
    measure(running)
    running.wait("chip.status", DERIVED, DERIVED)
    assert running.state(Kind.BOOT) is not None


def test_a_capture_holds_the_accelerator_in_that_mode_alone_until_it_is_released(running):
    running.write("boot.hold_mode", 1)
    running.write("snapshot.request", 2)
    running.wait("snapshot.status", 4, 4)
    assert running.read("boot.hold_mode") == 0 and running.read("accelerator.status") >> 6 == 0, "locked before"
    running.reset()
    running.write("boot.hold_mode", 1)
    measure(running)
    running.wait("chip.status", CLEARED, CLEARED)
    assert running.state(Kind.BOOT) is not None
    for _ in range(2):
        assert running.read("accelerator.status") >> 6 == 0
        running.write("snapshot.request", 2)
        running.write("accelerator.control", 2)
        running.wait("snapshot.status", 4, 4)
        running.write("accelerator.control", 2)
        assert running.read("accelerator.status") >> 6 == 1, "released before the capture has its statement"
        assert running.state(Kind.SNAPSHOT) is not None
        assert running.read("accelerator.status") >> 6 == 1
        running.write("accelerator.control", 2)
    assert running.read("accelerator.status") >> 6 == 0


def test_the_cpu_s_hashes_and_ingest_take_turns_in_one_sponge(running):
    """A record between two messages of the hash engine, and an LM-OTS chain beside it; each result is its own."""
    from Crypto.Hash import SHAKE256

    def hashed(message: bytes) -> bytes:
        running.write("hash.control", 0b11)
        words = [message[at : at + 8] for at in range(0, len(message), 8)]
        for number, word in enumerate(words):
            if number == len(words) - 1:
                running.write("hash.last", 1)
            for half in (word[:4], word[4:]):
                running.access(running.windows["hash_data"], int.from_bytes(half, "little"))
        running.wait("hash.status", 2, 2)
        return b"".join(running.read("hash.digest", index).to_bytes(4, "little") for index in range(8))

    message = bytes(range(200))
    assert hashed(message) == SHAKE256.new(message).read(32)
    running.write("lmots.index", 0)
    for word in range(12):
        running.write("lmots.data", 0x00_00_00_00 if word != 5 else 4 << 24 | 9)
    running.write("lmots.start", 1)
    running.write("ingest.kind", 1)
    running.write("ingest.address", 64)
    running.write("ingest.length", 16)
    running.write("ingest.start", 1)
    payload = bytes(range(16))
    for at in range(0, 16, 4):
        running.access(running.windows["ingest_data"], int.from_bytes(payload[at : at + 4], "little"))
    running.wait("ingest.status", 1, 0)
    running.wait("lmots.status", 1, 0)
    value = bytes(24)
    for step in range(4):
        value = SHAKE256.new(bytes(16) + bytes(4) + (9).to_bytes(2, "big") + bytes([step]) + value).read(24)
    assert b"".join(running.read("lmots.value", index).to_bytes(4, "little") for index in range(6)) == value
    assert hashed(message) == SHAKE256.new(message).read(32)
    made = running.state(Kind.HEAD)
    record = golden.Record(golden.RecordKind.WRITE, 64, payload)
    assert parse(made).inputs == golden.take(running.chip, record).inputs
