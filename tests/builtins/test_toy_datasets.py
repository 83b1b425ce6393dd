"""Generated data sets: exact shapes without noise, the same for the same seed, balanced classes."""

import math

import numpy as np
import pytest

from neurosim.errors import UsageError

CLOUDS = ["blobs", "circles", "moons", "spirals"]


@pytest.mark.parametrize(
    ("name", "outputs"), [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("nand", [1, 1, 1, 0]), ("xor", [0, 1, 1, 0])]
)
def test_truth_tables(load_dataset, name, outputs):
    table = load_dataset(name)
    assert table.features.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert table.features.dtype == np.float32
    assert table.targets.tolist() == outputs
    assert table.targets.dtype == np.int64
    assert table.classes == ("0", "1")


@pytest.mark.parametrize("samples", [100, 101])
@pytest.mark.parametrize("name", CLOUDS)
def test_clouds_are_balanced_and_typed(load_dataset, name, samples):
    table = load_dataset(name, samples=samples)
    assert table.features.shape == (samples, 2)
    assert table.features.dtype == np.float32
    assert table.targets.dtype == np.int64
    counts = np.bincount(table.targets, minlength=len(table.classes))
    assert counts.max() - counts.min() <= 1
    assert len(counts) == len(table.classes)


@pytest.mark.parametrize("name", [*CLOUDS, "sine"])
def test_the_seed_decides(load_dataset, name):
    first, again, other = load_dataset(name, seed=4), load_dataset(name, seed=4), load_dataset(name, seed=5)
    assert first.features.tobytes() == again.features.tobytes()
    assert first.targets.tobytes() == again.targets.tobytes()
    assert first.features.tobytes() != other.features.tobytes()


@pytest.mark.parametrize("name", CLOUDS)
def test_noise_is_the_deviation_from_the_shape(load_dataset, name):
    # The random numbers of the shape come first, so the same seed gives the same points before noise.
    exact, noisy = load_dataset(name, samples=4000, noise=0.0), load_dataset(name, samples=4000, noise=0.25)
    difference = noisy.features - exact.features
    assert abs(difference.mean()) < 0.02
    np.testing.assert_allclose(difference.std(axis=0), 0.25, rtol=0.05)


def test_circles_have_two_radii(load_dataset):
    table = load_dataset("circles", noise=0.0)
    radius = np.hypot(*table.features.T)
    np.testing.assert_allclose(radius, np.where(table.targets == 0, 1.0, 0.5), rtol=1e-6)


def test_blobs_sit_on_their_centres(load_dataset):
    table = load_dataset("blobs", noise=0.0, classes=4)
    centers = np.array([[4, 0], [0, 4], [-4, 0], [0, -4]])
    np.testing.assert_allclose(table.features, centers[table.targets], atol=1e-6)
    assert table.classes == ("0", "1", "2", "3")


def test_moons_are_half_circles(load_dataset):
    table = load_dataset("moons", noise=0.0)
    upper, lower = (table.features[table.targets == label].astype(float) for label in (0, 1))
    np.testing.assert_allclose(np.hypot(*(upper - [-0.5, -0.25]).T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(lower - [0.5, 0.25]).T), 1, rtol=1e-6)
    assert upper[:, 1].min() >= -0.25 - 1e-6
    assert lower[:, 1].max() <= 0.25 + 1e-6


def test_spirals_turn_as_often_as_asked(load_dataset):
    table = load_dataset("spirals", noise=0.0, turns=1.5)
    radius = np.hypot(*table.features.T.astype(float))
    assert radius.max() <= 5
    # As many points on the inner half of the area as on the outer one: even along the arm.
    assert abs((radius**2).mean() / 25 - 0.5) < 0.05
    expected = 2 * math.pi * 1.5 * radius / 5 + math.pi * table.targets
    angle = np.arctan2(table.features[:, 0], table.features[:, 1])
    np.testing.assert_allclose(np.cos(angle - expected), 1, atol=1e-5)


def test_sine_is_one_period(load_dataset):
    table = load_dataset("sine", samples=300, noise=0.0)
    assert table.features.shape == table.targets.shape == (300, 1)
    assert table.features.dtype == table.targets.dtype == np.float32
    assert table.classes == ()
    np.testing.assert_allclose(table.targets, np.sin(table.features), atol=1e-6)
    assert -math.pi <= table.features.min() < -3 < 3 < table.features.max() < math.pi + 1e-6


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("blobs", {"samples": 2}),
        ("blobs", {"classes": 1}),
        ("blobs", {"classes": 1001, "samples": 2000}),
        ("circles", {"samples": 1}),
        ("moons", {"samples": -4}),
        ("moons", {"samples": 10**12}),
        ("circles", {"noise": -0.1}),
        ("circles", {"noise": math.nan}),
        ("sine", {"noise": math.inf}),
        ("sine", {"samples": 0}),
        ("spirals", {"turns": 0.0}),
        ("spirals", {"turns": math.nan}),
    ],
)
def test_impossible_options_are_usage_errors(load_dataset, name, options):
    with pytest.raises(UsageError) as caught:
        load_dataset(name, **options)
    assert str(next(iter(options))) in caught.value.message
    assert caught.value.hint
