"""Progress of a sweep: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from neurosim.cli.progress import LiveProgress, about
from neurosim.markup import measure, measure_words

if TYPE_CHECKING:
    from neurosim.sweeps.sweep import Progress

# Seconds between two plain lines, and after a long time the share of that time.
PAUSE, SHARE = 2.0, 0.05


def words_of(progress: Progress) -> str:
    """How far a sweep is: done, running, failed, the best so far, and the time left."""
    parts = [f"{progress.done:,} of {progress.trials:,} done"]
    parts += [f"{progress.running:,} running"] if progress.running else []
    parts += [f"{progress.failed:,} failed"] if progress.failed else []
    parts += [f"{progress.stopped:,} stopped early"] if progress.stopped else []
    if progress.best is not None and progress.measure is not None:
        value = progress.best.final.get(progress.measure)
        parts.append(f"best {measure_words(progress.measure)} {measure(progress.measure, value)}")
    left = progress.seconds_left
    parts += [f"{about(left)} left"] if left is not None and left >= PAUSE else []
    return ", ".join(parts)


@contextlib.contextmanager
def sweep_display(*, silent: bool) -> Iterator[Callable[[Progress], None] | None]:
    """What is called with the progress, and fits where standard output goes."""
    if silent:
        yield None
    elif sys.stdout.isatty():
        with _live_line() as show:
            yield show
    else:
        yield Lines()


class Lines:
    """Progress as a line now and then, for logs: the longer it takes, the more seldom."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._last, self._said = float("-inf"), ""

    def __call__(self, progress: Progress) -> None:
        """Say how far it is, if it is time."""
        now = time.monotonic()
        pause = max(PAUSE, SHARE * (now - self._begun))
        if now - self._last < pause and progress.done < progress.trials:
            return
        self._last = now
        line = words_of(progress)
        if line != self._said:
            click.echo(line)
        self._said = line


@contextlib.contextmanager
def _live_line() -> Iterator[Callable[[Progress], None]]:
    """A line that moves; at the end it stays as it is."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    with LiveProgress(Bars(BarColumn(bar_width=16), text)) as live:
        bars = live.progress

        def show(progress: Progress) -> None:
            if not bars.tasks:
                live.task = bars.add_task("", total=progress.trials)
            bars.update(live.task, completed=progress.done, description=words_of(progress))

        yield show
