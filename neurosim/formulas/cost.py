"""How much work a call of a formula can be, at most: found from its text, since compiled code cannot be interrupted.

Work is counted in operations, as a polynomial in n, the length of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.bounds import Bounds, Span
from neurosim.formulas.form import Formula
from neurosim.formulas.guards import MOST_ROUNDS, is_ours
from neurosim.formulas.reader import read

# Operations of one call, some milliseconds; of a call for a whole row, a second or so.
MOST_OPERATIONS = 10**7
MOST_OF_A_ROW = 10**9
# Parts of a formula, once all that it calls is put in.
MOST_PARTS = 10_000
# Operations by the power of n that they grow with.
Work = dict[int, int]
# That of a sum, a maximum or an order of a row: the last takes longest.
_SORTED: Work = {1: 100}


def check_cost(formula: Formula, *, units: int = 1) -> None:
    """Raise PluginError if a call may take forever, or as good as that, for rows of `units` numbers.

    The functions that it calls must not call themselves.
    """
    meter = _Meter()
    work = meter.work_of(formula)
    size = meter.sizes[formula.function]
    if size > MOST_PARTS:
        what = f"{formula.name} with all that it calls has {size:,} parts, and would take very long to compile"
        raise formula.refuse(formula.line, what, f"write it with loops; {MOST_PARTS:,} parts are possible")
    operations = sum(count * units**power for power, count in work.items())
    most = MOST_OPERATIONS if units == 1 else MOST_OF_A_ROW
    if operations > most:
        length = f" for a row of {units}" if units > 1 else ""
        what = f"one call of {formula.name} can take {operations:.1g} operations{length}"
        instead = (
            f"let loops go around less often, or nest fewer of them; {MOST_OPERATIONS:.0g} operations are possible"
        )
        raise formula.refuse(formula.line, what, instead)


class _Meter:
    def __init__(self) -> None:
        self._known: dict[Callable[..., Any], Work] = {}
        self.sizes: dict[Callable[..., Any], int] = {}

    def work_of(self, formula: Formula) -> Work:
        """The work of one call."""
        function = formula.function
        if is_ours(formula):
            self.sizes[function] = 1
            return dict(_SORTED)
        if function not in self._known:
            self.sizes[function] = 0
            self._known[function] = {}
            limited: Work = {}
            total = self._block(formula, Bounds(formula, set()), formula.body, limited)
            # All loops without a known number of rounds share a budget.
            _add(total, _times(limited, {0: MOST_ROUNDS, 2: 1}))
            self._known[function] = total
        return self._known[function]

    def _block(self, formula: Formula, bounds: Bounds, nodes: Iterable[form.Node], limited: Work) -> Work:
        """The work of some nodes; that of a round of each loop with a budget is added to `limited`."""
        total: Work = {}
        for node in nodes:
            self.sizes[formula.function] += 1
            inner = self._block(formula, bounds, form.parts(node), limited)
            _add(inner, {0: 1})
            if id(node) in bounds.unlimited:
                _add(limited, inner)
            elif isinstance(node, form.For):
                inner = _times(inner, _count(bounds.rounds[id(node)]))
            elif isinstance(node, form.Sorted | form.Zeros):
                _add(inner, _SORTED)
            elif isinstance(node, form.Helper):
                _add(inner, self.work_of(read(node.function)))
                self.sizes[formula.function] += self.sizes[node.function]
            _add(total, inner)
        return total


def _count(rounds: Span) -> Work:
    """How often a loop goes around, at most."""
    if rounds.high is not None:
        return {0: max(rounds.high, 0)}
    return {0: max(rounds.high_n or 0, 0), 1: 1}


def _add(total: Work, work: Work) -> None:
    for power, count in work.items():
        total[power] = total.get(power, 0) + count


def _times(work: Work, rounds: Work) -> Work:
    product: Work = {}
    for power, count in work.items():
        for other, number in rounds.items():
            _add(product, {power + other: count * number})
    return product
