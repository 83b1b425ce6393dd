"""Names whose values do not matter: whatever is subtracted before softmax, its result is the same.

The derivative of the result with respect to such a name is exactly 0, so nothing has to be added up for it. It is found
by following what becomes of a small change: of a number that is shifted by d, of one that is multiplied by exp(d). The
exponential of what is shifted is multiplied, so is a sum of such; where one is divided by another, the change is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names, whole_power
from neurosim.formulas.form import Binary, Call, Const, Expression, Name, Unary
from neurosim.formulas.names import names_in
from neurosim.formulas.python import plain_text
from neurosim.formulas.steps import Add, Branch, Fixed, Loop, Pick, Set, Step, defined
from neurosim.formulas.terms import ZERO

# How fast something changes: for each product of numbers that do not, how many of it.
Rate = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class _Change:
    """What becomes of a number when the name is changed by d.

    Attributes
    ----------
    kind : {"none", "zero", "shift", "scale", "other"}
        Nothing; nothing, and it is exactly 0; d times the rate is added to it; it is multiplied by exp of that;
        anything else.
    rate : Rate
        That of a shift or a scale.
    """

    kind: str
    rate: Rate = ()


_NONE, _ZERO, _OTHER = _Change("none"), _Change("zero"), _Change("other")
_ONE: Rate = (("", 1.0),)


def without_effect(steps: Sequence[Step], result: str, active: set[str]) -> set[str]:
    """The names in `active` on which the result does not depend, though it is computed from them."""
    found: set[str] = set()
    last = {name: place for place, step in enumerate(steps) for name in defined([step]) if name in active}
    inside = {name for step in steps if isinstance(step, Loop | Branch) for name in _within(step)}
    varying = {name for step in steps if isinstance(step, Loop) for name in defined([step])}
    zeros = {step.name: _ZERO for step in steps if isinstance(step, Set) and step.value == ZERO}
    for name, place in last.items():
        if name in inside or name == result:
            continue
        for kind in ("shift", "scale"):
            changes = _Changes({**zeros, name: _Change(kind, _ONE)}, varying)
            changes.follow(steps[place + 1 :])
            if changes.of_name(result).kind in ("none", "zero"):
                found.add(name)
                break
    return found


def _within(step: Loop | Branch) -> set[str]:
    """Names that have values in the course of a step, not at its end only."""
    at_end = step.running if isinstance(step, Loop) else set(step.results)
    return set(defined([step])) - at_end


class _Changes:
    """Follows the changes of names through steps; those in `varying` have several values in turn."""

    def __init__(self, names: Mapping[str, _Change], varying: set[str]) -> None:
        self._names = dict(names)
        self._varying = varying

    def of_name(self, name: str) -> _Change:
        return self._names.get(name, _NONE)

    def follow(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Set(name=name, value=value):
                    self._names[name] = self._of(value)
                case Add(name=name, value=value):
                    self._names[name] = _added_up(self.of_name(name), self._of(value))
                case Pick(name=name, value=value):
                    self._names[name] = _alike(self.of_name(name), self._of(value))
                case Branch(test=test, body=body, orelse=orelse):
                    self._branch(self._is_fixed(test), body, orelse)
                case Loop(bounds=bounds, body=body):
                    self._loop(body)
                    if not all(map(self._is_fixed, bounds)):
                        self._spoil(defined([step]))
                case Fixed(statement=statement):
                    if not self._is_fixed(statement):
                        self._spoil(name for name, _ in assigned_names([statement]))

    def _spoil(self, names: object) -> None:
        self._names |= dict.fromkeys(names, _OTHER)  # type: ignore[call-overload]

    def _branch(self, fixed: bool, body: Sequence[Step], orelse: Sequence[Step]) -> None:
        before, ends = dict(self._names), []
        for side in (body, orelse):
            self._names = dict(before)
            self.follow(side)
            ends.append(self._names)
        first, second = ends
        self._names = {name: _alike(first.get(name, _NONE), second.get(name, _NONE)) for name in first | second}
        if not fixed:
            self._spoil(defined([*body, *orelse]))

    def _loop(self, body: Sequence[Step]) -> None:
        """Around until nothing changes any more; what goes on changing is anything."""
        attempt = 0
        while True:
            before = dict(self._names)
            self.follow(body)
            # A name that the loop makes is not there before.
            self._names = {
                name: _alike(before[name], now) if name in before else now for name, now in self._names.items()
            }
            if self._names == before:
                return
            attempt += 1
            if attempt > 2:
                self._spoil([name for name, now in self._names.items() if before.get(name) != now])

    # Expressions --------------------------------------------------------------------------------------------

    def _is_fixed(self, node: form.Node) -> bool:
        """Whether nothing that changes comes into it."""
        return all(self.of_name(name).kind in ("none", "zero") for name in names_in(node))

    def _of(self, node: Expression) -> _Change:
        match node:
            case Const(value=value) if not value:
                return _ZERO
            case Name(id=name):
                return self.of_name(name)
        if self._is_fixed(node):
            return _NONE
        match node:
            case Unary(operator="-", operand=operand):
                x = self._of(operand)
                return _Change("shift", _times(x.rate, -1.0)) if x.kind == "shift" else x
            case Unary(operator="+", operand=operand) | Call(name="float", arguments=[operand]):
                return self._of(operand)
            case Binary(operator="+" | "-" as sign, left=left, right=right):
                return _sum(self._of(left), self._of(right), 1.0 if sign == "+" else -1.0)
            case Binary(operator="*" | "/" as operator, left=left, right=right):
                return self._product(operator, left, right)
            case Binary(operator="**", left=left, right=right) | Call(name="pow", arguments=[left, right]):
                power = whole_power(right)
                x = self._of(left)
                if power is not None and x.kind == "scale":
                    return _scaled(_times(x.rate, float(power)))
            case Call(name="exp", arguments=[operand]):
                x = self._of(operand)
                return _scaled(x.rate) if x.kind == "shift" else _OTHER
            case Call(name="log", arguments=[operand]):
                x = self._of(operand)
                return _shifted(x.rate) if x.kind == "scale" else _OTHER
            case Call(name="sqrt", arguments=[operand]):
                x = self._of(operand)
                return _scaled(_times(x.rate, 0.5)) if x.kind == "scale" else _OTHER
            case Call(name="abs" | "fabs", arguments=[operand]):
                x = self._of(operand)
                return x if x.kind == "scale" else _OTHER
            case Call(name="max" | "min", arguments=[left, right]):
                return _alike(self._of(left), self._of(right))
        return _OTHER

    def _product(self, operator: str, left: Expression, right: Expression) -> _Change:
        x, y = self._of(left), self._of(right)
        if "other" in (x.kind, y.kind):
            return _OTHER
        if x.kind == "zero":
            return _ZERO
        if x.kind == "shift" and y.kind == "none" and self._is_constant(right):
            return _Change("shift", tuple((f"{what}{operator}({plain_text(right)})", count) for what, count in x.rate))
        if y.kind == "shift" and x.kind == "none" and operator == "*" and self._is_constant(left):
            return _Change("shift", tuple((f"{what}{operator}({plain_text(left)})", count) for what, count in y.rate))
        if "shift" in (x.kind, y.kind):
            return _OTHER
        sign = 1.0 if operator == "*" else -1.0
        return _scaled(_plus(x.rate, _times(y.rate, sign)))

    def _is_constant(self, node: Expression) -> bool:
        """Whether an expression has one value throughout; an entry may be another one in each round of a loop."""
        if any(isinstance(part, form.Index | form.Entry | form.Helper) for part in form.walk([node])):
            return False
        return not names_in(node) & self._varying


def _shifted(rate: Rate) -> _Change:
    return _Change("shift", rate) if rate else _NONE


def _scaled(rate: Rate) -> _Change:
    return _Change("scale", rate) if rate else _NONE


def _sum(x: _Change, y: _Change, sign: float) -> _Change:
    if "other" in (x.kind, y.kind):
        return _OTHER
    if x.kind == "zero" and y.kind != "shift":
        return y
    if y.kind == "zero":
        return x
    if "scale" in (x.kind, y.kind):
        return x if x == y else _OTHER
    return _shifted(_plus(x.rate, _times(y.rate, sign)))


def _added_up(x: _Change, y: _Change) -> _Change:
    """A sum of an unknown number of such as `y`."""
    return _OTHER if y.kind == "shift" else _sum(x, y, 1.0)


def _alike(x: _Change, y: _Change) -> _Change:
    """One of both, or the larger, the smaller: 0 is a multiple of anything."""
    if x == y:
        return x
    kinds = {x.kind, y.kind}
    if kinds in ({"zero", "scale"}, {"zero", "none"}):
        return y if x.kind == "zero" else x
    return _OTHER


def _plus(x: Rate, y: Rate) -> Rate:
    total = dict(x)
    for what, count in y:
        total[what] = total.get(what, 0.0) + count
    return tuple(sorted((what, count) for what, count in total.items() if count))


def _times(rate: Rate, number: float) -> Rate:
    return tuple((what, count * number) for what, count in rate if count * number)
