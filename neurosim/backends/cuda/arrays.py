"""What the kernels of an optimizer that looks at whole arrays find in the network's table, and its phases."""

from __future__ import annotations

from neurosim.backends.cuda.fields import LossField, Phase
from neurosim.backends.cuda.stages.base import Layout
from neurosim.errors import BackendError
from neurosim.network.training import Training
from neurosim.plugin import Optimizer
from neurosim.plugin.reductions import ORTHOGONAL, SCOPES

# What is summed up for an operation, and what becomes of it: see `neurosim.backends.cuda.kernels.arrays`.
_SUM, _ABSOLUTE, _SQUARES, _LARGEST = range(4)
_MEAN, _ROOT, _COUNTED = 1, 2, 4
_MEASURES = {
    "sum": (_SUM, 0),
    "mean": (_SUM, _MEAN),
    "l1": (_ABSOLUTE, 0),
    "l2": (_SQUARES, _ROOT),
    "rms": (_SQUARES, _MEAN | _ROOT),
    "largest": (_LARGEST, 0),
    "count": (_SUM, _COUNTED),
}
_PHASES = {
    "direction": (Phase.DIRECTION_SUMS, Phase.DIRECTION_VALUES, Phase.DIRECT),
    "update": (Phase.UPDATE_SUMS, Phase.UPDATE_VALUES, Phase.FINISH),
}


def check_reductions(optimizer: Optimizer) -> None:
    """Raise BackendError if an optimizer needs more of whole arrays than the kernels can do."""
    for reduction in optimizer.parsed.values():
        if reduction.operation == ORTHOGONAL:
            raise BackendError(
                f"the CUDA backend cannot make matrices orthogonal, which the optimizer {optimizer.name} needs",
                'Use backend="cpu", or another optimizer.',
            )


def enter_arrays(layout: Layout, loss: list[int], training: Training) -> list[tuple[Phase, int]]:
    """Enter arrays and reductions into the table, reserve room for their sums; returns the phases of an update."""
    network, rule = layout.network, training.optimizer.record
    arrays, names = network.learned, list(rule.reductions)
    spread = [name for name, reduction in rule.parsed.items() if reduction.is_spread]
    sources = {"w": -2, "g": -1, "u": -1, **{slot: number for number, slot in enumerate(rule.slots)}}
    clips = training.clip_value is not None or training.clip_norm is not None
    phases = [(Phase.CLIP, 0)] if clips else []
    dues: list[int] = []
    count = 0
    for part in rule.parts:
        sums, values, call = _PHASES[part.role]
        for reduction in part.before:
            place = spread.index(reduction.name) if reduction.is_spread else 0
            how = (*_MEASURES[reduction.operation], SCOPES.index(reduction.scope), place)
            dues += [names.index(reduction.name), part.role == "update", sources[reduction.of], *how]
        count += len(part.before)
        phases += [(sums, 0), (values, 0)] if part.before else []
        phases.append((call, 0))
    loss[LossField.ARRAYS], loss[LossField.ARRAY_COUNT] = len(loss), len(arrays)
    loss += [number for array in arrays for number in (array.offset, *array.matrix, array.is_bias)]
    loss[LossField.DUES], loss[LossField.DUE_COUNT] = len(loss), count
    loss += dues
    parts = layout.terms.norm
    loss[LossField.REDUCTIONS], loss[LossField.SUMS_PARTS] = len(names), parts
    loss[LossField.VALUES] = layout.space(len(arrays) * len(names))
    loss[LossField.SUMS] = layout.space(2 * len(arrays) * count * parts)
    loss[LossField.SPREAD] = layout.space(len(spread) * network.size)
    return phases
