"""Work that is cut into pieces, so that it can be left in between, gives the same bits as in one piece."""

from functools import partial

import numpy as np
import pytest

import neurosim
from neurosim.analysis import pieces
from neurosim.analysis.inputs import input_map
from neurosim.analysis.units import unit_maps
from neurosim.backends.cpu import backend


@pytest.fixture(scope="module")
def simulator():
    return neurosim.Simulator("moons")


def test_evaluation(simulator, monkeypatch):
    rows = np.random.default_rng(1).normal(size=(700, 2))
    whole = simulator.forward(rows), simulator.evaluate("train")
    monkeypatch.setattr(backend, "EVALUATION_WORK", 1)
    assert np.array_equal(simulator.forward(rows), whole[0])
    assert simulator.evaluate("train") == whole[1]


def test_looking_into_layers(simulator, monkeypatch):
    whole = input_map(simulator, 20), unit_maps(simulator)
    asked = []
    signals = neurosim.Simulator.signals
    monkeypatch.setattr(
        neurosim.Simulator, "signals", lambda self, rows: asked.append(len(rows)) or signals(self, rows)
    )
    monkeypatch.setattr(pieces, "NUMBERS", 50 * sum(layer.output_shape[0] for layer in simulator.network.layers))
    # Some BLAS kernels round a product of fewer rows differently in its last bit.
    alike = partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6)
    alike(input_map(simulator, 20).outputs, whole[0].outputs)
    for here, there in zip(unit_maps(simulator).layers, whole[1].layers, strict=True):
        alike(here.answers, there.answers)
        alike(here.sums, there.sums)
    assert max(asked) <= 50
