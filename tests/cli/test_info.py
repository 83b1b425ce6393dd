"""``neurosim info SCENARIO``: the network in numbers, against figures that are published or counted by hand."""

import json
import math

import pytest

from neurosim.network.memory import show_bytes
from neurosim.scenario import architectures

# 28 x 28 pixels without a download.
TINY = """\
import numpy as np
from neurosim import Dataset, Table, hookimpl
def load(request):
    digits = tuple(str(digit) for digit in range(10))
    return Table(np.zeros((64, 784), np.float32), np.arange(64) % 10, digits, image_shape=(28, 28))
@hookimpl
def neurosim_datasets():
    return [Dataset("tiny", load)]
"""


@pytest.fixture
def numbers(neurosim, tmp_path):
    """The JSON object for a scenario on images of 28 x 28."""
    (tmp_path / "tiny.py").write_text(TINY)

    def ask(name, *more):
        done = neurosim("info", name, "--plugin", "tiny.py", "--set", 'data={source="tiny"}', *more, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    return ask


def test_lenet_has_the_numbers_that_everybody_finds(numbers):
    found = numbers("mnist-cnn")
    # LeNet-5 with a full second convolution: 61,706 parameters, 416,520 multiply-adds.
    assert (found["parameters"], found["multiply_adds"]) == (61_706, 416_520)
    assert [layer["output_shape"] for layer in found["layers"]] == [
        [28, 28, 6], [14, 14, 6], [10, 10, 16], [5, 5, 16], [400], [120], [84], [10],
    ]  # fmt: skip
    outputs = 28 * 28 * 6 + 14 * 14 * 6 + 10 * 10 * 16 + 5 * 5 * 16 + 120 + 84 + 10
    assert found["activation_bytes"] == 64 * 4 * outputs
    assert (found["parameter_bytes"], found["gradient_bytes"]) == (4 * 61_706, 4 * 61_706)
    assert found["optimizer_bytes"] == 2 * 4 * 61_706  # Adam keeps two numbers for each
    assert (found["input_shape"], found["batch_size"]) == ([28, 28, 1], 64)


@pytest.mark.parametrize("name", ["mnist-cnn", "mnist-vgg", "mnist-resnet"])
def test_columns_add_up(numbers, name):
    found = numbers(name)
    for column in ("parameters", "multiply_adds", "activation_bytes"):
        assert sum(layer[column] for layer in found["layers"]) == found[column]
    assert found["multiply_adds"] <= 15_000_000


def test_residual_layers_hold_theirs(numbers):
    found = numbers("mnist-resnet", "--set", "training.batch_size=1", "--set", "optimizer.name=sgd")
    by_name = {layer["name"]: layer for layer in found["layers"]}
    outer, inner, skip = (by_name[name] for name in ("layers.8", "layers.8.layers.0", "layers.8.projection"))
    assert (outer["kind"], outer["depth"], outer["parameters"], outer["output_shape"]) == (
        "residual", 0, 0, [7, 7, 32],
    )  # fmt: skip
    assert (inner["depth"], inner["parameters"], inner["multiply_adds"]) == (1, 9 * 16 * 32, 49 * 9 * 16 * 32)
    assert (skip["kind"], skip["parameters"], skip["settings"]) == ("conv2d", 16 * 32, "1 x 1, stride 2")
    assert outer["activation_bytes"] == 4 * math.prod([7, 7, 32])
    statistics = sum(2 * layer["output_shape"][-1] for layer in found["layers"] if layer["kind"] == "batch_norm")
    assert found["parameter_bytes"] == 4 * (found["parameters"] + statistics)


# Parameters counted by PyTorch, of the networks of torchvision; multiply-adds in millions, as torchvision and the paper
# of MobileNet give them.
PUBLISHED = {
    "mobilenet-v1": (4_231_976, 569),
    "resnet18": (11_689_512, 1_814),
    "resnet50": (25_557_032, 4_089),
    "vgg16": (138_357_544, 15_470),
}


@pytest.mark.parametrize("name", [*architectures()])
def test_published_networks_have_the_published_numbers(neurosim, name):
    done = neurosim("info", name, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    parameters, millions = PUBLISHED[name]
    assert (found["parameters"], round(found["multiply_adds"] / 1e6)) == (parameters, millions)
    assert (found["input_shape"], found["layers"][-1]["output_shape"]) == ([224, 224, 3], [1000])
    assert f"{parameters:,}" in (architectures()[name].parents[1] / "README.md").read_text(encoding="utf-8")


def test_what_has_no_rows_is_not_trained(neurosim):
    done = neurosim("run", "vgg16")
    assert done.code == 3
    assert "the training images of ImageNet (ILSVRC 2012) did not come with neurosim" in done.err
    assert 'source = "arrays" in [data]' in done.err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("shape=[1, 2, 3, 4]", "shape = [1, 2, 3, 4]: expected the shape of one row"),
        ("shape=[0]", "shape = [0]: expected the shape of one row"),
        ("shape=[100000, 100000, 1]", "whose product is at most 1,000,000,000"),
        ("rows=0", "rows = 0: expected a whole number from 1 to 1,000,000,000"),
        ("classes=1", "classes = 1: classification needs two classes or more"),
        ("classes=10", "but the data set has 10 classes"),
        ("classes=0", "tells classes apart, but the targets of this data set are values"),
    ],
)
def test_a_placeholder_says_what_is_wrong_with_it(neurosim, setting, words):
    done = neurosim("info", "vgg16", "--set", f"data.{setting}")
    assert done.code in (2, 3)
    assert words in done.err


def test_however_many_rows_are_outlined_nothing_goes_through_them(neurosim):
    many = ("info", "vgg16", "--json", "--set", "data.rows=1000000000", "--set", "data.shape=[64, 64, 3]")
    loss = ("--set", "network.loss=binary_cross_entropy", "--set", "network.layers.12.activation=sigmoid")
    told = neurosim(*many, "--set", "network.class_weights=balanced")
    assert (told.code, told.err) == (0, "")
    told = neurosim(*many, "--set", "data.classes=0", "--set", "data.values=1000", *loss)
    assert (told.code, told.err) == (0, "")


def test_a_plugin_can_outline_its_rows(neurosim, tmp_path):
    (tmp_path / "tiny.py").write_text(
        TINY.replace("Table(np", "wrong(np")
        .replace('Dataset("tiny", load)', "Dataset(\"tiny\", load, outline=lambda: Outline(64, (28, 28), ('a', 'b')))")
        .replace("import Dataset,", "import Dataset, Outline,")
    )
    given = ("info", "mnist-cnn", "--plugin", "tiny.py", "--set", 'data={source="tiny"}')
    assert neurosim(*given, "--set", "network.layers.7.units=2").code == 0
    (tmp_path / "tiny.py").write_text(TINY.replace('Dataset("tiny", load)', "Dataset('tiny', load, outline=lambda: 7)"))
    assert "the outline of data set 'tiny' returns 7" in neurosim(*given).err


def test_what_is_frozen_is_told(neurosim):
    frozen = ("info", "digits-cnn", "--set", "network.layers.0.frozen=true")
    found = json.loads(neurosim(*frozen, "--json").out)
    assert (found["parameters"], found["frozen"], found["layers"][0]["settings"]) == (6_090, 160, "3 x 3, relu, frozen")
    assert "frozen 160" in [" ".join(line.split()) for line in neurosim(*frozen).out.splitlines()]
    done = neurosim("info", "xor", "--set", "network.layers.0.frozen=true", "--set", "network.layers.1.frozen=true")
    assert (done.code, "all layers that could learn are frozen" in done.err) == (2, True)


def test_the_table(neurosim):
    done = neurosim("info", "digits-cnn", "--set", "network.layers.5.kind=dense")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "layer kind output parameters multiply-adds memory" in lines
    assert "2 conv2d 3 x 3, relu 4 x 4 x 32 4,640 73,728 64 KiB" in lines
    assert "4 flatten 128" in lines
    assert "total 6,090 84,224 241 KiB" in lines


def test_errors_are_the_usual_ones(neurosim, tmp_path):
    missing = neurosim("info", "mnist-cnn", "--data-dir", tmp_path)
    assert missing.code == 3
    assert "mnist" in missing.err
    wrong = neurosim(
        "info", "digits-cnn", "--set", "network.layers.0.kernel=11", "--set", "network.layers.0.padding=valid"
    )
    assert wrong.code == 2
    assert "network.layers.0 (conv2d): a window of 11 x 11 does not fit" in wrong.err
    alone = neurosim("info", "--set", "training.epochs=1")
    assert alone.code == 2
    assert "neurosim info mnist" in alone.err


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (1536, "1.5 KiB"),
        (1023 * 1024, "0.999 MiB"),
        (3 << 30, "3 GiB"),
    ],
)
def test_memory_reads_well(size, words):
    assert show_bytes(size) == words
