"""What the programmers report while they run, followed line by line: how far they are, and what they claim."""

import re
from typing import Protocol

from boards.board import Tool

from .diagnosis import Fault, fault_in
from .steps import Memory, Step


class Report(Protocol):
    """Takes a programmer's lines.

    done, total: progress, in arbitrary units. fault: the first thing that went wrong, if any. written: the programmer
    says that everything was written. verified, differs: it says that it read back the same, or something else.
    boots: the FPGA configured itself from flash afterwards; None if that was not said.
    """

    done: int
    total: int
    fault: Fault | None
    written: bool
    verified: bool
    differs: bool
    boots: bool | None

    def take(self, line: str) -> None:
        """Follows one line."""


def report_for(step: Step) -> Report:
    """A new report of the step's programmer."""
    if step.board.programmer.tool is Tool.DFU_UTIL:
        return DfuUtilReport()
    return OpenFpgaLoaderReport(step.memory)


class OpenFpgaLoaderReport:
    """openFPGALoader's: "Erasing: [===  ] 52.00%", and "Done" or "Fail" on the same or the next line."""

    _BAR = re.compile(r"^(.+?) ?: \[[= ]*\] +(\d+)(?:\.\d+)?%")
    _OUTCOME = re.compile(r"^(?:(?P<label>.+?):? +)?(?P<word>done|fail)$", re.IGNORECASE)
    _LABELS = re.compile(r"^(Refresh|Wait for CDONE)\b", re.IGNORECASE)
    _MISMATCH = re.compile(r"^Verification failed at (\d+)")
    _PARTS = {"eras": 0, "writ": 1}
    """Of the bar of a flash, by the begin of the programmer's bars; what is read while verifying is the third."""

    def __init__(self, memory: Memory) -> None:
        self.done, self.total = 0, 100 if memory is Memory.SRAM else 300
        self.fault: Fault | None = None
        self.written = self.verified = self.differs = False
        self.boots: bool | None = None
        self._verifying = False
        self._label = ""

    def take(self, line: str) -> None:
        """As Report.take."""
        if match := self._BAR.match(line):
            self._label = match[1].lower()
            self._advance(int(match[2]))
            self._behind(line[match.end() :])
        elif line.startswith("Verifying write"):
            self._verifying = True
        elif match := self._MISMATCH.match(line):
            self._note(
                Fault(f"the flash reads back otherwise from byte {int(match[1]):#x} on", "repeat the command", False)
            )
        elif match := self._OUTCOME.match(line):
            self._outcome((match["label"] or self._label).lower(), match["word"].lower() == "done")
        elif match := self._LABELS.match(line):
            self._label = match[1].lower()
        elif fault := fault_in(line):
            self._note(fault)

    def _behind(self, text: str) -> None:
        # A bar is a line without an end: what goes wrong is said on the same line.
        if text.strip():
            self.take(text.strip())

    def _advance(self, percent: int) -> None:
        part = 2 if self._verifying else self._PARTS.get(self._label[:4], 0)
        self.done = min(self.total, 100 * part + percent)

    def _outcome(self, label: str, is_good: bool) -> None:
        if label.startswith(("refresh", "wait for cdone")):
            self.boots = is_good
        elif not is_good and self._verifying:
            self.differs = True
            self._note(Fault("the flash reads back otherwise", "repeat the command", False))
        elif not is_good:
            self._note(Fault(f"'{label}' failed", "repeat the command", False))
        elif self._verifying:
            self.verified = True
        elif label.startswith(("writ", "load")):
            self.written = True

    def _note(self, fault: Fault) -> None:
        # "Fail" comes before the line that says where.
        if self.fault is None or (fault.cause.startswith(self.fault.cause) and not self.fault.wrote_nothing):
            self.fault = fault


class DfuUtilReport:
    """dfu-util's: "Download [===  ]  52%  123456 bytes", "Download done.", and states of the bootloader."""

    _BAR = re.compile(r"^(?:Download|Upload) +\[[= ]*\] +(\d+)% +\d+ bytes")
    _LEFT = re.compile(r"unable to read DFU status after completion")

    def __init__(self) -> None:
        self.done, self.total = 0, 100
        self.fault: Fault | None = None
        self.written = self.verified = self.differs = False
        self.boots: bool | None = None

    def take(self, line: str) -> None:
        """As Report.take."""
        if match := self._BAR.match(line):
            self.done = min(self.total, int(match[1]))
            # A bar is a line without an end: what goes wrong is said on the same line.
            if rest := line[match.end() :].strip():
                self.take(rest)
        elif line.startswith("Download done."):
            self.written = True
        elif self.written and self._LEFT.search(line):
            # Bootloaders that start the design at once are gone before they can answer.
            return
        elif self.fault is None:
            self.fault = fault_in(line)
