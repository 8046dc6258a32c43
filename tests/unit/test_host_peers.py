"""Independent peers: another COSE library verifies statements and certificates, another SMP client drives a chip."""

from host.evidence.certificate import parse_chain
from host.evidence.signature import parse_sign1
from sim.golden import chip as golden
from tests.evidence_story import CHIP_SEED, MAKER_KEY, honest
from tests.fake_chip import FakeChip, Served
from tests.peers import cose, smp_peer
from tests.peers.conversation import converse

CHIP_KEY = golden.Chip(b"", CHIP_SEED).public_key


def test_another_cose_library_verifies_statements_and_certificate() -> None:
    statements = list(honest().statements.values())
    certificate = parse_chain(honest().certificate).chip.encoded
    messages = [(message, CHIP_KEY) for message in statements] + [(certificate, MAKER_KEY)]
    expected = [parse_sign1(message, "message").payload for message, _ in messages]
    assert cose.payloads(messages) == expected


def test_another_cose_library_rejects_what_we_reject() -> None:
    good = honest().statements[1]
    spoilt = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in (120, 300, 400, 430, 543)]
    assert cose.payloads([*((message, CHIP_KEY) for message in spoilt), (good, MAKER_KEY)]) == [None] * 6


def test_another_smp_client_speaks_with_the_chip_in_python() -> None:
    """So that the tests' double is one that clients of the protocol accept; the emulated chip has the same test."""
    with Served(FakeChip()) as served:
        smp_peer.with_client(served.port, converse)
