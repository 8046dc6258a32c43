"""The log server's HTTP side: small requests with bounded sizes and times, answered when they are stored."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from host.errors import EvidenceError, LivetrapError
from host.evidence.certificate import UEID_BYTES

from .messages import (
    CHIPS_PATH,
    MAX_REQUEST_BYTES,
    MEDIA_TYPE,
    STATEMENTS_PATH,
    Answer,
    LogServerRefusal,
    encode_refusal,
    parse_submission,
)
from .store import Store

CONNECTIONS = 32
"""At a time; others wait in the listener's queue, and then are refused by the operating system."""

CONNECTION_SECONDS = 20.0
"""For a request from its first byte to the last of its answer, however slowly the other side goes."""


class LogServer(ThreadingHTTPServer):
    """Serves a store at (host, port) until `shutdown`; port 0 picks a free one, `url` names it.

    Raises EvidenceError when it cannot listen there.
    """

    daemon_threads = True
    request_queue_size = CONNECTIONS

    def __init__(self, store: Store, host: str, port: int, seconds: float = CONNECTION_SECONDS) -> None:
        self.store = store
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise EvidenceError(f"{host}:{port}: {error.strerror or error}") from error

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection, when one is free; it is cut off after its time."""
        if not self._free.acquire(timeout=self._seconds):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves one connection within its time."""
        timer = threading.Timer(self._seconds, _cut_off, [request])
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the relay's to repeat."""


def _cut_off(request: socket.socket) -> None:
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: LogServer
    server_version = "livetrap-logserver"
    sys_version = ""

    def do_GET(self) -> None:
        if not self.path.startswith(CHIPS_PATH):
            return self._refuse(LogServerRefusal(404, "there is nothing at this path"))
        try:
            ueid = bytes.fromhex(self.path.removeprefix(CHIPS_PATH))
        except ValueError:
            ueid = b""
        if len(ueid) != UEID_BYTES:
            return self._refuse(LogServerRefusal(400, f"a chip's identifier has {UEID_BYTES} bytes in hex"))
        try:
            answer = Answer(self.server.store.next_of(ueid))
        except LivetrapError as error:
            return self._refuse(LogServerRefusal(503, str(error)))
        return self._answer(200, answer.encode())

    def do_POST(self) -> None:
        try:
            if self.path != STATEMENTS_PATH:
                raise LogServerRefusal(404, "there is nothing at this path")
            answer = self.server.store.accept(parse_submission(self._body()))
        except LogServerRefusal as refusal:
            return self._refuse(refusal)
        except LivetrapError as error:
            return self._refuse(LogServerRefusal(503, str(error)))
        return self._answer(200, answer.encode())

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdecimal() or len(length) > 12:
            raise LogServerRefusal(411, "the request does not say its length")
        if int(length) > MAX_REQUEST_BYTES:
            raise LogServerRefusal(413, f"a request has at most {MAX_REQUEST_BYTES} bytes")
        data = self.rfile.read(int(length))
        if len(data) != int(length):
            raise LogServerRefusal(400, "the request is cut short")
        return data

    def _refuse(self, refusal: LogServerRefusal) -> None:
        self._answer(refusal.status, encode_refusal(refusal))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: what was stored is in the database."""
