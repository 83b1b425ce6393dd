import subprocess
import sys

import pytest
from scenario_text import GOOD

from neurosim.scenario import load_scenario, shipped

NAMES = [
    "and", "batch-size", "depth", "digits", "digits-cnn", "dying-relu", "features", "initialization", "iris",
    "learning-rate", "loss-functions", "mnist", "mnist-cnn", "mnist-cnn-quick", "mnist-mlp-best",
    "mnist-mlp-elastic", "mnist-quick", "mnist-resnet", "mnist-vgg", "moons", "nand", "optimizers", "or",
    "overfitting", "sine", "spirals", "try-hidden-units", "try-inputs", "try-learning-rate",
    "try-overfitting",
    "universal-approximation", "vanishing-gradient", "xor", "xor-perceptron", "xor-two-units",
]  # fmt: skip


def test_shipped_names():
    assert sorted(shipped()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_shipped_scenarios_load_and_come_back(name, registry, tmp_path):
    scenario = load_scenario(name, registry=registry)
    assert scenario.scenario.name == name
    assert scenario.base == shipped()[name].parent
    assert scenario.expect or scenario.claims
    assert scenario.scenario.lesson.count(".") >= 3
    copy = tmp_path / "copy.toml"
    copy.write_text(scenario.to_toml(), encoding="utf-8")
    again = load_scenario(copy, registry=registry)
    assert again == scenario
    assert again.to_toml() == scenario.to_toml()
    assert (
        shipped()[name].read_text(encoding="utf-8").startswith("#:schema ../neurosim/scenario/scenario.schema.json\n")
    )


CSV_DATA = 'source = "csv"\nfile = "houses.csv"\ntarget = "price"'


@pytest.mark.parametrize(
    ("data", "activation", "loss", "scaled"),
    [
        (CSV_DATA, "identity", "mse", True),
        (CSV_DATA.replace('"csv"', '"builtin:csv"'), "builtin:identity", "huber", True),
        (CSV_DATA, "sigmoid", "mse", False),
        (CSV_DATA, "relu", "mse", False),
        (CSV_DATA + '\ntask = "classification"', "identity", "mse", False),
        (CSV_DATA + "\nstandardize_targets = false", "identity", "mse", False),
        ('source = "sine"', "identity", "mse", False),
        ('source = "sine"\nstandardize_targets = true', "identity", "mse", True),
    ],
)
def test_targets_in_units_of_their_own_are_scaled(data, activation, loss, scaled, load):
    """Of a CSV file, unless the output could not follow; the resolved scenario says it."""
    text = GOOD.replace('source = "moons"\nnoise = 0.2', data).replace(
        'activation = "sigmoid"', f'activation = "{activation}"'
    )
    text = text.replace('loss = "binary_cross_entropy"', f'loss = "{loss}"')
    assert all(part in text for part in (data, activation, loss))
    found = load(text)
    assert found.data.standardize_targets is scaled
    assert f"standardize_targets = {str(scaled).lower()}" in found.to_toml()
    assert load(found.to_toml()) == found


def test_a_variant_decides_on_its_own_whether_its_targets_are_scaled(load):
    text = GOOD.replace('source = "moons"\nnoise = 0.2', CSV_DATA).replace(
        'activation = "sigmoid"', 'activation = "identity"'
    )
    text = text.replace('loss = "binary_cross_entropy"', 'loss = "mse"')
    text += '[[variants]]\nname = "linear"\n[[variants]]\nname = "bounded"\n"network.layers.1.activation" = "sigmoid"\n'
    for scenario in (found := load(text), load(found.to_toml())):
        scaled = {name: variant.data.standardize_targets for name, variant in scenario.variants.items()}
        assert scaled == {"linear": True, "bounded": False}


def test_everything_comes_back(load):
    text = GOOD.replace("units = 1", "units = 1\nweight = [[1], [-0.5], [1e-30], [2]]\nbias = [0.25]")
    text = text.replace('title = "A good one"', r'title = "q\" \\ \u001b ä\r\n\ttab"' + '\nlesson = "a\\n\\"\\"\\" b "')
    text = text.replace("lr = 0.05", 'lr = 1\nschedule = { name = "cosine", final = 0.5 }')
    text = text.replace("noise = 0.2", "noise = 1\nnormalize = { mean = 1, std = 2.5 }\nvalidation_fraction = 0.125")
    text += '[expect]\nvalidation_loss = { at_least = 0, at_most = 2.5 }\n[requires]\nplugins = ["neurosim-swish>=1"]\n'
    scenario = load(text)
    toml = scenario.to_toml()
    assert toml.count("[[network.layers]]") == 2
    assert load(toml) == scenario


def test_completed_values(load):
    scenario = load()
    first, last = scenario.network.layers
    assert (first.activation.name, first.activation.params) == ("leaky_relu", {"alpha": 0.1})
    assert first.init.name == "he_uniform"
    assert (last.init.name, last.bias) == ("glorot_uniform", True)
    assert scenario.data.options == {"samples": 400, "noise": 0.2}
    assert list(scenario.optimizer.params) == ["lr", "beta1", "beta2", "eps", "weight_decay"]
    assert scenario.optimizer.params["beta1"] == 0.9
    assert (scenario.training.batch_size, scenario.training.shuffle) == (32, True)


def test_booleans_are_parameters(load):
    scenario = load(overrides={"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True}})
    assert scenario.optimizer.params == {"lr": 0.01, "momentum": 0.9, "nesterov": 1.0, "weight_decay": 0.0}


def test_explicit_weights_need_no_initializer(load):
    assert load(overrides={"network.layers.1.weight": [[1.0]] * 4}).network.layers[1].init is None


def test_frozen(load):
    scenario = load()
    with pytest.raises(Exception, match="frozen"):
        scenario.training.epochs = 3
    with pytest.raises(AttributeError):
        scenario.path = None


def test_light_import():
    code = "import neurosim.scenario, sys; sys.exit(bool({'numba', 'matplotlib', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_points_are_pairs(tmp_path):
    points = {"data": {"source": "function", "function": "points", "points": [[0, 0], [1, 2.5]]}}
    scenario = load_scenario("sine", overrides=points)
    (tmp_path / "again.toml").write_text(scenario.to_toml(), encoding="utf-8")
    assert load_scenario(tmp_path / "again.toml").data.options["points"] == [[0, 0], [1, 2.5]]
