"""A formula as a plain list of statements, for the derivation in reverse: one result at the end, no calls of helpers.

Early returns become branches, ``continue`` too; several assignments at once become one after the other; the author's
functions that are called with what is varied are written out where they are called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.activity import Activity, assigned_names, with_sorted
from neurosim.formulas.form import Assign, Choice, Const, Expression, For, If, Index, Name, Statement
from neurosim.formulas.kinks import Kinks
from neurosim.formulas.names import Abroad, Names, own_names, renamed
from neurosim.formulas.reader import read
from neurosim.formulas.reversible import NotReversibleError
from neurosim.formulas.running import is_sum, with_extremes

# More rounds of a loop with constant bounds than these are not written out.
MOST_ROUNDS = 16


class Lowering(Activity):
    """Lowers one formula.

    Parameters
    ----------
    formula : Formula
        The author's.
    names : Names
        Of the function that is written.
    rows : set of str
        Arguments that are rows of which entries are varied.
    """

    def __init__(
        self, formula: form.Formula, names: Names, rows: set[str], active: set[str], callers: Sequence[Any] = ()
    ) -> None:
        self.formula = formula
        self.callers = (*callers, formula.function)
        self.names = names
        self.rows = with_sorted(formula.body, rows)
        self.active = self.find_active(active)

    def result(self, name: str) -> list[Statement]:
        """Its statements, the last of which give `name` the value that it returns."""
        return self._block(_one_end(self.formula.body, name))

    def _block(self, statements: Iterable[Statement]) -> list[Statement]:
        written: list[Statement] = []
        for node in statements:
            self._statement(node, written)
        return written

    def _statement(self, node: Statement, written: list[Statement]) -> None:
        match node:
            case form.Augment():
                self._statement(node.plain, written)
            case Assign(targets=[form.Tuple(items=targets)], value=form.Tuple(items=values)):
                kept = []
                for target, value in zip(targets, values, strict=True):
                    wish = target.id if isinstance(target, Name) else "entry"
                    kept.append(Name(self.names.fresh(wish)))
                    self.active |= {kept[-1].id} if self.depends(value, self.active) else set()
                    self._statement(Assign((kept[-1],), value), written)
                written += [Assign((target,), name) for target, name in zip(targets, kept, strict=True)]
            case Assign(targets=[target], value=value) if not isinstance(target, form.Tuple):
                written.append(replace(node, value=self._expression(value, written)))
            case Assign():
                raise NotReversibleError(node.line, "several names get the results of one function")
            case form.Do(call=call):
                self._call(call, written)
            case If(body=body, orelse=orelse):
                written.append(replace(node, body=tuple(self._block(body)), orelse=tuple(self._block(orelse))))
            case For(body=body):
                written += self._loop(replace(node, body=tuple(_one_round(body))))
            case form.Jump(word="pass"):
                pass
            case _:
                written.append(node)

    def _loop(self, node: For) -> list[Statement]:
        """A loop; one with few rounds that hands numbers from round to round is written out."""
        loop = replace(node, body=tuple(with_extremes(_by_one_name(node.name, self._block(node.body)))))
        bounds = [_whole(bound) for bound in node.bounds]
        known = [bound for bound in bounds if bound is not None]
        if len(known) < len(bounds) or not self._hands_on(loop) or known[2:] == [0]:
            return [loop]
        rounds = range(*known)
        if len(rounds) > MOST_ROUNDS or any(isinstance(part, form.Jump) for part in form.walk(loop.body)):
            return [loop]
        written: list[Statement] = []
        for k in rounds:
            written += (renamed(part, {node.name: Const(k)}) for part in loop.body)
        return written

    def _hands_on(self, loop: For) -> bool:
        """Whether a loop changes, other than by adding to it, what it has from its round before."""
        names = {name for name, _ in assigned_names(loop.body)}
        return any(name in self.active and not is_sum(loop.body, name) for name in names)

    # Calls of helpers ---------------------------------------------------------------------------------------

    def _expression(self, node: Expression, written: list[Statement]) -> Expression:
        """An expression without calls of helpers that depend on what is varied."""
        if not self.depends(node, self.active) or not any(isinstance(part, form.Helper) for part in form.walk([node])):
            return node
        match node:
            case Choice(test=test, body=body, orelse=orelse):
                name = Name(self.names.fresh("choice"))
                self.active.add(name.id)
                sides = [tuple(self._block([Assign((name,), side)])) for side in (body, orelse)]
                written.append(If(test, *sides))
                return name
            case form.Helper():
                arguments = [self._expression(argument, written) for argument in node.arguments]
                return self._call(replace(node, arguments=tuple(arguments)), written)

        def lowered(part: form.Node) -> form.Node:
            return self._expression(part, written) if isinstance(part, Expression) else part

        return form.rebuilt(node, lowered)  # type: ignore[no-any-return]

    def _call(self, node: form.Helper, written: list[Statement]) -> Expression:
        formula = read(node.function)
        if node.function in self.callers:
            raise NotReversibleError(node.line, f"{formula.name} calls itself")
        # What is written out in it must not have the names that it has until it is written out itself.
        self.names.reserve(formula.local)
        loops = any(isinstance(part, For | form.While) for part in form.walk(formula.body))
        rows = {
            param: argument.id
            for param, argument in zip(formula.params, node.arguments, strict=True)
            if isinstance(argument, Name) and _is_row(formula, param)
        }
        if loops and not rows:
            return node
        given = {
            param: self.depends(argument, self.active)
            for param, argument in zip(formula.params, node.arguments, strict=True)
        }
        varied = {param for param, row in rows.items() if row in self.rows}
        numbers = {param for param, depends in given.items() if depends and param not in rows}
        inner = Lowering(formula, self.names, varied, numbers, self.callers)
        result = self.names.fresh(formula.name)
        body = inner.result(result)
        own = {name for part in form.walk(body) for name in own_names(part)} | set(formula.params)
        own.discard(result)
        new = {name: Name(rows[name] if name in rows else self.names.fresh(name)) for name in sorted(own)}
        for param, argument in zip(formula.params, node.arguments, strict=True):
            if param not in rows:
                written.append(Assign((new[param],), argument))
        abroad = Abroad(formula, self.names)
        written += (renamed(abroad.moved(part), new) for part in body)
        self.active |= {new[name].id for name in inner.active if name in new}
        self.rows |= {new[name].id for name in inner.rows if name in new}
        self.active.add(result)
        return Name(result)


def with_kinks_together(formula: form.Formula, varied: str) -> form.Formula:
    """The formula; with the functions that it calls written out if kinks in different ones of them lie together."""
    names = Names(formula)
    lowering = Lowering(formula, names, set(), {varied})
    value = names.fresh("value")
    try:
        body = (*lowering.result(value), form.Return(Name(value)))
    except NotReversibleError:
        return formula
    together = Kinks(body, lambda node: lowering.depends(node, lowering.active)).count_shared()
    if together == _shared_apart(formula, {varied}):
        return formula
    return replace(formula, body=body, local=(*formula.local, *names.wishes), outside=names.outside)


def _shared_apart(formula: form.Formula, varied: set[str]) -> int:
    """How many kinks lie where one of another kind in the same function does."""
    activity = Lowering(formula, Names(formula), set(), varied)
    count = Kinks(formula.body, lambda node: activity.depends(node, activity.active)).count_shared()
    for part in form.walk(formula.body):
        if isinstance(part, form.Helper) and activity.depends(part, activity.active):
            inner = read(part.function)
            given = zip(inner.params, part.arguments, strict=True)
            count += _shared_apart(inner, {param for param, node in given if activity.depends(node, activity.active)})
    return count


def _is_row(formula: form.Formula, param: str, callers: Sequence[Any] = ()) -> bool:
    """Whether an argument of a helper is used as a row, by it or by one that it calls."""
    callers = (*callers, formula.function)
    for part in form.walk(formula.body):
        match part:
            case Index(row=name) | form.Call(name="len", arguments=[Name(id=name)]) if name == param:
                return True
            case form.Sorted(row=name) if name == param:
                return True
            case form.Helper(function=function, arguments=arguments) if function not in callers:
                inner = read(function)
                places = [k for k, argument in enumerate(arguments) if argument == Name(param)]
                if any(_is_row(inner, inner.params[place], callers) for place in places):
                    return True
    return False


def _whole(node: Expression) -> int | None:
    """The value of a constant bound of a loop."""
    match node:
        case Const(value=value) | form.Named(value=value) if float(value).is_integer():
            return int(value)
        case form.Unary(operator="-", operand=operand) if (number := _whole(operand)) is not None:
            return -number
    return None


def _by_one_name(variable: str, body: Sequence[Statement]) -> list[Statement]:
    """Statements of a loop that call its variable by one name only: ``for k, v in enumerate(z)`` gives it another."""
    stored = Counter(name for name, _ in assigned_names(body))
    new: dict[str, Expression] = {}
    written: list[Statement] = []
    for node in body:
        written.append(renamed(node, new))
        match node:
            case Assign(targets=[Name(id=name)], value=Name(id=value)) if value == variable and stored[name] == 1:
                if variable not in stored:
                    new[name] = Name(variable)
    return written


def _holds(node: form.Node, wanted: Callable[[form.Node], bool]) -> bool:
    """Whether a statement holds one of a kind, loops inside it left out."""
    if wanted(node):
        return True
    return not isinstance(node, For | form.While) and any(_holds(part, wanted) for part in form.parts(node))


def _one_end(statements: Sequence[Statement], name: str) -> list[Statement]:
    """Statements with branches in place of early returns, and a name for the result."""
    written: list[Statement] = []
    for place, node in enumerate(statements):
        if isinstance(node, form.Return):
            return [*written, *([Assign((Name(name),), node.value, line=node.line)] if node.value else [])]
        if isinstance(node, If) and any(isinstance(part, form.Return) for part in form.walk([node])):
            rest = statements[place + 1 :]
            sides = [tuple(_one_end([*side, *rest], name)) for side in (node.body, node.orelse)]
            return [*written, replace(node, body=sides[0], orelse=sides[1])]
        if any(isinstance(part, form.Return) for part in form.walk([node])):
            raise NotReversibleError(node.line, "a loop ends with return")
        written.append(node)
    return written


def _one_round(statements: Sequence[Statement]) -> list[Statement]:
    """Statements of a loop with branches in place of ``continue``."""

    def ends(node: form.Node) -> bool:
        return isinstance(node, form.Jump) and node.word == "continue"

    written: list[Statement] = []
    for place, node in enumerate(statements):
        if ends(node):
            return written
        if isinstance(node, If) and _holds(node, ends):
            rest = statements[place + 1 :]
            sides = [tuple(_one_round([*side, *rest])) for side in (node.body, node.orelse)]
            return [*written, replace(node, body=sides[0], orelse=sides[1])]
        written.append(node)
    return written
