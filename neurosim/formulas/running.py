"""What a loop adds up, and what it takes the largest or smallest of: names whose earlier values it does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from neurosim.formulas import form
from neurosim.formulas.form import Assign, Binary, Choice, Expression, If, Name, Statement
from neurosim.formulas.names import own_names


def is_sum(body: Sequence[Statement], name: str) -> bool:
    """Whether all that some statements do with a name is to add to it."""
    return _only(body, name, _added_to)


def is_extreme(body: Sequence[Statement], name: str) -> bool:
    """Whether all that some statements do with a name is to take the larger of it and something, or the smaller."""
    return any(_only(body, name, partial(larger_of, kind=kind)) for kind in ("max", "min"))


def _only(body: Iterable[form.Node], name: str, change: Callable[[Assign, str], Expression | None]) -> bool:
    for node in body:
        if isinstance(node, Assign) and (other := change(node, name)) is not None:
            if mentions(other, name):
                return False
        elif name in own_names(node) or not _only(form.parts(node), name, change):
            return False
    return True


def _added_to(node: Assign, name: str) -> Expression | None:
    found = added_to(node, name)
    return found[1] if found else None


def added_to(node: Assign, name: str) -> tuple[str, Expression] | None:
    """The sign and what is added, if an assignment adds something to a name."""
    match node:
        case Assign(
            targets=[Name(id=target)], value=Binary(operator="+" | "-" as sign, left=Name(id=left), right=other)
        ):
            if target == left == name:
                return sign, other
        case Assign(targets=[Name(id=target)], value=Binary(operator="+", left=other, right=Name(id=right))):
            if target == right == name:
                return "+", other
    return None


def larger_of(node: Assign, name: str, kind: str) -> Expression | None:
    """The other number, if an assignment gives a name the larger (``max``) or smaller of it and that."""
    own = Name(name)
    match node:
        case Assign(targets=[target], value=form.Call(name=called, arguments=[left, right])):
            if target == own and called == kind and own in (left, right):
                return right if left == own else left
        case Assign(targets=[target], value=Choice(test=test, body=other, orelse=orelse)) if target == orelse == own:
            match test:
                case form.Bool(operator="or", operands=[compared, unequal]):
                    # NaN counts as the larger, and as the smaller.
                    if unequal != form.Compare(("!=",), (other, other)):
                        return None
                    test = compared
            match test:
                case form.Compare(operators=[">" | ">=" | "<" | "<=" as sign], operands=[left, right]):
                    larger, smaller = (left, right) if sign[0] == ">" else (right, left)
                    if (larger, smaller) == ((other, own) if kind == "max" else (own, other)):
                        return other
    return None


def mentions(node: form.Node, name: str) -> bool:
    """Whether a name stands anywhere in an expression."""
    return any(name in own_names(part) for part in form.walk([node]))


def with_extremes(body: Sequence[Statement]) -> list[Statement]:
    """Statements of a loop with ``best = x if x > best else best`` for ``if x > best: best = x``."""
    written = list(body)
    for place, node in enumerate(body):
        match node:
            case If(test=test, body=[Assign(targets=[Name() as best], value=value)], orelse=()):
                changed = Assign((best,), Choice(test, value, best), line=node.line)
                if is_extreme([*written[:place], changed, *written[place + 1 :]], best.id):
                    written[place] = changed
    return written
