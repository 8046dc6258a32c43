"""Fuzzes for a while: `python -m tests.fuzz [--minutes M] [--seed N]`. Prints how many rounds were run."""

import argparse
import random
import secrets
import sys
import time

from .fuzzer import Target, run

ROUNDS = 50
"""Between two looks at the clock; each round has inputs for all parsers."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes", file=sys.stderr)
    end, batches = time.monotonic() + 60 * arguments.minutes, 0
    with Target() as fuzzed:
        while time.monotonic() < end:
            try:
                run(fuzzed, random.Random(f"{arguments.seed}/{batches}"), ROUNDS)
            except AssertionError as failure:
                print(f"batch {batches} of seed {arguments.seed}: {str(failure)[:2000]}", file=sys.stderr)
                return 1
            batches += 1
    print(f"{ROUNDS * batches} rounds, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
