"""PyTorch's side of the deeper networks; `worker.Worker` says what a contender provides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import deep_problems
import numpy as np
import torch
from deep_problems import Layer
from torch import nn

# "fused" is eager; Adam is fused in all of them. The second pair is for maps with the channels last in memory.
VECTOR_MODES = ("fused", "compile")
MAP_MODES = (*VECTOR_MODES, "fused, channels last", "compile, channels last")
# Rows at a time when the accuracy is computed.
EVALUATED = 1000


class Residual(nn.Module):
    """Layers with a skip around them."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x) + x


class FlattenChannelsLast(nn.Module):
    """Height, width, channels: this moves nothing for maps that are stored in this order."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Stack:
    """The modules for a list of layers; the output's softmax is left to the loss.

    Attributes
    ----------
    shape : tuple of int
        Shape of the output of the modules so far, (channels, height, width) or (units,).
    flattened : (channels, height, width) or None
        Set while the next input is a flattened map, in the order of `nn.Flatten`.
    """

    def __init__(self, starts: Sequence[np.ndarray], maps: bool, channels_last: bool) -> None:
        self.starts = iter(starts)
        self.shape: tuple[int, ...] = (1, 28, 28) if maps else (784,)
        self.channels_last = channels_last
        self.flattened: tuple[int, ...] | None = None

    def modules(self, layers: Sequence[Layer]) -> list[nn.Module]:
        made: list[nn.Module] = []
        for layer in layers:
            for _ in range(layer.get("repeat", 1)):
                if layer["kind"] != "activation":
                    made.append(self.module(layer))
                activation = layer.get("activation", "identity")
                if activation == "relu":
                    made.append(nn.ReLU())
                elif activation not in ("identity", "softmax"):
                    raise ValueError(activation)
        return made

    def module(self, layer: Layer) -> nn.Module:
        """The layer without its activation, with its initial values."""
        kind = layer["kind"]
        if kind == "dense":
            return self.dense(layer["units"], layer["bias"])
        if kind == "conv2d":
            return self.conv2d(layer["channels"], layer["kernel"], layer["padding"])
        if kind == "max_pool2d":
            channels, *sides = self.shape
            self.shape = (channels, *(side // layer["size"] for side in sides))
            return nn.MaxPool2d(layer["size"])
        if kind == "flatten":
            self.flattened = None if self.channels_last else self.shape
            self.shape = (math.prod(self.shape),)
            return FlattenChannelsLast() if self.channels_last else nn.Flatten()
        if kind == "batch_norm":
            return self.started(nn.BatchNorm1d(self.shape[0]), next(self.starts), next(self.starts))
        if kind == "residual":
            return Residual(nn.Sequential(*self.modules(layer["layers"])))
        if kind == "dropout":
            return nn.Dropout(layer["rate"])
        raise ValueError(kind)

    def dense(self, units: int, bias: bool) -> nn.Module:
        weight = next(self.starts)
        if self.flattened is not None:
            channels, height, width = self.flattened
            weight = weight.reshape(height, width, channels, units).transpose(2, 0, 1, 3).reshape(-1, units)
            self.flattened = None
        linear = nn.Linear(*weight.shape, bias=bias)
        self.shape = (units,)
        return self.started(linear, weight.T, *([next(self.starts)] if bias else []))

    def conv2d(self, channels: int, kernel: int, padding: str) -> nn.Module:
        cells = kernel // 2 if padding == "same" else 0
        before, *sides = self.shape
        convolution = nn.Conv2d(before, channels, kernel, padding=cells)
        self.shape = (channels, *(side + 2 * cells - kernel + 1 for side in sides))
        return self.started(convolution, next(self.starts).transpose(3, 2, 0, 1), next(self.starts))

    def started(self, module: nn.Module, *values: np.ndarray) -> nn.Module:
        with torch.no_grad():
            for parameter, value in zip(module.parameters(), values, strict=True):
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        return module


class Epoch:
    """One epoch of training on the first `rows` rows, gathered by a random permutation; no DataLoader."""

    units = repeats = 1

    def __init__(self, threads: int, folder: Path, network: str, mode: str, rows: int) -> None:
        torch.set_num_threads(threads)
        self.layers, self.count = deep_problems.NETWORKS[network], rows
        self.maps = self.layers[0]["kind"] == "conv2d"
        self.compiled, self.channels_last = mode.startswith("compile"), mode.endswith("channels last")
        deep = deep_problems.read_deep(folder, network, max(rows, deep_problems.VALIDATION_ROWS))
        shape = (-1, 1, 28, 28) if self.maps else (-1, 784)
        # Taking rows of scaled float32 is faster than taking bytes and scaling them.
        self.rows = {
            name: torch.from_numpy(array.reshape(shape) if name.endswith("_x") else array)
            for name, array in deep.rows.items()
        }
        self.starts, self.orders = deep.starts, torch.from_numpy(deep.orders)
        self.start()

    def start(self) -> None:
        torch.manual_seed(0)
        stack = Stack(self.starts, self.maps, self.channels_last)
        self.network: nn.Module = nn.Sequential(*stack.modules(self.layers))
        if self.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.network.parameters(), deep_problems.RATE, fused=True)
        self.forward = torch.compile(self.network, dynamic=False) if self.compiled else self.network

    def setup(self) -> None:
        pass

    def run(self) -> None:
        self.train(torch.randperm(self.count))

    def train(self, order: torch.Tensor) -> None:
        x, y = self.rows["train_x"], self.rows["train_y"]
        self.total = torch.zeros(())
        for chosen in order.split(deep_problems.BATCH):
            outputs = self.forward(x.index_select(0, chosen))
            loss = nn.functional.cross_entropy(outputs, y.index_select(0, chosen))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.total += loss.detach() * len(chosen)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        self.start()
        with torch.enable_grad():
            for order in self.orders:
                self.train(order)
        self.network.eval()
        x, y = self.rows["test_x"].split(EVALUATED), self.rows["test_y"].split(EVALUATED)
        right = sum(int((self.network(a).argmax(1) == b).sum()) for a, b in zip(x, y, strict=True))
        self.network.train()
        return {
            "train_loss": self.total.item() / self.orders.shape[1],
            "test_accuracy": right / len(self.rows["test_y"]),
        }
