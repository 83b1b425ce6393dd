"""A training step of a small MobileNet on MNIST's images: neurosim beside PyTorch, in maps of both orders.

``python benchmarks/separable.py --rounds 20`` first trains all three for some steps from the same weights and compares
their losses, then has them take turns on one thread. It prints the median of the processor time of a step of each.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

import neurosim

# In this network rounding grows a hundredfold with each step: against float64, PyTorch is no nearer than neurosim.
CHECKED, STEPS, ROWS, RATE = 2, 4, 64, 0.02
# Channels that come in and go out, and the stride: of a depthwise convolution and the one of 1 x 1 behind it.
BLOCKS = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1))


def normed(conv: dict[str, object]) -> list[dict[str, object]]:
    return [
        {"kind": "conv2d", "bias": False, **conv},
        {"kind": "batch_norm"},
        {"kind": "activation", "activation": "relu"},
    ]


def simulator() -> neurosim.Simulator:
    layers = normed({"channels": 32, "kernel": 3, "padding": 1})
    for inputs, outputs, stride in BLOCKS:
        layers += normed({"channels": inputs, "kernel": 3, "padding": 1, "stride": stride, "groups": inputs})
        layers += normed({"channels": outputs, "kernel": 1})
    layers += [{"kind": "global_avg_pool2d"}, {"kind": "dense", "units": 10, "activation": "softmax"}]
    changes = {"network.layers": layers, "optimizer": {"name": "sgd", "lr": RATE}, "training.batch_size": ROWS}
    return neurosim.Simulator(neurosim.load_scenario("mnist", overrides=changes), threads=1)


def peer() -> nn.Sequential:
    def normed(*how: object, **more: object) -> Iterator[nn.Module]:
        conv = nn.Conv2d(*how, bias=False, **more)  # type: ignore[arg-type]
        yield from (conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU())

    layers = [*normed(1, 32, 3, padding=1)]
    for inputs, outputs, stride in BLOCKS:
        layers += [*normed(inputs, inputs, 3, stride, 1, groups=inputs), *normed(inputs, outputs, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(BLOCKS[-1][1], 10))


def as_here(network: nn.Module, parameters: dict[str, np.ndarray]) -> None:
    """Give PyTorch's network the weights of ours, which are in the same order."""
    with torch.no_grad():
        for own, given in zip(network.parameters(), parameters.values(), strict=True):
            turned = given.transpose(3, 2, 0, 1) if given.ndim == 4 else given.T
            own.copy_(torch.from_numpy(np.ascontiguousarray(turned)))


def torch_step(parameters: dict[str, np.ndarray], order: torch.memory_format) -> Callable[..., float]:
    network = peer()
    as_here(network, parameters)
    network.to(memory_format=order)
    optimizer = torch.optim.SGD(network.parameters(), RATE, fused=True)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        images = torch.from_numpy(x).reshape(-1, 1, 28, 28).to(memory_format=order)
        loss = nn.functional.cross_entropy(network(images), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=20)
    rounds = options.parse_args().rounds
    torch.set_num_threads(1)
    ours = simulator()
    start = {name: array.copy() for name, array in ours.parameters.items()}
    contenders: dict[str, Callable[..., float]] = {
        "neurosim": ours.step,
        "PyTorch": torch_step(start, torch.contiguous_format),
        "PyTorch, channels last": torch_step(start, torch.channels_last),
    }
    rows = ours.split_rows("train")
    features, classes = rows.inputs(np.float32)[: ROWS * STEPS], rows.classes[: ROWS * STEPS].astype(np.int64)
    batches = [(features[k : k + ROWS], classes[k : k + ROWS]) for k in range(0, ROWS * STEPS, ROWS)]
    losses = {name: [step(*batches[k % STEPS]) for k in range(CHECKED)] for name, step in contenders.items()}
    for name, found in losses.items():
        worst = max(abs(a - b) / b for a, b in zip(found, losses["neurosim"], strict=True))
        print(f"{name}: losses of {CHECKED} steps differ by {worst:.1e} at most")
        assert worst < 1e-4
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name in [*contenders][:: 1 if turn % 2 else -1]:
            begin = time.process_time()
            for batch in batches:
                contenders[name](*batch)
            times[name].append((time.process_time() - begin) / STEPS)
    for name, found in times.items():
        middle = statistics.median(found)
        ratio = middle / statistics.median(times["neurosim"])
        print(f"{name}: {1e3 * middle:.1f} ms a step ({1e3 * min(found):.1f} at least), {ratio:.2f} times neurosim's")


if __name__ == "__main__":
    main()
