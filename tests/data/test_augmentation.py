"""Augmented images against SciPy in float64, with the same random numbers."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from neurosim import Simulator, load_scenario
from neurosim.backends.augmentation import Augmentation, Strengths, augmentation_key
from neurosim.backends.cpu.augmentation import Augmenter
from neurosim.data import prepare
from neurosim.data.rows import Rows
from neurosim.errors import ScenarioError
from neurosim.plugin import Table
from neurosim.randomness import uniform_bits
from neurosim.training.augmentation import build_augmentation, make_augmenter
from neurosim.training.ensemble import Ensemble

ALL = Strengths(shift=1.5, rotation=20, scale=0.2, shear=15, alpha=34, sigma=4)

DIGITS = """\
[scenario]
name = "augmented"
title = "Digits that move"
seed = 3
[data]
source = "digits"
test_fraction = 0.5
normalize = { mean = 8.0, std = 8.0 }
[augmentation]
shift = 1.0
rotation = 10.0
scale = 0.1
shear = 5
elastic = { alpha = 8.0, sigma = 2.0 }
[network]
loss = "categorical_cross_entropy"
[[network.layers]]
kind = "dense"
units = 12
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 10
activation = "softmax"
[optimizer]
name = "adam"
lr = 0.01
[training]
epochs = 3
"""


def oracle(image, strengths, key, row, background):
    """The new image (height, width, channels), in float64."""
    height, width, channels = image.shape
    bits = uniform_bits(key, np.array([row]), 8 + 2 * height * width)[0]
    random = bits.astype(np.int32) / 2.0**31
    shift_x, shift_y = strengths.shift * random[:2]
    angle = np.radians(strengths.rotation * random[2])
    tilt = np.tan(np.radians(strengths.shear) * random[4])
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    forward = (1 + strengths.scale * random[3]) * rotation @ np.array([[1, tilt], [0, 1]])
    y, x = np.mgrid[:height, :width]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])[:, None]
    points = np.stack([x.ravel(), y.ravel()]) - middle - np.array([[shift_x], [shift_y]])
    sources = np.linalg.solve(forward, points) + middle
    field = random[8:].reshape(2, height, width)
    for axis in range(2):
        moved = strengths.alpha * ndimage.gaussian_filter(field[axis], strengths.sigma, mode="constant")
        sources[axis] += moved.ravel()
    planes = [
        ndimage.map_coordinates(image[:, :, c], sources[::-1], order=1, mode="grid-constant", cval=background)
        for c in range(channels)
    ]
    return np.stack(planes, axis=-1).reshape(height, width, channels)


def images(count, shape, dtype=np.float32, seed=0):
    """Noise, in which a place that is off shows at once."""
    values = np.random.default_rng(seed).integers(0, 256, (count, int(np.prod(shape))))
    return values.astype(np.uint8) if dtype == np.uint8 else (values / 255).astype(np.float32)


def rows_of(features):
    count = len(features)
    return Rows(features, np.zeros((0, 10), np.float32), np.zeros(count, np.int32), "argmax", scale=0.5, shift=-1.0)


def augmenter(features, shape, strengths=ALL, seed=5, background=0.0, threads=1):
    ones = np.ones(features.shape[1])
    settings = Augmentation(strengths, shape, seed, background, ones, 0 * ones)
    return Augmenter(settings, rows_of(features), threads)


def expected_of(features, shape, strengths, seed, epoch, background):
    key = augmentation_key(seed, epoch)
    made = [oracle(row.reshape(shape), strengths, key, k, background) for k, row in enumerate(features.astype(float))]
    return np.stack(made).reshape(features.shape)


@pytest.mark.parametrize(
    "strengths",
    [
        Strengths(shift=3),
        Strengths(rotation=180),
        Strengths(scale=0.5),
        Strengths(shear=45),
        Strengths(alpha=34, sigma=4),
        Strengths(alpha=3, sigma=0.7),
        Strengths(alpha=2, sigma=0.1),
        Strengths(alpha=300, sigma=20),
        ALL,
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 14, 3), (7, 1, 2)], ids=str)
def test_images_are_those_of_scipy(strengths, shape):
    features = images(6, shape)
    found = augmenter(features, shape, strengths, seed=5, background=0.25).rows(2)
    assert found.features.dtype == np.float32
    expected = expected_of(features, shape, strengths, 5, 2, 0.25)
    assert np.abs(found.features - expected).max() < 2e-4
    assert np.abs(expected - features).max() > 0.1


def test_bytes_are_rounded():
    features = images(20, (28, 28, 1), np.uint8)
    found = augmenter(features, (28, 28, 1), background=255).rows(0).features
    assert found.dtype == np.uint8
    # Half a step, and what float32 loses on the way.
    assert np.abs(found - expected_of(features, (28, 28, 1), ALL, 5, 0, 255)).max() < 0.5 + 0.05


def test_everything_else_about_the_rows_stays():
    features = images(5, (8, 8, 1), np.uint8)
    before = features.copy()
    rows = rows_of(features)
    found = augmenter(features, (8, 8, 1)).rows(0)
    assert (found.scale, found.shift, found.accuracy) == (rows.scale, rows.shift, rows.accuracy)
    assert (features == before).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    features = images(1000, (12, 10, 1), dtype)
    expected = augmenter(features, (12, 10, 1)).rows(1).features.tobytes()
    for threads in (2, 7):
        assert augmenter(features, (12, 10, 1), threads=threads).rows(1).features.tobytes() == expected


_IN_ONE_ARENA = """
import numpy as np
from neurosim.backends.augmentation import Augmentation, Strengths
from neurosim.data.rows import Rows
from neurosim.backends.cpu.augmentation import Augmenter

features = np.random.default_rng(0).random((1000, 64), np.float32)
strengths = Strengths(shift=1.5, rotation=20, scale=0.2, shear=15, alpha=34, sigma=4)
settings = Augmentation(strengths, (8, 8, 1), 5, 0.0, np.ones(64), np.zeros(64))
rows = Rows(features, np.zeros((0, 10), np.float32), np.zeros(1000, np.int32), "argmax")
expected = Augmenter(settings, rows, 1).rows(1).features.copy()
for _ in range(60):
    assert (Augmenter(settings, rows, 4).rows(1).features == expected).all()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the setting is glibc's")
def test_threads_that_share_their_heap_do_not_share_their_memory():
    """What a thread has freed, another one gets: nothing may be freed that is still in use."""
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run([sys.executable, "-c", _IN_ONE_ARENA], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_images_depend_on_seed_epoch_and_row_only():
    features = np.repeat(images(1, (8, 8, 1)), 100, axis=0)
    ours = augmenter(features, (8, 8, 1))
    first, again, second = (ours.rows(epoch).features.copy() for epoch in (0, 0, 1))
    assert (first == again).all()
    assert len(np.unique(np.concatenate([first, second]), axis=0)) == 200
    assert (augmenter(features, (8, 8, 1), seed=6).rows(0).features != first).any(axis=1).all()
    assert (augmenter(features[:70], (8, 8, 1)).rows(0).features == first[:70]).all()


def test_changes_are_spread_evenly():
    """The middle of an image with one bright pixel moves by uniform shifts."""
    image = np.zeros((21, 21), np.float32)
    image[10, 10] = 1
    features = np.repeat(image.reshape(1, -1), 4000, axis=0)
    found = augmenter(features, (21, 21, 1), Strengths(shift=4)).rows(0).features.reshape(-1, 21, 21)
    for axis in (1, 2):
        moved = (found.sum(axis=axis) * np.arange(21)).sum(axis=1) / found.sum(axis=(1, 2)) - 10
        assert np.histogram(moved, bins=8, range=(-4, 4))[0] == pytest.approx(500, abs=100)


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.sampled_from([np.uint8, np.float32]), st.integers(0, 9)
)
def test_no_strength_changes_nothing(height, width, channels, dtype, epoch):
    features = images(3, (height, width, channels), dtype)
    made = augmenter(features, (height, width, channels), Strengths(), background=7).rows(epoch)
    assert made.features.tobytes() == features.tobytes()


@pytest.fixture
def scenario(tmp_path):
    """A scenario of digits, with some text replaced."""

    def load(*changes, **overrides):
        text = DIGITS
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "s.toml"
        path.write_text(text)
        return load_scenario(path, overrides={key.replace("__", "."): value for key, value in overrides.items()})

    return load


@pytest.mark.parametrize("fill", [0, 8.0])
@pytest.mark.parametrize("scaling", ["", "normalize = { mean = 8.0, std = 5.0 }", "standardize = true"])
def test_the_background_is_that_of_the_data_set_however_it_is_scaled(scenario, scaling, fill):
    made = scenario(("normalize = { mean = 8.0, std = 8.0 }", scaling), augmentation__fill=fill)
    simulator = Simulator(made)
    data = simulator.data
    ours = make_augmenter(made, data, rows_of(data.train.features), seed=5)
    raw = data.to_raw(data.train.features)[:100]
    settings = Strengths(shift=1, rotation=10, scale=0.1, shear=5, alpha=8, sigma=2)
    expected = expected_of(raw, (8, 8, 1), settings, 5, 1, fill)
    assert np.abs(data.to_raw(ours.rows(1).features)[:100] - expected).max() < 2e-3


def test_backends_train_on_the_same_images(scenario):
    ours, reference = (Simulator(scenario(), backend) for backend in ("cpu", "reference"))
    for simulator in (ours, reference):
        simulator.train()
    for name, expected in reference.parameters.items():
        assert ours.parameters[name] == pytest.approx(expected, abs=2e-4)
    assert ours.history.train_loss == pytest.approx(reference.history.train_loss, rel=1e-5)
    plain = Simulator(replace(scenario(), augmentation=type(scenario().augmentation)()))
    plain.train()
    assert ours.history.train_loss[0] > plain.history.train_loss[0] * 1.01


def test_each_epoch_of_a_run_has_images_of_its_own(scenario):
    standing_still = Simulator(scenario(optimizer__lr=0))
    losses = standing_still.train().train_loss
    differences = np.abs(np.diff([*losses, losses[0]]))
    assert differences.min() > 1e-4
    assert differences.max() < 0.1


def test_measures_are_of_the_images_as_they_are(scenario):
    ours = Simulator(scenario())
    ours.train()
    plain = Simulator(replace(scenario(), augmentation=type(scenario().augmentation)()))
    plain.set_parameters(ours.parameters)
    assert ours.final_measures() == plain.final_measures()
    assert ours.history.test_loss[-1] == plain.evaluate("test")["loss"]


def test_a_resumed_run_sees_the_same_images(scenario):
    through = Simulator(scenario())
    through.train()
    first, second = Simulator(scenario()), Simulator(scenario(), threads=3)
    first.train_epoch()
    second.restore(first.state(), first.history)
    second.train()
    for name, expected in through.parameters.items():
        assert second.parameters[name].tobytes() == expected.tobytes()


def test_members_of_an_ensemble_are_single_runs(scenario):
    made = scenario()
    members = Ensemble(made, [4, 5]).train()
    for member in members:
        single = Simulator(made, seed=member.seed)
        single.train()
        assert member.measures == {name: value for name, value in single.final_measures().items() if value is not None}


def test_a_section_that_changes_nothing_is_as_good_as_none(scenario):
    nothing = "[augmentation]\nelastic = { alpha = 0, sigma = 4 }\n"
    start, end = DIGITS.index("[augmentation]"), DIGITS.index("[network]")
    made = scenario((DIGITS[start:end], nothing))
    simulator = Simulator(made)
    assert make_augmenter(made, simulator.data, rows_of(simulator.data.train.features), 0) is None


def test_a_resolved_scenario_says_how_images_change(scenario, tmp_path):
    made = scenario(augmentation__fill=2)
    path = tmp_path / "resolved.toml"
    path.write_text(made.to_toml())
    assert "elastic = { alpha = 8.0, sigma = 2.0 }" in path.read_text()
    assert load_scenario(path) == made
    assert made.augmentation.fill == 2.0


def test_a_scenario_without_it_does_not_name_it(scenario):
    start, end = DIGITS.index("[augmentation]"), DIGITS.index("[network]")
    assert "augmentation" not in scenario((DIGITS[start:end], ""), scenario__name="plain").to_toml()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("shift = 1.0", "shift = -1", "augmentation.shift: expected a number of at least 0, not -1"),
        ("rotation = 10.0", "rotation = 181", "augmentation.rotation: expected a number of at most 180.0, not 181"),
        ("scale = 0.1", "scale = 1", "augmentation.scale: expected a number of at most 0.9, not 1"),
        ("shear = 5", "shear = 90", "augmentation.shear: expected a number of at most 60.0, not 90"),
        ("shear = 5", "sheer = 5", 'augmentation.sheer: unknown key; did you mean "shear"?'),
        ("sigma = 2.0", "sigma = 0", "augmentation.elastic.sigma: expected a number above 0, not 0"),
        (", sigma = 2.0", "", "augmentation.elastic.sigma: required, but missing. They are smoothed with"),
        ("{ alpha = 8.0, sigma = 2.0 }", "8", "augmentation.elastic: expected a table, not 8"),
    ],
)
def test_faults_of_the_section(scenario, old, new, message):
    with pytest.raises(ScenarioError) as caught:
        scenario((old, new))
    assert message in caught.value.message


def test_rows_that_are_no_images_are_refused(scenario):
    for source, classes in (("moons", 2), ("iris", 3)):
        with pytest.raises(ScenarioError, match=f"the rows of data set {source} are not images"):
            Simulator(scenario(("digits", source), ("units = 10", f"units = {classes}")))


def test_a_shift_out_of_the_image_is_refused(scenario):
    with pytest.raises(ScenarioError, match="images of 8 x 8 pixels out of sight; expected less than 8"):
        Simulator(scenario(augmentation__shift=8))


def test_a_background_that_no_byte_can_hold_is_refused(scenario):
    table = Table(images(4, (3, 3, 1), np.uint8), np.array([0, 1, 0, 1]), classes=("a", "b"), image_shape=(3, 3))
    data = prepare(table, seed=0)
    assert build_augmentation(scenario(augmentation__fill=255), data, 0).background == 255
    with pytest.raises(ScenarioError, match=r"augmentation\.fill: pixels of this data set are 0 to 255, not 256"):
        build_augmentation(scenario(augmentation__fill=256), data, 0)
