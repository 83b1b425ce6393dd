"""Measuring the layers of a network while it is trained.

Gradients and activations are those of some training rows, always the same, with dropout off and, where
there is batch normalization, with the statistics of these rows. Only the ratio of update to weight is of
the training itself: of the step just done.

If something goes wrong while recording, such as memory running out, the recording ends and the training goes on.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Inspection, Totals, in_all
from neurosim.data.rows import Rows
from neurosim.errors import UsageError
from neurosim.scenario import RecordSection
from neurosim.training.measures import confusion
from neurosim.training.recording.recording import BINS, Recording, histogram, per_layer
from neurosim.training.recording.slopes import Flat, layer_regions

Measured = dict[str, float]
# Names of what is recorded, in a checkpoint.
_KEPT = "record_"
# More than this is not kept.
MOST_BYTES = 2**30
_OF_ROWS = {
    "gradient_norm", "activation_mean", "activation_std", "activation_histogram", "dead", "saturated", "selectivity",
}  # fmt: skip
# Of a layer that has none: counts, and the ends of the bins.
_NO_HISTOGRAM = np.zeros(BINS, np.uint32), np.full(2, np.nan, np.float32)


class Recorder:
    """Trains epochs as the backend does, and measures on the way.

    Parameters
    ----------
    asked : RecordSection
        What to record, and when.
    backend : Backend
        Of the network.
    rows : Rows
        The training rows; some of them, spread evenly, are measured on.
    judged : Rows
        The rows that answers are counted on.
    """

    def __init__(self, asked: RecordSection, backend: Backend, rows: Rows, judged: Rows) -> None:
        self._asked = asked
        self._judged = judged
        self._rows = rows.count
        self._backend = backend
        self._network = backend.network
        self._probe = _spread(rows, asked.rows)
        parts = self._network.parts
        self._weighted = self._network.weighted
        self._activated = [layer for layer in self._network.activated if layer.activation.name != "identity"]
        # What a unit of the output is like says nothing about how learning flows.
        last = self._network.layers[-1].name
        self._hidden = [layer for layer in self._activated if layer.name != last]
        shown = {layer.name for layer in (*self._weighted, *self._activated)}
        self._check_size(rows)
        # What recording has taken so far, without what had to be compiled for it.
        self.seconds = 0.0
        self.recording = Recording(tuple(layer.name for layer in parts if layer.name in shown))
        self._stopped = False

    def _check_size(self, rows: Rows) -> None:
        """Refuse to keep parameters and the optimizer's state more often than memory and disk allow."""
        sizes = {
            "parameters": self._backend.parameters.size + self._backend.statistics.size,
            "optimizer": self._backend.state.size,
        }
        kept = [name for name in sizes if name in self._asked.quantities]
        if not kept:
            return
        epochs = self._backend.training.epochs
        steps = self._backend.course(rows.count).before(epochs)
        times = (steps if self._asked.per == "step" else epochs) // self._asked.every + 2
        size = 4 * times * sum(sizes[name] for name in kept)
        if size > MOST_BYTES:
            raise UsageError(
                f"recording {' and '.join(kept)} {times} times would take {size / 2**30:.1f} GiB",
                f"Record them less often: [record] every = {self._asked.every * -(-size // MOST_BYTES)}.",
            )

    def train_epoch(self, rows: Rows, epoch: int, first: int = 0, last: int | None = None) -> Totals:
        """As `Backend.train_epoch`, to the same bits."""
        steps = self._backend.course(rows.count).steps(epoch)
        last = steps if last is None else last
        if not len(self.recording):
            self._add(epoch + first / steps)
        parts = []
        done = first
        for stop in self._stops(epoch, steps):
            if not first < stop <= last:
                continue
            if stop - 1 > done:
                parts.append(self._backend.train_epoch(rows, epoch, done, stop - 1))
            before = self._weights(epoch)
            parts.append(self._backend.train_epoch(rows, epoch, stop - 1, stop))
            self._add(epoch + stop / steps, before)
            done = stop
        if done < last:
            parts.append(self._backend.train_epoch(rows, epoch, done, last))
        return in_all(parts)

    def state(self) -> dict[str, NDArray[Any]]:
        """What was recorded so far as arrays, for a checkpoint."""
        return {_KEPT + name: array for name, array in self.recording.arrays().items() if name != "layers"}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Record on from a `state`; raises UsageError when it is of a run that recorded nothing, or something else."""
        kept = {name.removeprefix(_KEPT): array for name, array in state.items() if name.startswith(_KEPT)}
        if "epochs" not in kept:
            raise UsageError("the checkpoint has nothing of what was recorded")
        shapes = {"epochs": (), "steps": (), **(self._shapes() if len(kept["epochs"]) else {})}
        for name in {**kept, **shapes}:
            if name not in kept or name not in shapes or kept[name].shape[1:] != shapes[name]:
                raise UsageError(f"the checkpoint has recorded something else than this run does: {name}")
        self.recording = Recording.from_arrays({"layers": np.array(self.recording.layers), **kept})

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of what is recorded at one time, by its name in the file."""
        asked, layers = self._asked.quantities, len(self.recording.layers)
        shapes: dict[str, tuple[int, ...]] = {}
        for name in asked:
            if name == "parameters":
                shapes |= {f"parameters/{key}": array.shape for key, array in self._parameters().items()}
            elif name == "optimizer":
                shapes[name] = self._backend.state.shape
            elif name == "confusion":
                classes = max(self._network.outputs, 2)
                shapes |= {} if self._judged.accuracy == "none" else {name: (classes, classes)}
            elif name.endswith("_histogram"):
                shapes |= {name: (layers, BINS), f"{name}_range": (layers, 2)}
            else:
                shapes[name] = (layers,)
        return shapes

    def finish(self, epochs: int) -> None:
        """Record the end where it was not due, such as after early stopping."""
        if not len(self.recording) or self.recording.epochs[-1] < epochs:
            self._add(epochs)

    def measure(self, epochs: int) -> Recording:
        """Record the network as it is after so many epochs; here what goes wrong is raised."""
        self._measure(epochs, None)
        return self.recording

    def _stops(self, epoch: int, steps: int) -> list[int]:
        """After which steps of an epoch to record, counted from 1."""
        if self._stopped:
            return []
        every, last = self._asked.every, self._backend.training.epochs
        if self._asked.per == "step":
            first = self._backend.course(self._rows).before(epoch)
            stops = [number - first for number in range(first + 1, first + steps + 1) if number % every == 0]
            return stops if stops[-1:] == [steps] or epoch + 1 < last else [*stops, steps]
        return [steps] if (epoch + 1) % every == 0 or epoch + 1 == last else []

    def _weights(self, epoch: int) -> NDArray[Any] | None:
        """The parameters before a step, where its update is measured."""
        if self._stopped or "update_ratio" not in self._asked.quantities:
            return None
        try:
            return self._backend.parameters.copy()
        except Exception as error:
            self._stop(epoch, len(self.recording), error)
            return None

    def _update_ratios(self, before: NDArray[Any] | None) -> Measured:
        if before is None:
            return {}
        after = self._backend.parameters
        spans = {layer.name: layer.weight.span for layer in self._weighted}
        return {name: _ratio(_norm(after[span] - before[span]), _norm(before[span])) for name, span in spans.items()}

    @property
    def _looks_at_rows(self) -> bool:
        return not _OF_ROWS.isdisjoint(self._asked.quantities)

    def _add(self, epoch: float, before: NDArray[Any] | None = None) -> None:
        """Record one time; `before` are the parameters before the step just done."""
        if self._stopped:
            return
        start, compiled, count = time.perf_counter(), self._backend.compile_seconds, len(self.recording)
        try:
            self._measure(epoch, before)
        except Exception as error:
            self._stop(epoch, count, error)
        self.seconds += time.perf_counter() - start - (self._backend.compile_seconds - compiled)

    def _stop(self, epoch: float, count: int, error: Exception) -> None:
        """Record nothing beyond the first `count` times; training goes on."""
        self._stopped = True
        self.recording.cut(count)
        why = "there is not enough memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
        warnings.warn(f"recording ends before epoch {epoch:g}, and training goes on without it: {why}", stacklevel=3)

    def _measure(self, epoch: float, before: NDArray[Any] | None) -> None:
        asked, layers = self._asked.quantities, self.recording.layers
        measured: dict[str, NDArray[Any]] = {}
        seen = self._backend.inspect(self._probe) if self._looks_at_rows else None
        for name in asked:
            if name in ("parameters", "confusion", "optimizer"):
                continue
            if name.endswith("_histogram"):
                measured |= self._histograms(name, seen)
            elif name == "update_ratio":
                measured[name] = per_layer(layers, self._update_ratios(before))
            elif name == "weight_norm":
                measured[name] = per_layer(layers, self._norms(self._backend.parameters))
            elif seen is not None:
                measured[name] = per_layer(layers, self._quantity(name, seen))
        self.recording.add(
            epoch,
            self._backend.steps_done,
            measured,
            self._parameters() if "parameters" in asked else {},
            confusion(self._backend, self._judged) if "confusion" in asked else None,
            self._backend.state.astype(np.float32) if "optimizer" in asked else None,
        )

    def _parameters(self) -> dict[str, NDArray[Any]]:
        network, backend = self._network, self._backend
        flat, statistics = (array.astype(np.float32) for array in (backend.parameters, backend.statistics))
        return {**network.named(flat), **network.named_statistics(statistics)}

    def _norms(self, flat: NDArray[Any]) -> Measured:
        return {layer.name: _norm(flat[layer.weight.span]) for layer in self._weighted}

    def _quantity(self, name: str, seen: Inspection) -> Measured:
        if name == "gradient_norm":
            return self._norms(seen.gradient)
        of_outputs: dict[str, Callable[[NDArray[Any]], float]] = {
            "activation_mean": lambda a: float(a.mean(dtype=np.float64)),
            "activation_std": lambda a: float(a.std(dtype=np.float64)),
            "selectivity": lambda a: _selectivity(a, self._probe.classes),
        }
        if name in of_outputs:
            layers = self._hidden if name == "selectivity" else self._activated
            if name == "selectivity" and not self._probe.classes.size:
                return {}
            return {layer.name: of_outputs[name](seen.layers[layer.name].outputs) for layer in layers}
        share = _dead_share if name == "dead" else _saturated_share
        found = {}
        named = self._network.named(self._backend.parameters)
        for layer in self._hidden:
            regions, sums = layer_regions(layer, named), seen.layers[layer.name].sums
            if regions is not None and sums is not None:
                found[layer.name] = share(sums, *regions)
        return found

    def _histograms(self, name: str, seen: Inspection | None) -> dict[str, NDArray[Any]]:
        found = {}
        if name == "weight_histogram":
            parameters = self._backend.parameters
            found = {layer.name: histogram(parameters[layer.weight.span]) for layer in self._weighted}
        elif seen is not None:
            found = {layer.name: histogram(seen.layers[layer.name].outputs) for layer in self._activated}
        entries = [found.get(layer, _NO_HISTOGRAM) for layer in self.recording.layers]
        return {
            name: np.stack([counts for counts, _ in entries]),
            f"{name}_range": np.stack([ends for _, ends in entries]),
        }


def _spread(rows: Rows, count: int) -> Rows:
    """Up to `count` of the rows, evenly spread."""
    chosen = np.arange(rows.count) if rows.count <= count else np.arange(count) * rows.count // count
    return rows.some(chosen)


def _norm(values: NDArray[Any]) -> float:
    """Length of a vector; in float32 tiny numbers would square to nothing."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    factor = largest if largest < 1e-12 or largest > 1e12 else 1.0
    scaled = values.ravel() if factor == 1.0 else values.ravel() * np.float64(1.0 / factor)
    return factor * float(np.sqrt(np.dot(scaled, scaled)))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _dead_share(sums: NDArray[Any], dead: Flat, saturated: Flat) -> float:
    """Share of units that pass nothing back for any row; a channel is one unit."""
    flat = dead(sums)
    return float(flat.reshape(-1, flat.shape[-1]).all(axis=0).mean())


def _saturated_share(sums: NDArray[Any], dead: Flat, saturated: Flat) -> float:
    """Share of answers, over units and rows, for which next to nothing is passed back."""
    return float(saturated(sums).mean())


def _selectivity(outputs: NDArray[Any], classes: NDArray[np.int32]) -> float:
    """Mean class selectivity of the units (Morcos et al. 2018, arXiv:1803.06959, equation 1).

    For each unit (m - o) / (m + o): m is its mean answer to the class that it answers to most, o that to all
    others. 0: it answers to all alike; 1: to one class only. Answers are counted from the smallest where
    there are negative ones.
    """
    answers = outputs.reshape(outputs.shape[0], -1, outputs.shape[-1]).mean(axis=1, dtype=np.float64)
    answers = answers - np.minimum(answers.min(axis=0), 0.0)
    found = np.unique(classes)
    if found.size < 2:
        return float("nan")
    means = np.stack([answers[classes == k].mean(axis=0) for k in found])
    most = means.max(axis=0)
    others = (means.sum(axis=0) - most) / (found.size - 1)
    total = most + others
    shares = np.divide(most - others, total, out=np.zeros_like(total), where=total > 0)
    return float(shares.mean())
