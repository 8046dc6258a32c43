"""Requests and responses: bounded waits, and retries that the chip can tell from new requests."""

import secrets
import time
from collections.abc import Mapping

from host.errors import LinkError, LinkTimeout

from .frame import NEWLINE, Decoder, encode
from .message import Message, Operation, raise_refusal, unpack
from .transport import Transport

ATTEMPTS = 4
DEFAULT_TIMEOUT = 10.0
"""Seconds for a request with all its attempts."""


class Exchange:
    """Makes requests over a transport, one at a time.

    timeout: seconds for one request with all its attempts. The sequence number of the first request is random,
    so that a new host is not taken for the retry of an earlier one's last request.
    """

    def __init__(self, transport: Transport, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.transport = transport
        self.timeout = timeout
        self._sequence = secrets.randbelow(256)
        self._decoder = Decoder()
        self.retries = 0

    @property
    def console(self) -> bytes:
        """Text that the chip printed between its answers."""
        return bytes(self._decoder.console)

    def request(
        self, operation: Operation, group: int, command: int, body: Mapping[str, object], attempts: int = ATTEMPTS
    ) -> Mapping[str, object]:
        """The body of the response to one request.

        A retry repeats the request's very bytes, with the same sequence number. Raises ChipRefusal when the chip
        refuses, LinkTimeout when no attempt was answered, LinkError when the answer is malformed, PortLost.
        """
        request = Message(operation, group, command, self._sequence, body)
        self._sequence = (self._sequence + 1) % 256
        frame = encode(request.pack())
        malformed: LinkError | None = None
        for attempt in range(attempts):
            # The newline ends whatever half line the chip still has from before.
            self.transport.send(NEWLINE + frame)
            self.retries += attempt > 0
            try:
                response = self._response(request, self.timeout / attempts)
            except LinkError as error:
                malformed = error
                continue
            if response is not None:
                raise_refusal(response)
                return response.body
        if malformed is not None:
            raise malformed
        raise LinkTimeout(
            f"port {self.transport.name}: the chip does not answer ({attempts} attempts in {self.timeout:g} s)"
        )

    def _response(self, request: Message, bound: float) -> Message | None:
        """The response, or None when `bound` seconds pass. Answers to other requests are late and are left out."""
        deadline = time.monotonic() + bound
        while (left := deadline - time.monotonic()) > 0:
            for packet in list(self._decoder.feed(self.transport.receive(left))):
                message = unpack(packet)
                if message.answers(request):
                    return message
        return None
