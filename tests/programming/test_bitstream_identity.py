"""Which device a bitstream is for: by the real packers, contradictory, damaged, and mutated ones."""

import random

import pytest

from boards import BOARDS
from boards.flow.family import Family
from boards.flow.packing import pack
from host.errors import LivetrapError
from host.programming import ecp5_bitstream, ice40_bitstream
from host.programming.bitstream_identity import ECP5_DEVICES, ICE40_DEVICES, check, expected_device, identify
from host.programming.byte_reader import BitstreamError
from tests.fuzz.inputs import mutate

from .bench import bitstream
from .bitstreams import BUILD_ID, command, ecp5, ice40, pack_ecp5, pack_ice40


@pytest.mark.parametrize(
    ("device", "options"),
    [
        ("LFE5U-12F", ("--compress",)),
        ("LFE5U-25F", ()),
        ("LFE5U-25F", ("--compress", "--freq", "38.8", "--spimode", "qspi", "--bootaddr", "0x80000")),
        ("LFE5U-45F", ("--compress", "--background")),
        ("LFE5U-85F", ("--compress", "--usercode", "19088743")),
        ("LFE5UM5G-25F", ("--compress",)),
    ],
)
def test_what_ecppack_makes(device, options, tmp_path):
    assert identify(pack_ecp5(device, tmp_path, *options)) == (Family.ECP5, device, BUILD_ID)


@pytest.mark.parametrize("device", ["384", "1k", "5k", "8k"])
def test_what_icepack_makes(device, tmp_path):
    assert identify(pack_ice40(device, tmp_path)) == (Family.ICE40, device, BUILD_ID)


@pytest.mark.parametrize(
    ("family", "text", "device"),
    [
        (Family.ECP5, ".device LFE5U-25F\n\n.comment Part: LFE5U-25F-6CABGA381\n\n", "LFE5U-25F"),
        (Family.ICE40, ".comment from next-pnr\n.device 5k\n.io_tile 1 0\n", "5k"),
    ],
)
def test_what_builds_pack_says_which_build_it_is(family, text, device, tmp_path):
    placed = tmp_path / ("chip.config" if family is Family.ECP5 else "chip.asc")
    placed.write_text(text)
    assert identify(pack(placed, family, "fedcba9876543210", tmp_path).read_bytes()) == (
        family,
        device,
        "fedcba9876543210",
    )


def test_each_board_is_known_and_takes_its_own_bitstream_alone():
    for name, board in BOARDS.items():
        assert expected_device(board)
        for other in BOARDS:
            fits = expected_device(board) == expected_device(BOARDS[other])
            if fits:
                check(bitstream(other), board, BUILD_ID, "x.bit")
            else:
                with pytest.raises(LivetrapError, match=f"^x.bit: the bitstream is for another part: {name} has an "):
                    check(bitstream(other), board, BUILD_ID, "x.bit")


def test_names_of_devices():
    assert ECP5_DEVICES["um5g-45k"] == "LFE5UM5G-45F" and len(ECP5_DEVICES) == 12
    assert ICE40_DEVICES["hx4k"] == "8k" and set(ICE40_DEVICES.values()) == set(ice40_bitstream.DEVICES.values())
    assert ecp5_bitstream.device_of(0x01113043) == "LFE5UM-85F"
    for idcode in (0x21112043, 0x41114043, 0x41111044, 0xFFFFFFFF, 0):
        assert ecp5_bitstream.device_of(idcode) is None


def test_a_bitstream_of_another_build():
    with pytest.raises(LivetrapError, match="says that it is of build 0123456789abcdef, not ffff0000"):
        check(ecp5("LFE5U-85F"), BOARDS["ulx3s-85f"], "ffff0000", "x.bit")
    check(ecp5("LFE5U-85F", comments=()), BOARDS["ulx3s-85f"], "ffff0000", "x.bit")


ENCRYPTED = b"\xff\xff\xff\xbf\xb3"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "ends at byte 0, within the begin of the comments"),
        (b"\x7fELF" + bytes(100), "byte 0: the begin of the comments is ff00, found 7f45"),
        (b"\xff\x00Part: LFE5U-25F", "within a comment"),
        (b"\xff\x00Part\x01\x00\xff", "byte 2: a comment is not printable text"),
        (ecp5(comments=("x",) * 65), "more than 64 comments"),
        (ecp5(preamble=ENCRYPTED), "encrypted"),
        (ecp5(preamble=b"\xff\xff\xff\xbd\xb4"), "the preamble is ffffbdb3, found "),
        (ecp5(idcode=0x41114043), "VERIFY_ID asks for 0x41114043, which is no known ECP5"),
        (ecp5(frames=7561), "VERIFY_ID is that of an LFE5U-25F, which has 7562 frames, but 7561 follow"),
        (ecp5("LFE5U-25F", comments=("Part: LFE5U-85F-6CABGA381",)), "but the comment says LFE5U-85F-6CABGA381"),
        (ecp5("LFE5U-25F", comments=("Part: LFE5UM-25F-6CABGA381",)), "but the comment says LFE5UM-25F-6CABGA381"),
        (ecp5(before=command(0xE2, 0, bytes(4))), "a second VERIFY_ID"),
        (ecp5(before=command(0x33)), "0x33 is no command that comes before the frames"),
        (ecp5(before=b"\xff" * 64), "no frames within 64 commands"),
        (ecp5(before=command(0x82, 7562)), "LSC_PROG_INCR_RTI comes before any VERIFY_ID"),
        (ecp5()[:60], "the file ends at byte 60"),
    ],
)
def test_bad_ecp5_bitstreams(data, words):
    with pytest.raises(BitstreamError) as caught:
        identify(data)
    assert words in str(caught.value)


def test_both_forms_of_the_end_of_the_comments():
    for preamble in (b"\xff\xff\xbd\xb3", b"\xff\xff\xff\xbd\xb3"):
        assert identify(ecp5(preamble=preamble)).device == "LFE5U-25F"
    assert identify(ecp5(frame_command=0x82)).device == "LFE5U-25F"


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (damaged(ice40(), 40_000), "the CRC is wrong: the bitstream is damaged"),
        (ice40()[:-200], "the file ends at byte"),
        (ice40(tail=b""), "within the commands"),
        (ice40(tail=b"\x01\x06\x00\x01"), "something follows the wake-up"),
        (ice40(tail=b"\x31\x00"), "0x31 is no command"),
        (ice40(tail=b"\x01\x09"), "0x09 is no special command"),
        (ice40(banks=[(332, 144), (692, 336)]), "no known iCE40 has banks of 332 x 144, 692 x 336"),
        (ice40(banks=[]), "no known iCE40 has banks of no size"),
        (ice40(banks=[(872, 271)]), "no known iCE40 has banks of 872 x 271"),
        (ice40(banks=[(3, 3)]), "data for a bank of 3 x 3 bits"),
        (ice40(comments=("x",) * 65), "more than 64 comments"),
    ],
)
def test_bad_ice40_bitstreams(data, words):
    with pytest.raises(BitstreamError) as caught:
        identify(data)
    assert words in str(caught.value)


def test_a_bitstream_that_wakes_the_device_up_unchecked():
    data = ice40()
    with pytest.raises(BitstreamError, match="without a CRC"):
        identify(data[: data.index(b"\x01\x05")] + b"\x01\x06\x00")


@pytest.mark.parametrize("seed", range(8))
def test_no_input_upsets_the_parsers(seed):
    source = random.Random(seed)
    others = [ecp5(data=b""), ice40("1k", banks=[(16, 8)]), ecp5("LFE5U-85F", frame_command=0x82, data=b"")]
    refused = 0
    for _ in range(500):
        data = mutate(source, source.choice(others), others)
        for parse in (identify, ecp5_bitstream.identify, ice40_bitstream.identify):
            try:
                assert parse(data).device
            except BitstreamError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused


def test_no_single_wrong_bit_makes_another_device():
    data = ecp5("LFE5U-25F", data=b"")
    for bit in range(8 * len(data)):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        try:
            assert identify(bytes(altered)).device == "LFE5U-25F"
        except BitstreamError:
            continue
