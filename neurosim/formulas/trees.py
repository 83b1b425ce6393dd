"""An author's formula as a tree of lists, so that the page can make machine code of it.

An expression is a number, a name, or a list of an operation and what it is of: ``["*", 2.0, ["exp", "z"]]``. Statements
are such lists too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from neurosim.errors import PluginError
from neurosim.formulas import form
from neurosim.formulas.printer import Printer
from neurosim.formulas.reader import read

# A tree by the name of its function.
Trees = dict[str, dict[str, Any]]


class TreePrinter(Printer):
    """Writes one formula; `name` gives the name of a function that it calls, whose tree it sees to."""

    refusal = ("this has no tree", "use arithmetic, if, loops over rows and functions of math")

    def __init__(self, formula: form.Formula, name: Callable[[Callable[..., Any]], str]) -> None:
        super().__init__(formula)
        self._name = name

    def tree(self) -> dict[str, Any]:
        """The arguments and the statements."""
        return {"params": list(self.formula.params), "body": self.write_all(self.formula.body)}

    # Statements ---------------------------------------------------------------------------------------------

    def write_assign(self, node: form.Assign) -> list[Any]:
        return ["=", self.write_all(node.targets), self.write(node.value)]

    def write_do(self, node: form.Do) -> list[Any]:
        return ["do", self.write(node.call)]

    def write_return(self, node: form.Return) -> list[Any]:
        return ["return"] if node.value is None else ["return", self.write(node.value)]

    def write_if(self, node: form.If) -> list[Any]:
        return ["if", self.write(node.test), self.write_all(node.body), self.write_all(node.orelse)]

    def write_for(self, node: form.For) -> list[Any]:
        return ["for", node.name, self.write_all(node.bounds), self.write_all(node.body)]

    # Expressions --------------------------------------------------------------------------------------------

    def write_const(self, node: form.Const) -> Any:
        return self._number(node.value)

    def write_named(self, node: form.Named) -> Any:
        return self._number(node.value)

    def _number(self, value: float) -> Any:
        if isinstance(value, bool):
            return int(value)
        if math.isfinite(value):
            return value
        return ["/", 0 if math.isnan(value) else 1 if value > 0 else -1, 0]

    def write_name(self, node: form.Name) -> str:
        return node.id

    def write_index(self, node: form.Index) -> list[Any]:
        return ["[]", node.row, self.write(node.index)]

    def write_entry(self, node: form.Entry) -> list[Any]:
        return ["entry", self.write(node.index), *map(self._number, node.values)]

    def write_unary(self, node: form.Unary) -> Any:
        operand = self.write(node.operand)
        return operand if node.operator == "+" else ["not" if node.operator == "not" else "neg", operand]

    def write_binary(self, node: form.Binary) -> list[Any]:
        return [node.operator, self.write(node.left), self.write(node.right)]

    def write_bool(self, node: form.Bool) -> list[Any]:
        return [node.operator, *self.write_all(node.operands)]

    def write_compare(self, node: form.Compare) -> list[Any]:
        sides = self.write_all(node.operands)
        pairs = zip(node.operators, sides, sides[1:], strict=False)
        return ["and", *([operator, left, right] for operator, left, right in pairs)]

    def write_choice(self, node: form.Choice) -> list[Any]:
        return ["?", *self.write_all([node.test, node.body, node.orelse])]

    def write_tuple(self, node: form.Tuple) -> list[Any]:
        return ["tuple", *self.write_all(node.items)]

    def write_call(self, node: form.Call) -> list[Any]:
        return [node.name, *self.write_all(node.arguments)]

    def write_helper(self, node: form.Helper) -> list[Any]:
        return ["call", self._name(node.function), *self.write_all(node.arguments)]


def add_tree(trees: Trees, name: str, formula: form.Formula, named: Callable[[Callable[..., Any]], str]) -> None:
    """Add the tree of a formula, and those of all that it calls, unless one of them has something that trees lack."""
    found: Trees = {}

    def called(function: Callable[..., Any]) -> str:
        own = named(function)
        if own not in trees and own not in found:
            found[own] = TreePrinter(read(function), called).tree()
        return own

    try:
        found[name] = TreePrinter(formula, called).tree()
    except PluginError:
        return
    trees.update(found)
