"""How good a trained network is: loss and accuracy, and what a reader can judge by without knowing the loss.

For values these are the root mean squared error (RMSE) in the units of the data set and R², the share of the
variance that the network explains. Beside them stands a baseline, what an answer is worth that looks at no input:
always the mean of the training rows, or always their largest class.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Totals, outputs
from neurosim.data import Prepared
from neurosim.data.rows import Rows
from neurosim.markup import amount
from neurosim.problem.assembly import Problem
from neurosim.training.history import metrics_in
from neurosim.training.metrics import metric_values

SPLITS = ("train", "validation", "test")
# Targets that are measured one by one in words.
MOST_TARGETS = 6
# The one that says most about a network first: the first that there is judges it.
JUDGED_BY = SPLITS[::-1]
# What there is at the end of a run besides the measures of each epoch, of each split: for values, and for classes.
OF_VALUES = ("rmse", "r2", "baseline_rmse")
OF_CLASSES = ("baseline_accuracy",)
FINAL_ONLY = tuple(f"{split}_{name}" for split in SPLITS for name in (*OF_VALUES, *OF_CLASSES))


def final_measures(backend: Backend, problem: Problem) -> dict[str, float | None]:
    """Measures of a network on every split, dropout off.

    Loss and accuracy of the training and the test rows are always there, None where there is no such thing; then, for
    each split, what `FINAL_ONLY` names and this kind of problem has, and the metrics that are asked for.
    """
    splits = problem.splits
    # A loss that is not finite says so itself.
    with np.errstate(all="ignore"):
        totals = {split: backend.evaluate(rows) for split, rows in splits.items()}
    return FinalMeasures(problem).of(totals.__getitem__, lambda split: outputs(backend, splits[split]))


class FinalMeasures:
    """What `final_measures` gives, of any number of networks for one problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        splits, network = problem.splits, problem.network
        self._values: dict[str, _Values] = {}
        self._constant: dict[str, float | None] = {}
        if problem.data.classes:
            self._constant = {f"{split}_baseline_accuracy": _baseline_accuracy(splits, split) for split in splits}
        else:
            scale = problem.data.target_scale
            self._values = {split: _Values(splits, split, scale, network.answers) for split in splits}

    def of(
        self, totals_on: Callable[[str], Totals], outputs_on: Callable[[str], NDArray[Any]]
    ) -> dict[str, float | None]:
        """Those of the network with these totals, and outputs, on the rows of a split."""
        splits = self._problem.splits
        final: dict[str, float | None] = {}
        for split in SPLITS:
            if split in splits:
                totals = totals_on(split)
                final[f"{split}_loss"], final[f"{split}_accuracy"] = totals.mean_loss, totals.accuracy_share
            elif split != "validation":
                final[f"{split}_loss"] = final[f"{split}_accuracy"] = None
        final |= self._constant
        if self._values:
            outputs_on = cache(outputs_on)
            # A loss that is not finite says so itself.
            with np.errstate(all="ignore"):
                for split, values in self._values.items():
                    final |= {f"{split}_{name}": value for name, value in values.measures(outputs_on(split)).items()}
        if self._problem.metrics:
            metrics, network, data = self._problem.metrics, self._problem.network, self._problem.data
            final |= metric_values(metrics, network, outputs_on, splits, data)
        return final


def confusion(backend: Backend, rows: Rows) -> NDArray[np.uint32] | None:
    """How many rows of a class (down) are taken for a class (across); None where there are no classes."""
    if rows.accuracy == "none":
        return None
    answers, threshold = outputs(backend, rows), backend.network.loss.record.threshold
    taken = answers.argmax(axis=1) if rows.accuracy == "argmax" else answers[:, 0] > threshold
    count = max(backend.network.outputs, 2)
    pairs = rows.classes.astype(np.int64) * count + taken
    return np.bincount(pairs, minlength=count * count).reshape(count, count).astype(np.uint32)


def diverged_measures(final: Mapping[str, float | None]) -> dict[str, float | None]:
    """What `final_measures` gives, of a network that diverged: only baselines, which are those of the rows, stay."""
    return {name: value if value is None or "baseline" in name else math.nan for name, value in final.items()}


def measured(final: Mapping[str, float | None]) -> list[str]:
    """The measures to show of each split, without the baseline: the loss and those that some split has."""
    names = dict.fromkeys(["accuracy", "rmse", "r2", *(name.partition("_")[2] for name in metrics_in(final))])
    return ["loss", *(name for name in names if any(final.get(f"{split}_{name}") is not None for split in SPLITS))]


def judged_split(final: Mapping[str, float | None]) -> str:
    """The split that says most about a network, of those that were measured: test, else validation, else train."""
    return next((split for split in JUDGED_BY if final.get(f"{split}_loss") is not None), "train")


def measure_remarks(final: Mapping[str, float | None], data: Prepared) -> dict[str, str]:
    """What a reader needs beside the measures, in words: the baseline, their units, and rows that were left out."""
    split = judged_split(final)
    found = {}
    accuracy, rmse = final.get(f"{split}_baseline_accuracy"), final.get(f"{split}_baseline_rmse")
    if accuracy is not None:
        found["baseline"] = f"{split} accuracy {accuracy:.2%}, from {_constant(data)}"
    if rmse is not None:
        found["baseline"] = f"{split} RMSE {amount(rmse)}, from always answering the mean of the training rows"
    several = len(data.target_scale) > 1
    if data.scales_targets:
        of = data.target_labels[0] if data.target_labels and not several else "the targets"
        rmse_is = "RMSE is over all targets together" if several else f"RMSE is in the units of {of}"
        found["units"] = f"{rmse_is}; the loss is that of standardized targets"
    if data.left_out:
        rows = "1 row" if data.left_out == 1 else f"{data.left_out:,} rows"
        found["left out"] = f"{rows} of {data.rows + data.left_out:,}, in which a value is missing"
    return found


def by_target(answers: NDArray[Any], rows: Rows, data: Prepared) -> dict[str, dict[str, float | None]]:
    """RMSE and R² of each target, by its name, where the network answers these rows so."""
    count = len(data.target_scale)
    with np.errstate(all="ignore"):
        answers = answers.astype(np.float64)[:, :count]
        values = rows.values.astype(np.float64)
        errors = np.square((answers - values) / data.target_scale).mean(axis=0)
        spread = np.square((values - values.mean(axis=0)) / data.target_scale).mean(axis=0)
        explained = 1.0 - errors / spread
    names = data.target_names or tuple(f"value {number}" for number in range(1, count + 1))
    return {
        name: {"rmse": math.sqrt(error), "r2": float(share) if math.isfinite(share) else None}
        for name, error, share in zip(names, errors.tolist(), explained.tolist(), strict=True)
        if math.isfinite(error)
    }


def target_remark(split: str, found: Mapping[str, Mapping[str, float | None]], data: Prepared) -> dict[str, str]:
    """What `by_target` has found on a split, in words."""
    shown_as = dict(zip(data.target_names, data.target_labels, strict=True))
    if not found:
        return {}
    shown = [
        f"{shown_as.get(name, name)} {amount(of['rmse'] or 0.0)}"
        + ("" if of["r2"] is None else f" (R² {amount(of['r2'])})")
        for name, of in found.items()
    ]
    more = f" and {len(shown) - MOST_TARGETS} more" if len(shown) > MOST_TARGETS else ""
    return {"targets": f"{split} RMSE of {', '.join(shown[:MOST_TARGETS])}{more}"}


def _constant(data: Prepared) -> str:
    """What is answered whatever the input, in words; of several classes that are equally large it does not matter."""
    counts = np.bincount(data.train.targets)
    if np.count_nonzero(counts == counts.max()) > 1:
        return "always giving the same answer"
    return f'always answering "{data.class_labels[int(counts.argmax())]}", the largest class'


def _largest(classes: NDArray[np.integer]) -> int:
    return int(np.bincount(classes).argmax())


def _baseline_accuracy(splits: Mapping[str, Rows], split: str) -> float:
    return float(np.mean(splits[split].classes == _largest(splits["train"].classes)))


class _Values:
    """Measures of values on the rows of a split, in the units of the table."""

    def __init__(self, splits: Mapping[str, Rows], split: str, scale: Any, answers: int) -> None:
        self._scale, self._answers = scale, answers
        self._values = splits[split].values.astype(np.float64)
        mean = splits["train"].values.astype(np.float64).mean(axis=0)
        self._baseline = math.sqrt(self._squares(mean - self._values).mean())
        self._spread = self._squares(self._values - self._values.mean(axis=0))

    def _squares(self, differences: NDArray[np.float64]) -> NDArray[np.float64]:
        # What was subtracted in the table does not matter to differences.
        means: NDArray[np.float64] = np.square(differences / self._scale).mean(axis=0)
        return means

    def measures(self, outputs: NDArray[Any]) -> dict[str, float | None]:
        """Those of a network with these outputs."""
        errors = self._squares(outputs.astype(np.float64)[:, : self._answers] - self._values)
        varies = self._spread > 0
        explained = 1.0 - errors[varies] / self._spread[varies]
        return {
            "rmse": math.sqrt(errors.mean()),
            "r2": float(explained.mean()) if varies.any() else None,
            "baseline_rmse": self._baseline,
        }
