"""Loops and sums over rows, as Python writes them, in the words that `neurosim.formulas.reader` knows.

``for v in z`` becomes a loop over ``range(len(z))``, and ``sum(v * v for v in z)`` a call of a function of its own,
which is read like a helper of the author's.
"""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.formulas.source import TREE, is_table

Refuse = Callable[[ast.expr | ast.stmt, str, str], Exception]
_LOOP = "for k in range(len(z)), for v in z, zip(a, y) or enumerate(z)"


@dataclass(frozen=True)
class Sequence:
    """Something that a loop goes through: how many there are, and what is at a place."""

    length: ast.expr
    at: Callable[[ast.expr], ast.expr]


def sequence_of(node: ast.expr, local: set[str], outside: Mapping[str, Any], refuse: Refuse) -> Sequence:
    """What a loop over `node` goes through.

    Raises
    ------
    PluginError
        For anything but rows, tuples of the module, and ``zip``, ``enumerate`` and ``reversed`` of these.
    """
    match node:
        case ast.Name(id=name) if name in local or is_table(outside.get(name)):
            return Sequence(_call("len", node), lambda place: ast.Subscript(node, place, ast.Load()))
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner], keywords=[]) if "enumerate" not in local:
            counted = sequence_of(inner, local, outside, refuse)
            return Sequence(counted.length, lambda place: ast.Tuple([place, counted.at(place)], ast.Load()))
        case ast.Call(func=ast.Name(id="reversed"), args=[inner], keywords=[]) if "reversed" not in local:
            turned = sequence_of(inner, local, outside, refuse)
            last = ast.BinOp(turned.length, ast.Sub(), ast.Constant(1))
            return Sequence(turned.length, lambda place: turned.at(ast.BinOp(last, ast.Sub(), place)))
        case ast.Call(
            func=ast.Name(id="zip"), args=[_, _, *_] as inners, keywords=[] | [ast.keyword(arg="strict")]
        ) if "zip" not in local:
            parts = [sequence_of(inner, local, outside, refuse) for inner in inners]
            return Sequence(
                _call("min", *(part.length for part in parts)),
                lambda place: ast.Tuple([part.at(place) for part in parts], ast.Load()),
            )
        case ast.Tuple() | ast.List():
            what = f"{ast.unparse(node)} cannot be looped over here"
            raise refuse(node, what, f"define it in the module, VALUES = {ast.unparse(node)}, and loop over VALUES")
    raise refuse(node, f"{ast.unparse(node)} cannot be looped over", f"loop {_LOOP}")


def as_range(node: ast.For, local: set[str], outside: Mapping[str, Any], refuse: Refuse) -> ast.For:
    """A loop over rows as one over ``range``; its new name is added to `local`.

    Raises
    ------
    PluginError
        As `sequence_of`, and for targets that do not fit.
    """
    sequence = sequence_of(node.iter, local, outside, refuse)
    place = ast.Name(unused("place", local), ast.Load())
    local.add(place.id)
    taken = [ast.Assign([name], value) for name, value in _pairs(node.target, sequence.at(place), refuse)]
    counter = ast.Name(place.id, ast.Store())
    loop = ast.For(counter, _call("range", sequence.length), [*taken, *node.body], node.orelse)
    _place(loop, node)
    return loop


def _pairs(target: ast.expr, value: ast.expr, refuse: Refuse) -> Iterator[tuple[ast.expr, ast.expr]]:
    match target, value:
        case ast.Name(), ast.expr() if not isinstance(value, ast.Tuple):
            yield target, value
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            for one, other in zip(targets, values, strict=True):
                yield from _pairs(one, other, refuse)
        case _:
            raise refuse(target, f"{ast.unparse(target)} does not fit what the loop goes through", f"write {_LOOP}")


# Generator expressions ------------------------------------------------------------------------------------------


def folded(
    kind: str,
    node: ast.GeneratorExp | ast.ListComp,
    author: Callable[..., Any],
    local: set[str],
    outside: Mapping[str, Any],
    name: str,
    refuse: Refuse,
) -> tuple[Callable[..., Any], list[ast.Name]]:
    """``sum(... for ...)``, or the same with ``max`` or ``min``, as a function, and the names that it is called with.

    Raises
    ------
    PluginError
        For a loop that changes the meaning of a name, or that may find nothing.
    """
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    bound = {part.id for part in names if isinstance(part.ctx, ast.Store)}
    gone_through = [part for part in ast.walk(node.generators[0].iter) if isinstance(part, ast.Name)]
    for part in gone_through:
        if part.id in bound:
            raise refuse(node, f"{part.id} means two things in {ast.unparse(node)}", "use another name for the loop")
    given = {part.id: part for part in names if part.id in local and part.id not in bound}
    if kind != "sum" and any(part.ifs for part in node.generators):
        what = f"{kind} of numbers with an if may have nothing to choose from"
        raise refuse(node, what, f"{kind}(v if v > 0.0 else -1.0 for v in z), with a value for the others")
    taken = {part.id for part in names}
    found = unused("found", taken)
    made = ast.FunctionDef(name, _arguments(given), _body(kind, node, found, unused("value", taken)), [])
    _place(made, node)
    function = define(made, author, outside)
    function.__wrapped__ = author  # type: ignore[attr-defined]
    return function, list(given.values())


def _body(kind: str, node: ast.GeneratorExp | ast.ListComp, found: str, value: str) -> list[ast.stmt]:
    start = {"sum": 0.0, "max": -math.inf, "min": math.inf}[kind]
    if kind == "sum":
        inner: list[ast.stmt] = [ast.AugAssign(ast.Name(found, ast.Store()), ast.Add(), node.elt)]
    else:
        # NaN stays, as in the largest and the smallest of a row.
        sign = ">" if kind == "max" else "<"
        inner = ast.parse(f"if {value} {sign} {found} or {value} != {value}:\n    {found} = {value}").body
        inner = [ast.Assign([ast.Name(value, ast.Store())], node.elt), *inner]
    for part in reversed(node.generators):
        for test in reversed(part.ifs):
            inner = [ast.If(test, inner, [])]
        inner = [ast.For(part.target, part.iter, inner, [])]
    first = ast.Assign([ast.Name(found, ast.Store())], ast.Constant(start))
    return [first, *inner, ast.Return(ast.Name(found, ast.Load()))]


def _arguments(names: Mapping[str, Any]) -> ast.arguments:
    given = [ast.arg(name) for name in names]
    return ast.arguments(posonlyargs=[], args=given, kwonlyargs=[], kw_defaults=[], defaults=[])


def define(tree: ast.FunctionDef, author: Callable[..., Any], outside: Mapping[str, Any]) -> Callable[..., Any]:
    """The function of a tree that was made of a part of the author's; errors in it name the author's file and lines."""
    names = dict(outside)
    file = author.__code__.co_filename
    exec(compile(ast.Module([copy.deepcopy(tree)], []), file, "exec"), names)
    made: Callable[..., Any] = names.pop(tree.name)
    made.__dict__[TREE] = tree
    return made


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def _place(made: ast.stmt, node: ast.expr | ast.stmt) -> None:
    """Put what was made in the line of `node`, but for parts that have one of their own."""
    for part in ast.walk(made):
        if "lineno" in part._attributes and not hasattr(part, "lineno"):
            ast.copy_location(part, node)


def unused(wish: str, taken: set[str]) -> str:
    """A name like `wish` that is not taken."""
    number = 1
    while f"{wish}{number}" in taken:
        number += 1
    return f"{wish}{number}"
