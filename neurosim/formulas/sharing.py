"""One name for one value: what is a copy of another, or worked out again, is read under the first name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from neurosim.formulas import form
from neurosim.formulas.form import Const, Expression, Name
from neurosim.formulas.names import renamed
from neurosim.formulas.steps import Add, Branch, Carried, Fixed, Loop, Pick, Set, Step, all_steps, defined


def shared(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, which read each value that is set outside loops and branches under one name."""
    count = Counter(defined(steps))
    # These have other values while a loop is taken in reverse.
    passing = {
        name
        for loop in all_steps(steps)
        if isinstance(loop, Loop)
        for name in (loop.name, *(item.name for item in loop.carried))
    }
    first: dict[Expression, str] = {}
    new: dict[str, Expression] = {}
    written: list[Step] = []
    for step in steps:
        step = _read_as(step, new)
        match step:
            case Set(name=name, value=Name(id=other) as value) if count[name] == 1:
                if other not in passing:
                    new[name] = value
            case Set(name=name, value=value) if count[name] == 1 and not isinstance(value, Const):
                if value in first:
                    new[name] = Name(first[value])
                else:
                    first[value] = name
        written.append(step)
    return tuple(written)


def _read_as(step: Step, new: dict[str, Expression]) -> Step:
    """A step that reads other names."""

    def other(node: form.Node) -> Expression:
        return renamed(node, new)  # type: ignore[no-any-return]

    def inside(steps: Sequence[Step]) -> tuple[Step, ...]:
        return tuple(_read_as(part, new) for part in steps)

    match step:
        case Set(value=value) | Add(value=value):
            return replace(step, value=other(value))
        case Pick(value=value, change=change):
            return replace(step, value=other(value), change=other(change))
        case Branch(test=test, body=body, orelse=orelse):
            return replace(step, test=other(test), body=inside(body), orelse=inside(orelse))
        case Loop(bounds=bounds, body=body, carried=carried):
            return replace(
                step,
                bounds=tuple(map(other, bounds)),
                body=inside(body),
                carried=tuple(
                    Carried(item.name, item.start, None if item.before is None else other(item.before))
                    for item in carried
                ),
            )
        case Fixed(statement=statement):
            return Fixed(other(statement))  # type: ignore[arg-type]
    return step
