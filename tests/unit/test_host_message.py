"""SMP headers and bodies: any packet gives a message or one line that says why not."""

import contextlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.link import OS_GROUP, USER_GROUP, ChipError
from host.answers import Counters, Info, byte_string, integer, text
from host.errors import LinkError
from host.link.message import HEADER, ChipRefusal, Message, Operation, raise_refusal, unpack

BODIES = st.dictionaries(
    st.text(max_size=6), st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=20), st.text(max_size=9)), max_size=4
)
MESSAGES = st.builds(
    Message, st.sampled_from(Operation), st.integers(0, 65535), st.integers(0, 255), st.integers(0, 255), BODIES
)


@given(MESSAGES)
def test_unpacks_what_it_packs(message: Message) -> None:
    assert unpack(message.pack()) == message


@given(st.binary(max_size=80))
def test_any_packet_is_a_message_or_a_link_error(packet: bytes) -> None:
    try:
        message = unpack(packet)
    except LinkError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(key, str) for key in message.body)


@given(MESSAGES, st.data())
def test_any_change_of_the_body_is_a_message_or_a_link_error(message: Message, data: st.DataObject) -> None:
    packet = bytearray(message.pack())
    at = data.draw(st.integers(0, len(packet) - 1))
    packet[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(LinkError):
        unpack(bytes(packet))


@pytest.mark.parametrize(
    "body", [b"", b"\x01", b"\x80", b"\xa1\x01\x02", b"\xa2aa\x01aa\x02", b"\xa0\xa0", b"\xa1aa"]
)
def test_bodies_that_are_no_map_of_names(body: bytes) -> None:
    with pytest.raises(LinkError):
        unpack(HEADER.pack(9, 0, len(body), 64, 0, 0) + body)


def test_indefinite_maps_of_other_servers_are_read() -> None:
    assert unpack(HEADER.pack(9, 0, 5, 0, 7, 0) + b"\xbfaa\x01\xff").body == {"a": 1}


@pytest.mark.parametrize(
    "body, reason",
    [
        ({"err": {"group": USER_GROUP, "rc": int(ChipError.LOG_FULL)}}, ChipError.LOG_FULL.explanation),
        ({"err": {"group": USER_GROUP, "rc": 200}}, "error 200 of SMP group 64"),
        ({"err": {"group": OS_GROUP, "rc": 8}}, r"SMP error 8 \(not supported\)"),
        ({"rc": 3}, r"SMP error 3 \(invalid\)"),
        ({"rc": 77}, "error 77 of SMP group 0"),
    ],
)
def test_refusals_say_why(body: dict[str, object], reason: str) -> None:
    with pytest.raises(ChipRefusal, match=reason):
        raise_refusal(Message(Operation.READ_RESPONSE, 64, 0, 0, body))


@pytest.mark.parametrize("body", [{}, {"rc": 0}, {"err": {"group": 64, "rc": 0}}, {"err": 5}, {"err": {}}])
def test_success_is_no_refusal(body: dict[str, object]) -> None:
    raise_refusal(Message(Operation.READ_RESPONSE, 64, 0, 0, body))


@pytest.mark.parametrize("value", [None, True, -1, 2**64, b"", "1", 1.0])
def test_an_answer_without_the_integer(value: object) -> None:
    with pytest.raises(LinkError, match="'seq'"):
        integer({"seq": value}, "seq")


def test_an_answer_with_other_types() -> None:
    with pytest.raises(LinkError, match="of 3 bytes"):
        byte_string({"data": b"ab"}, "data", 3)
    with pytest.raises(LinkError, match="'d'"):
        text({"d": b"x"}, "d")


ANYTHING = st.one_of(st.integers(), st.binary(), st.text())


@given(st.dictionaries(st.sampled_from([*Info.__dataclass_fields__]), ANYTHING))
def test_any_info_is_info_or_a_link_error(body: dict[str, object]) -> None:
    for kind in (Info, Counters):
        with contextlib.suppress(LinkError):
            kind.of(body)


def test_our_requests_are_smp_version_2() -> None:
    packet = Message(Operation.WRITE, 64, 1, 200, {"nonce": b"n"}).pack()
    assert packet[0] == 0b01010
    assert cbor2.loads(packet[8:]) == {"nonce": b"n"}
