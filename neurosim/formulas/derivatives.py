"""Derivatives of formulas, worked out from their source: exact, not by differences.

`derive_slope` gives an activation its ``df``, `derive_gradient` a loss its ``gradient``. What comes
back is a plain function like one that an author writes; `source_of` shows its text.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any

from neurosim.formulas.source import LOADED_SOURCE, parse, refuse
from neurosim.formulas.tangents import TangentWriter, Varied

DERIVATION = "__neurosim_derivation__"


@functools.cache
def derive_slope(function: Callable[..., float]) -> Callable[..., float]:
    """The derivative ``df(z, a, *params)`` of ``f(z, *params)``; `a` is there for form's sake.

    Raises
    ------
    PluginError
        Naming file and line, for what cannot be derived.
    """
    derivation = _Derivation()
    varied: list[Varied] = ["number"]
    varied += [""] * (function.__code__.co_argcount - 1)
    writer = TangentWriter(function, varied, derivation, unit=True)
    z, *params = writer.arguments
    return derivation.define(function, writer, f"{function.__name__}_derivative", [z, writer.fresh("a"), *params])


@functools.cache
def derive_gradient(function: Callable[..., float]) -> Callable[..., None]:
    """The gradient ``gradient(a, y, da, *params)`` of ``value(a, y, *params)``, entry by entry.

    Raises
    ------
    PluginError
        Naming file and line, for what cannot be derived.
    """
    derivation = _Derivation()
    names = [argument.arg for argument in parse(function).args.args]
    a, y, *params = names
    varied: list[Varied] = ["row", *([""] * (len(names) - 1))]  # type: ignore[list-item]
    slope = derivation.tangent_of(function, tuple(varied))
    taken = {*names, slope.__name__}
    row, entry = (_unused(wish, taken) for wish in (f"d{a}", "k"))
    name = f"{function.__name__}_gradient"
    passed = ", ".join([a, y, *params, entry])
    text = (
        f"def {name}({', '.join([a, y, row, *params])}):\n"
        f"    for {entry} in range(len({a})):\n"
        f"        {row}[{entry}] = {slope.__name__}({passed})\n"
    )
    return derivation.make(function, name, text, {slope.__name__: slope})


def source_of(function: Callable[..., Any]) -> str:
    """The text of a derived function and of those it was derived along with; empty for any other function."""
    return str(getattr(function, "__globals__", {}).get(DERIVATION, ""))


class _Derivation:
    """The functions that are derived along with one function."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._done: dict[tuple[Callable[..., Any], tuple[Varied, ...]], Callable[..., Any] | None] = {}

    def tangent_of(self, function: Callable[..., Any], varied: tuple[Varied, ...]) -> Callable[..., Any]:
        """See `neurosim.formulas.tangents.Helpers`."""
        key = (function, varied)
        if key not in self._done:
            self._done[key] = None
            writer = TangentWriter(function, varied, self)
            number = sum(name == function for name, _ in self._done)
            name = f"{function.__name__}_tangent" + (str(number) if number > 1 else "")
            self._done[key] = self.define(function, writer, name, writer.arguments)
        found = self._done[key]
        if found is None:
            raise refuse(function, parse(function), "a function that calls itself is not derived", "use a loop")
        return found

    def define(
        self, function: Callable[..., Any], writer: TangentWriter, name: str, arguments: list[str]
    ) -> Callable[..., Any]:
        """The function that a writer writes."""
        text = "\n".join([f"def {name}({', '.join(arguments)}):", *writer.body()])
        return self.make(function, name, text, writer.outside)

    def make(self, function: Callable[..., Any], name: str, text: str, outside: dict[str, Any]) -> Callable[..., Any]:
        """A function from its text, derived from `function`."""
        text = tidy(text)
        self._texts.append(text)
        names = {**outside, LOADED_SOURCE: text, DERIVATION: "\n\n".join(self._texts), "__name__": function.__module__}
        exec(compile(text, f"<derived from {function.__code__.co_filename}>", "exec"), names)
        made: Callable[..., Any] = names[name]
        return made


def _unused(wish: str, taken: set[str]) -> str:
    while wish in taken:
        wish += "_"
    taken.add(wish)
    return wish


def tidy(text: str) -> str:
    """The text of a function without superfluous parentheses, and without what is never used."""
    tree = ast.parse(text)
    while True:
        dead = _never_read(tree)
        if not dead:
            break
        tree = _Pruner(dead).visit(tree)
    return ast.unparse(_Pruner(set()).visit(tree)) + "\n"


def _never_read(tree: ast.AST) -> set[str]:
    """Names that are assigned to, but read nowhere except to assign to themselves."""
    assigned: set[str] = set()
    read: set[str] = set()

    def look(node: ast.AST, own: str) -> None:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            own = node.targets[0].id
            assigned.add(own)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id != own:
            read.add(node.id)
        for child in ast.iter_child_nodes(node):
            look(child, own)

    look(tree, "")
    return assigned - read


class _Pruner(ast.NodeTransformer):
    """Removes assignments to names, and ``pass`` where something else stands."""

    def __init__(self, dead: set[str]) -> None:
        self.dead = dead

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        target = node.targets[0]
        return None if isinstance(target, ast.Name) and target.id in self.dead else node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        node = super().generic_visit(node)
        for block in ("body", "orelse"):
            statements = getattr(node, block, None)
            if not isinstance(statements, list) or (block == "orelse" and not statements):
                continue
            kept = [statement for statement in statements if not isinstance(statement, ast.Pass)]
            setattr(node, block, kept or ([ast.Pass()] if block == "body" else []))
        return node
