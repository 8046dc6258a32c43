"""The serial encoding: the firmware against the smp package, and against lines that are no frames."""

import random
from base64 import b64encode

import cbor2
import pytest
from smp import packet as smp_packet

from formats.link import OS_GROUP, PACKET_BYTES, OsCommand, SmpError
from tests.firmware.host_build import WRITE, frame, packet, response_body, unframe


def echo(text: str, sequence: int = 0) -> bytes:
    return packet(OsCommand.ECHO, {"d": text}, operation=WRITE, group=OS_GROUP, sequence=sequence)


def echo_of_size(size: int) -> bytes:
    """An echo request whose packet has `size` bytes (300 to 65535 + 8)."""
    return echo("x" * (size - len(echo("x" * 256)) + 256))


PROBE = frame(echo("probe", 77))
PROBED = frame(packet(OsCommand.ECHO, {"r": "probe"}, operation=WRITE + 1, group=OS_GROUP, sequence=77), 128)


def is_in_step(chip) -> bool:
    """Whether the next frame is answered, once and rightly, and nothing else is."""
    return chip.exchange(PROBE) == unframe(PROBED)


def test_crc_is_that_of_the_smp_package(chip):
    generator = random.Random(1)
    for size in (0, 1, 2, 3, 255, 256, 1000):
        data = generator.randbytes(size)
        assert chip.crc16(data) == smp_packet.crc16_func(data)


@pytest.mark.parametrize("line_length", [8, 12, 64, 126, 127, 128, 1000, 8192])
@pytest.mark.parametrize("size", [300, 301, 302, 303, 1499, PACKET_BYTES])
def test_a_packet_arrives_whatever_the_length_of_its_lines(chip, line_length, size):
    sent = echo_of_size(size)
    assert len(sent) == size
    (answer,) = chip.exchange(frame(sent, line_length))
    assert response_body(sent, answer)["r"] == cbor2.loads(sent[8:])["d"]


def test_short_packets_of_every_size_arrive(chip):
    for size in range(80):
        sent = echo("y" * size)
        (answer,) = chip.exchange(frame(sent))
        assert response_body(sent, answer) == {"r": "y" * size}


@pytest.mark.parametrize("size", [20, 90, 91, 92, 93, 94, 95, 500, PACKET_BYTES])
def test_responses_are_encoded_as_the_smp_package_does(chip, size):
    text = "z" * max(0, size - 20)
    chip.feed(frame(echo(text)))
    chip.poll(3000)
    expected = packet(OsCommand.ECHO, {"r": text}, operation=WRITE + 1, group=OS_GROUP)
    # smp takes one character less than fits a line; with 128 its lines have MCUmgr's 127 characters.
    assert chip.take() == frame(expected, 128)


def test_lines_may_have_padding_of_their_own(chip):
    sent = echo("padding within a frame")
    whole = (len(sent) + 2).to_bytes(2, "big") + sent + smp_packet.crc16_func(sent).to_bytes(2, "big")
    for step in (1, 2, 3, 4, 5):
        lines = [b64encode(whole[at : at + step]) for at in range(0, len(whole), step)]
        stream = b"".join((b"\x04\x14" if at else b"\x06\x09") + line + b"\n" for at, line in enumerate(lines))
        assert len(chip.exchange(stream)) == 1


def test_text_may_stand_before_between_and_behind_lines(chip):
    lines = frame(echo("t" * 400)).splitlines(keepends=True)
    console = [b"boot: hello\n", b"\n\n", b"06 09 is not a start\r\n", b"\x04\x06 odd \x06", b"caf\xc3\xa9 \xff\n"]
    lines[: len(console)] = [text + line for text, line in zip(console, lines, strict=False)]
    stream = b"".join(lines)
    assert len(chip.exchange(b"no newline here" + stream + b"prompt> ")) == 1
    assert is_in_step(chip)


def test_a_frame_cut_off_at_any_byte_is_dropped_and_the_next_one_is_answered(chip):
    before = chip.lasting_state()
    stream = frame(echo("q" * 120))
    for end in range(len(stream) - 1):
        assert is_in_step_after(chip, stream[:end])
    assert chip.lasting_state() == before


def is_in_step_after(chip, stream: bytes) -> bool:
    return chip.exchange(stream + PROBE) == unframe(PROBED)


def test_a_frame_with_any_byte_changed_is_not_carried_out_as_something_else(chip):
    generator = random.Random(2)
    sent = echo("r" * 110)
    stream, (good,) = frame(sent), chip.exchange(frame(sent))
    for at in range(len(stream)):
        changed = bytearray(stream)
        changed[at] ^= generator.randrange(1, 256)
        answers = chip.exchange(bytes(changed) + PROBE)
        assert answers[-1:] == unframe(PROBED)
        # The newline between two lines may become text; what is left is then no frame either.
        assert answers[:-1] in ([], [good])


def test_a_frame_with_a_missing_or_doubled_byte_is_dropped(chip):
    stream = frame(echo("s" * 110))
    for at in range(len(stream)):
        # A delimiter that is doubled in part, and an empty line, are whole frames with text between their lines.
        if stream[at] not in (0x06, 0x04, 0x0A):
            assert is_in_step_after(chip, stream[: at + 1] + stream[at:])
        assert is_in_step_after(chip, stream[:at] + stream[at + 1 :])


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_change_nothing_and_the_next_frame_is_answered(chip, seed):
    generator = random.Random(seed)
    before = chip.lasting_state()
    alphabet = [bytes(range(256)), b"\x06\x09\x04\x14\nAB=/+z0", b"\x06\x09\nAAAA"][seed % 3]
    garbage = bytes(generator.choice(alphabet) for _ in range(20_000))
    chip.exchange(garbage)
    assert is_in_step_after(chip, b"")
    assert chip.lasting_state() == before


def test_wrong_lengths_and_crcs_are_dropped_silently(chip):
    sent = echo("length")
    crc = smp_packet.crc16_func(sent)
    for length, check in [(len(sent) + 2 + d, crc) for d in (-len(sent) - 2, -3, -1, 1, 2, 500)] + [
        (len(sent) + 2, crc ^ 1),
        (0, 0),
        (1, 0),
        (2, 1),
    ]:
        body = length.to_bytes(2, "big") + sent + check.to_bytes(2, "big")
        assert is_in_step_after(chip, b"\x06\x09" + b64encode(body) + b"\n")


@pytest.mark.parametrize("size", range(8))
def test_packets_shorter_than_a_header_are_dropped_silently(chip, size):
    assert is_in_step_after(chip, frame(bytes(size)))


@pytest.mark.parametrize("size", [PACKET_BYTES + 1, PACKET_BYTES + 2, PACKET_BYTES + 3, 5000, 65_000])
def test_an_oversized_packet_gets_an_error(chip, size):
    sent = echo_of_size(size)
    before = chip.lasting_state()
    (answer,) = chip.exchange(frame(sent))
    assert response_body(sent, answer) == {"rc": SmpError.MESSAGE_SIZE}
    assert is_in_step(chip)
    assert chip.lasting_state() == before
    spoilt = bytearray(frame(sent))
    spoilt[len(spoilt) // 2] ^= 1
    assert is_in_step_after(chip, bytes(spoilt))


def test_non_canonical_base64_is_dropped(chip):
    stream = frame(echo("1234"))
    padding = stream.count(b"=")
    assert padding == 1
    assert is_in_step_after(chip, stream.replace(b"=\n", b"\n"))
    assert is_in_step_after(chip, stream.replace(b"=\n", b"==\n"))
    assert is_in_step_after(chip, stream.replace(b"=\n", b"=A\n"))
    last = stream.index(b"=") - 1
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = bytes([alphabet[alphabet.index(stream[last]) | 1]])
    assert loose != stream[last : last + 1]
    assert is_in_step_after(chip, stream[:last] + loose + stream[last + 1 :])


def test_a_frame_waits_for_room_and_is_given_up_when_none_comes(chip):
    chip.set(tx_room=0)
    chip.feed(PROBE)
    chip.poll(2000)
    assert chip.take() == b""
    chip.set(tx_room=4)
    chip.poll(200)
    assert chip.take() == PROBED
    chip.set(tx_room=3)
    chip.feed(PROBE)
    chip.poll(1000)
    chip.advance(64 << 18)
    chip.poll(10)
    chip.set(tx_room=512)
    chip.poll(1000)
    assert chip.take() == b""
    assert is_in_step(chip)


def test_a_request_waits_while_a_response_is_on_its_way(chip):
    chip.set(tx_room=4)
    requests = [echo("first" * 60, 1), echo("second" * 60, 2), echo("third", 3)]
    chip.feed(b"".join(map(frame, requests)))
    chip.poll(2000)
    answers = unframe(chip.take())
    assert [response_body(sent, answer)["r"] for sent, answer in zip(requests, answers, strict=True)] == [
        "first" * 60,
        "second" * 60,
        "third",
    ]


def test_bytes_may_come_one_by_one(chip):
    for at in range(len(PROBE)):
        chip.feed(PROBE[at : at + 1])
        chip.poll(3)
    chip.poll(100)
    assert chip.take() == PROBED
