"""Which names have a value where they are read, and which rows a function fills: both can be seen in its text.

Compiled code would read whatever is in the register of a name without a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neurosim.formulas import form
from neurosim.formulas.bounds import target_names
from neurosim.formulas.form import Formula
from neurosim.formulas.reader import read


def check_values(formula: Formula) -> None:
    """Raise PluginError, naming the line, if a name may be read before it has a value."""
    _Flow(formula).block(formula.body, frozenset(formula.params))


Names = frozenset[str]


class _Flow:
    """Follows every path through a function with the names that have a value; None where no path leads."""

    def __init__(self, formula: Formula) -> None:
        self._formula = formula
        self._jumps: list[list[tuple[str, Names]]] = []  # the jumps of each loop around

    def block(self, statements: Iterable[form.Statement], names: Names | None) -> Names | None:
        for statement in statements:
            if names is None:
                return None
            names = self._statement(statement, names)
        return names

    def _statement(self, node: form.Statement, names: Names) -> Names | None:
        match node:
            case form.Assign(targets=targets, value=value):
                self._read([value], names)
                self._read((target for target in form.walk(targets) if isinstance(target, form.Index)), names)
                return names.union(target_names(targets))
            case form.Sorted(name=name) | form.Zeros(name=name):
                return names | {name}
            case form.Return():
                self._read([node], names)
                return None
            case form.If(test=test, body=body, orelse=orelse):
                self._read([test], names)
                return _common([self.block(body, names), self.block(orelse, names)])
            case form.For(name=name, bounds=bounds, body=body):
                self._read(bounds, names)
                end, jumps = self._loop(body, names | {name})
                return _common([end, *(there for _, there in jumps)]) if _goes_around(bounds) else names
            case form.While(test=test, body=body):
                self._read([test], names)
                _, jumps = self._loop(body, names)
                if isinstance(test, form.Const) and test.value:
                    return _common(there for word, there in jumps if word == "break")
                return names
            case form.Jump(word=word):
                if word != "pass" and self._jumps:
                    self._jumps[-1].append((word, names))
                    return None
                return names
        self._read([node], names)
        return names

    def _loop(self, body: Sequence[form.Statement], names: Names) -> tuple[Names | None, list[tuple[str, Names]]]:
        """The names at the end of a loop's body, and at its jumps."""
        self._jumps.append([])
        return self.block(body, names), self._jumps.pop()

    def _read(self, nodes: Iterable[form.Node], names: Names) -> None:
        for part in form.walk(nodes):
            if isinstance(part, form.Name) and part.id not in names:
                what = f"{part.id} has no value on some path to here"
                raise self._formula.refuse(part.line, what, f"assign to {part.id} first, on every path")


def _common(paths: Iterable[Names | None]) -> Names | None:
    """The names that have a value on all paths that there are."""
    there = [names for names in paths if names is not None]
    return frozenset.intersection(*there) if there else None


def _goes_around(bounds: Sequence[form.Expression]) -> bool:
    """Whether a loop goes around at least once: through a row, or from 0 to a positive number."""
    match bounds:
        case [form.Call(name="len")]:
            return True
        case [form.Const(value=value) | form.Named(value=value)]:
            return value >= 1
    return False


def check_rows(formula: Formula, rows: Iterable[str], output: str) -> None:
    """Raise PluginError, naming the line, if a function or one that it calls sets an entry of a row but `output`."""
    given = set(rows) - {output}
    for row, line in stored_rows(formula).items():
        if row in given:
            what = f"an entry of {row} is set, which is an input"
            instead = f"set entries of {output}" if output else "use a name of its own for what is computed"
            raise formula.refuse(line, what, instead)


def stored_rows(formula: Formula, known: dict[object, dict[str, int]] | None = None) -> dict[str, int]:
    """The rows of which a function sets entries, itself or by one that it calls, each with a line of its own."""
    known = {} if known is None else known
    if formula.function in known:
        return known[formula.function]
    found = known[formula.function] = {}
    for node in form.walk(formula.body):
        match node:
            case form.Assign(targets=targets):
                for target in (part for entry in targets for part in getattr(entry, "items", (entry,))):
                    if isinstance(target, form.Index):
                        found.setdefault(target.row, target.line)
            case form.Augment(target=form.Index(row=row, line=line)):
                found.setdefault(row, line)
            case form.Helper(function=function, arguments=arguments, line=line):
                callee = read(function)
                stored = stored_rows(callee, known)
                for param, argument in zip(callee.params, arguments, strict=False):
                    if param in stored and isinstance(argument, form.Name):
                        found.setdefault(argument.id, line)
    return found
