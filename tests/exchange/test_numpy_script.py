"""Scripts in NumPy: true to our reference backend, tidy, and nothing in a scenario gets out of its comments."""

import ast

import pytest
from scripts import agree, exported, our_losses, run, simulator, steps_of_shipped, tidy, with_plugins
from support import BUILTINS

import neurosim
from neurosim.errors import NeurosimError, UsageError

# 1e-6 would do; sums in another order leave less.
EXACT = 1e-9


def several(name, changes, extra=None):
    """Networks of a scenario, each with other settings."""
    return [simulator(name, {**(extra or {}), **change}) for change in changes]


@pytest.mark.parametrize("name", ["xor", "iris", "sine"])
def test_a_hundred_steps_give_our_losses(name, tmp_path):
    agree([simulator(name)], "numpy", tmp_path, 100, EXACT)


@pytest.mark.ci
def test_so_do_those_of_digits(tmp_path):
    agree([simulator("digits")], "numpy", tmp_path, 30, EXACT)


@pytest.mark.ci
def test_dropout_and_penalties(tmp_path):
    layers = [
        {"kind": "dropout", "rate": 0.25},
        {"kind": "dense", "units": 5, "activation": "tanh", "l1": 0.001, "l2": 0.01},
        {"kind": "dropout", "rate": 0.5},
        {"kind": "dense", "units": 4, "bias": False},
        {"kind": "activation", "activation": "relu"},
        {"kind": "dense", "units": 3, "activation": "softmax"},
    ]
    agree([simulator("iris", {"network.layers": layers})], "numpy", tmp_path, 20, EXACT)
    tidy(tmp_path)


@pytest.mark.ci
def test_optimizers(tmp_path):
    names = [entry.record.name for entry in BUILTINS.optimizers if not entry.record.looks_at_arrays]
    changes = [{"optimizer": {"name": name, "lr": 0.02, "weight_decay": 0.01}} for name in names]
    changes += [{"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": nesterov}} for nesterov in (0.0, 1.0)]
    agree(several("xor", changes), "numpy", tmp_path, 12, EXACT)
    tidy(tmp_path)


@pytest.mark.ci
def test_schedules_and_clipping(tmp_path):
    changes = [
        {"optimizer.schedule": "step_decay"},
        {"optimizer.schedule": "exponential"},
        {"optimizer.schedule": {"name": "cosine", "warmup": 0.2, "final": 0.1}},
        {"optimizer.schedule": "one_cycle"},
        {"optimizer.schedule": {"name": "epoch_decay", "every": 2}},
        {"optimizer.schedule": {"name": "milestones", "at": [1, 3]}},
        {"optimizer.schedule": {"name": "cosine_restarts", "period": 1, "growth": 2}},
        {"training.clip_norm": 0.1, "training.shuffle": False},
        {"training.clip_value": 0.01},
    ]
    agree(several("iris", changes, {"training.epochs": 4}), "numpy", tmp_path, 32, EXACT)
    tidy(tmp_path)


@pytest.mark.ci
def test_formulas_of_plugins(tmp_path):
    """A loss goes through the outputs of a row one by one: its formula for one of them is that for whole arrays."""
    changes = [
        {"network.layers.0.activation": "mish", "network.loss": "focal", "optimizer": {"name": "lion"}},
        {"network.layers.1.activation": "hard_sigmoid", "network.loss": {"name": "focal", "gamma": 1.0}},
    ]
    networks = [simulator("xor", change, registry=with_plugins()) for change in changes]
    three = {"network.layers.1.activation": "sigmoid", "network.loss": "focal"}
    agree([*networks, simulator("iris", three, registry=with_plugins())], "numpy", tmp_path, 20, EXACT)
    tidy(tmp_path)


def of_loss(place, pairs):
    """Settings for pairs of a loss and the activation of a layer."""
    return [{"network.loss": loss, f"network.layers.{place}.activation": name} for loss, name in pairs]


@pytest.mark.ci
def test_losses(tmp_path):
    smoothed = {"label_smoothing": 0.1}
    values = of_loss(0, [("mae", "leaky_relu"), ("huber", "gelu"), ("mse", "softplus")])
    two = of_loss(1, [
        ("hinge", "tanh"), ("perceptron", "identity"), ("perceptron", "step"), ("mse", "swish"),
        ("binary_cross_entropy", "hard_sigmoid"), ({"name": "binary_cross_entropy", **smoothed}, "sigmoid"),
    ])  # fmt: skip
    classes = of_loss(1, [
        ({"name": "categorical_cross_entropy", **smoothed}, "softmax"), ("categorical_cross_entropy", "sigmoid"),
        ("mse", "softmax"), ("hinge", "identity"),
    ])  # fmt: skip
    networks = [
        *several("sine", values, {"data.standardize_targets": True}),
        *several("xor", two),
        *several("iris", classes),
    ]
    heavy = {"network.class_weights": [1, 3, 0.5]}
    networks += several("iris", [{**change, **heavy} for change in classes])
    networks += several("xor", [{**change, "network.class_weights": [1, 3]} for change in two[:4]])
    networks.append(simulator("digits", {"network.class_weights": "balanced"}))
    agree(networks, "numpy", tmp_path, 8, EXACT)
    tidy(tmp_path)


@pytest.mark.ci
def test_every_shipped_scenario_takes_a_step_or_is_refused(tmp_path):
    assert len(steps_of_shipped("numpy", "NumPy", tmp_path)) > 15


def test_the_script_tells_what_it_does(tmp_path):
    network = simulator("xor", {"training.epochs": 20})
    script = exported(network, "numpy", tmp_path)
    said = run(script, "import runpy; runpy.run_path('network.py', run_name='__main__')").splitlines()
    assert len(said) == 11
    assert said[-1].startswith("training rows: loss 0.")
    our_losses(network, 20)
    assert f"loss {network.evaluate('train')['loss']:.4f}, accuracy " in said[-1]


@pytest.mark.parametrize("name", ["xor", "digits", "sine", "xor-perceptron", "initialization", "mnist-quick"])
def test_scripts_are_tidy(name, tmp_path):
    scenario = neurosim.load_scenario(name)
    variant = next(iter(scenario.variants), "")
    exported(simulator(name, None, variant), "numpy", tmp_path)
    tidy(tmp_path)


def test_what_a_scenario_does_not_use_is_not_there(tmp_path):
    text = exported(simulator("xor-perceptron"), "numpy", tmp_path).read_text()
    for word in ("shuffled", "mix", "SEED", "momentum", "weight_decay", "dropout", "math", "npz"):
        assert word not in text
    assert "    return w - LEARNING_RATE * g\n" in text
    assert [path.name for path in tmp_path.iterdir()] == ["network.py"]


HOSTILE = [
    '"""\nimport os\nos.system("touch owned")\n"""',
    "coding: utf-7\r+AGkAbQBwAG8AcgB0-\x0c\x00 \u2028 import os \x85 import os",
    "\\\nimport os",
    "fmt: off\ntype: ignore\nnoqa",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_scenario_becomes_code(text, tmp_path):
    plain = exported(simulator("xor", {"scenario.title": "T", "scenario.lesson": "L"}), "numpy", tmp_path, "plain")
    wild = exported(simulator("xor", {"scenario.title": text, "scenario.lesson": text}), "numpy", tmp_path, "wild")
    assert ast.dump(ast.parse(wild.read_bytes())) == ast.dump(ast.parse(plain.read_bytes()))
    first, second, *_ = wild.read_text().splitlines()
    assert first.startswith('"""The scenario xor of neurosim')
    assert second == ""


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("digits-cnn", {}, "it has conv2d layers and max_pool2d layers"),
        ("xor", {"optimizer": {"name": "muon"}}, "it has the optimizer muon, which looks at whole arrays"),
        ("xor", {"network.layers.0.activation": "prelu"}, "it has an activation that learns (prelu)"),
        (
            "xor",
            {"training.average": {"kind": "ema", "decay": 0.9}, "training.clip_norm": 1.0},
            "it has training.average",
        ),
        (
            "xor",
            {"optimizer.schedule": "reduce_on_plateau"},
            "the schedule reduce_on_plateau, which follows the losses",
        ),
    ],
)
def test_what_cannot_be_exported_is_named_and_nothing_is_written(name, changes, words, tmp_path):
    with pytest.raises(UsageError) as caught:
        exported(simulator(name, changes), "numpy", tmp_path)
    assert caught.value.message == f"this run cannot be exported to NumPy yet: {words}" or words in caught.value.message
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_the_file_and_the_format_are_checked(tmp_path):
    network = simulator("xor")
    with pytest.raises(NeurosimError, match=r"is not the name of a script\nCall it .*xor\.py"):
        neurosim.export(network, "numpy", tmp_path / "xor.txt")
    with pytest.raises(NeurosimError, match=r"\. is not the name of a script\nCall it network\.py"):
        neurosim.export(network, "numpy", ".")
    with pytest.raises(NeurosimError, match="fortran"):
        neurosim.export(network, "fortran", tmp_path / "xor.py")


def test_from_python(tmp_path):
    path = neurosim.export(simulator("xor"), to="numpy", out=tmp_path / "xor.py")
    assert path == tmp_path / "xor.py"
    result = neurosim.run("xor", overrides={"training.epochs": 1, "expect": {}})
    same = result.export(to="numpy", out=tmp_path / "same.py")
    assert same.read_text() == neurosim.export(result, "numpy", tmp_path / "again.py").read_text()
