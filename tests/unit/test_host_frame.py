"""SMP framing: whatever arrives, later frames are found, and an independent codec agrees."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smp import packet as smp_packet

from formats.link import LINE_BYTES, PACKET_BYTES
from host.link.frame import Decoder, crc16, encode

PACKETS = st.binary(min_size=1, max_size=600)
TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60).map(str.encode)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:end] for start, end in pairwise(places)]


def decoded(stream: bytes, cuts: list[int] | None = None) -> list[bytes]:
    decoder = Decoder()
    return [packet for piece in pieces(stream, cuts or []) for packet in decoder.feed(piece)]


@given(st.lists(PACKETS, max_size=4), st.lists(st.integers(0, 10000), max_size=8))
def test_decodes_what_it_encodes_in_any_pieces(packets: list[bytes], cuts: list[int]) -> None:
    assert decoded(b"".join(map(encode, packets)), cuts) == packets


@given(PACKETS)
def test_smp_reads_our_frames(packet: bytes) -> None:
    decoder = smp_packet.decode()
    next(decoder)
    with pytest.raises(StopIteration) as stop:
        for line in encode(packet).splitlines(keepends=True):
            decoder.send(line)
    assert stop.value.value == packet


@given(PACKETS, st.integers(8, 128))
def test_we_read_frames_of_smp_with_lines_of_any_length(packet: bytes, length: int) -> None:
    assert decoded(b"".join(smp_packet.encode(packet, line_length=length))) == [packet]


@given(PACKETS)
def test_no_line_is_longer_than_the_chip_takes(packet: bytes) -> None:
    assert all(len(line) <= LINE_BYTES for line in encode(packet).splitlines(keepends=True))


@given(PACKETS, st.lists(TEXT, min_size=1, max_size=5))
def test_console_text_may_stand_between_lines(packet: bytes, texts: list[bytes]) -> None:
    stream = b""
    for index, line in enumerate(encode(packet).splitlines(keepends=True)):
        stream += texts[index % len(texts)] + b"\r\n" + line
    decoder = Decoder()
    assert list(decoder.feed(stream)) == [packet]
    assert texts[0] in decoder.console


@given(PACKETS, TEXT)
def test_console_text_may_share_a_line(packet: bytes, text: bytes) -> None:
    assert decoded(text + encode(packet)) == [packet]


@given(st.binary(max_size=1000), PACKETS, st.lists(st.integers(0, 10000), max_size=4))
def test_finds_the_next_frame_after_anything(noise: bytes, packet: bytes, cuts: list[int]) -> None:
    assert decoded(noise + b"\n" + encode(packet), cuts)[-1:] == [packet]


@given(PACKETS, PACKETS, st.data())
def test_a_truncated_frame_costs_only_itself(first: bytes, second: bytes, data: st.DataObject) -> None:
    frame = encode(first)
    cut = data.draw(st.integers(0, len(frame) - 2))
    assert decoded(frame[:cut] + b"\n" + encode(second)) == [second]


@given(PACKETS, PACKETS, st.data())
def test_a_garbled_byte_never_gives_another_packet(first: bytes, second: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode(first))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] ^= data.draw(st.integers(1, 255))
    found = decoded(bytes(frame) + b"\n" + encode(second))
    assert found[-1] == second
    assert all(packet in (first, second) for packet in found)


def test_oversized_packets_are_dropped_and_counted() -> None:
    decoder = Decoder(packet_bound=100)
    big = bytes(101)
    assert list(decoder.feed(encode(big))) == []
    assert decoder.garbled
    assert list(decoder.feed(encode(bytes(100)))) == [bytes(100)]


def test_memory_is_bounded_without_newlines_and_without_ends() -> None:
    decoder = Decoder()
    for _ in range(40):
        assert list(decoder.feed(b"x" * 8192)) == []
        assert list(decoder.feed(b"\x06\x09" + b"\x04\x14AAAA" * 1000 + b"\n")) == []
    assert len(decoder.console) <= Decoder.CONSOLE_BOUND
    assert list(decoder.feed(b"\n" + encode(b"after"))) == [b"after"]


def test_too_long_a_packet_is_not_sent() -> None:
    assert decoded(encode(bytes(PACKET_BYTES))) == [bytes(PACKET_BYTES)]
    with pytest.raises(ValueError, match="4096"):
        encode(bytes(PACKET_BYTES + 1))


def test_crc_is_xmodem() -> None:
    assert crc16(b"123456789") == 0x31C3
