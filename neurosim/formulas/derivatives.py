"""Derivatives of formulas, worked out from their source text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurosim.errors import PluginError


def derive_slope(function: Callable[..., float]) -> Callable[..., float]:
    """The derivative ``df(z, a, *params)`` of ``f(z, *params)``."""
    raise PluginError(f"{function.__name__} has no derivative", "Give df.")


def derive_gradient(function: Callable[..., float]) -> Callable[..., Any]:
    """The gradient ``gradient(a, y, da, *params)`` of ``value(a, y, *params)``."""
    raise PluginError(f"{function.__name__} has no gradient", "Give gradient.")
