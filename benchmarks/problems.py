"""The common ground of all contenders: the same rows and the same start values, in files.

They are written once, by neurosim, and read by every contender in its own process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64
RATE = 0.001
DROPOUT = 0.2
XOR_RATE = 0.05
XOR_NETWORKS = 1000
XOR_INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR_TARGETS = np.array([[0], [1], [1], [0]], np.float32)
# 6 a weight and row, less the gradient for the inputs of the first layer, which nobody needs.
MNIST_WEIGHTS = 784 * 256 + 256 * 128 + 128 * 10
EPOCH_FLOP = 60_000 * (6 * MNIST_WEIGHTS - 2 * 784 * 256)
# Of one run of the contenders.
VALIDATION_EPOCHS = 2
VALIDATION_STEPS = 400
ENSEMBLE_STEPS = 2000


def mnist_scenario(activation: str = "relu") -> Any:
    """The shipped scenario, with another activation for the hidden units if so wanted."""
    import neurosim

    layers = {f"network.layers.{number}.activation": activation for number in (0, 2)}
    return neurosim.load_scenario("mnist", overrides=layers if activation != "relu" else {})


def xor_scenario() -> Any:
    """The shipped scenario without shuffling: the four rows in order are every step's batch."""
    import neurosim

    return neurosim.load_scenario("xor", overrides={"training.shuffle": False})


def write_mnist(folder: Path) -> None:
    """Rows as bytes, how to scale them, and start values."""
    from neurosim.assembly import assemble

    problem = assemble(mnist_scenario(), seed=0)
    data = problem.data
    assert data.test is not None
    np.savez(
        folder / "mnist.npz",
        train_x=data.train.features,
        train_y=data.train.targets,
        test_x=data.test.features,
        test_y=data.test.targets,
        scale=data.scale,
        shift=data.shift,
        **problem.network.named(problem.network.start_values(0)),
    )


def read_mnist(folder: Path) -> tuple[dict[str, np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Rows as scaled float32 with int64 classes, and (weight, bias) of each dense layer."""
    with np.load(folder / "mnist.npz") as file:
        scale, shift = np.float32(file["scale"]), np.float32(file["shift"])
        rows = {}
        for split in ("train", "test"):
            x = file[f"{split}_x"]
            rows[f"{split}_x"] = x.reshape(len(x), -1).astype(np.float32) * scale + shift
            rows[f"{split}_y"] = file[f"{split}_y"].astype(np.int64)
        layers = [(file[f"layers.{n}.weight"], file[f"layers.{n}.bias"]) for n in (0, 2, 4)]
    return rows, layers


def write_xor(folder: Path) -> None:
    """Start values of every network."""
    from neurosim.assembly import assemble

    network = assemble(xor_scenario(), seed=0).network
    starts = [network.named(network.start_values(seed)) for seed in range(XOR_NETWORKS)]
    np.savez(folder / "xor.npz", **{name: np.stack([start[name] for start in starts]) for name in starts[0]})


def read_xor(folder: Path) -> list[np.ndarray]:
    """Weight, bias, weight, bias, each with a leading axis of networks."""
    with np.load(folder / "xor.npz") as file:
        return [file[f"layers.{n}.{kind}"] for n in (0, 1) for kind in ("weight", "bias")]
