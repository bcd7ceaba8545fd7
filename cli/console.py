"""What the terminal shows: progress on stderr, tables and JSON on stdout, errors in one line."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from plateful import progress

# A pipe or a log has no width of its own; 80 columns would fold every table.
_WIDTH = None if sys.stdout.isatty() else 160
out = Console(width=_WIDTH)
err = Console(stderr=True, width=_WIDTH)


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON document on stdout, unstyled."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers to the right. Cells are menu data, so markup in them is not interpreted."""
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        heading = column.replace("_", " ")
        # Headings break between words, never inside one.
        longest = max(map(len, heading.split()), default=0)
        justify = "right" if numeric else "left"
        table.add_column(heading, justify=justify, overflow="fold", min_width=longest)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    out.print(table)


@contextmanager
def progress_bars() -> Iterator["Stages"]:
    """Show the progress that the domain reports: bars on a terminal, a line per tenth elsewhere."""
    if not err.is_terminal:
        lines = Lines()
        with progress.listening(lines.on_progress):
            yield lines
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=err, transient=True) as bars:
        stages = BarStages(bars)
        with progress.listening(stages.on_progress):
            yield stages


class Stages:
    """Receives progress; `say` prints a line beside it."""

    def on_progress(self, event: progress.Progress) -> None:
        """Show one step of a stage."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Print a line."""
        err.print(text, markup=False, highlight=False)


class BarStages(Stages):
    """One bar per stage."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def on_progress(self, event: progress.Progress) -> None:
        """Move a stage's bar."""
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(event.stage, total=event.total)
        self._bars.update(self._tasks[event.stage], completed=event.done, total=event.total)


class Lines(Stages):
    """A line whenever a stage passes another tenth."""

    def __init__(self) -> None:
        self._tenths: dict[str, int] = {}

    def on_progress(self, event: progress.Progress) -> None:
        """Print the stage if it passed another tenth."""
        tenth = 10 * event.done // max(event.total, 1)
        if self._tenths.get(event.stage) != tenth:
            self._tenths[event.stage] = tenth
            self.say(f"  {event.stage}: {event.done}/{event.total}")
