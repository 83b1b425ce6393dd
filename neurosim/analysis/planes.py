"""Planes in the space of the last hidden layer that hold what the output layer sees of the rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MANY_OUTPUTS = 200
# A spread smaller than this share of the largest one is rounding.
TINY = 1e-9
Array = NDArray[np.float64]


def hidden_planes(weights: Sequence[Array], hidden: Array) -> list[Array]:
    """The two directions that span the plane, (2, units), for the weights of the output layer at each time.

    `hidden` are the rows at the last of these times; they decide what the weights leave open. Each plane is turned to
    look as much as possible like the next one.
    """
    units, outputs = weights[-1].shape
    if units <= 2:
        return [np.eye(2, units)] * len(weights)
    centered = hidden - hidden.mean(axis=0)
    scatter = centered.T @ centered
    if scatter.max(initial=0.0) <= 0.0:
        scatter = np.eye(units)
    planes: list[Array] = []
    for entry in reversed(weights):
        # For several outputs, only the differences count.
        looked_at = entry if outputs == 1 else entry - entry.mean(axis=1, keepdims=True)
        plane = _plane(looked_at, scatter)
        if outputs <= 2:
            # Class 1, or the second of two outputs, is on the right.
            plane[0] *= np.sign(looked_at[:, -1] @ plane[0]) or 1.0
        if planes and outputs <= 2:
            plane[1] *= np.sign(plane[1] @ planes[-1][1]) or 1.0
        elif planes:
            left, _, right = np.linalg.svd(planes[-1] @ plane.T)
            plane = left @ right @ plane
        planes.append(plane)
    return planes[::-1]


def _plane(looked_at: Array, scatter: Array) -> Array:
    """Two directions: those in which the answers to the rows differ most, then those of the largest spread."""
    units = len(looked_at)
    strengths, mixtures = _mixtures(looked_at, scatter)
    wanted = [looked_at @ mixture for mixture in mixtures[:, strengths > TINY * strengths[-1]].T[::-1]]
    if not wanted:  # all rows look the same to it, or its weights are 0
        wanted = [looked_at[:, -1]]
    found: list[Array] = []
    _add(found, wanted)
    across = np.eye(units) - sum((np.outer(entry, entry) for entry in found), np.zeros((units, units)))
    spread = np.linalg.eigh(across @ scatter @ across)[1].T[::-1]
    _add(found, [*(across @ direction for direction in spread), *np.eye(units)])
    return np.array(found)


def _mixtures(looked_at: Array, scatter: Array) -> tuple[Array, Array]:
    """How much the answers to the rows differ along mixtures of the outputs (ascending), and these as columns."""
    units, outputs = looked_at.shape
    if outputs <= max(units, MANY_OUTPUTS):
        return np.linalg.eigh(looked_at.T @ scatter @ looked_at)
    # The same from a matrix with a row for each unit: seconds instead of minutes for thousands of classes.
    spreads, directions = np.linalg.eigh(scatter)
    root = (directions * np.sqrt(np.maximum(spreads, 0.0))) @ directions.T
    _, roots, right = np.linalg.svd(root @ looked_at, full_matrices=False)
    return roots[::-1] ** 2, right[::-1].T


def _add(found: list[Array], directions: Sequence[Array]) -> None:
    """Add directions, orthogonal to those that are there, until there are two."""
    for direction in directions:
        rest = direction
        for entry in found:
            rest = rest - entry * (entry @ rest)
        length = float(np.linalg.norm(rest))
        if len(found) < 2 and length > TINY:
            found.append(rest / length)


def on_plane(weights: Array, bias: Array, plane: Array, middle: Array) -> tuple[Array, Array]:
    """The weighted sums as linear functions on the plane through `middle`: slopes (2, units), constants (units,)."""
    return plane @ weights, bias + (middle - plane.T @ (plane @ middle)) @ weights
