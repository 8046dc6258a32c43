"""How commands speak: results on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Results(Console):
    """Standard output. beside: the console of a bar that is shown at the moment, if one is.

    On a terminal what is printed then goes through that console, which draws the bar anew below it.
    """

    beside: Console | None = None

    def print(self, *objects: Any, **options: Any) -> None:
        """As Console.print."""
        if self.beside is not None and self.is_terminal:
            self.beside.print(*objects, **options)
        else:
            super().print(*objects, **options)


results = Results(highlight=False, soft_wrap=True)
remarks = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """One line about what went wrong."""
    sys.stderr.write(f"livetrap: {' '.join(message.split())}\n")
    sys.stderr.flush()


def notice(message: str) -> None:
    """One line about something that the user should know; the command goes on."""
    complain(message)


def print_json(value: object) -> None:
    """One JSON value, and nothing else, on standard output."""
    json.dump(value, sys.stdout, indent=1)
    sys.stdout.write("\n")
    sys.stdout.flush()


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Names and values in two columns."""
    print_columns([(name, str(value)) for name, value in pairs.items()])


def print_columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> None:
    """Rows of text in columns, however wide; `right` columns are aligned to the right. Nothing is cut off."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        results.print("  ".join(cells).rstrip(), markup=False)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A callback (what, done, total) that moves a bar on standard error, where a terminal shows it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=remarks, transient=True, disable=not remarks.is_terminal) as progress:
        results.beside = None if progress.disable else remarks
        tasks: dict[str, int] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(progress.task_ids[tasks[what]], completed=done, total=total)

        try:
            yield advance
        finally:
            results.beside = None
