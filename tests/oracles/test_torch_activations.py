"""Activations with settings of their own, as PyTorch has them: 50 steps of a network that they are in."""

import numpy as np
import pytest
import support
from support import Dense

torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
STEPS, LR = 50, 0.1
F = torch.nn.functional
PEERS = {
    "gelu_tanh": ("gelu_tanh", lambda z: F.gelu(z, approximate="tanh")),
    "softplus": ("softplus", F.softplus),
    "softplus with settings": (
        ("softplus", {"beta": 3.0, "threshold": 2.0}), lambda z: F.softplus(z, beta=3.0, threshold=2.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PEERS)
def test_50_steps_are_those_of_pytorch(backend, name):
    kind, theirs = PEERS[name]
    net, rows = support.network(3, [Dense(6, kind), Dense(2)], "mse"), support.rows(7, 3, 2)
    bench = backend.make(net, support.training(("sgd", {"lr": LR}), batch=7))
    start = net.named(bench.parameters.astype(np.float64))
    made = [torch.tensor(array, requires_grad=True) for array in start.values()]
    x, y = (torch.tensor(array.astype(np.float64)) for array in (rows.features, rows.values))
    optimizer, losses, expected = torch.optim.SGD(made, lr=LR), [], []
    for _ in range(STEPS):
        losses.append(bench.train_step(rows))
        loss = F.mse_loss(theirs(x @ made[0] + made[1]) @ made[2] + made[3], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(float(loss.detach()))
    most = 1e-12 if backend.name == "reference" else 1e-5
    assert support.error(losses, expected) < most
    found = net.named(bench.parameters)
    errors = support.named_errors(found, dict(zip(found, (array.detach().numpy() for array in made), strict=True)))
    assert max(errors.values()) < most, errors
