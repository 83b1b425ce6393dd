"""Steps that give the same in every round of a loop, moved before it.

Their adjoints are then added up in the loop and taken back once, behind it: the square root of a variance, by which
each entry is divided, has one derivative, not one in each round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from neurosim.formulas import form
from neurosim.formulas.form import Binary, Call, Const, Expression, Name
from neurosim.formulas.names import names_in
from neurosim.formulas.steps import Branch, Loop, Set, Step, all_steps, defined


def hoisted(steps: Sequence[Step], active: set[str]) -> tuple[Step, ...]:
    """The steps, with those before loops that need not be in them and that give names in `active`."""
    written: list[Step] = []
    for step in steps:
        match step:
            case Loop(body=body, bounds=bounds):
                step = replace(step, body=hoisted(body, active))
                if _goes_around(bounds):
                    before, step = _taken_out(step, active)
                    written += before
            case Branch(body=body, orelse=orelse):
                step = replace(step, body=hoisted(body, active), orelse=hoisted(orelse, active))
        written.append(step)
    return tuple(written)


def _taken_out(loop: Loop, active: set[str]) -> tuple[list[Step], Loop]:
    """The steps of a loop that are the same in every round, and the loop without them."""
    stored = Counter(defined([loop]))
    handed_on = {name for item in loop.carried for name in (item.name, item.start)}
    same: dict[str, Set] = {}
    for step in loop.body:
        match step:
            case Set(name=name, value=value) if (
                stored[name] == 1
                and name not in handed_on
                and _is_plain(value)
                and not names_in(value) & set(stored) - set(same)
            ):
                same[name] = step
    # Besides those that have adjoints, what they are made of.
    wanted: set[str] = set()
    for name, step in reversed(same.items()):
        if name in active or name in wanted:
            wanted |= {name} | names_in(step.value)
    before: list[Step] = [step for name, step in same.items() if name in wanted]
    return before, replace(loop, body=tuple(step for step in loop.body if step not in before))


def _is_plain(node: Expression) -> bool:
    """Whether an expression may be worked out anywhere: it is no entry of a row, whose index may be wrong there."""
    return not any(isinstance(part, form.Helper | form.Index | form.Entry) for part in form.walk([node]))


def _goes_around(bounds: Sequence[Expression]) -> bool:
    """Whether a loop surely has a round; each row has an entry at least."""
    match bounds:
        case [Call(name="len")]:
            return True
        case [Const(value=value)]:
            return value >= 1
    return False


def divisors(loop: Loop, active: set[str]) -> list[str]:
    """Names in `active` by which a loop divides, and which have the same values in all rounds."""
    changed = set(defined([loop]))
    found: dict[str, None] = {}
    for step in all_steps(loop.body):
        match step:
            case Set(value=Binary(operator="/", right=Name(id=name))) if name in active - changed:
                found[name] = None
    return list(found)
