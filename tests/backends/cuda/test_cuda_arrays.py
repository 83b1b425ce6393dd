"""Optimizers that look at whole arrays, by each of the three ways to train on a GPU."""

import pytest
import support
from backends.test_reductions import TWO_STEPS
from support import Dense, LayerNorm

from neurosim.backends.cuda.backend import CudaBackend
from neurosim.backends.cuda.strategy import Strategy


@pytest.mark.parametrize("way", list(Strategy), ids=lambda way: way.value)
def test_every_strategy_takes_the_same_steps(way):
    net = support.network(3, [Dense(4, "tanh", l2=0.1), LayerNorm(), Dense(2, "softmax")], "categorical_cross_entropy")
    rows = support.rows(7, 3, 2)
    settings = support.training(TWO_STEPS, batch=3, shuffle=True, clip_norm=0.3)
    bench, reference = CudaBackend(net, settings, 8, strategy=way), support.REFERENCE.make(net, settings, 8)
    for epoch in range(2):
        bench.train_epoch(rows, epoch)
        reference.train_epoch(rows, epoch)
    assert support.error(bench.parameters, reference.parameters) < 1e-5
    assert support.error(bench.state, reference.state) < 1e-5
