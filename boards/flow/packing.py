"""A placed design's configuration text to the bitstream that a board loads."""

from pathlib import Path

from . import tools
from .family import Family

BUILD_ID_DIGITS = 16
USERCODE_DIGITS = 8


def pack(
    configuration: Path, family: Family, build_id: str, directory: Path, *, seconds: float = tools.DEFAULT_SECONDS
) -> Path:
    """Writes the bitstream beside the configuration text, and returns its path (.bit, .bin).

    build_id: BUILD_ID_DIGITS hexadecimal digits, which the bitstream carries as a comment; its first
    USERCODE_DIGITS are an ECP5's USERCODE too, which a programmer can read back from the chip. Raises ToolError.
    """
    labelled = directory / f"{configuration.stem}.labelled{configuration.suffix}"
    labelled.write_text(_with_comment(configuration.read_text(), family, build_id))
    bitstream = directory / f"{configuration.stem}.{'bit' if family is Family.ECP5 else 'bin'}"
    if family is Family.ECP5:
        arguments = [
            "--compress",
            "--usercode",
            str(int(build_id[:USERCODE_DIGITS], 16)),
            labelled.name,
            bitstream.name,
        ]
        tools.run(tools.ECPPACK, arguments, directory, seconds=seconds)
    else:
        tools.run(tools.ICEPACK, [labelled.name, bitstream.name], directory, seconds=seconds)
    labelled.unlink()
    return bitstream


def _with_comment(text: str, family: Family, build_id: str) -> str:
    if family is Family.ECP5:
        return text.replace(".comment ", f".comment livetrap {build_id}\n\n.comment ", 1)
    # Lines behind this one, not the rest of it, are what icepack writes.
    return f".comment\nlivetrap {build_id}\n" + text.partition("\n")[2]
