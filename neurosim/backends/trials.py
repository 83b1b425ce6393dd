"""What is tried before a formula is compiled or used: that its indices are those of the row, and that its loops end.

Once compiled, a formula gives NaN where it reads beyond a row or loops forever, and a training that shows nothing but
NaN says little about why. So a formula with an index or a loop of which too little is known beforehand (see
`neurosim.formulas.bounds`) first runs as Python on a few rows, with checks that stop it and name the line.
"""

from __future__ import annotations

import inspect
import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.health import check_formulas
from neurosim.backends.uncompiled import TRANSLATED, executed
from neurosim.errors import PluginError
from neurosim.formulas.cost import check_cost
from neurosim.formulas.float32 import Translator
from neurosim.formulas.guards import MOST_ROUNDS
from neurosim.formulas.kinds import ROWS
from neurosim.formulas.reader import read
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.plugin import Activation, Gate, RowActivation
from neurosim.plugin.formula import Formula
from neurosim.plugin.vectors import constants_of

# Training that diverges reaches these.
DIVERGED = (1e4, -1e4, math.inf, -math.inf, math.nan)
EVERYWHERE = (0.0, 0.3, -0.7, 1.0, -1.0, 2.7, -5.0, 20.0, -20.0)
MODERATE = (0.1, 0.3, 0.9, 1.0)
# Wider rows are not tried one number at a time: what is wrong with them is wrong with these.
WIDEST = 64
# A NaN that no arithmetic makes.
_UNSET = struct.unpack("<d", struct.pack("<Q", 0x7FF8_5EED_0000_0000))[0]


class _OutsideError(Exception):
    """An index that is none of the row: the row, and the index."""


class _EndlessError(Exception):
    """A loop that has gone around too often."""


def check_first_use(network: Network, training: Training) -> None:
    """Try the formulas of a network and its optimizer, unless that has been done.

    Raises
    ------
    PluginError
        Naming file and line.
    """
    for layer in network.activated:
        chosen = layer.activation
        try_record(chosen.record, chosen.values, [math.prod(layer.output_shape)])
    for entry in network.combining:
        try_record(entry.gate.record, entry.gate.values, [1])
    try_record(network.loss.record, network.loss.values, [network.outputs])
    try_record(training.optimizer.record, training.optimizer.values, [1])


_TRIED: dict[tuple[Any, ...], Any] = {}


def try_record(record: Any, values: Sequence[float], widths: Sequence[int], *, diverged: bool = False) -> None:
    """Try the formulas that an author wrote, on rows of each of `widths`, with these values of the parameters.

    What is derived from them has the same indices and loops. With `diverged`, loops must also end for what is reached
    only then.

    Raises
    ------
    PluginError
        Naming file and line: for an index beyond a row, an entry that is not set, and a loop that does not end.
    """
    key = (id(record), tuple(values), tuple(widths), diverged)
    if key in _TRIED or is_shipped(record):
        return
    # What the author wrote comes before what is derived from it.
    check_formulas(record)
    for formula in written_formulas(record):
        translator = Translator()
        name = translator.add(formula.function, formula.arguments, formula.results)
        for width in widths:
            check_cost(read(formula.function), units=width)
            if translator.guards or constants_of(record):
                _Trial(record, formula, translator, name, tuple(values), _tried_width(record, width)).run(diverged)
    _TRIED[key] = record  # kept, so that no other record gets its identity


def is_shipped(record: Any) -> bool:
    """Whether all functions of a record are neurosim's own, which need no check while they run."""
    parts = [record, *getattr(record, "from_logits", ())]
    functions = [value for part in parts for value in vars(part).values() if inspect.isfunction(value)]
    return all(function.__module__.startswith("neurosim.builtins.") for function in functions)


def _tried_width(record: Any, width: int) -> int:
    """The width of the rows to try, of which a loss may take several numbers for each target."""
    each: int = getattr(record, "outputs_per_target", 1)
    return max(min(width, WIDEST) // each, 1) * each


def written_formulas(record: Any) -> Iterator[Formula]:
    """The formulas of a record that are not derived."""
    given = {role: getattr(record, role, True) for role in ("df", "du", "dv", "gradient", "backward")}
    yield from (formula for formula in record.formulas if given.get(formula.role, True) is not None)


@dataclass(frozen=True)
class _Trial:
    record: Any
    formula: Formula
    translator: Translator
    name: str
    values: tuple[float, ...]
    width: int

    def run(self, diverged: bool) -> None:
        everywhere = isinstance(self.record, Activation | RowActivation | Gate)
        low, high = getattr(self.record, "domain", None) or (-math.inf, math.inf)
        for value in (value for value in (EVERYWHERE if everywhere else MODERATE) if low < value < high):
            for target in self._targets():
                self._try(np.float64, value, target)
                self._try(np.float32, value, target)
        for value in DIVERGED if diverged else ():
            self._try(np.float64, value, 0)
            self._try(np.float32, value, 0)

    def _targets(self) -> Iterable[int]:
        """Classes to try; for any other target, one."""
        if "class" not in self.formula.arguments:
            return (0,)
        return sorted({0, self.width // 2, self.width - 1})

    def _try(self, precision: Any, value: float, target: int) -> None:
        guards: dict[str, Any] = {"spent": _spent}
        if value not in DIVERGED:
            vectors = constants_of(self.record).values()
            for (written, entries), entry in self.translator.tables.items():
                if entries in vectors:
                    guards[entry] = _Vector(written, tuple(map(precision, entries))).entry
            guards |= {"checked_entry": _checked_entry, "checked_set": _checked_set, "unset": _unset}
        function = executed(self.translator, self.name, precision, guards)
        arguments = self._arguments(precision, value, target)
        try:
            with np.errstate(all="ignore"):
                function(*arguments)
        except Exception as error:
            raise self._fault(error, f"{value:g} in {np.dtype(precision).name}") from error
        if not self.formula.results and value not in DIVERGED and precision is np.float64:
            self._look_for_unset(arguments[len(arguments) - len(self.values) - 1])

    def _arguments(self, precision: Any, value: float, target: int) -> list[Any]:
        """Arguments around a value; rows rise and fall."""
        count = len(self.formula.arguments) - len(self.values)
        shape = 1.0 + 0.1 * np.cos(np.arange(self.width)) if self.width > 1 else np.ones(1)
        own: list[Any] = []
        for place, kind in enumerate(self.formula.arguments[:count]):
            if kind == "class":
                own.append(target)
            else:
                row = shape[: self.width // self.record.outputs_per_target] if kind == "short" else shape
                own.append((value * row * 0.9**place).astype(precision) if kind in ROWS else precision(value))
        return [*own, *map(precision, self.values)]

    def _look_for_unset(self, row: NDArray[np.float64]) -> None:
        unset = np.flatnonzero(row.view(np.uint64) == np.float64(_UNSET).view(np.uint64))
        if unset.size:
            function = self.formula.function
            formula = read(function)
            name = formula.params[len(formula.params) - len(self.values) - 1]
            what = f"{name}[{unset[0]}] is not set, or is read before it is, in a row of {self.width}"
            raise formula.refuse(
                formula.line, what, f"set every entry, as in for k in range(len({name})): {name}[k] = ..."
            )

    def _fault(self, error: Exception, where: str) -> PluginError:
        """The error in terms of the author's line."""
        function, line, names = self.formula.function, 0, {}
        trace = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            origin = None
            if frame.f_code.co_filename == TRANSLATED:
                origin = self.translator.origin_of(self.translator.source, trace.tb_lineno)
            if origin is not None:
                (function, line), names = origin, frame.f_locals
            trace = trace.tb_next
        formula = read(function)
        if isinstance(error, _EndlessError):
            instead = "limit the number of iterations, as in for k in range(20)"
            return formula.refuse(line, f"the loop does not end for {where} within {MOST_ROUNDS:,} rounds", instead)
        if not isinstance(error, _OutsideError):
            what = f"{type(error).__name__} for {where}: {error}"
            return formula.refuse(line, what, "use one kind of number for each name, and rows only with an index")
        row, index = error.args
        if isinstance(row, _Vector):
            what = f"{row.name}[{index}] is outside the vector: {_extent(row.name, len(row.entries))}"
            return formula.refuse(
                line, what, f"give {row.name} more numbers, or declare in widths how wide its rows are"
            )
        name = next((key.rstrip("_") for key, value in names.items() if value is row), "the row")
        what = f"{name}[{index}] is outside the row: {_extent(name, len(row))}"
        return formula.refuse(line, what, f"use indices from 0 to len({name}) - 1, as in for k in range(len({name}))")


@dataclass(frozen=True)
class _Vector:
    """A parameter that is a vector, whose entries outside raise an error."""

    name: str
    entries: tuple[Any, ...]

    def entry(self, index: int) -> Any:
        if not -len(self.entries) <= index < len(self.entries):
            raise _OutsideError(self, index)
        return self.entries[index]


def _extent(name: str, count: int) -> str:
    if count == 1:
        return f"it has one entry, {name}[0]"
    return f"it has {count} entries, {name}[0] to {name}[{count - 1}]"


def _spent(rounds: int, most: int) -> bool:
    if rounds > most:
        raise _EndlessError
    return False


def _checked_entry(row: Any, index: int) -> Any:
    if not 0 <= index < len(row):
        raise _OutsideError(row, index)
    return row[index]


def _checked_set(row: Any, index: int, value: Any) -> None:
    if not 0 <= index < len(row):
        raise _OutsideError(row, index)
    row[index] = value


def _unset(row: Any) -> None:
    row[:] = _UNSET
