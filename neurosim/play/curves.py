"""Losses over the steps of a training, as the page draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# With more, each second one is left out.
MOST_POINTS = 400

Columns = dict[str, Any]


class Curves:
    """The curves of a training, and those of a future that was left when it went back and on from there.

    Attributes
    ----------
    now, other : dict
        ``steps``, ``epochs``, ``losses`` and ``accuracies``, these by split; `other` is None until there is one.
    """

    def __init__(self) -> None:
        self.now: Columns = {"steps": [], "epochs": [], "losses": {}, "accuracies": {}}
        self.other: Columns | None = None

    def branch(self, steps: int) -> None:
        """Training is about to go on from so many steps: what is ahead of them is another future."""
        known = self.now["steps"]
        if not known or known[-1] <= steps:
            return
        first = next(place for place, step in enumerate(known) if step > steps)
        self.other = _each(self.now, lambda column: column[max(first - 1, 0) :])
        self.now = _each(self.now, lambda column: column[:first])

    def note(self, steps: int, epochs: float, measures: Mapping[str, Mapping[str, float | None]]) -> None:
        """Add what was measured, unless that lies behind."""
        now = self.now
        if now["steps"] and now["steps"][-1] >= steps:
            return
        now["steps"].append(steps)
        now["epochs"].append(epochs)
        for split, found in measures.items():
            now["losses"].setdefault(split, []).append(found["loss"])
            now["accuracies"].setdefault(split, []).append(found["accuracy"])
        if len(now["steps"]) > MOST_POINTS:
            self.now = _each(now, lambda column: column[::2])


def _each(columns: Columns, change: Callable[[list[Any]], list[Any]]) -> Columns:
    """Curves of which each column is changed."""
    found = {name: change(columns[name]) for name in ("steps", "epochs")}
    groups = {
        name: {split: change(column) for split, column in columns[name].items()} for name in ("losses", "accuracies")
    }
    return {**found, **groups}
