"""Adjoints that are handed on to an earlier loop which works out the same value, so that it is taken back once.

Softmax works out each exponential where it adds them up, and again, with the outputs, where it divides by their sum. In
reverse, the second loop comes first. What it adds to the adjoint of an exponential is worked out in the other, where
what the sum adds to it is known too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.form import Assign, Binary, Call, Choice, Const, Expression, Index, Name, Statement, Unary
from neurosim.formulas.names import renamed
from neurosim.formulas.steps import Step
from neurosim.formulas.wholes import Wholes

# An adjoint with more operations than this is taken back where it is.
MOST_OPERATIONS = 8
_QUICK = frozenset({"abs", "fabs", "copysign", "len", "min", "max", "float"})


class Deferral:
    """Keeps adjoints for earlier loops.

    Parameters
    ----------
    steps : sequence of Step
        The formula's.
    known : mapping of str to Expression
        Names whose values can be read somewhere.
    live : container of str
        Names on which the result depends: no others are worked out for adjoints that are handed on.
    """

    def __init__(self, steps: Sequence[Step], known: Mapping[str, Expression], live: Container[str]) -> None:
        self.wholes = Wholes(steps)
        self._twins = self.wholes.twins(live)
        self._known = known
        # These have other values while their loop is taken in reverse.
        self._handed_on = {
            name
            for variable, loop in self.wholes.loops.items()
            for name in (variable, *(name for item in loop.carried for name in (item.name, item.start)))
        }
        self._waiting: dict[str, Expression] = {}

    def wait(self, name: str, adjoint: Expression, written: Sequence[Statement]) -> str:
        """Keep the adjoint of a name for its twin, if that can be worked out there too; returns which that is.

        Parameters
        ----------
        name : str
            Of a loop that is in no other.
        adjoint : Expression
            Its adjoint.
        written : sequence of Statement
            What the loop in reverse consists of so far.
        """
        if name not in self._twins:
            return ""
        variable, twin, place = self._twins[name]
        whole = self._whole(adjoint, variable, written)
        if whole is None:
            return ""
        whole = renamed(whole, {variable: Name(place)})
        self._waiting[twin] = Binary("+", whole, self._waiting[twin]) if twin in self._waiting else whole
        return twin

    def arrived(self, name: str) -> Expression | None:
        """The adjoint that was kept for a name."""
        return self._waiting.pop(name, None)

    def _whole(self, adjoint: Expression, variable: str, written: Sequence[Statement]) -> Expression | None:
        """An adjoint in terms of entries of rows and of what does not change until the other loop; None if too long."""
        count = Counter(name for name, _ in assigned_names(written))
        values = {
            node.targets[0].id: node.value
            for node in written
            if isinstance(node, Assign) and isinstance(node.targets[0], Name) and count[node.targets[0].id] == 1
        }
        changed = {*count, *self._handed_on}
        forward = self.wholes.inside(variable)
        left = MOST_OPERATIONS

        def expanded(part: form.Node) -> form.Node:
            nonlocal left
            match part:
                case Name(id=name):
                    if name in values:
                        return expanded(values[name])
                    if name in self._known:
                        return expanded(self._known[name])
                    if name in forward:
                        return expanded(forward[name])
                    if name in changed and name != variable:
                        raise _TooLongError
                    return part
                case Unary() | Binary() | Choice() | form.Compare():
                    left -= 1
                case Call(name=called) if called in _QUICK:
                    left -= 1
                case Const() | form.Named() | Index():
                    pass
                case _:
                    raise _TooLongError
            if left < 0:
                raise _TooLongError
            return form.rebuilt(part, expanded)  # type: ignore[no-any-return]

        try:
            return expanded(adjoint)  # type: ignore[return-value]
        except _TooLongError:
            return None


class _TooLongError(Exception):
    """An adjoint has too many operations, or changes in other ways."""
