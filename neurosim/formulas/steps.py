"""The steps of a formula: each an operation on names, entries of rows and numbers, and each name with one value."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from neurosim.formulas.activity import assigned_names
from neurosim.formulas.form import Assign, Binary, Expression, For, If, Name, Sorted, Statement
from neurosim.formulas.names import names_in


@dataclass(frozen=True)
class Set:
    """``name = value``: an operation on names, entries of rows and numbers."""

    name: str
    value: Expression


@dataclass(frozen=True)
class Add:
    """``name += value`` or ``name -= value``, all that the loop around it does with the name."""

    name: str
    sign: str
    value: Expression


@dataclass(frozen=True)
class Pick:
    """``name = change``, the larger of it and `value`, or the smaller: all that the loop around it does with it."""

    name: str
    value: Expression
    change: Expression


@dataclass(frozen=True)
class Branch:
    """``if``; `results` have their values from either side."""

    test: Expression
    body: tuple[Step, ...]
    orelse: tuple[Step, ...]
    results: tuple[str, ...]


@dataclass(frozen=True)
class Carried:
    """What a loop hands from round to round: its name outside, at the start of a round, and its value before."""

    name: str
    start: str
    before: Expression | None


@dataclass(frozen=True)
class Loop:
    """``for name in range(*bounds)``; `running` are the names that it only adds to or takes extremes of."""

    name: str
    bounds: tuple[Expression, ...]
    body: tuple[Step, ...]
    carried: tuple[Carried, ...]
    running: frozenset[str]


@dataclass(frozen=True)
class Order:
    """``name = sorted(row)``, a row of which entries are varied."""

    name: str
    row: str
    descending: bool


@dataclass(frozen=True)
class Fixed:
    """Statements that nothing varied comes into."""

    statement: Statement


Step = Set | Add | Pick | Branch | Loop | Order | Fixed


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps, also those in branches and loops."""
    for step in steps:
        yield step
        match step:
            case Branch(body=body, orelse=orelse):
                yield from all_steps(body)
                yield from all_steps(orelse)
            case Loop(body=body):
                yield from all_steps(body)


def defined(steps: Sequence[Step]) -> Iterator[str]:
    """The names that steps give values, once for each time."""
    for step in steps:
        match step:
            case Set(name=name) | Add(name=name) | Pick(name=name):
                yield name
            case Branch(body=body, orelse=orelse):
                yield from defined(body)
                yield from defined(orelse)
            case Loop(name=name, body=body, carried=carried):
                yield name
                yield from (item.name for item in carried)
                yield from defined(body)
            case Fixed(statement=statement):
                yield from (name for name, _ in assigned_names([statement]))


def statements(steps: Sequence[Step], running: Container[str] = frozenset()) -> list[Statement]:
    """What the steps stand for, but for what is added to names in `running`."""
    written: list[Statement] = []
    for step in steps:
        match step:
            case Set(name=name, value=value):
                written.append(Assign((Name(name),), value))
            case Add(name=name, sign=sign, value=value) if name not in running:
                written.append(Assign((Name(name),), Binary(sign, Name(name), value)))
            case Pick(name=name, change=change) if name not in running:
                written.append(Assign((Name(name),), change))
            case Branch(test=test, body=body, orelse=orelse):
                written.append(If(test, *(tuple(statements(side, running)) for side in (body, orelse))))
            case Loop(name=name, bounds=bounds, body=body):
                written.append(For(name, bounds, tuple(statements(body, running))))
            case Order(name=name, row=row, descending=descending):
                written.append(Sorted(name, row, descending))
            case Fixed(statement=statement):
                written.append(statement)
    return written


def read_by(step: Step) -> set[str]:
    """The names and rows that a step reads itself."""
    match step:
        case Set(value=node) | Add(value=node) | Pick(value=node) | Branch(test=node) | Fixed(statement=node):
            return names_in(node)
        case Loop(bounds=bounds):
            return {name for bound in bounds for name in names_in(bound)}
        case Order(row=row):
            return {row}
