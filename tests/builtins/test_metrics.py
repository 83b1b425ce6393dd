"""The built-in metrics, against scikit-learn 1.9.1 and against what can be counted by hand."""

import math

import numpy as np
import pytest
import support

from neurosim.plugin.host.measuring import metric_value

# Of `classes` below and `VALUES`; classification with average="macro" and, for roc_auc_score, multi_class="ovr".
SCIKIT_LEARN = {
    2: {
        "precision": 0.4620535714285714, "recall": 0.46153846153846156, "f1": 0.4612794612794613,
        "roc_auc": 0.4835972850678733,
    },
    3: {
        "precision": 0.3172839506172839, "recall": 0.3208754208754208, "f1": 0.31137566137566136,
        "roc_auc": 0.4937772777904357,
    },
    7: {
        "precision": 0.1300420168067227, "recall": 0.15714285714285717, "f1": 0.1361904761904762,
        "roc_auc": 0.4534041558164953,
    },
}  # fmt: skip
TOP = {1: 0.11666666666666667, 2: 0.25, 5: 0.7166666666666667}
_PLACES = np.arange(40).reshape(20, 2)
VALUES = np.sin(_PLACES * 0.7) * 3.0, np.cos(_PLACES * 0.9) * 2.0


def classes(count, rows=60):
    """Scores with two digits, so that some are equal, and the right classes."""
    places = np.arange(rows * count).reshape(rows, count)
    scores = np.abs(np.sin(places * places * 0.37 + 1.0))
    scores = np.round(scores / scores.sum(axis=1, keepdims=True), 2)
    scores[:, -1] = 1 - scores[:, :-1].sum(axis=1)
    return scores, (np.arange(rows) ** 2 + np.arange(rows) // 7) % count


def value(name, outputs, targets, **params):
    chosen = support.chosen(support.BUILTINS.metrics, name, params)
    return metric_value(chosen.record, chosen.values, np.array(outputs, float), np.array(targets))


def test_the_built_in_metrics_are_all_there(registry):
    assert registry.metrics.names() == [
        "f1", "label_accuracy", "label_f1", "mae", "mape", "precision", "recall", "roc_auc", "subset_accuracy",
        "top_k_accuracy",
    ]  # fmt: skip


@pytest.mark.parametrize("count", SCIKIT_LEARN)
def test_metrics_of_classes_agree_with_scikit_learn(count):
    for name, expected in SCIKIT_LEARN[count].items():
        assert value(name, *classes(count)) == pytest.approx(expected, rel=1e-12), name


def test_the_largest_outputs_agree_with_scikit_learn():
    scores, targets = classes(7)
    for k, expected in TOP.items():
        assert value("top_k_accuracy", scores + 1e-6 * np.arange(7), targets, k=k) == pytest.approx(expected)
    # Of equal outputs the first classes are the answer, as for the accuracy.
    assert value("top_k_accuracy", [[0.5, 0.5, 0.0]] * 2, [0, 1], k=1) == 0.5
    assert value("top_k_accuracy", [[0.2, 0.8]], [0]) == 1.0


def test_metrics_of_values_agree_with_scikit_learn():
    assert value("mae", *VALUES) == pytest.approx(2.272429075717234, rel=1e-12)
    assert value("mape", *VALUES) == pytest.approx(2.3797429216949064, rel=1e-12)


def test_classes_that_nobody_speaks_of_do_not_count():
    # Class 2 has no rows and is no answer; class 1 has one row, which is missed.
    outputs = [[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.7, 0.3, 0.0]]
    assert value("recall", outputs, [0, 0, 1]) == 0.5
    assert value("precision", outputs, [0, 0, 1]) == pytest.approx((2 / 3 + 0) / 2)
    assert value("f1", outputs, [0, 0, 1]) == pytest.approx((4 / 5 + 0) / 2)


def test_the_area_counts_pairs_of_rows():
    assert value("roc_auc", [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], [0, 0, 1, 1]) == 0.75
    assert value("roc_auc", [[0.5, 0.5], [0.5, 0.5]], [0, 1]) == 0.5
    assert math.isnan(value("roc_auc", [[0.5, 0.5]], [0]))


def test_metrics_of_labels_agree_with_scikit_learn():
    # accuracy_score, hamming_loss and f1_score(average="macro", zero_division=0) of the labels.
    outputs, targets = np.abs(np.sin(VALUES[0] * 5)), (VALUES[1] > 0.2).astype(float)
    expected = {"label_accuracy": 0.55, "subset_accuracy": 0.25, "label_f1": 0.5727272727272728}
    found = {name: value(name, outputs, targets) for name in expected}
    assert found == pytest.approx(expected, rel=1e-12)
    assert value("label_accuracy", -outputs, targets, threshold=0.0) == np.mean(targets == 0)
