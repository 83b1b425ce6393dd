"""What is known of a formula before it runs: the bounds of its integers, and so which indices and loops need a check.

All rows of a formula have one length, n, which is at least 1, but for short ones, which have fewer entries. An index
that can be shown to lie between 0 and n - 1, such as the variable of ``for k in range(len(z))`` or the index y of a
class, is compiled as it is. Any other is checked where it is used, and so is every index of a short row: see
`neurosim.formulas.guards`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from neurosim.formulas import form
from neurosim.formulas.form import Formula
from neurosim.formulas.kinds import GREATEST
from neurosim.formulas.rows import PLACES


@dataclass(frozen=True)
class Span:
    """The integers from `low` to `high`, and from n + `low_n` to n + `high_n`; a bound that is None is not known.

    At least one upper bound is known.
    """

    low: int
    high: int | None = None
    low_n: int | None = None
    high_n: int | None = None

    @property
    def is_index(self) -> bool:
        """Whether all of them are indices of a row, for every n."""
        within = (self.high_n is not None and self.high_n < 0) or (self.high is not None and self.high <= 0)
        return self.low >= 0 and within


def _span(
    lows: Iterable[int | None], highs: Iterable[int | None], lows_n: Iterable[int | None], highs_n: Iterable[int | None]
) -> Span | None:
    """The tightest span with these bounds; None where too little is known."""
    low_n = max((low for low in lows_n if low is not None), default=None)
    known = [low for low in lows if low is not None] + ([] if low_n is None else [low_n + 1])
    high = min((high for high in highs if high is not None), default=None)
    high_n = min((high for high in highs_n if high is not None), default=None)
    if not known or (high is None and high_n is None):
        return None
    found = Span(max(known), high, low_n, high_n)
    bounds = [bound for bound in (found.low, high, low_n, high_n) if bound is not None]
    # Whatever may be greater counts as unknown, so that no sum of what is known overflows.
    return found if all(abs(bound) <= GREATEST for bound in bounds) else None


def _plus(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


def _minus(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a - b


def _sum(x: Span, y: Span) -> Span | None:
    return _span(
        [x.low + y.low],
        [_plus(x.high, y.high)],
        [_plus(x.low_n, y.low), _plus(x.low, y.low_n)],
        [_plus(x.high_n, y.high), _plus(x.high, y.high_n)],
    )


def difference(x: Span, y: Span) -> Span | None:
    """What one of `x` less one of `y` can be."""
    return _span(
        [_minus(x.low, y.high), _minus(x.low_n, y.high_n)],
        [_minus(x.high, y.low), _minus(x.high_n, y.low_n)],
        [_minus(x.low_n, y.high)],
        [_minus(x.high_n, y.low)],
    )


def _either(x: Span | None, y: Span | None) -> Span | None:
    """One of `x` or one of `y`."""
    if x is None or y is None:
        return None
    # A bound with n is kept only if it holds for both; a constant is a bound with n too where it does not exceed it.
    lows_n = [None if x.low_n is None or y.low_n is None else min(x.low_n, y.low_n)]
    above = [span.high_n if span.high_n is not None else _minus(span.high, 1) for span in (x, y)]
    highs_n = [None if None in above else max(bound for bound in above if bound is not None)]
    highs = [None if x.high is None or y.high is None else max(x.high, y.high)]
    return _span([min(x.low, y.low)], highs, lows_n, highs_n)


def _product(x: Span, y: Span) -> Span | None:
    if x.low < 0 or y.low < 0 or x.high is None or y.high is None:
        return None
    return _span([x.low * y.low], [x.high * y.high], [], [])


def _smaller(x: Span, y: Span) -> Span:
    """``min(x, y)``."""
    lows_n = [None if x.low_n is None or y.low_n is None else min(x.low_n, y.low_n)]
    found = _span([min(x.low, y.low)], [x.high, y.high], lows_n, [x.high_n, y.high_n])
    assert found is not None
    return found


def _larger(x: Span, y: Span) -> Span:
    """``max(x, y)``."""
    either = _either(x, y)
    assert either is not None
    found = _span([x.low, y.low], [either.high], [x.low_n, y.low_n], [either.high_n])
    assert found is not None
    return found


def _quotient(x: Span, y: Span) -> Span | None:
    """``x // y``, for a constant y."""
    if y.low != y.high or y.low < 1 or x.low < 0:
        return None
    high_n = x.high_n if y.low == 1 or x.high_n is None else max((x.high_n - 1) // 2, -1) if x.high_n >= 0 else x.high_n
    return _span([x.low // y.low], [None if x.high is None else x.high // y.low], [], [high_n])


def _remainder(y: Span) -> Span | None:
    """``x % y``, for any x."""
    if y.low < 1:
        return None
    return _span([0], [_minus(y.high, 1)], [], [_minus(y.high_n, 1)])


# Nothing has been assigned yet.
_NOTHING = Span(0, -1)
_INDEX = Span(0, high_n=-1)
_LENGTH = Span(1, low_n=0, high_n=0)
_SHORT = Span(1, high_n=0)
# Negative numbers that are written out count from the end, as in Python.
LAST = Span(-1, -1)


class Bounds:
    """The bounds of the integers in one formula.

    Parameters
    ----------
    formula : Formula
        As it was read.
    indices : set of str
        Arguments that are the index of an entry of a row, such as the class y.
    short : collection of str
        Rows that may have fewer entries than the others.

    Attributes
    ----------
    unproven : set of int
        Identities (`id`) of the `Index` nodes that may lie outside their row.
    unlimited : set of int
        Identities of the loops of which it is not known how often they go around.
    rounds : mapping of int to Span
        How often each of the other loops goes around, at most.
    """

    def __init__(self, formula: Formula, indices: set[str], short: Collection[str] = ()) -> None:
        self._formula = formula
        self._short = short
        self._names: dict[str, Span | None] = dict.fromkeys(formula.params)
        self._names |= dict.fromkeys(indices, _INDEX)
        self._settle()
        self.unproven: set[int] = set()
        self.unlimited: set[int] = set()
        self.rounds: dict[int, Span] = {}
        self._places: dict[int, Mapping[str, Span | None]] = {}
        self._look(formula.body, self._names)

    def of(self, node: form.Expression) -> Span | None:
        """The bounds of an expression of the formula, or None."""
        return self._of(node, self._places.get(id(node), self._names))

    # Names ------------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Find bounds that hold for each name throughout the function."""
        stored = set(stored_names(self._formula.body))
        for name in stored:
            self._names.setdefault(name, _NOTHING)
        for attempt in range(len(stored) + 8):
            before = dict(self._names)
            for part in form.walk(self._formula.body):
                for name, span in self._assigned(part):
                    old = self._names[name]
                    self._names[name] = span if old == _NOTHING else old if span == _NOTHING else _either(old, span)
            changed = [name for name, span in self._names.items() if span != before[name]]
            if not changed:
                return
            if attempt >= 4:  # it goes on growing
                self._names |= dict.fromkeys(changed)
        self._names |= dict.fromkeys(stored)

    def _assigned(self, part: form.Node) -> Iterator[tuple[str, Span | None]]:
        match part:
            case form.Assign(targets=[form.Name(id=name)], value=value):
                yield name, self._of(value, self._names)
            case form.Assign(targets=targets):
                yield from ((name, None) for name in target_names(targets))
            case form.Augment(target=form.Name(id=name), plain=plain):
                yield name, self._of(plain.value, self._names)
            case form.For(name=name):
                yield name, self._variable(part, self._names)

    # Places -----------------------------------------------------------------------------------------------------

    def _look(self, nodes: Iterable[form.Node], names: Mapping[str, Span | None]) -> None:
        """Visit every node with the bounds of the names where it stands."""
        for node in nodes:
            self._places[id(node)] = names
            match node:
                case form.For(name=name, bounds=bounds, body=body):
                    self._look(bounds, names)
                    rounds = self._rounds(node, names)
                    if rounds is None:
                        self.unlimited.add(id(node))
                    else:
                        self.rounds[id(node)] = rounds
                    self._look(
                        body, names if name in set(stored_names(body)) else {**names, name: self._variable(node, names)}
                    )
                    continue
                case form.While():
                    self.unlimited.add(id(node))
                case form.Index(row=row, index=index):
                    span = self._of(index, names)
                    if (
                        row in self._short
                        or span is None
                        or not (span.is_index or (span == LAST and is_written(index)))
                    ):
                        self.unproven.add(id(node))
            self._look(form.parts(node), names)

    def _ends(self, node: form.For, names: Mapping[str, Span | None]) -> tuple[Span, Span, int] | None:
        """Start, end and step of a loop."""
        spans = [self._of(bound, names) for bound in node.bounds]
        start, end, step = ([Span(0, 0), *spans, Span(1, 1)] if len(spans) == 1 else [*spans, Span(1, 1)])[:3]
        if start is None or end is None or step is None or not step.low or step.low != step.high:
            return None
        return start, end, step.low

    def _variable(self, node: form.For, names: Mapping[str, Span | None]) -> Span | None:
        ends = self._ends(node, names)
        if ends is None:
            return None
        start, end, step = ends
        if _NOTHING in (start, end):
            return _NOTHING
        if step > 0:
            return _span([start.low], [_minus(end.high, 1)], [start.low_n], [_minus(end.high_n, 1)])
        return _span([end.low + 1], [start.high], [_plus(end.low_n, 1)], [start.high_n])

    def _rounds(self, node: form.For, names: Mapping[str, Span | None]) -> Span | None:
        ends = self._ends(node, names)
        if ends is None:
            return None
        start, end, step = ends
        return difference(end, start) if step > 0 else difference(start, end)

    # Expressions ------------------------------------------------------------------------------------------------

    def _of(self, node: form.Expression, names: Mapping[str, Span | None]) -> Span | None:
        match node:
            case form.Const(value=value) | form.Named(value=value):
                whole = not isinstance(value, bool) and -GREATEST <= value <= GREATEST and int(value) == value
                return Span(int(value), int(value)) if whole else None
            case form.Name(id=name):
                return names.get(name)
            case form.Call(name="len", arguments=[form.Name(id=row)]) if row in self._short:
                return _SHORT
            case form.Call(name="len"):
                return _LENGTH
            case form.Helper(function=function) if function in PLACES:
                return _INDEX
            case form.Call(name="min" | "max" as name, arguments=arguments):
                spans = [self._of(argument, names) for argument in arguments]
                if None in spans:
                    return None
                if _NOTHING in spans:
                    return _NOTHING
                return reduce(_smaller if name == "min" else _larger, (span for span in spans if span is not None))
            case form.Unary(operator="+", operand=operand):
                return self._of(operand, names)
            case form.Unary(operator="-", operand=operand):
                found = self._of(operand, names)
                return found if found == _NOTHING else found and difference(Span(0, 0), found)
            case form.Binary(operator=operator, left=left, right=right):
                x, y = self._of(left, names), self._of(right, names)
                if operator == "%" and y is not None and y != _NOTHING:
                    return _remainder(y)
                if x is None or y is None:
                    return None
                if _NOTHING in (x, y):
                    return _NOTHING
                work_out = {"+": _sum, "-": difference, "*": _product, "//": _quotient}.get(operator)
                return work_out and work_out(x, y)
        return None


def is_written(index: form.Expression) -> bool:
    """Whether an index is a number that is written out, which may count from the end."""
    match index:
        case form.Const() | form.Named() | form.Unary(operator="-", operand=form.Const() | form.Named()):
            return True
    return False


def stored_names(statements: Iterable[form.Node]) -> Iterator[str]:
    """Names that are assigned to."""
    for part in form.walk(statements):
        match part:
            case form.Assign(targets=targets):
                yield from target_names(targets)
            case form.Augment(target=form.Name(id=name)) | form.For(name=name):
                yield name


def target_names(targets: Iterable[form.Expression]) -> Iterator[str]:
    """The names among the targets of an assignment."""
    for target in targets:
        match target:
            case form.Name(id=name):
                yield name
            case form.Tuple(items=items):
                yield from target_names(items)
