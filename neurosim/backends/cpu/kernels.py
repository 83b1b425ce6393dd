"""The compiled kernels of activations, losses and optimizers: built once, then called by address."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from numba.core.errors import NumbaError

from neurosim.backends.cache import load_generated
from neurosim.backends.cpu.activation_templates import activation_source, gate_source, learned_activation_source
from neurosim.backends.cpu.lane_optimizer_templates import lane_optimizer_source
from neurosim.backends.cpu.loss_templates import lane_loss_source, loss_source
from neurosim.backends.cpu.optimizer_templates import optimizer_source
from neurosim.backends.cpu.rule_templates import rule_source
from neurosim.backends.memo import once_each
from neurosim.backends.refusals import refusal
from neurosim.formulas import form
from neurosim.formulas.float32 import Generated
from neurosim.formulas.reader import read
from neurosim.network.layers import Activated
from neurosim.plugin import Activation, FromLogits, Gate, Loss, Optimizer, RowActivation


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
    """Addresses of an optimizer's update and of the function for its `count` constants.

    `module` keeps their code alive.
    """

    update: int
    constants: int
    count: int
    module: ModuleType


@dataclass(frozen=True)
class CompiledKernels:
    """The kernels of a network and its optimizer; `lane_optimizer` is for networks with numbers of their own."""

    activations: dict[str, ActivationKernels]
    loss: LossKernel
    lane_loss: LossKernel | None
    optimizer: OptimizerKernels
    lane_optimizer: OptimizerKernels | None = None


@dataclass(frozen=True)
class PartKernels:
    """Addresses of a function of a rule and of that for its `count` constants."""

    function: int
    constants: int
    count: int


@dataclass(frozen=True)
class RuleKernels:
    """The functions of an optimizer that looks at whole arrays; `module` keeps their code alive."""

    parts: tuple[PartKernels, ...]
    module: ModuleType


@once_each
def activation_kernels(activation: Activation | RowActivation) -> ActivationKernels:
    """The kernels of an activation, compiled or from the cache.

    Raises
    ------
    PluginError
        If its functions cannot be compiled.
    """
    module = _load(activation, activation_source(activation))
    return ActivationKernels(module.forward.address, module.backward.address, module)


@once_each
def learned_kernels(activation: Activation, each: bool, maps: bool) -> ActivationKernels:
    """The kernels of an activation that learns some of its parameters; raises like `activation_kernels`."""
    module = _load(activation, learned_activation_source(activation, each=each, maps=maps))
    return ActivationKernels(module.forward.address, module.backward.address, module)


def kernels_of(layer: Activated) -> ActivationKernels:
    """The kernels of a layer's activation; raises like `activation_kernels`."""
    record = layer.activation.record
    if not layer.learned or isinstance(record, RowActivation):
        return activation_kernels(record)
    each = any(parameter.size > 1 for parameter in layer.learned)
    return learned_kernels(record, each, len(layer.output_shape) > 1)


@once_each
def gate_kernels(gate: Gate, pieces: int) -> ActivationKernels:
    """The kernels of units that fold so many numbers with a gate; raises like `activation_kernels`."""
    module = _load(gate, gate_source(gate, pieces))
    return ActivationKernels(module.forward.address, module.backward.address, module)


def is_identity(activation: Activation | RowActivation) -> bool:
    """Whether an activation is ``def f(z): return z``, which needs no kernel."""
    if isinstance(activation, RowActivation):
        return False
    formula = read(activation.f)
    return formula.body == (form.Return(form.Name(formula.params[0])),)


@once_each
def loss_kernel(loss: Loss, pair: FromLogits | None) -> LossKernel:
    """The kernel of a loss, compiled or from the cache; raises like `activation_kernels`."""
    module = _load(loss, loss_source(loss, pair))
    return LossKernel(module.loss.address, module)


@once_each
def lane_loss_kernel(loss: Loss, pair: FromLogits | None) -> LossKernel:
    """The kernel of a loss for many networks of one output; raises like `activation_kernels`."""
    module = _load(loss, lane_loss_source(loss, pair))
    return LossKernel(module.loss.address, module)


@once_each
def optimizer_kernels(optimizer: Optimizer, averages: bool = False) -> OptimizerKernels:
    """The kernels of an optimizer, compiled or from the cache; raises like `activation_kernels`."""
    module = _load(optimizer, optimizer_source(optimizer, averages))
    return OptimizerKernels(module.update.address, module.step_constants.address, module.CONSTANT_COUNT, module)


@once_each
def lane_optimizer_kernels(optimizer: Optimizer, averages: bool = False) -> OptimizerKernels:
    """The kernels of an optimizer for many networks with parameters of their own; raises like `activation_kernels`."""
    module = _load(optimizer, lane_optimizer_source(optimizer, averages))
    return OptimizerKernels(module.update.address, module.step_constants.address, module.CONSTANT_COUNT, module)


@once_each
def rule_kernels(optimizer: Optimizer, averages: bool = False) -> RuleKernels:
    """The kernels of an optimizer on whole arrays, compiled or from the cache; raises like `activation_kernels`."""
    module = _load(optimizer, rule_source(optimizer, averages))
    parts = (
        PartKernels(getattr(module, role).address, getattr(module, f"{role}_constants").address, count)
        for role, count in module.COUNTS.items()
    )
    return RuleKernels(tuple(parts), module)


def _load(record: Any, generated: Generated) -> ModuleType:
    try:
        return load_generated(f"{record.kind}_{record.name}", generated.text)
    except NumbaError as error:
        subject = f"{record.kind} {record.name!r}"
        raise refusal(subject, "the CPU", generated, error) from error
