"""A model file by itself: it answers as the network that was trained, and believes nothing it is told."""

import gzip
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.errors import DataError, PluginError, ScenarioError, ShapeError, UsageError
from neurosim.files.sealed import seal, unseal
from neurosim.runs.model import FORMAT

SHORT = {"training.epochs": 2, "expect": {}}
PLUGIN = """
import math
from neurosim import Activation, hookimpl
def bend(z):
    return {factor} * math.tanh(z)
@hookimpl
def neurosim_activations():
    return [Activation("bend", bend)]
"""


def trained(folder, scenario, plugins=(), **overrides):
    keys = {**SHORT, **{key.replace("__", "."): value for key, value in overrides.items()}}
    return neurosim.run(scenario, overrides=keys, out=folder, plugins=plugins)


@pytest.mark.parametrize("name", ["xor", "iris", "sine", "digits", "digits-cnn", "spirals"])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_it_answers_as_the_trained_network(name, backend, tmp_path):
    result = trained(tmp_path / "run", name)
    simulator = result.simulator
    raw = simulator.data.to_raw(simulator.data.train.features.astype(np.float64))
    if simulator.data.train.features.dtype == np.uint8:
        raw = simulator.data.train.features
    model = neurosim.load_model(tmp_path / "run", backend=backend)
    rows = simulator.split_rows("train")
    expected = simulator.forward(rows.features * np.float32(rows.scale) + np.float32(rows.shift))
    outputs = model.outputs(raw)
    np.testing.assert_allclose(outputs, expected, rtol=2e-3, atol=2e-4)
    if model.classes:
        share = float(np.mean(model.predict(raw) == np.array(model.classes)[rows.classes]))
        assert share == pytest.approx(simulator.evaluate("train")["accuracy"], abs=0.02)


RESIDUAL = """
[scenario]
name = "deep"
title = "Every kind of layer"
[data]
source = "digits"
[network]
loss = "categorical_cross_entropy"
layers = [
  { kind = "conv2d", channels = 4, kernel = 3, padding = "same", activation = "identity", bias = false },
  { kind = "batch_norm" },
  { kind = "activation", activation = { name = "leaky_relu", alpha = 0.05 } },
  { kind = "residual", activation = "relu", layers = [
    { kind = "conv2d", channels = 6, kernel = 3, stride = 2, padding = "same", activation = "relu" },
    { kind = "batch_norm" } ] },
  { kind = "max_pool2d", size = 3, stride = 1, padding = "same" },
  { kind = "avg_pool2d", size = 2 },
  { kind = "flatten" },
  { kind = "layer_norm" },
  { kind = "dropout", rate = 0.2 },
  { kind = "residual", layers = [{ kind = "dense", units = 24, activation = "tanh" }] },
  { kind = "dense", units = 10, activation = "softmax" },
]
[optimizer]
name = "adam"
lr = 0.01
[training]
epochs = 1
batch_size = 64
"""


def test_every_kind_of_layer_is_built_again(tmp_path):
    (tmp_path / "deep.toml").write_text(RESIDUAL)
    result = neurosim.run(tmp_path / "deep.toml", out=tmp_path / "run")
    data = result.simulator.data
    model = neurosim.load_model(tmp_path / "run/model.safetensors")
    assert model.network.parameters == result.simulator.network.parameters
    expected = result.simulator.forward(data.train.features)
    np.testing.assert_array_equal(model.outputs(data.to_raw(data.train.features)), expected)


def test_columns_are_found_by_name(tmp_path):
    trained(tmp_path / "run", "iris")
    model = neurosim.load_model(tmp_path / "run")
    names = list(model.features)
    row = dict(zip(names, [5.1, 3.5, 1.4, 0.2], strict=True))
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join(str(row[n]) for n in names) + "\n")
    back = names[::-1]
    (tmp_path / "b.csv").write_text("species," + ",".join(back) + "\nx," + ",".join(str(row[n]) for n in back) + "\n")
    np.testing.assert_array_equal(model.read(tmp_path / "a.csv"), model.read(tmp_path / "b.csv"))
    np.testing.assert_array_equal(model.read(tmp_path / "a.csv"), [[5.1, 3.5, 1.4, 0.2]])


def test_a_missing_column_is_named_with_what_may_be_meant(tmp_path):
    trained(tmp_path / "run", "iris")
    model = neurosim.load_model(tmp_path / "run")
    for heading, hint in (
        ("sepal_length,sepal_width,petal_lenght,petal_width", 'did you mean "petal_lenght"?'),
        ("a,b,c,d", "It needs sepal"),
        ("5.1,3.5,1.4,0.2", "Put a row with names above it."),
    ):
        (tmp_path / "a.csv").write_text(f"{heading}\n1,2,3,4\n")
        with pytest.raises(DataError, match="which the network learned from") as caught:
            model.read(tmp_path / "a.csv")
        assert hint in caught.value.hint


def test_images_come_as_idx(tmp_path):
    trained(tmp_path / "run", "digits")
    model = neurosim.load_model(tmp_path / "run")
    images = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8) % 17
    content = struct.pack(">4B3I", 0, 0, 8, 3, 3, 8, 8) + images.tobytes()
    (tmp_path / "images").write_bytes(content)
    (tmp_path / "images.gz").write_bytes(gzip.compress(content))
    for name in ("images", "images.gz"):
        np.testing.assert_array_equal(model.read(tmp_path / name), images.reshape(3, 64))
    assert set(model.predict(images)) <= set(model.classes)


def test_in_a_fresh_process(tmp_path):
    trained(tmp_path / "run", "iris", training__epochs=60)
    (tmp_path / "a.csv").write_text(
        "sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n7.7,2.6,6.9,2.3\n"
    )
    words = ["predict", str(tmp_path / "run"), "--data", str(tmp_path / "a.csv"), "--json"]
    done = subprocess.run([sys.executable, "-m", "neurosim", *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["rows"], found["classes"]) == (2, ["setosa", "versicolor", "virginica"])
    assert [entry["class"] for entry in found["predictions"]] == ["setosa", "virginica"]
    assert sum(found["predictions"][0]["outputs"]) == pytest.approx(1.0, abs=1e-6)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(tmp_path / "run", "iris")
    names = "sepal_length,sepal_width,petal_length,petal_width"
    (tmp_path / "a.csv").write_text(names + "\n" + "5.1,3.5,1.4,0.2\n" * 30)
    assert execute(["predict", "run", "--data", "a.csv", "--out", "answers.csv"]) == 0
    out = capsys.readouterr().out
    assert "prediction" in out
    assert "... 30 rows; all in answers.csv" in out
    lines = (tmp_path / "answers.csv").read_text().splitlines()
    assert lines[0] == "row,prediction,setosa,versicolor,virginica"
    assert len(lines) == 31
    for words, code, text in (
        (["predict"], 2, "which model, and which rows?"),
        (["predict", "nothing", "--data", "a.csv"], 3, "nothing: there is no such run folder"),
        (["predict", "no.safetensors", "--data", "a.csv"], 3, "no.safetensors: no such file"),
        (["predict", "run", "--data", "none.csv"], 3, "none.csv: no such file"),
        (["predict", ".", "--data", "a.csv"], 3, ". is not the folder of a run"),
        (["predict", "a.csv", "--data", "a.csv"], 3, "is not a readable model"),
    ):
        assert execute(words) == code
        assert text in capsys.readouterr().err


def test_plugins_must_be_there_and_the_same(tmp_path):
    plugin = tmp_path / "bend.py"
    plugin.write_text(PLUGIN.format(factor="1.0"))
    trained(tmp_path / "run", "xor", [plugin], network__layers__0__activation="bend")
    with pytest.raises(PluginError, match="bend") as caught:
        neurosim.load_model(tmp_path / "run")
    assert 'It was trained with the plugin bend, a file:  plugins=["bend.py"]' in caught.value.hint
    with pytest.raises(ScenarioError, match="bend") as refused:
        neurosim.diagnose(tmp_path / "run")
    assert 'It was trained with the plugin bend, a file:  plugins=["bend.py"]' in refused.value.hint
    misspelled = {"network.layers.0.activation": "bent"}
    with pytest.raises(ScenarioError, match="bent") as refused:
        neurosim.run(tmp_path / "run", overrides=misspelled)
    assert "trained with" not in refused.value.hint
    assert neurosim.load_model(tmp_path / "run", registry=neurosim.build_registry([plugin])).classes
    plugin.write_text(PLUGIN.format(factor="0.5"))
    changed = neurosim.build_registry([plugin])
    with pytest.raises(UsageError, match=r"has changed since it was trained.*\n  plugin bend: "):
        neurosim.load_model(tmp_path / "run", registry=changed)
    forced = neurosim.load_model(tmp_path / "run", registry=changed, force=True)
    assert forced.classes
    assert "the plugins of" in forced.mixed


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Tensors and description of a good model."""
    folder = tmp_path_factory.mktemp("good")
    trained(folder / "run", "iris")
    return unseal(folder / "run/model.safetensors", "model")


def test_a_model_of_another_version_is_refused(parts, tmp_path):
    """In one sentence, with what to do; so is its run."""
    tensors, words = parts
    (tmp_path / "m.safetensors").write_bytes(seal(tensors, words | {"format": "neurosim-model-4"}))
    trained(tmp_path / "run", "iris")
    (tmp_path / "run/model.safetensors").write_bytes(seal(tensors, words | {"format": "neurosim-model-4"}))
    for read, path in (
        (neurosim.load_model, "m.safetensors"),
        (neurosim.load_model, "run"),
        (neurosim.diagnose, "run"),
    ):
        with pytest.raises(DataError, match="its format is 'neurosim-model-4', not") as caught:
            read(tmp_path / path)
        assert caught.value.hint == "Train the network again, or use the version of neurosim that wrote the file."


def put(tree, path, value):
    """A copy of a tree with one value replaced."""
    copy = json.loads(json.dumps(tree))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


DEEP = {"kind": "residual", "layers": []}
for _ in range(300):
    DEEP = {"kind": "residual", "layers": [DEEP]}

MANY = {"kind": "flatten"}
for _ in range(5):
    MANY = {"kind": "group", "repeat": 1000, "layers": [MANY]}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["format"], "neurosim-model-99"),
        (["network"], []),
        (["input_shape"], [10**12]),
        (["input_shape"], [-4]),
        (["input_shape"], []),
        (["input_shape"], "4"),
        (["input_shape"], 4),
        (["input_shape"], [1 << 12, 1 << 12, 1]),
        (["network", "layers"], []),
        (["network", "layers"], [DEEP]),
        (["network", "layers"], [MANY]),
        (["network", "layers", 0], MANY),
        (["network", "layers", 0, "weight"], [[0.0]]),
        (["network", "layers", 0, "l2"], float("inf")),
        (["network", "layers", 0, "init"], "os.system"),
        (["network", "layers", 0, "activation"], {"name": "leaky_relu", "slope": 1.0}),
        (["network", "layers", 0, "kind"], "os.system"),
        (["network", "layers", 0, "kind"], ["dense"]),
        (["network", "layers", 0, "units"], 10**15),
        (["network", "layers", 0, "units"], 1e3),
        (["network", "layers", 0, "units"], True),
        (["network", "layers", 0, "name"], "../../x"),
        (["network", "layers", 0, "extra"], 1),
        (["network", "layers", 0, "activation"], {"name": "../evil.py"}),
        (["network", "layers", 0, "activation"], {"name": "leaky_relu", "slope": "exec"}),
        (["network", "loss", "name"], "subprocess.run"),
        (["input", "scale"], [1.0]),
        (["input", "scale"], "x"),
        (["input", "shift"], float("nan")),
        (["input", "features"], ["a"]),
        (["target"], []),
        (["target", "scale"], [1.0]),
        (["target", "names"], ["species", "color"]),
        (["classes"], ["a", 2, "c"]),
        (["classes"], ["a"]),
        (["identity", "plugins"], 3),
    ],
)
def test_a_lying_description_is_refused(parts, path, value, tmp_path):
    tensors, words = parts
    file = tmp_path / "m.safetensors"
    file.write_bytes(seal(tensors, put(words, path, value)))
    with pytest.raises((DataError, PluginError, ShapeError, UsageError)) as caught:
        neurosim.load_model(file)
    assert str(file) in caught.value.message


@pytest.mark.parametrize("change", ["shape", "dtype", "nan", "missing", "more"])
def test_weights_must_be_those_of_the_network(parts, change, tmp_path):
    tensors, words = dict(parts[0]), parts[1]
    name = "layers.0.weight"
    if change == "shape":
        tensors[name] = tensors[name][:, :-1]
    elif change == "dtype":
        tensors[name] = tensors[name].astype(np.int32)
    elif change == "nan":
        tensors[name] = tensors[name] * np.float32(np.nan)
    elif change == "missing":
        del tensors[name]
    else:
        tensors["more"] = np.zeros(3, np.float32)
    file = tmp_path / "m.safetensors"
    file.write_bytes(seal(tensors, words))
    with pytest.raises(DataError, match="more" if change == "more" else name):
        neurosim.load_model(file)


def test_one_output_is_for_two_classes(tmp_path):
    trained(tmp_path / "run", "xor")
    tensors, words = unseal(tmp_path / "run/model.safetensors", "model")
    file = tmp_path / "m.safetensors"
    file.write_bytes(seal(tensors, words | {"classes": ["no", "yes"]}))
    assert neurosim.load_model(file).predict([[0.0, 1.0]]).shape == (1,)
    for classes in (["alone"], ["a", "b", "c"]):
        file.write_bytes(seal(tensors, words | {"classes": classes}))
        with pytest.raises(DataError, match=f"it names {len(classes)} classes for 1 output"):
            neurosim.load_model(file)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (struct.pack("<Q", 10**10), "its header claims to have 10000000000 bytes"),
        (b"\xff" * 8, "its header claims to have"),
        (b"\x01", "it has no neurosim checksum"),
        (b"", "it has no neurosim checksum"),
        (seal({}, {"network": [[]] * 2**20}), "has 10485.. lists and objects, more than the 1048576"),
        (seal({}, {"network": "x" * 2**24}), "more than the 16777216 that are read"),
    ],
    ids=["10 GB", "most", "short", "empty", "lists", "long"],
)
def test_a_description_without_measure_is_not_read(content, fault, tmp_path):
    file = tmp_path / "m.safetensors"
    file.write_bytes(content)
    with pytest.raises(DataError, match=fault):
        neurosim.load_model(file)


def test_only_ordinary_files_are_read(parts, tmp_path):
    """A pipe would be waited for, and a device has no end."""
    (tmp_path / "model.safetensors").write_bytes(seal(*parts))
    os.mkfifo(tmp_path / "pipe")
    model = neurosim.load_model(tmp_path)
    for path, fault in (("pipe", "is a pipe, not a file"), ("/dev/zero", "is a device"), ("gone.csv", "no such file")):
        for read in (neurosim.load_model, model.read):
            with pytest.raises(DataError, match=fault):
                read(tmp_path / path)


def test_rows_that_do_not_fit(parts, tmp_path):
    file = tmp_path / "m.safetensors"
    file.write_bytes(seal(*parts))
    model = neurosim.load_model(file)
    assert parts[1]["format"] == FORMAT
    with pytest.raises(ShapeError, match="needs \\(rows, 4\\)"):
        model.outputs(np.zeros((3, 5)))
    with pytest.raises(UsageError, match="row 1, column 2"):
        model.outputs([[1, 2, 3, 4], [1, 2, np.nan, 4]])
    with pytest.raises(UsageError, match="X must hold numbers"):
        model.outputs([["a", "b", "c", "d"]])
    assert model.predict(np.zeros((0, 4))).shape == (0,)
