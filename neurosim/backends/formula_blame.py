"""Which formula of a plugin made a number that is not finite out of finite ones, for which input, and in which line.

Training that diverges does so through its learning rate or the scale of its inputs, unless a formula takes the square
root of a negative number. To tell the two apart, the formula is run once more by itself, as it was compiled.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Inspection
from neurosim.backends.uncompiled import TRANSLATED, executed
from neurosim.data.rows import Rows
from neurosim.formulas.float32 import Translator
from neurosim.network.layers import Activated, Chosen
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training
from neurosim.plugin import Activation
from neurosim.plugin.answers import name_of
from neurosim.plugin.formula import Formula

# Numbers up to here are no fault of a scale.
ORDINARY = 30.0
# As many numbers of a layer, and rows of a batch, are tried.
MOST = 4096
# What the file of a derived function is called.
_DERIVED = "<derived from "
# Entries of a row that a message shows.
SHOWN = 4
ADVICE = (
    "Look in the formula for the square root or the logarithm of a negative number, a division of 0 by 0, or an "
    "exponential that overflows.  neurosim plugins check {file}  tries many inputs."
)


_NAMED = re.compile(r": (.+ gives (?:nan|-?inf) for .+ \((?:derived from )?(.+?)(?::\d+)?\))$")


def blamed_in(message: str) -> tuple[str, str] | None:
    """What a message about divergence says of a formula, and the formula's file; None if it blames none."""
    found = _NAMED.search(message)
    return (found[1].rpartition(": ")[2], found[2]) if found else None


@dataclass(frozen=True)
class Blame:
    """A formula that fails.

    Attributes
    ----------
    what : str
        The function, what it gives, for which input, and its place.
    file : str
        The file that it is in.
    ordinary : bool
        Whether the input was of a size that formulas must expect.
    """

    what: str
    file: str
    ordinary: bool

    @property
    def advice(self) -> str:
        """What to look for."""
        return ADVICE.format(file=self.file)


def blame_outputs(layer: Activated, sums: NDArray[Any], precision: Any) -> Blame | None:
    """The activation of a layer whose sums are finite and whose outputs are not."""
    record = layer.activation.record
    if isinstance(record, Activation):
        return _first(record, "f", layer.activation, (("z", z) for z in sums.flat), precision)
    rows = sums.reshape(-1, sums.shape[-1])
    return _first(record, "f", layer.activation, ((("z", row),) for row in rows), precision, named=True)


def blame_loss(network: Network, seen: Inspection, rows: Rows, precision: Any, *, gradient: bool) -> Blame | None:
    """The loss, or its gradient, on outputs that are finite."""
    record, pair = network.loss.record, network.pair
    signals = seen.layers[network.layers[-1].name]
    role = (
        ("gradient" if gradient else "value")
        if pair is None
        else f"from_logits[{pair.activation}]." + ("gradient" if gradient else "value")
    )

    def given() -> Iterator[tuple[tuple[str, Any], ...]]:
        outputs = signals.outputs.reshape(rows.count, -1)
        sums = None if signals.sums is None else signals.sums.reshape(rows.count, -1)
        for number in range(rows.count):
            y = int(rows.classes[number]) if record.targets == "classes" else rows.values[number]
            own = (("a", outputs[number]), ("y", y))
            yield own if pair is None or sums is None else (("z", sums[number]), *own)

    return _first(record, role, network.loss, given(), precision, named=True)


def blame_slopes(network: Network, seen: Inspection, precision: Any) -> Blame | None:
    """The derivative of an activation at sums and outputs that are finite, from the last layer on."""
    for layer in reversed(network.activated):
        signals, record = seen.layers.get(layer.name), layer.activation.record
        if signals is None or signals.sums is None or not isinstance(record, Activation):
            continue
        given = ((("z", z), ("a", a)) for z, a in zip(signals.sums.flat, signals.outputs.flat, strict=True))
        found = _first(record, "df", layer.activation, given, precision, named=True)
        if found is not None:
            return found
    return None


def blame_update(
    training: Training, numbers: Sequence[float], step: int, settings: Settings, precision: Any
) -> Blame | None:
    """The update of a parameter from finite numbers: the parameter, its gradient and its slots."""
    record = training.optimizer.record
    if len(record.formulas) != 1 or len(record.formulas[0].arguments) != len(numbers) + 1 + len(record.params):
        return None  # looks at whole arrays
    names = ("w", "g", *record.slots)
    chosen = Chosen(record, tuple(training.values(settings)[0].tolist()))
    return _first(
        record, "update", chosen, iter([(*zip(names, numbers, strict=True), ("t", step))]), precision, named=True
    )


def _first(
    record: Any, role: str, chosen: Chosen[Any], given: Iterator[Any], precision: Any, *, named: bool = False
) -> Blame | None:
    """The first of some inputs for which a formula of a plugin's record gives what is not finite."""
    formula = next((entry for entry in record.formulas if entry.role == role), None)
    if formula is None or not _of_plugin(record):
        return None
    trial = _Trial(formula, chosen.values, precision)
    for _, entry in zip(range(MOST), given, strict=False):
        own = entry if named else (entry,)
        if all(np.isfinite(value).all() for _, value in own):
            found = trial.blame(own)
            if found is not None:
                return found
    return None


def _of_plugin(record: Any) -> bool:
    return str(record.formulas[0].function.__module__).partition(".")[0] != "neurosim"


class _Trial:
    """One formula, run as it was compiled."""

    def __init__(self, formula: Formula, values: Sequence[float], precision: Any) -> None:
        self._formula = formula
        self._precision = precision
        self._values = [precision(value) for value in values]
        self._translator = Translator()
        name = self._translator.add(formula.function, formula.arguments, formula.results)
        self._function = executed(self._translator, name, precision)

    def blame(self, own: Sequence[tuple[str, Any]]) -> Blame | None:
        """What is to blame, if the result is not finite for these arguments."""
        result = self._run(own, None)
        if np.isfinite(result).all():
            return None
        lines: list[int] = []
        self._run(own, lines)
        bad = result[~np.isfinite(result)][0]
        function = self._formula.function
        origin = self._translator.origin_of(self._translator.source, lines[0]) if lines else None
        blamed, line = origin or (function, function.__code__.co_firstlineno)
        file = blamed.__code__.co_filename
        # A derived function has lines of its own, which nobody has seen.
        derived = file.startswith(_DERIVED)
        place = f"derived from {file[len(_DERIVED) : -1]}" if derived else f"{file}:{line}"
        file = file[len(_DERIVED) : -1] if derived else file
        shown = ", ".join(f"{name} = {_text(value)}" for name, value in own)
        size = max(float(np.abs(value).max(initial=0.0)) for _, value in own)
        return Blame(f"{name_of(function)} gives {bad:g} for {shown} ({place})", file, size <= ORDINARY)

    def _run(self, own: Sequence[tuple[str, Any]], lines: list[int] | None) -> NDArray[Any]:
        """The result, or the row that is filled."""
        arguments: list[Any] = []
        for (_, value), kind in zip(own, self._formula.arguments, strict=False):
            if kind == "row":
                arguments.append(np.array(value, self._precision))
            else:
                arguments.append(value if kind == "class" else self._precision(value))
        fills = self._formula.results == 0
        row = np.zeros(np.size(own[0][1]), self._precision)
        if fills:
            arguments.append(row)
        with np.errstate(all="ignore"), _Watching(lines):
            result = self._function(*arguments, *self._values)
        return row if fills else np.atleast_1d(np.array(result, np.float64))


class _Watching:
    """Within it, the first line that makes a NaN, or else returns what is not finite, is noted."""

    def __init__(self, lines: list[int] | None) -> None:
        self._lines = lines
        self._last: dict[int, int] = {}

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        if self._lines is not None:
            sys.settrace(self._watch)

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)

    def _watch(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        assert self._lines is not None
        if frame.f_code.co_filename != TRANSLATED:
            return None
        if not self._lines and event in ("line", "return"):
            if event == "return" and argument is not None and not np.isfinite(argument).all():
                self._lines.append(frame.f_lineno)
            elif any(_has_nan(value) for value in frame.f_locals.values()):
                self._lines.append(self._last.get(id(frame), frame.f_lineno))
        self._last[id(frame)] = frame.f_lineno
        return self._watch


def _has_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating | np.ndarray) and bool(np.isnan(value).any())


def _text(value: Any) -> str:
    if np.ndim(value) == 0:
        return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
    shown = ", ".join(f"{entry:.4g}" for entry in value[:SHOWN])
    return f"[{shown}{', ...' if len(value) > SHOWN else ''}]"
