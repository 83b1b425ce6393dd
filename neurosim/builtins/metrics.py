"""Metrics: how good the answers of a network are, besides its loss and its accuracy.

Of classes, `outputs` has a column for each, and `targets` the index of the right one. Averages over classes are macro
averages: each class counts the same, however many rows it has. A class without any rows, of which nothing is said
either, is left out of them.
"""

import numpy as np

from neurosim.plugin import Metric, hookimpl


def _counts(outputs, targets):
    """Of each class: the rows taken for it rightly, those taken for it at all, and those that are of it."""
    answers, classes = outputs.argmax(axis=1), outputs.shape[1]
    right = np.bincount(targets[answers == targets], minlength=classes)
    return right, np.bincount(answers, minlength=classes), np.bincount(targets, minlength=classes)


def _macro_average(parts, wholes, there):
    """The mean over the classes that are there of parts divided by wholes; nothing of nothing is 0."""
    shares = np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)
    return shares[there].mean()


def precision(outputs, targets):
    right, taken, rows = _counts(outputs, targets)
    return _macro_average(right, taken, (taken > 0) | (rows > 0))


def recall(outputs, targets):
    right, taken, rows = _counts(outputs, targets)
    return _macro_average(right, rows, (taken > 0) | (rows > 0))


def f1(outputs, targets):
    right, taken, rows = _counts(outputs, targets)
    return _macro_average(2 * right, taken + rows, (taken > 0) | (rows > 0))


def top_k_accuracy(outputs, targets, k):
    # Of equal outputs the class with the smaller index comes first, as in argmax.
    own = np.take_along_axis(outputs, targets[:, None], axis=1)
    earlier = np.arange(outputs.shape[1]) < targets[:, None]
    before = (outputs > own) | ((outputs == own) & earlier)
    return np.mean(before.sum(axis=1) < k)


# The chance that a row of a class gets a larger output for it than a row of another class: of each class against all
# others, from the ranks of the outputs. Without a row of the class, or with no other, there is no such chance.
def roc_auc(outputs, targets):
    areas = [_area(outputs[:, k], targets == k) for k in range(outputs.shape[1])]
    return np.mean(areas)


def _area(scores, positive):
    inside, outside = int(positive.sum()), int((~positive).sum())
    if not inside or not outside:
        return np.nan
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    # Equal outputs share the mean of their ranks.
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2.0)[group.ravel()]
    return (ranks[positive].sum() - inside * (inside + 1) / 2.0) / (inside * outside)


def mae(outputs, targets):
    return np.mean(np.abs(outputs - targets))


# A target of 0 has no relative error; as in scikit-learn, it is divided by a very small number instead.
def mape(outputs, targets):
    return np.mean(np.abs(outputs - targets) / np.maximum(np.abs(targets), np.finfo(np.float64).eps))


# Of several labels, yes or no each, in columns of 1 and 0: an output above the threshold says yes.
def label_accuracy(outputs, targets, threshold):
    return np.mean((outputs > threshold) == (targets > 0.5))


def subset_accuracy(outputs, targets, threshold):
    return np.mean(((outputs > threshold) == (targets > 0.5)).all(axis=1))


def label_f1(outputs, targets, threshold):
    answers, right = outputs > threshold, targets > 0.5
    taken, rows = answers.sum(axis=0), right.sum(axis=0)
    return _macro_average(2 * (answers & right).sum(axis=0), taken + rows, (taken > 0) | (rows > 0))


@hookimpl
def neurosim_metrics():
    return [
        Metric("precision", precision, "larger", source="macro average over the classes"),
        Metric("recall", recall, "larger", source="macro average over the classes"),
        Metric("f1", f1, "larger", source="macro average over the classes"),
        Metric("top_k_accuracy", top_k_accuracy, "larger", params={"k": 5.0}),
        Metric("roc_auc", roc_auc, "larger", source="one class against the rest, macro average"),
        Metric("mae", mae, "smaller", targets="values", source="mean absolute error"),
        Metric("mape", mape, "smaller", targets="values", source="mean absolute percentage error, 1 is 100%"),
        Metric(
            "label_accuracy",
            label_accuracy,
            "larger",
            targets="values",
            params={"threshold": 0.5},
            source="share of right labels: 1 - Hamming loss",
        ),
        Metric(
            "subset_accuracy",
            subset_accuracy,
            "larger",
            targets="values",
            params={"threshold": 0.5},
            source="share of rows with all labels right",
        ),
        Metric(
            "label_f1",
            label_f1,
            "larger",
            targets="values",
            params={"threshold": 0.5},
            source="macro average over the labels",
        ),
    ]
