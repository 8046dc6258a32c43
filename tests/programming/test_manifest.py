"""Builds that are not whole, not for the board, or would overwrite something."""

import hashlib
import json
from pathlib import Path

import pytest

from boards import BOARDS, output
from boards.build import REPORT, Built, bitstream_name
from boards.chip import Chip
from boards.flow.rtlil import Design
from boards.report import Report
from formats.flash import SLOT_BYTES
from host.errors import LivetrapError
from host.programming import manifest

from .bench import Bench, slot
from .bitstreams import BUILD_ID, ecp5

ULX3S = BOARDS["ulx3s-85f"]
SLOT_A = ULX3S.flash_offset


def test_a_good_build(bench: Bench):
    build = manifest.read(bench.build("ulx3s-85f"))
    manifest.check(build, ULX3S)
    assert (build.board, build.bitstream.offset, build.bitstream.path.name) == ("ulx3s-85f", 0, "chip.bit")
    (image,) = build.images
    assert (image.what, image.offset, image.data) == ("firmware image", SLOT_A, slot())
    assert image.erased == range(SLOT_A, SLOT_A + SLOT_BYTES)


def test_every_board_takes_a_build_of_its_own(bench: Bench):
    for name, board in BOARDS.items():
        manifest.check(manifest.read(bench.build(name)), board)


def rewritten(folder: Path, **changes: object) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def test_for_another_board_or_part(bench: Bench):
    build = manifest.read(bench.build("ulx3s-25f"))
    with pytest.raises(LivetrapError, match=r"^the build is for ulx3s-25f, not for ulx3s-85f$"):
        manifest.check(build, ULX3S)
    with pytest.raises(
        LivetrapError, match=r"^the build is for another part: ulx3s-85f has ecp5-85k-CABGA381-6, this"
    ):
        manifest.check(manifest.read(bench.build("ulx3s-85f", part="ecp5-85k-CABGA381-8")), ULX3S)


def test_a_bitstream_for_another_part_under_a_right_manifest(bench: Bench):
    folder = bench.build("ulx3s-85f")
    data = ecp5("LFE5U-25F")
    (folder / "chip.bit").write_bytes(data)
    entry = {"file": "chip.bit", "sha256": hashlib.sha256(data).hexdigest(), "offset": 0}
    build = manifest.read(rewritten(folder, bitstream=entry))
    with pytest.raises(LivetrapError) as caught:
        manifest.check(build, ULX3S)
    said = "the bitstream is for another part: ulx3s-85f has an LFE5U-85F, this is for an LFE5U-25F"
    assert str(caught.value) == f"{folder}/chip.bit: {said}"


GOOD = {"file": "chip.bit", "sha256": "0" * 64, "offset": 0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"board": ""}, "board is not of its form: ''"),
        ({"board": 7}, "board is not of its form: 7"),
        ({"build_id": "xyz"}, "build_id is not of its form"),
        ({"bitstream": []}, "bitstream: this is no object"),
        ({"bitstream": {}}, "file is missing"),
        ({"bitstream": GOOD | {"file": "../chip.bit"}}, "'../chip.bit' is not the name of a file beside it"),
        ({"bitstream": GOOD | {"file": "/etc/passwd"}}, "is not the name of a file beside it"),
        ({"bitstream": GOOD | {"file": ".."}}, "is not the name of a file beside it"),
        ({"bitstream": GOOD | {"sha256": "0" * 63}}, "sha256 is not of its form"),
        ({"bitstream": GOOD | {"offset": -1}}, "the offset of chip.bit is not a number of bytes: -1"),
        ({"bitstream": GOOD | {"offset": True}}, "is not a number of bytes: True"),
        ({"bitstream": GOOD | {"offset": "0"}}, "is not a number of bytes: '0'"),
        ({"bitstream": GOOD}, "chip.bit: this is not the file that was built (its SHA-256 differs): build again"),
        ({"bitstream": GOOD | {"file": "none.bit"}}, "none.bit: the manifest names this file, and it is missing"),
        ({"images": {}}, "images is no list"),
        ({"images": [1]}, "images: this is no object"),
    ],
)
def test_manifests_that_are_refused(bench: Bench, changes, words):
    folder = rewritten(bench.build("ulx3s-85f"), **changes)
    with pytest.raises(manifest.ManifestError) as caught:
        manifest.read(folder)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["board", "part", "build_id", "bitstream", "images"])
def test_a_manifest_that_lacks_something(bench: Bench, key):
    path = bench.build("ulx3s-85f") / "manifest.json"
    fields = json.loads(path.read_text())
    del fields[key]
    path.write_text(json.dumps(fields))
    with pytest.raises(manifest.ManifestError, match=f"{key} is missing$"):
        manifest.read(path.parent)


@pytest.mark.parametrize("text", ["", "{", "[1", "\x00", "[" * 100_000, "1" * (2 << 20)])
def test_no_json(bench: Bench, text):
    folder = bench.build("ulx3s-85f")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(manifest.ManifestError, match=r"manifest.json: (this is no JSON|larger than)"):
        manifest.read(folder)


def test_no_build(tmp_path: Path):
    with pytest.raises(manifest.ManifestError, match="no build is there"):
        manifest.read(tmp_path)


def test_an_empty_file(bench: Bench):
    folder = bench.build("ulx3s-85f", images=[("firmware image", SLOT_A, b"")])
    with pytest.raises(manifest.ManifestError, match="0 bytes are none to write to a board"):
        manifest.read(folder)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([(SLOT_A + 0x1000, slot())], "are not whole slots of 65536: what lies beside them would be erased"),
        ([(SLOT_A, slot()[:-1])], "65535 bytes at 0x400000 are not whole slots"),
        (
            [(SLOT_A - SLOT_BYTES, slot())],
            "do not fit into the chip's part of the flash, which is 0x400000 to 0xfff000",
        ),
        (
            [(0xFF0000, slot())],
            "do not fit into the chip's part of the flash, which is 0x400000 to 0xfff000, 4096 bytes",
        ),
        ([(SLOT_A, slot()), (SLOT_A, slot())], "two images of the build overlap at 0x400000"),
        ([(SLOT_A, slot() * 2), (SLOT_A + SLOT_BYTES, slot())], "two images of the build overlap at 0x410000"),
    ],
)
def test_images_that_would_overwrite_something(bench: Bench, images, words):
    build = manifest.read(bench.build("ulx3s-85f", images=[("firmware image", *image) for image in images]))
    with pytest.raises(manifest.ManifestError) as caught:
        manifest.check(build, ULX3S)
    assert words in str(caught.value)


def test_bitstreams_that_do_not_go_where_they_must(bench: Bench):
    folder = bench.build("orangecrab")
    entry = json.loads((folder / "manifest.json").read_text())["bitstream"]
    with pytest.raises(manifest.ManifestError, match=r"puts it at 0x0 in the flash, orangecrab .* from 0x80000$"):
        manifest.check(manifest.read(rewritten(folder, bitstream=entry | {"offset": 0})), BOARDS["orangecrab"])
    data = ecp5("LFE5U-25F", data=bytes(0x80000))
    (folder / "chip.bit").write_bytes(data)
    large = entry | {"sha256": hashlib.sha256(data).hexdigest()}
    excess = len(data) - 0x80000
    with pytest.raises(manifest.ManifestError, match=f"into the bitstream, .* 0x100000, {excess} bytes too many$"):
        manifest.check(manifest.read(rewritten(folder, bitstream=large)), BOARDS["orangecrab"])


def test_what_a_bootloader_cannot_reach(bench: Bench):
    build = manifest.read(bench.build("orangecrab", images=[("firmware image", 0x110000, slot())]))
    with pytest.raises(manifest.ManifestError, match="orangecrab's bootloader does not write at 0x110000"):
        manifest.check(build, BOARDS["orangecrab"])


def test_a_folder_that_a_build_is_handed_over_in(tmp_path: Path):
    """What `livetrap build` writes is what `livetrap flash` reads."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / REPORT).write_text("{}")
    bitstream = cache / bitstream_name(ULX3S.family)
    bitstream.write_bytes(ecp5("LFE5U-85F"))
    report = Report(ULX3S.name, ULX3S.config, ULX3S.part, BUILD_ID, 1, (), {}, {}, ())
    chip = Chip(Design("", {}), 0, b"unsigned", slot(), {"firmware_key.pub": b"key"})
    output.write(ULX3S, chip, Built(cache, bitstream, report, ()), tmp_path / "out")
    build = manifest.read(tmp_path / "out")
    manifest.check(build, ULX3S)
    assert (build.build_id, build.images[0].data, build.images[0].offset) == (BUILD_ID, slot(), SLOT_A)
