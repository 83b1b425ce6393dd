"""Writes torch_layer_values.json: what PyTorch computes for some of the networks of `layer_cases`.

    PYTHONPATH=tests python -m oracles.make_torch_layer_values

Only `compute` and what it calls need torch.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from oracles.layer_cases import CASES, CCE, EPOCHS, rows, spans, start_values

FILE = Path(__file__).with_name("torch_layer_values.json")
VERSION = "2.13.0"
# PyTorch says that it copies the map where a "same" kernel has an even size.
EVEN_KERNELS = "Using padding='same' with even kernel lengths"
# Those in the file: at least one with each kind of layer, penalty and bound.
STORED = (
    "conv, same, stride 2",
    "conv, stride larger than the kernel",
    "max pool, same, stride 2",
    "avg pool, same, stride 2",
    "global avg pool",
    "batch norm",
    "batch norm on a map",
    "layer norm on a map",
    "gated, glu",
    "gated first, maxout last",
    "residual on a map, stride",
    "residual, projection",
    "shortcut on a map",
    "concatenations on a map",
    "frozen",
    "frozen on a map",
    "prelu on a map",
    "learnable swish",
    "l1 and l2 in a conv net",
    "clip value of a penalized conv net",
    "clip norm of a penalized conv net",
)


def _loss(case, outputs, given):
    import torch

    if case.loss == CCE:
        return torch.nn.functional.nll_loss(torch.log(outputs), torch.tensor(given.classes, dtype=torch.int64))
    kinds = {"mse": torch.nn.functional.mse_loss, "binary_cross_entropy": torch.nn.functional.binary_cross_entropy}
    return kinds[case.loss](outputs, torch.tensor(given.values))


def _clip(case, parameters):
    import torch

    if case.clip_value is not None:
        torch.nn.utils.clip_grad_value_(parameters, case.clip_value)
    if case.clip_norm is not None:
        # As clip_grad_norm_, which adds 1e-6 to the norm to be safe from zero: more than is compared here.
        gradients = [parameter.grad for parameter in parameters]
        norm = torch.nn.utils.get_total_norm(gradients)
        if norm > case.clip_norm:
            for gradient in gradients:
                gradient *= case.clip_norm / norm


def compute(case):
    """Outputs, objective and gradient of the initial values, and what training makes of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=EVEN_KERNELS)
        return _compute(case)


def _compute(case):
    import torch
    from oracles.torch_network import TorchNetwork

    # On such small arrays PyTorch's threads only wait for each other.
    torch.set_num_threads(1)
    net = TorchNetwork(case.inputs, case.layers)
    start, everything = start_values(case.network), rows(case)
    net.set(start)
    with torch.no_grad():
        before = net.outputs(everything.features)
    outputs = net.outputs(everything.features, training=True)
    objective = _loss(case, outputs, everything) + net.penalty()
    objective.backward()
    slopes = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in net.parameters.items()}
    gradient = net.numbers(slopes)
    # The pass above has moved the running statistics.
    net.set(start)
    trained = [parameter for parameter in net.parameters.values() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=case.lr)
    losses = []
    for _ in range(EPOCHS):
        total = 0.0
        for span in spans(case):
            given = rows(case, span)
            optimizer.zero_grad()
            loss = _loss(case, net.outputs(given.features, training=True), given)
            (loss + net.penalty()).backward()
            _clip(case, trained)
            optimizer.step()
            total += loss.item() * given.count
        losses.append(total)
    with torch.no_grad():
        after = net.outputs(everything.features)
    return {
        "outputs": _digits(before),
        "objective": _digits(objective.detach()),
        "gradient": _digits_by_name(gradient),
        "losses": _digits(losses),
        "parameters": _digits_by_name(net.numbers(net.parameters)),
        "statistics": _digits_by_name(net.numbers(net.statistics)),
        "trained outputs": _digits(after),
    }


def _digits(array):
    """Twelve digits: more than is compared, and the same on machines that round differently."""
    return [float(f"{value:.12g}") for value in np.ravel(array)]


def _digits_by_name(arrays):
    return {name: _digits(array) for name, array in arrays.items()}


if __name__ == "__main__":
    import torch

    if torch.__version__.partition("+")[0] != VERSION:
        raise SystemExit(f"needs torch {VERSION}, found {torch.__version__}")
    # One case a line, so that a change shows where it is.
    lines = [f"{json.dumps(name)}:{json.dumps(compute(CASES[name]), separators=(',', ':'))}" for name in STORED]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{FILE}: {FILE.stat().st_size / 1000:.0f} kB")
