"""Firmware images on the host: made, signed, read back strictly; and the commands for them."""

import hashlib
import json
import struct
from pathlib import Path

import pytest
from Crypto.Hash import TurboSHAKE128

from formats.image import MAX_BODY_BYTES, SIGNED_LABEL
from host import hss
from host.cli import run as livetrap
from host.errors import FieldError
from host.evidence.hash_keys import write_hss_public
from host.firmware import image
from host.firmware.image import Image, Version
from host.verify.firmware import read_reference

BODY = bytes(range(64))
UNSIGNED = image.pack(BODY, 0x10000000, Version(1, 2, 3, 4), 5, 0xCAFE1234)
SIGNED = image.sign(UNSIGNED, lambda message: b"signature of " + message)


def test_the_container_is_mcuboots_with_our_tlvs() -> None:
    header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0x10000000, 32, 20, 64, 0, 1, 2, 3, 4, 0)
    protected = struct.pack("<HHHHIHHI", 0x6908, 20, 0x50, 4, 5, 0xA0, 4, 0xCAFE1234)
    assert header + BODY + protected == UNSIGNED
    measurement = TurboSHAKE128.new(data=UNSIGNED, domain=0x06).read(32)
    assert image.measurement(UNSIGNED) == image.measurement(SIGNED) == measurement
    signature = b"signature of " + SIGNED_LABEL + measurement
    tlvs = struct.pack("<HH", 0x10, 32) + hashlib.sha256(UNSIGNED).digest()
    tlvs += struct.pack("<HH", 0xA1, len(signature)) + signature
    assert UNSIGNED + struct.pack("<HH", 0x6907, 4 + len(tlvs)) + tlvs == SIGNED


def test_an_image_reads_back_as_it_was_made() -> None:
    parsed = image.parse(SIGNED)
    assert (parsed.body, parsed.load_address, parsed.version) == (BODY, 0x10000000, Version(1, 2, 3, 4))
    assert (parsed.security_version, parsed.map_hash) == (5, 0xCAFE1234)
    assert parsed.encode() == SIGNED
    assert image.parse(UNSIGNED).signature is None
    assert (str(parsed.version), str(Version(1, 2, 3))) == ("1.2.3.4", "1.2.3")


def test_signing_again_replaces_the_signature() -> None:
    again = image.sign(SIGNED, lambda message: b"another")
    assert image.parse(again).signature == b"another"
    assert image.sign(again, lambda message: b"signature of " + message) == SIGNED


@pytest.mark.parametrize("contents", [UNSIGNED, SIGNED])
def test_every_cut_or_longer_image_is_refused(contents: bytes) -> None:
    for size in range(len(contents)):
        if contents[:size] != UNSIGNED:
            with pytest.raises(FieldError):
                image.parse(contents[:size])
    with pytest.raises(FieldError):
        image.parse(contents + b"\0")


def test_no_changed_byte_is_taken_for_the_same_image() -> None:
    for at in range(len(SIGNED)):
        changed = bytearray(SIGNED)
        changed[at] ^= 1
        try:
            parsed = image.parse(bytes(changed))
        except FieldError:
            continue
        assert parsed != image.parse(SIGNED) and parsed.encode() == changed


@pytest.mark.parametrize("size", [0, 3, 5, MAX_BODY_BYTES + 4])
def test_bodies_that_rom_would_not_load_are_refused(size: int) -> None:
    with pytest.raises(FieldError, match="body"):
        image.pack(bytes(size), 0, Version(), 0, 0)


def test_an_image_larger_than_a_slot_is_refused() -> None:
    whole = image.pack(bytes(MAX_BODY_BYTES), 0, Version(), 0, 0)
    with pytest.raises(FieldError, match="size"):
        image.sign(whole, lambda message: bytes(image.MAX_IMAGE_BYTES - len(whole) - 43))
    fits = image.sign(whole, lambda message: bytes(image.MAX_IMAGE_BYTES - len(whole) - 44))
    assert len(fits) == image.MAX_IMAGE_BYTES


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    hss.save(path, hss.generate(1, 5))
    write_hss_public(tmp_path / "key.pub", hss.public_key(path))
    return path


def output(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    shown: dict[str, object] = json.loads(capsys.readouterr().out)
    return shown


def test_sign_and_info(tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, signed = tmp_path / "app.unsigned", tmp_path / "app.signed"
    source.write_bytes(UNSIGNED)
    assert livetrap(["firmware", "sign", str(source), "--key", str(key), "-o", str(signed), "--json"]) == 0
    shown = output(capsys)
    assert (shown["version"], shown["security_version"], shown["remaining"]) == ("1.2.3.4", 5, 31)
    assert shown["measurement"] == image.measurement(UNSIGNED).hex()
    reference = read_reference(Path(str(shown["reference"])))
    assert (reference.measurement, reference.security_version) == (image.measurement(UNSIGNED), 5)
    command = ["firmware", "info", str(signed), "--key", f"{key}.pub", "--json"]
    assert livetrap(command) == 0
    assert output(capsys)["signed"] is True
    contents = bytearray(signed.read_bytes())
    contents[-1] ^= 1
    signed.write_bytes(contents)
    assert livetrap(command) == 1
    assert "not signed" in capsys.readouterr().err
    assert livetrap(["firmware", "info", str(source)]) == 0
    assert "cafe1234" in capsys.readouterr().out


BODY_OPTIONS = ["--image-version", "1.2.3.4", "--security-version", "5", "--load-address", "0x10000000"]
MAP_OPTION = ["--map", "0xcafe1234"]


def test_a_body_is_made_an_image(tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, signed = tmp_path / "body", tmp_path / "signed"
    body.write_bytes(BODY)
    command = ["firmware", "sign", str(body), "--key", str(key), "-o", str(signed), *BODY_OPTIONS]
    assert livetrap(command) == 2
    assert not signed.exists() and hss.load(key).remaining == 32
    assert livetrap([*command, *MAP_OPTION]) == 0
    made = image.read(signed)
    assert made.measured == UNSIGNED
    body.write_bytes(UNSIGNED)
    assert livetrap([*command, *MAP_OPTION]) == 2
    assert "is an image already" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["1", "1.2", "1.2.3.4.5", "256.0.0", "0.0.65536", "a.b.c", "1.-2.3", ""])
def test_other_versions_are_usage_errors(tmp_path: Path, key: Path, version: str) -> None:
    body = tmp_path / "body"
    body.write_bytes(BODY)
    options = ["--image-version", version, *BODY_OPTIONS[2:], *MAP_OPTION]
    assert livetrap(["firmware", "sign", str(body), "--key", str(key), "-o", str(tmp_path / "x"), *options]) == 2


def test_what_is_no_image_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"nothing of the kind")
    assert livetrap(["firmware", "info", str(path)]) == 1
    assert "firmware image: header" in capsys.readouterr().err
    assert Image(BODY, 0, Version(), 0, 0).encode() != UNSIGNED
