"""The Prover's side of mode (b): statements go to the log server, its receipts to the chip, nothing is skipped."""

import time
from collections.abc import Callable

from formats.configuration import LogMode
from formats.statement import Kind
from host.device import Device
from host.errors import EvidenceError, LinkError, LinkTimeout, LivetrapError
from host.evidence import receipt as receipts
from host.evidence import statement as statements
from host.evidence.statement import Statement

from .client import LogServerClient, LogServerUnavailable
from .messages import MAX_STATEMENTS, LogServerRefusal, Submission

PATIENCE = 60.0
"""Seconds for which a log server may be unreachable before a relay gives up."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between attempts at a server that cannot be reached; each pause is twice the one before."""

Clock = Callable[[], float]


class Relay:
    """Relays between one chip and one log server.

    Every statement is posted in the order of seq, so that the server can check the chain; a snapshot's is answered
    with a receipt. Nothing is kept here that would be missed: chip and server know what they have, so a relay can be
    ended and begun anew at any time. patience: as PATIENCE. clock: seconds that only go on.
    """

    def __init__(
        self, device: Device, server: LogServerClient, patience: float = PATIENCE, clock: Clock = time.monotonic
    ) -> None:
        self.device = device
        self.server = server
        self._patience = patience
        self._clock = clock
        self._fetched: dict[int, Statement] = {}
        self._next: int | None = None
        self._failing_since: float | None = None
        self._pause = FIRST_PAUSE
        self._try_at = 0.0
        self._is_server_mode = False

    def step(self) -> int:
        """Relays what there is now. Returns how many receipts the chip got; 0 while the server is given a pause.

        Raises LivetrapError for a chip that wants no receipts, LogServerUnavailable when the server was unreachable
        for `patience` seconds, LogServerRefusal when it refuses for good, ChipRefusal when the chip does not believe
        a receipt, and what Device raises.
        """
        if not self._is_server_mode:
            if self.device.configuration().log_mode is not LogMode.SERVER:
                raise LivetrapError("the chip keeps its log in flash alone: it takes no receipts (see livetrap pull)")
            self._is_server_mode = True
        if self._clock() < self._try_at:
            return 0
        given, before = 0, -1
        try:
            while (waiting := self._waiting()) is not None:
                if waiting.seq <= before:
                    raise LinkError(f"the chip took the receipt for statement {before}, and waits for {waiting.seq}")
                self._relay(waiting)
                given, before = given + 1, waiting.seq
            self._failing_since = None
        except LogServerUnavailable:
            now = self._clock()
            self._failing_since = now if self._failing_since is None else self._failing_since
            if now - self._failing_since >= self._patience:
                raise
            self._try_at, self._pause = now + self._pause, min(2 * self._pause, LONGEST_PAUSE)
        else:
            self._pause = FIRST_PAUSE
        return given

    def finish(self, seconds: float) -> int:
        """Relays until every snapshot that is stated has its receipt. Returns how many the chip got.

        Raises LinkTimeout when that takes longer, and what `step` raises.
        """
        deadline, given = self._clock() + seconds, 0
        while True:
            given += self.step()
            if self._failing_since is None and not self.device.receipt_state().held:
                return given
            if self._clock() > deadline:
                raise LinkTimeout(f"not every snapshot has a receipt after {seconds:g} s")
            time.sleep(FIRST_PAUSE)

    def _waiting(self) -> Statement | None:
        """The oldest snapshot statement without a checked receipt."""
        since, info = self.device.receipt_state().seq, self.device.info()
        self._fetched = {seq: found for seq, found in self._fetched.items() if seq >= min(since, self._next or 0)}
        for seq in range(max(since, info.first), info.seq):
            found = self._statement(seq)
            if found.kind is Kind.SNAPSHOT:
                return found
        return None

    def _statement(self, seq: int) -> Statement:
        if seq not in self._fetched:
            self._fetched[seq] = statements.parse(self.device.statement(seq), f"statement {seq}")
        return self._fetched[seq]

    def _relay(self, waiting: Statement) -> None:
        """Posts everything up to a snapshot statement, and gives the chip its receipt."""
        try:
            receipt = self._posted(waiting)
        except LogServerRefusal as refusal:
            if refusal.next is None or refusal.next == self._next:
                raise
            self._next = refusal.next
            receipt = self._posted(waiting)
        found = receipts.parse(receipt)
        if (found.ueid, found.seq, found.digest) != (
            waiting.ueid, waiting.seq, receipts.digest_of(waiting.encoded)
        ):  # fmt: skip
            raise LivetrapError(f"log server {self.server.url}: its receipt is not for statement {waiting.seq}")
        self.device.put_receipt(receipt)

    def _posted(self, waiting: Statement) -> bytes:
        certificate = self.device.certificate()
        if certificate is None:
            raise EvidenceError("the chip has no certificate, without which a log server believes nothing")
        first = self.device.info().first
        if self._next is None:
            self._next = self.server.next_of(waiting.ueid)
        begin = min(first if self._next is None else self._next, waiting.seq)
        if begin < first:
            raise EvidenceError(
                f"the log server lacks statements {begin} to {first - 1}, which the chip does not have any more"
            )
        for start in range(begin, waiting.seq + 1, MAX_STATEMENTS):
            end = min(start + MAX_STATEMENTS, waiting.seq + 1)
            batch = [self._statement(seq).encoded for seq in range(start, end)]
            answer = self.server.submit(Submission(certificate, batch))
            self._next = answer.next
        if waiting.seq not in answer.receipts:
            raise LivetrapError(f"log server {self.server.url}: it gave no receipt for statement {waiting.seq}")
        return answer.receipts[waiting.seq]
