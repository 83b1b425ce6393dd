"""The loss around the path that an optimizer has taken, on the plane that fits the path best.

The plane passes through the mean of all parameter vectors on the path, along their first two principal components
(Li et al. 2018, arXiv:1712.09913, section 7.2, who let it pass through the last one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.restoring import restored
from neurosim.analysis.spacing import evenly

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

ROWS = 1000
# Room around the paths, as a share of their extent.
MARGIN = 0.2
# Points along each direction, and how many multiplications are worth the wait.
FINEST, COARSEST, WORK = 41, 17, 4e11
# Paths are thinned out to this many points.
MOST_POINTS = 400
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """A path over the surface.

    Attributes
    ----------
    name : str
        Its name; empty if there is only one.
    places : float64 (times, 2)
        The nearest points on the plane.
    epochs : float64 (times,)
        When the parameters were there.
    losses : (float, float)
        The actual loss at its start and at its end, not on the plane.
    shades : (float, float)
        The loss at the nearest points on the plane, which the picture shows around both.
    beside : float
        How far the end lies from the plane, as a share of its distance from the start.
    """

    name: str
    places: Array
    epochs: Array
    losses: tuple[float, float]
    shades: tuple[float, float]
    beside: float

    def misleads(self, end: int) -> bool:
        """Whether the plane shows a wrong loss around its start (0) or its end (-1)."""
        # Off by a third of the whole descent: a hill or a valley that does not exist.
        return not 3 * abs(self.losses[end] - self.shades[end]) <= abs(self.losses[0] - self.losses[-1])


@dataclass(frozen=True)
class Surface:
    """The loss on a plane.

    Attributes
    ----------
    xs, ys : float64 (points,)
        The grid along the two directions, in units of the parameters.
    losses : float64 (ys, xs)
        The mean loss with penalties over some training rows; NaN where it is not finite.
    shares : (float, float)
        How much of the paths' variance lies along each direction.
    paths : tuple of Path
        The paths.
    rows : int
        How many training rows the loss is computed on.
    """

    xs: Array
    ys: Array
    losses: Array
    shares: tuple[float, float]
    paths: tuple[Path, ...]
    rows: int


def own_surface(simulator: Simulator) -> Surface | None:
    """The surface of a single run; None if nothing has moved."""
    return loss_surface([("", simulator)])


def loss_surface(runs: Sequence[tuple[str, Simulator]]) -> Surface | None:
    """The surface of one or several runs of a network, whose parameters were recorded.

    None if nothing has moved. The rows and the loss are those of the first run, whose parameters are unchanged
    afterward.
    """
    first = runs[0][1]
    names = list(first.parameters)
    ways = [_way(simulator, names) for _, simulator in runs]
    everything = np.concatenate([way for way, _ in ways])
    middle = everything.mean(axis=0)
    _, strengths, directions = np.linalg.svd(everything - middle, full_matrices=False)
    if not strengths.size or strengths[0] <= 1e-9:
        return None
    if len(directions) < 2 or strengths[1] <= 1e-6 * strengths[0]:
        # A straight path: with any other direction it spans a plane.
        directions = np.vstack([directions[0], _across(directions[0])])
        strengths = np.array([strengths[0], 0.0])
    # Fix the signs of the directions: their largest component is positive.
    plane = directions[:2] * np.sign(directions[:2][range(2), np.abs(directions[:2]).argmax(axis=1)])[:, None]
    total = float((strengths**2).sum())
    shares = (float(strengths[0] ** 2 / total), float(strengths[1] ** 2 / total))
    places = [(way - middle) @ plane.T for way, _ in ways]
    rows = _rows(first)
    size = _grid_size(first, len(rows[0]))
    reach = np.concatenate(places)
    xs, ys = (_axis(reach[:, k], reach, size) for k in range(2))
    with restored(first):
        losses = np.array([[_loss(first, middle + plane.T @ (u, v), rows) for u in xs] for v in ys])
        paths = []
        for (name, _), (way, epochs), place in zip(runs, ways, places, strict=True):
            real, shown = (
                (_loss(first, points[0], rows), _loss(first, points[-1], rows))
                for points in (way, middle + place[[0, -1]] @ plane)
            )
            beside = float(np.linalg.norm(way[-1] - middle - place[-1] @ plane))
            far = float(np.linalg.norm(way[-1] - way[0])) or 1.0
            paths.append(Path(name, place, epochs, real, shown, beside / far))
    losses[~np.isfinite(losses)] = np.nan
    return Surface(xs, ys, losses, shares, tuple(paths), len(rows[0]))


def _way(simulator: Simulator, names: Sequence[str]) -> tuple[Array, Array]:
    """The parameter vectors on the path, (times, parameters), and their epochs."""
    recording = simulator.recording
    assert recording is not None
    chosen = evenly(len(recording), MOST_POINTS)
    vectors = [np.concatenate([recording.parameters[name][k].ravel() for name in names]) for k in chosen]
    return np.array(vectors, np.float64), np.array(recording.epochs)[chosen]


def _across(direction: Array) -> Array:
    """A direction orthogonal to another one."""
    other = np.zeros_like(direction)
    other[np.abs(direction).argmin()] = 1.0
    other -= direction * direction.dot(other)
    return np.asarray(other / np.linalg.norm(other))


def _rows(simulator: Simulator) -> tuple[Array, NDArray[np.generic], Array | None]:
    """Training rows, evenly spaced, as the network sees them, with their targets and, if they have any, weights."""
    rows = simulator.split_rows("train")
    chosen = rows.some(np.array(evenly(rows.count, ROWS)))
    x = chosen.inputs(np.float64)
    by_class = simulator.network.loss.record.targets == "classes"
    y = chosen.classes if by_class else chosen.values
    return x, y, chosen.weights if chosen.weights.size else None


def _grid_size(simulator: Simulator, rows: int) -> int:
    """How fine the grid may be."""
    work = rows * simulator.network.multiply_adds
    return int(np.clip(np.sqrt(WORK / max(work, 1)), COARSEST, FINEST))


def _axis(values: Array, both: Array, size: int) -> Array:
    """An axis that holds a path with room around it; the shorter axis spans at least a third of the longer one."""
    reach = float(np.ptp(both, axis=0).max())
    middle, half = (values.max() + values.min()) / 2, max(float(np.ptp(values)), reach / 3) / 2
    return np.linspace(middle - (1 + MARGIN) * half, middle + (1 + MARGIN) * half, size)


def _loss(simulator: Simulator, vector: Array, rows: tuple[Any, ...]) -> float:
    simulator.set_parameters(simulator.network.named(vector))
    with np.errstate(all="ignore"):
        return simulator.loss(*rows)
