"""The common ground of the deeper networks: their layers, initial values and orders of rows, in files.

The layers are those of a scenario. neurosim builds its network from them, and PyTorch's modules are created from the
same list, so that there is only one description of each network.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Layer = Mapping[str, Any]

BATCH = 64
RATE = 0.001
# Everything that is not timed for the table itself uses the first training rows.
HEAT_ROWS = 6400
VALIDATION_ROWS = 12_800
VALIDATION_EPOCHS = 2
# Every kind of augmentation at once, about as strong as each is typically used on digits.
AUGMENTATION = {
    "augmentation.shift": 2,
    "augmentation.rotation": 10,
    "augmentation.scale": 0.1,
    "augmentation.shear": 8,
    "augmentation.elastic": {"alpha": 34, "sigma": 4},
}


def dense(units: int, activation: str = "relu", bias: bool = True) -> Layer:
    return {"kind": "dense", "units": units, "activation": activation, "bias": bias, "init": "torch_linear"}


def conv2d(channels: int, kernel: int, padding: str = "valid") -> Layer:
    return {"kind": "conv2d", "channels": channels, "kernel": kernel, "padding": padding, "activation": "relu"}


def normalized(units: int) -> list[Layer]:
    """Dense, batch norm, ReLU; beta of the batch norm takes the place of a bias."""
    relu = {"kind": "activation", "activation": "relu"}
    return [dense(units, "identity", bias=False), {"kind": "batch_norm"}, relu]


def shipped_layers(scenario: str) -> list[Layer]:
    """The layers of a shipped scenario, from its file."""
    path = Path(__file__).parents[1] / "scenarios" / f"{scenario}.toml"
    layers: list[Layer] = tomllib.loads(path.read_text(encoding="utf-8"))["network"]["layers"]
    return layers


POOL: Layer = {"kind": "max_pool2d", "size": 2}
FLATTEN: Layer = {"kind": "flatten"}
OUTPUT = dense(10, "softmax")

NETWORKS: dict[str, list[Layer]] = {
    # LeCun, Bottou, Bengio and Haffner 1998, with ReLU, max pooling and all-to-all channels.
    "lenet": [conv2d(6, 5, "same"), POOL, conv2d(16, 5), POOL, FLATTEN, dense(120), dense(84), OUTPUT],
    # "Simple MNIST convnet" of the Keras examples.
    "keras": [conv2d(32, 3), POOL, conv2d(64, 3), POOL, FLATTEN, {"kind": "dropout", "rate": 0.5}, OUTPUT],
    "resnet": shipped_layers("mnist-resnet"),
    "batchnorm": [*normalized(256), *normalized(128), OUTPUT],
    "residual": [
        dense(128),
        {"kind": "residual", "repeat": 4, "activation": "relu", "layers": [dense(128), dense(128, "identity")]},
        OUTPUT,
    ],
}


@dataclass(frozen=True)
class Deep:
    """The data that a contender reads.

    Attributes
    ----------
    rows : dict of str to array
        ``train_x`` and ``test_x``, scaled float32 (rows, 28, 28), and their classes, int64.
    starts : list of array
        Initial values in the order of the layers: weight and bias of a dense layer or a convolution, gamma and beta of
        a batch norm; with neurosim's shapes, (inputs, units) and (height, width, in, out).
    orders : (VALIDATION_EPOCHS, VALIDATION_ROWS) int64
        The order in which neurosim takes the rows during validation.
    """

    rows: dict[str, np.ndarray]
    starts: list[np.ndarray]
    orders: np.ndarray


def deep_scenario(network: str) -> Any:
    """The shipped `mnist` (data, batches, optimizer) with other layers."""
    import neurosim

    changes = {"network.layers": NETWORKS[network], "optimizer.lr": RATE, "training.batch_size": BATCH}
    return neurosim.load_scenario("mnist", overrides=changes)


def augmented_scenario(augmented: bool) -> Any:
    """The shipped `mnist`, optionally with all kinds of augmentation."""
    import neurosim

    return neurosim.load_scenario("mnist", overrides=AUGMENTATION if augmented else {})


def write_deep(folder: Path, network: str) -> None:
    """Rows as bytes, their scaling, initial values and orders."""
    from neurosim.backends.base import shuffle_key
    from neurosim.problem.assembly import assemble
    from neurosim.randomness import permutation

    problem = assemble(deep_scenario(network))
    data, test = problem.data, problem.data.test
    assert test is not None
    values = problem.network.start_values(0)
    starts = {f"start_{n}": values[p.span].reshape(p.shape) for n, p in enumerate(problem.network.parameters)}
    np.savez(
        folder / f"{network}.npz",
        train_x=data.train.features,
        train_y=data.train.targets,
        test_x=test.features,
        test_y=test.targets,
        scale=data.scale,
        shift=data.shift,
        orders=[permutation(shuffle_key(0, epoch), VALIDATION_ROWS) for epoch in range(VALIDATION_EPOCHS)],
        **starts,
    )


def read_deep(folder: Path, network: str, most: int) -> Deep:
    """At most this many training rows, and all test rows."""
    with np.load(folder / f"{network}.npz") as file:
        scale, shift = np.float32(file["scale"]), np.float32(file["shift"])
        rows = {}
        for split, count in (("train", most), ("test", None)):
            x = file[f"{split}_x"][:count]
            rows[f"{split}_x"] = x.reshape(-1, 28, 28).astype(np.float32) * scale + shift
            rows[f"{split}_y"] = file[f"{split}_y"][:count].astype(np.int64)
        starts = [file[name] for name in file.files if name.startswith("start_")]
        return Deep(rows, starts, file["orders"])
