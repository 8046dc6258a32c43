"""A reader of binary files that says in one line where one is not what it must be."""

from host.errors import LivetrapError


class BitstreamError(LivetrapError):
    """A file is not a bitstream, or not one of a device that is known."""


class ByteReader:
    """Takes bytes from the front of `data`. Every method raises BitstreamError when the file ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    @property
    def is_at_end(self) -> bool:
        """No byte is left."""
        return self.at >= len(self._data)

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes, which are `what` to a reader of the message."""
        if count > len(self._data) - self.at:
            raise BitstreamError(f"the file ends at byte {len(self._data)}, within {what}")
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, count: int, what: str) -> int:
        """The next `count` bytes as a big-endian number."""
        return int.from_bytes(self.take(count, what), "big")

    def expect(self, wanted: bytes, what: str) -> None:
        """Takes `wanted`. Raises BitstreamError when something else is there."""
        at = self.at
        found = self.take(len(wanted), what)
        if found != wanted:
            raise BitstreamError(f"byte {at}: {what} is {wanted.hex()}, found {found.hex()}")

    def text(self, what: str) -> str:
        """Printable ASCII up to a zero byte, which is taken too."""
        end = self._data.find(b"\0", self.at)
        if end < 0:
            raise BitstreamError(f"the file ends at byte {len(self._data)}, within {what}")
        found = self.take(end - self.at, what)
        self.at += 1
        if not all(0x20 <= byte < 0x7F for byte in found):
            raise BitstreamError(f"byte {end - len(found)}: {what} is not printable text")
        return found.decode("ascii")
