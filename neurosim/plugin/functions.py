"""Which callables can be formulas: functions that are written out, since it is their text that is compiled."""

from __future__ import annotations

import functools
import inspect
from typing import Any


def not_compiled(function: Any, expected: str) -> tuple[str, str] | None:
    """What a callable is whose text is no formula, and what to write instead; None for a function.

    `expected` are the arguments that it gets.
    """
    if inspect.isfunction(function) and not hasattr(function, "__wrapped__"):
        return None
    name = getattr(function, "__name__", type(function).__name__.lower())
    if isinstance(function, functools.partial):
        inner = getattr(function.func, "__name__", "function")
        instead = f"Write def my_{inner}({expected}) that returns {inner}(...), or make the fixed arguments params"
        return f"a functools.partial of {inner}", instead
    if inspect.ismethod(function):
        return f"the method {function.__qualname__}", f"Write def {name}({expected}) outside of the class, without self"
    if isinstance(function, type):
        return f"the class {name}", f"Write def {name.lower()}({expected})"
    if hasattr(function, "__wrapped__"):
        wrapper = "functools.lru_cache" if hasattr(function, "cache_info") else "a decorator"
        return f"what {wrapper} makes of {name}", "Leave the decorator out: neurosim compiles the formula as it stands"
    if inspect.isbuiltin(function) or type(function).__name__ == "ufunc":
        instead = f"Write def my_{name}({expected}) that returns math.{name}(...)"
        return f"{name}, which is not written in Python", instead
    return f"an object of the class {type(function).__name__}", f"Write def {name}({expected})"
