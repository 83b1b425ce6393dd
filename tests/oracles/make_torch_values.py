"""Writes torch_values.json: outputs, gradients and optimizer trajectories as PyTorch computes them.

    python tests/oracles/make_torch_values.py

Inputs and parameters come from formulas of whole numbers (fractions of powers of two, exact in
float32), so that the file depends on nothing but PyTorch's arithmetic in float64. Parameters and
gradients are flat, in neurosim's order and layout: weight (inputs, units), then bias, layer by
layer. Only the functions of the second half need torch.
"""

import contextlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("torch_values.json")
VERSION = "2.13.0"
WIDTHS = (4, 5, 3)
ROWS = 6
STEPS = 100

# Activations of neurosim that PyTorch has, with parameters.
ACTIVATIONS = {
    "identity": ("identity", {}),
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "relu": ("relu", {}),
    "leaky_relu": ("leaky_relu", {"alpha": 0.01}),
    "leaky_relu_0.25": ("leaky_relu", {"alpha": 0.25}),
    "elu": ("elu", {"alpha": 1.0}),
    "elu_0.75": ("elu", {"alpha": 0.75}),
    "selu": ("selu", {}),
    "gelu": ("gelu", {}),
    "swish": ("swish", {"beta": 1.0}),
    "softplus": ("softplus", {}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "softmax": ("softmax", {}),
}
LOSSES = {
    "mse": ("mse", {}),
    "mae": ("mae", {}),
    "huber": ("huber", {"delta": 1.0}),
    "huber_0.5": ("huber", {"delta": 0.5}),
    "binary_cross_entropy": ("binary_cross_entropy", {}),
    "categorical_cross_entropy": ("categorical_cross_entropy", {}),
}
# (hidden activation, output activation, loss)
NETWORKS = [
    *((hidden, "softmax", "categorical_cross_entropy") for hidden in ACTIVATIONS),
    *((hidden, "sigmoid", "binary_cross_entropy") for hidden in ACTIVATIONS),
    *(("tanh", output, loss) for output in ACTIVATIONS for loss in ("mse", "mae", "huber", "huber_0.5")),
    *(("tanh", output, "binary_cross_entropy") for output in ("softmax", "hard_sigmoid")),
    *(("tanh", output, "categorical_cross_entropy") for output in ("sigmoid", "softplus", "hard_sigmoid")),
]
# name: (neurosim's optimizer, its parameters, PyTorch's class, its arguments, rows in a batch)
TRAJECTORIES = {
    "sgd": ("sgd", {"lr": 0.1}, "SGD", {"lr": 0.1}, 6),
    "sgd_batches": ("sgd", {"lr": 0.1}, "SGD", {"lr": 0.1}, 4),
    "sgd_momentum": ("sgd", {"lr": 0.05, "momentum": 0.9}, "SGD", {"lr": 0.05, "momentum": 0.9}, 6),
    "sgd_nesterov": (
        "sgd",
        {"lr": 0.05, "momentum": 0.9, "nesterov": 1.0},
        "SGD",
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
        6,
    ),
    "sgd_weight_decay": ("sgd", {"lr": 0.1, "weight_decay": 0.05}, "SGD", {"lr": 0.1, "weight_decay": 0.05}, 6),
    "sgd_all": (
        "sgd",
        {"lr": 0.05, "momentum": 0.8, "nesterov": 1.0, "weight_decay": 0.02},
        "SGD",
        {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02},
        4,
    ),
    "rmsprop": ("rmsprop", {"lr": 0.01}, "RMSprop", {"lr": 0.01}, 6),
    "rmsprop_all": (
        "rmsprop",
        {"lr": 0.005, "rho": 0.9, "eps": 1e-3, "weight_decay": 0.05},
        "RMSprop",
        {"lr": 0.005, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.05},
        4,
    ),
    "adagrad": ("adagrad", {"lr": 0.1}, "Adagrad", {"lr": 0.1}, 6),
    "adagrad_all": (
        "adagrad",
        {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.05},
        "Adagrad",
        {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.05},
        4,
    ),
    "adam_defaults": ("adam", {}, "Adam", {}, 6),
    "adam": ("adam", {"lr": 0.02}, "Adam", {"lr": 0.02}, 4),
    "adam_all": (
        "adam",
        {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.05},
        "Adam",
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.05},
        6,
    ),
    "adamw_defaults": ("adamw", {}, "AdamW", {}, 6),
    "adamw": ("adamw", {"lr": 0.02, "weight_decay": 0.5}, "AdamW", {"lr": 0.02, "weight_decay": 0.5}, 4),
    "nadam_defaults": ("nadam", {}, "NAdam", {}, 6),
    "nadam_all": (
        "nadam",
        {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.05, "momentum_decay": 0.02},
        "NAdam",
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.05, "momentum_decay": 0.02},
        4,
    ),
    "radam_defaults": ("radam", {}, "RAdam", {}, 6),
    "radam_all": (
        "radam",
        {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.05},
        "RAdam",
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.05},
        4,
    ),
}


def parameters():
    """Flat parameters of the 4-5-3 network, float64 and exact in float32."""
    size = sum(inputs * units + units for inputs, units in pairwise(WIDTHS))
    k = np.arange(size)
    return ((29 * k + 7) % 101 - 50) / 64.0 + 1.0 / 8192.0


def features():
    i, j = np.arange(ROWS)[:, None], np.arange(WIDTHS[0])[None, :]
    return ((37 * i + 11 * j + 5) % 64 - 31) / 16.0


def classes():
    return np.arange(ROWS) * 2 % WIDTHS[-1]


def values(loss):
    """Targets: zeros and ones, soft in places, for the two-class loss; numbers of both signs else."""
    i, j = np.arange(ROWS)[:, None], np.arange(WIDTHS[-1])[None, :]
    if loss == "binary_cross_entropy":
        return (7 * i + 5 * j) % 5 / 4.0
    return ((23 * i + 13 * j) % 32 - 16) / 8.0 + 1.0 / 64.0


def batches(size):
    """Rows of each step, in order, over and over; the last batch of an epoch may be smaller."""
    spans = [slice(start, min(start + size, ROWS)) for start in range(0, ROWS, size)]
    return [spans[step % len(spans)] for step in range(STEPS)]


# ---------------------------------------------------------------------------------------------------------
# From here on: PyTorch.


def _activation(name, z):
    from torch.nn import functional

    kind, params = ACTIVATIONS[name]
    if kind == "identity":
        return z
    if kind == "leaky_relu":
        return functional.leaky_relu(z, params["alpha"])
    if kind == "elu":
        return functional.elu(z, params["alpha"])
    if kind == "softmax":
        return functional.softmax(z, dim=1)
    if kind == "hard_sigmoid":
        # Its definition; the kernel of functional.hardsigmoid has 1/6 in float32, also for float64.
        return functional.relu6(z + 3.0) / 6.0
    return getattr(functional, "silu" if kind == "swish" else kind)(z)


def _loss(name, output, z, a, span=slice(None)):
    import torch

    kind, params = LOSSES[name]
    if kind == "categorical_cross_entropy":
        labels = torch.tensor(classes()[span])
        if output == "softmax":
            return torch.nn.CrossEntropyLoss()(z, labels)
        return torch.nn.NLLLoss()(torch.log(a), labels)
    target = torch.tensor(values(name)[span])
    if kind == "binary_cross_entropy":
        return torch.nn.BCEWithLogitsLoss()(z, target) if output == "sigmoid" else torch.nn.BCELoss()(a, target)
    if kind == "huber":
        return torch.nn.HuberLoss(delta=params["delta"])(a, target)
    return {"mse": torch.nn.MSELoss, "mae": torch.nn.L1Loss}[kind]()(a, target)


def _linear_layers():
    """The layers with our parameters; PyTorch's weight is (units, inputs)."""
    import torch

    flat, offset, layers = parameters(), 0, []
    for inputs, units in pairwise(WIDTHS):
        layer = torch.nn.Linear(inputs, units, dtype=torch.float64)
        weight = flat[offset : offset + inputs * units].reshape(inputs, units)
        bias = flat[offset + inputs * units : offset + inputs * units + units]
        offset += inputs * units + units
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight.T.copy()))
            layer.bias.copy_(torch.tensor(bias))
        layers.append(layer)
    return layers


def _flat(layers, part):
    arrays = []
    for layer in layers:
        arrays += [part(layer.weight).detach().numpy().T, part(layer.bias).detach().numpy()]
    return _digits(np.concatenate([array.ravel() for array in arrays]))


def _digits(array):
    """Twelve digits: more than is compared, and the same on machines that round differently."""
    return [float(f"{value:.12g}") for value in np.ravel(array)]


def _network(hidden, output, loss):
    import torch

    first, second = layers = _linear_layers()
    z = second(_activation(hidden, first(torch.tensor(features()))))
    a = _activation(output, z)
    cost = _loss(loss, output, z, a)
    cost.backward()
    return {
        "loss": _digits(cost.item())[0],
        "outputs": _digits(a.detach().numpy()),
        "gradient": _flat(layers, lambda parameter: parameter.grad),
    }


def _trajectory(kind, arguments, size):
    import torch

    first, second = layers = _linear_layers()
    trainable = [parameter for layer in layers for parameter in layer.parameters()]
    optimizer = getattr(torch.optim, kind)(trainable, **arguments)
    x = torch.tensor(features())
    losses, after = [], {}
    for step, span in enumerate(batches(size), 1):
        optimizer.zero_grad()
        z = second(torch.tanh(first(x[span])))
        cost = _loss("categorical_cross_entropy", "softmax", z, None, span)
        cost.backward()
        optimizer.step()
        losses.append(cost.item())
        if step in (1, 10, STEPS):
            after[str(step)] = _flat(layers, lambda parameter: parameter)
    return {"losses": _digits(losses[::9]), "parameters": after}


@contextlib.contextmanager
def in_float64():
    """What PyTorch's optimizers keep besides the slots, such as the product of NAdam's momenta, in float64 too."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def compute():
    """All values, as the file holds them."""
    import torch

    # On such small arrays PyTorch's threads only wait for each other.
    torch.set_num_threads(1)
    with in_float64():
        return {
            "torch": VERSION,
            "networks": {" ".join(case): _network(*case) for case in NETWORKS},
            "trajectories": {
                name: _trajectory(kind, arguments, size) for name, (_, _, kind, arguments, size) in TRAJECTORIES.items()
            },
        }


if __name__ == "__main__":
    import torch

    if torch.__version__.partition("+")[0] != VERSION:
        raise SystemExit(f"needs torch {VERSION}, found {torch.__version__}")
    text = json.dumps(compute(), indent=None, separators=(",", ":"))
    # One case a line, so that a change shows where it is.
    for opening in ('"networks":{', '"trajectories":{'):
        text = text.replace(opening, f"\n{opening}\n")
    FILE.write_text(text.replace('},"', '},\n"') + "\n")
    print(f"{FILE}: {FILE.stat().st_size / 1000:.0f} kB")
