"""What authors' functions return when a run calls them: checked, and refused with the place of the function."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import PluginError
from neurosim.formulas.source import LAMBDA
from neurosim.printable import shortened


def place_of(function: Callable[..., Any]) -> str:
    """File and line of a function, for the beginning of a message; empty where they are not known."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}: " if code is not None else ""


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function in messages."""
    return function.__name__.replace(LAMBDA, "the lambda")


def described(value: object, where: str = "") -> str:
    """What a function has returned and where, in words."""
    if value is None:
        return f"None{where}: a return is missing"
    return f"{_kind(value)}{where}"


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"the text {shortened(repr(value), 40)}"
    if isinstance(value, int | float | np.number):
        return f"{value:g}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"a {type(value).__name__}"


def is_factor(value: object) -> bool:
    """Whether a learning rate, or another parameter of an optimizer, can be multiplied by it."""
    return isinstance(value, int | float | np.number) and math.isfinite(value) and bool(value >= 0)


def wrong_factor(record: Any, value: object, where: str, what: str) -> PluginError:
    """The error for what a schedule has returned that is no factor of `what`."""
    return PluginError(
        f"{place_of(record.factor)}schedule {record.name!r} returns {described(value, where)}",
        f"It must return a finite number, 0 or larger: what {what} is multiplied by.",
    )


def too_large(record: Any, factor: float, name: str, own: float) -> PluginError:
    """The error for a factor with which a parameter of an optimizer would not be a float32 number any more."""
    return PluginError(
        f"{place_of(record.factor)}schedule {record.name!r} returns {factor:g}, and {factor:g} times {name}, which is "
        f"{own:g}, is too large a number",
        f"It must return what {name} is multiplied by, not {name} itself.",
    )


def initial_values(record: Any, function: Callable[..., Any], found: object, what: str, shape: Any) -> NDArray[Any]:
    """What an initializer has returned for a parameter; raises PluginError unless it is finite numbers of the shape."""
    values = np.asarray(found)
    begins = f"{place_of(function)}initializer {record.name!r}"
    if found is None or values.dtype.kind not in "fiub":
        raise PluginError(
            f"{begins} returns {described(found, f' for {what}')}",
            f"It must return an array of numbers of shape {shape}.",
        )
    if values.shape != tuple(shape):
        gave = f"gave shape {values.shape}" if values.shape else f"gave {values}"
        raise PluginError(
            f"{begins} {gave} for {what}, which needs {tuple(shape)}",
            "Return an array of the shape that is given: random.normal(0.0, 0.1, shape) or np.full(shape, 0.1).",
        )
    if not np.isfinite(values).all():
        wrong = values[~np.isfinite(values)][0]
        raise PluginError(f"{begins} gave {wrong} for {what}", "All initial values must be finite numbers.")
    return values
