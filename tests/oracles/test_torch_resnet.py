"""A small ResNet as torchvision builds it: its weights, brought in by hand, give PyTorch's outputs and its steps."""

import re
from pathlib import Path

import numpy as np
import pytest
import support

import neurosim

torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
from torch import nn  # noqa: E402 (behind the line that skips)

pytestmark = pytest.mark.ci
PAGE = (Path(__file__).parents[2] / "docs/exchange.md").read_text(encoding="utf-8")
ROWS, CLASSES, SIZE = 12, 3, 16


class Basic(nn.Module):
    """Two convolutions of 3 x 3."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = downsample(inputs, channels, stride)

    def forward(self, x):
        inner = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (inner + (x if self.downsample is None else self.downsample(x))).relu()


class Bottleneck(nn.Module):
    """One cell, 3 x 3, one cell."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.downsample = downsample(inputs, 4 * channels, stride)

    def forward(self, x):
        inner = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        return (self.bn3(self.conv3(inner)) + (x if self.downsample is None else self.downsample(x))).relu()


def downsample(inputs, channels, stride):
    if stride == 1 and inputs == channels:
        return None
    return nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Basic(4, 4, 1), Basic(4, 4, 1))
        self.layer2 = Basic(4, 6, 2)
        self.layer3 = Bottleneck(6, 3, 2)
        self.fc = nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean(dim=(2, 3)))


def conv(channels, kernel, stride=1, padding=0):
    settings = {"channels": channels, "kernel": kernel, "stride": stride, "padding": padding, "bias": False}
    return {"kind": "conv2d", **settings}


NORM, RELU = {"kind": "batch_norm"}, {"kind": "activation", "activation": "relu"}
BASIC = {
    "kind": "residual", "activation": "relu", "layers": [conv(4, 3, 1, 1), NORM, RELU, conv(4, 3, 1, 1), NORM],
}  # fmt: skip
LAYERS = [
    conv(4, 7, 2, 3), NORM, RELU,
    {"kind": "max_pool2d", "size": 3, "stride": 2, "padding": 1},
    {**BASIC, "repeat": 2},
    {**BASIC, "layers": [conv(6, 3, 2, 1), NORM, RELU, conv(6, 3, 1, 1), NORM], "shortcut": [conv(6, 1, 2), NORM]},
    {
        **BASIC,
        "layers": [conv(3, 1), NORM, RELU, conv(3, 3, 2, 1), NORM, RELU, conv(12, 1), NORM],
        "shortcut": [conv(12, 1, 2), NORM],
    },
    {"kind": "global_avg_pool2d"},
    {"kind": "dense", "units": CLASSES, "activation": "softmax"},
]  # fmt: skip
# Of each module of PyTorch's the layer here.
NAMES = {
    "conv1": "layers.0", "bn1": "layers.1", "layer1.0": "layers.4", "layer1.1": "layers.6", "layer2": "layers.8",
    "layer3": "layers.10", "fc": "layers.13",
}  # fmt: skip
INSIDE = {
    "conv1": "layers.0", "bn1": "layers.1", "conv2": "layers.3", "bn2": "layers.4", "conv3": "layers.6",
    "bn3": "layers.7", "downsample.0": "shortcut.0", "downsample.1": "shortcut.1",
}  # fmt: skip


def brought_in():
    """The function of the documentation."""
    (code,) = re.findall(r"```python\n(def brought_in.*?)```", PAGE, re.DOTALL)
    found = {}
    exec(code, found)
    return found["brought_in"]


def names():
    """Our layer of each module that has weights."""
    found = {}
    for module, layer in NAMES.items():
        if layer in ("layers.0", "layers.1", "layers.13"):
            found[module] = layer
        else:
            found |= {f"{module}.{inner}": f"{layer}.{own}" for inner, own in INSIDE.items()}
    return found


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(3)
    return random.normal(size=(ROWS, SIZE, SIZE, 3)).astype(np.float32), np.arange(ROWS) % CLASSES


@pytest.fixture
def network(rows, tmp_path):
    """The ResNet in float64, with running statistics that differ from 0 and 1, and what makes it here."""
    torch.manual_seed(0)
    net = ResNet().double()
    with torch.no_grad():
        net(torch.randn(8, 3, SIZE, SIZE, dtype=torch.float64))
    np.savez(tmp_path / "rows.npz", X=rows[0], y=rows[1])

    def make(backend):
        scenario = neurosim.scenario(
            scenario={"name": "resnet", "title": "A small ResNet"},
            data={"source": "arrays", "file": str(tmp_path / "rows.npz"), "task": "classification"},
            network={"loss": "categorical_cross_entropy", "layers": LAYERS},
            optimizer={"name": "sgd", "lr": 0.05, "momentum": 0.9},
            training={"epochs": 1, "batch_size": ROWS},
        )
        simulator = neurosim.Simulator(scenario, backend=backend)
        arrays = brought_in()(net.state_dict(), names())
        simulator.set_parameters({name: arrays[name] for name in simulator.parameters})
        simulator.set_statistics({name: arrays[name] for name in simulator.statistics})
        assert {*arrays} == {*simulator.parameters, *simulator.statistics}
        return simulator

    return net, make


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_a_small_resnet_is_that_of_pytorch(network, rows, backend):
    net, make = network
    simulator = make(backend)
    x, classes = torch.tensor(rows[0], dtype=torch.float64).permute(0, 3, 1, 2), torch.tensor(rows[1])
    with torch.no_grad():
        outputs = net.eval()(x).softmax(dim=1)
    assert np.abs(simulator.forward(rows[0].reshape(ROWS, -1)) - outputs.numpy()).max() < 1e-5
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), classes)
        loss.backward()
        optimizer.step()
        assert simulator.step(rows[0].reshape(ROWS, -1), rows[1]) == pytest.approx(loss.item(), abs=1e-5)
    expected = brought_in()(net.state_dict(), names())
    for name, found in {**simulator.parameters, **simulator.statistics}.items():
        assert support.error(found, expected[name]) < 1e-5, name
    with torch.no_grad():
        outputs = net.eval()(x).softmax(dim=1)
    assert np.abs(simulator.forward(rows[0].reshape(ROWS, -1)) - outputs.numpy()).max() < 1e-5
