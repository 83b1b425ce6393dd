"""How far an answer is from changing, as a number that passes smoothly through 0 where it does.

The answer itself may jump (a step) or be flat almost everywhere (a very sure sigmoid): it does not tell where between
the points of a grid the boundary lies. The weighted sums of the output layer do: those of a single unit are linear in
its inputs, so that its boundary is exactly straight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.output_layer import levels, output_layers, output_place
from neurosim.analysis.pieces import in_pieces

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

Array = NDArray[np.float64]


def outputs_and_sides(simulator: Simulator, inputs: Array) -> tuple[Array, Array]:
    """What a network with classes answers to each row, and how far the row is from another answer.

    Parameters
    ----------
    inputs : (rows, inputs)
        As the network gets them.

    Returns
    -------
    outputs : float64 (rows, outputs)
        The answers.
    sides : float64 (1 or classes, rows)
        For a single output, a number above 0 where it means class 1; otherwise, for each class, how far it is ahead
        of all others. Computed from the weighted sums if they put the same rows on the same sides as the answers do,
        otherwise from the answers.
    """
    outputs, sums = _looked_into(simulator, inputs) or (simulator.forward(inputs).astype(np.float64), None)
    if outputs.shape[1] == 1:
        threshold = simulator.network.loss.record.threshold
        return outputs, _single(simulator, sums, outputs[:, 0], threshold)[None]
    by_sums = sums is not None and np.array_equal(sums.argmax(axis=1), outputs.argmax(axis=1))
    return outputs, _ahead(sums if by_sums and sums is not None else outputs)


def _looked_into(simulator: Simulator, inputs: Array) -> tuple[Array, Array] | None:
    """Outputs and weighted sums of the output layer; None if the answers do not follow from these."""
    network = simulator.network
    place = output_place(network)
    # Batch normalization uses all rows of a batch while a network is looked into, but not when it answers.
    if place is None or network.batch_norms:
        return None
    outputs, sums = [], []
    for piece in in_pieces(network, len(inputs)):
        seen = simulator.signals(inputs[piece])
        signals = seen[network.layers[place].name]
        outputs.append(seen[network.layers[-1].name].outputs)
        sums.append(signals.outputs if signals.sums is None else signals.sums)
    return np.concatenate(outputs).astype(np.float64), np.concatenate(sums).astype(np.float64)


def _single(simulator: Simulator, sums: Array | None, answers: Array, threshold: float) -> Array:
    above = answers > threshold
    if sums is not None and above.any() and not above.all():
        given = sums[:, 0]
        found = levels(output_layers(simulator.network), [given], threshold)
        if len(found) == 1:
            upward = given[above].mean() > given[~above].mean()
            away = given - found[0] if upward else found[0] - given
            # If a sum lies on the level itself, rounding decides.
            if np.array_equal(away > 0, above) or np.abs(away[(away > 0) != above]).max() <= 1e-6 * np.ptp(given):
                return away
    away = answers - threshold
    # A jump without known sums is assumed halfway.
    return away if len(np.unique(answers)) > 2 else np.where(above, 1.0, -1.0)


def _ahead(scores: Array) -> Array:
    """How far the score of each class (rows, classes) is above the best other one: (classes, rows)."""
    two = np.partition(scores, -2, axis=1)[:, -2:]
    best, second = two[:, 1:], two[:, :1]
    return (scores - np.where(scores == best, second, best)).T
