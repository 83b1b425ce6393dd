"""Layers in layers: read in both spellings, checked with file and line, completed, written and changed."""

import tomllib

import jsonschema
import pytest
from layers_text import HEAD, INLINE, LAYERS, NESTED, TAIL, stacked

from neurosim.errors import ScenarioError
from neurosim.network.layers.kinds import layer_kinds
from neurosim.plugin import Activation
from neurosim.plugin.host import Plugin
from neurosim.scenario.json_schema import json_schema


def changed(old, new, text=NESTED):
    assert text.count(old) >= 1
    return text.replace(old, new, 1)


def test_both_spellings_are_one_scenario(load):
    assert load(HEAD + INLINE + TAIL) == load(NESTED)


def test_nested_layers_are_completed(load):
    group, _, dense = load(NESTED).network.layers
    residual, pool = group.layers
    conv, norm = residual.layers
    assert (group.repeat, residual.repeat, conv.kernel, conv.stride) == (2, 3, [3, 5], 1)
    assert (conv.l1, conv.l2, conv.bias, conv.activation.name) == (0.0, 0.5, True, "identity")
    assert (pool.stride, pool.padding) == (2, "valid")
    assert (norm.momentum, norm.epsilon) == (0.1, 1e-5)
    assert (conv.init.name, residual.init.name, dense.init.name) == ("glorot_uniform",) * 3
    relu = load(overrides={}, content=changed("l2 = 0.5", 'activation = "relu"')).network.layers[0].layers[0].layers[0]
    assert relu.init.name == "he_uniform"


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ('kind = "residual"\nlayers = [{ kind = "dense", units = 5 }]\nshortcut = [{ kind = "dense", unit = 5 }]',
         'network.layers.0.shortcut.0.unit: unknown key; did you mean "units"?'),
        ('kind = "residual"\nlayers = [{ kind = "dense", units = 5 }]\nshortcut = []',
         "network.layers.0.shortcut: "),
        ('kind = "residual"\ninit = "zeros"\nlayers = [{ kind = "batch_norm" }]\nshortcut = [{ kind = "batch_norm" }]',
         "network.layers.0.init: it is for the projection, and shortcut has layers in its place"),
        ('kind = "concatenation"\nbranches = [[], [{ kind = "dense", unit = 5 }]]',
         's.toml:13:36: network.layers.0.branches.1.0.unit: unknown key; did you mean "units"?'),
        ('kind = "concatenation"\nbranches = [[], []]', "network.layers.0.branches: all of them are empty"),
        ('kind = "concatenation"\nbranches = [[{ kind = "flatten" }]]', "network.layers.0.branches: "),
    ],
)  # fmt: skip
def test_faults_of_branches_are_found_in_their_place(load, layer, told):
    with pytest.raises(ScenarioError) as error:
        load(stacked(layer, 'kind = "dense"\nunits = 10\nactivation = "softmax"'))
    assert told in str(error.value)


def test_settings_of_branches_have_keys_of_their_own(load):
    settings = dict(load(stacked('kind = "concatenation"\nbranches = [[], [{ kind = "dense", units = 3 }]]',
                                 'kind = "dense"\nunits = 10\nactivation = "softmax"')).settings())  # fmt: skip
    assert settings["network.layers.0.branches.1.0.units"] == 3
    assert "network.layers.0.branches" not in settings


def test_the_width_of_branches_is_known(load):
    """Initial values are checked against it: 4 units pass on, and 3 are beside them."""
    text = stacked(
        'kind = "dense"\nunits = 4',
        'kind = "concatenation"\nbranches = [[], [{ kind = "dense", units = 3 }]]',
        'kind = "dense"\nunits = 1\nweight = [[1], [2]]',
    )
    with pytest.raises(ScenarioError, match="expected one row for each of the 7 inputs, not 2"):
        load(text)


def test_written_layers_come_back(load):
    scenario = load(NESTED)
    written = scenario.to_toml()
    assert written.count("[[network.layers]]") == 3
    assert written.count("[[network.layers.layers]]") == 2
    assert written.count("[[network.layers.layers.layers]]") == 2
    again = load(written)
    assert again == scenario
    assert again.to_toml() == written


def test_every_kind_comes_back(load):
    kinds = {
        "conv2d": 'channels = 3\nkernel = 2\nstride = [1, 2]\ninit = "he_normal"\nbias = false'
        "\npadding = [0, 1, 2, 0]\ndilation = [1, 2]\ngroups = 3",
        "max_pool2d": 'size = [2, 1]\nstride = 1\npadding = "same"\ndilation = 2\nceil = true',
        "avg_pool2d": "padding = 1\ncount_padding = true",
        "batch_norm": "momentum = 1\nepsilon = 0.5",
        "layer_norm": "epsilon = 0.25",
        "activation": 'activation = { name = "leaky_relu", alpha = 0.5 }',
        "gated": 'gate = { name = "swiglu", beta = 0.5 }',
        "maxout": "pieces = 3",
        "dropout": "rate = 0.25",
        "residual": 'init = "he_normal"\nlayers = [{ kind = "dropout", rate = 0 }]',
        "concatenation": 'repeat = 2\nbranches = [[], [{ kind = "conv2d", channels = 3 }, { kind = "batch_norm" }]]',
        "global_avg_pool2d": "",
        "flatten": "",
        "group": 'layers = [{ kind = "dense", units = 10, l1 = 0.1, l2 = 0.2 }]',
    }
    assert {*kinds, "dense"} == {name for name, _, _ in layer_kinds()}
    shortcut = 'shortcut = [{ kind = "conv2d", channels = 3, kernel = 1 }, { kind = "batch_norm", momentum = 1 }]'
    layers = [*kinds.items(), ("residual", f'layers = [{{ kind = "flatten" }}]\n{shortcut}')]
    scenario = load(stacked(*(f'kind = "{kind}"\n{keys}' for kind, keys in layers)))
    assert [layer.kind for layer in scenario.network.layers] == [kind for kind, _ in layers]
    assert [layer.init.name for layer in scenario.network.layers[-1].shortcut[:1]] == ["glorot_uniform"]
    assert scenario.network.layers[-1].init is None
    assert load(scenario.to_toml()) == scenario


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("channels = 4", "chanels = 4",
         's.toml:22:1: network.layers.0.layers.0.layers.0.chanels: unknown key; did you mean "channels"?'),
        ("channels = 4\n", "",
         "s.toml:20:1: network.layers.0.layers.0.layers.0.channels: required, but missing. "
         "Number of channels of the map that comes out."),
        ("channels = 4", "channels = 0",
         "s.toml:22:1: network.layers.0.layers.0.layers.0.channels: expected a number of at least 1, not 0"),
        ("kernel = [3, 5]", "kernel = [3, 5, 7]",
         "s.toml:23:1: network.layers.0.layers.0.layers.0.kernel: expected a whole number, or two: "
         "[vertical, horizontal], not [3, 5, 7]"),
        ("kernel = [3, 5]", "kernel = [3, 0]",
         "s.toml:23:14: network.layers.0.layers.0.layers.0.kernel.1: expected a number of at least 1, not 0"),
        ("kernel = [3, 5]", "kernel = 0",
         "s.toml:23:1: network.layers.0.layers.0.layers.0.kernel: expected a number of at least 1, not 0"),
        ("kernel = [3, 5]", "kernel = true",
         "s.toml:23:1: network.layers.0.layers.0.layers.0.kernel: expected a whole number, or two: "
         "[vertical, horizontal], not true"),
        ('padding = "same"', 'padding = "full"',
         "s.toml:24:1: network.layers.0.layers.0.layers.0.padding: expected 'valid' or 'same', not \"full\""),
        ('padding = "same"', "padding = [1, 2, 3]",
         's.toml:24:1: network.layers.0.layers.0.layers.0.padding: expected "valid", "same", a whole number, or a list '
         "of two or four: [vertical, horizontal] or [top, bottom, left, right], not [1, 2, 3]"),
        ('padding = "same"', "padding = [0, 1, -1, 0]",
         "s.toml:24:18: network.layers.0.layers.0.layers.0.padding.2: expected a number of at least 0, not -1"),
        ("l2 = 0.5", "l2 = -0.5",
         "s.toml:25:1: network.layers.0.layers.0.layers.0.l2: expected a number of at least 0, not -0.5"),
        ('"batch_norm"', '"batchnorm"',
         's.toml:28:1: network.layers.0.layers.0.layers.1.kind: unknown kind of layer "batchnorm"; '
         'did you mean "batch_norm"?'),
        ('kind = "batch_norm"', "epsilon = 1",
         "s.toml:27:1: network.layers.0.layers.0.layers.1.kind: required, but missing; expected one of: dense, conv2d, "
         "max_pool2d, avg_pool2d, global_avg_pool2d, batch_norm, layer_norm, activation, gated, maxout, dropout, "
         "flatten, residual, concatenation, group"),
        ('activation = "relu"', 'activation = "rellu"',
         's.toml:18:1: network.layers.0.layers.0.activation: unknown activation "rellu"; did you mean "relu"?'),
        ("l2 = 0.5", 'init = { name = "he_normal", gain = 1 }',
         "s.toml:25:30: network.layers.0.layers.0.layers.0.init.gain: unknown parameter of initializer he_normal; "
         "it has no parameters"),
        ("repeat = 3", "repeat = 0",
         "s.toml:17:1: network.layers.0.layers.0.repeat: expected a number of at least 1, not 0"),
        ("repeat = 3", "repeat = 1001",
         "s.toml:17:1: network.layers.0.layers.0.repeat: expected a number of at most 1000, not 1001"),
        # 1000 x (3 x (residual, conv2d, batch_norm, activation) + avg_pool2d) + 2
        ("repeat = 2", "repeat = 1000",
         "s.toml:11:1: network.layers: with all repetitions these are 13,002 layers; at most 10,000"),
    ],
)  # fmt: skip
def test_faults_of_nested_layers(faults, old, new, line):
    assert faults(changed(old, new)) == [line]


def test_faults_of_inline_layers(faults):
    text = HEAD + changed("padding =", "paddin =", INLINE) + TAIL
    assert faults(text) == [
        's.toml:16:55: network.layers.0.layers.0.layers.0.paddin: unknown key; did you mean "padding"?'
    ]


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ('activation = "rellu"',
         's.toml:13:1: network.layers.0.activation: unknown activation "rellu"; did you mean "relu"?'),
        ('activation = { name = "elu", alpha = "x" }',
         's.toml:13:30: network.layers.0.activation.alpha: expected a number, not "x"'),
        ('activation = "relu"\nsize = 3', "s.toml:14:1: network.layers.0.size: unknown key; "),
        ("", "s.toml:11:1: network.layers.0.activation: required, but missing. Function applied to each number, "
         "or to the row."),
        ("activation = 3", "s.toml:13:1: network.layers.0.activation: expected a name or a table"),
    ],
)  # fmt: skip
def test_a_kind_with_the_name_of_its_key(faults, layer, line):
    (found,) = faults(stacked(f'kind = "activation"\n{layer}', 'kind = "dense"\nunits = 10'))
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("layers", "fault"),
    [
        (['kind = "group"\nlayers = []'], "network.layers.0.layers: expected at least 1 of them, not []"),
        (['kind = "group"\nlayers = [{ kind = "flatten" }]'], "network.layers: there is nothing to train; expected"),
        (['kind = "dense"\nunits = 3', 'kind = "group"\nlayers = [{ kind = "dropout", rate = 0.5 }]'],
         "network.layers.1.layers.0.kind: the last layer is the output and cannot be dropped out of"),
        (['kind = "group"\nlayers = [{ kind = "dense", units = 1, activation = "softmax" }]'],
         "network.layers.0.layers.0.activation: softmax of a single unit is always 1"),
        (['kind = "dense"\nunits = 1', 'kind = "activation"\nactivation = "softmax"'],
         "network.layers.1.activation: softmax of a single unit is always 1"),
        (['kind = "dense"\nunits = 1', 'kind = "activation"\nactivation = "sigmoid"'],
         "network.layers.1: categorical_cross_entropy needs one unit per class, at least 2, not 1"),
        (['kind = "dense"\nunits = 5', 'kind = "batch_norm"', 'kind = "residual"\nlayers = ['
          '{ kind = "dense", units = 10, weight = [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]] }]'],
         "network.layers.2.layers.0.weight: expected one row for each of the 5 inputs, not 1"),
        (['kind = "group"\nrepeat = 2\nlayers = ['
          '{ kind = "dense", units = 10, weight = [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]] }]'],
         "network.layers.0.layers.0.weight: expected one row for each of the 10 inputs, not 1"),
    ],
)  # fmt: skip
def test_rules_reach_into_nested_layers(faults, layers, fault):
    found = faults(stacked(*layers))
    assert any(f": {fault}" in line for line in found), found


def test_overrides_reach_nested_layers(load, faults):
    scenario = load(NESTED, overrides={"network.layers.0.layers.0.layers.0.channels": 6, "network.layers.0.repeat": 1})
    assert scenario.network.layers[0].layers[0].layers[0].channels == 6
    assert scenario.network.layers[0].repeat == 1
    (line,) = faults(NESTED, overrides={"network.layers.0.layers.7.units": 1})
    assert line.endswith("network.layers.0.layers has no entry 7; its entries are numbered 0 to 1")
    (line,) = faults(NESTED, overrides={"network.layers.0.layers.0.layers.0.channels": "x"})
    assert line.startswith("override network.layers.0.layers.0.layers.0.channels=x: network.layers.0.layers.0.layers.0")


def test_plugins_of_nested_layers_are_told(load, registry):
    entry = registry.activations.entry("relu")
    other = Plugin("other", version="1.0")
    registry.activations.add(type(entry)(Activation("mine", lambda z: z, lambda z, a: 1.0), other))
    assert load(NESTED).plugins == ()
    assert load(changed("l2 = 0.5", 'activation = "mine"')).plugins == (other,)
    assert load(changed('activation = "relu"', 'activation = "mine"')).plugins == (other,)


@pytest.fixture
def validator(registry):
    return jsonschema.Draft202012Validator(json_schema(registry))


def test_editors_accept_nested_layers(validator):
    validator.validate(tomllib.loads(NESTED))
    validator.validate(tomllib.loads(HEAD + INLINE + TAIL))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("channels = 4", "chanels = 4"),
        ("kernel = [3, 5]", "kernel = [3, 5, 7]"),
        ("kernel = [3, 5]", "kernel = 0"),
        ('padding = "same"', 'padding = "full"'),
        ('"batch_norm"', '"batchnorm"'),
        ('activation = "relu"', "activation = 3"),
        ("repeat = 3", "repeat = 1001"),
        ("size = 2", "units = 2"),
    ],
)
def test_editors_refuse_broken_nested_layers(validator, old, new):
    assert not validator.is_valid(tomllib.loads(HEAD + changed(old, new, LAYERS) + TAIL))


@pytest.mark.parametrize(("kind", "by"), [('"gated"\ngate = "glu"', 2), ('"maxout"\npieces = 5', 5)])
def test_inputs_that_cannot_be_divided_are_refused_before_anything_is_built(load, kind, by):
    layers = ('kind = "flatten"', 'kind = "dense"\nunits = 7', f"kind = {kind}", 'kind = "dense"\nunits = 10')
    with pytest.raises(ScenarioError) as caught:
        load(stacked(*layers))
    message = str(caught.value)
    assert (
        f"layers.2.kind: it divides its inputs into {by} parts of the same size, and there are 7; give the layer before"
        in message
    )
