import numpy as np
import pytest

from neurosim.errors import UsageError
from neurosim.scenario.overrides import apply, parse_override, parse_overrides


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=200", 200),
        ("a.b = 0.5", 0.5),
        ("a.b=true", True),
        ("a.b=relu", "relu"),
        ('a.b="5"', "5"),
        ("a.b=[1, 2]", [1, 2]),
        ('a.b={ name = "elu", alpha = 2 }', {"name": "elu", "alpha": 2}),
        ("a.b=x=y", "x=y"),
        ("a.b=", ""),
        ("a.b=1\nc = 2", "1\nc = 2"),
    ],
)
def test_values(text, value):
    found = parse_override(text)
    assert found == ("a.b", value)
    assert type(found[1]) is type(value)


@pytest.mark.parametrize("text", ["", "a.b", "=3", "a..b=3", "a b=3", "a=[1,", "a=" + "[" * 5000, "a=" + "1" * 5000])
def test_other_forms_are_refused_with_an_example(text):
    with pytest.raises(UsageError) as caught:
        parse_override(text)
    assert 'overrides={"training.epochs": 200' in caught.value.hint
    assert len(str(caught.value)) < 500


def test_later_wins():
    assert parse_overrides(["a=1", "b=2", "a=3"]) == {"a": 3, "b": 2}


def test_apply_copies():
    tree = {"a": [{"b": 1}], "c": {}}
    changed, faults = apply(tree, {("a", 0, "b"): 2, ("d", "e"): np.float32(0.5), ("c", "f"): (1, 2)})
    assert faults == []
    assert changed == {"a": [{"b": 2}], "c": {"f": [1, 2]}, "d": {"e": 0.5}}
    assert tree == {"a": [{"b": 1}], "c": {}}


def test_overrides_of_a_scenario(load):
    scenario = load(
        overrides={"training.epochs": 9, "network.layers.0.activation": "relu", "expect.train_loss.at_most": 1}, seed=3
    )
    assert scenario.training.epochs == 9
    assert scenario.scenario.seed == 3
    assert scenario.network.layers[0].activation.name == "relu"
    assert scenario.network.layers[0].init.name == "he_uniform"
    assert scenario.expect["train_loss"].at_most == 1.0


def test_key_path_is_checked(load):
    with pytest.raises(UsageError, match="is not a key path"):
        load(overrides={"training epochs": 1})
