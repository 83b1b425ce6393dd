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


def integer_names(formula: form.Formula, arguments: set[str]) -> set[str]:
    """Names that only ever hold integers: loop variables, lengths, and sums of these; `arguments` are known to."""
    assigned: dict[str, list[form.Expression | None]] = {}
    for part in form.walk(formula.body):
        match part:
            case form.For(name=name):
                assigned.setdefault(name, []).append(None)
            case form.Assign(targets=[form.Name(id=name)], value=value):
                assigned.setdefault(name, []).append(value)
            case form.Augment(target=form.Name(id=name), value=value):
                assigned.setdefault(name, []).append(value)
    indexing = _indexing_names(formula)
    candidates = {
        name
        for name, values in assigned.items()
        # A name that starts as a bare literal is a float unless it is used to count or to index.
        if name in indexing or not all(isinstance(value, form.Const) for value in values)
    }
    # An argument is what the caller gives, whatever is assigned to it later.
    candidates -= set(formula.params) - arguments
    while True:
        known = candidates | arguments
        wrong = {name for name in candidates if not all(_stays_integer(value, known) for value in assigned[name])}
        if not wrong:
            return known
        candidates -= wrong


def _stays_integer(value: form.Expression | None, known: set[str]) -> bool:
    match value:
        case None | form.Const(value=int()) | form.Call(name="len" | "int"):
            return True
        case form.Name(id=name):
            return name in known
        case form.Binary(operator="+" | "-" | "*" | "//" | "%", left=left, right=right):
            return _stays_integer(left, known) and _stays_integer(right, known)
        case form.Unary(operator="-", operand=operand):
            return _stays_integer(operand, known)
    return False


def of_integers(node: form.Expression, integers: set[str]) -> bool:
    """Whether an expression is made of literals and of names in `integers` only."""
    foreign = form.Named | form.Index | form.Call | form.Helper
    return not any(
        isinstance(part, foreign) or (isinstance(part, form.Name) and part.id not in integers)
        for part in form.walk([node])
    )


def indexing_arguments(formula: form.Formula) -> set[int]:
    """Positions of the arguments that a function uses as an index or in ``range``."""
    indexing = _indexing_names(formula)
    return {place for place, name in enumerate(formula.params) if name in indexing}


def _indexing_names(formula: form.Formula) -> set[str]:
    """Names that stand in an index or in ``range``."""
    places: list[form.Expression] = []
    for part in form.walk(formula.body):
        match part:
            case form.Index(index=index):
                places.append(index)
            case form.For(bounds=bounds):
                places += bounds
    return {part.id for part in form.walk(places) if isinstance(part, form.Name)}
