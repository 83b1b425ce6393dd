"""Runs built to have one disease each: it is found from ten seeds, and what doctor has tried takes it away."""

import numpy as np
import pytest
from cases import diagnosed, layers, scenario

SEEDS = range(10)
START = 'init = {{ name = "{}", {} }}'
BLOBS = 'source = "blobs"\nsamples = 300\nclasses = 4\ntest_fraction = 0.3\nstandardize = true'
FOUR = {"data": BLOBS, "loss": "categorical_cross_entropy"}
LARGE = 'source = "csv"\nfile = "large.csv"\ntarget = "label"\ntest_fraction = 0.3'
NOISE = 'source = "csv"\nfile = "noise.csv"\ntarget = "label"\ntest_fraction = 0.3\nstandardize = true'
FEW = 'source = "moons"\nsamples = 300\nnoise = 0.7\ntest_fraction = 0.7\nstandardize = true'
DISEASED = {
    "symmetric_start": scenario(
        stack=layers(more=START.format("constant", "value = 0.2"), last=(4, "softmax"), out='init = "zeros"'), **FOUR
    ),
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
    made = tmp_path_factory.mktemp("diseases")
    random = np.random.default_rng(5)
    points = random.normal(size=(200, 2)) * [500, 3]
    labels = (points[:, 0] * points[:, 1] > 0).astype(int)
    lines = [f"{a:.6f},{b:.6f},{label}" for (a, b), label in zip(points, labels, strict=True)]
    (made / "large.csv").write_text("\n".join(["area,rooms,label", *lines]) + "\n")
    points = random.normal(size=(400, 3))
    lines = [",".join(f"{x:.6f}" for x in row) + f",{random.integers(2)}" for row in points]
    (made / "noise.csv").write_text("\n".join(["a,b,c,label", *lines]) + "\n")
    for name, text in DISEASED.items():
        (made / f"{name}.toml").write_text(text)
    return made


@pytest.mark.parametrize("name", DISEASED)
def test_it_is_found_from_every_seed(name, folder):
    for seed in SEEDS:
        found = diagnosed(folder / f"{name}.toml", seed, trials=False)
        names = [finding.name for finding in found.findings]
        assert name in names, seed
        finding = found.findings[names.index(name)]
        # What does not follow from anything else comes first.
        assert not found.findings[0].follows
        assert finding.source
        assert finding.words
        # What was not tried is called a guess.
        assert finding.tried is None
        assert bool(finding.settings) == bool(finding.guess) or finding.follows


def test_a_limit_is_not_crossed_by_what_is_slower(folder):
    """Steps of an ordinary length, of a run that learns nothing for another reason."""
    found = diagnosed(folder / "vanishing_gradient.toml", 0, trials=False)
    names = [finding.name for finding in found.findings]
    assert "rate_too_high" not in names
    assert "rate_too_low" not in names


def taken_away(name, folder, seed):
    path = folder / f"{name}.toml"
    (finding,) = (one for one in diagnosed(path, seed).findings if one.name == name)
    assert finding.settings
    assert finding.tried.helped
    assert finding.tried.settings == finding.settings
    assert not finding.guess
    after = diagnosed(path, seed, finding.settings, trials=False)
    if name == "overfitting":
        # So few rows cannot be learned without some of it.
        (remaining, *_) = [*(one.number for one in after.findings), 0.0]
        assert remaining < finding.number / 2
        return
    assert name not in [one.name for one in after.findings], (seed, finding.settings)


CURABLE = sorted(set(DISEASED) - {"shuffled_labels"})


@pytest.mark.parametrize("name", CURABLE)
def test_what_was_tried_takes_it_away(name, folder):
    taken_away(name, folder, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", CURABLE)
def test_what_was_tried_takes_it_away_from_five_seeds(name, folder):
    for seed in range(5):
        taken_away(name, folder, seed)


def test_shuffled_labels_have_no_cure_and_stay_at_chance_however_long(folder):
    path = folder / "shuffled_labels.toml"
    before = diagnosed(path, 0, trials=False)
    assert before.findings[0].settings == ()
    assert "No setting cures this" in before.findings[0].advice
    after = diagnosed(path, 0, ["training.epochs=40"], trials=False)
    assert "shuffled_labels" in [finding.name for finding in after.findings]
    assert after.evidence.kept_apart[0] >= before.evidence.kept_apart[0]
    assert after.evidence.kept_apart[1] == pytest.approx(0.5, abs=0.16)


HEALTHY = ["and", "or", "nand", "xor", "iris", "moons", "spirals", "sine", "digits"]


@pytest.mark.parametrize("name", HEALTHY)
def test_no_false_alarm(name):
    found = diagnosed(name, None)
    assert [finding.name for finding in found.findings] == []
    assert not found.evidence.poor
    # The test loss of moons doubles while the training loss falls.
    assert ("rising_loss" in [note.name for note in found.notes]) == (name == "moons")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HEALTHY, "digits-cnn"])
def test_no_false_alarm_from_ten_seeds(name):
    for seed in SEEDS:
        assert [finding.name for finding in diagnosed(name, seed).findings] == [], seed
