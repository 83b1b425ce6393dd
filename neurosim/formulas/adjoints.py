"""Reverse-mode differentiation of a formula over rows: one pass for the derivatives with respect to all entries.

For every name x that the result depends on, the function written here has a second one, ``d_x``, its adjoint: the
derivative of the result with respect to x. The steps of the formula are taken from the last to the first, each adding
to the adjoints of what it reads (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3).

Each round of a loop is worked out again when the loop is taken in reverse, from the entries of the rows and from what
is known before the loop. That is possible where a loop only adds to what it had before or takes the largest, which is
what losses do, and where what it hands on from round to round enters linearly. Otherwise the values of all rounds are
needed again; the row to fill, of which each entry is free until its round has come, can keep those of one name, rows of
the function's own those of several. Anything else is a `NotReversibleError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.deferral import Deferral
from neurosim.formulas.deviations import deviations, is_multiple
from neurosim.formulas.filling import Filling
from neurosim.formulas.form import Assign, Binary, Const, Expression, For, If, Index, Name, Statement
from neurosim.formulas.hoisting import divisors
from neurosim.formulas.liveness import without_dead
from neurosim.formulas.names import Names, names_in
from neurosim.formulas.operations import Operations
from neurosim.formulas.python import plain_text
from neurosim.formulas.reversible import LostValueError, NotReversibleError
from neurosim.formulas.rounds import Lengths, ascending, descending
from neurosim.formulas.rows import put_back
from neurosim.formulas.steps import (
    Add,
    Branch,
    Carried,
    Loop,
    Order,
    Pick,
    Set,
    Step,
    all_steps,
    read_by,
    statements,
)
from neurosim.formulas.tangents import TangentOf
from neurosim.formulas.terms import ONE, ZERO, added, negative, number_of
from neurosim.formulas.tidying import tidied
from neurosim.formulas.versions import Versions

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
    kept : sequence of str
        Names whose values from round to round of a loop are kept, until the loop in reverse has come to them.
    in_place : bool
        Whether the row to fill keeps the only one of them, or rows of the function's own keep them.
    """

    def __init__(
        self,
        versions: Versions,
        steps: Sequence[Step],
        result: str,
        filled_rows: Mapping[str, str],
        tangent_of: TangentOf,
        known: Mapping[str, Expression],
        kept: Sequence[str] = (),
        *,
        in_place: bool = False,
    ) -> None:
        self.versions = versions
        self.names: Names = versions.names
        self.steps = steps
        self.result = result
        self.given_rows = filled_rows
        self._made: list[str] = []
        orders = [step for step in all_steps(steps) if isinstance(step, Order)]
        self.filled_rows = {
            **filled_rows,
            **{step.name: self._made_row(f"d_{self.names.plain(step.name)}") for step in orders},
        }
        ((self._row, filled_row),) = filled_rows.items()
        self.in_place = in_place
        self.kept = {
            name: filled_row if in_place else self._made_row(f"{self.names.plain(name)}_kept") for name in kept
        }
        self.operations = Operations(versions, tangent_of, known, self._bind, self._add)
        needed, _ = without_dead(statements(steps), {result})
        self._deferral = Deferral(steps, known, {name for name, _ in assigned_names(needed)})
        shares = (known.get(name) for name in self._deferral.wholes.shares())
        self.operations.bounded |= {share.row for share in shares if isinstance(share, Index)}
        self._deviations = deviations(steps, self._deferral.wholes)
        self._written: list[Statement] = []
        self._adjoints: dict[str, Expression] = {}
        self._called: dict[str, str] = {}
        self._scopes: list[_Scope] = []
        self._entries: dict[str, Index] = {}
        # Names that the loops around add to, or take extremes of.
        self._running: frozenset[str] = frozenset()
        values = {step.name: step.value for step in all_steps(steps) if isinstance(step, Set)}
        self.lengths = Lengths(values, {step.name: step.row for step in orders})
        self._used = {name for step in all_steps(steps) for name in read_by(step)}

    def body(self) -> list[Statement]:
        """The statements."""
        with self._scope(self.steps) as scope:
            self._add(Name(self.result), ONE)
            self._reverse(self.steps)
            self._flush(scope.local)
            backward = self._written
        forward = statements(self.steps)
        written, live = without_dead([*forward, *backward], set())
        for name in sorted(live | {name for node in written for name in names_in(node)}):
            if name.endswith(_LOST):
                lost = name.removesuffix(_LOST)
                raise LostValueError(lost, self.names.plain(lost))
        reserved = {*self.versions.formula.params, *self.names.outside}
        written = Filling(self.names, self.lengths, self.given_rows, keeps=self.in_place).filled(written)
        for row in self._made:
            place = next((k for k, node in enumerate(written) if row in names_in(node)), None)
            if place is not None:
                written.insert(place, form.Zeros(row, self._row))
        return tidied(written, self.names.wishes, reserved)

    def _made_row(self, wish: str) -> str:
        """A row of the function's own."""
        self._made.append(self.names.fresh(wish))
        return self._made[-1]

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
        if isinstance(target, Name):
            self.operations.quotients.pop(target.id, None)
            match value:
                case Binary(operator="/", left=Name() | Index() as numerator, right=Name(id=divisor)):
                    self.operations.quotients[target.id] = numerator, divisor

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
        quotients = dict(self.operations.quotients)
        yield scope
        self._scopes.pop()
        self._written = around
        inner = self.operations.quotients
        self.operations.quotients = {name: known for name, known in quotients.items() if inner.get(name) == known}

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

    def _flush(self, keys: set[str]) -> None:
        """Write the adjoints of entries, such as those that belong to a block."""
        for key in [key for key in self._entries if key in keys]:
            entry = self._entries.pop(key)
            place = Index(self.filled_rows[entry.row], entry.index)
            value = self._adjoints.get(key)
            if value is not None:
                self._assign(place, added(place, value) or ZERO)

    # Steps --------------------------------------------------------------------------------------------------

    def _reverse(self, steps: Sequence[Step]) -> None:
        for step in reversed(steps):
            match step:
                case Set(name=name, value=value) if name in self.versions.active:
                    self._take_back(name, value)
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
                case Order():
                    self._order(step)

    def _take_back(self, name: str, value: Expression) -> None:
        """Add to the adjoints of what an operation reads, here or, if it is done alike before, there."""
        adjoint = own = self._adjoints.get(name)
        waiting = self._deferral.arrived(name)
        if waiting is not None:
            adjoint = self._bind(self.operations.together(waiting, own))
        if adjoint is None:
            return
        if twin := self._deferral.wait(name, adjoint, self._written):
            if twin in self._deviations:
                self._add(self._deviations[twin].mean, negative(adjoint))
        elif name in self._deviations:
            # What waited here has been added to the adjoint of the mean already.
            deviation = self._deviations[name]
            self._add(deviation.value, adjoint)
            if own is not None and not is_multiple(own, name, deviation, self._written):
                self._add(deviation.mean, negative(own))
        else:
            self.operations.pull(name, value, adjoint)

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
                sides.append((*statements(side, self._running), *self._written))
                touched |= scope.touched
        self._settle(touched)
        self._written.append(If(step.test, *sides))

    def _order(self, step: Order) -> None:
        """Each number of a sorted row hands its adjoint on to the entry that it comes from."""
        self._flush({key for key, entry in self._entries.items() if entry.row == step.name})
        adjoints = self.filled_rows[step.name]
        if any(adjoints in names_in(node) for node in self._written):
            rows = (step.row, step.name, adjoints, self._made_row("taken"), self.filled_rows[step.row])
            called = self.names.of_value(put_back.__name__, put_back)
            given = (*map(Name, rows), ONE if step.descending else ZERO)
            self._written.append(form.Do(form.Helper(put_back, given, called)))

    def _loop(self, step: Loop) -> None:
        live = [
            item
            for item in step.carried
            if item.name in self.versions.active and (item.name in self._adjoints or item.start in self._used)
        ]
        entry = self._entry_of(step)
        divided_by = self._divisors(step)
        for part in all_steps([step]):
            # Their adjoints change from round to round.
            names = [part.name] if isinstance(part, Pick) else [item.name for item in getattr(part, "carried", ())]
            for name in names:
                self.operations.quotients.pop(self._called.get(name, ""), None)
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
            self._flush(scope.local)
            backward = self._written
        again = statements(inner, self._running)
        forward = statements(step.body, self._running)
        self._running = around
        self._settle(scope.touched)
        bounds = step.bounds
        if live:
            bounds = descending(bounds)
            self._keep(step, forward)
            starts_again = [
                Assign((Name(item.start),), self._start(item, step)) for item in step.carried if item.before
            ]
            again = [*starts_again, *again]
        else:
            self._begin(step)
            again = forward
        self._written.append(For(step.name, bounds, (*again, *backward)))
        for divisor in divided_by:
            total = self._adjoints.get(self.operations.logarithms.pop(divisor))
            if total is not None:
                self._add(Name(divisor), Binary("/", total, Name(divisor)))

    def _divisors(self, step: Loop) -> list[str]:
        """The numbers by which a loop divides that are the same in all rounds; their logarithms have adjoints now."""
        found = divisors(step, self.versions.active - set(self.operations.logarithms))
        for divisor in found:
            logarithm = self.names.fresh(f"log_{self.names.plain(divisor)}")
            self.operations.logarithms[divisor] = logarithm
            self.versions.active.add(logarithm)
            self._scopes[-1].local.add(logarithm)
        return found

    def _begin(self, step: Loop) -> None:
        """What a loop hands on gets the values that it has before the first round."""
        for item in step.carried:
            if item.before is not None:
                self._assign(Name(item.name), item.before)

    def _keep(self, step: Loop, forward: Sequence[Statement]) -> None:
        """Before a loop in reverse: the same forward, keeping what each round starts with."""
        entries = [
            (Index(self.kept[item.name], Name(step.name)), item.name) for item in step.carried if item.name in self.kept
        ]
        if not entries:
            return
        bounds = ascending(step.bounds)
        if len(self._scopes) > 1 or bounds is None or bounds[0] != Const(0):
            raise NotReversibleError(0, "")
        if not self.lengths.is_length(bounds[1], self._row):
            raise NotReversibleError(0, "")
        self._begin(step)
        keep = (Assign((entry,), Name(name)) for entry, name in entries)
        self._written.append(For(step.name, step.bounds, (*keep, *forward)))

    def _start(self, item: Carried, step: Loop) -> Expression:
        if item.name in self.kept:
            return Index(self.kept[item.name], Name(step.name))
        return Name(item.name + _LOST)

    def _entry_of(self, step: Loop) -> list[Index]:
        """Entries that belong to one round each, and are there for all of them."""
        bounds = ascending(step.bounds)
        return [
            Index(row, Name(step.name)) for row in self.filled_rows if bounds and self.lengths.is_within(bounds[1], row)
        ]
