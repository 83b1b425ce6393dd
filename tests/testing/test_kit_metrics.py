"""The kit on metrics and observers: what is wrong fails its own item, and is told once."""

import numpy as np
import pytest
from kit import failed, only_failure, verdict

from neurosim.errors import PluginError
from neurosim.plugin import Metric, RunObserver

# Metrics ----------------------------------------------------------------------------------------------------


def right(outputs, targets):
    return np.mean(outputs.argmax(axis=1) == targets)


def error(output, target):
    return np.mean((output - target) ** 2)


def test_good_metrics_pass():
    assert not failed(Metric("right", right, "larger"))
    rooted = Metric("rooted", error, "smaller", targets="values", aggregate="root_mean")
    assert not failed(rooted)
    assert "right answers give 0" in verdict(rooted, "direction").detail


def test_the_wrong_direction():
    assert 'write better="larger"' in only_failure(Metric("right", right, "smaller"), "direction")


def test_a_metric_that_is_no_number():
    def counts(outputs, targets):
        return np.bincount(targets)

    found = only_failure(Metric("counts", counts, "larger"), "values")
    assert found.startswith("metric counts returns an array of shape (2,) (test_kit_metrics.py, line ")
    assert found.endswith("It must return one number: the metric of all rows.")


def test_a_metric_that_raises_is_told_once_with_its_line():
    def broken(outputs, targets):
        return outputs.top(5)

    found = only_failure(Metric("broken", broken, "larger"), "values")
    assert "metric broken has failed for right answers, 2 classes and 200 rows: AttributeError:" in found
    assert "(test_kit_metrics.py, line " in found
    assert "plugins check" not in found


def test_a_metric_that_writes():
    def writes(outputs, targets):
        outputs[:] = 0.0
        return 0.0

    assert "it writes into an array that it is given; work on a copy" in only_failure(
        Metric("writes", writes, "larger"), "values"
    )


def test_a_metric_that_remembers():
    seen = []

    def mean_so_far(outputs, targets):
        seen.append(right(outputs, targets))
        return np.mean(seen)

    assert "determinism" in failed(Metric("mean_so_far", mean_so_far, "larger"))


def test_a_metric_that_is_not_finite():
    def divided(outputs, targets):
        return 1.0 / np.sum(outputs.argmax(axis=1) != targets)

    assert "inf for right answers" in only_failure(Metric("divided", divided, "smaller"), "values")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"better": "higher"}, "better must be 'larger' or 'smaller', not 'higher'"),
        ({"targets": "class"}, "targets must be 'classes' or 'values', not 'class'"),
        ({"aggregate": "median"}, "aggregate must be 'all', 'mean', 'sum' or 'root_mean', not 'median'"),
        ({"name": "accuracy"}, "neurosim measures accuracy itself"),
        ({"params": {"k": 5}}, r"value takes \(outputs, targets\), expected \(outputs, targets, k\)"),
        ({"value": "f1"}, "value must be a function, not 'f1'"),
    ],
)
def test_metrics_that_cannot_be(options, told):
    with pytest.raises(PluginError, match=told):
        Metric(**{"name": "mine", "value": right, "better": "larger", **options})


# Observers --------------------------------------------------------------------------------------------------


def test_good_observers_pass():
    def enough(progress, loss):
        return f"the loss is {progress.record['train_loss']:g}" if progress.record["train_loss"] < loss else None

    record = RunObserver("enough", epoch=enough, params={"loss": 0.3})
    assert not failed(record)
    assert "after epoch 4 of 20: the loss is 0.25" in verdict(record, "course").detail


def test_an_observer_may_ask_for_metrics():
    def looks(progress):
        assert progress.record["test_f1"] == 0.5

    assert not failed(RunObserver("looks", epoch=looks))


def test_an_observer_that_remembers():
    best = [0]

    def patient(progress):
        best[0] += 1
        return "called often enough" if best[0] > 30 else None

    assert "keep nothing between calls" in only_failure(RunObserver("patient", epoch=patient), "determinism")


def test_an_observer_that_raises_is_told_once_with_its_line():
    def broken(progress):
        return progress.loss

    found = only_failure(RunObserver("broken", epoch=broken), "calls")
    assert found.startswith("observer broken has failed after epoch 1: AttributeError: 'Progress' object has no attr")
    assert "(test_kit_metrics.py, line " in found


def test_observers_that_cannot_be():
    with pytest.raises(PluginError, match="observer 'mute': it has no function to call"):
        RunObserver("mute")
    with pytest.raises(PluginError, match=r"epoch takes \(\), expected \(progress\)"):
        RunObserver("deaf", epoch=lambda: None)
