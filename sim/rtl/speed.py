"""Speed of the emulator by itself: firmware running, no client, no trace."""

import argparse

from rtl.config import CONFIGS

from .chip import Chip


def emulator_mhz(config: str = "full", cycles: int = 3_000_000) -> float:
    """Runs a chip for `cycles` cycles from power-on; returns simulated MHz by the wall clock."""
    with Chip(config, link=None, cycle_limit=cycles) as chip:
        return chip.wait(600).mhz


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", choices=CONFIGS, default="full")
    parser.add_argument("--cycles", type=int, default=3_000_000)
    arguments = parser.parse_args()
    print(f"{emulator_mhz(arguments.config, arguments.cycles):.3f} MHz")


if __name__ == "__main__":
    main()
