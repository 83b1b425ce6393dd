"""Matplotlib's defaults for our pictures, whatever the user's settings, which are restored afterward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from matplotlib import rc_context, rcParams, rcParamsDefault

# Text is text: a price of $5 in a title is no formula.
_OURS: dict[Any, Any] = {name: value for name, value in rcParamsDefault.items() if name != "backend"} | {
    "text.parse_math": False
}
_inside = ContextVar("inside", default=False)


@contextmanager
def own_settings() -> Iterator[None]:
    """Draw with our settings here; also a decorator for functions that draw."""
    if _inside.get():
        yield
        return
    changed = {name: value for name, value in _OURS.items() if rcParams[name] != value}
    before = _inside.set(True)
    try:
        with rc_context(changed):
            yield
    finally:
        _inside.reset(before)
