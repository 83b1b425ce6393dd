"""What channels respond to: the part of the image that a place sees, found out by changing pixels."""

import numpy as np
import pytest

from neurosim import Simulator, load_scenario
from neurosim.analysis.facts import RunFacts, run_facts
from neurosim.analysis.responses import _cut, _fields, channel_responses

STACKS = {
    "one": [{"kind": "conv2d", "channels": 2, "kernel": 3}],
    "same": [{"kind": "conv2d", "channels": 2, "kernel": 3, "padding": "same", "activation": "tanh"}],
    "strides": [
        {"kind": "conv2d", "channels": 2, "kernel": 2, "stride": 2, "activation": "tanh"},
        {"kind": "conv2d", "channels": 3, "kernel": [1, 2], "padding": "same", "activation": "tanh"},
    ],
    "pool": [
        {"kind": "conv2d", "channels": 2, "kernel": 3, "padding": "same", "activation": "tanh"},
        {"kind": "avg_pool2d", "size": 2},
        {"kind": "conv2d", "channels": 3, "kernel": 2, "activation": "tanh"},
    ],
}
LAST = [{"kind": "flatten"}, {"kind": "dense", "units": 10, "activation": "softmax"}]


def simulator(name):
    layers = {"network.layers": [*STACKS[name], *LAST], "training.epochs": 0, "expect": {}}
    return Simulator(load_scenario("digits-cnn", overrides=layers), "reference")


@pytest.mark.parametrize("name", STACKS)
def test_a_place_sees_its_patch_and_nothing_else(name):
    bench = simulator(name)
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 1))
    target = np.zeros(1, int)
    before = bench.inspect(image.reshape(1, -1), target).layers
    marks = np.arange(64.0).reshape(8, 8, 1)
    for layer, field in _fields(bench.network).items():
        height, width = before[layer].outputs.shape[1:3]
        size = (min(field.size[0], 8), min(field.size[1], 8))
        for place in ((0, 0), (height - 1, 0), (height // 2, width - 1)):
            patch = _cut(marks, field, place, size)
            seen = set(patch[~np.isnan(patch)].astype(int))
            found = set()
            for pixel in range(64):
                changed = image.reshape(1, -1).copy()
                changed[0, pixel] += 1.0
                after = bench.inspect(changed, target).layers[layer].outputs
                if not np.array_equal(after[0][place], before[layer].outputs[0][place]):
                    found.add(pixel)
            assert found == seen


def test_the_strongest_come_first_and_are_what_the_channel_saw():
    bench = simulator("one")
    (found,) = channel_responses(bench)
    weight = bench.parameters["layers.0.weight"]
    bias = bench.parameters["layers.0.bias"]
    assert found.patches.shape == (2, 6, 3, 3, 1)
    for channel in range(2):
        answers = [float((patch * weight[..., channel]).sum() + bias[channel]) for patch in found.patches[channel]]
        assert answers == pytest.approx(found.strongest[channel].tolist(), rel=1e-5)
        assert answers == sorted(answers, reverse=True)


def test_only_networks_on_images_have_them():
    assert channel_responses(Simulator(load_scenario("xor"), "reference")) == ()
    assert channel_responses(Simulator(load_scenario("digits"), "reference")) == ()


def test_facts_reach_another_process_whole():
    record = {"record": {"quantities": ["dead", "weight_histogram"]}, "training.epochs": 1}
    layers = {"network.layers": [*STACKS["pool"], *LAST], "expect": {}, **record}
    bench = Simulator(load_scenario("digits-cnn", overrides=layers))
    bench.train()
    facts = run_facts(bench)
    again = RunFacts.from_bytes(facts.to_bytes())
    assert [entry.layer for entry in again.part("responses")] == ["layers.0", "layers.2"]
    assert np.array_equal(again.part("responses")[1].patches, facts.part("responses")[1].patches, equal_nan=True)
    assert again.part("gradient_norm").to_bytes() == facts.part("gradient_norm").to_bytes()
