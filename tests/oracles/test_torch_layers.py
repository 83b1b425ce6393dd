"""Every layer, penalty and bound on every backend against PyTorch: live where it is installed, else stored values."""

import functools
import importlib.util
import json

import numpy as np
import pytest
import support
from oracles import layer_cases
from oracles import make_torch_layer_values as torch_values

HAS_TORCH = importlib.util.find_spec("torch") is not None


@functools.cache
def stored():
    return json.loads(torch_values.FILE.read_text())


@functools.cache
def expected(name):
    if HAS_TORCH:
        return torch_values.compute(layer_cases.CASES[name])
    if name not in stored():
        pytest.skip("PyTorch is an optional peer: pip install neurosim-edu[peers]")
    return stored()[name]


def start(case, backend):
    """The backend of a case with the initial values of PyTorch's side."""
    net = case.network
    bench = backend.make(net, case.training)
    values = layer_cases.start_values(net)
    entries = (net.parameters, bench.parameters), (net.statistics, bench.statistics)
    for parameters, flat in entries:
        for entry in parameters:
            flat[entry.span] = values[entry.name].ravel()
    return net, bench


def check_named(found, wanted, tolerance):
    """Arrays by name, those wanted as lists of numbers."""
    errors = support.named_errors(
        found, {name: np.reshape(numbers, found[name].shape) for name, numbers in wanted.items()}
    )
    assert max(errors.values(), default=0.0) < tolerance, errors


@pytest.mark.parametrize("name", layer_cases.CASES)
def test_outputs(backend, name):
    """In evaluation: running statistics."""
    case, wanted = layer_cases.CASES[name], expected(name)
    _, bench = start(case, backend)
    found = bench.forward(layer_cases.rows(case).features)
    assert support.error(found.ravel(), wanted["outputs"]) < backend.values


@pytest.mark.parametrize("name", layer_cases.CASES)
def test_gradients(backend, name):
    """In training: batch statistics, and the penalties."""
    case, wanted = layer_cases.CASES[name], expected(name)
    net, bench = start(case, backend)
    objective, gradient = bench.gradients(layer_cases.rows(case))
    assert objective == pytest.approx(wanted["objective"][0], rel=backend.values)
    check_named(net.named(gradient), wanted["gradient"], backend.values)


def check_trained(backend, net, bench, case, wanted):
    check_named(net.named(bench.parameters), wanted["parameters"], backend.values)
    check_named(net.named_statistics(bench.statistics), wanted["statistics"], backend.values)
    found = bench.forward(layer_cases.rows(case).features)
    assert support.error(found.ravel(), wanted["trained outputs"]) < backend.values


@pytest.mark.parametrize("name", layer_cases.CASES)
def test_epochs(backend, name):
    """Parameters, running statistics, outputs and the recorded losses after epochs with an incomplete batch."""
    case, wanted = layer_cases.CASES[name], expected(name)
    net, bench = start(case, backend)
    given = layer_cases.rows(case)
    losses = [bench.train_epoch(given, epoch).loss for epoch in range(layer_cases.EPOCHS)]
    assert support.error(losses, wanted["losses"]) < backend.values
    check_trained(backend, net, bench, case, wanted)


@pytest.mark.parametrize("name", torch_values.STORED)
def test_steps(backend, name):
    """The same, one step at a time."""
    case, wanted = layer_cases.CASES[name], expected(name)
    net, bench = start(case, backend)
    for _ in range(layer_cases.EPOCHS):
        for span in layer_cases.spans(case):
            bench.train_step(layer_cases.rows(case, span))
    check_trained(backend, net, bench, case, wanted)


@pytest.mark.parametrize("name", ["clip value", "clip norm"])
def test_bounds_are_reached(name):
    """Else the cases above would show nothing."""
    case = layer_cases.CASES[name]
    _, bench = start(case, support.REFERENCE)
    _, gradient = bench.gradients(layer_cases.rows(case, layer_cases.spans(case)[-1]))
    if case.clip_value is not None:
        assert np.mean(np.abs(gradient) > case.clip_value) > 0.1
    else:
        assert np.linalg.norm(gradient) > 2.0 * case.clip_norm


def test_the_stored_file_is_small():
    assert torch_values.FILE.stat().st_size < 200_000


@pytest.mark.parametrize("name", torch_values.STORED)
def test_the_stored_values_are_what_pytorch_computes_now(name):
    pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    live, kept = torch_values.compute(layer_cases.CASES[name]), stored()[name]
    assert live.keys() == kept.keys()
    for part, numbers in live.items():
        pairs = [(numbers, kept[part])]
        if isinstance(numbers, dict):
            assert list(numbers) == list(kept[part])
            pairs = [(array, kept[part][entry]) for entry, array in numbers.items()]
        for found, wanted in pairs:
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=part)


def test_every_kind_of_layer_is_stored():
    kinds = {part.kind for name in torch_values.STORED for part in layer_cases.CASES[name].network.parts}
    # Dropout is left to chance by its own means; its masks are held to `randomness`.
    wanted = "dense conv2d max_pool2d avg_pool2d global_avg_pool2d batch_norm layer_norm activation flatten residual "
    wanted += "gated maxout concatenation"
    assert kinds == set(wanted.split())
    assert stored().keys() == set(torch_values.STORED)
