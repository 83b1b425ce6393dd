"""One set of options for runs and studies: given whole, or by the names of its fields."""

import dataclasses
import inspect

import pytest

import neurosim
from neurosim.errors import UsageError
from neurosim.runs import RunOptions

FEW = {"training.epochs": 3}


def test_fields_given_by_name_come_first():
    options = RunOptions(backend="reference", seed=3, overrides=FEW)
    whole, by_name = neurosim.run("xor", options), neurosim.run("xor", backend="reference", seed=3, overrides=FEW)
    assert whole.history.train_loss == by_name.history.train_loss
    assert neurosim.run("xor", options, seed=4).simulator.seed == 4
    assert options.seed == 3


@pytest.mark.parametrize("function", [neurosim.run, neurosim.study])
def test_a_signature_and_a_docstring_show_every_field(function):
    parameters = inspect.signature(function).parameters
    for field in dataclasses.fields(RunOptions):
        assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[field.name].default == field.default
        assert f"\n{field.name} : " in function.__doc__
    with pytest.raises(TypeError, match="epochs"):
        function("xor", epochs=3)


def test_a_study_of_one_variant():
    found = neurosim.study("depth", variant="plain-2", overrides=FEW, backend="reference")
    assert {result.scenario.variant for result in found.results} == {"plain-2"}


@pytest.mark.parametrize("function", [neurosim.run, neurosim.study])
def test_an_observer_is_an_observer_or_a_function(function):
    with pytest.raises(UsageError, match="the observer cannot be called with "):
        function("xor", observer=3)
