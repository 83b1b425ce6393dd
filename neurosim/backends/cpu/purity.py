"""Whether compiled formulas compute only in float32, according to Numba's inferred types and LLVM's machine code.

A single float64 operation in a loop halves the number of values per vector instruction, and on most GPUs costs far
more. It slips in unnoticed: a literal, an integer in a division, a function that exists only for doubles.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import typed_passes
from numba.core.compiler import run_frontend
from numba.core.ir import Expr
from numba.core.registry import cpu_target

from neurosim.backends.cpu import vector_math, vector_math_double
from neurosim.backends.cpu.jit import FLAGS, INNER, between_signals, scratch
from neurosim.backends.invariants import split_part
from neurosim.formulas.float32 import Translator
from neurosim.formulas.guards import GUARDS
from neurosim.formulas.kinds import ArgumentKind
from neurosim.plugin import Optimizer

_TYPES = {"number": types.float32, "row": types.Array(types.float32, 1, "C"), "class": types.int32}
_TYPES["short"] = _TYPES["row"]


def wide_parts(record: Any) -> list[str]:
    """Everything in the compiled formulas of `record` that is float64; empty if all is well.

    Raises
    ------
    PluginError
        If a formula cannot be translated.
    """
    if isinstance(record, Optimizer):
        wide = []
        for part in record.parts:
            split = split_part(record, part)
            kinds: list[ArgumentKind] = ["number"] * (len(part.numbers) + len(split.reductions) + split.count)
            wide += [f"{part.role}: {found}" for found in wide_in(split.translator, split.name, kinds)]
        return wide
    wide = []
    for formula in record.formulas:
        translator = Translator()
        name = translator.add(formula.function, formula.arguments, formula.results)
        wide += [f"{formula.role}: {part}" for part in wide_in(translator, name, formula.arguments)]
    return wide


def wide_in(translator: Translator, name: str, kinds: Sequence[ArgumentKind]) -> list[str]:
    """The float64 parts of the translated function `name`, whose arguments are of these kinds."""
    arguments = tuple(_TYPES[kind] for kind in kinds)
    inner = numba.njit(**INNER, **FLAGS)
    functions: dict[str, Any] = {"F": np.float32, "math": _single_math(), "scalar": inner, "scratch": scratch}
    exec(translator.source, functions)
    operations = wide_operations(functions[name].py_func, arguments)
    if not operations:
        return wide_instructions(functions[name], arguments)
    wide = []
    for line, what in operations:
        origin = translator.origin_of(translator.source, line)
        where = f"{origin[0].__code__.co_filename}:{origin[1]}: " if origin else ""
        wide.append(where + what)
    return wide


def _single_math() -> ModuleType:
    """`vector_math`, with C's functions of float32 in place of those that are computed in float64 on purpose."""
    module = ModuleType("math")
    vars(module).update(vars(vector_math))
    names = [name for name in vars(vector_math_double) if getattr(vector_math, name, None) is not None]
    vars(module).update({name: getattr(math, name) for name in names if hasattr(math, name)})
    return module


def wide_operations(function: Callable[..., Any], arguments: tuple[Any, ...]) -> list[tuple[int, str]]:
    """Operations and results of a function, and of those it calls, that Numba infers as float64, with their lines."""
    return list(dict.fromkeys(_operations(function, arguments, set())))


def _operations(
    function: Callable[..., Any], arguments: tuple[Any, ...], seen: set[tuple[Any, ...]]
) -> Iterator[tuple[int, str]]:
    if (function, arguments) in seen:
        return
    seen.add((function, arguments))
    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    inferred = typed_passes.type_inference_stage(typing, target, run_frontend(function), arguments, None)
    typemap, result, calls = inferred[:3]
    for expression, signature in calls.items():
        if not isinstance(expression, Expr) or signature is None:
            continue
        called = typemap[expression.func.name] if expression.op == "call" else None
        if isinstance(called, types.NumberClass):
            continue  # F(0.5): a float64 literal is converted to float32 immediately
        if isinstance(called, types.Dispatcher) and called.dispatcher.py_func.__globals__ is function.__globals__:
            yield from _operations(called.dispatcher.py_func, signature.args, seen)
        elif any(_is_wide(kind) for kind in (*signature.args, signature.return_type)):
            yield expression.loc.line, f"{_operation(expression, called)} is {signature}"
    if function.__name__ not in GUARDS and not all(kind in (types.float32, types.none) for kind in _parts(result)):
        yield function.__code__.co_firstlineno + 1, f"the result is {result}"


def _parts(kind: Any) -> Sequence[Any]:
    """The types in a tuple, or the single type itself."""
    return tuple(kind) if isinstance(kind, types.BaseTuple) else (kind,)


def _is_wide(kind: Any) -> bool:
    return any(part in (types.float64, types.complex128) for part in _parts(kind))


def _operation(expression: Any, called: Any) -> str:
    """A readable description of an operation."""
    if called is not None:
        return getattr(getattr(called, "typing_key", None), "__name__", str(called))
    has_operator = expression.op in ("binop", "inplace_binop", "unary")
    return expression.fn.__name__ if has_operator else str(expression.op)


def wide_instructions(dispatcher: Any, arguments: tuple[Any, ...]) -> list[str]:
    """The lines of a compiled function's optimized LLVM text that contain a double."""
    between_signals(dispatcher.compile)(arguments)
    text = dispatcher.inspect_llvm(arguments)
    bodies = re.findall(r"^define .*?^}", text, re.MULTILINE | re.DOTALL)
    lines = (line.strip() for body in bodies for line in body.splitlines())
    return [f"in machine code: {line}" for line in lines if re.search(r"\b(double|fpext)\b", line)]
