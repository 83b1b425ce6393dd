"""Runs built to have one disease each: it is found from ten seeds, and the command that proves it takes it away."""

import pytest

import neurosim
from neurosim.diagnosis import collect, judge
from neurosim.diagnosis.diagnosis import CHECKS
from neurosim.errors import DivergedError
from neurosim.simulator import Simulator

SEEDS = range(10)
BASE = """
[scenario]
name = "d"
title = "A disease"
[data]
{data}
[network]
loss = "{loss}"
{layers}
[optimizer]
{optimizer}
[training]
epochs = {epochs}
batch_size = 32
"""
MOONS = 'source = "moons"\nsamples = 300\nnoise = 0.1\ntest_fraction = 0.3\nstandardize = true'
DENSE = '[[network.layers]]\nkind = "dense"\nunits = {}\nactivation = "{}"\n{}\n'
START = 'init = {{ name = "{}", {} }}'


def layers(activation="tanh", count=1, units=12, more="", out="", last=(1, "sigmoid")):
    return count * DENSE.format(units, activation, more) + DENSE.format(*last, out)


def scenario(data=MOONS, stack=None, optimizer='name = "sgd"\nlr = 0.3', epochs=15, loss="binary_cross_entropy"):
    return BASE.format(data=data, layers=stack or layers(), optimizer=optimizer, epochs=epochs, loss=loss)


BLOBS = 'source = "blobs"\nsamples = 300\nclasses = 4\ntest_fraction = 0.3\nstandardize = true'
FOUR = {"data": BLOBS, "loss": "categorical_cross_entropy"}
LARGE = 'source = "csv"\nfile = "large.csv"\ntarget = "label"\ntest_fraction = 0.3'
NOISE = 'source = "csv"\nfile = "noise.csv"\ntarget = "label"\ntest_fraction = 0.3\nstandardize = true'
FEW = 'source = "moons"\nsamples = 300\nnoise = 0.7\ntest_fraction = 0.7\nstandardize = true'
DISEASED = {
    "symmetric_start": scenario(stack=layers(more=START.format("constant", "value = 0.2"), out='init = "zeros"')),
    "dead_units": scenario(stack=layers("relu", more="bias = " + str([-9.0] * 12))),
    "saturation": scenario(stack=layers("tanh", more=START.format("normal", "deviation = 40.0"))),
    "vanishing_gradient": scenario(stack=layers("sigmoid", count=8), epochs=5),
    "exploding_gradient": scenario(
        stack=layers("relu", count=6, more=START.format("normal", "deviation = 12.0")), epochs=5
    ),
    "rate_too_high": scenario(
        optimizer='name = "sgd"\nlr = 300.0', stack=layers("tanh", 3, last=(4, "softmax")), **FOUR
    ),
    "rate_too_low": scenario(
        optimizer='name = "sgd"\nlr = 0.00001', stack=layers("tanh", 2, last=(4, "softmax")), **FOUR
    ),
    "overfitting": scenario(
        data=FEW, optimizer='name = "adam"\nlr = 0.03', stack=layers("relu", count=2, units=100), epochs=120
    ),
    "class_collapse": scenario(stack=layers("relu", more="bias = " + str([-9.0] * 12))),
    "unscaled_inputs": scenario(data=LARGE),
    "shuffled_labels": scenario(
        data=NOISE, epochs=10, stack=layers("relu", 2, 60), optimizer='name = "adam"\nlr = 0.01'
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The scenarios, and two tables that they need."""
    import numpy as np

    made = tmp_path_factory.mktemp("diseases")
    random = np.random.default_rng(5)
    points = random.normal(size=(200, 2)) * [500, 3]
    labels = (points[:, 0] > 0).astype(int)
    lines = [f"{a:.6f},{b:.6f},{label}" for (a, b), label in zip(points, labels, strict=True)]
    (made / "large.csv").write_text("\n".join(["area,rooms,label", *lines]) + "\n")
    points = random.normal(size=(400, 3))
    lines = [",".join(f"{x:.6f}" for x in row) + f",{random.integers(2)}" for row in points]
    (made / "noise.csv").write_text("\n".join(["a,b,c,label", *lines]) + "\n")
    for name, text in DISEASED.items():
        (made / f"{name}.toml").write_text(text)
    return made


def diagnosed(path, seed, overrides=None):
    loaded = neurosim.load_scenario(path, overrides=overrides)
    fresh, trained = (Simulator(loaded, seed=seed) for _ in range(2))
    try:
        trained.train()
    except DivergedError as error:
        return judge(collect(fresh, None, error.message, trained.history))
    return judge(collect(fresh, trained))


def test_every_disease_has_its_run():
    assert set(DISEASED) == set(CHECKS)


@pytest.mark.parametrize("name", DISEASED)
def test_it_is_found_from_every_seed(name, folder):
    for seed in SEEDS:
        found = diagnosed(folder / f"{name}.toml", seed)
        names = [finding.name for finding in found.findings]
        assert name in names, seed
        finding = found.findings[names.index(name)]
        # What does not follow from anything else comes first.
        assert not found.findings[0].follows
        assert finding.source
        assert finding.words


def test_a_limit_is_not_crossed_by_what_is_slower(folder):
    """Steps of an ordinary length, of a run that learns nothing for another reason."""
    names = [finding.name for finding in diagnosed(folder / "vanishing_gradient.toml", 0).findings]
    assert "rate_too_high" not in names
    assert "rate_too_low" not in names


def cured(finding, folder, seed):
    changes = dict(setting.split("=", 1) for setting in finding.settings)
    from neurosim.scenario.overrides import parse_overrides

    return diagnosed(folder, seed, parse_overrides([f"{key}={value}" for key, value in changes.items()]))


@pytest.mark.parametrize("name", sorted(set(DISEASED) - {"shuffled_labels"}))
def test_the_one_change_takes_it_away(name, folder):
    path = folder / f"{name}.toml"
    for seed in (0, 1):
        (finding,) = (one for one in diagnosed(path, seed).findings if one.name == name)
        assert finding.settings
        after = cured(finding, path, seed)
        assert name not in [one.name for one in after.findings], (seed, finding.settings)


def test_shuffled_labels_stay_at_chance_however_long(folder):
    path = folder / "shuffled_labels.toml"
    before = diagnosed(path, 0)
    after = cured(before.findings[0], path, 0)
    assert "shuffled_labels" in [finding.name for finding in after.findings]
    assert after.evidence.kept_apart[0] >= before.evidence.kept_apart[0]
    assert after.evidence.kept_apart[1] == pytest.approx(0.5, abs=0.16)


HEALTHY = ["and", "or", "nand", "xor", "iris", "moons", "spirals", "sine", "digits"]


@pytest.mark.parametrize("name", HEALTHY)
def test_no_false_alarm(name):
    found = diagnosed(name, None)
    assert [finding.name for finding in found.findings] == []
    assert not found.evidence.poor


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HEALTHY, "digits-cnn"])
def test_no_false_alarm_from_ten_seeds(name):
    for seed in SEEDS:
        assert [finding.name for finding in diagnosed(name, seed).findings] == [], seed
