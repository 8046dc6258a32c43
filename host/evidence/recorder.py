"""Writes a record file while a chip is loaded, so that the file never misses what the chip took."""

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from formats.records import Record
from host.errors import EvidenceError, FieldError

from . import records


class Recorder:
    """Continues or begins the record file at `path`.

    Each record is written before it is sent; `reconcile` then settles whether the chip took the last one. Of
    a file that was cut short while it was written, the torn end is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._count = 0

    @property
    def count(self) -> int:
        """Records of this boot in the file."""
        return self._count

    def attach(self, ueid: bytes, bootcount: int, completed: int) -> None:
        """Opens the file for a chip that has completed so many records since its boot.

        Raises EvidenceError when the file cannot be opened, is another chip's, or is not the whole record of
        this boot: then it could never be verified, whatever were added to it.
        """
        try:
            self._file = self._path.open("r+b" if self._path.exists() else "x+b")
            data = self._file.read()
        except OSError as error:
            raise EvidenceError(f"{self._path}: {error.strerror or error}") from error
        try:
            existing = records.parse(data, allow_cut=True) if data else None
        except FieldError as error:
            raise EvidenceError(f"{self._path}: {error}") from error
        if existing is None:
            self._append(records.header(ueid), 0)
        elif existing.ueid != ueid:
            raise EvidenceError(f"{self._path} is the record of chip {existing.ueid.hex()}, not of {ueid.hex()}")
        else:
            self._file.seek(existing.intact_bytes)
            self._file.truncate()
        self._count = 0
        boots = existing.boots if existing else {}
        latest = max(boots, default=0)
        if bootcount < latest:
            raise EvidenceError(f"{self._path} has boot {latest} of this chip, which is in boot {bootcount}")
        if bootcount > latest:
            if completed:
                raise EvidenceError(
                    f"{self._path}: the chip has taken {completed} records since its boot that are not in this file"
                )
            self._append(records.boot_item(bootcount), 0)
        else:
            self._count = len(boots[bootcount])
        self.reconcile(completed)

    def write(self, record: Record) -> None:
        """Notes a record that is about to be sent."""
        self._append(records.record_item(record), 1)

    def reconcile(self, completed: int) -> None:
        """Settles the last record by the chip's own count of completed records since boot.

        Raises EvidenceError when chip and file differ by more than a last record that the chip did not take.
        """
        if self._count == completed + 1:
            self._append(records.NOT_TAKEN, -1)
        if self._count != completed:
            raise EvidenceError(
                f"{self._path} has {self._count} records of this boot and the chip has taken {completed}: "
                "it is not the record of what was loaded"
            )

    def _append(self, item: bytes, step: int) -> None:
        if self._file is None:
            raise EvidenceError(f"{self._path}: no chip is attached to this record")
        try:
            self._file.write(item)
            self._file.flush()
        except OSError as error:
            raise EvidenceError(f"{self._path}: {error.strerror or error}") from error
        self._count += step

    def close(self) -> None:
        """Makes the file durable and closes it; a second call does nothing."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
