"""Launches that are short enough for a GPU that draws a screen, and constants of updates that are read once."""

import numpy as np
import support

from neurosim.backends.cuda.pace import FIRST_STEPS, GROWTH, SECONDS, Pace
from neurosim.backends.cuda.step_constants import _filler, step_constants


def parts_of(steps, each, pace=None):
    """The launches of an epoch whose steps take `each` seconds."""
    now = [0.0]
    pace = pace or Pace(True, lambda: now[0])
    parts = []
    for first, last in pace.parts(steps):
        parts.append((first, last))
        now[0] += each * (last - first)
    return parts


def test_without_a_limit_there_is_one_launch():
    assert parts_of(1000, 1.0, Pace(False)) == [(0, 1000)]


def test_launches_grow_up_to_the_limit():
    parts = parts_of(10_000, 1e-4)
    sizes = [last - first for first, last in parts]
    assert parts[0] == (0, FIRST_STEPS)
    assert [last for _, last in parts[:-1]] == [first for first, _ in parts[1:]]
    assert parts[-1][1] == 10_000
    assert sizes[:3] == [FIRST_STEPS, GROWTH * FIRST_STEPS, GROWTH**2 * FIRST_STEPS]
    assert max(sizes) * 1e-4 <= SECONDS


def test_a_step_that_takes_long_has_a_launch_of_its_own():
    assert [last - first for first, last in parts_of(20, 1.0)] == [FIRST_STEPS, 1, 1, 1, 1]


def test_a_clock_that_stands_still_stops_nothing():
    assert parts_of(100, 0.0)[-1][1] == 100


def test_a_rule_is_read_once():
    adam = support.BUILTINS.optimizers.get("adam")
    assert _filler(adam, adam.parts[0]) is _filler(adam, adam.parts[0])
    values = {**adam.params, "is_bias": 0.0}
    first, again = (step_constants(adam, adam.parts[0], values, [1.0, 2.0, 100.0]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
