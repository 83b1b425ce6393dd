"""The compiled kernels of activations, losses and optimizers: built once, then found by address."""

from __future__ import annotations

import linecache
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from numba.core.errors import NumbaError

from neurosim.backends.cache import load_generated
from neurosim.backends.cpu.templates import (
    Generated,
    activation_source,
    lane_loss_source,
    loss_source,
    optimizer_source,
)
from neurosim.errors import PluginError
from neurosim.plugin import Activation, FromLogits, Loss, Optimizer, RowActivation


@dataclass(frozen=True)
class ActivationKernels:
    """Addresses of the two passes of an activation; `module` keeps their code alive."""

    forward: int
    backward: int
    module: ModuleType


@dataclass(frozen=True)
class LossKernel:
    """Address of a loss; `module` keeps its code alive."""

    loss: int
    module: ModuleType


@dataclass(frozen=True)
class OptimizerKernels:
    """Addresses of an optimizer's update and of its constants, of which there are `count`.

    `module` keeps their code alive.
    """

    update: int
    constants: int
    count: int
    module: ModuleType


def activation_kernels(activation: Activation | RowActivation) -> ActivationKernels:
    """Compile an activation, or find it compiled.

    Raises
    ------
    PluginError
        When its functions cannot be compiled.
    """
    module = _load(activation, activation_source(activation))
    return ActivationKernels(module.forward.address, module.backward.address, module)


def loss_kernel(loss: Loss, pair: FromLogits | None) -> LossKernel:
    """Compile a loss, or find it compiled; raises as `activation_kernels` does."""
    module = _load(loss, loss_source(loss, pair))
    return LossKernel(module.loss.address, module)


def lane_loss_kernel(loss: Loss, pair: FromLogits | None) -> LossKernel:
    """Compile a loss for many networks of one output, or find it compiled; raises as `activation_kernels` does."""
    module = _load(loss, lane_loss_source(loss, pair))
    return LossKernel(module.loss.address, module)


def optimizer_kernels(optimizer: Optimizer) -> OptimizerKernels:
    """Compile an optimizer, or find it compiled; raises as `activation_kernels` does."""
    module = _load(optimizer, optimizer_source(optimizer))
    return OptimizerKernels(module.update.address, module.step_constants.address, module.CONSTANT_COUNT, module)


def _load(record: Any, generated: Generated) -> ModuleType:
    try:
        return load_generated(f"{record.kind}_{record.name}", generated.text)
    except NumbaError as error:
        raise _refusal(record, generated, error) from error


def _refusal(record: Any, generated: Generated, error: NumbaError) -> PluginError:
    """What Numba refuses, in terms of the author's line.

    Numba's own message, which goes on for pages, stays with the traceback.
    """
    lines = re.findall(r'File "[^"]*neurosim_[^"]*", line (\d+)', str(error))
    found = [place for line in lines if (place := generated.translator.origin_of(generated.text, int(line)))]
    where, what = f"{record.kind} {record.name!r}", "cannot be compiled for the CPU"
    if found:
        function, line = found[-1]
        code = function.__code__
        source = linecache.getline(code.co_filename, line).strip()
        where = f"{code.co_filename}:{line}: in {function.__name__}"
        what = f"{source!r} {what}" if source else what
    return PluginError(
        f"{where}: {what}",
        "Instead: use scalar arithmetic, if/else, for k in range(...), and functions of the math module; "
        "a name must keep one type (number or index) throughout.",
    )
