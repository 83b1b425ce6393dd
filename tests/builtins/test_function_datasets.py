"""Curves by name against their closed forms in plain `math`, curves through points, and every refusal."""

import itertools
import math

import numpy as np
import pytest

from neurosim.errors import ScenarioError, UsageError
from neurosim.scenario import load_scenario

# y at x, written down by hand from the description of each function.
BY_HAND = {
    "sine": [(-1.0, 0.0), (-0.5, -1.0), (1 / 6, 0.5), (0.5, 1.0), (1.5, -1.0)],
    "square": [(-1.5, 1.0), (-0.7, -1.0), (-0.1, -1.0), (0.1, 1.0), (0.9, 1.0), (1.1, -1.0), (2.1, 1.0)],
    "triangle": [(-1.0, 0.0), (-0.5, -1.0), (-0.25, -0.5), (0.0, 0.0), (0.5, 1.0), (0.75, 0.5), (1.5, -1.0)],
    "step": [(-3.0, 0.0), (-1e-6, 0.0), (1e-6, 1.0), (3.0, 1.0)],
    "staircase": [(-0.6, -1.0), (-0.4, -0.5), (0.1, 0.0), (0.4, 0.0), (0.6, 0.5), (0.9, 0.5), (1.2, 1.0)],
    "abs": [(-0.75, 0.75), (0.0, 0.0), (0.5, 0.5)],
    "bump": [(0.0, 1.0), (0.2, math.exp(-1)), (-0.4, math.exp(-4)), (1.0, math.exp(-25))],
    "runge": [(0.0, 1.0), (0.2, 0.5), (-0.2, 0.5), (0.6, 0.1), (1.0, 1 / 26)],
}
NAMES = sorted(BY_HAND)
ZIGZAG = [[-1, 0], [0, 2], [1, -1.5], [3, 0.5]]


@pytest.mark.parametrize("name", NAMES)
def test_functions_go_through_points_known_by_hand(load_dataset, name):
    for x, y in BY_HAND[name]:
        table = load_dataset("function", function=name, samples=1, interval=[x, x + 1e-9])
        np.testing.assert_allclose(table.targets, [[y]], atol=1e-6)


def test_every_function_is_tested(load_dataset):
    with pytest.raises(UsageError) as caught:
        load_dataset("function", function="zzz")
    assert set(caught.value.hint.removeprefix("known: ").split(", ")) == {*NAMES, "points"}


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_typed_even_and_inside_the_interval(load_dataset, name):
    table = load_dataset("function", function=name, samples=1000)
    assert table.features.shape == table.targets.shape == (1000, 1)
    assert table.features.dtype == table.targets.dtype == np.float32
    assert table.classes == ()
    assert table.feature_names == ("x",)
    assert -1 <= table.features.min() < -0.98
    assert 0.98 < table.features.max() <= 1
    # Evenly spread: as many rows in each tenth, to within what chance allows.
    counts, _ = np.histogram(table.features, bins=10, range=(-1, 1))
    assert counts.min() > 60
    assert counts.max() < 145


def test_the_same_seed_gives_the_same_rows(load_dataset):
    one, again, other = (load_dataset("function", seed=seed, noise=0.1) for seed in (3, 3, 4))
    assert one.features.tobytes() == again.features.tobytes()
    assert one.targets.tobytes() == again.targets.tobytes()
    assert one.features.tobytes() != other.features.tobytes()


def test_noise_is_the_deviation_from_the_curve(load_dataset):
    exact, noisy = (load_dataset("function", function="abs", samples=4000, noise=noise) for noise in (0.0, 0.25))
    np.testing.assert_array_equal(exact.features, noisy.features)
    difference = noisy.targets - exact.targets
    assert abs(difference.mean()) < 0.02
    np.testing.assert_allclose(difference.std(), 0.25, rtol=0.05)


def between(points, x):
    """The line from point to point at x, by the formula of a straight line; level beyond the ends."""
    if x <= points[0][0]:
        return points[0][1]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        if x <= x2:
            return y1 + (y2 - y1) * (x - x1) / (x2 - x1)
    return points[-1][1]


@pytest.mark.parametrize("points", [ZIGZAG, [number for point in ZIGZAG for number in point]], ids=["pairs", "in turn"])
def test_points_are_joined_by_straight_lines(load_dataset, points):
    table = load_dataset("function", function="points", points=points, samples=500)
    assert -1 <= table.features.min() < -0.9
    assert 2.9 < table.features.max() <= 3
    expected = [[between(ZIGZAG, x)] for x in table.features[:, 0].astype(float)]
    np.testing.assert_allclose(table.targets, expected, atol=1e-5)


def test_lines_go_on_level_beyond_the_points(load_dataset):
    table = load_dataset("function", function="points", points=ZIGZAG, interval=[-4, 7], samples=500)
    x = table.features[:, 0]
    assert x.min() < -3.8
    assert x.max() > 6.8
    np.testing.assert_array_equal(table.targets[x < -1], 0)
    np.testing.assert_array_equal(table.targets[x > 3], 0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"function": "tringle"}, ['"tringle"', 'did you mean "triangle"?']),
        ({"function": "point"}, ['did you mean "points"?']),
        ({"function": "qqq"}, ["known: abs, bump"]),
        ({"samples": 0}, ["samples = 0"]),
        ({"samples": 10**12}, ["samples"]),
        ({"noise": -0.1}, ["noise = -0.1"]),
        ({"noise": math.nan}, ["noise"]),
        ({"interval": [1, -1]}, ["interval = [1, -1]", "the smaller one first"]),
        ({"interval": [0.5]}, ["interval = [0.5]", "two numbers"]),
        ({"interval": [0, 1, 2]}, ["interval"]),
        ({"interval": ["0", 1]}, ["interval"]),
        ({"interval": [0, math.inf]}, ["interval"]),
        ({"interval": [math.nan, 1]}, ["interval"]),
        ({"points": ZIGZAG}, ['function = "sine"', 'function = "points"']),
        ({"function": "points"}, ["there are 0", "2 or more"]),
        ({"function": "points", "points": [[0, 1]]}, ["there are 1"]),
        ({"function": "points", "points": [[0, 1], [1, 2, 3], [2, 0]]}, ["point 2 is [1, 2, 3]", "x and y"]),
        ({"function": "points", "points": [[0, 1], [1, 2], 5]}, ["point 3 is 5"]),
        ({"function": "points", "points": [0, 1, 1, 2, 5]}, ["point 3 is [5]"]),
        ({"function": "points", "points": [[0, 1], [1, "2"]]}, ["point 2 is [1, '2']"]),
        ({"function": "points", "points": [[0, True], [1, 2]]}, ["point 1 is [0, True]"]),
        ({"function": "points", "points": [[0, 1], [1, math.nan]]}, ["point 2"]),
        ({"function": "points", "points": [[0, 1], [2, 1], [1.5, 0]]}, ["point 3 has x = 1.5", "beyond 2"]),
        ({"function": "points", "points": [[0, 1], [0, 2]]}, ["point 2 has x = 0"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(load_dataset, options, words):
    with pytest.raises(UsageError) as caught:
        load_dataset("function", **options)
    assert caught.value.hint
    for word in words:
        assert word in f"{caught.value.message} {caught.value.hint}"


def test_a_scenario_takes_the_options_and_refuses_their_misspelling(tmp_path):
    text = """
[scenario]
name = "curve"
title = "A curve"
[data]
source = "function"
function = "points"
points = [0, 0, 1, 2.5, 2, 1]
[network]
loss = "mse"
[[network.layers]]
kind = "dense"
units = 1
[optimizer]
name = "sgd"
[training]
epochs = 1
"""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(text, encoding="utf-8")
    assert load_scenario(good).data.options == {
        "function": "points", "points": [0, 0, 1, 2.5, 2, 1], "samples": 200, "noise": 0.0, "interval": []
    }  # fmt: skip
    bad.write_text(text.replace("points =", "pionts ="), encoding="utf-8")
    with pytest.raises(ScenarioError, match='did you mean "points"'):
        load_scenario(bad)
