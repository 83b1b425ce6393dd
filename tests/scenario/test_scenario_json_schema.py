import tomllib

import jsonschema
import pytest
from scenario_text import GOOD

from neurosim.scenario import shipped
from neurosim.scenario.json_schema import COPY, json_schema, render


@pytest.fixture
def validator(registry):
    schema = json_schema(registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_copy_is_current():
    assert COPY.read_bytes() == render().encode()


def test_shipped_scenarios_are_valid(validator):
    for path in shipped().values():
        validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("units = 4", "unitz = 4"),
        ("units = 4", "units = 0"),
        ("units = 4", 'units = 4\nbias = "x"'),
        ('"dense"', '"dence"'),
        ("alpha = 0.1", 'alpha = "x"'),
        ('"sigmoid"', "3"),
        ("lr = 0.05", "lr = -1"),
        ("lr = 0.05", 'beta1 = "x"'),
        ("noise = 0.2", 'noise = "x"'),
        ("noise = 0.2", "normalize = { mean = 0 }"),
        ("epochs = 4", "epochs = 1.5"),
        ("epochs = 4", ""),
        ("epochs = 4", "epochs = 4\n[expect]\ntrain_acuracy = { at_least = 1 }"),
        ('name = "good"', 'name = "Good One"'),
        ("[training]", "[trainign]\n[training]"),
    ],
)
def test_broken_ones_are_refused(validator, old, new):
    assert old in GOOD
    assert validator.is_valid(tomllib.loads(GOOD))
    assert not validator.is_valid(tomllib.loads(GOOD.replace(old, new, 1)))


def test_editors_get_names_and_plugins_stay_possible(validator):
    dense = validator.schema["$defs"]["Dense"]["properties"]
    assert "leaky_relu" in dense["activation"]["anyOf"][0]["enum"]
    assert "he_normal" in dense["init"]["anyOf"][0]["enum"]
    assert "moons" in validator.schema["$defs"]["DataSection"]["properties"]["source"]["anyOf"][0]["enum"]
    assert all(field.get("description") for field in dense.values())
    assert validator.is_valid(tomllib.loads(GOOD.replace('"sigmoid"', '"other:sigmoid"')))
