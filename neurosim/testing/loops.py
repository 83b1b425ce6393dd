"""Formulas with an endless ``while``.

Once compiled, such a loop cannot be interrupted. Typically it waits for a tolerance that float32 never reaches. So
formulas with a ``while`` are first run line by line, as written and in float32.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from neurosim.backends.uncompiled import machine_math, uncompiled
from neurosim.errors import PluginError
from neurosim.formulas.float32 import Translator
from neurosim.plugin import Activation
from neurosim.plugin.formula_records import Formula

# Greatest number of lines that one call may execute.
MOST_LINES = 100_000
# Training that diverges reaches infinity and NaN, and must be able to report it.
_DIVERGED = (math.inf, -math.inf, math.nan)
_EVERYWHERE = (0.0, 0.3, -0.7, 1.0, -1.0, 2.7, -5.0, 20.0, -20.0, 1e4, -1e4, *_DIVERGED)
_MODERATE = (0.1, 0.3, 0.9, 1.0, *_DIVERGED)
_TRANSLATED = "<translated>"


class _EndlessError(Exception):
    """Raised in an endless loop; the arguments are file, line and function."""


def check_loops(record: Any) -> None:
    """Raise PluginError if a formula of `record` loops forever, or cannot be translated."""
    for formula in record.formulas:
        translator = Translator()
        name = translator.add(formula.function, formula.arguments, formula.results)
        if "while " not in translator.source:
            continue
        names: dict[str, Any] = {"F": np.float32, "math": machine_math, "scalar": lambda function: function}
        names["scratch"] = lambda count: np.empty(count, np.float32)
        exec(compile(translator.source, _TRANSLATED, "exec"), names)
        for precision, function in ((np.float64, uncompiled(formula.function)), (np.float32, names[name])):
            for value in _EVERYWHERE if isinstance(record, Activation) else _MODERATE:
                try:
                    _run_slowly(function, _arguments(record, formula, precision, value))
                except _EndlessError as error:
                    raise _fault(error, translator, f"{value:g} in {np.dtype(precision).name}") from None
                except Exception:  # other checks report it
                    continue


def _fault(error: _EndlessError, translator: Translator, where: str) -> PluginError:
    file, line, name = error.args
    origin = translator.origin_of(translator.source, line) if file == _TRANSLATED else None
    if origin is not None:
        file, line, name = origin[0].__code__.co_filename, origin[1], origin[0].__name__
    return PluginError(
        f"{file}:{line}: in {name}: the loop does not end for {where}",
        "Instead: limit the number of iterations, as in for k in range(20).",
    )


def _arguments(record: Any, formula: Formula, precision: Any, value: float) -> list[Any]:
    count = len(formula.arguments) - len(record.params)
    make: dict[str, Callable[[], Any]] = {
        "number": lambda: precision(value),
        "row": lambda: np.full(3, value, precision),
        "class": lambda: 1,
    }
    own = [make[kind]() for kind in formula.arguments[:count]]
    return [*own, *(precision(default) for default in record.params.values())]


def _run_slowly(function: Callable[..., Any], arguments: list[Any]) -> None:
    """Call a function, but execute only a limited number of lines."""
    lines = 0

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += 1
        if lines > MOST_LINES:
            code = frame.f_code
            raise _EndlessError(code.co_filename, frame.f_lineno, code.co_name)
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        with np.errstate(all="ignore"):
            function(*arguments)
    finally:
        sys.settrace(before)
