"""The names of a function that is written, and parts of other functions with the names that they have in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.expressions import BUILTINS
from neurosim.formulas.form import Expression, For, Index, Name
from neurosim.formulas.source import identifier


class Names:
    """The names of the function that is written: the author's, and new ones.

    Attributes
    ----------
    outside : dict
        What it needs besides its own.
    wishes : dict
        What new names would best be called, if that is free in the end.
    """

    def __init__(self, formula: form.Formula) -> None:
        self.wishes: dict[str, str] = {}
        self.outside: dict[str, Any] = dict(formula.outside)
        module = formula.function.__globals__
        self._taken = {*formula.local, *self.outside, *module}
        found = (
            name for name, value in {**self.outside, **module}.items() if value is math and name not in formula.local
        )
        self.math = next(found, "") or self.fresh("math")
        self.outside[self.math] = math

    def fresh(self, wish: str) -> str:
        """A name that is not in use: `wish`, or `wish` with a number."""
        wish = self.plain(wish)
        name, number = wish, 1
        while name in self._taken:
            number += 1
            name = f"{wish}{number}" if not wish[-1].isdigit() else f"{wish}_{number}"
        self._taken.add(name)
        self.wishes[name] = wish
        return name

    def plain(self, name: str) -> str:
        """What a name would best be called."""
        return self.wishes.get(name, name)

    def fixed(self, wish: str) -> str:
        """The same, for a name that stays as it is."""
        name = self.fresh(wish)
        del self.wishes[name]
        return name

    def reserve(self, names: Iterable[str]) -> None:
        """Names that new ones must not have."""
        self._taken |= set(names)

    def temporary(self) -> str:
        """A name for something that the author has given none."""
        return self.fresh("t1")

    def of_value(self, wish: str, value: Any) -> str:
        """The name of something from outside the function, which gets one if it has none."""
        for name, known in self.outside.items():
            if known is value and name.rstrip("0123456789_") == wish.rstrip("0123456789_"):
                return name
        name = self.fresh(wish)
        self.outside[name] = value
        return name


class Abroad:
    """Parts of one function moved to another: the names that they have from outside come along."""

    def __init__(self, formula: form.Formula, names: Names) -> None:
        self.formula = formula
        self.names = names

    def moved(self, node: form.Node) -> Any:
        """The part, for its new place."""
        match node:
            case form.Named(written=written, value=value):
                module, _, constant = written.rpartition(".")
                name = f"{self.names.math}.{constant}" if module else self.names.of_value(written, value)
                return replace(node, written=name)
            case form.Call(name=name):
                node = replace(node, written=name if name in BUILTINS else f"{self.names.math}.{name}")
            case form.Helper(function=function):
                node = replace(node, written=self.names.of_value(identifier(function), function))
            case form.Entry(written=written, values=values):
                node = replace(node, written=self.names.of_value(written, values))
        return form.rebuilt(node, self.moved)


def renamed(node: form.Node, new: Mapping[str, Expression]) -> Any:
    """A part with other names, or with expressions for names; those of rows and of loops can only be names."""

    def other(name: str) -> str:
        expression = new.get(name)
        return expression.id if isinstance(expression, Name) else name

    match node:
        case Name(id=name):
            return replace(new[name], line=node.line) if name in new else node
        case Index(row=row, index=index):
            return replace(node, row=other(row), index=renamed(index, new))
        case form.Sorted(name=name, row=row) | form.Zeros(name=name, row=row):
            return replace(node, name=other(name), row=other(row))
        case For(name=name):
            node = replace(node, name=other(name))
    return form.rebuilt(node, lambda part: renamed(part, new))


def own_names(node: form.Node) -> tuple[str, ...]:
    """The names of a node itself, without its parts."""
    match node:
        case Name(id=name) | Index(row=name) | For(name=name):
            return (name,)
        case form.Sorted(name=name, row=row) | form.Zeros(name=name, row=row):
            return name, row
    return ()


def names_in(node: form.Node) -> set[str]:
    """The names and rows that stand in a statement or an expression."""
    return {
        part.id if isinstance(part, Name) else part.row for part in form.walk([node]) if isinstance(part, Name | Index)
    }
