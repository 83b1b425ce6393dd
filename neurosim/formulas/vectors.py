"""Vectors of numbers as arguments of a formula: written into it as constants, before anything compiles it.

A formula whose argument `weight` is a vector becomes one without that argument, which sees a tuple of this name as if
its module had it. So whatever is possible with tuples of a module is possible with vectors, on every backend.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

from neurosim.formulas.sequences import define
from neurosim.formulas.source import namespace, parse, refuse

Vector = tuple[float, ...]


def with_constants(function: Callable[..., Any], vectors: Mapping[str, Vector]) -> Callable[..., Any]:
    """A function without those of its arguments that are vectors, which have these values.

    Raises
    ------
    PluginError
        Naming file and line, for a function that cannot be read or that assigns to one of them.
    """
    return _with_constants(function, tuple(vectors.items()))


@functools.cache
def _with_constants(function: Callable[..., Any], vectors: tuple[tuple[str, Vector], ...]) -> Callable[..., Any]:
    given = dict(vectors)
    tree = copy.deepcopy(parse(function))
    tree.args.args = [argument for argument in tree.args.args if argument.arg not in given]
    for part in ast.walk(tree):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id in given:
            what = f"the vector {part.id} is assigned to"
            raise refuse(function, part.lineno, what, "use another name; a parameter stays as it is")
    seen = {name: value for name, value in namespace(function).items() if getattr(builtins, name, given) is not value}
    made = define(ast.fix_missing_locations(tree), function, {**seen, **given, "__name__": function.__module__})
    made.__doc__ = function.__doc__
    return made
