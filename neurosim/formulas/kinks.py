"""Which slope a formula has at a kink: where ``abs``, ``max`` and ``min`` change over from one side to the other.

By itself a kink has the slope that the built-in activations and PyTorch give it: ``abs`` 0, ``max(z, 0.0)`` and
``min(z, 1.0)`` that of the constant. But formulas that are smooth are often written with kinks, such as
``max(z, 0.0) + log1p(exp(-abs(z)))``, and there one choice at a time would add up to a slope that is wrong. So kinks
of different kinds that lie at the same point take the mean of both sides, which leaves what is smooth its derivative.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.form import Binary, Call, Expression, Name, Unary
from neurosim.formulas.python import plain_text
from neurosim.formulas.terms import number_of

# Where a kink is flat, seen along what decides it; ``abs`` is flat nowhere, nor is the maximum of two that vary.
Flat = Literal["below", "above", "nowhere", "either"]
# Functions that are 0 where their argument is, and of its sign near there.
_KEEP_SIGN = frozenset({"asin", "asinh", "atan", "atanh", "erf", "expm1", "float", "sinh", "tan", "tanh"})


@dataclass(frozen=True)
class _Kink:
    """What decides it, as text, and where it is flat."""

    decided_by: str
    flat: Flat


class Kinks:
    """The kinks of some statements.

    Parameters
    ----------
    body : iterable of Statement
        The statements of a formula.
    depends : function
        Whether an expression depends on what is varied.
    """

    def __init__(self, body: Iterable[form.Statement], depends: Callable[[Expression], bool]) -> None:
        self._depends = depends
        body = tuple(body)
        values = defaultdict(list)
        for name, value in assigned_names(body):
            values[name].append(value)
        self._values = {name: given[0] for name, given in values.items() if len(given) == 1}
        kinds: dict[str, set[Flat]] = defaultdict(set)
        self._all = [kink for node in form.walk(body) if isinstance(node, Call) for kink in self._kinks(node)]
        for kink in self._all:
            kinds[kink.decided_by].add(kink.flat)
        self._mixed = {text for text, found in kinds.items() if len(found) > 1}

    def count_shared(self) -> int:
        """How many of them lie where one of another kind does."""
        return sum(kink.decided_by in self._mixed for kink in self._all)

    def is_shared(self, name: str, left: Expression, right: Expression | None = None) -> bool:
        """Whether a kink lies where one of another kind does: that of ``abs(left)`` or of ``max(left, right)``."""
        return self._kink(name, left, right).decided_by in self._mixed

    def _kinks(self, node: Call) -> Iterator[_Kink]:
        """Those of one call: ``max(x, y, z)`` may have two."""
        if not self._depends(node):
            return
        if node.name in ("abs", "fabs"):
            yield self._kink("abs", node.arguments[0])
        elif node.name in ("max", "min"):
            left = node.arguments[0]
            for right in node.arguments[1:]:
                yield self._kink(node.name, left, right)
                left = Call(node.name, (left, right), node.name)

    def _kink(self, name: str, left: Expression, right: Expression | None = None) -> _Kink:
        if right is None:
            return _Kink(self._decides(left)[0], "either")
        text, positive = self._decides(Binary("-", left, right))
        if self._depends(left) and self._depends(right):
            return _Kink(text, "nowhere")
        above = (name == "min") == positive if self._depends(left) else (name == "max") == positive
        return _Kink(text, "above" if above else "below")

    def _decides(self, node: Expression) -> tuple[str, bool]:
        """What has its zeros where an expression has them, and whether it has the same sign there."""
        match node:
            case Name(id=name) if isinstance(value := self._values.get(name), Expression) and self._depends(value):
                return self._decides(value)
            case Unary(operator="+" | "-" as sign, operand=operand):
                text, positive = self._decides(operand)
                return text, positive == (sign == "+")
            case Binary(operator="*", left=factor, right=other) if not self._depends(factor):
                return self._scaled(other, factor)
            case Binary(operator="*" | "/", left=other, right=factor) if not self._depends(factor):
                return self._scaled(other, factor)
            case Binary(operator="-", left=Call(name="exp", arguments=[power]), right=one) if number_of(one) == 1:
                return self._decides(power)
            case Binary(operator="-" | "+", left=left, right=zero) if number_of(zero) == 0:
                return self._decides(left)
            case Binary(operator="-", left=zero, right=right) if number_of(zero) == 0:
                text, positive = self._decides(right)
                return text, not positive
            case Binary(operator="-", left=left, right=right):
                first, second = plain_text(left), plain_text(right)
                return (f"{first} - {second}", True) if first <= second else (f"{second} - {first}", False)
            case Call(name=name, arguments=[argument]) if name in _KEEP_SIGN:
                return self._decides(argument)
        return plain_text(node), True

    def _scaled(self, node: Expression, factor: Expression) -> tuple[str, bool]:
        text, positive = self._decides(node)
        number = number_of(factor)
        return text, positive == (number is None or number >= 0)
