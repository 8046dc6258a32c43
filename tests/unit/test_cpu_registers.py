"""CSR peripherals as the CPU's bus sees them: link FIFOs and system registers."""

import random

import pytest

from formats.statement import Cause
from rtl.io.engine_registers import AcceleratorRegisters, SnapshotRegisters, StatementRegisters
from rtl.io.link import RX_DEPTH, TX_DEPTH, LinkPeripheral
from rtl.io.system import SystemPeripheral
from tests.unit.csr_bus import CsrBus


@pytest.fixture
def link():
    return CsrBus(LinkPeripheral(), cycle_limit=200_000)


def test_received_bytes_come_out_in_order_and_once(link):
    sent = random.Random(1).randbytes(RX_DEPTH)
    for byte in sent:
        link.block.set_all({"rx__payload": byte, "rx__valid": 1})
        assert link.block.get("rx__ready")
        link.block.step()
    link.block.set("rx__valid", 0)
    received = []
    for _ in range(RX_DEPTH + 8):
        value = link.read("rx")
        if value >> 8 & 1:
            received.append(value & 0xFF)
    assert bytes(received) == sent
    assert link.read("status") & 0b10 == 0


def test_full_receive_fifo_refuses_bytes_rather_than_lose_them(link):
    taken = 0
    link.block.set("rx__valid", 1)
    for _ in range(RX_DEPTH + 50):
        taken += link.block.get("rx__ready")
        link.block.step()
    # The buffered FIFO holds one more in its output register.
    assert taken in (RX_DEPTH, RX_DEPTH + 1)


def test_transmitted_bytes_arrive_in_order_with_stalls(link):
    stalls = random.Random(2)
    sent, received = stalls.randbytes(300), []
    waiting = list(sent)
    while len(received) < len(sent):
        if waiting and link.read("status") & 1:
            link.write("tx", waiting.pop(0))
        for _ in range(stalls.randrange(4)):
            link.block.set("tx__ready", 1)
            if link.block.get("tx__valid"):
                received.append(link.block.get("tx__payload"))
            link.block.step()
            link.block.set("tx__ready", 0)
    assert bytes(received) == sent


def test_transmit_room_counts_down_to_zero_and_is_never_too_much(link):
    for number in range(TX_DEPTH + 1):
        room = link.read("tx_room")
        assert room <= TX_DEPTH - number
        assert (room > 0) == (number < TX_DEPTH)
        link.write("tx", number & 0xFF)


def test_transmit_status_says_when_there_is_no_room(link):
    for number in range(TX_DEPTH + 1):
        if not link.read("status") & 1:
            break
        link.write("tx", number & 0xFF)
    assert number in (TX_DEPTH - 1, TX_DEPTH)
    assert not link.read("status") & 1


@pytest.fixture
def system():
    return CsrBus(SystemPeripheral(), cycle_limit=200_000)


def test_measurement_is_shifted_in_and_locked_until_reset(system):
    digest = random.Random(3).randbytes(32)
    for at in range(0, 32, 4):
        system.write("measurement", int.from_bytes(digest[at : at + 4], "little"))
    system.write("security_version", 7)
    assert system.read("status") >> 3 & 1 == 0
    system.write("lock", 1)
    assert system.read("status") >> 3 & 1 and system.block.get("locked")
    system.write("measurement", 0xFFFFFFFF)
    system.write("security_version", 9)
    system.write("lock", 0)
    assert system.block.get("measurement").to_bytes(32, "little") == digest
    assert system.block.get("security_version") == 7
    system.block.reset()
    assert system.block.get("measurement") == 0
    assert system.read("status") >> 3 & 1 == 0


def test_identity_is_read_word_by_word(system):
    identity = random.Random(4).randbytes(80)
    system.block.set("chip_id", int.from_bytes(identity[:16], "little"))
    system.block.set("public_key", int.from_bytes(identity[16:48], "little"))
    system.block.set("configuration", int.from_bytes(identity[48:], "little"))
    words = []
    for index in range(20):
        system.write("identity_index", index)
        words.append(system.read("identity_data"))
    assert b"".join(word.to_bytes(4, "little") for word in words) == identity


STATUS_BITS = ("sealed", "derived", "cleared", None, "entropy_failed", "booted")


@pytest.mark.parametrize("bit, name", list(enumerate(STATUS_BITS)))
def test_each_status_bit_has_its_source(system, bit, name):
    assert system.read("status") == 0
    if name is None:
        system.write("lock", 1)
    else:
        system.block.set(name, 1)
    assert system.read("status") == 1 << bit


def test_ticks_are_cycles_divided_by_64(system):
    system.block.step(64 * 1000 - system.block.cycles)
    assert system.block.get("ticks") == 1000
    assert system.read("ticks", 8) == 1000


def test_the_key_is_destroyed_on_request_alone(system):
    pulses = 0
    for value in (0, 1):
        system.block.set_all({"bus__w_stb": 1, "bus__addr": system.address("zeroise"), "bus__w_data": value})
        system.block.step()
        system.block.set("bus__w_stb", 0)
        for _ in range(4):
            pulses += system.block.get("zeroise")
            system.block.step()
        assert pulses == value


def test_reset_request_needs_its_bit(system):
    system.write("reset", 0)
    assert not system.block.get("reset_request")
    system.write("reset", 1)
    assert system.block.get("reset_request")


def test_firmware_can_ask_for_the_host_s_snapshots_and_claim_no_others():
    registers = CsrBus(SnapshotRegisters(), cycle_limit=10_000)
    registers.block.set("bus__addr", registers.address("request"))
    for cause in range(16):
        registers.block.set_all({"bus__w_stb": 1, "bus__w_data": cause})
        registers.block.step()
        registers.block.set("bus__w_stb", 0)
        asks = [registers.block.get("request")]
        for _ in range(3):
            registers.block.step()
            asks.append(registers.block.get("request"))
        assert any(asks) == (cause in (Cause.HOST, Cause.CHALLENGE)), cause


def test_slot_words_go_to_consecutive_slots():
    registers = CsrBus(StatementRegisters(), cycle_limit=10_000)
    written = []
    registers.write("slot_index", 3)
    for word in (0x11111111, 0x22222222, 0x33333333):
        registers.block.set("bus__w_stb", 1)
        for index in range(4):
            registers.block.set_all(
                {"bus__addr": registers.address("slot_data") + index, "bus__w_data": word >> 8 * index & 0xFF}
            )
            registers.block.step()
        registers.block.set("bus__w_stb", 0)
        for _ in range(3):
            if registers.block.get("slot_write"):
                written.append((registers.block.get("slot_index"), registers.block.get("slot_data")))
            registers.block.step()
    assert written == [(3, 0x11111111), (4, 0x22222222), (5, 0x33333333)]


def test_the_accelerator_is_cleared_and_released_by_bits_of_their_own():
    registers = CsrBus(AcceleratorRegisters(), cycle_limit=10_000)
    registers.block.set("bus__addr", registers.address("control"))
    for value in range(4):
        seen = 0
        registers.block.set_all({"bus__w_stb": 1, "bus__w_data": value})
        registers.block.step()
        registers.block.set("bus__w_stb", 0)
        for _ in range(4):
            seen |= registers.block.get("clear") | registers.block.get("release") << 1
            registers.block.step()
        assert seen == value
    registers.block.set("held", 1)
    assert registers.read("status") >> 6 == 1
