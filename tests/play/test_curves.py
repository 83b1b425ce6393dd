"""The curves of a training that is long: they keep their shape, in few points."""

from itertools import pairwise

import pytest

from neurosim.play.curves import MOST_POINTS, Curves


@pytest.mark.parametrize("epochs", [10, MOST_POINTS, MOST_POINTS + 1, 30_000])
def test_points_lie_evenly_over_all_of_it(epochs):
    curves = Curves()
    for step in range(0, 5 * epochs, 5):
        curves.note(step, step / 5, {"train": {"loss": 1.0 / (1 + step), "accuracy": None}})
    steps = curves.now["steps"]
    assert steps[0] == 0
    assert steps[-1] == 5 * (epochs - 1)
    assert len(steps) <= MOST_POINTS
    assert len(steps) >= min(epochs, MOST_POINTS // 2 - 1)
    gaps = [after - before for before, after in pairwise(steps)]
    assert max(gaps) <= 2 * min(gaps[:-1])
    assert curves.now["losses"]["train"] == [1.0 / (1 + step) for step in steps]
    assert curves.now["epochs"] == [step / 5 for step in steps]
