"""Trains for pages on a backend: a network for each page, a part of each in turn."""

from __future__ import annotations

import base64
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import NeurosimError, UsageError
from neurosim.network.layers import Activated, Layer
from neurosim.network.network import Network
from neurosim.play.course import Lesson
from neurosim.play.curves import Curves
from neurosim.play.messages import Order
from neurosim.play.pages import Pages
from neurosim.play.visitors import Visitor
from neurosim.problem.assembly import Problem
from neurosim.scenario import Scenario
from neurosim.training.measures import JUDGED_BY, confusion

# Seconds that a part of the steps may take, before messages are looked for.
PART = 0.015
# Of the time, the share that measuring the splits may take.
SHARE = 0.3


class Desk:
    """The network of one page.

    Parameters
    ----------
    visitor : Visitor
        The page.
    lesson : Lesson
        Its network.
    problem : Problem
        Its rows, and what it is made of.
    evaluates : bool
        Whether the page needs its numbers.
    """

    def __init__(self, visitor: Visitor, lesson: Lesson, problem: Problem, *, evaluates: bool) -> None:
        self._visitor = visitor
        self._evaluates = evaluates
        self.lesson = lesson
        self._problem = problem
        self._layers = layers_of(problem.network)
        self._judged = next(name for name in JUDGED_BY if name in problem.splits)
        self._curves = Curves()
        self.running = False
        self._pace = 0
        # For the page to have drawn what it was told.
        self.waiting = True
        self._begun = time.monotonic()
        self._done = 0
        self._part = 1
        self._measured_until = 0.0
        self._diverged = False
        self.tell()

    def rest(self) -> float:
        """Seconds until there is something to do."""
        if not self.running:
            return 1.0
        return 0.0 if self._due() > 0 else 0.004

    def run(self, pace: int) -> None:
        """Train on, `pace` steps a second or, with 0, as many as there can be."""
        self.running, self._pace, self._begun, self._done = True, pace, time.monotonic(), 0

    def advance(self) -> None:
        """Train a part of the steps."""
        if not self.running:
            return
        steps = min(self._due(), self._part)
        if steps > 0:
            start = time.perf_counter()
            self.train(steps)
            self._done += steps
            seconds = time.perf_counter() - start
            if steps == self._part:
                self._part = max(1, min(2 * self._part, int(self._part * PART / max(seconds, 1e-6))))
        if self.waiting and time.monotonic() >= self._measured_until:
            self.tell()

    def train(self, steps: int) -> None:
        """Train some steps; what is no longer finite ends it."""
        self._curves.branch(self.lesson.steps)
        self.lesson.train(steps)
        if not self.lesson.is_finite:
            self.running, self._diverged = False, True
            self.tell()

    def _due(self) -> int:
        if not self._pace:
            return self._part
        return int((time.monotonic() - self._begun) * self._pace) - self._done

    def seek(self, step: int) -> None:
        """Go to a step that training has been at."""
        self.running = self._diverged = False
        self.lesson.seek(min(step, max(self._curves.now["steps"], default=0)))

    def tell(self) -> None:
        """Tell the page how far training is."""
        self.waiting = False
        lesson = self.lesson
        start = time.monotonic()
        measures = lesson.measures()
        with np.errstate(all="ignore"):
            counts = confusion(lesson.backend, self._problem.splits[self._judged])
        end = time.monotonic()
        self._measured_until = end + (end - start) * (1 - SHARE) / SHARE
        self._curves.note(lesson.steps, lesson.epochs, measures)
        state = {
            "measures": measures,
            "curves": self._curves.now,
            "other": self._curves.other,
            "counts": None if counts is None else {"split": self._judged, "rows": counts.tolist()},
            "layers": self._layers,
            "steps": lesson.steps,
            "epochs": lesson.epochs,
            "running": self.running,
        }
        if self._diverged:
            state["diverged"] = True
        if self._evaluates:
            backend = lesson.backend
            state |= {"values": numbers(backend.parameters), "statistics": numbers(backend.statistics)}
        self._visitor.tell({"state": state})


class School:
    """The host of pages whose networks are trained here.

    Parameters
    ----------
    scenario : Scenario
        What pages begin with.
    problem : Problem
        The same, assembled.
    backend : str
        Where to compute.
    datasets : collection of str
        The data sets, made without files, that a page may choose.
    threads : int, optional
        For the CPU backend.
    data_dir : Path, optional
        Folder of data sets.
    """

    def __init__(
        self,
        scenario: Scenario,
        problem: Problem,
        backend: str,
        datasets: Collection[str] = (),
        threads: int | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self._backend = backend
        self._pages = Pages(scenario, problem, datasets, data_dir)
        self._threads = threads
        self._desks: dict[Visitor, Desk] = {}

    def rest(self) -> float:
        """Seconds until there is something to do without being asked."""
        return min((desk.rest() for desk in self._desks.values()), default=1.0)

    def advance(self) -> None:
        """Train each network a little."""
        for visitor, desk in self._desks.items():
            try:
                desk.advance()
            except NeurosimError as error:
                desk.running = False
                visitor.tell({"failed": error.message})

    def leave(self, visitor: Visitor) -> None:
        """Forget a page and its network."""
        self._desks.pop(visitor, None)

    def obey(self, visitor: Visitor, order: Order) -> None:
        """Do what a page asks; raises NeurosimError for what cannot be done."""
        if order["do"] == "build":
            self.leave(visitor)
            scenario, problem = self._pages.changed(order["scenario"])
            lesson = Lesson(scenario, problem, self._backend, self._threads)
            self._desks[visitor] = Desk(visitor, lesson, problem, evaluates=order["evaluates"])
            return
        desk = self._desks.get(visitor)
        if desk is None:
            raise UsageError("there is no network yet")
        match order:
            case {"do": "run", "steps": pace}:
                desk.run(pace)
            case {"do": "pause"}:
                desk.running = False
                desk.tell()
            case {"do": "step"}:
                desk.train(1)
                desk.tell()
            case {"do": "epoch"}:
                desk.train(desk.lesson.left_of_epoch())
                desk.tell()
            case {"do": "seek", "to": step}:
                desk.seek(step)
                desk.tell()
            case {"do": "set", "name": name, "value": value}:
                desk.lesson.tune(name, value)
            case {"do": "weights", "values": values}:
                desk.lesson.set_parameters(values)
                desk.tell()
            case {"do": "restart"}:
                raise UsageError("another seed is another network: build it")
            case {"do": "formula"}:
                raise UsageError("formulas are for pages that train by themselves")
            case {"do": "more"}:
                desk.waiting = True


def layers_of(network: Network) -> list[dict[str, Any]]:
    """What a network is made of, in words, with the number of its parameters."""

    def words(layer: Layer) -> str:
        activation = layer.activation.name if isinstance(layer, Activated) else "identity"
        return layer.words + ("" if activation == "identity" else f", {activation.replace('_', ' ')}")

    return [
        {
            "words": words(layer),
            "shape": " x ".join(map(str, layer.output_shape)),
            "parameters": sum(part.size for part in layer.parameters),
        }
        for layer in network.parts
    ]


def numbers(array: np.ndarray[Any, Any]) -> dict[str, str]:
    """Numbers as text, of their own kind."""
    kind = "f8" if array.dtype == np.float64 else "f4"
    return {"kind": kind, "base64": base64.b64encode(np.ascontiguousarray(array, f"<{kind}").tobytes()).decode()}
