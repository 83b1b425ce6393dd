"""The model of a step on a GPU: what it says of an H200, and that it heeds what it is made of."""

from dataclasses import replace

import pytest
import support

from neurosim.backends.cuda.model import RESIDENT, predict
from neurosim.backends.cuda.probes import DeviceFacts
from neurosim.backends.cuda.resident_model import barrier_seconds
from neurosim.backends.cuda.strategy import ON_GPU, Strategy
from neurosim.bench.gpu import FULL
from neurosim.bench.gpu_training import xor_problem
from neurosim.bench.problem import make_problem

SMALL = "fetch", "forward", "judge rows", "backward", "learn", "sum up"
H200 = DeviceFacts("H200", (9, 0), 132, 128, 1.98e9, 141 << 30)


@pytest.fixture(scope="module")
def mnist():
    problem = make_problem(replace(FULL.network, rows=64), support.BUILTINS)
    return problem.network, problem.training, replace(problem.rows)


def step(problem, facts=H200, **more):
    return predict(*problem, facts, given_sizes=ON_GPU, **more)


def test_a_step_of_mnist(mnist):
    """What its counts add up to: 17.5 ms an epoch of 938 steps, with three barriers of all blocks a step."""
    found = step(mnist)
    assert 15e-6 < found.step < 18e-3 / 938
    assert found.epoch == found.step
    assert [part.name for part in found.parts] == ["forward", "last layer", "judge rows", "backward", "learn", "meet"]
    assert sum(part.barriers for part in found.parts) == pytest.approx(3 * barrier_seconds(H200, 132))


def test_a_step_whose_weights_do_not_stay_where_they_are(mnist):
    """On a GPU with too little room for them: everything else is the same, and all of it takes three times as long."""
    found = step(mnist, replace(H200, capability=(7, 5)))
    assert 50e-6 < found.step < 75e-6
    assert [part.name for part in found.parts] == ["forward", "finish rows", "judge rows", "backward", "learn"]
    # A barrier behind each phase.
    assert sum(part.barriers for part in found.parts) == pytest.approx(8 * barrier_seconds(H200, 264))


def test_small_networks():
    """By the same estimate a microsecond or two a step, and 6 ms for 10,000 networks of 2,000 steps."""
    problem = xor_problem(support.BUILTINS)
    assert 1e-6 < step(problem).step < 2e-6
    assert 3e-3 < 2000 * step(problem, networks=10_000).epoch < 10e-3
    assert step(problem, networks=4 * 132).epoch == step(problem).epoch
    assert [part.name for part in step(problem).parts] == [*SMALL]


def test_a_wide_network_is_bound_by_its_products():
    wide = make_problem(replace(FULL.network, widths=(784, 4096, 4096, 10), batch=1024, rows=1024), support.BUILTINS)
    found = step((wide.network, wide.training, wide.rows))
    assert sum(part.instructions for part in found.parts) > 0.7 * found.step
    teraflops = wide.size.flops_per_sample * 1024 / found.step / 1e12
    assert 5 < teraflops < H200.peak / 1e12


def test_it_heeds_the_gpu(mnist):
    assert step(mnist, replace(H200, clock=H200.clock / 2)).step > 1.5 * step(mnist).step
    assert step(mnist, replace(H200, processors=33)).step > step(mnist).step
    assert step(mnist, barrier=0.0).step == pytest.approx(step(mnist).step - 3 * barrier_seconds(H200, 132))
    assert {Strategy.SINGLE_BLOCK, Strategy.RESIDENT, *RESIDENT} == set(Strategy)
