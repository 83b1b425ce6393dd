"""Another name in the place of one takes the parameters along that belong to it, and says so."""

import pytest
from scenario_text import GOOD

from neurosim.errors import ScenarioError

# All parameters written out, as in the folder of a run.
FULL = GOOD.replace("lr = 0.05", 'lr = 0.05\nbeta1 = 0.8\nbeta2 = 0.99\neps = 1e-7\nschedule = "cosine"')


def test_the_parameters_of_the_optimizer_before_are_left_out(load):
    scenario = load(FULL, overrides={"optimizer.name": "sgd"})
    assert scenario.optimizer.name == "sgd"
    assert scenario.optimizer.params["lr"] == 0.05
    assert scenario.optimizer.schedule.name == "cosine"
    assert scenario.notes == ("optimizer.name=sgd: beta1, beta2, eps belonged to adam and are left out",)


def test_what_is_set_with_it_stays_and_is_checked(load):
    scenario = load(FULL, overrides={"optimizer.momentum": 0.9, "optimizer.name": "sgd", "optimizer.lr": 1.0})
    assert (scenario.optimizer.params["momentum"], scenario.optimizer.params["lr"]) == (0.9, 1.0)
    with pytest.raises(ScenarioError, match=r"optimizer\.beta1: unknown parameter of optimizer sgd") as caught:
        load(FULL, overrides={"optimizer.name": "sgd", "optimizer.beta1": 0.9})
    assert "beta2" not in caught.value.message


def test_those_of_biases_go_too(load):
    text = FULL.replace("beta1 = 0.8", "beta1 = 0.8\nbiases = { weight_decay = 0.0, beta2 = 0.9 }")
    assert load(text).optimizer.biases == {"weight_decay": 0.0, "beta2": 0.9}
    scenario = load(text, overrides={"optimizer.name": "sgd"})
    assert scenario.optimizer.biases == {"weight_decay": 0.0}
    assert "eps, biases.beta2 belonged to adam" in scenario.notes[0]


def test_keys_that_belonged_to_nothing_are_errors_still(load):
    with pytest.raises(ScenarioError, match=r"optimizer\.momentun: unknown parameter"):
        load(FULL.replace("beta1", "momentun"), overrides={"optimizer.name": "sgd"})
    with pytest.raises(ScenarioError, match=r"optimizer\.name: unknown optimizer"):
        load(FULL, overrides={"optimizer.name": "sgdd"})


@pytest.mark.parametrize(
    ("text", "overrides"),
    [(FULL, {"optimizer.name": "adam"}), (FULL, {"optimizer.name": "builtin:adam"}), (GOOD, {"optimizer.name": "sgd"})],
)
def test_nothing_is_said_where_nothing_is_left_out(load, text, overrides):
    scenario = load(text, overrides=overrides)
    assert scenario.notes == ()
    assert scenario.optimizer.params.get("beta1", 0.8) == 0.8


@pytest.mark.parametrize(
    ("overrides", "name", "params", "note"),
    [
        ({"activation": "relu"}, "relu", {}, "activation=relu: alpha belonged to leaky_relu and is left out"),
        ({"activation.name": "relu"}, "relu", {}, "activation.name=relu: alpha belonged to leaky_relu and is left out"),
        ({"activation.name": "elu"}, "elu", {"alpha": 0.1}, None),
        ({"activation": {"name": "elu", "alpha": 2}}, "elu", {"alpha": 2.0}, None),
        ({"activation": "elu", "activation.alpha": 3}, "elu", {"alpha": 3.0}, None),
    ],
)
def test_an_activation(load, overrides, name, params, note):
    place = "network.layers.0."
    scenario = load(overrides={place + key: value for key, value in overrides.items()})
    chosen = scenario.network.layers[0].activation
    assert (chosen.name, chosen.params) == (name, params)
    assert scenario.notes == (() if note is None else (place + note,))


def test_a_bare_name_takes_parameters_and_another_name(load):
    text = GOOD.replace('{ name = "leaky_relu", alpha = 0.1 }', '"leaky_relu"')
    assert load(text, overrides={"network.layers.0.activation.alpha": 0.3}).network.layers[0].activation.params == {
        "alpha": 0.3
    }
    assert (
        load(text, overrides={"network.layers.0.activation.name": "tanh"}).network.layers[0].activation.name == "tanh"
    )
    with pytest.raises(ScenarioError, match=r"activation\.beta: unknown parameter of activation leaky_relu"):
        load(text, overrides={"network.layers.0.activation.beta": 0.3})


def test_a_loss_and_a_schedule(load):
    text = GOOD.replace('"binary_cross_entropy"', '{ name = "huber", delta = 2.0 }')
    assert load(text, overrides={"network.loss": "mse"}).notes == (
        "network.loss=mse: delta belonged to huber and is left out",
    )
    text = FULL.replace('"cosine"', '{ name = "one_cycle", start = 0.1, final = 0.2 }')
    scenario = load(text, overrides={"optimizer.schedule.name": "exponential"})
    assert scenario.optimizer.schedule.params == {"final": 0.2}
    assert scenario.notes == ("optimizer.schedule.name=exponential: start belonged to one_cycle and is left out",)


def test_a_data_set_takes_its_options_along_but_not_what_all_have(load):
    text = GOOD.replace('"moons"\n', '"spirals"\nturns = 2.0\nsamples = 60\ntest_fraction = 0.5\n')
    scenario = load(text, overrides={"data.source": "moons"})
    assert scenario.data.options == {"samples": 60, "noise": 0.2}
    assert scenario.data.test_fraction == 0.5
    assert scenario.notes == ("data.source=moons: turns belonged to spirals and is left out",)


VARIANTS = """
[[variants]]
name = "path"
"optimizer.name" = "sgd"
"optimizer.momentum" = 0.5
[[variants]]
name = "anew"
optimizer = { name = "rmsprop", lr = 0.01 }
[[variants]]
name = "wrong"
"training.epochs" = 2
"""


def test_variants(load):
    scenario = load(FULL + VARIANTS)
    path, anew = scenario.variants["path"], scenario.variants["anew"]
    assert (path.optimizer.name, path.optimizer.params["lr"], path.optimizer.params["momentum"]) == ("sgd", 0.05, 0.5)
    assert path.notes == ("variant path: optimizer.name=sgd: beta1, beta2, eps belonged to adam and are left out",)
    assert (anew.optimizer.name, anew.optimizer.params["lr"], anew.optimizer.schedule) == ("rmsprop", 0.01, None)
    assert anew.notes == (
        "variant anew: optimizer.name=rmsprop begins [optimizer] anew: beta1, beta2, eps, schedule are left out",
    )
    assert scenario.notes == (*path.notes, *anew.notes)
    assert load(scenario.to_toml()) == scenario


def test_a_variant_keeps_what_it_sets_itself(faults):
    text = FULL + VARIANTS.replace('"training.epochs" = 2', '"optimizer.beta1" = 0.5\n"optimizer.name" = "sgd"')
    (fault,) = faults(text)
    assert 'variants.2."optimizer.beta1": unknown parameter of optimizer sgd' in fault


def test_an_override_wins_over_variants_and_takes_their_parameters_along(load):
    text = FULL + VARIANTS.replace('"optimizer.momentum" = 0.5\n', "")
    scenario = load(text, overrides={"optimizer.name": "adagrad", "optimizer.lr": 0.5})
    assert {(one.optimizer.name, one.optimizer.params["lr"]) for one in scenario.variants.values()} == {
        ("adagrad", 0.5)
    }
    assert "optimizer.name=adagrad: beta1, beta2 belonged to adam and are left out" in scenario.notes
