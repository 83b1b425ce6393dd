"""The common ground of all contenders: the same network, rows and initial values, in files.

They are written once, by neurosim, from the shipped scenarios, and read by every contender in its own process: the
file also contains everything that a peer needs to know about the network, so that no width or rate is written down
twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

XOR_NETWORKS = 1000
# The seed of one run of the contenders.
VALIDATION_EPOCHS = 2
VALIDATION_STEPS = 400
ENSEMBLE_STEPS = 2000
# The example of the Julia package SimpleChains: exponentials of 2 x 2 matrices, all of them in each step.
MATRICES, MATRIX_SIDE, MATRIX_UNITS = 10_000, 2, (32, 16)

Layers = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Mnist:
    """What a peer reads about the scenario `mnist`: dense layers with ReLU and dropout between them, Adam.

    Attributes
    ----------
    rows : dict of str to array
        ``train_x`` and ``test_x``, scaled float32 (rows, 784), and their classes, int64.
    layers : list of (weight, bias)
        Initial values of each dense layer; a weight is (inputs, units).
    batch, rate, dropout : int, float, float
        Rows of a step, learning rate, and the share of hidden units that are dropped.
    """

    rows: dict[str, np.ndarray]
    layers: Layers
    batch: int
    rate: float
    dropout: float


@dataclass(frozen=True)
class FullBatches:
    """What a peer reads about a network that takes all rows in each step: dense layers with tanh between them; Adam.

    Attributes
    ----------
    x, y : float32 arrays (rows, inputs) and (rows, outputs)
        The rows.
    starts : list of (weight, bias)
        Initial values of each layer, with a leading axis of networks.
    rate : float
        Learning rate.
    """

    x: np.ndarray
    y: np.ndarray
    starts: Layers
    rate: float


def mnist_scenario(activation: str = "relu") -> Any:
    """The shipped scenario, optionally with another activation for the hidden units."""
    import neurosim

    scenario = neurosim.load_scenario("mnist")
    if activation == "relu":
        return scenario
    hidden = [number for number, layer in enumerate(scenario.network.layers[:-1]) if layer.kind == "dense"]
    return neurosim.load_scenario(
        "mnist", overrides={f"network.layers.{number}.activation": activation for number in hidden}
    )


def xor_scenario() -> Any:
    """The shipped scenario without shuffling: every step's batch is the four rows in order."""
    import neurosim

    return neurosim.load_scenario("xor", overrides={"training.shuffle": False})


def write_mnist(folder: Path) -> None:
    """Rows as bytes, their scaling, initial values, and the settings of the training."""
    from neurosim.problem.assembly import assemble

    scenario = mnist_scenario()
    problem = assemble(scenario)
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
        batch=scenario.training.batch_size,
        rate=rate_of(scenario),
        dropout=dropout_of(scenario),
        **_in_order(problem.network.named(problem.network.start_values(0))),
    )


def read_mnist(folder: Path) -> Mnist:
    """Read what `write_mnist` has written."""
    with np.load(folder / "mnist.npz") as file:
        scale, shift = np.float32(file["scale"]), np.float32(file["shift"])
        rows = {}
        for split in ("train", "test"):
            x = file[f"{split}_x"]
            rows[f"{split}_x"] = x.reshape(len(x), -1).astype(np.float32) * scale + shift
            rows[f"{split}_y"] = file[f"{split}_y"].astype(np.int64)
        return Mnist(rows, _layers(file), int(file["batch"]), float(file["rate"]), float(file["dropout"]))


def epoch_flop(mnist: Mnist) -> int:
    """Operations of an epoch: 6 per weight and row, minus the gradient for the inputs, which is not needed."""
    first, *others = (weight.size for weight, _ in mnist.layers)
    return len(mnist.rows["train_x"]) * (4 * first + 6 * sum(others))


def write_xor(folder: Path, networks: int) -> None:
    """Rows, initial values of every network, and the learning rate."""
    from neurosim.problem.assembly import assemble

    scenario = xor_scenario()
    problem = assemble(scenario)
    rows, network = problem.splits["train"], problem.network
    starts = [network.named(network.start_values(seed)) for seed in range(networks)]
    stacked = {name: np.stack([start[name] for start in starts]) for name in starts[0]}
    x = rows.inputs(np.float32)
    np.savez(folder / "xor.npz", x=x, y=rows.values, rate=rate_of(scenario), **_in_order(stacked))


def read_xor(folder: Path) -> FullBatches:
    """Read what `write_xor` has written."""
    return _read_full_batches(folder / "xor.npz")


def matrix_scenario() -> Any:
    """Learn the exponential of a matrix: all rows in each step, in their order."""
    import neurosim

    widths = [(units, "tanh") for units in MATRIX_UNITS] + [(MATRIX_SIDE**2, "identity")]
    changes = {
        "network.layers": [{"kind": "dense", "units": units, "activation": kind} for units, kind in widths],
        "optimizer": {"name": "adam", "lr": 0.001},
        "training.batch_size": MATRICES,
        "training.shuffle": False,
    }
    # Of this scenario only the loss is left, the mean squared error.
    return neurosim.load_scenario("sine", overrides=changes)


def matrix_problem() -> Any:
    """The scenario with random matrices for its rows."""
    from scipy.linalg import expm

    from neurosim.data import prepare
    from neurosim.plugin import Table
    from neurosim.problem.assembly import assemble_on

    matrices = np.random.default_rng(0).standard_normal((MATRICES, MATRIX_SIDE, MATRIX_SIDE))
    x, y = (values.reshape(MATRICES, -1).astype(np.float32) for values in (matrices, expm(matrices)))
    return assemble_on(matrix_scenario(), prepare(Table(x, y), seed=0))


def write_matrices(folder: Path) -> None:
    """As `write_xor`, for the network that learns the exponential of a matrix."""
    problem = matrix_problem()
    rows, network = problem.splits["train"], problem.network
    starts = {name: array[None] for name, array in network.named(network.start_values(0)).items()}
    rate = rate_of(matrix_scenario())
    np.savez(folder / "matrices.npz", x=rows.features, y=rows.values, rate=rate, **_in_order(starts))


def read_matrices(folder: Path) -> FullBatches:
    """Read what `write_matrices` has written."""
    return _read_full_batches(folder / "matrices.npz")


def _read_full_batches(path: Path) -> FullBatches:
    with np.load(path) as file:
        x, y = file["x"].astype(np.float32), file["y"].astype(np.float32)
        return FullBatches(x, y, _layers(file), float(file["rate"]))


def rate_of(scenario: Any) -> float:
    """The learning rate of Adam, which every contender uses."""
    assert scenario.optimizer.name == "adam"
    return float(scenario.optimizer.params["lr"])


def dropout_of(scenario: Any) -> float:
    """The share of units that is dropped; the peers use the same one after every hidden layer."""
    (rate,) = {layer.rate for layer in scenario.network.layers if layer.kind == "dropout"}
    return float(rate)


def _in_order(named: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights and biases under the numbers of their dense layers, counted from 0."""
    weights = [array for name, array in named.items() if name.endswith(".weight")]
    biases = [array for name, array in named.items() if name.endswith(".bias")]
    pairs = enumerate(zip(weights, biases, strict=True))
    return {f"{kind}_{n}": array for n, pair in pairs for kind, array in zip(("weight", "bias"), pair, strict=True)}


def _layers(file: Any) -> Layers:
    count = sum(name.startswith("weight_") for name in file.files)
    return [(file[f"weight_{n}"], file[f"bias_{n}"]) for n in range(count)]
