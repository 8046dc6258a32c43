"""What relay and log server say to each other over HTTP; docs/formats.md has the table.

Bodies are deterministic CBOR maps. Every size is bounded on both sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from formats.link import CERTIFICATE_BYTES
from host.errors import LinkError, LivetrapError
from host.evidence import cbor
from host.evidence.hash_signed import MAX_BYTES as RECEIPT_BYTES

STATEMENTS_PATH = "/v1/statements"
CHIPS_PATH = "/v1/chips/"
MEDIA_TYPE = "application/cbor"

MAX_STATEMENTS = 64
"""In one request."""

STATEMENT_BYTES = 1024
"""More than any statement has."""

MAX_REQUEST_BYTES = 64 + CERTIFICATE_BYTES + MAX_STATEMENTS * (STATEMENT_BYTES + 8)
MAX_ANSWER_BYTES = 1024 + MAX_STATEMENTS * (RECEIPT_BYTES + 16)


class LogServerRefusal(LivetrapError):
    """The log server refuses what it was sent. status: of HTTP. next: of the chip's statements, if it says so."""

    exit_code = 1

    def __init__(self, status: int, reason: str, next: int | None = None) -> None:
        super().__init__(f"the log server refuses: {reason}")
        self.status = status
        self.reason = reason
        self.next = next


@dataclass(frozen=True)
class Submission:
    """A request to store statements. certificate: the chip's chain. statements: in the order of seq."""

    certificate: bytes
    statements: Sequence[bytes]

    def encode(self) -> bytes:
        """The body."""
        return cbor.encode({"certificate": self.certificate, "statements": list(self.statements)})


def parse_submission(data: bytes) -> Submission:
    """The submission in a request's body. Raises LogServerRefusal with status 400 for anything else."""
    body = _map(data)
    certificate, statements = (body or {}).get("certificate"), (body or {}).get("statements")
    if (
        body is None
        or set(body) != {"certificate", "statements"}
        or not isinstance(certificate, bytes)
        or not isinstance(statements, list)
        or not 1 <= len(statements) <= MAX_STATEMENTS
        or not all(isinstance(each, bytes) and len(each) <= STATEMENT_BYTES for each in statements)
    ):
        raise LogServerRefusal(400, "the body is not a certificate and 1 to 64 statements in deterministic CBOR")
    return Submission(certificate, statements)


@dataclass(frozen=True)
class Answer:
    """next: seq after the last statement of the chip that the server has, None if it has none. receipts: by seq."""

    next: int | None
    receipts: Mapping[int, bytes] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The body."""
        return cbor.encode({"next": self.next, "receipts": dict(self.receipts)})


def parse_answer(data: bytes) -> Answer:
    """The answer in a body. Raises LinkError for anything else."""
    body = _map(data)
    next, receipts = (body or {}).get("next"), (body or {}).get("receipts")
    if (
        body is None
        or set(body) != {"next", "receipts"}
        or not _is_seq(next, optional=True)
        or not isinstance(receipts, dict)
        or not all(_is_seq(seq) and isinstance(receipt, bytes) for seq, receipt in receipts.items())
    ):
        raise LinkError("the log server's answer is not what the protocol says")
    return Answer(next, receipts)  # type: ignore[arg-type]


def encode_refusal(refusal: LogServerRefusal) -> bytes:
    """The body of a refusal."""
    return cbor.encode({"error": refusal.reason, "next": refusal.next})


def parse_refusal(status: int, data: bytes) -> LogServerRefusal:
    """The refusal in a body; one without a reason when the body is something else."""
    body = _map(data) or {}
    reason, next = body.get("error"), body.get("next")
    if not isinstance(reason, str) or not reason.isprintable() or not _is_seq(next, optional=True):
        return LogServerRefusal(status, f"HTTP status {status}")
    return LogServerRefusal(status, reason, next)  # type: ignore[arg-type]


def _map(data: bytes) -> Mapping[object, object] | None:
    try:
        body = cbor.decode(data)
    except cbor.CborError:
        return None
    return body if isinstance(body, dict) else None


def _is_seq(value: object, optional: bool = False) -> bool:
    if value is None:
        return optional
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
