"""The first page of these tests: three backends, one network of two hidden units, and XOR.

Plain Python trains in float64, the CPU engine in float32 with compiled kernels, the CUDA engine on a GPU or, where
there is none, in a simulator. They start from the same weights, so they learn the same function.
"""

import numpy as np
import pytest

import neurosim

CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]
QUICK = {"network.layers.0.units": 2, "optimizer.lr": 0.5, "training.epochs": 40}


@pytest.mark.parametrize("backend", ["reference", "cpu", "cuda"])
def test_every_backend_learns_xor(backend):
    result = neurosim.run("xor", backend=backend, seed=7, overrides=QUICK)

    assert result.metrics["train_accuracy"] == 1.0
    assert result.history.train_loss[-1] < 0.01 < result.history.train_loss[0]
    answers = result.simulator.forward(CORNERS).ravel()
    np.testing.assert_allclose(answers, [0.0059, 0.9978, 0.9978, 0.0052], atol=1e-4)
