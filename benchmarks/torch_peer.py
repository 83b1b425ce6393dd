"""PyTorch's side of each comparison; `worker.Worker` says what a contender provides."""

from __future__ import annotations

from pathlib import Path

import problems
import torch
from torch import nn
from torch_networks import dense_stack


def mnist_network(mnist: problems.Mnist) -> tuple[nn.Sequential, dict[str, torch.Tensor]]:
    """The network with the common initial values, and all rows in memory."""
    network = dense_stack(mnist.layers, lambda: [nn.ReLU(), nn.Dropout(mnist.dropout)])
    return network, {name: torch.from_numpy(array) for name, array in mnist.rows.items()}


class MnistEpoch:
    """One epoch of training: rows gathered by a random permutation, no DataLoader.

    `mode` is "eager", "fused" (eager with Adam(fused=True)) or "compile" (torch.compile, fused Adam).
    """

    units = repeats = 1

    def __init__(self, threads: int, folder: Path, mode: str) -> None:
        torch.set_num_threads(threads)
        self.mode, self.mnist = mode, problems.read_mnist(folder)
        self.start()

    def start(self) -> None:
        torch.manual_seed(0)
        self.network, self.rows = mnist_network(self.mnist)
        self.optimizer = torch.optim.Adam(self.network.parameters(), self.mnist.rate, fused=self.mode != "eager")
        self.forward = torch.compile(self.network, dynamic=False) if self.mode == "compile" else self.network

    def setup(self) -> None:
        pass

    def run(self) -> None:
        x, y = self.rows["train_x"], self.rows["train_y"]
        self.total = torch.zeros(())
        for chosen in torch.randperm(len(x)).split(self.mnist.batch):
            loss = nn.functional.cross_entropy(self.forward(x[chosen]), y[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.total += loss.detach() * len(chosen)

    def validate(self) -> dict[str, float]:
        self.start()
        for _ in range(problems.VALIDATION_EPOCHS):
            self.run()
        self.network.eval()
        with torch.no_grad():
            right = self.network(self.rows["test_x"]).argmax(1) == self.rows["test_y"]
        self.network.train()
        return {
            "train_loss": self.total.item() / len(self.rows["train_x"]),
            "test_accuracy": right.float().mean().item(),
        }


class MnistEvaluation:
    """Loss and accuracy on the 10,000 test rows, `rows` of them at a time."""

    units, repeats = 1, 20

    def __init__(self, threads: int, folder: Path, rows: int) -> None:
        torch.set_num_threads(threads)
        self.network, data = mnist_network(problems.read_mnist(folder))
        self.network.eval()
        self.batches = list(zip(data["test_x"].split(rows), data["test_y"].split(rows), strict=True))

    def setup(self) -> None:
        pass

    @torch.no_grad()
    def run(self) -> None:
        self.loss = self.right = 0.0
        for x, y in self.batches:
            logits = self.network(x)
            self.loss += nn.functional.cross_entropy(logits, y, reduction="sum").item()
            self.right += (logits.argmax(1) == y).sum().item()

    def validate(self) -> dict[str, float]:
        self.run()
        count = sum(len(x) for x, _ in self.batches)
        return {"loss": self.loss / count, "accuracy": self.right / count}


class MnistForward:
    """Probabilities of 10,000 rows, `rows` of them at a time."""

    units, repeats = 1, 20

    def __init__(self, threads: int, folder: Path, rows: int) -> None:
        torch.set_num_threads(threads)
        self.network, data = mnist_network(problems.read_mnist(folder))
        self.network.eval()
        self.batches = data["test_x"].split(rows)

    def setup(self) -> None:
        pass

    @torch.no_grad()
    def run(self) -> None:
        self.outputs = torch.cat([self.network(x).softmax(1) for x in self.batches])

    def validate(self) -> dict[str, list[float]]:
        self.run()
        return {"outputs": self.outputs[:100].flatten().tolist()}


class XorSteps:
    """Full-batch steps of the first network; `mode` is as in `MnistEpoch`."""

    read = staticmethod(problems.read_xor)
    # Sigmoid and binary cross-entropy in one, as in neurosim and JAX.
    loss_of = staticmethod(nn.functional.binary_cross_entropy_with_logits)

    def __init__(self, threads: int, folder: Path, steps: int, repeats: int, mode: str) -> None:
        torch.set_num_threads(threads)
        self.units, self.repeats, self.mode, self.problem = steps, repeats, mode, self.read(folder)
        self.x, self.y = torch.from_numpy(self.problem.x), torch.from_numpy(self.problem.y)
        self.start()

    def start(self) -> None:
        first = [(weight[0], bias[0]) for weight, bias in self.problem.starts]
        network = dense_stack(first, lambda: [nn.Tanh()])
        self.optimizer = torch.optim.Adam(network.parameters(), self.problem.rate, fused=self.mode != "eager")
        self.network = torch.compile(network, dynamic=False) if self.mode == "compile" else network

    def setup(self) -> None:
        pass

    def run(self) -> None:
        self.train(self.units)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.loss = self.loss_of(self.network(self.x), self.y)
            self.optimizer.zero_grad()
            self.loss.backward()
            self.optimizer.step()

    def validate(self) -> dict[str, list[float]]:
        self.start()
        self.train(problems.VALIDATION_STEPS)
        return {"losses": [self.loss.item()]}


class MatrixSteps(XorSteps):
    """The same for the network that learns the exponential of a matrix."""

    read = staticmethod(problems.read_matrices)
    loss_of = staticmethod(nn.functional.mse_loss)
