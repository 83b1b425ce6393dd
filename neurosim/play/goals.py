"""Whether the goals that students say to have reached are reached when their networks are trained again."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from typing import Any

from neurosim.errors import NeurosimError, UsageError
from neurosim.play.course import Lesson
from neurosim.play.messages import check_parts
from neurosim.play.pages import Pages
from neurosim.problem.assembly import Problem
from neurosim.scenario import Scenario
from neurosim.scenario.play import Goal, Question

# What is trained again for an answer: steps, and of all of them rows times parameters; half a minute at most.
MOST_STEPS, MOST_WORK = 20_000, 3_000_000_000
SECTIONS = ("scenario", "data", "network", "optimizer", "training")
# By how much what the page shows may be rounded otherwise.
NEAR = 1e-6


class Goals:
    """Trains what answers say, on the reference backend, which computes what the page does.

    Parameters
    ----------
    scenario : Scenario
        The lesson.
    problem : Problem
        The same, assembled.
    datasets : collection of str
        The data sets, made without files, that a page may choose.

    Attributes
    ----------
    notes : list of str
        About each goal that is said to be reached and was not found so: which, and why.
    """

    def __init__(self, scenario: Scenario, problem: Problem, datasets: Collection[str] = ()) -> None:
        self._pages = Pages(scenario, problem, datasets)
        self._tables = tomllib.loads(scenario.to_toml())
        self.notes: list[str] = []

    def reached(self, file: str, question: Question, entry: Mapping[str, Any]) -> bool | None:
        """Whether the goal of a question is reached by what an answer says; None where that cannot be told."""
        if entry.get("right") is not True:
            return False
        assert question.goal is not None
        try:
            found = self._met(question.goal, entry)
        except NeurosimError as error:
            self.notes.append(f'{file}: "{question.ask}" cannot be checked: {error.message}')
            return None
        if found:
            self.notes.append(f'{file}: "{question.ask}" {found}')
        return not found

    def _met(self, goal: Goal, entry: Mapping[str, Any]) -> str:
        """What is missing; empty if nothing is."""
        steps = entry.get("step")
        if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MOST_STEPS:
            raise UsageError(f"trained again are 1 to {MOST_STEPS:,} steps")
        scenario, problem = self._pages.changed(self._changed(entry.get("changed")))
        network, rows = problem.network, problem.splits["train"].count
        work = steps * min(scenario.training.batch_size, rows) * network.size
        if work > MOST_WORK:
            raise UsageError("its network is too large to train that long again")
        layers = tomllib.loads(scenario.to_toml())["network"]["layers"][:-1]
        units = sum(table["units"] for table in layers if table["kind"] == "dense")
        if goal.units is not None and units > goal.units:
            return f"was reached with {units} hidden units"
        lesson = Lesson(scenario, problem, "reference")
        while lesson.steps < steps and lesson.is_finite:
            lesson.train(min(500, steps - lesson.steps))
        split, _, measure = goal.measure.partition("_")
        value = lesson.measures().get(split, {}).get(measure)
        low = -float("inf") if goal.at_least is None else goal.at_least - NEAR
        high = float("inf") if goal.at_most is None else goal.at_most + NEAR
        if value is not None and low <= value <= high:
            return ""
        shown = "no number" if value is None else f"{value:.3g}"
        return f"is not reached when it is trained again: after {steps:,} steps it is {shown}"

    def _changed(self, changes: Any) -> dict[str, dict[str, Any]]:
        """The tables of the lesson, with what a page says to have changed."""
        if not isinstance(changes, dict):
            raise UsageError("its file does not say what was trained")
        check_parts(changes)
        tables = {name: dict(self._tables[name]) for name in SECTIONS}
        for path, value in changes.items():
            section, _, key = path.partition(".")
            if section not in SECTIONS or "." in key:
                continue
            if value is None:
                tables[section].pop(key, None)
            else:
                tables[section][key] = value
        return tables
