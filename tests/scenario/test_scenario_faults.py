"""What is wrong with a scenario is told all at once, with place, key and suggestion."""

from dataclasses import replace

import pytest
from scenario_text import GOOD

from neurosim.errors import UsageError
from neurosim.plugin.host import Plugin


def changed(*pairs):
    text = GOOD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_five_mistakes_are_five_lines(faults):
    found = faults(
        changed(
            ("seed = 7", "sead = 7"),
            ("noise = 0.2", "noize = 0.2"),
            ('"sigmoid"', '"sigmoyd"'),
            ("lr = 0.05", 'lr = "fast"'),
            ("epochs = 4", "epochs = -4"),
        )
    )
    assert found == [
        's.toml:4:1: scenario.sead: unknown key; did you mean "seed"?',
        's.toml:8:1: data.noize: unknown option of data set moons; did you mean "noise"? it has samples, noise',
        's.toml:21:1: network.layers.1.activation: unknown activation "sigmoyd"; did you mean "sigmoid"?',
        's.toml:25:1: optimizer.lr: expected a number, not "fast"',
        "s.toml:28:1: training.epochs: expected a number of at least 0, not -4",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("units = 4", "unitz = 4", 's.toml:15:1: network.layers.0.unitz: unknown key; did you mean "units"?'),
        ("units = 4", "units = true", "s.toml:15:1: network.layers.0.units: expected a whole number, not true"),
        ('"dense"', '"dence"',
         's.toml:14:1: network.layers.0.kind: unknown kind of layer "dence"; did you mean "dense"?'),
        ("alpha = 0.1", "alhpa = 0.1", "s.toml:16:37: network.layers.0.activation.alhpa: unknown parameter of "
         'activation leaky_relu; did you mean "alpha"? it has alpha'),
        ("alpha = 0.1", 'alpha = "x"', 's.toml:16:37: network.layers.0.activation.alpha: expected a number, not "x"'),
        ("units = 4", "units = 4\nbias = [1.0]",
         "s.toml:16:1: network.layers.0.bias: expected one number for each of the 4 units, not 1"),
        ("units = 4", 'units = 4\nbias = [1.0, 2.0, "x", 4.0]',
         's.toml:16:19: network.layers.0.bias.2: expected a number, not "x"'),
        ("units = 4", 'units = 4\nbias = "x"', "s.toml:16:1: network.layers.0.bias: expected true, false or a list of "
         'initial values, one per unit, not "x"'),
        ("units = 4", "units = 4\nweight = [[1, 2, 3, 4], [1]]",
         "s.toml:16:25: network.layers.0.weight.1: expected one number for each of the 4 units, not 1"),
        ("units = 1", "units = 1\nweight = [[1.0]]",
         "s.toml:21:1: network.layers.1.weight: expected one row for each of the 4 inputs, not 1"),
        ('"binary_cross_entropy"', '"categorical_cross_entropy"',
         "s.toml:20:1: network.layers.1.units: categorical_cross_entropy needs one unit per class, at least 2, not 1"),
        ('"sigmoid"', '"softmax"', 's.toml:21:1: network.layers.1.activation: softmax of a single unit is always 1; '
         'one unit goes with "sigmoid"'),
        ("noise = 0.2", "noise = true", "s.toml:8:1: data.noise: expected a number, not true"),
        ("noise = 0.2", "samples = 2.5", "s.toml:8:1: data.samples: expected a whole number, not 2.5"),
        ("noise = 0.2", "standardize = true\nnormalize = { mean = 0, std = 1 }",
         "s.toml:8:1: data.standardize: normalize is given too; keep one of the two"),
        ("noise = 0.2", "normalize = { mean = 0, std = 0 }",
         "s.toml:8:25: data.normalize.std: expected a number above 0, not 0"),
        ("noise = 0.2", "validation_fraction = 0.5\ntest_fraction = 0.5",
         "s.toml:9:1: data.test_fraction: with validation_fraction no row is left to train on"),
        ('source = "moons"\nnoise = 0.2', 'source = "csv"\nfile = "a.csv"',
         "s.toml:6:1: data.target: missing; data set csv needs it (text in quotes)"),
        ("lr = 0.05", "lr = -0.05", "s.toml:25:1: optimizer.lr: expected a learning rate of at least 0, not -0.05"),
        ("lr = 0.05", 'schedule = "cosin"',
         's.toml:25:1: optimizer.schedule: unknown schedule "cosin"; did you mean "cosine"?'),
        ("lr = 0.05", "biases.lr = 0.1", "s.toml:25:8: optimizer.biases.lr: biases have the learning rate of the "
         "weights; leave lr out"),
        ("lr = 0.05", "biases = { decay = 0 }", "s.toml:25:12: optimizer.biases.decay: unknown parameter of optimizer "
         "adam; it has lr, beta1, beta2, eps, weight_decay"),
        ("lr = 0.05", "momentum = 0.9", "s.toml:25:1: optimizer.momentum: unknown parameter of optimizer adam; "
         "it has lr, beta1, beta2, eps, weight_decay"),
        ("[training]\nepochs = 4", "",
         "s.toml:1:1: training: required, but missing. How long and in which portions to train."),
        ("epochs = 4", "",
         "s.toml:27:1: training.epochs: required, but missing. Passes over the training rows; 0 just looks."),
        ("[training]", "[trainign]\n[training]", 's.toml:27:1: trainign: unknown key; did you mean "training"?'),
        ("epochs = 4", "epochs = 4\n[expect]\ntrain_acuracy = { at_least = 1 }",
         's.toml:30:1: expect.train_acuracy: unknown measure "train_acuracy"; did you mean "train_accuracy"?'),
        ("epochs = 4", "epochs = 4\n[expect]\ntrain_accuracy = {}",
         "s.toml:30:1: expect.train_accuracy: expected at_least or at_most, or both, not {  }"),
        ("epochs = 4", "epochs = 4\n[expect]\ntrain_accuracy = { at_leest = 1 }",
         's.toml:30:20: expect.train_accuracy.at_leest: unknown key; did you mean "at_least"?'),
        ("epochs = 4", "epochs = 4\n[expect]\ntrain_accuracy = { at_least = 95 }",
         "s.toml:30:20: expect.train_accuracy.at_least: an accuracy is a share from 0 to 1, not 95"),
        ("epochs = 4", "epochs = 4\n[expect]\nvalidation_loss = { at_most = 1 }",
         "s.toml:30:1: expect.validation_loss: no rows are set aside for it; set data.validation_fraction"),
        ("epochs = 4", "epochs = 4\nclip_value = 1\nclip_norm = 1",
         "s.toml:30:1: training.clip_norm: clip_value is given too; keep one of the two"),
        ("epochs = 4", "epochs = 4\nclip_norm = 0",
         "s.toml:29:1: training.clip_norm: expected a number above 0, not 0"),
        ("epochs = 4", "epochs = 4\nclip_value = -1.5",
         "s.toml:29:1: training.clip_value: expected a number above 0, not -1.5"),
        ("epochs = 4", 'epochs = 4\nkeep_best = "validation_loss"',
         "s.toml:29:1: training.keep_best: no rows are set aside for validation_loss; set data.validation_fraction"),
        ("epochs = 4", 'epochs = 4\nkeep_best = "train_los"',
         's.toml:29:1: training.keep_best: unknown measure "train_los"; did you mean "train_loss"?'),
        ("epochs = 4", "epochs = 4\nearly_stopping = { patience = 2 }",
         "s.toml:29:1: training.early_stopping: no rows are set aside for validation_loss; "
         "set data.validation_fraction"),
        ("epochs = 4", 'epochs = 4\nearly_stopping = { metric = "validation_accuracy" }',
         "s.toml:29:20: training.early_stopping.metric: no rows are set aside for validation_accuracy; "
         "set data.validation_fraction"),
        ("epochs = 4", 'epochs = 4\nearly_stopping = { metric = "train_loss", patience = 0 }',
         "s.toml:29:43: training.early_stopping.patience: expected a number of at least 1, not 0"),
        ("epochs = 4", "epochs = 4\nearly_stopping = true",
         "s.toml:29:1: training.early_stopping: expected a table, not true"),
        ("lr = 0.05", 'schedule = { name = "cosine", warmup = 5 }',
         "s.toml:25:31: optimizer.schedule.warmup: expected a share from 0 to 1, not 5"),
        ('"binary_cross_entropy"', '{ name = "binary_cross_entropy", label_smoothing = -0.1 }',
         "s.toml:11:41: network.loss.label_smoothing: expected a share from 0 to 1, not -0.1"),
    ],
)  # fmt: skip
def test_one_fault(faults, old, new, line):
    assert faults(changed((old, new))) == [line]


def test_dropout_only_is_no_network(faults):
    head, _, rest = GOOD.partition("[[network.layers]]")
    text = head + '[[network.layers]]\nkind = "dropout"\nrate = 0.5\n' + rest[rest.index("[optimizer]") :]
    (line,) = faults(text)
    assert line == "s.toml:13:1: network.layers: there is nothing to train; expected at least one dense or conv2d layer"


@pytest.mark.parametrize(
    ("required", "words"),
    [
        ("neurosim-swich", 'is not there; did you mean "neurosim-swish"?'),
        ("neurosim-swish>=2", "has version 1.2, and >=2 is required"),
        ("local>=1", "is a file without a version, and >=1 is required"),
        ("neurosim_broken", "is broken: ImportError: no module named spam"),
        ("a b c", "expected a plugin's name and versions, such as"),
        ("x @ https://example.org/x.whl", "expected a plugin's name and versions only"),
    ],
)
def test_required_plugins(faults, required, words):
    (line,) = faults(GOOD + f'[requires]\nplugins = ["neurosim-swish>=1.0", "{required}"]\n')
    assert line.startswith("s.toml:30:35: requires.plugins.1: ")
    assert words in line


def test_name_of_two_plugins(faults, registry):
    entry = registry.activations.entry("sigmoid")
    mine = replace(entry.record, name="mine")
    for plugin in ("one", "other"):
        registry.activations.add(type(entry)(mine, Plugin(plugin)))
    (line,) = faults(GOOD.replace('"sigmoid"', '"mine"'))
    assert 'write "one:mine" or "other:mine"' in line


def test_faults_of_overrides_name_the_override(faults):
    found = faults(
        overrides={"training.epochs": "abc", "trainng.epochs": 3, "network.layers.5.units": 1, "optimizer.lr.x": 1},
        seed=-1,
    )
    assert sorted(found) == [
        "override network.layers.5.units=1: network.layers.5.units: "
        "network.layers has no entry 5; its entries are numbered 0 to 1",
        "override optimizer.lr.x=1: optimizer.lr.x: optimizer.lr is 0.05 and has no keys; set optimizer.lr as a whole",
        'override training.epochs=abc: training.epochs: expected a whole number, not "abc"',
        'override trainng.epochs=3: trainng: unknown key; did you mean "training"?',
        "seed=-1: scenario.seed: expected a number of at least 0, not -1",
    ]


def test_names_of_pictures_and_of_what_is_written_are_told(faults):
    plots = '\n[plots]\npictures = ["decision_boundry", "qq"]\nformats = ["gif"]\nmeasure = "train_los"\n'
    wrong, unknown, written, measure = faults(GOOD + plots)
    assert wrong.endswith('plots.pictures.0: unknown picture "decision_boundry"; did you mean "decision_boundary"?')
    assert 'plots.pictures.1: unknown picture "qq"; known: activation_histogram, ' in unknown
    assert unknown.endswith("weight_norm, worst_mistakes")
    assert written.endswith("plots.formats.0: expected 'png' or 'svg', not \"gif\"")
    assert measure.endswith('plots.measure: unknown measure "train_los"; did you mean "train_loss"?')


def test_many_faults_fit_one_screen(faults):
    lines = faults(GOOD + "".join(f"key{i} = 1\n" for i in range(1000)))
    assert len(lines) == 21
    assert lines[-1].startswith("s.toml: ... and ")


def test_long_values_are_shortened_and_harmless(faults):
    (line,) = faults(changed(('"sigmoid"', '"' + "s" * 5000 + '\\u001b[31m"')))
    assert len(line) < 400
    assert "\x1b" not in line


def test_plugins_and_registry_exclude_each_other(load):
    with pytest.raises(UsageError):
        load(plugins=["x.py"])
