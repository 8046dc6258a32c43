"""Deterministic CBOR (RFC 8949 4.2.1), decoded strictly: what decodes is what `encode` gives back.

The subset is what the project's formats use: integers of 64 bits, byte and text strings, arrays, maps with
such keys, false, true, null, and the tags a caller names.
"""

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence

import cbor2

MAX_DEPTH = 16
UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)

Tag = cbor2.CBORTag


class CborError(ValueError):
    """The bytes are not deterministic CBOR of the subset. str() says what is wrong, and at which byte."""


class CutShort(CborError):
    """The bytes end within an item."""


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for code, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if argument < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | code]) + struct.pack(form, argument)
    raise CborError(f"the integer {argument} does not fit in 64 bits")


def encode(value: object, depth: int = 0) -> bytes:
    """The deterministic encoding: shortest heads, definite lengths, map keys in the order of their bytes.

    Raises CborError for a value outside the subset.
    """
    if depth > MAX_DEPTH:
        raise CborError(f"more than {MAX_DEPTH} levels")
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value)
    if isinstance(value, bytes):
        return _head(BYTES, len(value)) + value
    if isinstance(value, str):
        try:
            text = value.encode()
        except UnicodeEncodeError as error:
            raise CborError("text that is not Unicode") from error
        return _head(TEXT, len(text)) + text
    if isinstance(value, Mapping):
        items = sorted((encode(key, depth + 1), encode(item, depth + 1)) for key, item in value.items())
        return _head(MAP, len(items)) + b"".join(key + item for key, item in items)
    if isinstance(value, Sequence):
        return _head(ARRAY, len(value)) + b"".join(encode(item, depth + 1) for item in value)
    if isinstance(value, Tag):
        return _head(TAG, value.tag) + encode(value.value, depth + 1)
    raise CborError(f"a {type(value).__name__} is not in the subset")


def item_end(data: bytes, start: int = 0, tags: Collection[int] = ()) -> int:
    """Where the item that begins at `start` ends.

    Raises CborError when it is cut short, not minimal, of indefinite length, too deep, or outside the subset.
    """
    open_items = [1]
    at = start
    while open_items:
        open_items[-1] -= 1
        if len(open_items) > MAX_DEPTH:
            raise CborError(f"byte {at}: more than {MAX_DEPTH} levels")
        major, argument, after = _read_head(data, at)
        if major in (BYTES, TEXT):
            after += argument
            if after > len(data):
                raise CutShort(f"byte {at}: a string of {argument} bytes is cut short")
        elif major == TAG and argument not in tags:
            raise CborError(f"byte {at}: tag {argument} is not in the format")
        elif major == SIMPLE and argument not in (20, 21, 22):
            raise CborError(f"byte {at}: simple value or float is not in the format")
        elif major in (ARRAY, MAP, TAG):
            open_items.append({ARRAY: argument, MAP: 2 * argument, TAG: 1}[major])
        at = after
        while open_items and not open_items[-1]:
            open_items.pop()
    return at


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where the head ends."""
    if at >= len(data):
        raise CutShort(f"byte {at}: cut short")
    major, code = data[at] >> 5, data[at] & 31
    if code < 24:
        return major, code, at + 1
    if code > 27:
        raise CborError(f"byte {at}: indefinite length or reserved head")
    size = 1 << code - 24
    if at + 1 + size > len(data):
        raise CutShort(f"byte {at}: cut short")
    argument = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    if argument < (24, 1 << 8, 1 << 16, 1 << 32)[code - 24] and major != SIMPLE:
        raise CborError(f"byte {at}: {argument} is not in its shortest form")
    return major, (0 if major == SIMPLE else argument), at + 1 + size


def decode(data: bytes, tags: Collection[int] = ()) -> object:
    """The one item that `data` is.

    Arrays become lists, maps dicts and the allowed tags `Tag`. Raises CborError for anything that `encode` would not
    have written: duplicate or misordered keys, indefinite lengths, longer heads than needed, bytes behind the
    item, floats, other tags.
    """
    end = item_end(data, 0, tags)
    if end != len(data):
        raise CborError(f"byte {end}: {len(data) - end} bytes follow the item")
    try:
        value: object = cbor2.loads(
            data,
            tag_hook=lambda tag, immutable: tag,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            max_depth=2 * MAX_DEPTH,
        )
    except cbor2.CBORError as error:
        raise CborError(str(error)) from error
    if encode(value) != data:
        raise CborError("map keys are not in the order of their bytes")
    return _mutable(value)


def _mutable(value: object) -> object:
    """`value` with lists and dicts throughout: cbor2 decodes what stands in a tag to immutable types."""
    if isinstance(value, Mapping):
        return {key: _mutable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mutable(item) for item in value]
    if isinstance(value, Tag):
        return Tag(value.tag, _mutable(value.value))
    return value


def decode_sequence(data: bytes, tags: Collection[int] = ()) -> Iterator[tuple[object, int]]:
    """The items of a CBOR sequence (RFC 8742), each with the position behind it. Raises CborError as `decode`."""
    at = 0
    while at < len(data):
        end = item_end(data, at, tags)
        yield decode(data[at:end], tags), end
        at = end
