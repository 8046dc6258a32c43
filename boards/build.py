"""Builds a bitstream for a board, each stage once for each state of what goes into it.

Cache, under build/boards/cache: NAME-netlist-DIGEST, and for each placer seed NAME-BUILD_ID with report.json, and the
bitstream if timing is met. A build that fails or is killed leaves nothing there.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from boards.board import Board
from boards.chip import Chip
from boards.flow import tools
from boards.flow.family import Family
from boards.flow.largest import largest_blocks
from boards.flow.packing import pack
from boards.flow.placement import DoesNotFit, place
from boards.flow.resources import NAMES, count
from boards.flow.synthesis import DEVICE_OPTIONS, OPTIONS, Netlist, cells_by_module, synthesise
from boards.report import Report, from_json, resources
from host.errors import LivetrapError
from sim.rtl.cache import BUILD, built_once, digest

HOME = BUILD / "boards"
REPORT = "report.json"
CELLS = "cell_counts.json"
SOURCES = (*sorted((Path(__file__).parent / "flow").glob("*.py")), Path(__file__))
"""What else than the design and the tools decides about a bitstream."""

ELABORATION = ("amaranth", "amaranth-boards", "luna-soc", "ziglang")
"""Packages that made the design; a build id covers what came of them, and a report names them."""


class TimingNotMet(LivetrapError):
    """No seed reaches the target. report: of the best one."""

    def __init__(self, report: Report, seeds: int) -> None:
        net, clock = report.slowest
        within = [path for path in report.critical_paths if net in path.start and net in path.end]
        path = max(within, key=lambda each: each.delay_ns, default=None)
        slowest = (
            f"; slowest path: {path.delay_ns:.1f} ns, {path.logic_ns:.1f} ns of it logic, "
            f"{path.cells[0]} to {path.cells[-1]}"
            if path
            else ""
        )
        tried = f"the best of {seeds} seeds" if seeds > 1 else f"seed {report.seed}"
        super().__init__(
            f"{report.board}, configuration {report.config}: timing is not met, there is no bitstream: "
            f"{net} reaches {clock.mhz:.2f} MHz of {clock.target_mhz:g} MHz with {tried}{slowest}"
        )
        self.report = report


@dataclass(frozen=True)
class Built:
    """A finished build. directory: in the cache, with the report and `bitstream`. others: reports of other seeds that
    were tried."""

    directory: Path
    bitstream: Path
    report: Report
    others: tuple[Report, ...]


def build(
    board: Board,
    chip: Chip,
    stage: Callable[[str], None],
    *,
    seeds: Sequence[int] = (1,),
    all_seeds: bool = False,
    seconds: float = tools.DEFAULT_SECONDS,
    home: Path = HOME,
) -> Built:
    """Synthesises, places and packs a board's chip.

    stage: told what begins. seeds: of the placer, tried in this order until timing is met; all_seeds: all of them,
    and the one with most to spare wins. seconds: bound for each run of a tool. home: where the cache and the logs of
    failed runs are.
    Raises TimingNotMet, and LivetrapError when a tool fails or the design does not fit.
    """
    flow = _Flow(board, chip, stage, seconds, home)
    reports: dict[int, Report] = {}
    for seed in dict.fromkeys(seeds):
        reports[seed] = flow.placed(seed)
        if reports[seed].is_met and not all_seeds:
            break
    best = max(reports.values(), key=lambda report: report.margin)
    if not best.is_met:
        raise TimingNotMet(best, len(reports))
    directory = flow.directory(best.seed)
    return Built(
        directory,
        directory / bitstream_name(board.family),
        best,
        tuple(report for report in reports.values() if report is not best),
    )


def bitstream_name(family: Family) -> str:
    """Of a bitstream's file."""
    return "bitstream.bit" if family is Family.ECP5 else "bitstream.bin"


class _Flow:
    """The stages of one build."""

    def __init__(self, board: Board, chip: Chip, stage: Callable[[str], None], seconds: float, home: Path) -> None:
        self._board, self._chip, self._stage, self._seconds = board, chip, stage, seconds
        self._cache, self._logs = home / "cache", home / "logs"
        self._options = DEVICE_OPTIONS.get(board.device, ())
        self._name = f"{board.name}-{board.config}"
        self._subject = f"{board.name}, configuration {board.config}"
        is_ecp5 = board.family is Family.ECP5
        placer = tools.NEXTPNR_ECP5 if is_ecp5 else tools.NEXTPNR_ICE40
        self._tools = (*map(tools.tool_version, (tools.YOSYS, placer)), *(f"{p} {version(p)}" for p in ELABORATION))
        design = chip.design
        synthesis = [
            *self._tools, *(path.read_text() for path in SOURCES), board.part, repr(OPTIONS), repr(self._options),
            design.name, design.rtlil, *(text for item in sorted(design.files.items()) for text in item),
        ]  # fmt: skip
        self._netlist_digest = digest(synthesis)
        self._inputs = [
            self._netlist_digest, board.name, board.config, design.constraints, f"{board.clock_mhz:g}",
            chip.firmware.hex(),
        ]  # fmt: skip

    def build_id(self, seed: int) -> str:
        """Of the bitstream that this seed gives."""
        return digest([*self._inputs, str(seed)])

    def directory(self, seed: int) -> Path:
        """Where in the cache that is."""
        return self._cache / f"{self._name}-{self.build_id(seed)}"

    def placed(self, seed: int) -> Report:
        """The report for a seed, after all that was missing is in the cache."""
        directory = self.directory(seed)
        if not directory.is_dir():
            netlist = self._netlist()
            self._stage(f"place and route, seed {seed}")
            built_once(directory, lambda unfinished: self._place(netlist, seed, unfinished))
        return from_json(json.loads((directory / REPORT).read_text()))

    def _netlist(self) -> Netlist:
        directory = self._cache / f"{self._name}-netlist-{self._netlist_digest}"
        if not directory.is_dir():
            self._stage("synthesis")
            built_once(directory, self._synthesise)
        cells = json.loads((directory / CELLS).read_text())
        return Netlist(self._chip.design.name, directory / f"{self._chip.design.name}.json", cells)

    def _synthesise(self, directory: Path) -> None:
        with self._explained():
            netlist = synthesise(
                self._chip.design, self._board.family, directory, self._options, seconds=self._seconds
            )
        (directory / CELLS).write_text(json.dumps(netlist.cells, indent=1) + "\n")

    def _place(self, netlist: Netlist, seed: int, directory: Path) -> None:
        board, work = self._board, directory / "work"
        work.mkdir()
        with self._explained():
            placement = place(
                netlist, board.family, board.device, board.package, board.speed, self._chip.design.constraints,
                board.clock_mhz, work, seed, loops=self._chip.loops, seconds=self._seconds,
            )  # fmt: skip
        if not placement.clocks:
            raise LivetrapError(f"{self._subject}: nextpnr found no clock, so its timing says nothing")
        flip_flops = count(netlist.cells, board.family)["ff"]
        report = Report(
            board.name, board.config, board.part, self.build_id(seed), seed, self._tools,
            resources(placement, board.family, flip_flops), placement.clocks, placement.critical_paths,
        )  # fmt: skip
        if placement.path is not None:
            self._stage("bitstream")
            with self._explained():
                bitstream = pack(placement.path, board.family, report.build_id, work, seconds=self._seconds)
            bitstream.rename(directory / bitstream_name(board.family))
        (directory / REPORT).write_text(json.dumps(report.as_json, indent=1) + "\n")
        shutil.rmtree(work)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Says of a tool's failure what was built, and keeps the tool's log."""
        try:
            yield
        except tools.ToolError as error:
            if error.log is not None:
                self._logs.mkdir(parents=True, exist_ok=True)
                error.log = shutil.copyfile(error.log, self._logs / f"{self._name}-{error.log.name}")
            if isinstance(error, DoesNotFit):
                error.problem = f"does not fit {self._board.device}: {self._excess(error)}"
            error.problem = f"{self._subject}: {error.problem}"
            raise

    def _excess(self, error: DoesNotFit) -> str:
        """How much is too much, and which blocks are the largest."""
        family = self._board.family
        modules = self._cells_by_module()
        words = []
        for name, usage in error.lacking.items():
            ours = NAMES[family].get(name, name)
            text = f"{usage.used - usage.available} {ours} too many ({usage.used} of {usage.available})"
            if blocks := largest_blocks(modules, self._chip.design.name, family, ours):
                text += ", largest: " + ", ".join(f"{block} {number}" for block, number in blocks)
            words.append(text)
        return "; ".join(words)

    def _cells_by_module(self) -> dict[str, dict[str, int]]:
        directory = self._cache / f"{self._name}-blocks-{self._netlist_digest}"

        def count_cells(unfinished: Path) -> None:
            work = unfinished / "work"
            work.mkdir()
            cells = cells_by_module(self._chip.design, self._board.family, work, self._options, seconds=self._seconds)
            (unfinished / CELLS).write_text(json.dumps(cells, indent=1) + "\n")
            shutil.rmtree(work)

        if not directory.is_dir():
            self._stage("size of each block")
            built_once(directory, count_cells)
        return json.loads((directory / CELLS).read_text())
