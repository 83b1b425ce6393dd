"""Which expressions and names are integers: indices, counts, lengths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.python import plain_text
from neurosim.formulas.source import refuse


def check_integer(function: Callable[..., Any], node: form.Expression) -> None:
    """Refuse an index, or a bound of a loop, that is clearly not an integer."""
    match node:
        case form.Const() | form.Name() | form.Call(name="int" | "len"):
            return
        case form.Named(written=name, value=value):
            if not float(value).is_integer():
                raise refuse(function, node.line, f"{name} is not an integer", "index with integers")
        case form.Binary(left=left, right=right):
            check_integer(function, left)
            check_integer(function, right)
        case form.Unary(operand=operand):
            check_integer(function, operand)
        case _:
            what = f"{plain_text(node)} is not an integer"
            raise refuse(function, node.line, what, "index with loop variables, or write int(...)")
