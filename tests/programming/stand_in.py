"""What both stand-in programmers share: their state, what they are told to do, and how they end.

A stand-in is started as `python FILE STATE ARGUMENTS`. STATE is a folder: `scenario` names what happens, `calls`
notes the arguments of each run, `flash` is the board's flash, `sram` the configuration that is loaded.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

ERASED = 0xFF
FLASH_BYTES = 16 << 20


class StandIn:
    """One run of a stand-in."""

    def __init__(self) -> None:
        self.state = Path(sys.argv[1])
        self.arguments = sys.argv[2:]
        self.scenario = (self.state / "scenario").read_text() if (self.state / "scenario").exists() else "good"
        with (self.state / "calls").open("a") as calls:
            calls.write(json.dumps(self.arguments) + "\n")

    def say(self, text: str, end: str = "\n") -> None:
        """On standard output, at once."""
        sys.stdout.write(text + end)
        sys.stdout.flush()

    def complain(self, text: str) -> None:
        """On standard error."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def leave(self, code: int, text: str = "") -> None:
        """Ends, after a complaint if there is one."""
        if text:
            self.complain(text)
        sys.exit(code)

    def upset(self, place: str) -> None:
        """What the scenarios do that end a run here, or make it go on for ever."""
        if self.scenario == f"crash while {place}":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif self.scenario == f"killed while {place}":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.scenario == f"hang while {place}":
            time.sleep(600)
        elif self.scenario == f"chatter while {place}":
            while True:
                self.say("chatter")
                time.sleep(0.05)
        elif self.scenario == f"wait while {place}":
            (self.state / "waiting").write_text(str(os.getpid()))
            time.sleep(600)
        elif self.scenario == f"lost while {place}":
            self.lost()

    def lost(self) -> None:
        """The board is unplugged."""
        raise NotImplementedError

    def write(self, offset: int, data: bytes) -> None:
        """Into the flash, which is erased where it was never written."""
        path = self.state / "flash"
        if not path.exists():
            path.write_bytes(bytes([ERASED]) * FLASH_BYTES)
        with path.open("r+b") as flash:
            flash.seek(offset)
            flash.write(data)

    def read(self, offset: int, size: int) -> bytes:
        """Of the flash."""
        with (self.state / "flash").open("rb") as flash:
            flash.seek(offset)
            return flash.read(size)


def bar(name: str, percent: float, gap: str = "") -> str:
    """openFPGALoader's progress, from the begin of the line."""
    filled = int(percent / 2)
    return f"\r{name}{gap}: [{'=' * filled}{' ' * (50 - filled)}] {percent:.2f}%"
