"""Derivatives of formulas, worked out from their source: exact, not by differences.

`derive_slope` gives an activation its ``df``, `derive_gradient` a loss its ``gradient``. What comes
back is a plain function like one that an author writes; `source_of` shows its text.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.adjoints import AdjointWriter
from neurosim.formulas.form import Statement
from neurosim.formulas.hoisting import hoisted
from neurosim.formulas.invariance import without_effect
from neurosim.formulas.lowering import Lowering, with_kinks_together
from neurosim.formulas.names import Names
from neurosim.formulas.python import PythonPrinter
from neurosim.formulas.reader import read
from neurosim.formulas.reversible import LostValueError, NotReversibleError
from neurosim.formulas.row_outputs import RowOutputs
from neurosim.formulas.sharing import shared
from neurosim.formulas.source import DERIVATION, LOADED_SOURCE, identifier
from neurosim.formulas.steps import Step
from neurosim.formulas.tangents import TangentPrinter, Varied, unused
from neurosim.formulas.versions import Versions


def derive_slope(function: Callable[..., float]) -> Callable[..., float]:
    """The derivative ``df(z, a, *params)`` of ``f(z, *params)``; `a` is there for form's sake.

    Raises
    ------
    PluginError
        Naming file and line, for what cannot be derived.
    """
    return derive_partial(function, 0)


@functools.cache
def derive_partial(function: Callable[..., float], place: int) -> Callable[..., float]:
    """The derivative ``df(z, a, *params)`` of ``f(z, *params)`` with respect to one of its arguments.

    Parameters
    ----------
    function : function
        The formula of an activation.
    place : int
        Which argument is varied: 0 for z, 1 for the first parameter.

    Raises
    ------
    PluginError
        Naming file and line, for what cannot be derived.
    """
    derivation = _Derivation()
    formula = read(function)
    names = formula.params
    varied: list[Varied] = ["number" if k == place else "" for k in range(len(names))]
    written_out = with_kinks_together(formula, names[place])
    writer = TangentPrinter(function, varied, derivation.tangent_of, unit=True, formula=written_out)
    z, *params = writer.arguments
    name = f"{identifier(function)}_derivative" + (f"_{names[place]}" if place else "")
    return derivation.define(function, writer, name, [z, writer.fresh("a"), *params])


@functools.cache
def derive_argument(function: Callable[..., float], place: int) -> Callable[..., float]:
    """The derivative ``df(u, v, *params)`` of ``f(u, v, *params)`` with respect to the argument at `place`.

    Raises
    ------
    PluginError
        Naming file and line, for what cannot be derived.
    """
    derivation = _Derivation()
    names = read(function).params
    varied: list[Varied] = ["number" if k == place else "" for k in range(len(names))]
    writer = TangentPrinter(function, varied, derivation.tangent_of, unit=True)
    return derivation.define(function, writer, f"{function.__name__}_d{names[place]}", writer.arguments)


@functools.cache
def derive_gradient(function: Callable[..., float]) -> Callable[..., None]:
    """The gradient ``gradient(a, y, da, *params)`` of ``value(a, y, *params)``.

    In one pass over the row where that is possible, else entry by entry.

    Raises
    ------
    PluginError
        Naming file and line, for what cannot be derived.
    """
    try:
        return _Derivation().reverse(function)
    except NotReversibleError:
        return _Derivation().entry_by_entry(function)


@functools.cache
def derive_backward(function: Callable[..., None]) -> Callable[..., None]:
    """The product ``backward(z, a, da, dz, *params)`` of `da` with the Jacobian of ``f(z, a, *params)``.

    Raises
    ------
    PluginError
        Naming file and line, for what cannot be derived.
    """
    try:
        return _Derivation().backward(function)
    except NotReversibleError as error:
        formula = read(function)
        lines = {part.line for part in form.walk(formula.body)}
        line = error.line if error.line in lines else formula.line
        what = f"backward cannot be worked out, because {error.why}"
        raise formula.refuse(line, what, "give backward(z, a, da, dz), which fills dz from da") from None


def source_of(function: Callable[..., Any]) -> str:
    """The text of a derived function and of those it was derived along with; empty for any other function."""
    return str(getattr(function, "__globals__", {}).get(DERIVATION, ""))


class _Derivation:
    """The functions that are derived along with one function."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._done: dict[tuple[Callable[..., Any], tuple[Varied, ...]], Callable[..., Any] | None] = {}

    def tangent_of(self, function: Callable[..., Any], varied: tuple[Varied, ...]) -> Callable[..., Any]:
        """See `neurosim.formulas.tangents.TangentOf`."""
        key = (function, varied)
        if key not in self._done:
            self._done[key] = None
            writer = TangentPrinter(function, varied, self.tangent_of)
            number = sum(name == function for name, _ in self._done)
            name = f"{identifier(function)}_tangent" + (str(number) if number > 1 else "")
            self._done[key] = self.define(function, writer, name, writer.arguments)
        tangent = self._done[key]
        if tangent is None:
            formula = read(function)
            raise formula.refuse(formula.line, "a function that calls itself is not derived", "use a loop")
        return tangent

    def reverse(self, function: Callable[..., float]) -> Callable[..., None]:
        """The gradient of a loss in one pass over the row."""
        formula = read(function)
        names = Names(formula)
        a, y, *params = formula.params
        result = names.fresh("loss")
        body = Lowering(formula, names, {a}, set()).result(result)
        versions = Versions(replace(formula, body=tuple(body)), names, {a})
        steps = shared(hoisted(versions.steps(), versions.active))
        row = names.fixed(f"d{a}")
        body = self._adjoints(versions, steps, versions.now(result), {a: row}, {})
        name = f"{identifier(function)}_gradient"
        written = PythonPrinter(formula).function(name, [a, y, row, *params], body)
        return self.make(function, name, ast.unparse(written) + "\n", names.outside)

    def _adjoints(
        self,
        versions: Versions,
        steps: Sequence[Step],
        result: str,
        rows: dict[str, str],
        known: dict[str, form.Expression],
    ) -> list[Statement]:
        """What the writer of adjoints writes; values that are lost from round to round are kept in rows."""
        versions.active -= without_effect(steps, result, versions.active)

        def written(*kept: str, in_place: bool = False) -> list[Statement]:
            writer = AdjointWriter(versions, steps, result, rows, self.tangent_of, known, kept, in_place=in_place)
            return writer.body()

        try:
            return written()
        except LostValueError as error:
            first = error
        kept = [first.name]
        try:
            return written(*kept, in_place=True)
        except NotReversibleError:
            pass
        while True:
            try:
                return written(*kept)
            except LostValueError as lost:
                if lost.name in kept:
                    raise first from None
                kept.append(lost.name)
            except NotReversibleError:
                raise first from None

    def backward(self, function: Callable[..., None]) -> Callable[..., None]:
        """The product of a row with the Jacobian of a row activation."""
        formula = read(function)
        names = Names(formula)
        z, a, *params = formula.params
        given, filled_row = names.fixed(f"d{a}"), names.fixed(f"d{z}")
        total = names.fresh("total")
        body = Lowering(formula, names, {z, a}, set()).result(total)
        outputs = RowOutputs(names, z, a)
        body = outputs.weighted(body, given, total)
        whole = replace(formula, params=(z, a, given, filled_row, *params), body=tuple(body))
        versions = Versions(whole, names, {z})
        steps = shared(hoisted(versions.steps(), versions.active))
        known = outputs.known(versions, steps)
        written_body = self._adjoints(versions, steps, versions.now(total), {z: filled_row}, known)
        name = f"{identifier(function)}_backward"
        written = PythonPrinter(formula).function(name, whole.params, written_body)
        return self.make(function, name, ast.unparse(written) + "\n", names.outside)

    def entry_by_entry(self, function: Callable[..., float]) -> Callable[..., None]:
        """The gradient of a loss in a pass over the row for each of its entries."""
        names = read(function).params
        a, y, *params = names
        varied: list[Varied] = ["row", *([""] * (len(names) - 1))]  # type: ignore[list-item]
        slope = self.tangent_of(function, tuple(varied))
        taken = {*names, slope.__name__}
        row, entry = (unused(wish, taken) for wish in (f"d{a}", "k"))
        name = f"{identifier(function)}_gradient"
        passed = ", ".join([a, y, *params, entry])
        text = (
            f"def {name}({', '.join([a, y, row, *params])}):\n"
            f"    for {entry} in range(len({a})):\n"
            f"        {row}[{entry}] = {slope.__name__}({passed})\n"
        )
        return self.make(function, name, text, {slope.__name__: slope})

    def define(
        self, function: Callable[..., Any], writer: TangentPrinter, name: str, arguments: Sequence[str]
    ) -> Callable[..., Any]:
        """The function that a writer writes."""
        written = PythonPrinter(writer.formula).function(name, arguments, tidy(writer.body()))
        return self.make(function, name, ast.unparse(written) + "\n", writer.outside)

    def make(self, function: Callable[..., Any], name: str, text: str, outside: dict[str, Any]) -> Callable[..., Any]:
        """A function from its text, derived from `function`."""
        self._texts.append(text)
        names = {**outside, LOADED_SOURCE: text, DERIVATION: "\n\n".join(self._texts), "__name__": function.__module__}
        exec(compile(text, f"<derived from {function.__code__.co_filename}>", "exec"), names)
        made: Callable[..., Any] = names[name]
        return made


def tidy(body: Sequence[Statement]) -> tuple[Statement, ...]:
    """Statements without those that assign to what is never used."""
    kept = _without(body, set())
    while dead := _never_read(kept):
        kept = _without(kept, dead)
    return kept


def _never_read(body: Sequence[Statement]) -> set[str]:
    """Names that are assigned to, but read nowhere except to assign to themselves."""
    assigned = {name for name, value in assigned_names(body) if value is not None}
    return assigned - set(_read(body, ""))


def _read(nodes: Iterable[form.Node], own: str) -> Iterator[str]:
    """Names that are read, but for `own`, to which their value is assigned."""
    for node in nodes:
        match node:
            case form.Assign(targets=[form.Name(id=name)], value=value):
                yield from _read([value], name)
                continue
            case form.Name(id=name) | form.Index(row=name) if name != own:
                yield name
        yield from _read(form.parts(node), own)


def _without(body: Sequence[Statement], dead: set[str]) -> tuple[Statement, ...]:
    """Statements but for assignments to names in `dead`."""
    kept: list[Statement] = []
    for node in body:
        match node:
            case form.Assign(targets=[form.Name(id=name)]) if name in dead:
                pass
            case form.If():
                kept.append(replace(node, body=_without(node.body, dead), orelse=_without(node.orelse, dead)))
            case form.For() | form.While():
                kept.append(replace(node, body=_without(node.body, dead)))
            case _:
                kept.append(node)
    return tuple(kept)
