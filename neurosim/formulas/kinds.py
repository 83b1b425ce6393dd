"""What the names of a formula are: numbers, rows, the indices of classes, integers; mixtures are refused.

Compilers would refuse them too, but in words of their own. These checks speak of the author's line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from neurosim.formulas import form
from neurosim.formulas.form import Formula, walk
from neurosim.formulas.python import plain_text
from neurosim.formulas.rows import OF_A_ROW, PLACES
from neurosim.formulas.source import counted, refuse

_WHOLE_ROW = "a RowActivation gets the whole row"

# All rows have one length, but a short one has fewer entries. A class is the index of an entry of a row, an integer any
# other integer.
ArgumentKind = Literal["number", "row", "short", "class", "integer"]
ROWS = ("row", "short")


# No integer of a formula has to be greater.
GREATEST = 2**31


def check_kinds(formula: Formula, arguments: Sequence[ArgumentKind], results: int | None) -> None:
    """Check the use of rows and numbers, and what is returned.

    Parameters
    ----------
    formula : Formula
        As it was read.
    arguments : sequence of {"number", "row", "short", "class"}
        What each argument is.
    results : int or None
        How many numbers it must return; 0 where it fills a row, None where any will do.

    Raises
    ------
    PluginError
        Naming file and line.
    """
    refuse = formula.refuse
    rows = {name for name, kind in zip(formula.params, arguments, strict=False) if kind in ROWS} | own_rows(formula)
    whole: set[int] = set()  # names of rows where a whole row may stand
    for node in walk(formula.body):
        match node:
            case form.Sorted(name=name, row=row):
                if row not in rows:
                    raise refuse(node.line, f"{row} is a number, not a row", "sort a row")
                if name in formula.params:
                    raise refuse(node.line, f"the argument {name} is assigned to", f"ordered = sorted({row})")
            case form.Helper(function=function, arguments=(form.Name(id=name),)) if (
                function in OF_A_ROW.values() and name not in rows
            ):
                called = next(word for word, value in OF_A_ROW.items() if value is function)
                instead = name if called == "sum" else f"{called}({name}, 0.0)"
                raise refuse(node.line, f"{called}({name}) needs a row, and {name} is a number", instead)
            case form.Call(name="len", arguments=(form.Name(id=name),)) if name not in rows:
                raise refuse(node.line, f"{name} is a number, and has no length", _WHOLE_ROW)
            case form.Call(name="len", arguments=given) | form.Helper(arguments=given):
                whole |= {id(argument) for argument in given if isinstance(argument, form.Name)}
                if isinstance(node, form.Helper) and node.function is formula.function:
                    raise refuse(node.line, f"{node.function.__name__} calls itself", "use a loop")
            case form.Assign(targets=targets):
                for target in targets:
                    _check_names(formula, rows, target.items if isinstance(target, form.Tuple) else [target])
            case form.For(name=name):
                _check_names(formula, rows, [form.Name(name, line=node.line)])
            case form.Name(id=name) if name in rows and id(node) not in whole:
                what = f"the row {name} is used as a number"
                raise refuse(node.line, what, f"take one entry, {name}[k], or sum({name}) or max({name})")
            case form.Index(row=name) if name not in rows:
                raise refuse(node.line, f"{name} is a number, not a row", f"use it without an index; {_WHOLE_ROW}")
            case form.Index(row=name, index=form.Name(id=place)) if place in rows:
                instead = f'{place}[k]; if {place} is the index of the right class, write Loss(..., targets="classes")'
                raise refuse(node.line, f"the row {place} is used as a number", instead)
            case form.Return() if results is not None:
                _check_results(formula, node, results, [name for name in formula.params if name in rows])
    gives = any(isinstance(node, form.Return) and node.value is not None for node in walk(formula.body))
    if (results or gives) and not _returns(formula.body):
        what = f"{formula.name} can end without a result"
        raise refuse(formula.body[-1].line, what, "end every path with return")


def short_rows(formula: Formula, given: Iterable[str]) -> set[str]:
    """Names of rows that may have fewer entries than others: arguments, and what is sorted of them."""
    found = set(given)
    ordered = [part for part in walk(formula.body) if isinstance(part, form.Sorted | form.Zeros)]
    for _ in ordered:  # one may be sorted again
        found |= {part.name for part in ordered if part.row in found}
    return found


def own_rows(formula: Formula) -> set[str]:
    """Names of rows that the function makes itself."""
    return {part.name for part in walk(formula.body) if isinstance(part, form.Sorted | form.Zeros)}


def _check_names(formula: Formula, rows: set[str], targets: Iterable[form.Expression]) -> None:
    """Refuse rows among what is assigned to."""
    for target in targets:
        if isinstance(target, form.Name) and target.id in rows:
            what = f"the row {target.id} is assigned to"
            raise formula.refuse(target.line, what, f"set its entries, {target.id}[k]")


def _check_results(formula: Formula, node: form.Return, results: int, rows: Sequence[str]) -> None:
    count = 0 if node.value is None else len(node.value.items) if isinstance(node.value, form.Tuple) else 1
    if results == 0 and count:
        instead = f"fill the row that is given, {rows[-1] if rows else 'a'}[k] = ...; return nothing"
        raise formula.refuse(node.line, "a value is returned", instead)
    if count != results:
        what = f"{counted(count, 'value')} returned, {results} expected"
        several = "return the new w, then each slot in order; a direction returns u in place of w"
        instead = "return one number; a derivative has a function of its own" if results == 1 else several
        raise formula.refuse(node.line, what, instead)


def _returns(statements: Sequence[form.Statement]) -> bool:
    """Whether a block returns on every path through it."""
    for statement in statements:
        match statement:
            case form.Return() | form.While(test=form.Const(value=True)):
                return True
            case form.If(body=body, orelse=orelse) if _returns(body) and _returns(orelse):
                return True
    return False


# Integers: indices, counts, lengths ---------------------------------------------------------------------------


def check_integer(function: Callable[..., Any], node: form.Expression) -> None:
    """Refuse an index, or a bound of a loop, that is clearly not an integer."""
    match node:
        case form.Name() | form.Call(name="int" | "len"):
            return
        case form.Const(value=value) if isinstance(value, float):
            instead = f"write {int(value)}" if value.is_integer() else "index with integers"
            raise refuse(function, node.line, f"{plain_text(node)} is not an integer", instead)
        case form.Const(value=value):
            if abs(value) > GREATEST:
                raise refuse(function, node.line, f"no row is as long as {value}", "index with smaller integers")
        case form.Helper(function=called) if called in PLACES:
            return
        case form.Call(name="min" | "max", arguments=arguments):
            for argument in arguments:
                check_integer(function, argument)
        case form.Named(written=name, value=value):
            if not isinstance(value, int):
                raise refuse(function, node.line, f"{name} is not an integer", "index with integers")
        case form.Binary(operator="/" | "**" as operator, left=left, right=right):
            x, y = plain_text(left), plain_text(right)
            instead = f"write {x} // {y}" if operator == "/" else f"write int({x} ** {y}), or a product"
            raise refuse(function, node.line, f"{plain_text(node)} may not be an integer", instead)
        case form.Binary(left=left, right=right):
            check_integer(function, left)
            check_integer(function, right)
        case form.Unary(operand=operand):
            check_integer(function, operand)
        case _:
            what = f"{plain_text(node)} is not an integer"
            raise refuse(function, node.line, what, "index with loop variables, or write int(...)")


def integer_names(formula: Formula, arguments: set[str]) -> set[str]:
    """Names that only ever hold integers: loop variables, lengths, and sums of these; `arguments` are known to."""
    assigned: dict[str, list[form.Expression | None]] = {}
    for part in walk(formula.body):
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
        case form.Helper(function=function):
            return function in PLACES
        case form.Call(name="min" | "max", arguments=arguments):
            return all(_stays_integer(argument, known) for argument in arguments)
        case form.Binary(operator="+" | "-" | "*" | "//" | "%", left=left, right=right):
            return _stays_integer(left, known) and _stays_integer(right, known)
        case form.Unary(operator="-", operand=operand):
            return _stays_integer(operand, known)
    return False


def of_integers(node: form.Expression, integers: set[str]) -> bool:
    """Whether an expression is made of literals and of names in `integers` only."""
    foreign = form.Named | form.Index | form.Entry | form.Call | form.Helper
    return _stays_integer(node, integers) or not any(
        isinstance(part, foreign) or (isinstance(part, form.Name) and part.id not in integers) for part in walk([node])
    )


def indexing_arguments(formula: Formula, of_helper: Callable[[Callable[..., Any]], set[int]]) -> set[int]:
    """Positions of the arguments that a function uses as an index or in ``range``, or passes on for that.

    `of_helper` answers the same for the functions that it calls.
    """
    indexing = _indexing_names(formula)
    for part in walk(formula.body):
        match part:
            case form.Helper(function=function, arguments=arguments):
                passed = [arguments[place] for place in of_helper(function)]
                indexing |= {argument.id for argument in passed if isinstance(argument, form.Name)}
    return {place for place, name in enumerate(formula.params) if name in indexing}


def _indexing_names(formula: Formula) -> set[str]:
    """Names that stand in an index or in ``range``."""
    places: list[form.Expression] = []
    for part in walk(formula.body):
        match part:
            case form.Index(index=index) | form.Entry(index=index):
                places.append(index)
            case form.For(bounds=bounds):
                places += bounds
    return {part.id for part in walk(places) if isinstance(part, form.Name)}
