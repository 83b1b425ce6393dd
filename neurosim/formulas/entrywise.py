"""A formula that goes through rows entry by entry, as the formula for one entry.

``for k in range(len(a)): total += (a[k] - y[k]) ** 2`` has the entry ``(a - y) ** 2``; so has a loop that sets
``da[k]`` to it. What looks at several entries at once has no such formula.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.form import Assign, Augment, Binary, Call, Const, For, Formula, Index, Name, Return, Statement
from neurosim.formulas.running import is_sum

_INSTEAD = "go through the entries with for k in range(len(a)), and look at entry k only"


def entry_of_sum(formula: Formula, width: int) -> Formula:
    """What one entry adds to the result, of a formula that returns a sum over all `width` entries of a row.

    Raises
    ------
    PluginError
        Naming file and line, for a formula that is no such sum.
    """
    match formula.body:
        case (Assign((Name(total),), Const(0)), For() as loop, Return(result)) if result is not None:
            match result:
                case Name(name) | Binary("/", Name(name), Call("len") | Const()):
                    alone = name == total and is_sum([_plain(node) for node in loop.body], total)
                case _:
                    alone = False
            if alone:
                body = (*_entry(formula, loop, width, ""), Return(_without_rows(formula, result, "", width)))
                return replace(formula, body=(Assign((Name(total),), Const(0)), *body))
    raise formula.refuse(formula.line, "this is no sum over the entries of a row", _INSTEAD)


def entry_of_row(formula: Formula, row: str, width: int) -> Formula:
    """What a formula that fills a row with `width` entries sets one entry to; raises as `entry_of_sum` does."""
    match formula.body:
        case (For() as loop,):
            params = tuple(name for name in formula.params if name != row)
            body = (*_entry(formula, loop, width, row), Return(Name(row)))
            return replace(formula, params=params, body=body)
    raise formula.refuse(formula.line, "this does not set the entries of a row one by one", _INSTEAD)


def _plain(node: form.Node) -> Any:
    return node.plain if isinstance(node, Augment) else form.rebuilt(node, _plain)


def _entry(formula: Formula, loop: For, width: int, row: str) -> tuple[Statement, ...]:
    """The body of a loop over all entries, for one of them."""
    match loop.bounds:
        case (Call("len"),):
            return tuple(_without_rows(formula, node, loop.name, width) for node in loop.body)
    raise formula.refuse(loop.line, "this does not go through all entries of a row", _INSTEAD)


def _without_rows(formula: Formula, node: form.Node, place: str, width: int) -> Any:
    def change(part: form.Node) -> form.Node:
        match part:
            case Index(row, Name(index)) if index == place:
                return Name(row)
            case Call("len"):
                return Const(width)
            case Name(name) if name == place:
                raise formula.refuse(part.line, "this depends on where in the row an entry is", _INSTEAD)
            case Index():
                raise formula.refuse(part.line, "this looks at another entry", _INSTEAD)
        return form.rebuilt(part, change)  # type: ignore[no-any-return]

    return change(node)
