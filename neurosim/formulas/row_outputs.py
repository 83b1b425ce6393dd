"""A function that fills a row as one that returns a number: the sum of its outputs times numbers that are given.

The gradient of that sum with respect to the inputs is the product of the given numbers with the Jacobian of the
function: what ``backward`` of a row activation computes. So the derivation in reverse, which is for functions that
return a number, does for row activations too.

The sum is over what the function leaves in the row in the end. What stands there before and is read again is worked out
anew where it is read, from the loop that set it; so there must be such a loop, over all entries, each of which it sets
from the inputs and from numbers that are known before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names, with_sorted
from neurosim.formulas.form import Assign, Binary, Call, Expression, For, If, Index, Name, Statement
from neurosim.formulas.liveness import without_dead
from neurosim.formulas.names import Names, renamed
from neurosim.formulas.recovery import Recovery
from neurosim.formulas.reversible import NotReversibleError
from neurosim.formulas.steps import Step
from neurosim.formulas.versions import Versions


@dataclass(frozen=True)
class _Setting:
    """The loop by which the entries of the row got their values.

    Attributes
    ----------
    place : int
        Where the loop stands among the statements.
    loop : For
        It, with the values in a name of their own.
    value : str
        That name.
    """

    place: int
    loop: For
    value: str


class RowOutputs:
    """Rewrites the statements of a function that fills the row `output` from the row `given`.

    Parameters
    ----------
    names : Names
        Of the function that is written.
    given, output : str
        The rows.
    """

    def __init__(self, names: Names, given: str, output: str) -> None:
        self.names = names
        self.given = given
        self.output = output
        self._written: list[Statement] = []
        self._setting: _Setting | None = None
        self._lengths: set[str] = set()
        # Rows that are as long as the given one.
        self._as_long = {output}
        # Names of entries that are worked out again, and of what they were first.
        self._copies: list[tuple[str, str]] = []

    def weighted(self, statements: Sequence[Statement], weights: str, total: str) -> list[Statement]:
        """The statements, which leave in `total` the sum of the outputs times the numbers of the row `weights`."""
        self._as_long |= with_sorted(statements, {self.given}) - {self.given}
        for node in self._named_apart(statements):
            self._statement(node)
        setting = self._setting
        if setting is None:
            raise NotReversibleError(0, f"no loop over range(len({self.given})) sets {self.output}[k]")
        entry = Index(weights, Name(setting.loop.name))
        added = Binary("+", Name(total), Binary("*", entry, Name(setting.value)))
        loop = replace(setting.loop, body=(*setting.loop.body, Assign((Name(total),), added)))
        self._written[setting.place] = loop
        return [Assign((Name(total),), form.Const(0.0)), *self._written]

    def known(self, versions: Versions, steps: Sequence[Step]) -> dict[str, Expression]:
        """Names whose values follow from the outputs, which ``backward`` is given."""
        assert self._setting is not None
        if self._setting.value not in versions.at_end:  # nothing varied comes into it
            return {}
        copies = [
            (*versions.at_end[copy], *versions.at_end[first])
            for copy, first in reversed(self._copies)
            if copy in versions.at_end and first in versions.at_end
        ]
        return Recovery(steps, self.names.math).found(*versions.at_end[self._setting.value], self.output, copies)

    def _named_apart(self, statements: Sequence[Statement]) -> Iterable[Statement]:
        """The statements, in which a name that gets a new meaning is another name from there on."""
        new: dict[str, Name] = {}
        stored: set[str] = set()
        for statement in statements:
            node = renamed(self._with_length(statement), new)
            match node:
                case Assign(targets=[Name(id=name)], value=value) if name in stored:
                    original = next((key for key, now in new.items() if now.id == name), name)
                    new[original] = Name(self.names.fresh(original))
                    node = Assign((new[original],), value, line=node.line)
                case Assign(targets=[Name(id=name)], value=Call(name="len")):
                    self._lengths.add(name)
            stored |= {name for name, _ in assigned_names([node])}
            yield node

    def _with_length(self, node: Any) -> Any:
        match node:
            case Call(name="len", arguments=[Name(id=name)]) if name in self._as_long:
                return replace(node, arguments=(Name(self.given),))
        return form.rebuilt(node, self._with_length)

    # Statements ---------------------------------------------------------------------------------------------

    def _statement(self, node: Statement) -> None:
        if not _mentions(node, self.output):
            self._written.append(node)
        elif not any(_sets(part, self.output) for part in form.walk([node])):
            self._written += self._reading([node])
        elif isinstance(node, For) and self._is_over_all(node):
            self._set(node)
        else:
            raise NotReversibleError(node.line, f"{self.output} is set other than by a loop over all entries")

    def _is_over_all(self, loop: For) -> bool:
        match loop.bounds:
            case [Call(name="len", arguments=[Name(id=name)])]:
                return name == self.given
            case [Name(id=name)]:
                return name in self._lengths
        return False

    def _set(self, loop: For) -> None:
        """A loop that sets the entries: the values get a name."""
        value = self.names.fresh(f"{self.output}_{loop.name}")
        own = Index(self.output, Name(loop.name))

        def named(node: Any) -> Any:
            if node == own:
                return Name(value)
            if isinstance(node, Index) and node.row == self.output:
                what = f"another entry of {self.output} is used in the loop that sets them"
                raise NotReversibleError(node.line or loop.line, what)
            return form.rebuilt(node, named)

        body = tuple(named(part) for part in loop.body)
        before: list[Statement] = []
        if not _always_set(body, value):
            before, old = self._again(Name(loop.name), loop.line)
            before.append(Assign((Name(value),), old))
        changed = replace(loop, body=(*before, *body))
        self._setting = _Setting(len(self._written), changed, value)
        self._written.append(changed)

    def _reading(self, statements: Sequence[Statement]) -> list[Statement]:
        """Statements that read entries: each is worked out again before."""
        written: list[Statement] = []
        for node in statements:
            match node:
                case If(test=test, body=body, orelse=orelse):
                    test = self._replaced(test, written, node.line)
                    sides = (tuple(self._reading(side)) for side in (body, orelse))
                    written.append(If(test, *sides, line=node.line))
                case For(body=body):
                    written.append(replace(node, body=tuple(self._reading(body))))
                case Assign(value=value):
                    written.append(replace(node, value=self._replaced(value, written, node.line)))
                case form.Sorted() if _mentions(node, self.output):
                    raise NotReversibleError(node.line, f"{self.output} is sorted")
                case _ if _mentions(node, self.output):
                    raise NotReversibleError(node.line, f"{self.output} is read in a while loop")
                case _:
                    written.append(node)
        return written

    def _replaced(self, node: Any, written: list[Statement], line: int) -> Any:
        match node:
            case Index(row=row, index=index) if row == self.output:
                before, value = self._again(index, line)
                written += before
                return value
        return form.rebuilt(node, lambda part: self._replaced(part, written, line))

    def _again(self, index: Expression, line: int) -> tuple[list[Statement], Expression]:
        """Statements that work out an entry of the row again, and its name."""
        setting = self._setting
        if setting is None:
            raise NotReversibleError(line, f"{self.output} is read before a loop over all entries has set it")
        body, needed = without_dead(setting.loop.body, {setting.value})
        changed = {name for name, _ in assigned_names(setting.loop.body)}
        later = {name for name, _ in assigned_names(self._written[setting.place + 1 :])}
        if lost := sorted(needed & (changed | later) - {setting.loop.name}):
            what = f"{self.output}[k] depends on {lost[0]}, which has another value where {self.output}[k] is read"
            raise NotReversibleError(line, what)
        own = {name for name, _ in assigned_names(body)} - {setting.value}
        new: dict[str, Expression] = {name: Name(self.names.fresh(name)) for name in sorted(own)}
        start: list[Statement] = []
        if isinstance(index, Name):
            new[setting.loop.name] = index
        else:
            new[setting.loop.name] = place = Name(self.names.fresh(setting.loop.name))
            start.append(Assign((place,), index))
        value = Name(self.names.fresh(setting.value))
        new[setting.value] = value
        self._copies.append((value.id, setting.value))
        return [*start, *(renamed(part, new) for part in body)], value


def _mentions(node: form.Node, row: str) -> bool:
    return any(
        (isinstance(part, Index) and part.row == row)
        or (isinstance(part, Name) and part.id == row)
        or (isinstance(part, form.Sorted) and part.row == row)
        for part in form.walk([node])
    )


def _sets(node: form.Node, row: str) -> bool:
    return isinstance(node, Assign) and any(isinstance(part, Index) and part.row == row for part in node.targets)


def _always_set(body: Sequence[Statement], name: str) -> bool:
    """Whether statements set a name before they read it, on every path."""
    for node in body:
        match node:
            case Assign(targets=[Name(id=target)], value=value):
                if any(part == Name(name) for part in form.walk([value])):
                    return False
                if target == name:
                    return True
            case If(test=test, body=first, orelse=second):
                if any(part == Name(name) for part in form.walk([test])):
                    return False
                if _always_set(first, name) and _always_set(second, name):
                    return True
                if any(part == Name(name) for part in form.walk([*first, *second])):
                    return False
            case _:
                if any(part == Name(name) for part in form.walk([node])):
                    return False
    return False
