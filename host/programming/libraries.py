"""Which shared libraries a program needs and this machine does not have, and the Debian packages that have them."""

from collections.abc import Iterator
from pathlib import Path

from . import elf
from .machine import Machine

CONFIGURATION = "/etc/ld.so.conf"
DIRECTORIES = ("/lib", "/usr/lib", "/lib64", "/usr/lib64")
"""Where the loader looks besides."""

MAX_FILES = 64

PACKAGES = {
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libftdi1.so.2": "libftdi1-2",
    "libhidapi-hidraw.so.0": "libhidapi-hidraw0",
    "libhidapi-libusb.so.0": "libhidapi-libusb0",
    "libgpiod.so.2": "libgpiod2",
    "libudev.so.1": "libudev1",
    "libz.so.1": "zlib1g",
    "libstdc++.so.6": "libstdc++6",
    "libgcc_s.so.1": "libgcc-s1",
}


def needed_by(program: Path) -> tuple[str, ...]:
    """The libraries that an executable names itself; none for a script."""
    found = elf.dynamic(program.read_bytes())
    return found.needed if found else ()


def missing(program: Path, machine: Machine) -> list[str]:
    """Those of them that are nowhere where the loader looks."""
    found = elf.dynamic(program.read_bytes())
    if found is None:
        return []
    origin = str(program.resolve().parent)
    own = [Path(each.replace("$ORIGIN", origin).replace("${ORIGIN}", origin)) for each in found.search]
    directories = [*own, *_directories(machine)]
    return [name for name in found.needed if not any((each / name).exists() for each in directories)]


def _directories(machine: Machine) -> list[Path]:
    first = [Path(each) for each in machine.library_path.split(":") if each]
    named = [*_configured(machine, machine.path(CONFIGURATION), [MAX_FILES]), *DIRECTORIES]
    return [*first, *(machine.path(each) for each in named)]


def _configured(machine: Machine, file: Path, left: list[int]) -> Iterator[str]:
    """The directories of ld.so.conf and the files that it includes."""
    if not file.is_file() or not left[0]:
        return
    left[0] -= 1
    for line in file.read_text(errors="replace").splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                base = machine.root if pattern.startswith("/") else file.parent
                for each in sorted(base.glob(pattern.lstrip("/"))):
                    yield from _configured(machine, each, left)
        elif words:
            yield words[0]
