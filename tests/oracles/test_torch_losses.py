"""Losses with targets of a width of their own against PyTorch: live where it is installed, else against stored values.

The two compute the same in float64, so the reference backend stands for PyTorch where that is missing; a few of the
numbers that PyTorch gave are stored for it.
"""

import functools

import numpy as np
import pytest
import support

STEPS, MOMENTUM, EPS = 50, 0.9, 1e-6
# Two targets, of which each takes two outputs. The second one is too large for the lanes of the CPU backend.
HIDDEN = (5, 700)
# Learning rates at which rounding does not grow.
LR = {5: 0.003, 700: 0.0001}
# By hidden units: the loss in the first and in the last step, and the sum of all parameters after it.
STORED = {
    5: (0.3065161563961272, 0.0912797968083281, -0.30991100012458767),
    700: (0.09029041761496102, -0.2690321007543256, 25.995171394258524),
}


def allowed(backend):
    """The relative error after all steps."""
    return 1e-12 if backend.name == "reference" else 1e-5


def rows():
    x = np.linspace(-1.0, 1.0, 16).astype(np.float32)
    features = np.stack([x, x * x], axis=1)
    values = np.stack([np.sin(3.0 * x) + 0.3 * np.cos(40.0 * x), 0.5 * x], axis=1).astype(np.float32)
    return support.Rows(features, values, np.zeros(0, np.int32), "none")


def network(hidden):
    loss = ("gaussian_nll", {"eps": EPS})
    return support.network(2, [support.Dense(hidden, "tanh"), support.Dense(4, "identity")], loss)


def trained(backend, hidden):
    """Losses of all steps and the parameters after them."""
    settings = support.training(("sgd", {"lr": LR[hidden], "momentum": MOMENTUM}), batch=16)
    bench = backend.make(network(hidden), settings)
    losses = [bench.train_step(rows()) for _ in range(STEPS)]
    return np.array(losses), bench.parameters.astype(np.float64)


@functools.cache
def torch_trained(hidden):
    torch = pytest.importorskip("torch")
    net = network(hidden)
    start = net.named(net.start_values(0).astype(np.float64))
    made = {name: torch.tensor(array, requires_grad=True) for name, array in start.items()}
    first, second = (f"layers.{place}" for place in (0, 1))
    given = rows()
    x, y = (torch.tensor(array.astype(np.float64)) for array in (given.features, given.values))
    criterion = torch.nn.GaussianNLLLoss(eps=EPS)
    optimizer = torch.optim.SGD(made.values(), lr=LR[hidden], momentum=MOMENTUM)
    losses = []
    for _ in range(STEPS):
        hidden_units = torch.tanh(x @ made[f"{first}.weight"] + made[f"{first}.bias"])
        found = hidden_units @ made[f"{second}.weight"] + made[f"{second}.bias"]
        loss = criterion(found[:, :2], y, torch.exp(found[:, 2:]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses), np.concatenate([array.detach().numpy().ravel() for array in made.values()])


@pytest.mark.parametrize("hidden", HIDDEN)
def test_50_steps_are_those_of_pytorch(backend, hidden):
    losses, parameters = trained(backend, hidden)
    expected, theirs = torch_trained(hidden)
    assert support.error(losses, expected) < allowed(backend)
    assert support.error(parameters, theirs) < allowed(backend)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_50_steps_are_those_that_were_stored(backend, hidden):
    losses, parameters = trained(backend, hidden)
    assert [losses[0], losses[-1], parameters.sum()] == pytest.approx(STORED[hidden], rel=10 * allowed(backend))


@pytest.mark.parametrize("hidden", HIDDEN)
def test_value_and_gradient_are_those_of_pytorch(backend, hidden):
    torch = pytest.importorskip("torch")
    bench = backend.make(network(hidden), support.training())
    given = rows()
    loss, gradient = bench.gradients(given)
    outputs = torch.tensor(bench.forward(given.features).astype(np.float64), requires_grad=True)
    criterion = torch.nn.GaussianNLLLoss(eps=EPS)
    expected = criterion(outputs[:, :2], torch.tensor(given.values.astype(np.float64)), torch.exp(outputs[:, 2:]))
    expected.backward()
    assert loss == pytest.approx(float(expected.detach()), rel=allowed(backend))
    # The gradient of the last bias is that of the outputs, added up over the rows.
    slope = bench.network.named(gradient)["layers.1.bias"]
    assert support.error(slope, outputs.grad.numpy().sum(axis=0)) < allowed(backend)
