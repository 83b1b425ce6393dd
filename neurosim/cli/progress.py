"""Progress of a run: a live line on a terminal, plain lines elsewhere, nothing when asked."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import click

from neurosim.cli.door import Door, behind
from neurosim.cli.streams import end_line, line_ended
from neurosim.printable import printable
from neurosim.process.interruption import at_sudden_end
from neurosim.runs import Result, StudyObserver
from neurosim.runs.observers import COMPILING
from neurosim.training.history import Record
from neurosim.training.simulator import Simulator

PLAIN_LINES = 10
LONGEST_SILENCE = 5.0
# Beyond this many networks, not every one gets a line.
FEW = 100
_TIMES = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


class SilentProgress(StudyObserver):
    """Says nothing; the others add to it. A context manager, so that a live line is always closed."""

    def __enter__(self) -> SilentProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: Any, trace: TracebackType | None) -> None:
        pass

    def stopping(self) -> None:
        """Say that it was heard: what is being computed is completed first."""
        self.say("stopping in a moment; press Ctrl-C once more to stop at once")

    def say(self, text: str) -> None:
        """Say something after Ctrl-C, on a line of its own."""
        end_line()
        click.echo(text, err=True)


def measures(record: Record) -> str:
    """Loss and accuracy of an epoch, in a few words."""
    text = f"loss {_loss(record['train_loss'])}"
    if record["train_accuracy"] is not None:
        text += f"  accuracy {record['train_accuracy']:.1%}"
    for split in ("validation", "test"):
        if record.get(f"{split}_accuracy") is not None:
            text += f"  {split} {record[f'{split}_accuracy']:.1%}"
        elif record.get(f"{split}_loss") is not None:
            text += f"  {split} loss {_loss(record[f'{split}_loss'])}"
    return text


def _loss(value: float) -> str:
    """Four digits after the point; of a huge loss, which a run that diverges has, four in all."""
    return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"


def final_measures(result: Result) -> str:
    """Loss and accuracy at the end of a run, in a few words."""
    if not result.history:
        return "nothing trained"
    return measures(result.metrics)


def speed(rows: int, seconds: float) -> str:
    """Samples per second, rounded to what a reader can take in."""
    if seconds <= 0:  # shorter than the clock can tell
        return ""
    rate = rows / seconds
    return f"{rate / 1000:,.0f}k samples/s" if rate >= 10_000 else f"{rate:,.0f} samples/s"


def about(seconds: float) -> str:
    """A time, as exactly as an estimate can be: ``about 3 minutes``."""
    unit, length = next(((unit, length) for unit, length in _TIMES if seconds >= 2 * length), _TIMES[-1])
    number = round(seconds / length)
    return f"about {number:,} {unit}{'s' * (number != 1)}"


class PlainProgress(SilentProgress):
    """A line now and then, for logs."""

    def compiling(self) -> None:
        """Say that it takes a while, and why."""
        click.echo(COMPILING)

    def started(self, simulator: Simulator) -> None:
        """Say what is trained."""
        self.epochs = simulator.training.epochs
        self.rows = len(simulator.data.train)
        self.every = max(1, -(-self.epochs // PLAIN_LINES))
        self.last = time.monotonic()
        name = simulator.scenario.scenario.name
        scaled = "; the loss is that of standardized targets" if simulator.data.scales_targets else ""
        many = "1 epoch" if self.epochs == 1 else f"{self.epochs:,} epochs"
        click.echo(f"{name}: {simulator.network.size:,} parameters, {self.rows:,} rows, {many}{scaled}")

    def planned(self, members: Sequence[str], epochs: int) -> None:
        """Say how much there is to do."""
        self.width = max(map(len, members), default=0)
        self.count, self.ended = len(members), 0
        self.first = self.last = time.monotonic()
        click.echo(f"{len(members):,} networks, {epochs:,} epochs in all")

    def read(self, number: int, count: int) -> None:
        """Count, where it takes long."""
        self.last = getattr(self, "last", time.monotonic())
        if self._silent_long():
            click.echo(f"{number:,} of {count:,} networks checked for whether they are trained already")

    def finished(self, member: str, result: Result) -> None:
        """Say what has become of a network or, if there are many, now and then how many have ended."""
        self.ended += 1
        if self.count <= FEW:
            click.echo(f"{member:<{self.width}}  {final_measures(result)}")
        elif self._silent_long():
            click.echo(f"{self.ended:,} of {self.count:,} networks{self._left(self.ended / self.count)}")

    def share(self, done: float) -> None:
        """Print every fifth of the work of an ensemble."""
        self.first = getattr(self, "first", time.monotonic())
        if int(done * 5) > int(getattr(self, "done", 0.0) * 5):
            click.echo(f"{done:.0%} done{self._left(done)}")
        self.done = done

    def _silent_long(self) -> bool:
        """Whether nothing has been said for a while; if so, a new while begins."""
        now = time.monotonic()
        if now - self.last <= LONGEST_SILENCE:
            return False
        self.last = now
        return True

    def _left(self, done: float) -> str:
        """About how long it will still take, once that is known and worth saying."""
        gone = time.monotonic() - self.first
        left = gone * (1 - done) / done if done > 0 else 0.0
        return f", {about(left)} left" if gone >= LONGEST_SILENCE and left >= LONGEST_SILENCE else ""

    def epoch(self, record: Record) -> None:
        """Print some of the epochs: first, last, evenly between, and after a long silence."""
        number, now = record["epoch"], time.monotonic()
        due = number in (1, self.epochs) or number % self.every == 0
        if due or now - self.last > LONGEST_SILENCE:
            self.last = now
            rate = speed(self.rows, record["seconds"])
            click.echo(f"epoch {number:>{len(str(self.epochs))}}/{self.epochs}  {measures(record)}  {rate}".rstrip())


class LiveProgress(SilentProgress):
    """A line that moves."""

    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self.task: Any = None
        self.compiled: Any = None
        self._end = contextlib.ExitStack()

    def __enter__(self) -> LiveProgress:
        from rich.file_proxy import FileProxy

        self._end.enter_context(at_sudden_end(_show_cursor))
        console = self.progress.console
        console.file = behind(console.file)  # it moves the cursor itself
        self.progress.start()
        # What is printed meanwhile goes through it, so as to stand above the line that moves.
        for name in ("stdout", "stderr"):
            if isinstance(getattr(sys, name), FileProxy):
                setattr(sys, name, Door(getattr(sys, name)))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: Any, trace: TracebackType | None) -> None:
        self._begun()
        self.progress.stop()
        self._end.close()
        line_ended()

    def compiling(self) -> None:
        """Say that it takes a while, and why."""
        self.progress.console.print(COMPILING, style="dim")

    def compiles(self, what: str) -> None:
        """Say beside a bar of unknown length what is being compiled."""
        if self.compiled is None:
            self.compiled = self.progress.add_task("compiling", total=None, completed=1, measures=what, rate="")
        else:
            self.progress.update(self.compiled, advance=1, measures=what)

    def _begun(self) -> None:
        """Whatever is shown from now on, it is no longer the bar of the compiler."""
        if self.compiled is not None:
            self.progress.remove_task(self.compiled)
            self.compiled = None

    def say(self, text: str) -> None:
        """Say something after Ctrl-C above the line that moves, which is drawn anew and so covers ``^C``."""
        self.progress.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
        line_ended()

    def started(self, simulator: Simulator) -> None:
        """Begin the bar."""
        self._begun()
        self.rows = len(simulator.data.train)
        total = simulator.training.epochs
        done = len(simulator.history)
        self.task = self.progress.add_task("epoch", total=total, completed=done, measures="", rate="")

    def read(self, number: int, count: int) -> None:
        """Count beside the bar."""
        self.share(0.0)
        self.progress.update(self.task, measures=f"{number:,} of {count:,} networks checked")

    def finished(self, member: str, result: Result) -> None:
        """Say beside the bar what has become of a network."""
        self.progress.update(self.task, measures=f"{member}: {final_measures(result)}")

    def share(self, done: float) -> None:
        """Move the bar of an ensemble."""
        self._begun()
        if self.task is None:
            self.task = self.progress.add_task("", total=1.0, measures="", rate="")
        self.progress.update(self.task, completed=done)

    def epoch(self, record: Record) -> None:
        """Move the bar."""
        self.progress.update(self.task, advance=1, measures=measures(record), rate=speed(self.rows, record["seconds"]))


def _show_cursor() -> None:
    """The line that moves hides it."""
    os.write(1, b"\x1b[?25h")


def progress_display(*, silent: bool, counting: str = "epoch") -> SilentProgress:
    """What fits where standard output goes; `counting` says what the numbers of a live line are of."""
    if silent:
        return SilentProgress()
    if sys.stdout.isatty():
        return _live_progress(counting)
    return PlainProgress()


def _live_progress(counting: str) -> LiveProgress:
    """A live line on the terminal: epoch, loss, accuracy, samples per second, time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Count(MofNCompleteColumn):
        """Epochs of how many; of what is compiled before them, nobody knows how much it will be."""

        def render(self, task: Task) -> Text:
            whole = super().render(task)
            return whole if task.total is not None else Text(f"{task.completed:.0f}", style="progress.download")

    one_by_one = [TextColumn("{task.description}"), Count()]
    count = one_by_one if counting == "epoch" else [TextColumn(counting)]
    return LiveProgress(
        Progress(
            *count,
            BarColumn(bar_width=16),
            TextColumn("{task.fields[measures]}"),
            TextColumn("[dim]{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
    )
