"""What was recorded of each layer over a run, and its file.

``record.npz`` is an ordinary NumPy archive (read with ``numpy.load``, no pickle):

* ``layers``: names of the layers, (layers,) text; ``epochs`` float64 and ``steps`` int64, (times,): when it
  was measured, in epochs and in optimizer steps done; the first time is before training.
* one float32 array (times, layers) for each quantity, NaN for a layer that has no such thing;
* for each histogram ``<name>`` uint32 (times, layers, bins) with the counts, and ``<name>_range`` float32
  (times, layers, 2) with the smallest and the largest value: the bins divide that range evenly;
* ``parameters/<name>`` float32 (times, *shape): every parameter, and the running statistics of batch
  normalization, by the names that they have in the model file;
* ``confusion`` uint32 (times, classes, classes): test rows of a class (first) that were taken for a class (second);
  validation rows, else training rows, where there are no test rows;
* ``optimizer`` float32 (times, slots, parameters): what the optimizer keeps of each parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.files.archives import UNREADABLE, archived, read_archive

FILE = "record.npz"
HISTOGRAMS = ("activation_histogram", "weight_histogram")
BINS = 40
# Ways to make one number of those of all layers.
SUMMARIES: dict[str, Callable[..., Any]] = {"mean": np.nanmean, "max": np.nanmax, "min": np.nanmin}
_TIMES = ("epochs", "steps", "layers")
_PARAMETERS, _CONFUSION, _OPTIMIZER = "parameters/", "confusion", "optimizer"


@dataclass
class Recording:
    """Quantities by layer and time.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers, from the input to the output.
    epochs, steps : list
        For each time the epochs and the optimizer steps done before.
    values : dict of str to list of float32 arrays
        For each quantity and time one number per layer, NaN for layers without; for each histogram the
        counts (layers, bins) and under ``<name>_range`` the ranges (layers, 2).
    parameters : dict of str to list of float32 arrays
        For each time every parameter and running statistic by name; empty where they are not recorded.
    confusion : list of uint32 arrays (classes, classes)
        For each time how many rows of a class were taken for a class; empty where that is not recorded.
    optimizer : list of float32 arrays (slots, parameters)
        For each time the optimizer's state; empty where that is not recorded.
    """

    layers: tuple[str, ...]
    epochs: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    values: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    parameters: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    confusion: list[NDArray[np.uint32]] = field(default_factory=list)
    optimizer: list[NDArray[np.float32]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.epochs)

    def add(
        self,
        epoch: float,
        step: int,
        measured: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, NDArray[Any]] | None = None,
        confusion: NDArray[np.uint32] | None = None,
        optimizer: NDArray[np.float32] | None = None,
    ) -> None:
        """Add what was measured at one time, with the states that are recorded."""
        self.epochs.append(epoch)
        self.steps.append(step)
        for name, array in measured.items():
            self.values.setdefault(name, []).append(array)
        for name, array in (parameters or {}).items():
            self.parameters.setdefault(name, []).append(array)
        if confusion is not None:
            self.confusion.append(confusion)
        if optimizer is not None:
            self.optimizer.append(optimizer)

    def cut(self, count: int) -> None:
        """Keep only the first `count` times, even if the last one was added only in part; takes no memory."""
        kept: list[list[Any]] = [self.epochs, self.steps, self.confusion, self.optimizer]
        for entries in (*kept, *self.values.values(), *self.parameters.values()):
            del entries[count:]
        if not count:
            self.values.clear()
            self.parameters.clear()

    def parameters_at(self, place: int) -> dict[str, NDArray[Any]]:
        """The parameters and running statistics of one of the times, by name; empty where none are recorded."""
        return {name: arrays[place] for name, arrays in self.parameters.items()}

    def until(self, step: int) -> Recording:
        """What was recorded when at most so many steps were done."""
        count = sum(done <= step for done in self.steps)
        kept = {name: array if name == "layers" else array[:count] for name, array in self.arrays().items()}
        return Recording.from_arrays(kept)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What was recorded."""
        return tuple(name for name in self.values if not name.endswith("_range"))

    def series(self, quantity: str) -> NDArray[np.float64]:
        """A quantity over time, (times, layers); NaN for layers that have no such thing."""
        return np.array(self.values[quantity], np.float64)

    def layers_with(self, quantity: str) -> list[int]:
        """Places of the layers that have this quantity."""
        if quantity in HISTOGRAMS:
            found = np.any([counts.any(axis=1) for counts in self.values[quantity]], axis=0)
        else:
            found = ~np.isnan(self.series(quantity)).all(axis=0)
        return [int(place) for place in np.flatnonzero(found)]

    def over_time(self, quantity: str, layer: str) -> NDArray[np.float64] | None:
        """A quantity of a layer at each time; None where there is no such quantity or layer.

        `layer` is a name, or "first", "last", "mean", "max" or "min" of the layers that have the quantity.
        """
        if quantity not in self.values or quantity in HISTOGRAMS or not len(self):
            return None
        places, series = self.layers_with(quantity), self.series(quantity)
        if not places:
            return None
        if layer in SUMMARIES:
            found = np.full(len(self), np.nan)
            there = ~np.isnan(series[:, places]).all(axis=1)
            found[there] = SUMMARIES[layer](series[there][:, places], axis=1)
            return found
        if layer in ("first", "last"):
            return series[:, places[0 if layer == "first" else -1]]
        return series[:, self.layers.index(layer)] if layer in self.layers else None

    def value(self, quantity: str, layer: str, epoch: int | None = None) -> float | None:
        """A quantity of a layer after an epoch, at the end when left out; None where it was not recorded."""
        found = self.over_time(quantity, layer)
        if found is None:
            return None
        if epoch is None:
            # There is no update to measure where training stopped early.
            there = found[~np.isnan(found)]
            return float(there[-1]) if there.size else None
        times = [place for place, time in enumerate(self.epochs) if time == epoch]
        return float(found[times[-1]]) if times else None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of the file."""
        return {
            "layers": np.array(self.layers, np.str_),
            "epochs": np.array(self.epochs, np.float64),
            "steps": np.array(self.steps, np.int64),
            **{name: np.array(self.values[name]) for name in sorted(self.values)},
            **{_PARAMETERS + name: np.array(self.parameters[name]) for name in sorted(self.parameters)},
            **({_CONFUSION: np.array(self.confusion)} if self.confusion else {}),
            **({_OPTIMIZER: np.array(self.optimizer)} if self.optimizer else {}),
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Recording:
        """A recording from what `arrays` gave."""
        kept = {name: list(array) for name, array in arrays.items() if name not in _TIMES}
        confusion, optimizer = kept.pop(_CONFUSION, []), kept.pop(_OPTIMIZER, [])
        values = {name: entries for name, entries in kept.items() if not name.startswith(_PARAMETERS)}
        parameters = {
            name.removeprefix(_PARAMETERS): entries for name, entries in kept.items() if name.startswith(_PARAMETERS)
        }
        layers = tuple(str(name) for name in arrays["layers"])
        return Recording(
            layers, arrays["epochs"].tolist(), arrays["steps"].tolist(), values, parameters, confusion, optimizer
        )

    def to_bytes(self) -> bytes:
        """The content of ``record.npz``; the same recording gives the same bytes."""
        return archived(self.arrays())


def load_recording(path: Path | str) -> Recording:
    """Read a ``record.npz``, given itself or the run folder that it is in.

    Raises
    ------
    DataError
        When there is none, it cannot be read, or it would unpack to more than 128 MiB that are also more than
        twenty times its size.
    """
    file = Path(path)
    file = file / FILE if file.is_dir() else file
    if not file.exists():
        raise DataError(
            f"nothing was recorded in {file.parent}", "Ask for it in the scenario: [record] quantities = [...]"
        )
    try:
        return Recording.from_arrays(_checked(read_archive(file)))
    except UNREADABLE as error:
        raise DataError(
            f"{file} is not a readable recording: {error}",
            "It is damaged, or no recording of neurosim; neurosim run makes another one.",
        ) from error


def _checked(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a file; raises ValueError where they have not the kinds and shapes that a recording has."""
    for name, kind in (("layers", "U"), ("epochs", "f"), ("steps", "i")):
        if arrays[name].ndim != 1 or arrays[name].dtype.kind != kind:
            raise ValueError(f"{name} has shape {arrays[name].shape} and type {arrays[name].dtype}")
    epochs, steps = arrays["epochs"], arrays["steps"]
    rising = all((np.diff(numbers, prepend=0) >= 0).all() for numbers in (epochs, steps))
    if not rising or len(epochs) != len(steps):
        raise ValueError("its times do not follow each other")
    for name, array in arrays.items():
        if name not in _TIMES:
            begin = _shape(name, len(epochs), len(arrays["layers"]))
            if array.dtype.kind not in "fu" or array.shape[: len(begin)] != begin:
                raise ValueError(f"{name} has shape {array.shape} and type {array.dtype}")
    return arrays


def _shape(name: str, times: int, layers: int) -> tuple[int, ...]:
    """What the shape of an array begins with."""
    if name in (_CONFUSION, _OPTIMIZER) or name.startswith(_PARAMETERS):
        return (times,)
    if name in HISTOGRAMS:
        return times, layers, BINS
    return (times, layers, 2) if name.removesuffix("_range") in HISTOGRAMS else (times, layers)


def histogram(values: NDArray[Any]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Counts in `BINS` even bins from the smallest to the largest finite value, and these two; zeros without any."""
    # In float64 no difference of two float32 numbers is lost or beyond the range, however small or large they are.
    flat = values.ravel().astype(np.float64)
    low, high = _ends(flat)
    if not np.isfinite([low, high]).all():
        flat = flat[np.isfinite(flat)]
        low, high = _ends(flat)
    width = (high - low) / BINS
    if 0 < width < np.inf:
        places = np.clip(((flat - low) / width).astype(np.int64), 0, BINS - 1)
        counts = np.bincount(places, minlength=BINS)
    else:
        counts = np.zeros(BINS, np.int64)
        counts[BINS // 2] = flat.size
    limit = np.finfo(np.float32).max
    return counts.astype(np.uint32), np.clip([low, high], -limit, limit).astype(np.float32)


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def per_layer(layers: Sequence[str], found: Mapping[str, float]) -> NDArray[np.float32]:
    """One number for each layer, NaN where there is none; infinite beyond what float32 can hold."""
    with np.errstate(over="ignore"):
        return np.array([found.get(name, np.nan) for name in layers], np.float32)
