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
    """Layers with a skip around them, which leads through a projection where the shapes differ."""

    def __init__(self, layers: nn.Module, projection: nn.Module) -> None:
        super().__init__()
        self.layers, self.projection = layers, projection

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x) + self.projection(x)


class GlobalAveragePool(nn.Module):
    """The mean of each channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


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
                if layer["kind"] == "conv2d":
                    made += self.conv2d(layer)
                elif layer["kind"] != "activation":
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
            return self.dense(layer["units"], layer.get("bias", True))
        if kind == "max_pool2d":
            channels, *sides = self.shape
            self.shape = (channels, *(side // layer.get("size", 2) for side in sides))
            return nn.MaxPool2d(layer.get("size", 2))
        if kind == "flatten":
            self.flattened = None if self.channels_last else self.shape
            self.shape = (math.prod(self.shape),)
            return FlattenChannelsLast() if self.channels_last else nn.Flatten()
        if kind == "batch_norm":
            normalization = nn.BatchNorm1d if len(self.shape) == 1 else nn.BatchNorm2d
            return self.started(normalization(self.shape[0]), next(self.starts), next(self.starts))
        if kind == "global_avg_pool2d":
            self.shape = self.shape[:1]
            return GlobalAveragePool()
        if kind == "residual":
            return self.residual(layer["layers"])
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

    def conv2d(self, layer: Layer) -> list[nn.Module]:
        kernel, stride = layer["kernel"], layer.get("stride", 1)
        before, *sides = self.shape
        made: list[nn.Module] = []
        cells = 0
        if layer.get("padding") == "same":
            # An odd cell is on the right and at the bottom, where PyTorch's convolutions cannot have it alone.
            cells, odd = divmod(max(0, (-(-sides[0] // stride) - 1) * stride + kernel - sides[0]), 2)
            if odd:
                made.append(nn.ZeroPad2d((cells, cells + 1, cells, cells + 1)))
                sides, cells = [side + 2 * cells + 1 for side in sides], 0
        convolution = self.convolution(before, layer["channels"], kernel, stride, cells, layer.get("bias", True))
        self.shape = (layer["channels"], *((side + 2 * cells - kernel) // stride + 1 for side in sides))
        return [*made, convolution]

    def convolution(self, before: int, after: int, kernel: int, stride: int, cells: int, bias: bool) -> nn.Module:
        module = nn.Conv2d(before, after, kernel, stride, cells, bias=bias)
        values = next(self.starts).transpose(3, 2, 0, 1)
        return self.started(module, values, *([next(self.starts)] if bias else []))

    def residual(self, layers: Sequence[Layer]) -> nn.Module:
        before = self.shape
        inner = nn.Sequential(*self.modules(layers))
        if self.shape == before:
            return Residual(inner, nn.Identity())
        stride = math.prod(layer.get("stride", 1) for layer in layers)
        return Residual(inner, self.convolution(before[0], self.shape[0], 1, stride, 0, bias=False))

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
