"""The steps of a formula: each an operation on names, entries of rows and numbers, and each name with one value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from neurosim.formulas.activity import assigned_names
from neurosim.formulas.form import Expression, Statement


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
class Fixed:
    """Statements that nothing varied comes into."""

    statement: Statement


Step = Set | Add | Pick | Branch | Loop | Fixed


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
