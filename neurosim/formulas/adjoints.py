"""Reverse-mode differentiation of a formula over rows: one pass for the derivatives with respect to all entries.

For every name x that the result depends on, the function written here has a second one, ``d_x``, its adjoint: the
derivative of the result with respect to x. The steps of the formula are taken from the last to the first, each adding
to the adjoints of what it reads (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3).

Each round of a loop is worked out again when the loop is taken in reverse, from the entries of the rows and from what
is known before the loop. That is possible where a loop only adds to what it had before or takes the largest, which is
what losses do, and where what it hands on from round to round enters linearly. Otherwise the values of all rounds are
needed again; the row to fill, of which each entry is free until its round has come, can keep those of one name.
Anything else is a `NotReversibleError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from neurosim.formulas import form
from neurosim.formulas.activity import whole_power
from neurosim.formulas.form import (
    Assign,
    Binary,
    Call,
    Choice,
    Const,
    Expression,
    For,
    If,
    Index,
    Name,
    Statement,
    Unary,
)
from neurosim.formulas.liveness import without_dead
from neurosim.formulas.lowering import LostValueError, Names, NotReversibleError
from neurosim.formulas.python import plain_text
from neurosim.formulas.rules import RULES, RULES_OF_TWO
from neurosim.formulas.tangents import TangentOf, Varied
from neurosim.formulas.terms import ONE, ZERO, added, filled, is_float, negative, number_of, read_ours
from neurosim.formulas.tidying import tidied
from neurosim.formulas.versions import Add, Branch, Carried, Fixed, Loop, Pick, Set, Step, Versions, all_steps

# Marks a value from the round before, which is not there when a loop is taken in reverse.
_LOST = "?"


@dataclass
class _Scope:
    """A block of statements.

    Attributes
    ----------
    local : set of str
        Names that have their values in it, and entries of rows whose adjoints are written at its end.
    touched : set of str
        Those of blocks around it to whose adjoints it adds.
    """

    local: set[str]
    touched: set[str] = field(default_factory=set)


class AdjointWriter:
    """Writes the body of a function that fills rows with the derivatives of a formula's result.

    Parameters
    ----------
    versions : Versions
        Knows the formula's names.
    steps : sequence of Step
        The formula's.
    result : str
        The name of its result.
    filled_rows : mapping of str to str
        For each varied row, the one to fill.
    tangent_of : function (function, varied) -> function
        Gives the tangents of functions that it calls.
    known : mapping of str to Expression
        Names whose values can be read somewhere.
    kept : str
        A name whose values from round to round of a loop are kept in the row to fill, until the loop in reverse has
        come to them.
    """

    def __init__(
        self,
        versions: Versions,
        steps: Sequence[Step],
        result: str,
        filled_rows: Mapping[str, str],
        tangent_of: TangentOf,
        known: Mapping[str, Expression],
        kept: str = "",
    ) -> None:
        self.versions = versions
        self.names: Names = versions.names
        self.steps = steps
        self.result = result
        self.filled_rows = filled_rows
        self.tangent_of = tangent_of
        self.known = known
        self.kept = kept
        self._written: list[Statement] = []
        self._adjoints: dict[str, Expression] = {}
        self._called: dict[str, str] = {}
        self._scopes: list[_Scope] = []
        self._entries: dict[str, Index] = {}
        # Names that the loops around add to, or take extremes of.
        self._running: frozenset[str] = frozenset()
        self._sets = {step.name: step.value for step in all_steps(steps) if isinstance(step, Set)}
        self._used = {name for step in all_steps(steps) for name in _read(step)}

    def body(self) -> list[Statement]:
        """The statements."""
        with self._scope(self.steps) as scope:
            self._add(Name(self.result), ONE)
            self._reverse(self.steps)
            self._flush(scope)
            backward = self._written
        forward = self._forward(self.steps, frozenset())
        statements, live = without_dead([*forward, *backward], set())
        for name in sorted(live | {name for node in statements for name in _names(node)}):
            if name.endswith(_LOST):
                lost = name.removesuffix(_LOST)
                raise LostValueError(lost, self.names.wishes.get(lost, lost))
        reserved = {*self.versions.formula.params, *self.filled_rows.values(), *self.names.outside}
        return tidied(self._filling(statements), self.names.wishes, reserved)

    # Forward ------------------------------------------------------------------------------------------------

    def _forward(self, steps: Sequence[Step], running: frozenset[str]) -> list[Statement]:
        """The formula's own statements, but for what is added to names in `running`."""
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
                    sides = (tuple(self._forward(side, running)) for side in (body, orelse))
                    written.append(If(test, *sides))
                case Loop(name=name, bounds=bounds, body=body):
                    written.append(For(name, bounds, tuple(self._forward(body, running))))
                case Fixed(statement=statement):
                    written.append(statement)
        return written

    # Adjoints -----------------------------------------------------------------------------------------------

    def _called_adjoint(self, key: str) -> Name:
        if key not in self._called:
            wish = "".join(letter if letter.isalnum() else "_" for letter in f"d_{key}").rstrip("_")
            self._called[key] = self.names.fresh(wish)
            if key in self.names.wishes:
                self.names.wishes[self._called[key]] = f"d_{key}"
        return Name(self._called[key])

    def _assign(self, target: Expression, value: Expression) -> None:
        self._written.append(Assign((target,), value))

    def _bind(self, value: Expression) -> Expression:
        """A name (or number) for a value that is needed more than once."""
        if isinstance(value, Name | Const) or number_of(value) is not None:
            return value
        name = Name(self.names.temporary())
        self._assign(name, value)
        return name

    def _add(self, target: Expression, value: Expression | None) -> None:
        """Add to the adjoint of a name or of an entry of a row."""
        if value is None or number_of(value) == 0:
            return
        match target:
            case Name(id=key) if key in self.versions.active:
                pass
            case Index(row=row, index=index) if row in self.filled_rows:
                # In the block that it belongs to, if it belongs to one, an entry is like a name.
                key = plain_text(target)
                if not any(key in scope.local for scope in self._scopes):
                    if len(self._scopes) > 1:
                        entry = Index(self.filled_rows[row], index)
                        self._assign(entry, added(entry, value) or ZERO)
                        return
                    self._scopes[-1].local.add(key)
                    self._entries[key] = target
            case _:
                return
        self._add_to(key, value)

    def _add_to(self, key: str, value: Expression) -> None:
        if key in self._scopes[-1].local:
            before = self._adjoints.get(key)
            if before is None and isinstance(value, Name | Const):
                self._adjoints[key] = value
                return
            name = self._called_adjoint(key)
            self._assign(name, added(before, value) or ZERO)
            self._adjoints[key] = name
            return
        name = self._called_adjoint(key)
        self._assign(name, added(name, value) or ZERO)
        for scope in reversed(self._scopes):
            if key in scope.local:
                break
            scope.touched.add(key)

    @contextmanager
    def _scope(self, steps: Sequence[Step], own: Sequence[str] = ()) -> Iterator[_Scope]:
        """A block: what is written goes into a list of its own, and adjoints of outer names are numbers already."""
        local = set(own)
        for step in steps:
            match step:
                case Set(name=name):
                    local.add(name)
                case Branch(results=results):
                    local |= set(results)
                case Loop(carried=carried):
                    local |= {item.name for item in carried}
        local -= {name for scope in self._scopes for name in scope.local}
        scope = _Scope(local)
        self._scopes.append(scope)
        around, self._written = self._written, []
        yield scope
        self._scopes.pop()
        self._written = around

    def _settle(self, touched: set[str]) -> None:
        """Before a block that adds to adjoints of this one: they are numbers of their own."""
        for key in sorted(touched):
            if key in self._scopes[-1].local:
                name = self._called_adjoint(key)
                before = self._adjoints.get(key, ZERO)
                if before != name:
                    self._assign(name, before)
                self._adjoints[key] = name
            else:
                self._scopes[-1].touched.add(key)

    def _flush(self, scope: _Scope) -> None:
        """Write the adjoints of entries that belong to a block."""
        for key in [key for key in self._entries if key in scope.local]:
            entry = self._entries.pop(key)
            place = Index(self.filled_rows[entry.row], entry.index)
            value = self._adjoints.get(key)
            if value is not None:
                self._assign(place, added(place, value) or ZERO)

    # Steps --------------------------------------------------------------------------------------------------

    def _reverse(self, steps: Sequence[Step]) -> None:
        for step in reversed(steps):
            match step:
                case Set(name=name, value=value):
                    adjoint = self._adjoints.get(name)
                    if adjoint is not None and name in self.versions.active:
                        self._pull(name, value, adjoint)
                case Add(name=name, sign=sign, value=value):
                    adjoint = self._adjoints.get(name)
                    if adjoint is not None:
                        self._add(value, adjoint if sign == "+" else negative(adjoint))
                case Pick():
                    self._pick(step)
                case Branch():
                    self._branch(step)
                case Loop():
                    self._loop(step)

    def _pick(self, step: Pick) -> None:
        adjoint = self._adjoints.get(step.name)
        if adjoint is None:
            return
        name = self._called_adjoint(step.name)
        with self._scope(()) as scope:
            self._add(step.value, name)
            self._assign(name, ZERO)
            scope.touched.add(step.name)
            written = tuple(self._written)
        self._settle(scope.touched)
        self._written.append(If(form.Compare(("==",), (step.value, Name(step.name))), written, ()))

    def _branch(self, step: Branch) -> None:
        sides = []
        touched: set[str] = set()
        for side in (step.body, step.orelse):
            with self._scope(side) as scope:
                self._reverse(side)
                sides.append((*self._forward(side, self._running), *self._written))
                touched |= scope.touched
        self._settle(touched)
        self._written.append(If(step.test, *sides))

    def _loop(self, step: Loop) -> None:
        live = [
            item
            for item in step.carried
            if item.name in self.versions.active and (item.name in self._adjoints or item.start in self._used)
        ]
        entry = self._entry_of(step)
        around, self._running = self._running, self._running | step.running
        with self._scope(step.body, [plain_text(item) for item in entry]) as scope:
            self._entries |= {plain_text(item): item for item in entry}
            for item in live:
                scope.touched.add(item.name)
            handed_on = {item.name for item in step.carried}
            starts = {item.start for item in step.carried}
            body = list(step.body)
            while body and isinstance(body[-1], Set) and body[-1].name in handed_on:
                last = body.pop()
                assert isinstance(last, Set)
                if any(item.name == last.name for item in live):
                    kept = Name(self.names.fresh("kept"))
                    self._assign(kept, self._called_adjoint(last.name))
                    self._add(last.value, kept)
            inner = [part for part in body if not (isinstance(part, Set) and part.name in starts)]
            self._reverse(inner)
            for item in live:
                self._assign(self._called_adjoint(item.name), self._adjoints.get(item.start, ZERO))
            self._flush(scope)
            backward = self._written
        again = self._forward(inner, self._running)
        forward = self._forward(step.body, self._running)
        self._running = around
        self._settle(scope.touched)
        bounds = step.bounds
        if live:
            bounds = _descending(bounds)
            if any(item.name == self.kept for item in step.carried):
                self._keep(step, forward)
            starts_again = [
                Assign((Name(item.start),), self._start(item, step)) for item in step.carried if item.before
            ]
            again = [*starts_again, *again]
        else:
            self._begin(step)
            again = forward
        self._written.append(For(step.name, bounds, (*again, *backward)))

    def _begin(self, step: Loop) -> None:
        """What a loop hands on gets the values that it has before the first round."""
        for item in step.carried:
            if item.before is not None:
                self._assign(Name(item.name), item.before)

    def _keep(self, step: Loop, forward: Sequence[Statement]) -> None:
        """Before a loop in reverse: the same forward, keeping what each round starts with in the row to fill."""
        ((row, filled_row),) = self.filled_rows.items()
        bounds = _ascending(step.bounds)
        if len(self._scopes) > 1 or bounds is None or bounds[0] != Const(0) or not self._is_length(bounds[1], row):
            raise NotReversibleError(0, "")
        self._begin(step)
        keep = Assign((Index(filled_row, Name(step.name)),), Name(self.kept))
        self._written.append(For(step.name, step.bounds, (keep, *forward)))

    def _start(self, item: Carried, step: Loop) -> Expression:
        if item.name == self.kept:
            (filled_row,) = self.filled_rows.values()
            return Index(filled_row, Name(step.name))
        return Name(item.name + _LOST)

    def _entry_of(self, step: Loop) -> list[Index]:
        """Entries that belong to one round each, and are there for all of them."""
        bounds = _ascending(step.bounds)
        return [Index(row, Name(step.name)) for row in self.filled_rows if bounds and self._within(bounds[1], row)]

    def _within(self, last: Expression, row: str) -> bool:
        match last:
            case Call(name="min", arguments=arguments):
                return any(self._within(argument, row) for argument in arguments)
            case Binary(operator="-", left=left, right=Const(value=value)) if value >= 0:
                return self._within(left, row)
        return self._is_length(last, row)

    def _is_length(self, node: Expression, row: str) -> bool:
        match node:
            case Call(name="len", arguments=[Name(id=name)]):
                return name == row
            case Name(id=name) if name in self._sets:
                return self._is_length(self._sets[name], row)
        return False

    # Operations ---------------------------------------------------------------------------------------------

    def _fill(self, text: str, **values: Expression) -> Expression:
        return filled(read_ours(text), values, self.names.math)  # type: ignore[no-any-return]

    def _varies(self, node: Expression) -> bool:
        return self.versions.depends(node, self.versions.active)

    def _pull(self, name: str, node: Expression, adjoint: Expression) -> None:
        """Add to the adjoints of what an operation reads, given that of its value."""
        value = self.known.get(name, Name(name))
        match node:
            case Name() | Index():
                self._add(node, adjoint)
            case Unary(operator=sign, operand=operand):
                self._add(operand, negative(adjoint) if sign == "-" else adjoint)
            case Binary(operator="**", left=left, right=right) | Call(name="pow", arguments=[left, right]):
                self._power(value, left, right, adjoint)
            case Call(name="abs" | "fabs", arguments=[x]):
                # A choice of two, which compilers make no jump of.
                slope = self._times(self._fill("math.copysign(1.0, x)", x=x), adjoint, tame=True)
                self._add(x, self._fill("b if x != 0.0 else x", x=x, b=slope))
            case Call(name="max" | "min" as kind, arguments=[left, right]):
                self._extreme(kind, left, right, adjoint, shared=name in self.versions.shared)
            case Choice(test=test, body=body, orelse=orelse):
                b = self._bind(adjoint)
                self._add(body, Choice(test, b, ZERO))
                self._add(orelse, Choice(test, ZERO, b))
            case form.Helper():
                self._helper(node, self._bind(adjoint))
            case Binary(operator="*", left=x, right=y) if x == y:
                tame = self.versions.is_tame(node, self.versions.tame)
                self._add(x, self._times(Binary("*", Const(2.0), x), adjoint, tame=tame))
            case Binary(operator=operator, left=left, right=right):
                self._by_rule(node, RULES_OF_TWO[operator].tangent, {"x": left, "y": right, "v": value}, adjoint)
            case Call(name=called, arguments=[x]):
                self._by_rule(node, RULES[called].tangent, {"x": x, "v": value}, adjoint)
            case Call(name=called, arguments=[x, y]):
                self._by_rule(node, RULES_OF_TWO[called].tangent, {"x": x, "y": y, "v": value}, adjoint)

    def _by_rule(self, node: Expression, rule: str, values: dict[str, Expression], adjoint: Expression) -> None:
        tame = self.versions.is_tame(node, self.versions.tame)
        varied = {name for name in ("x", "y") if name in values and self._varies(values[name])}

        def parts(terms: Expression, b: Expression) -> Iterator[tuple[str, Expression]]:
            match terms:
                case Name(id=name) if name[1:] in varied:
                    yield name[1:], b
                case Unary(operand=operand):
                    for name, part in parts(operand, b):
                        yield name, negative(part) or ZERO
                case Binary(operator="+" | "-" as sign, left=left, right=right):
                    b = self._bind(b)
                    yield from parts(left, b)
                    for name, part in parts(right, b):
                        yield name, (negative(part) or ZERO) if sign == "-" else part
                case Binary(operator="*", left=factor, right=Name(id=name)) if name[1:] in varied:
                    yield name[1:], self._times(filled(factor, values, self.names.math), b, tame=tame)
                case Binary(operator="/", left=left, right=divisor):
                    if any(
                        isinstance(part, Name) and part.id[1:] in varied and part.id[0] == "d"
                        for part in form.walk([left])
                    ):
                        yield from parts(left, Binary("/", b, filled(divisor, values, self.names.math)))

        for name, part in parts(read_ours(rule), adjoint):
            self._add(values[name], part)

    def _times(self, factor: Expression, adjoint: Expression, *, tame: bool) -> Expression:
        """`factor` times an adjoint; one of exactly 0 makes it 0 even where the factor has overflowed."""
        if is_float(adjoint, 1.0):
            return factor
        if is_float(adjoint, -1.0):
            return negative(factor) or ZERO
        if is_float(factor, 1.0):
            return adjoint
        if tame or number_of(adjoint) is not None or number_of(factor) is not None:
            return Binary("*", factor, adjoint)
        return self._fill("0.0 if b == 0.0 else x * b", b=self._bind(adjoint), x=factor)

    def _power(self, value: Expression, x: Expression, y: Expression, adjoint: Expression) -> None:
        adjoint = self._bind(adjoint)
        whole = whole_power(y)
        if whole is not None:
            factors = {0: "0.0", 1: "1.0", 2: "2.0 * x"}
            factor = self._fill(factors.get(whole, f"{float(whole)!r} * x ** {whole - 1}"), x=x)
            self._add(x, self._times(factor, adjoint, tame=whole >= 0))
            return
        if self._varies(x):
            # With the exponent 0 it is 1 everywhere, also at 0, where the formula would divide by it.
            factor = self._fill("0.0 if y == 0.0 else y * x ** (y - 1.0)", x=x, y=y)
            self._add(x, self._times(factor, adjoint, tame=False))
        if self._varies(y):
            factor = self._fill("0.0 if v == 0.0 else v * math.log(x)", v=value, x=x)
            self._add(y, self._times(factor, adjoint, tame=False))

    def _extreme(self, kind: str, x: Expression, y: Expression, adjoint: Expression, *, shared: bool) -> None:
        b = self._bind(adjoint)
        sign = ">" if kind == "max" else "<"
        varies = self._varies(x), self._varies(y)
        # As `max` and `min` choose: the second only where a comparison holds, which for NaN it does not.
        if shared or all(varies):
            self._add(x, self._fill(f"b if x {sign} y else 0.0 if y {sign} x else 0.5 * b", x=x, y=y, b=b))
            self._add(y, self._fill(f"0.0 if x {sign} y else b if y {sign} x else 0.5 * b", x=x, y=y, b=b))
        elif varies[0]:
            self._add(x, self._fill(f"0.0 if y {sign}= x else b", x=x, y=y, b=b))
        else:
            self._add(y, self._fill(f"b if y {sign} x else 0.0", x=x, y=y, b=b))

    def _helper(self, node: form.Helper, adjoint: Expression) -> None:
        """A function of numbers: its tangent in the direction of each argument that varies."""
        for place, argument in enumerate(node.arguments):
            if self._varies(argument):
                varied: list[Varied] = ["number" if k == place else "" for k in range(len(node.arguments))]
                tangent = self.tangent_of(node.function, tuple(varied))
                name = self.names.of_value(tangent.__name__, tangent)
                self._add(argument, form.Helper(tangent, (*node.arguments, adjoint), name))

    # The rows to fill ---------------------------------------------------------------------------------------

    def _filling(self, statements: list[Statement]) -> list[Statement]:
        """Statements that fill rows rather than add to them: the first that does all entries, or zeros before."""
        for row, filled_row in self.filled_rows.items():
            if self.kept:
                return self._filling_after_keeping(statements, row, filled_row)
            place = next((k for k, node in enumerate(statements) if filled_row in _names(node)), len(statements))
            first = statements[place] if place < len(statements) else None
            if isinstance(first, For) and (changed := self._first_filling(first, row, filled_row)):
                statements[place : place + 1] = changed
            else:
                statements.insert(place, self._zeros(row, filled_row))
        return statements

    def _filling_after_keeping(self, statements: list[Statement], row: str, filled_row: str) -> list[Statement]:
        """The same where the row first keeps numbers, each of which is read once before its place is filled."""
        places = [k for k, node in enumerate(statements) if filled_row in _names(node)]
        if len(places) < 2:
            raise NotReversibleError(0, "")
        keeping, filling = (statements[place] for place in places[:2])
        if isinstance(keeping, For) and isinstance(filling, For) and keeping.name == filling.name:
            entry = Index(filled_row, Name(filling.name))
            match [node for node in filling.body if filled_row in _names(node)]:
                case [Assign(targets=[Name(id=start)], value=kept), *others] if kept == entry:
                    rest = replace(
                        filling,
                        body=tuple(node for node in filling.body if node in others or filled_row not in _names(node)),
                    )
                    filled = self._first_filling(rest, row, filled_row)
                    if len(filled) == 1 and isinstance(filled[0], For):
                        first = Assign((Name(start),), entry)
                        statements[places[1]] = replace(filled[0], body=(first, *filled[0].body))
                        return statements
        raise NotReversibleError(0, "")

    def _zeros(self, row: str, filled_row: str, *first: Expression) -> For:
        k = Name(self.names.fresh("k"))
        return For(k.id, (*first, Call("len", (Name(row),), "len")), (Assign((Index(filled_row, k),), ZERO),))

    def _first_filling(self, loop: For, row: str, filled_row: str) -> list[Statement]:
        """A loop that adds to one entry in each round as one that sets them, and the others as zeros before."""
        entry = Index(filled_row, Name(loop.name))
        bounds = _ascending(loop.bounds)
        if bounds is None or not self._within(bounds[1], row):
            return []
        uses = [node for node in loop.body if filled_row in _names(node)]
        match uses:
            case [Assign(targets=[target], value=Binary(operator="+" | "-" as sign, left=left, right=right))]:
                if target == left == entry and filled_row not in _names(right):
                    value = right if sign == "+" else negative(right) or ZERO
                    done = Assign((entry,), value)
                    body = tuple(done if node is uses[0] else node for node in loop.body)
                    filling = replace(loop, body=body)
                    if bounds[0] == Const(0) and self._is_length(bounds[1], row):
                        return [filling]
                    shortest = isinstance(bounds[1], Call) and bounds[0] == Const(0)
                    return [self._zeros(row, filled_row, *([bounds[1]] if shortest else [])), filling]
        return []


def _ascending(bounds: tuple[Expression, ...]) -> tuple[Const, Expression] | None:
    """The first entry that a loop gets to, counted from the start, and the one behind the last; None if not known."""
    match bounds:
        case [last]:
            return Const(0), last
        case [Const() as first, last] if float(first.value) >= 0:
            return first, last
        case [
            Binary(operator="-", left=last, right=Const(value=1)),
            before,
            Unary(operator="-", operand=Const(value=1)),
        ]:
            match before:
                case Unary(operator="-", operand=Const(value=1)):
                    return Const(0), last
                case Const(value=value) if value >= 0:
                    return Const(int(value) + 1), last
    return None


def _descending(bounds: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """The bounds of a loop that goes the other way."""
    match bounds:
        case [last]:
            first: Expression = Const(0)
        case [first, last]:
            pass
        case _:
            raise NotReversibleError(0, "a loop that hands on something has a step of its own")
    before = Const(int(first.value) - 1) if isinstance(first, Const) else Binary("-", first, Const(1))
    if isinstance(before, Const) and before.value == -1:
        return Binary("-", last, Const(1)), Unary("-", Const(1)), Unary("-", Const(1))
    return Binary("-", last, Const(1)), before, Unary("-", Const(1))


def _read(step: Step) -> set[str]:
    match step:
        case Set(value=node) | Add(value=node) | Pick(value=node) | Branch(test=node) | Fixed(statement=node):
            return _names(node)
        case Loop(bounds=bounds):
            return {name for bound in bounds for name in _names(bound)}


def _names(node: form.Node) -> set[str]:
    return {
        part.id if isinstance(part, Name) else part.row for part in form.walk([node]) if isinstance(part, Name | Index)
    }
