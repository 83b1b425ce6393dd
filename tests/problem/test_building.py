"""From the layers of a file to the network: images, written-out groups, and where an error is in the file."""

import numpy as np
import pytest

from neurosim import Simulator, load_scenario
from neurosim.errors import DataError, ShapeError
from neurosim.problem.assembly import load_data
from neurosim.problem.building import build_network

COLOR = """\
import numpy as np
from neurosim import Dataset, Table, hookimpl
def load(request):
    pixels = np.arange(4 * 24, dtype=np.float32).reshape(4, 24)
    return Table(pixels, np.array([0, 1, 0, 1]), ("dark", "light"), image_shape={shape})
@hookimpl
def neurosim_datasets():
    return [Dataset("color", load)]
"""
OUT = {"kind": "dense", "units": 10, "activation": "softmax"}
CONV = {"kind": "conv2d", "channels": 4}


def scenario(*layers, **changes):
    return load_scenario("digits", overrides={"network.layers": list(layers), **changes})


def network(*layers, **changes):
    loaded = scenario(*layers, **changes)
    return build_network(loaded, load_data(loaded))


def kinds(built):
    return [(layer.name, layer.kind) for layer in built.parts]


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([OUT], (64,)),
        ([{"kind": "flatten"}, OUT], (8, 8)),
        ([{"kind": "batch_norm"}, OUT], (64,)),
        ([{"kind": "batch_norm"}, {"kind": "flatten"}, OUT], (8, 8, 1)),
        ([{"kind": "dropout", "rate": 0.1}, CONV, {"kind": "flatten"}, OUT], (8, 8, 1)),
        ([{"kind": "global_avg_pool2d"}, OUT], (8, 8, 1)),
        ([{"kind": "group", "layers": [{"kind": "activation", "activation": "tanh"}, OUT]}], (64,)),
        ([{"kind": "group", "layers": [{"kind": "activation", "activation": "tanh"}]}, {"kind": "max_pool2d"},
          {"kind": "flatten"}, OUT], (8, 8, 1)),
        ([{"kind": "residual", "layers": [{"kind": "batch_norm"}, {**CONV, "padding": "same"}]}, {"kind": "flatten"},
          OUT], (8, 8, 1)),
    ],
)  # fmt: skip
def test_rows_stay_images_where_the_first_layer_that_cares_wants_them(layers, shape):
    built = network(*layers)
    assert built.input_shape == shape
    assert built.outputs == 10


def test_color_images_have_their_channels_last(tmp_path):
    plugin = tmp_path / "color.py"
    plugin.write_text(COLOR.format(shape=(2, 4, 3)))
    layers = [{"kind": "avg_pool2d", "size": [2, 4]}, {"kind": "flatten"}, {"kind": "dense", "units": 2}]
    changes = {"network.layers": layers, "network.loss": "mse", "data": {"source": "color"}}
    simulator = Simulator(load_scenario("digits", overrides=changes, plugins=[plugin]), "reference")
    assert simulator.network.input_shape == (2, 4, 3)
    simulator.set_parameters({"layers.2.weight": [[1, 0], [0, 1], [0, 0]], "layers.2.bias": [0, 0]})
    pixels = np.arange(24.0)
    np.testing.assert_allclose(simulator.forward(pixels[None])[0], [pixels[0::3].mean(), pixels[1::3].mean()])


def test_an_image_has_two_or_three_axes(tmp_path):
    plugin = tmp_path / "color.py"
    plugin.write_text(COLOR.format(shape=(1, 2, 4, 3)))
    loaded = load_scenario("digits", overrides={"data": {"source": "color"}}, plugins=[plugin])
    with pytest.raises(DataError, match="image_shape is"):
        load_data(loaded)


def test_groups_and_repetitions_are_written_out():
    block = {"kind": "residual", "repeat": 2, "activation": "relu", "layers": [{**CONV, "padding": "same"}]}
    built = network({"kind": "group", "repeat": 2, "layers": [block, {"kind": "max_pool2d"}]}, {"kind": "flatten"}, OUT)
    assert kinds(built) == [
        ("layers.0", "residual"), ("layers.0.layers.0", "conv2d"), ("layers.0.projection", "conv2d"),
        ("layers.1", "activation"),
        ("layers.2", "residual"), ("layers.2.layers.0", "conv2d"), ("layers.3", "activation"),
        ("layers.4", "max_pool2d"),
        ("layers.5", "residual"), ("layers.5.layers.0", "conv2d"), ("layers.6", "activation"),
        ("layers.7", "residual"), ("layers.7.layers.0", "conv2d"), ("layers.8", "activation"),
        ("layers.9", "max_pool2d"), ("layers.10", "flatten"), ("layers.11", "dense"),
    ]  # fmt: skip


def test_a_group_is_the_layers_in_it():
    inner = [{"kind": "dense", "units": 6, "activation": "tanh"}, {"kind": "dropout", "rate": 0.5}]
    grouped = Simulator(scenario({"kind": "group", "repeat": 2, "layers": inner}, OUT), "reference")
    written = Simulator(scenario(*inner, *inner, OUT), "reference")
    assert grouped.network == written.network
    for name, array in written.parameters.items():
        np.testing.assert_array_equal(grouped.parameters[name], array)


def test_settings_arrive():
    conv = {**CONV, "kernel": [3, 2], "stride": [2, 1], "padding": "same", "bias": False, "l1": 0.25, "l2": 0.5}
    pool = {"kind": "avg_pool2d", "size": [1, 2], "stride": 1}
    norms = [{"kind": "batch_norm", "momentum": 0.5, "epsilon": 0.1}, {"kind": "layer_norm", "epsilon": 0.2}]
    built = network(conv, pool, *norms, {"kind": "flatten"}, {**OUT, "l2": 2.0})
    first, second, batch, layer, _, last = built.layers
    assert (first.window.kernel, first.window.stride, first.output_shape, first.bias) == (
        (3, 2),
        (2, 1),
        (4, 8, 4),
        None,
    )
    assert (first.penalty.l1, first.penalty.l2, last.penalty.l1, last.penalty.l2) == (0.25, 0.5, 0.0, 2.0)
    assert (second.window.kernel, second.window.stride, second.output_shape) == ((1, 2), (1, 1), (4, 7, 4))
    assert (batch.momentum, batch.epsilon, layer.epsilon) == (0.5, 0.1, 0.2)


def test_softmax_of_its_own_goes_with_its_loss():
    assert network({**OUT, "activation": "identity"}, {"kind": "activation", "activation": "softmax"}).pair is not None
    assert network(OUT, {"kind": "group", "layers": [{"kind": "activation", "activation": "identity"}]}).pair is None


TOO_DEEP = {"kind": "group", "repeat": 10, "layers": [CONV]}


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([CONV, OUT], "network.layers.1 (dense) needs a vector, but a map (6, 6, 4) comes in"),
        ([TOO_DEEP, OUT], "network.layers.3 (conv2d): a window of 3 x 3 does not fit into the map (2, 2, 4) that "
         "comes in; in the file this is network.layers.0.layers.0, copy 4 of 10"),
        ([{"kind": "group", "repeat": 2, "layers": [{"kind": "group", "repeat": 2, "layers": [CONV]}]}, OUT],
         "network.layers.3 (conv2d): a window of 3 x 3 does not fit into the map (2, 2, 4) that comes in; "
         "in the file this is network.layers.0.layers.0.layers.0, copy 2 of 2, in it copy 2 of 2"),
        ([{"kind": "residual", "layers": [CONV]}, OUT], "network.layers.0 (residual): a map (8, 8, 1) goes in and a "
         "map (6, 6, 4) comes out of its layers; no stride of a 1 x 1 convolution makes one of the other"),
        ([{"kind": "residual", "repeat": 2, "layers": [{**CONV, "padding": "same"}]}, {"kind": "flatten"},
          {"kind": "dense", "units": 9}], "network.layers.3 has 9 units, but the data set has 10 classes: "
         "categorical_cross_entropy needs one unit per class; in the file this is network.layers.2"),
        ([{"kind": "group", "layers": [CONV]}, {"kind": "residual", "activation": "softmax", "layers": [
            {"kind": "batch_norm"}]}, OUT], "network.layers.2 (activation): softmax needs a vector, but a map "
         "(6, 6, 4) comes in; in the file this is network.layers.1"),
    ],
)  # fmt: skip
def test_errors_tell_the_place_in_the_file(layers, words):
    with pytest.raises(ShapeError) as caught:
        network(*layers)
    place, message = caught.value.message.split("]: ")
    assert place.startswith("override network.layers=[")
    assert message == words


def test_a_map_needs_images():
    changes = {"data": {"source": "moons"}, "network.loss": "mse"}
    with pytest.raises(ShapeError, match=r"network.layers.0 \(conv2d\) needs a map .*, but a vector of 2 comes in"):
        network(CONV, {"kind": "flatten"}, OUT, **changes)


def test_a_misspelled_class_is_shown(tmp_path):
    rows = "".join(f"{k},{'cat' if k % 2 else 'dog'}\n" for k in range(30)) + "30,cta\n"
    (tmp_path / "pets.csv").write_text("x,kind\n" + rows)
    data = {"source": "csv", "file": str(tmp_path / "pets.csv"), "target": "kind"}
    with pytest.raises(ShapeError) as caught:
        network({"kind": "dense", "units": 2, "activation": "softmax"}, data=data)
    assert "the data set has 3 classes" in caught.value.message
    assert '"cat" (15), "cta" (1), "dog" (15). Is "cta", which only one row has, misspelled?' in caught.value.hint
