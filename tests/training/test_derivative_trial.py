"""A derivative that an author gives is tried before it is trained with; one that is right or meant is never refused."""

import numpy as np
import pytest

import neurosim
from neurosim import build_registry
from neurosim.errors import PluginError

HEADER = "import math\nfrom neurosim import Activation, Every, FromLogits, Gate, Loss, RowActivation, hookimpl\n"
LAST = {"kind": "dense", "units": 1, "activation": "sigmoid"}
QUICK = {"training.epochs": 1, "expect": {}}
FIRST = "network.layers.0.activation"


@pytest.fixture
def train(tmp_path):
    """Train XOR or iris with a record of a plugin."""

    def call(text, hook, record, overrides, source="xor"):
        path = tmp_path / "mine.py"
        path.write_text(f"{HEADER}{text}\n@hookimpl\ndef neurosim_{hook}():\n    return [{record}]\n")
        scenario = neurosim.load_scenario(source, overrides={**QUICK, **overrides}, registry=build_registry([path]))
        simulator = neurosim.Simulator(scenario, backend="reference", seed=1)
        simulator.train()
        return simulator

    return call


ACTIVATIONS = {
    "right": ("def f(z):\n    return z * z\ndef df(z, a):\n    return 2.0 * z\n", "", ""),
    "twice as steep": ("def f(z):\n    return z * z\ndef df(z, a):\n    return 4.0 * z\n", "", "gives -18.84 for z"),
    "not a number": ("def f(z):\n    return z * z\ndef df(z, a):\n    return math.log(-a)\n", "", "gives nan for z"),
    "meant": ("def f(z):\n    return z * z\ndef df(z, a):\n    return 4.0 * z\n", ", surrogate=True", ""),
    "kinks not declared": (
        "def f(z):\n    return abs(z - 0.173)\ndef df(z, a):\n    return 1.0 if z > 0.173 else -1.0\n", "", ""
    ),
    "kinks everywhere": (
        "def f(z):\n    return z - math.floor(z)\ndef df(z, a):\n    return 1.0\n", ", kinks=Every(1.0)", ""
    ),
    "rounding": ("def f(z):\n    return math.floor(z + 0.5)\ndef df(z, a):\n    return 0.0\n", "", ""),
    "a domain": (
        "def f(z):\n    return z ** 1.5\ndef df(z, a):\n    return 1.5 * z ** 0.5\n",
        ", domain=(0.0, math.inf)",
        "",
    ),
    "wrong in its domain": (
        "def f(z):\n    return math.sqrt(abs(z))\ndef df(z, a):\n    return 0.25 / a\n",
        ", domain=(0.0, math.inf)",
        "gives 0.3",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "more", "says"), ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
def test_activations(train, text, more, says):
    record = f"Activation('mine', f, df{more})"
    # What is not finite at the start of XOR is not trained with: it is only asked for its derivative.
    if not says:
        train(text, "activations", record, {FIRST: "mine", "optimizer.lr": 1e-6} if "1.5" not in text else {})
        return
    with pytest.raises(PluginError) as caught:
        train(text, "activations", record, {FIRST: "mine"})
    assert f"mine.py:5: activation 'mine': df {says}" in caught.value.message
    assert "surrogate=True" in caught.value.hint


@pytest.mark.parametrize(
    ("slope", "says"), [("z if z < 0.0 else 0.0", ""), ("z", "by_alpha gives 0.1728 for z = 0.1728")]
)
def test_derivatives_with_respect_to_what_is_learned(train, slope, says):
    text = f"def f(z, alpha):\n    return z if z > 0.0 else alpha * z\ndef by_alpha(z, a, alpha):\n    return {slope}\n"
    record = "Activation('mine', f, params={'alpha': 0.25}, learn={'alpha': by_alpha})"
    if not says:
        train(text, "activations", record, {FIRST: "mine"})
        return
    with pytest.raises(PluginError) as caught:
        train(text, "activations", record, {FIRST: "mine"})
    assert f"mine.py:5: activation 'mine': {says}" in caught.value.message
    assert "where the slope of f with respect to alpha, at alpha = 0.25, is 0" in caught.value.message


ROW = (
    "def f(z, a):\n    total = 0.0\n    for k in range(len(z)):\n        total += z[k] * z[k] + 1.0\n"
    "    for k in range(len(z)):\n        a[k] = (z[k] * z[k] + 1.0) / total\n"
    "def b(z, a, da, dz):\n    total = 0.0\n    weighted = 0.0\n    for k in range(len(z)):\n"
    "        total += z[k] * z[k] + 1.0\n        weighted += a[k] * da[k]\n"
    "    for k in range(len(z)):\n        dz[k] = FACTOR * z[k] / total * (da[k] - weighted)\n"
)


def test_activations_of_rows(train):
    record = "RowActivation('mine', f, b)"
    train(ROW.replace("FACTOR", "2.0"), "activations", record, {FIRST: "mine"})
    with pytest.raises(PluginError, match=r"mine.py:9: activation 'mine': b fills in .* for entry 0 of"):
        train(ROW.replace("FACTOR", "1.0"), "activations", record, {FIRST: "mine"})


LOSS = (
    "def value(a, y):\n    return (a[0] - y[0]) ** 2\n"
    "def gradient(a, y, da):\n    da[0] = GRADIENT * (a[0] - y[0])\n"
    "def from_z(z, a, y):\n    return (a[0] - y[0]) ** 2\n"
    "def of_z(z, a, y, dz):\n    dz[0] = PAIR * (a[0] - y[0]) * a[0] * (1.0 - a[0])\n"
)


@pytest.mark.parametrize(
    ("gradient", "pair", "more", "says"),
    [
        ("2.0", "2.0", "", ""),
        ("1.0", "2.0", "", ""),  # sigmoid is the last activation of XOR: the pair is what is trained with
        ("2.0", "1.0", "", "mine.py:9: loss 'mine': of_z fills in "),
        ("2.0", "1.0", ", surrogate=True", ""),
    ],
)
def test_losses(train, gradient, pair, more, says):
    text = LOSS.replace("GRADIENT", gradient).replace("PAIR", pair)
    record = f"Loss('mine', value, gradient, from_logits=[FromLogits('sigmoid', from_z, of_z)]{more})"
    if not says:
        train(text, "losses", record, {"network.loss": "mine"})
        return
    with pytest.raises(PluginError, match=says):
        train(text, "losses", record, {"network.loss": "mine"})


CLASSES = (
    "def value(a, y):\n    return -math.log(a[y])\n"
    "def gradient(a, y, da):\n    for k in range(len(a)):\n        da[k] = 0.0\n    da[y] = SIGN1.0 / a[y]\n"
)


GATE = "def f(u, v):\n    return u * v * v\ndef du(u, v):\n    return v * v\ndef dv(u, v):\n    return FACTOR * u * v\n"


def test_gates(train):
    layers = {"network.layers": [{"kind": "dense", "units": 4}, {"kind": "gated", "gate": "mine"}, LAST]}
    train(GATE.replace("FACTOR", "2.0"), "gates", "Gate('mine', f, du, dv)", layers)
    with pytest.raises(PluginError, match=r"mine.py:7: gate 'mine': dv gives .* for u = .*, v = ") as caught:
        train(GATE.replace("FACTOR", "1.0"), "gates", "Gate('mine', f, du, dv)", layers)
    assert caught.value.hint == "Leave it out, and neurosim works it out."


def test_losses_of_classes_are_tried_on_targets_of_the_data(train):
    overrides = {"network.loss": "mine"}
    record = "Loss('mine', value, gradient, targets='classes')"
    train(CLASSES.replace("SIGN", "-"), "losses", record, overrides, "iris")
    with pytest.raises(PluginError, match=r"mine.py:5: loss 'mine': gradient fills in "):
        train(CLASSES.replace("SIGN", ""), "losses", record, overrides, "iris")


def test_a_trained_network_is_read_whatever_its_derivative(train, tmp_path):
    """Only training needs it: what was trained before it was tried can still be looked at."""
    text = "def f(z):\n    return z * z\ndef df(z, a):\n    return 4.0 * z\n"
    with pytest.raises(PluginError):
        train(text, "activations", "Activation('mine', f, df)", {FIRST: "mine"})
    scenario = neurosim.load_scenario(
        "xor", overrides={**QUICK, FIRST: "mine"}, registry=build_registry([tmp_path / "mine.py"])
    )
    simulator = neurosim.Simulator(scenario, backend="reference", seed=1)
    assert simulator.forward(np.zeros((1, 2), np.float32)).shape == (1, 1)
