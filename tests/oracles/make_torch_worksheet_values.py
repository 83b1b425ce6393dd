"""Writes torch_worksheet_values.json: one training step on one row, as PyTorch's autograd has it, in float64.

    PYTHONPATH=tests python -m oracles.make_torch_worksheet_values

The networks are written out with PyTorch's own functions; only the row and the initial values are neurosim's. The
step is that of torch.optim.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import neurosim

FILE = Path(__file__).with_name("torch_worksheet_values.json")
VERSION = "2.13.0"


@dataclass(frozen=True)
class Case:
    """A shipped scenario, changed a little, and the row that is explained."""

    scenario: str
    sample: int
    overrides: dict[str, Any] = field(default_factory=dict)

    def simulator(self):
        return neurosim.Simulator(neurosim.load_scenario(self.scenario, overrides=self.overrides))


CASES = {
    "xor": Case("xor", 1),
    "iris": Case("iris", 3, {"optimizer.weight_decay": 0.01}),
    "sine": Case(
        "sine", 5, {"network.layers.0.l2": 0.1, "network.layers.1.l1": 0.01, "optimizer.schedule": "constant"}
    ),
    "digits-cnn": Case(
        "digits-cnn",
        7,
        {"network.layers.0.channels": 3, "network.layers.2.channels": 4, "optimizer.schedule": "constant"},
    ),
}


def rows(case):
    """The row in float64 as the network sees it, and its target."""
    simulator = case.simulator()
    data = simulator.data
    split = data.train
    chosen = slice(case.sample, case.sample + 1)
    x = split.features[chosen].astype("float64") * data.scale + data.shift
    return x.astype("float32").astype("float64"), split.targets[chosen]


def compute(name):
    """Loss, and by parameter name gradient and new value; by layer number z, a and their gradients."""
    import torch
    from torch.nn import functional

    case = CASES[name]
    simulator = case.simulator()
    weights = {
        key: torch.tensor(array.astype("float64"), requires_grad=True) for key, array in simulator.parameters.items()
    }
    x, y = rows(case)
    x, y = torch.tensor(x), torch.tensor(y)
    seen = {}

    def keep(key, tensor):
        tensor.retain_grad()
        seen[key] = tensor
        return tensor

    def dense(number, place, a, activation):
        z = keep(f"z{number}", a @ weights[f"layers.{place}.weight"] + weights[f"layers.{place}.bias"])
        return keep(f"a{number}", activation(z))

    def conv(number, place, a):
        kernel = weights[f"layers.{place}.weight"].permute(3, 2, 0, 1)
        z = functional.conv2d(a.permute(0, 3, 1, 2), kernel, weights[f"layers.{place}.bias"], padding="same")
        return keep(f"a{number}", torch.relu(keep(f"z{number}", z.permute(0, 2, 3, 1))))

    def pool(number, a):
        return keep(f"a{number}", functional.max_pool2d(a.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1))

    match name:
        case "xor":
            a = dense(1, 0, x, torch.tanh)
            a = dense(2, 1, a, torch.sigmoid)
            loss = functional.binary_cross_entropy(a[:, 0], y.double())
        case "iris":
            a = dense(1, 0, x, torch.tanh)
            dense(2, 1, a, lambda z: functional.softmax(z, dim=1))
            loss = functional.cross_entropy(seen["z2"], y)
        case "sine":
            a = dense(1, 0, x, torch.tanh)
            a = dense(2, 1, a, torch.tanh)
            a = dense(3, 2, a, lambda z: 1.0 * z)
            loss = functional.mse_loss(a, y.double())
            loss = loss + 0.05 * (weights["layers.0.weight"] ** 2).sum() + 0.01 * weights["layers.1.weight"].abs().sum()
        case "digits-cnn":
            a = pool(2, conv(1, 0, x.reshape(1, 8, 8, 1)))
            a = pool(4, conv(3, 2, a))
            dense(6, 5, a.flatten(1), lambda z: functional.softmax(z, dim=1))
            loss = functional.cross_entropy(seen["z6"], y)
    loss.backward()
    params = simulator.training.optimizer.params
    optimizer = torch.optim.Adam(
        weights.values(),
        lr=params["lr"],
        betas=(params["beta1"], params["beta2"]),
        eps=params["eps"],
        weight_decay=params["weight_decay"],
    )
    optimizer.step()

    def numbers(tensor):
        return [float(f"{value:.12g}") for value in tensor.detach().flatten().tolist()]

    return {
        "loss": loss.item(),
        "gradients": {key: numbers(tensor.grad) for key, tensor in weights.items()},
        "new": {key: numbers(tensor) for key, tensor in weights.items()},
        "seen": {key: numbers(tensor) for key, tensor in seen.items()},
        "slopes": {key: numbers(tensor.grad) for key, tensor in seen.items() if tensor.grad is not None},
        "shapes": {key: list(tensor.shape[1:]) for key, tensor in seen.items()},
    }


def main():
    import torch

    assert torch.__version__.split("+")[0] == VERSION, torch.__version__
    FILE.write_text(json.dumps({name: compute(name) for name in CASES}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
