"""Errors that a person reads: each is one line, and carries the exit code of the command it ends."""


class LivetrapError(Exception):
    """str() is one line without a trailing full stop; exit_code is what the command line returns."""

    exit_code = 2


class PortError(LivetrapError):
    """The port cannot be used."""


class PortAbsent(PortError):
    """There is no such port, or nothing listens on it."""


class PortBusy(PortError):
    """Another program holds the port."""


class PortForbidden(PortError):
    """This user may not open the port."""


class PortLost(PortError):
    """The port went away while in use: unplugged, or the chip was stopped."""


class LinkTimeout(LivetrapError):
    """The chip did not answer within the bound, retries included."""


class LinkError(LivetrapError):
    """The chip's answer is not what the protocol says."""


class AcceleratorStopped(LivetrapError):
    """The accelerator refused a descriptor."""


class EvidenceError(LivetrapError):
    """An evidence folder, record, key or certificate file cannot be read or written."""


class Fork(EvidenceError):
    """Two different statements carry the same seq of the same chip."""


class FieldError(LivetrapError):
    """One field of evidence is not what it must be.

    subject: what the field belongs to, such as "statement 3". expected and found: as the reader sees them.
    """

    exit_code = 1

    def __init__(self, subject: str, field: str, expected: str, found: str) -> None:
        super().__init__(f"{subject}: {field}: expected {expected}, found {found}")
        self.subject = subject
        self.field = field
        self.expected = expected
        self.found = found
