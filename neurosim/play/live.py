"""A run as it is trained, on the page: an observer that tells the pages that are open how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import UsageError
from neurosim.play.course import finite
from neurosim.play.curves import Curves
from neurosim.play.messages import Order
from neurosim.play.school import layers_of, numbers
from neurosim.play.serving import served
from neurosim.play.visitors import LONGEST, Visitor, Visitors
from neurosim.training.history import Record
from neurosim.training.observer import Observer
from neurosim.training.simulator import Simulator

# Seconds that a run waits for its page before it begins, and at its end for that to have drawn what it was told last.
BEFORE, AFTER = 10.0, 10.0
# Between two looks at what pages ask, and the share of the time that telling them may take.
BETWEEN, SHARE = 0.03, 0.2


class Live(Observer):
    """Shows a run on a page; nothing on that page changes the run.

    Parameters
    ----------
    other : Observer
        Who else is told.
    page : function
        Makes the text of the page, of a simulator.
    found : function
        Called with the address.
    """

    def __init__(self, other: Observer, page: Callable[[Simulator], str], found: Callable[[str], None]) -> None:
        self._other = other
        self._page = page
        self._found = found
        self._stack = ExitStack()
        self._visitors = Visitors()
        # Each page, whether it needs the numbers of the network, and those that have drawn what they were told.
        self._evaluates: dict[Visitor, bool] = {}
        self._waiting: set[Visitor] = set()
        self._simulator: Simulator | None = None
        self._layers: list[dict[str, Any]] = []
        self._curves = Curves()
        self._measures: dict[str, dict[str, float | None]] = {}
        self._next_look = self._next_telling = 0.0
        self._ended = False

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None and self._simulator is not None:
                self._end()
        finally:
            self._stack.close()

    def rest(self) -> float:
        """As long as one likes."""
        return LONGEST

    def advance(self) -> None:
        """The run goes on by itself."""

    def leave(self, visitor: Visitor) -> None:
        """Forget a page."""
        self._evaluates.pop(visitor, None)
        self._waiting.discard(visitor)

    def obey(self, visitor: Visitor, order: Order) -> None:
        """Show the run to a page."""
        if order["do"] == "build":
            self._evaluates[visitor] = order["evaluates"]
            self._tell([visitor])
        elif order["do"] == "more":
            self._waiting.add(visitor)
        else:
            raise UsageError("this page shows a run as it is")

    def started(self, simulator: Simulator) -> None:
        """Open the page, and wait for it a little."""
        self._other.started(simulator)
        self._simulator, self._layers = simulator, layers_of(simulator.network)
        text = self._page(simulator)
        with np.errstate(all="ignore"):
            found = {name: simulator.evaluate(name) for name in simulator.splits}
        self._note({f"{split}_{name}": value for split, two in found.items() for name, value in two.items()})
        address = self._stack.enter_context(served(lambda: text, self._visitors))
        self._found(address)
        self._visitors.settle(self, lambda: bool(self._waiting), BEFORE)

    def epoch(self, record: Record) -> None:
        """Tell the pages of an epoch."""
        self._other.epoch(record)
        self._note(record)
        self._look()

    def part(self) -> None:
        """Tell the pages how far the epoch is."""
        self._other.part()
        self._look()

    def compiling(self) -> None:
        """As the other observer is told."""
        self._other.compiling()

    def compiles(self, what: str) -> None:
        """As the other observer is told."""
        self._other.compiles(what)

    def stopping(self) -> None:
        """As the other observer is told."""
        self._other.stopping()

    def interrupted(self, folder: Path | None) -> None:
        """As the other observer is told."""
        self._other.interrupted(folder)

    def _note(self, record: Record | dict[str, Any]) -> None:
        simulator = self._simulator
        assert simulator is not None
        self._measures = {
            split: {name: finite(record.get(f"{split}_{name}")) for name in ("loss", "accuracy")}
            for split in simulator.splits
            if record.get(f"{split}_loss") is not None
        }
        self._curves.note(simulator.steps_done, simulator.course.epochs(simulator.steps_done), self._measures)

    def _look(self) -> None:
        """Do what pages have asked, and tell those that wait."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + BETWEEN
        self._visitors.settle(self, lambda: True)
        if self._waiting and now >= self._next_telling:
            self._tell(list(self._waiting))
            end = time.monotonic()
            self._next_telling = end + (end - now) * (1 - SHARE) / SHARE

    def _end(self) -> None:
        """Tell the pages what the run has come to, and wait for them to have drawn it."""
        self._ended = True
        self._tell(list(self._evaluates))
        self._visitors.settle(self, lambda: self._waiting >= set(self._evaluates), AFTER)

    def _tell(self, visitors: list[Visitor]) -> None:
        simulator = self._simulator
        assert simulator is not None
        with np.errstate(all="ignore"):
            counts = simulator.confusion(simulator.judged_split) if simulator.data.classes else None
        state = {
            "measures": self._measures,
            "curves": self._curves.now,
            "other": None,
            "counts": None if counts is None else {"split": simulator.judged_split, "rows": counts.tolist()},
            "layers": self._layers,
            "steps": simulator.steps_done,
            "epochs": simulator.course.epochs(simulator.steps_done),
            "running": not self._ended,
            "ended": self._ended,
        }
        network, values = simulator.network, {}
        if any(self._evaluates[visitor] for visitor in visitors):
            values = {
                "values": numbers(network.flat(simulator.parameters, np.float64)),
                "statistics": numbers(network.flat_statistics(simulator.statistics, np.float64)),
            }
        for visitor in visitors:
            self._waiting.discard(visitor)
            visitor.tell({"state": {**state, **(values if self._evaluates[visitor] else {})}})
