"""Trying remedies: the same scenario, seed and rows with one thing changed, trained for a while and compared."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from neurosim.diagnosis.budget import Budget, longest
from neurosim.diagnosis.finding import Lines, Remedy, Trial
from neurosim.diagnosis.measured import LEARNED, Measured, measure, total_steps, train
from neurosim.diagnosis.range_test import RangeTest, range_test
from neurosim.diagnosis.words import count, number
from neurosim.errors import NeurosimError
from neurosim.scenario.overrides import parse_overrides
from neurosim.training.simulator import Simulator

# What must improve: what is learned; the loss on held-out rows; the rarest class; dead units.
Goal = Literal["learn", "kept_apart", "rare_class", "alive"]
# A loss this many times the one before is clearly smaller; this much more learned is clearly more.
SMALLER, MORE = 0.9, 0.1
# Recognizing less of the rarest class than this is no help.
WORTH_IT = 0.4
# Losses on held-out rows differ by chance alone; at this many times the one before, all is well.
KEPT_WELL = 0.7
TOO_LONG = "training for long enough would take doctor too long"
USED_UP = "earlier trials have used up the time that doctor allows itself"


class Trials:
    """Tries remedies on one run, within a budget.

    Parameters
    ----------
    fresh : Simulator
        A simulator with the run's scenario and seed; others are made from it, and it is left unchanged.
    trained : Simulator or None
        The trained network; None if training failed.
    failure : str
        Why it failed.
    budget : Budget
        How much may be trained.
    """

    def __init__(self, fresh: Simulator, trained: Simulator | None, failure: str, budget: Budget) -> None:
        self._fresh = fresh.fresh(bare=True)
        self._trained = trained
        self._failure = failure
        self._budget = budget
        self._before: dict[int, Measured] = {}
        self._done: dict[tuple[Remedy, Goal], Trial | str] = {}
        self._rates: list[RangeTest | None] = []

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self._fresh.seed

    def rates(self) -> RangeTest | None:
        """The outcome of other learning rates; None if they cannot be tried."""
        if not self._rates:
            self._rates.append(range_test(self._fresh, self._budget))
        return self._rates[0]

    def attempt(self, remedy: Remedy, goal: Goal) -> Trial | str | None:
        """Train with a remedy.

        Returns the trial; the reason, in words, if it would take too long; None if the remedy does not fit.
        """
        if (remedy, goal) not in self._done:
            try:
                changed = self._fresh.changed(parse_overrides(remedy))
            except NeurosimError:
                return None
            if changed.scenario == self._fresh.scenario:
                return None
            self._done[remedy, goal] = self._compared(remedy, goal, changed)
        return self._done[remedy, goal]

    def _compared(self, remedy: Remedy, goal: Goal, changed: Simulator) -> Trial | str:
        total, steps = total_steps(changed), longest(changed)
        whole = steps == total
        same = changed.training.epochs == self._fresh.training.epochs
        if not steps or (not whole and not same):
            return TOO_LONG
        if not self._budget.spend(changed, steps):
            return USED_UP
        # Both see as many rows, whatever the batch size.
        before = self._unchanged(total_steps(self._fresh) if whole else round(steps / total * total_steps(self._fresh)))
        after = train(changed, steps)
        # Losses in different units cannot be compared.
        alike = np.array_equal(changed.split_rows("train").values, self._fresh.split_rows("train").values)
        before = before if alike else replace(before, loss=None, kept_loss=None)
        helped, cured = _judge(goal, before, after)
        epochs = changed.course.epochs(steps)
        words = f"{_how_long(epochs, steps, whole)} {_comparison(goal, before, after)}"
        losses = _losses(remedy, goal, changed, self._trained if alike else None)
        return Trial(remedy, steps, epochs, whole, before, after, helped, cured, words, losses)

    def _unchanged(self, steps: int) -> Measured:
        """What the unchanged scenario reaches in this many steps; they cost no more than the remedy's."""
        if steps not in self._before:
            if steps < total_steps(self._fresh):
                found = train(self._fresh.fresh(), steps)
            elif self._trained is not None:
                found = measure(self._trained)
            else:
                found = Measured(failure=self._failure)
            self._before[steps] = found
        return self._before[steps]


def _losses(remedy: Remedy, goal: Goal, changed: Simulator, unchanged: Simulator | None) -> Lines | None:
    """The losses with a remedy and, if there are any, without it; None for fewer than two epochs."""
    column, title = "train_loss", "training loss"
    if goal == "kept_apart":
        column = "validation_loss" if "validation" in changed.splits else "test_loss"
        title = "loss on the held-out rows"
    histories = {shown(remedy): changed.history} | ({"unchanged": unchanged.history} if unchanged is not None else {})
    lines = {name: tuple(getattr(history, column)) for name, history in histories.items() if history}
    epochs = max(map(len, lines.values()), default=0)
    return Lines(f"What was tried: {title}", tuple(range(1, epochs + 1)), lines) if epochs > 1 else None


def shown(remedy: Remedy) -> str:
    """A remedy, briefly."""
    first = remedy[0].replace("scenario.seed=", "seed ") if remedy else ""
    return first if len(remedy) <= 1 else f"{first} and {len(remedy) - 1} more"


def learns_more(trial: Trial | None) -> bool:
    """Whether clearly more was learned in a trial."""
    return trial is not None and _more(trial.before, trial.after)


def _more(before: Measured, after: Measured) -> bool:
    # A network that is worse than a constant answer has learned nothing.
    return max(after.skill or 0.0, 0.0) >= max(before.skill or 0.0, 0.0) + MORE


def _judge(goal: Goal, before: Measured, after: Measured) -> tuple[bool, bool]:
    """Whether a remedy helped, and whether all is well with it."""
    if after.loss is None or not math.isfinite(after.loss) or after.skill is None:
        return False, False
    if before.loss is None or before.skill is None:
        # The unchanged run failed, or its losses are in other units.
        return _more(before, after), after.learned
    if goal == "kept_apart":
        ratio = (after.kept_loss or 0.0) / max(before.kept_loss or 0.0, 1e-30)
        return ratio <= SMALLER and after.learned, ratio <= KEPT_WELL and after.learned
    if goal == "rare_class":
        now, then = after.rare or 0.0, before.rare or 0.0
        # Memorizing the rare rows is no help.
        fair = (after.kept_loss or 0.0) <= (before.kept_loss or math.inf) / SMALLER
        helped = fair and now >= max(then + MORE, WORTH_IT)
        return helped, helped and now >= LEARNED
    if goal == "alive" and before.learned:
        kept = after.learned and after.loss <= before.loss / SMALLER
        return kept and after.dead <= before.dead - MORE, kept and after.dead < LEARNED
    more = _more(before, after)
    smaller = after.loss <= SMALLER * before.loss and after.loss < before.loss and after.skill >= before.skill - 0.01
    return more or smaller, after.learned and (smaller or (more and after.loss < before.loss))


def _how_long(epochs: float, steps: int, whole: bool) -> str:
    if epochs < 1 or (not whole and epochs != round(epochs)):
        return f"in {count(steps, 'step')}"
    return f"in {count(round(epochs), 'epoch')}"


def _comparison(goal: Goal, before: Measured, after: Measured) -> str:
    if after.failure:
        return "training diverges"
    found = []
    if goal == "kept_apart":
        return _change("the loss on the held-out rows is", _number(after.kept_loss), _number(before.kept_loss))
    if goal == "rare_class":
        recognized = "of the rows of the rarest class are recognized"
        found.append(_change("", _share(after.rare), _share(before.rare), recognized))
    elif goal == "alive" and before.learned:
        found.append(_change("", _share(after.dead), _share(before.dead), "of the units are dead"))
    else:
        found.append(
            _change("the network learns", _share(after.skill), _share(before.skill), "of what there is to learn")
        )
    if before.loss is None:
        return f"{found[0]}, and the training loss comes down to {_number(after.loss)}"
    return f"{found[0]}; {_change('the training loss is', _number(after.loss), _number(before.loss))}"


def _change(what: str, now: str, then: str, more: str = "") -> str:
    # A run that failed has nothing to compare with.
    instead = f" instead of {then}" if then else ""
    return " ".join(part for part in (what, now, more) if part) + instead


def _share(share: float | None) -> str:
    return "" if share is None else f"{max(share, 0.0):.0%}"


def _number(value: float | None) -> str:
    return "" if value is None else number(value)
