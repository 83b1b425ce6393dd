"""How good a trained network is: loss and accuracy, and what a reader can judge by without knowing the loss.

For values these are the root mean squared error (RMSE) in the units of the data set and R², the share of the
variance that the network explains. Beside them stands a baseline, what an answer is worth that looks at no input:
always the mean of the training rows, or always their largest class.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend
from neurosim.data import Prepared
from neurosim.data.rows import Rows
from neurosim.markup import amount
from neurosim.problem.assembly import Problem
from neurosim.training.history import metrics_in
from neurosim.training.metrics import metric_values, outputs

SPLITS = ("train", "validation", "test")
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
    splits, data = problem.splits, problem.data
    final: dict[str, float | None] = {}
    # A loss that is not finite says so itself.
    with np.errstate(all="ignore"):
        for split in SPLITS:
            if split in splits:
                totals = backend.evaluate(splits[split])
                final |= {f"{split}_loss": totals.mean_loss, f"{split}_accuracy": totals.accuracy_share}
            elif split != "validation":
                final |= {f"{split}_loss": None, f"{split}_accuracy": None}
        for split in splits:
            found = _of_classes(splits, split) if data.classes else _of_values(backend, splits, split, data)
            final |= {f"{split}_{name}": value for name, value in found.items()}
    return final | metric_values(problem.metrics, backend, splits, data)


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
    """What a reader needs beside the measures, in words: the baseline, and which units they are in."""
    split = judged_split(final)
    found = {}
    accuracy, rmse = final.get(f"{split}_baseline_accuracy"), final.get(f"{split}_baseline_rmse")
    if accuracy is not None:
        found["baseline"] = f"{split} accuracy {accuracy:.2%}, from {_constant(data)}"
    if rmse is not None:
        found["baseline"] = f"{split} RMSE {amount(rmse)}, from always answering the mean of the training rows"
    if data.scales_targets:
        of = " and ".join(data.target_labels[:3]) or "the targets"
        found["units"] = f"RMSE is in the units of {of}; the loss is that of standardized targets"
    return found


def _constant(data: Prepared) -> str:
    """What is answered whatever the input, in words; of several classes that are equally large it does not matter."""
    counts = np.bincount(data.train.targets)
    if np.count_nonzero(counts == counts.max()) > 1:
        return "always giving the same answer"
    return f'always answering "{data.class_labels[int(counts.argmax())]}", the largest class'


def _largest(classes: NDArray[np.integer]) -> int:
    return int(np.bincount(classes).argmax())


def _of_classes(splits: Mapping[str, Rows], split: str) -> dict[str, float | None]:
    return {"baseline_accuracy": float(np.mean(splits[split].classes == _largest(splits["train"].classes)))}


def _of_values(backend: Backend, splits: Mapping[str, Rows], split: str, data: Prepared) -> dict[str, float | None]:
    rows, mean = splits[split], splits["train"].values.astype(np.float64).mean(axis=0)
    values, found = rows.values.astype(np.float64), outputs(backend, rows).astype(np.float64)
    answers = found[:, : backend.network.answers]
    # In the units of the table; what was subtracted there does not matter to differences.
    errors, from_mean, spread = (
        np.square(difference / data.target_scale).mean(axis=0)
        for difference in (answers - values, mean - values, values - values.mean(axis=0))
    )
    varies = spread > 0
    explained = 1.0 - errors[varies] / spread[varies]
    return {
        "rmse": math.sqrt(errors.mean()),
        "r2": float(explained.mean()) if varies.any() else None,
        "baseline_rmse": math.sqrt(from_mean.mean()),
    }
