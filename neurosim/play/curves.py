"""Losses over the steps of a training, as the page draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# With more, those too close to the one before are left out: half of them, where they lie evenly.
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
        # Steps from one point to the next.
        self._apart = 0.0

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
        now, known = self.now, self.now["steps"]
        if known and known[-1] >= steps:
            return
        # The last point moves along until it is far enough from the one before.
        if len(known) > 1 and known[-1] - known[-2] < self._apart:
            _each(now, list.pop)
        known.append(steps)
        now["epochs"].append(epochs)
        for split, found in measures.items():
            now["losses"].setdefault(split, []).append(found["loss"])
            now["accuracies"].setdefault(split, []).append(found["accuracy"])
        if len(known) > MOST_POINTS:
            self._apart = 2 * (steps - known[0]) / MOST_POINTS
            places = [0]
            for place, step in enumerate(known):
                if step >= known[places[-1]] + self._apart or place == len(known) - 1:
                    places.append(place)
            self.now = _each(now, lambda column: [column[place] for place in places])


def _each(columns: Columns, change: Callable[[list[Any]], Any]) -> Columns:
    """Curves of which each column is changed."""
    found = {name: change(columns[name]) for name in ("steps", "epochs")}
    groups = {
        name: {split: change(column) for split, column in columns[name].items()} for name in ("losses", "accuracies")
    }
    return {**found, **groups}
