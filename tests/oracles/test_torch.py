"""Every backend against PyTorch: stored values always, and live where PyTorch is installed."""

import functools
import json

import numpy as np
import pytest
import support
from oracles import make_torch_values as torch_values


@functools.cache
def stored():
    return json.loads(torch_values.FILE.read_text())


def network(hidden, output, loss):
    activations = [torch_values.ACTIVATIONS[name] for name in (hidden, output)]
    units = torch_values.WIDTHS[1:]
    layers = [support.Dense(count, kind) for count, kind in zip(units, activations, strict=True)]
    return support.network(torch_values.WIDTHS[0], layers, torch_values.LOSSES[loss])


def rows(loss, span=slice(None)):
    values, classes = torch_values.values(loss)[span], torch_values.classes()[span].astype(np.int32)
    return support.Rows(torch_values.features()[span], values, classes, "none")


@pytest.mark.parametrize("case", torch_values.NETWORKS, ids="-".join)
def test_outputs_and_gradients(backend, case):
    expected = stored()["networks"][" ".join(case)]
    net = network(*case)
    bench = backend.make(net, support.training())
    bench.parameters[:] = torch_values.parameters()
    given = rows(case[2])
    assert support.error(bench.forward(given.features).ravel(), expected["outputs"]) < backend.values
    loss, gradient = bench.gradients(given)
    assert loss == pytest.approx(expected["loss"], rel=backend.values)
    errors = support.array_errors(net, gradient, np.array(expected["gradient"]))
    assert max(errors.values()) < backend.values, errors


@pytest.mark.parametrize("name", torch_values.TRAJECTORIES)
def test_trajectories_of_100_steps(backend, name):
    expected = stored()["trajectories"][name]
    optimizer, params, _, _, size = torch_values.TRAJECTORIES[name]
    net = network("tanh", "softmax", "categorical_cross_entropy")
    bench = backend.make(net, support.training((optimizer, params), batch=size))
    bench.parameters[:] = torch_values.parameters()
    losses = []
    for step, span in enumerate(torch_values.batches(size), 1):
        losses.append(bench.train_step(rows("categorical_cross_entropy", span)))
        if str(step) in expected["parameters"]:
            errors = support.array_errors(net, bench.parameters, np.array(expected["parameters"][str(step)]))
            assert max(errors.values()) < backend.trajectory, (step, errors)
    assert bench.steps_done == torch_values.STEPS
    assert support.error(losses[::9], expected["losses"]) < backend.trajectory


@pytest.mark.parametrize("name", ["sgd_all", "rmsprop_all", "adagrad_all", "adam", "adamw", "nadam_all", "radam_all"])
def test_whole_epochs_are_the_same_steps(backend, name):
    """Two batches an epoch, the second one incomplete."""
    optimizer, params, _, _, size = torch_values.TRAJECTORIES[name]
    net = network("tanh", "softmax", "categorical_cross_entropy")
    bench = backend.make(net, support.training((optimizer, params), batch=size))
    bench.parameters[:] = torch_values.parameters()
    for epoch in range(torch_values.STEPS // 2):
        bench.train_epoch(rows("categorical_cross_entropy"), epoch)
    expected = np.array(stored()["trajectories"][name]["parameters"][str(torch_values.STEPS)])
    assert support.error(bench.parameters, expected) < backend.trajectory


def test_every_built_in_is_compared_with_pytorch(registry):
    """But for those that PyTorch does not have; gaussian_nll is compared in test_torch_losses.py."""
    activations = {kind for kind, _ in torch_values.ACTIVATIONS.values()}
    # Those that learn are compared as layers, and gelu_tanh in test_torch_activations.py.
    assert set(registry.activations.names()) - activations == {"step", "prelu", "learnable_swish", "gelu_tanh"}
    losses = {kind for kind, _ in torch_values.LOSSES.values()}
    assert set(registry.losses.names()) - losses == {"hinge", "perceptron", "gaussian_nll"}
    trained = {entry[0] for entry in torch_values.TRAJECTORIES.values()}
    # Of these, what they need is in test_array_optimizers.py, as are those that are compared live.
    live = {"dampened_sgd", "centered_rmsprop", "amsgrad", "amsgradw"}
    assert set(registry.optimizers.names()) - trained == {"lars", "lamb", "adafactor", "muon", *live}


def test_the_stored_file_is_small():
    assert torch_values.FILE.stat().st_size < 300_000


def test_the_stored_values_are_what_pytorch_computes_now():
    pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    live, kept = torch_values.compute(), stored()
    assert live["networks"].keys() == kept["networks"].keys()
    assert live["trajectories"].keys() == kept["trajectories"].keys()
    for name, case in live["networks"].items():
        for part, numbers in case.items():
            np.testing.assert_allclose(kept["networks"][name][part], numbers, rtol=1e-9, atol=1e-12, err_msg=name)
    for name, case in live["trajectories"].items():
        assert case["parameters"].keys() == kept["trajectories"][name]["parameters"].keys()
        np.testing.assert_allclose(kept["trajectories"][name]["losses"], case["losses"], rtol=1e-9)
        for step, numbers in case["parameters"].items():
            np.testing.assert_allclose(
                kept["trajectories"][name]["parameters"][step], numbers, rtol=1e-9, atol=1e-12, err_msg=name
            )
