"""A formula of numbers as a few assignments and a result, without loops and calls of other functions of the author's.

In this form a formula works on whole arrays as well as on numbers: a branch on an array has become a choice between two
values for each of its entries. What is known of its arguments has been used (see `neurosim.formulas.folding`), and what
nobody needs is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from neurosim.formulas.activity import assigned_names
from neurosim.formulas.folding import Folding
from neurosim.formulas.form import (
    Assign,
    Augment,
    Choice,
    Const,
    Expression,
    For,
    Formula,
    Helper,
    If,
    Jump,
    Name,
    Named,
    Node,
    Return,
    Statement,
    Tuple,
    Unary,
    rebuilt,
    walk,
)
from neurosim.formulas.names import names_in
from neurosim.formulas.reader import read

# More rounds of a loop than these are not written out.
MOST_ROUNDS = 16
_INSTEAD = "use assignments, if, short loops over constants and return"

Names = dict[str, Expression]


@dataclass(frozen=True)
class Straight:
    """The body of a formula: assignments and returns, and branches on numbers that end with a return.

    Attributes
    ----------
    body : tuple of Statement
        Assign, If (without else) and Return; the last one is a Return.
    arguments : tuple of str
        The arguments that it reads, in their order.
    """

    body: tuple[Statement, ...]
    arguments: tuple[str, ...]

    @property
    def expression(self) -> Expression | None:
        """The result, if there is nothing but that."""
        only = self.body[0]
        return only.value if isinstance(only, Return) else None


def straight(
    formula: Formula,
    known: Mapping[str, Expression],
    folding: Folding,
    arrays: Iterable[str] = (),
    wanted: Sequence[int] | None = None,
) -> Straight:
    """A formula in this form.

    Parameters
    ----------
    formula : Formula
        Of numbers.
    known : mapping of str to Expression
        What stands for some of its arguments: a number, or another name.
    folding : Folding
        Makes expressions shorter.
    arrays : iterable of str
        Arguments that may be arrays; branches on others stay branches.
    wanted : sequence of int, optional
        Which of several results are wanted.

    Raises
    ------
    PluginError
        Naming file and line, for what does not have this form.
    """
    maker = _Maker(formula, folding, set(arrays))
    body = maker.block(formula.body, dict(known))
    if wanted is not None:
        body = [_only(statement, wanted) for statement in body]
    body, read_first = _without_dead(body)
    match body[-2:]:
        case [Assign((Name(name),), value), Return(Name(result))] if name == result:
            body[-2:] = [Return(value, line=body[-1].line)]
    arguments = tuple(name for name in formula.params if name in read_first)
    return Straight(tuple(body), arguments)


class _Maker:
    def __init__(self, formula: Formula, folding: Folding, arrays: set[str]) -> None:
        self._formula = formula
        self._folding = folding
        self._arrays = arrays

    # Statement by statement ---------------------------------------------------------------------------------

    def block(self, statements: Sequence[Statement], names: Names) -> list[Statement]:
        """The statements, with what is in `names` for some of their names, up to the first return."""
        written: list[Statement] = []
        rest = list(statements)
        while rest:
            node = rest.pop(0)
            match node:
                case Return(value) if value is not None:
                    written.append(Return(self._value(value, names), line=node.line))
                    return written
                case Jump("pass"):
                    continue
                case If(test):
                    decided = self._value(test, names)
                    if isinstance(decided, Const):
                        rest = [*(node.body if decided.value else node.orelse), *rest]
                    elif not _returns(node):
                        for name, value in self._merged(node, decided, names).items():
                            self._assign(name, value, names, written)
                    elif names_in(decided) & self._arrays or not _ends(node.body):
                        result = self._result([node, *rest], names)
                        written.append(Return(result, line=node.line))
                        return written
                    else:
                        body = self.block(node.body, dict(names))
                        written.append(If(decided, tuple(body), (), line=node.line))
                        rest = [*node.orelse, *rest]
                case For():
                    rest = [*self._rounds(node, names), *rest]
                case _:
                    for name, value in self._assignments(node, names):
                        self._assign(name, value, names, written)
        raise self._refuse(self._formula.line, "it may end without a result")

    def _assign(self, name: str, value: Expression, names: Names, written: list[Statement]) -> None:
        # What is known by this name under another one is written down before the name gets another value.
        for other, meant in list(names.items()):
            if other != name and name in names_in(meant):
                written.append(Assign((Name(other),), meant))
                self._note(other, meant)
                del names[other]
        names.pop(name, None)
        if value == Name(name):
            return
        if isinstance(value, Const | Name | Named) or (isinstance(value, Unary) and isinstance(value.operand, Const)):
            names[name] = value
            return
        self._note(name, value)
        written.append(Assign((Name(name),), value))

    def _note(self, name: str, value: Expression) -> None:
        if names_in(value) & self._arrays:
            self._arrays.add(name)

    def _assignments(self, node: Statement, names: Names) -> list[tuple[str, Expression]]:
        """What a statement assigns, each value in terms of what was there before it."""
        if isinstance(node, Augment):
            node = node.plain
        if not isinstance(node, Assign):
            raise self._refuse(node.line, "this has no counterpart for whole arrays")
        found: list[tuple[str, Expression]] = []
        for target in node.targets:
            value = self._value(node.value, names)
            match target, value:
                case Name(name), _:
                    found.append((name, value))
                case Tuple(targets), Tuple(values) if len(targets) == len(values):
                    pairs = zip(targets, values, strict=True)
                    found += [(part.id, value) for part, value in pairs if isinstance(part, Name)]
                case _:
                    raise self._refuse(node.line, "this has no counterpart for whole arrays")
        set_before: set[str] = set()
        for name, value in found:
            if names_in(value) & set_before:
                raise self._refuse(node.line, "this exchanges values")
            set_before.add(name)
        return found

    def _rounds(self, node: For, names: Names) -> list[Statement]:
        """A loop over constants, written out."""
        bounds = [self._folding.value(self._value(bound, names)) for bound in node.bounds]
        if any(bound is None for bound in bounds) or any(isinstance(part, Jump) for part in walk(node.body)):
            raise self._refuse(node.line, "this loop has no counterpart for whole arrays")
        numbers = range(*(int(bound) for bound in bounds if bound is not None))
        if len(numbers) > MOST_ROUNDS:
            raise self._refuse(node.line, f"a loop of {len(numbers)} rounds is too long to be written out")
        return [part for number in numbers for part in (Assign((Name(node.name),), Const(number)), *node.body)]

    # As one expression --------------------------------------------------------------------------------------

    def _result(self, statements: Sequence[Statement], names: Names) -> Expression:
        """What the statements return, as one expression."""
        names = dict(names)
        rest = list(statements)
        while rest:
            node = rest.pop(0)
            match node:
                case Return(value) if value is not None:
                    return self._value(value, names)
                case Jump("pass"):
                    continue
                case If(test):
                    decided = self._value(test, names)
                    if isinstance(decided, Const):
                        rest = [*(node.body if decided.value else node.orelse), *rest]
                    elif _returns(node):
                        return _chosen(
                            decided,
                            self._result([*node.body, *rest], names),
                            self._result([*node.orelse, *rest], names),
                        )
                    else:
                        names |= self._merged(node, decided, names)
                case For():
                    rest = [*self._rounds(node, names), *rest]
                case _:
                    names |= dict(self._assignments(node, names))
        raise self._refuse(self._formula.line, "it may end without a result")

    def _merged(self, node: If, test: Expression, names: Names) -> Names:
        """The names that a branch without a return sets, with a choice between their values."""
        changed = sorted({name for name, _ in assigned_names((*node.body, *node.orelse))})
        returned = Return(Tuple(tuple(map(Name, changed))))
        first, second = (self._result([*branch, returned], names) for branch in (node.body, node.orelse))
        assert isinstance(first, Tuple)
        assert isinstance(second, Tuple)
        pairs = zip(changed, first.items, second.items, strict=True)
        return {name: one if one == other else Choice(test, one, other) for name, one, other in pairs}

    def _value(self, node: Expression, names: Names) -> Expression:
        written: Expression = self._folding.folded(self._written_out(node), names)
        return written

    def _written_out(self, node: Node) -> Expression:
        """An expression with the author's other functions written out."""
        node = rebuilt(node, self._written_out)
        if not isinstance(node, Helper):
            assert isinstance(node, Expression)
            return node
        formula = read(node.function)
        inner = _Maker(formula, self._folding, set(formula.params))
        # Its names are its own.
        own = {name: Name(f"{name} of {formula.name}") for name in formula.params}
        result = inner._result(formula.body, dict(own))
        given = {own[name].id: value for name, value in zip(formula.params, node.arguments, strict=True)}
        folded: Expression = self._folding.folded(result, given)
        return folded

    def _refuse(self, line: int, what: str) -> Exception:
        return self._formula.refuse(line, what, _INSTEAD)


def _returns(node: Statement) -> bool:
    return any(isinstance(part, Return) for part in walk([node]))


def _ends(body: Sequence[Statement]) -> bool:
    """Whether a branch always ends with a return."""
    last = body[-1]
    if isinstance(last, If):
        return bool(last.orelse) and _ends(last.body) and _ends(last.orelse)
    return isinstance(last, Return)


def _chosen(test: Expression, body: Expression, orelse: Expression) -> Expression:
    """A choice; of several results, one for each."""
    if isinstance(body, Tuple) and isinstance(orelse, Tuple):
        pairs = zip(body.items, orelse.items, strict=True)
        return Tuple(tuple(_chosen(test, one, other) for one, other in pairs))
    return body if body == orelse else Choice(test, body, orelse)


def _only(node: Statement, wanted: Sequence[int]) -> Statement:
    """A statement that returns some of the results only."""
    if isinstance(node, If):
        return replace(node, body=tuple(_only(part, wanted) for part in node.body))
    if isinstance(node, Return) and isinstance(node.value, Tuple):
        items = tuple(node.value.items[place] for place in wanted)
        return replace(node, value=items[0] if len(items) == 1 else Tuple(items))
    return node


def _without_dead(body: Sequence[Statement], after: frozenset[str] = frozenset()) -> tuple[list[Statement], set[str]]:
    """The statements that have a use, and the names that are read before they are set."""
    live, kept = set(after), list[Statement]()
    for node in reversed(body):
        if isinstance(node, Assign):
            (target,) = node.targets
            assert isinstance(target, Name)
            if target.id not in live:
                continue
            live.discard(target.id)
            live |= names_in(node.value)
        elif isinstance(node, If):
            inner, inside = _without_dead(node.body)
            node = replace(node, body=tuple(inner))
            live |= inside | names_in(node.test)
        elif isinstance(node, Return) and node.value is not None:
            live = names_in(node.value)
        kept.append(node)
    return kept[::-1], live
