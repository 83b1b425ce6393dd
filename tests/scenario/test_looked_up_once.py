"""Names of a scenario are looked up while it is loaded, and never after."""

from dataclasses import replace
from pathlib import Path

import pytest

from neurosim import Simulator, load_scenario

QUICK = {"training.epochs": 1}


class Closed:
    """A registry that nothing may be asked of any more."""

    def __getattr__(self, name):
        raise AssertionError(f"the registry is asked for {name} after loading")


def closed(scenario):
    variants = {name: replace(variant, registry=Closed()) for name, variant in scenario.variants.items()}
    return replace(scenario, registry=Closed(), variants=variants)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("xor", {}),
        ("xor", {"network.layers.1.weight": [[1.0]] * 6}),
        ("moons", {"optimizer.schedule": "reduce_on_plateau"}),
        ("sine", {"optimizer.schedule": "cosine"}),
        ("iris", {"training.early_stopping.metric": "train_loss"}),
        ("digits-cnn", {"data.test_fraction": 0.9}),
        ("and", {}),
    ],
)
def test_a_loaded_scenario_is_trained_without_its_registry(name, overrides):
    simulator = Simulator(closed(load_scenario(name, overrides={**QUICK, **overrides})), backend="reference")
    simulator.train()
    assert len(simulator.history) == 1
    assert simulator.evaluate("train")["loss"] is not None


RESIDUAL = """
[scenario]
name = "skips"
title = "Skips whose projections and groups have records of their own"
[data]
source = "moons"
samples = 40
[network]
loss = "categorical_cross_entropy"
[[network.layers]]
kind = "residual"
[[network.layers.layers]]
kind = "dense"
units = 3
activation = "leaky_relu"
[[network.layers]]
kind = "group"
repeat = 2
[[network.layers.layers]]
kind = "dense"
units = 3
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 2
activation = "softmax"
[optimizer]
name = "adam"
[training]
epochs = 1
"""


def test_layers_inside_of_others_carry_their_records(tmp_path: Path):
    file = tmp_path / "skips.toml"
    file.write_text(RESIDUAL)
    scenario = closed(load_scenario(file))
    assert scenario.network.layers[0].layers[0].activation.record.name == "leaky_relu"
    assert scenario.plugins == ()
    simulator = Simulator(scenario, backend="reference")
    simulator.train()
    assert len(simulator.history) == 1


def test_variants_carry_records_of_their_own():
    scenario = closed(load_scenario("loss-functions", overrides=QUICK))
    names = {variant.network.loss.record.name for variant in scenario.variants.values()}
    assert len(names) > 1
    for variant in scenario.variants.values():
        assert variant.data.record.load
        assert variant.to_toml()
