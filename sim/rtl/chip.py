"""One emulated chip: the emulator's process, with files for flash and fuses and a link that a host can open."""

import json
import os
import selectors
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from formats.configuration import NO_KEY, LogMode
from formats.otp import Lifecycle

from .build import build
from .chip_files import make_provisioned, make_raw, otp_path, read_identity
from .firmware import firmware as built_firmware
from .identity import Identity, development_identity
from .verilator import BuildError

START_SECONDS = 60.0
STOP_SECONDS = 20.0
LINKS = {"pty": ["--pty"], "tcp": ["--tcp=0"], None: []}


class EmulatorError(Exception):
    """The emulator did not start, or ended by itself; the message is its own."""


@dataclass(frozen=True)
class Statistics:
    """A finished run. reason: "signal", "cycle limit", "end of input" or "power cut"."""

    cycles: int
    seconds: float
    mhz: float
    reason: str


class Chip:
    """A running chip. Builds emulator and firmware first, if they are not up to date.

    config: name in rtl/config.py. seed: of identity and noise. link: "pty" or "tcp" (of this machine), or None.
    trace: waveform file, .vcd or .fst. cycle_limit: cycles after which the emulator ends by itself.
    flash: file of what the chip keeps without power; its fuses are beside it, as FILE.otp. None is a new chip that
    nothing is left of. A chip that is not there yet is made: with the development identity of the seed and with
    firmware/'s application installed, or, if raw, as it leaves the fab. A chip that is there goes on living.
    lifecycle, log_mode, verifier_key: of a chip that is made (formats.otp, formats.configuration).
    firmware: boot ROM image to run instead of the one built from firmware/.
    cut_at: lose power in the middle of the N-th program or erase of the flash; cut_seed: of what it has changed then.
    noise_stuck: cycle from which on the noise source is broken.
    spi_cycles: of a byte on the way to flash and back, if not 16; fewer make a boot shorter.
    record: file for what clients send, as a script for `emulator --script`. status: the emulator's status line and
    messages go to this process's standard error.

    It ends with `stop`, with the `with` statement, and when this process ends, however that happens: the
    emulator watches a pipe that this process holds.
    Raises BuildError as `build` does, EmulatorError if the emulator does not start or the chip's files cannot be
    used, ValueError for a configuration that no chip can have.
    """

    def __init__(
        self,
        config: str = "full",
        seed: int = 0,
        link: str | None = "pty",
        trace: str | os.PathLike[str] | None = None,
        cycle_limit: int | None = None,
        *,
        flash: str | os.PathLike[str] | None = None,
        raw: bool = False,
        lifecycle: Lifecycle = Lifecycle.DEVELOPMENT,
        log_mode: LogMode = LogMode.FLASH,
        verifier_key: bytes = NO_KEY,
        firmware: str | os.PathLike[str] | None = None,
        cut_at: int | None = None,
        cut_seed: int = 0,
        noise_stuck: int | None = None,
        spi_cycles: int | None = None,
        record: str | os.PathLike[str] | None = None,
        status: bool = False,
    ) -> None:
        if link not in LINKS:
            raise ValueError(f"link is {link!r}, not 'pty', 'tcp' or None")
        self.config = config
        self.seed = seed
        emulator = build(config, _trace_format(trace))
        options = {
            "rom": firmware if firmware is not None else built_firmware(config).rom,
            "seed": seed,
            "cycles": cycle_limit,
            "trace": trace,
            "record": record,
            "cut-at": cut_at,
            "cut-seed": cut_seed,
            "noise-stuck": noise_stuck,
            "spi-cycles": spi_cycles,
        }
        self._statistics: Statistics | None = None
        self._output = b""
        with tempfile.TemporaryDirectory(prefix="livetrap-chip-") as scratch:
            place = Path(flash) if flash is not None else Path(scratch) / "flash"
            self.identity = _prepare(place, config, seed, raw, lifecycle, log_mode, verifier_key)
            """What is in its fuses at this power-on, or None."""
            options |= {"flash": place, "otp": otp_path(place)}
            given = (f"--{name}={value}" for name, value in options.items() if value is not None)
            self._process = subprocess.Popen(
                [emulator, *LINKS[link], "--watch-input", *given],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if status else subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the program that holds the chip.
            )
            try:
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
        """Waits until the emulator reaches its cycle limit or its power cut. Raises TimeoutError if it runs on."""
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


def _prepare(
    flash: Path,
    config: str,
    seed: int,
    raw: bool,
    lifecycle: Lifecycle,
    log_mode: LogMode,
    verifier_key: bytes,
) -> Identity | None:
    """Makes the chip's files if they are not there; returns the identity in its fuses."""
    try:
        if not flash.exists():
            if otp_path(flash).exists():
                raise EmulatorError(f"{otp_path(flash)}: fuses of a chip whose flash is gone")
            if raw:
                make_raw(flash)
            else:
                identity, firmware = development_identity(seed), built_firmware(config)
                make_provisioned(flash, config, identity, firmware, lifecycle, log_mode, verifier_key)
        return read_identity(flash)
    except OSError as error:
        raise EmulatorError(f"{error.filename}: {error.strerror}") from error


def _trace_format(trace: str | os.PathLike[str] | None) -> str | None:
    if trace is None:
        return None
    suffix = Path(trace).suffix
    if suffix not in (".vcd", ".fst"):
        raise BuildError(f"{os.fspath(trace)}: a waveform's name ends in .vcd or .fst")
    if not os.access(Path(trace).parent, os.W_OK):
        raise BuildError(f"{os.fspath(trace)}: cannot be written")
    return suffix[1:]
