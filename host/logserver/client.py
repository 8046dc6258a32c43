"""A log server over HTTP, as a relay sees it: every wait and every size bounded."""

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from host.errors import LinkError, LivetrapError

from .messages import (
    CHIPS_PATH,
    MAX_ANSWER_BYTES,
    MEDIA_TYPE,
    STATEMENTS_PATH,
    Answer,
    Submission,
    parse_answer,
    parse_refusal,
)

SECONDS = 20.0
"""For each wait on the network."""


class LogServerUnavailable(LivetrapError):
    """The log server cannot be reached, or cannot store anything now; what was sent may be sent again."""


class LogServerClient:
    """A log server at `url`, http://HOST:PORT or https://HOST:PORT. Raises LivetrapError for any other URL.

    Methods raise LogServerUnavailable, LogServerRefusal for what is refused for good, and LinkError for an answer
    that is not the protocol's.
    """

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        try:
            self._address = parts.hostname or "", parts.port
        except ValueError:
            self._address = "", None
        if (
            parts.scheme not in ("http", "https")
            or not self._address[0]
            or parts.path not in ("", "/")
            or parts.query
        ):
            raise LivetrapError(f"{url!r} is not a log server: http://HOST:PORT or https://HOST:PORT")
        self.url = url
        self._connection = HTTPConnection if parts.scheme == "http" else HTTPSConnection
        self._seconds = seconds

    def next_of(self, ueid: bytes) -> int | None:
        """The seq after the last statement of this chip that the server has, None if there is none."""
        return self._request("GET", CHIPS_PATH + ueid.hex()).next

    def submit(self, submission: Submission) -> Answer:
        """Has statements stored, and returns the receipts of the snapshots among them."""
        return self._request("POST", STATEMENTS_PATH, submission.encode())

    def _request(self, method: str, path: str, body: bytes | None = None) -> Answer:
        connection = self._connection(*self._address, timeout=self._seconds)
        try:
            connection.request(method, path, body, {"Content-Type": MEDIA_TYPE} if body else {})
            response = connection.getresponse()
            status, data = response.status, response.read(MAX_ANSWER_BYTES + 1)
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise LogServerUnavailable(f"log server {self.url}: {reason}") from error
        except HTTPException as error:
            raise LogServerUnavailable(
                f"log server {self.url}: no answer in HTTP ({type(error).__name__})"
            ) from error
        finally:
            connection.close()
        if len(data) > MAX_ANSWER_BYTES:
            raise LinkError(f"log server {self.url}: an answer of more than {MAX_ANSWER_BYTES} bytes")
        if status == 200:
            return parse_answer(data)
        refusal = parse_refusal(status, data)
        if 400 <= status < 500:
            raise refusal
        raise LogServerUnavailable(f"log server {self.url}: {refusal.reason}")
