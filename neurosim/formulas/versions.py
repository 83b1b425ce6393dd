"""Lowered statements as steps: each an operation on names, and each name with a single value.

A name that gets a second value becomes a second name (static single assignment), so that the derivation in reverse can
still ask for the first. What a loop hands from round to round has a name of its own before, in and after the loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.activity import Activity, assigned_names, with_sorted
from neurosim.formulas.form import (
    Assign,
    Binary,
    Call,
    Choice,
    Const,
    Expression,
    For,
    If,
    Index,
    Name,
    Statement,
    Unary,
)
from neurosim.formulas.kinks import Kinks
from neurosim.formulas.names import Names, renamed
from neurosim.formulas.python import plain_text
from neurosim.formulas.reversible import NotReversibleError
from neurosim.formulas.running import added_to, is_extreme, is_sum, larger_of
from neurosim.formulas.steps import Add, Branch, Carried, Fixed, Loop, Order, Pick, Set, Step
from neurosim.formulas.terms import number_of


class Versions(Activity):
    """Makes steps of lowered statements.

    Parameters
    ----------
    formula : Formula
        The author's, its body lowered.
    names : Names
        Of the function that is written.
    rows : set of str
        Arguments that are rows of which entries are varied.

    Attributes
    ----------
    shared : set of str
        Names whose values have a kink where another kind of kink lies, see `neurosim.formulas.kinks`.
    at_end : dict of str to (str, str)
        For names of the formula's that a loop sets, what they are called at the end of a round, and the loop's
        variable.
    """

    def __init__(self, formula: form.Formula, names: Names, rows: set[str]) -> None:
        self.formula = formula
        self.names = names
        self.rows = with_sorted(formula.body, rows)
        self.active = self.find_active(set())
        self.tame = self.find_tame(set(formula.params))
        active = set(self.active)
        self.kinks = Kinks(formula.body, lambda node: self.depends(node, active))
        self.shared: set[str] = set()
        self.at_end: dict[str, tuple[str, str]] = {}
        self._unused = {name for name, _ in assigned_names(formula.body)} - set(formula.params)
        self._now: dict[str, str] = {name: name for name in formula.params}
        self._running: set[str] = set()
        self._steps: list[Step] = []
        self._depth = 0
        self._made: set[str] = set()  # rows
        self._done: dict[Expression, str] = {}

    def steps(self) -> tuple[Step, ...]:
        """Those of the formula."""
        return self._block(self.formula.body)

    def now(self, name: str) -> str:
        """What a name of the formula's is called at the end."""
        return self._now[name]

    # Names --------------------------------------------------------------------------------------------------

    def _version(self, name: str) -> str:
        if name in self._unused:
            self._unused.discard(name)
            self.names.wishes.setdefault(name, name)
            return name
        return self._like(name, self.names.fresh(name))

    def _like(self, name: str, new: str) -> str:
        for names in (self.active, self.tame):
            if name in names:
                names.add(new)
        return new

    def _renamed(self, node: form.Node) -> Expression:
        return renamed(node, {name: Name(now) for name, now in self._now.items()})  # type: ignore[no-any-return]

    def _bound(self, node: Expression, name: str = "", *, active: bool) -> Name:
        """A name for the value of an operation, the one that it has already if there is one."""
        if node in self._done:
            return Name(self._done[node])
        self._done[node] = name = name or self.names.temporary()
        if active:
            self.active.add(name)
        if self.is_tame(node, self.tame):
            self.tame.add(name)
        self._steps.append(Set(name, node))
        return Name(name)

    # Statements ---------------------------------------------------------------------------------------------

    def _block(self, statements: Iterable[Statement]) -> tuple[Step, ...]:
        around, self._steps = self._steps, []
        self._depth += 1
        done, self._done = self._done, dict(self._done)
        for node in statements:
            self._statement(node)
        steps, self._steps, self._done = self._steps, around, done
        self._depth -= 1
        return tuple(steps)

    def _statement(self, node: Statement) -> None:
        assigned = dict.fromkeys(name for name, _ in assigned_names([node]))
        match node:
            case Assign(targets=[Name(id=name)]) if name in self._running:
                self._run(node, name)
            case Assign(targets=[Name(id=name)], value=value):
                if self.depends(value, self.active):
                    new = self._version(name) if not isinstance(value, Name) else ""
                    self._set(name, new, value)
                else:
                    given = self._renamed(value)
                    self._now[name] = new = self._version(name)
                    self._steps.append(Set(new, given))
            case Assign():
                raise NotReversibleError(node.line, "an entry of a row is set")
            case form.Sorted(row=row) if row not in self.rows:
                self._steps.append(Fixed(node))
            case If() | For() | form.While() if not any(name in self.active for name in assigned):
                self._fixed(node, assigned)
            case If():
                self._branch(node)
            case For():
                self._loop(node, assigned)
            case form.Sorted(name=name, row=row, descending=descending):
                if self._depth > 1 or name in self._made:
                    raise NotReversibleError(node.line, f"{row} is sorted in a loop or under a name that has been used")
                self._made.add(name)
                self._steps.append(Order(name, row, descending))
            case _:
                raise NotReversibleError(node.line, "a while loop changes what depends on the inputs")

    def _set(self, name: str, new: str, value: Expression) -> None:
        operation = self._operation(value, new)
        self._now[name] = new = new or self._version(name)
        self._steps.append(Set(new, operation))

    def _run(self, node: Assign, name: str) -> None:
        found = added_to(node, name)
        if found is not None:
            sign, value = found
            self._steps.append(Add(self._now[name], sign, self._atom(value)))
            return
        for kind in ("max", "min"):
            other = larger_of(node, name, kind)
            if other is not None:
                value = self._atom(other)
                change = _replaced(self._renamed(node.value), self._renamed(other), value)
                self._steps.append(Pick(self._now[name], value, change))
                return

    def _fixed(self, node: Statement, assigned: Iterable[str]) -> None:
        """A statement that stays as it is, but for its names."""
        if any(isinstance(part, form.Sorted | form.Do) for part in form.walk([node])):
            raise NotReversibleError(node.line, "a row is sorted, or filled by another function")
        if any(
            isinstance(target, Index)
            for part in form.walk([node])
            if isinstance(part, Assign)
            for target in part.targets
        ):
            raise NotReversibleError(node.line, "an entry of a row is set")
        new: dict[str, str] = {}
        for name in assigned:
            new[name] = self._version(name)
            if name in self._now:
                self._steps.append(Set(new[name], Name(self._now[name])))
        self._now |= new
        self._steps.append(Fixed(self._renamed(node)))  # type: ignore[arg-type]

    def _branch(self, node: If) -> None:
        test = self._renamed(node.test)
        before = dict(self._now)
        sides, ends = [], []
        for side in (node.body, node.orelse):
            self._now = dict(before)
            sides.append(list(self._block(side)))
            ends.append(self._now)
        self._now = before
        results = []
        for name in dict.fromkeys(name for name, _ in assigned_names([node])):
            first, second = (end.get(name) for end in ends)
            if first == second:
                continue
            new = self._version(name)
            for side_steps, value in zip(sides, (first, second), strict=True):
                if value is not None:
                    side_steps.append(Set(new, Name(value)))
            self._now[name] = new
            results.append(new)
        self._steps.append(Branch(test, tuple(sides[0]), tuple(sides[1]), tuple(results)))

    def _loop(self, node: For, assigned: Iterable[str]) -> None:
        if any(isinstance(part, form.Jump) for part in form.walk(node.body)):
            raise NotReversibleError(node.line, "a loop ends with break")
        bounds = tuple(self._renamed(bound) for bound in node.bounds)
        own: set[str] = set()
        carried: dict[str, Carried] = {}
        start: list[Step] = []
        for name in assigned:
            if name in self._running or name == node.name:
                continue
            before = Name(self._now[name]) if name in self._now else None
            new = self._version(name)
            if before is not None:
                self._steps.append(Set(new, before))
                self._now[name] = new
            if before is not None and name in self.active and (is_sum(node.body, name) or is_extreme(node.body, name)):
                own.add(name)
                continue
            carried[name] = Carried(new, self._version(name), before)
            if before is not None:
                start.append(Set(carried[name].start, Name(new)))
                self._now[name] = carried[name].start
        self._now[node.name] = variable = self._version(node.name)
        self._running |= own
        body = [*start, *self._block(node.body)]
        self._running -= own
        for name, item in carried.items():
            if name in self._now:
                body.append(Set(item.name, Name(self._now[name])))
                self.at_end[name] = (self._now[name], variable)
                self._now[name] = item.name
        running = frozenset(self._now[name] for name in own)
        self._steps.append(Loop(variable, bounds, tuple(body), tuple(carried.values()), running))
        # Taken in reverse, the loop leaves its variable at another value.
        self._now[node.name] = last = self._version(node.name)
        self._steps.append(Set(last, Name(variable)))

    # Expressions --------------------------------------------------------------------------------------------

    def _atom(self, node: Expression) -> Expression:
        """A name, a number or an entry of a row with the value of an expression."""
        if not self.depends(node, self.active):
            node = self._renamed(node)
            plain = isinstance(node, Const | Name) or number_of(node) is not None
            known = isinstance(node, form.Named) or (isinstance(node, Call) and node.name == "len")
            return node if plain or known else self._bound(node, active=False)
        match node:
            case Name() | Index():
                return self._renamed(node)
            case Call(name="float", arguments=[argument]):
                return self._atom(argument)
        name = self.names.temporary()
        operation = self._operation(node, name)
        return operation if isinstance(operation, Name) else self._bound(operation, name, active=True)

    def _operation(self, node: Expression, name: str) -> Expression:
        """An operation on atoms, whose value is to be called `name`."""
        match node:
            case Unary(operand=operand):
                return replace(node, operand=self._atom(operand))
            case Binary(left=left, right=right):
                return replace(node, left=self._atom(left), right=self._atom(right))
            case Choice(body=body, orelse=orelse, test=test):
                return self._choice(test, body, orelse)
            case Call(name="abs" | "fabs", arguments=[argument]):
                if self.kinks.is_shared("abs", argument):
                    self.shared.add(name)
            case Call(name="max" | "min" as kind, arguments=[*others, last]):
                first = others[0] if len(others) == 1 else replace(node, arguments=tuple(others))
                if self.kinks.is_shared(kind, first, last):
                    self.shared.add(name)
                return replace(node, arguments=(self._atom(first), self._atom(last)))
            case Name() | Index() | Call(name="float"):
                return self._atom(node)
        if not isinstance(node, Call | form.Helper):
            raise NotReversibleError(node.line, f"{plain_text(node)!r} has no derivative here")
        return replace(node, arguments=tuple(self._atom(argument) for argument in node.arguments))

    def _choice(self, test: Expression, body: Expression, orelse: Expression) -> Name:
        name = self.names.temporary()
        self.active.add(name)
        if self.is_tame(Choice(test, body, orelse), self.tame):
            self.tame.add(name)
        self._unused.add(name)
        self._branch(If(test, *((Assign((Name(name),), side),) for side in (body, orelse))))
        return Name(self._now[name])


def _replaced(node: Any, old: Expression, new: Expression) -> Any:
    return new if node == old else form.rebuilt(node, lambda part: _replaced(part, old, new))
