"""Losses of classes that count differently: each formula times the weight of the right class.

The weights are written into functions as a tuple, so that every use of a formula has them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

from neurosim.formulas.source import LOADED_SOURCE

# The weight of a row's class, by its index or by its targets: one number for the second of two classes, else 0 and 1.
_WEIGHTS = {
    "class": "def weight(y):\n    return WEIGHTS[y]\n",
    "row": (
        "def weight(y):\n"
        "    if len(y) < 2:\n"
        "        return WEIGHTS[0] + (WEIGHTS[1] - WEIGHTS[0]) * y[0]\n"
        "    total = 0.0\n"
        "    for k in range(len(y)):\n"
        "        total += WEIGHTS[k] * y[k]\n"
        "    return total\n"
    ),
}
_VALUE = "def value({given}):\n    return weight(y) * own({given})\n"
_GRADIENT = (
    "def gradient({given}):\n"
    "    own({given})\n"
    "    w = weight(y)\n"
    "    for k in range(len({filled})):\n"
    "        {filled}[k] = w * {filled}[k]\n"
)


@functools.cache
def weighted(
    function: Callable[..., Any],
    arguments: tuple[str, ...],
    filled: str,
    target: Literal["class", "row"],
    weights: tuple[float, ...],
) -> Callable[..., Any]:
    """A value of a loss, or a gradient, times the weight of the right class.

    Parameters
    ----------
    function : function
        The formula.
    arguments : tuple of str
        Names for its arguments, of which the target is called y.
    filled : str
        The one that it fills; empty for a value.
    target : "class" or "row"
        What y is.
    weights : tuple of float
        One for each class.
    """
    given = ", ".join(arguments)
    text = _WEIGHTS[target] + (_GRADIENT if filled else _VALUE).format(given=given, filled=filled)
    names: dict[str, Any] = {"WEIGHTS": weights, "own": function, LOADED_SOURCE: text, "__name__": function.__module__}
    exec(compile(text, f"<weighted from {function.__code__.co_filename}>", "exec"), names)
    made: Callable[..., Any] = names["gradient" if filled else "value"]
    return made
