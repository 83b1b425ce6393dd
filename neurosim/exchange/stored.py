"""The arrays of a script: its rows and its initial weights, in the script where they are few, else beside it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.rows import Rows
from neurosim.exchange.numpy_losses import LossText
from neurosim.exchange.telling import are_bytes
from neurosim.exchange.wording import LONGEST, MOST_WRITTEN, array_lines, number
from neurosim.training.simulator import Simulator


@dataclass
class Stored:
    """The arrays of a script.

    Attributes
    ----------
    simulator : Simulator
        Has the rows.
    loss : LossText
        Says how targets are written.
    arrays : dict of str to array
        What is kept beside the script; empty where all of it stands in the script.
    """

    simulator: Simulator
    loss: LossText
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, Rows]:
        """The splits by name."""
        return {name: self.simulator.split_rows(name) for name in self.simulator.splits}

    def lines(self, weights: Mapping[str, NDArray[Any]]) -> list[str]:
        """The rows of each split and the initial weights as code."""
        total = sum(rows.features.size + rows.count for rows in self.splits.values())
        total += sum(array.size for array in weights.values())
        written = None if total > MOST_WRITTEN else self._written(weights)
        return self._beside(weights) if written is None else written

    def _written(self, weights: Mapping[str, NDArray[Any]]) -> list[str] | None:
        """All of it in the script, float32 as it is; None where a row does not fit into a line."""
        found: list[list[str] | None] = []
        for name, rows in self.splits.items():
            found.append(array_lines(f"x_{name} = np.array(", rows.features, ", dtype=float)", ""))
            head, tail = self._targets(rows)
            found.append(array_lines(f"y_{name} = {head}", self._answers(rows), tail, ""))
        found += [["", "# The initial weights.", "START = {"]]
        for name, array in weights.items():
            found.append(array_lines(f'"{name}": np.float32(', array, "),", "    "))
        found.append(["}"])
        lines = [line for part in found if part is not None for line in part]
        return None if None in found else lines

    def _beside(self, weights: Mapping[str, NDArray[Any]]) -> list[str]:
        """All of it in a file."""
        lines = ['stored = np.load(Path(__file__).with_suffix(".npz"))']
        for name, rows in self.splits.items():
            self.arrays |= {f"x_{name}": rows.features, f"y_{name}": self._answers(rows)}
            kind = "" if are_bytes(rows) else ".astype(float)"
            head, tail = self._targets(rows)
            lines += [f'x_{name} = stored["x_{name}"]{kind}', f'y_{name} = {head}stored["y_{name}"]{tail}']
        self.arrays |= weights
        names = ", ".join(f'"{name}"' for name in weights)
        return [*lines, *_wrapped(f"START = {{name: stored[name] for name in [{names}]}}", weights)]

    def _answers(self, rows: Rows) -> NDArray[Any]:
        if rows.accuracy == "none":
            return rows.values
        small = rows.classes.astype(np.uint8 if rows.classes.max(initial=0) < 256 else np.int32)
        return small[:, None] if self.simulator.network.outputs == 1 else small

    def _targets(self, rows: Rows) -> tuple[str, str]:
        """What stands before and after the answers to make targets of them."""
        network = self.simulator.network
        smoothing = network.loss.params.get("label_smoothing", 0.0)
        share = 2 if network.outputs == 1 or network.loss.record.targets == "values" else network.outputs
        smoothed = f" * (1 - {number(smoothing)}) + {number(smoothing)} / {share}" if smoothing else ""
        if rows.accuracy == "none" or network.outputs == 1:
            head, tail = "np.array(", ", dtype=float)"
        else:
            head, tail = f"np.eye({network.outputs})[", "]"
        if self.loss.targets == "-1 and 1":
            head, tail = f"2 * {head}", f"{tail} - 1"
        return head, tail + smoothed


def _wrapped(line: str, weights: Iterable[str]) -> list[str]:
    """The line, or where it is too long one with the names on lines of their own."""
    if len(line) <= LONGEST:
        return [line]
    names = [f'"{name}",' for name in weights]
    return ["NAMES = [", *(f"    {name}" for name in names), "]", "START = {name: stored[name] for name in NAMES}"]


def initial_arrays(simulator: Simulator) -> dict[str, NDArray[Any]]:
    """The parameters and the statistics before training, by name."""
    network = simulator.network
    start = network.named(network.start_values(simulator.seed))
    return start | network.named_statistics(network.start_statistics())


def trained_arrays(simulator: Simulator) -> dict[str, NDArray[Any]]:
    """The same as they are now, in float32."""
    present = {**simulator.parameters, **simulator.statistics}
    return {name: array.astype(np.float32) for name, array in present.items()}


def loss_targets(simulator: Simulator, rows: Rows, *, signed: bool) -> NDArray[Any]:
    """Class indices, or what the outputs should be: -1 and 1 where they are `signed`."""
    if simulator.network.loss.record.targets == "classes":
        return rows.classes.astype(np.int64)
    values = rows.values.astype(np.float32)
    return 2 * values - 1 if signed else values


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as NumPy's own archive, compressed; the same arrays give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            one = io.BytesIO()
            np.lib.format.write_array(one, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), one.getvalue(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
