"""The CBOR reader against cbor2, and against the well-formedness check of RFC 8949 Appendix C."""

import random

import cbor2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FUZZ = settings(
    deadline=None, derandomize=True, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

SCALARS = (
    st.none() | st.booleans() | st.integers(-(1 << 64), (1 << 64) - 1) | st.floats() | st.binary(max_size=300)
    | st.text(max_size=80) | st.builds(cbor2.CBORTag, st.integers(65_000, (1 << 64) - 1), st.integers())
    | st.integers(32, 255).map(cbor2.CBORSimpleValue)
)  # fmt: skip
KEYS = st.text(max_size=9) | st.integers()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


class _IllFormed(Exception):
    pass


def is_well_formed(data: bytes) -> bool:
    """RFC 8949 Appendix C, less indefinite lengths, plus UTF-8, for one item and nothing behind it."""
    position = 0

    def take(size: int) -> bytes:
        nonlocal position
        if size > len(data) - position:
            raise _IllFormed
        position += size
        return data[position - size : position]

    def item(depth: int) -> None:
        (initial,) = take(1)
        major, value = initial >> 5, initial & 31
        if 24 <= value <= 27:
            value = int.from_bytes(take(1 << value - 24), "big")
        elif value > 27:
            raise _IllFormed
        if major == 2:
            take(value)
        elif major == 3:
            try:
                take(value).decode()
            except UnicodeDecodeError:
                raise _IllFormed from None
        elif major in (4, 5):
            for _ in range(value * (major - 3)):
                item(depth + 1)
        elif major == 6:
            item(depth + 1)
        elif major == 7 and initial & 31 == 24 and value < 32:
            raise _IllFormed

    try:
        item(0)
    except _IllFormed:
        return False
    except RecursionError:
        return True
    return position == len(data)


@FUZZ
@given(value=VALUES)
def test_what_cbor2_writes_is_taken_and_nothing_shorter_or_longer(driver, value):
    data = cbor2.dumps(value)
    assert driver.is_cbor(data)
    assert not driver.is_cbor(data[:-1])
    assert not driver.is_cbor(data + b"\0")


@FUZZ
@given(value=VALUES, seed=st.integers(0, 1 << 32))
def test_changed_bytes_are_judged_as_the_standard_does(driver, value, seed):
    generator = random.Random(seed)
    original = cbor2.dumps(value)
    for _ in range(20):
        data = bytearray(original)
        for _ in range(generator.randrange(1, 4)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        assert driver.is_cbor(bytes(data)) == is_well_formed(bytes(data)), data.hex()


@FUZZ
@given(data=st.binary(max_size=64))
def test_random_bytes_are_judged_as_the_standard_does(driver, data):
    assert driver.is_cbor(data) == is_well_formed(data)


def test_every_head_is_judged_as_the_standard_does(driver):
    for initial in range(256):
        for rest in (b"", b"\0", b"\x18", b"\x20", b"\0" * 8, b"\xff" * 8, b"\0" * 20, b"\x7f" * 300):
            data = bytes([initial]) + rest
            assert driver.is_cbor(data) == is_well_formed(data), data.hex()


def test_indefinite_lengths_are_refused(driver):
    for text in ("bf616101ff", "9f01ff", "5f4101ff", "7f6161ff", "a1619f9f01ff", "ff", "c1ff"):
        assert not driver.is_cbor(bytes.fromhex(text))


def test_huge_counts_are_refused_and_deep_nesting_is_not(driver):
    for head in (0x9B, 0xBB, 0x5B, 0x7B):
        for count in ((1 << 64) - 1, 1 << 63, 1 << 32, (1 << 31) + 1):
            assert not driver.is_cbor(bytes([head]) + count.to_bytes(8, "big") + bytes(100))
    for head in (0x81, 0xC1, 0xA1):
        data = bytes([head]) * 2000 if head != 0xA1 else b"\xa1\0" * 1000
        assert driver.is_cbor(data + b"\0")
        assert not driver.is_cbor(data)


def test_utf8_is_judged_as_python_does(driver):
    generator = random.Random(3)
    leads = [0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF]
    trails = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
    for lead in leads:
        for _ in range(60):
            text = bytes([lead, *generator.choices(trails, k=generator.randrange(5))])
            try:
                text.decode()
            except UnicodeDecodeError:
                valid = False
            else:
                valid = True
            assert driver.is_cbor(bytes([0x60 + len(text)]) + text) == valid, text
