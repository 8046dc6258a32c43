"""One emulated chip: the emulator's process, with a development identity and a link that a host can open."""

import contextlib
import json
import os
import selectors
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from .build import build, firmware_image
from .identity import development_identity
from .verilator import BuildError

START_SECONDS = 60.0
STOP_SECONDS = 20.0
LINKS = {"pty": ["--pty"], "tcp": ["--tcp", "0"], None: []}


class EmulatorError(Exception):
    """The emulator did not start, or ended by itself; the message is its own."""


@dataclass(frozen=True)
class Statistics:
    """A finished run. reason: "signal", "cycle limit" or "end of input"."""

    cycles: int
    seconds: float
    mhz: float
    reason: str


class Chip:
    """A running chip. Builds emulator and firmware first, if they are not up to date.

    config: name in rtl/config.py. seed: of identity and entropy. link: "pty" or "tcp" (of this machine), or None.
    trace: waveform file, .vcd or .fst. cycle_limit: cycles after which the emulator ends by itself.
    firmware: ROM image to run instead of the one built from firmware/. record: file for what clients send, as a
    script for `emulator --script`. provisioned: False leaves the chip without an identity. status: the emulator's
    status line and messages go to this process's standard error.

    It ends with `stop`, with the `with` statement, and when this process ends, however that happens: the
    emulator watches a pipe that this process holds. The identity goes through that pipe too.
    Raises BuildError as `build` does, EmulatorError if the emulator does not start.
    """

    def __init__(
        self,
        config: str = "full",
        seed: int = 0,
        link: str | None = "pty",
        trace: str | os.PathLike[str] | None = None,
        cycle_limit: int | None = None,
        *,
        firmware: str | os.PathLike[str] | None = None,
        record: str | os.PathLike[str] | None = None,
        provisioned: bool = True,
        status: bool = False,
    ) -> None:
        if link not in LINKS:
            raise ValueError(f"link is {link!r}, not 'pty', 'tcp' or None")
        self.config = config
        self.seed = seed
        self.identity = development_identity(seed)
        emulator = build(config, _trace_format(trace))
        rom = Path(firmware) if firmware is not None else firmware_image(config)
        options = ["--rom", str(rom), "--seed", str(seed), *LINKS[link]]
        options += ["--watch-input", *(["--provision", "-"] if provisioned else [])]
        options += ["--cycles", str(cycle_limit)] if cycle_limit is not None else []
        options += ["--trace", os.fspath(trace)] if trace is not None else []
        options += ["--record", os.fspath(record)] if record is not None else []
        self._statistics: Statistics | None = None
        self._output = b""
        self._process = subprocess.Popen(
            [emulator, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if status else subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the program that holds the chip.
        )
        try:
            if provisioned:
                assert self._process.stdin is not None
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(bytes(self.identity))
                    self._process.stdin.flush()
            self.port: str = json.loads(self._first_line())["port"]
            """Path of the pseudo-terminal, or tcp://127.0.0.1:PORT."""
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise

    @property
    def running(self) -> bool:
        """Whether the emulator's process has not ended."""
        return self._process.poll() is None

    def stop(self) -> Statistics:
        """Ends the emulator, if it has not ended, and returns what it ran. Raises EmulatorError if it failed."""
        if self._statistics is None:
            if self.running:
                self._process.terminate()
            self._statistics = self._finish()
        return self._statistics

    def wait(self, seconds: float) -> Statistics:
        """Waits until the emulator reaches its cycle limit. Raises TimeoutError if it runs on."""
        if self._statistics is None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"the emulator was not done within {seconds} s") from None
            self._statistics = self._finish()
        return self._statistics

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __del__(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()

    def _first_line(self) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._output:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise EmulatorError(f"the emulator did not start within {START_SECONDS:.0f} s")
                part = os.read(self._process.stdout.fileno(), 4096)
                if not part:
                    raise EmulatorError(self._failure(self._process.communicate()[1]))
                self._output += part
        line, self._output = self._output.split(b"\n", 1)
        return line

    def _finish(self) -> Statistics:
        try:
            output, errors = self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise EmulatorError(f"the emulator did not end within {STOP_SECONDS:.0f} s and was killed") from None
        try:
            return Statistics(**json.loads(self._output + output))
        except ValueError:
            raise EmulatorError(self._failure(errors)) from None

    def _failure(self, errors: bytes | None) -> str:
        message = (errors or b"").decode(errors="replace").strip().removeprefix("livetrap emulator: ")
        return message or f"the emulator ended with code {self._process.wait()}"


def _trace_format(trace: str | os.PathLike[str] | None) -> str | None:
    if trace is None:
        return None
    suffix = Path(trace).suffix
    if suffix not in (".vcd", ".fst"):
        raise BuildError(f"{os.fspath(trace)}: a waveform's name ends in .vcd or .fst")
    if not os.access(Path(trace).parent, os.W_OK):
        raise BuildError(f"{os.fspath(trace)}: cannot be written")
    return suffix[1:]
