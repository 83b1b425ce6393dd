"""The hooks of neurosim: nine functions that a plugin may define, each returning a list of records.

A plugin is a Python module with one or more of these functions, marked with ``@hookimpl``::

    import math
    from neurosim import Activation, hookimpl

    def swish(z, beta):
        return z / (1.0 + math.exp(-beta * z))

    def swish_derivative(z, a, beta):
        s = 1.0 / (1.0 + math.exp(-beta * z))
        return s + beta * a * (1.0 - s)

    @hookimpl
    def neurosim_activations():
        return [Activation("swish", swish, swish_derivative, params={"beta": 1.0})]

Run it with ``neurosim run SCENARIO --plugin FILE.py``, or install it as a package with an entry
point in the group ``neurosim``. The built-ins in `neurosim.builtins` are plugins like any other.
"""

from __future__ import annotations

import pluggy

from neurosim.plugin.activation_records import Activation, RowActivation
from neurosim.plugin.function_records import Dataset, FeedbackSchedule, Initializer, Schedule
from neurosim.plugin.gate_records import Gate
from neurosim.plugin.loss_records import Loss
from neurosim.plugin.optimizer_records import Optimizer
from neurosim.plugin.run_records import Metric, RunObserver

hookspec = pluggy.HookspecMarker("neurosim")
hookimpl = pluggy.HookimplMarker("neurosim")


@hookspec
def neurosim_activations() -> list[Activation | RowActivation]:  # type: ignore[empty-body]
    """Return activations: a function of one weighted sum and its derivative, or of a row of them."""


@hookspec
def neurosim_gates() -> list[Gate]:  # type: ignore[empty-body]
    """Return gates: what a gated unit makes of two numbers, and its derivatives with respect to each."""


@hookspec
def neurosim_losses() -> list[Loss]:  # type: ignore[empty-body]
    """Return losses: the value for a row of outputs and its target, and the gradient."""


@hookspec
def neurosim_optimizers() -> list[Optimizer]:  # type: ignore[empty-body]
    """Return optimizers: the update of one parameter from its gradient and its slots."""


@hookspec
def neurosim_initializers() -> list[Initializer]:  # type: ignore[empty-body]
    """Return initializers: initial values for the weights, and optionally the biases, of a layer."""


@hookspec
def neurosim_schedules() -> list[Schedule | FeedbackSchedule]:  # type: ignore[empty-body]
    """Return schedules: the factor of the learning rate at each step of a run, or after the losses so far."""


@hookspec
def neurosim_metrics() -> list[Metric]:  # type: ignore[empty-body]
    """Return metrics: how good the answers for a split, or for one of its rows, are."""


@hookspec
def neurosim_observers() -> list[RunObserver]:  # type: ignore[empty-body]
    """Return observers: functions that hear how a run proceeds, and may stop it."""


@hookspec
def neurosim_datasets() -> list[Dataset]:  # type: ignore[empty-body]
    """Return data sets: a function that makes or reads rows of features and targets."""
