"""Laying out a network: its stages, and places in the work space for everything they store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from neurosim.backends.cuda.arrays import enter_arrays
from neurosim.backends.cuda.fields import NONE, Field, LossField, Terms
from neurosim.backends.cuda.stages.base import Flow, Layout
from neurosim.backends.cuda.stages.kinds import KINDS
from neurosim.backends.cuda.table import Table
from neurosim.errors import BackendError, DataError
from neurosim.network.network import Network
from neurosim.network.training import Training

# Offsets are 32-bit numbers.
_MOST_WORK = 2**31 - 1


def build_table(
    network: Network,
    capacity: int,
    activations: Sequence[Any],
    *,
    judge: int,
    training: Training | None = None,
    terms: Terms | None = None,
    biases_first: bool = False,
    begins_with_shift: bool = False,
    keeps_inputs: bool = False,
) -> Table:
    """Lay out a network.

    Parameters
    ----------
    network : Network
        What to lay out.
    capacity : int
        Greatest number of rows in a batch.
    activations : sequence of records
        The network's different activations, in the order in which kernels number them.
    judge : int
        How right answers are recognized; see `neurosim.backends.base.JUDGES`.
    training : Training, optional
        Bounds on the gradient; none when left out.
    terms : Terms, optional
        How long sums are divided.
    biases_first : bool
        Whether all weighted sums begin with the bias, as when the CPU engine trains small networks.
    begins_with_shift : bool
        Whether the sums of the first stage begin with what the shift of the inputs adds; the inputs are not shifted.
    keeps_inputs : bool
        Whether the work space begins with the inputs of a batch.

    Raises
    ------
    BackendError
        For a layer that the kernels do not support, with its name.
    DataError
        If a batch would store more than 32-bit numbers can address.
    """
    clip_value, clip_norm = (training.clip_value, training.clip_norm) if training is not None else (None, None)
    layout = Layout(network, capacity, activations, terms or Terms(), KINDS, biases_first=biases_first)
    layout.keep(*(math.inf if bound is None else bound for bound in (clip_value, clip_norm)))
    layout.stack(network.layers, Flow(layout.rows(network.inputs)) if keeps_inputs else Flow())
    if not layout.stages:
        raise BackendError("the CUDA backend has nothing to compute in this network", 'Use backend="cpu".')
    if begins_with_shift:
        first = layout.stages[0]
        first[Field.STARTS], first[Field.GRADIENT_STARTS] = (layout.space(first[Field.UNITS]) for _ in range(2))
    loss = [NONE] * len(LossField)
    loss[LossField.PARAMS] = layout.keep(*network.loss.values)
    loss[LossField.JUDGE] = judge
    loss[LossField.THRESHOLD] = layout.keep(network.loss.record.threshold)
    if clip_norm is not None:
        loss[LossField.SQUARES_PARTS] = layout.terms.norm
        loss[LossField.SQUARES] = layout.space(2 * layout.terms.norm)
    updates = enter_arrays(layout, loss, training) if training is not None and training.looks_at_arrays else []
    if layout.work > _MOST_WORK:
        raise DataError(
            f"a batch of {capacity:,} rows leaves {layout.work:,} numbers behind in this network, more than the "
            f"{_MOST_WORK:,} that the CUDA kernels can count",
            "Use a smaller batch_size.",
        )
    return Table(
        np.array(layout.stages, np.int32),
        np.array(loss, np.int32),
        np.array(layout.numbers, np.float32),
        layout.work,
        capacity,
        network.pair is not None,
        clip_norm is not None,
        layout.places,
        updates,
    )
