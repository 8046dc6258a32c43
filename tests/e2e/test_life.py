"""A chip on the emulator: power-offs, provisioning, updates, power cuts, a broken noise source, a log server."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware.build import BUILD, SECURITY_VERSION, header_constants, sign_for_development
from formats.boot import BootError
from formats.configuration import LogMode
from formats.flash import Event
from formats.link import ChipError
from formats.otp import Lifecycle
from formats.statement import Kind
from host import hss
from host.device import Device
from host.enrol import certify
from host.errors import LivetrapError
from host.evidence import keys
from host.evidence.hash_keys import write_hss_public
from host.evidence.keys import read_private, read_public
from host.evidence.statement import parse
from host.firmware import image
from host.link.message import ChipRefusal
from host.logserver.client import LogServerClient
from host.logserver.relay import Relay
from host.logserver.server import LogServer
from host.logserver.store import Store
from sim.rtl.chip import Chip
from sim.rtl.firmware import firmware
from tests.conftest import Livetrap
from tests.e2e.test_cli import CYCLES, SPI_CYCLES

NONCE = bytes(range(32))
SECONDS = 60.0
"""For an answer: a chip that has just been powered on verifies its firmware first."""


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    return tmp_path / "chip.flash"


@contextmanager
def powered(flash: Path, **options: object) -> Iterator[tuple[Chip, Device]]:
    """The chip of a flash file from one power-on to the next power-off."""
    with (
        Chip(seed=5, cycle_limit=CYCLES, flash=flash, spi_cycles=SPI_CYCLES, **options) as chip,
        Device.open(chip.port, timeout=SECONDS) as device,
    ):
        yield chip, device


def settled(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits until something is so, a bounded time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_life_goes_on_after_a_power_off(flash: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    maker, evidence = tmp_path / "maker", tmp_path / "evidence"
    keys.generate(maker)
    with powered(flash) as (chip, device):
        certify(device, read_private(maker))
        device.write_memory(64, b"weights!")
        device.snapshot()
        device.close()
        assert livetrap("pull", evidence, "--timeout", "60", "--port", chip.port)[0] == 0
    with powered(flash) as (chip, device):
        info = device.info()
        assert (info.bootcount, info.first, info.seq) == (2, 0, 5)
        assert parse(device.statement(4), "boot").kind is Kind.BOOT
        device.snapshot()
        device.close()
        nonce = json.loads(livetrap("pull", evidence, "--timeout", "60", "--port", chip.port, "--json")[1])["nonce"]
    code, out, err = livetrap("verify", evidence, "--maker", f"{maker}.pub", "--nonce", nonce)
    assert code == 0, out + err


def test_a_raw_chip_is_provisioned_gets_firmware_and_boots(flash: Path, tmp_path: Path, livetrap: Livetrap) -> None:
    built = firmware("full")
    write_hss_public(tmp_path / "firmware.pub", built.key)
    (tmp_path / "image").write_bytes(built.application)
    with Chip(seed=6, cycle_limit=CYCLES, flash=flash, raw=True, spi_cycles=SPI_CYCLES) as chip:
        at = ("--timeout", "60", "--port", chip.port)
        code, out, _ = livetrap("info", *at, "--json")
        assert json.loads(out)["boot"]["error"] == BootError.NOT_PROVISIONED.name.lower()
        code, _, err = livetrap("provision", "--firmware-key", tmp_path / "firmware.pub", *at)
        assert code == 1 and BootError.NO_IMAGE.explanation in err
        code, out, err = livetrap("firmware", "update", tmp_path / "image", *at)
        assert code == 0, err
        said = json.loads(livetrap("info", *at, "--json")[1])
        assert said["boot"]["lifecycle"] == "development" and said["boot"]["error"] == "none"
        with Device.open(chip.port, timeout=SECONDS) as device:
            settled(lambda: device.boot_state().confirmed)
            seq = device.attest(NONCE)
            head = parse(device.statement(seq), "head")
            assert head.signed_by(device.info().key) and head.lifecycle is Lifecycle.DEVELOPMENT
            settled(lambda: device.boot_state().floor == SECURITY_VERSION)


def other_image(body: bytes, version: image.Version) -> bytes:
    """An image for the emulated chip, signed as its own is."""
    constants = header_constants((BUILD / "full" / "livetrap_csr.h").read_text())
    unsigned = image.pack(body, constants["SRAM_BASE"], version, SECURITY_VERSION, constants["MAP_HASH"])
    return sign_for_development(unsigned)[0]


@pytest.mark.slow
def test_an_update_runs_and_one_that_does_not_confirm_itself_is_rolled_back(
    flash: Path, tmp_path: Path, livetrap: Livetrap
) -> None:
    running = image.parse(firmware("full").application)
    newer = other_image(running.body, image.Version(0, 2))
    # Its first instruction is none: it traps before it has confirmed anything.
    broken = other_image(bytes(64), image.Version(0, 3))
    (tmp_path / "newer").write_bytes(newer)
    (tmp_path / "broken").write_bytes(broken)
    with powered(flash) as (chip, device):
        device.close()
        code, _, err = livetrap("firmware", "update", tmp_path / "newer", "--timeout", "60", "--port", chip.port)
        assert code == 0, err
        code, _, err = livetrap("firmware", "update", tmp_path / "broken", "--timeout", "60", "--port", chip.port)
        assert code == 1 and "went back" in err, err
    with powered(flash) as (_, device):
        assert device.info().firmware == image.parse(newer).measurement
        # A body of zeros is an illegal instruction; mcause 2 (RISC-V privileged architecture, table 3.6).
        assert (Event.TRAP, 2) in [(event.event, event.detail) for event in device.events()]
        settled(lambda: any(parse(data, "").kind is Kind.ERROR for _, data in device.statements()))
        found = [parse(data, str(seq)) for seq, data in device.statements()]
        announced = [each.digest for each in found if each.kind is Kind.UPDATE]
        assert announced == [image.parse(newer).measurement, image.parse(broken).measurement]
        # The one that trapped was started, and so ROM has stated its boot.
        started = {image.parse(each).measurement for each in (newer, broken)}
        assert {each.firmware for each in found} == {running.measurement, *started}


@pytest.mark.slow
def test_an_image_by_another_key_or_for_another_chip_is_not_started(flash: Path, hss_key: Path) -> None:
    running = image.parse(firmware("full").application)
    with hss.open_key(hss_key) as key:
        foreign = image.sign(running.measured, key.sign)
    with powered(flash) as (_, device):
        device.upload(foreign)
        with pytest.raises(ChipRefusal):
            device.mark_for_test(image.parse(foreign).hash)
        other = other_image(running.body, image.Version(0, 9))
        altered = bytearray(other)
        altered[image.HEADER_BYTES + 100] ^= 1
        device.upload(bytes(altered))
        with pytest.raises(ChipRefusal):
            device.mark_for_test(image.parse(other).hash)
        assert device.reset().firmware == running.measurement


@pytest.mark.parametrize("cut_at", [4, 14])
def test_power_cut_in_the_middle_of_a_flash_operation(flash: Path, cut_at: int) -> None:
    """What was read before the cut is what the chip still has, and its life goes on behind it."""
    seen: dict[int, bytes] = {}
    chip = Chip(seed=5, cycle_limit=CYCLES, flash=flash, cut_at=cut_at, cut_seed=cut_at, spi_cycles=SPI_CYCLES)
    with pytest.raises((LivetrapError, TimeoutError)), Device.open(chip.port, timeout=20.0) as device:
        for round_ in range(8):
            seq = device.attest(bytes([round_ + 1]) * 32)
            seen[seq] = device.statement(seq)
    assert chip.wait(60).reason == "power cut"
    with powered(flash) as (_, device):
        held = dict(device.statements())
        assert {seq: held[seq] for seq in seen} == seen
        assert sorted(held) == list(range(len(held)))
        chains = [parse(data, str(seq)).chain for seq, data in sorted(held.items())]
        assert len(set(chains)) == len(chains)
        parse(device.statement(device.attest(NONCE)), "head")


def test_a_broken_noise_source_stops_signing_and_is_stated_later(flash: Path) -> None:
    with powered(flash, noise_stuck=3_000_000) as (_, device):
        settled(lambda: device.boot_state().entropy_failed)
        with pytest.raises(ChipRefusal) as refused:
            device.attest(NONCE)
        assert refused.value.error is ChipError.ENTROPY
        settled(lambda: Event.ENTROPY in [event.event for event in device.events()])
    with powered(flash) as (_, device):
        settled(lambda: any(parse(data, "").kind is Kind.ERROR for _, data in device.statements()))
        assert not device.boot_state().entropy_failed and device.attest(NONCE)


def test_the_accelerator_is_held_until_the_log_servers_receipt(flash: Path, tmp_path: Path) -> None:
    key = tmp_path / "verifier"
    hss.save(key, hss.generate(1, 5))
    maker = tmp_path / "maker"
    keys.generate(maker)
    with powered(flash, log_mode=LogMode.SERVER, verifier_key=hss.public_key(key)) as (_, device):
        certify(device, read_private(maker))
        device.snapshot()
        settled(lambda: device.receipt_state().held)
        with pytest.raises(ChipRefusal) as refused:
            device.put_receipt(os.urandom(1600))
        assert refused.value.error is ChipError.UNSIGNED
        with (
            hss.open_key(key) as signer,
            Store(tmp_path / "db", signer.sign, read_public(Path(f"{maker}.pub"))) as store,
        ):
            server = LogServer(store, "127.0.0.1", 0)
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                Relay(device, LogServerClient(server.url)).finish(60)
            finally:
                server.shutdown()
                server.server_close()
                thread.join(20)
        settled(lambda: not device.receipt_state().held)
