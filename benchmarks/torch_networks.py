"""PyTorch networks made from initial values, which determine the number and the widths of the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn


def dense_stack(
    layers: Sequence[tuple[np.ndarray, np.ndarray]], between: Callable[[], list[nn.Module]]
) -> nn.Sequential:
    """Linear layers of (weight, bias), a weight being (inputs, units), with the modules of `between` between them."""
    modules: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
            linear.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))
        modules += [linear, *between()]
    return nn.Sequential(*modules[: len(modules) - len(between())])
