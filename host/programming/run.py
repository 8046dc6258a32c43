"""Running a programmer: bounded, its output read line by line, and never left behind."""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_LINE_BYTES = 4096
"""Longer lines are handed on in pieces."""

STOP_SECONDS = 5.0
"""Between asking a program to stop, and killing it."""

LOOK_SECONDS = 0.2

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What colours text on a terminal, and moves about on it."""


@dataclass(frozen=True)
class Ended:
    """How a program ended. code: its exit code, or minus the number of the signal that ended it.

    stopped: why we ended it ourselves, in words, or None.
    """

    code: int
    stopped: str | None = None

    @property
    def how(self) -> str:
        """For people."""
        if self.stopped is not None:
            return self.stopped
        if self.code >= 0:
            return f"it ended with exit code {self.code}"
        try:
            name = signal.Signals(-self.code).name
        except ValueError:
            name = f"signal {-self.code}"
        return f"it was killed ({name})" if -self.code in (signal.SIGKILL, signal.SIGTERM) else f"it crashed ({name})"


class _Lines:
    """Cuts bytes into lines, at line feeds and carriage returns; what a terminal would obey is taken out."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._rest = b""
        self._pending = deque[bytes]()
        """What an exception kept from being taken is taken next time."""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        while len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]
        self._pending.extend(lines)
        self._hand_on()

    def close(self) -> None:
        self._pending.append(self._rest)
        self._hand_on()

    def _hand_on(self) -> None:
        while self._pending:
            self._line(self._pending.popleft())

    def _line(self, line: bytes) -> None:
        text = _ESCAPES.sub("", line.decode("utf-8", "replace")).replace("\t", " ")
        printable = "".join(each for each in text if each.isprintable()).rstrip()
        if printable:
            self._take(printable)


def run(
    program: Path, arguments: Sequence[str], take: Callable[[str], None], *, seconds: float, silence: float
) -> Ended:
    """Runs a program without a terminal until it ends, and hands each line that it writes to `take`.

    It is stopped after so many seconds in all, or of silence. Whatever is raised meanwhile, it is stopped too, and
    what it had written by then is handed on first. Raises OSError when it cannot be started.
    """
    process = subprocess.Popen(
        [str(program), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = _Lines(take)
    try:
        with process.stdout as output:
            try:
                stopped = _follow(output.fileno(), lines, seconds, silence)
            except BaseException:
                _stop(process)
                with contextlib.suppress(Exception):
                    _follow(output.fileno(), lines, STOP_SECONDS, STOP_SECONDS)
                raise
        if stopped is None:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                stopped = f"it closed its output and did not end within {STOP_SECONDS:g} s"
    finally:
        if process.poll() is None:
            _stop(process)
    return Ended(process.returncode, stopped)


def _follow(output: int, lines: _Lines, seconds: float, silence: float) -> str | None:
    """Reads to the end of the output; the reason if it was given up before."""
    started = heard = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if now - started > seconds:
                return f"it was stopped: not done within {seconds:g} s"
            if now - heard > silence:
                return f"it was stopped: not a word for {silence:g} s"
            if not selector.select(LOOK_SECONDS):
                continue
            data = os.read(output, 1 << 16)
            if not data:
                lines.close()
                return None
            heard = time.monotonic()
            lines.feed(data)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a program and what it started: asks first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_SECONDS)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
        else:
            break
    process.wait()
