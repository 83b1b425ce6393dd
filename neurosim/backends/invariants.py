"""Splits an optimizer's update into what is the same for every parameter and what is not.

``m / (1 - beta1**t)`` is written per parameter, as in the paper, but ``1 - beta1**t`` is one number
a step. `split_update` takes the largest expressions of `t` and `params` out of the update. They are
worked out once a step in float64, which also saves them from float32 (where 1 - 0.999**1 has lost
four digits), and reach the update as float32 constants. A division by such an expression becomes a
multiplication by its reciprocal.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.assignment import check_values
from neurosim.formulas.cost import check_cost
from neurosim.formulas.float32 import Translator, own_name
from neurosim.formulas.form import Formula
from neurosim.formulas.kinds import ArgumentKind, check_kinds
from neurosim.formulas.python import PythonPrinter, called
from neurosim.formulas.reader import read
from neurosim.plugin import Optimizer
from neurosim.plugin.reductions import IS_BIAS, UpdatePart


@dataclass
class SplitUpdate:
    """An update as two pieces of source text.

    Attributes
    ----------
    constants : list of str
        Lines of the step's part, float64: statements on `inputs` (under their generated names, see
        `own_name`) that fill ``out[0]``, ``out[1]``, ...; they need ``exact_math``, which has the functions of Python's
        ``math`` with the same bits on every machine (see `neurosim.elementary`).
    step : str
        Generated name of the step.
    translator : Translator
        Has the float32 function of ``(w, g, *slots, *reductions, *constants)``, and its helpers.
    name : str
        Name of that function.
    count : int
        How many constants there are.
    reductions : tuple of str
        Those that the function takes.
    inputs : tuple of str
        The params and, if the function takes it, `IS_BIAS`: what the constants depend on besides the step.
    """

    constants: list[str]
    step: str
    translator: Translator
    name: str
    count: int
    reductions: tuple[str, ...]
    inputs: tuple[str, ...]

    @property
    def update(self) -> str:
        """Text of the float32 function and of its helpers."""
        return self.translator.source


def split_update(optimizer: Optimizer, translator: Translator | None = None) -> SplitUpdate:
    """Split the update of an `optimizer` that looks at single numbers; raises as `split_part`."""
    (part,) = optimizer.parts
    return split_part(optimizer, part, translator)


def split_part(optimizer: Optimizer, part: UpdatePart, translator: Translator | None = None) -> SplitUpdate:
    """Split a function of `optimizer`; its part for each parameter goes to `translator`, by default a new one.

    Raises
    ------
    PluginError
        Naming file and line, for anything that cannot be compiled.
    """
    formula = read(part.function)
    kinds: list[ArgumentKind] = ["number"] * len(formula.params)
    check_kinds(formula, kinds, len(part.results))
    check_values(formula)
    flags = [name for name in part.helpers if name == IS_BIAS]
    varying = len(part.numbers) + len(part.helpers)
    per_parameter = [name for name in formula.params[:varying] if name not in flags]
    lifter = _Lifter(formula, [*formula.params[varying:], *flags])
    body = tuple(kept for statement in formula.body if (kept := lifter.statement(statement)) is not None)
    rest = replace(formula, params=(*per_parameter, *lifter.names), body=body)
    translator = Translator() if translator is None else translator
    name = translator.write(rest, ())
    check_cost(formula)
    lines = [*lifter.statements, *(f"out[{k}] = F({text})" for k, text in enumerate(lifter.expressions))]
    reductions = tuple(name for name in part.helpers if name not in flags)
    step, count = own_name(formula.params[varying]), len(lifter.names)
    return SplitUpdate(lines, step, translator, name, count, reductions, (*optimizer.params, *flags))


class _Lifter:
    """Takes step-invariant statements and expressions out of an update."""

    def __init__(self, formula: Formula, invariant: Iterable[str]) -> None:
        self.statements: list[str] = []
        self.expressions: list[str] = []
        self.names: list[str] = []
        self.invariant = set(invariant)
        self._printer = _StepPrinter(formula)
        assigned = Counter(_stored(formula.body))
        self.once = {name for name, count in assigned.items() if count == 1 and name not in formula.params}
        reassigned = sorted(set(assigned) & self.invariant)
        if reassigned:
            what = f"{reassigned[0]} is assigned to"
            raise formula.refuse(formula.line, what, "give the changed value a name of its own")

    def statement(self, node: form.Statement) -> form.Statement | None:
        """A statement of the body without what is invariant; None where all of it is."""
        match node:
            case form.Assign(targets=[form.Name(id=name)], value=value) if name in self.once and self._lifts(value):
                self.statements.append(f"{own_name(name)} = {self._text(value)}")
                self.invariant.add(name)
                return None
        lifted: form.Statement = self.lift(node)
        return lifted

    def lift(self, node: form.Node) -> Any:
        """A node with constants in place of what is invariant."""
        match node:
            case form.Assign():
                return replace(node, value=self.lift(node.value))
            case form.Expression() if self._lifts(node) and self._has_name(node):
                return self._constant(node)
            case form.Binary(operator="/", left=left, right=right) if self._lifts(right) and self._has_name(right):
                reciprocal = form.Binary("/", form.Const(1.0), right)
                return replace(node, operator="*", left=self.lift(left), right=self._constant(reciprocal))
        return form.rebuilt(node, self.lift)

    def _constant(self, node: form.Expression) -> form.Name:
        text = self._text(node)
        if text not in self.expressions:
            self.expressions.append(text)
            self.names.append(f"constant{len(self.names)}")
        return form.Name(self.names[self.expressions.index(text)], line=node.line)

    def _text(self, node: form.Expression) -> str:
        return ast.unparse(self._printer.write(node))

    def _has_name(self, node: form.Expression) -> bool:
        return any(isinstance(part, form.Name) and part.id in self.invariant for part in form.walk([node]))

    def _lifts(self, node: form.Expression) -> bool:
        """Whether the expression is made of step-invariant names, numbers and math only."""
        for part in form.walk([node]):
            match part:
                case form.Name(id=name) if name not in self.invariant:
                    return False
                case form.Named(written=written) | form.Call(written=written) if "." not in written:
                    return False
                case form.Index() | form.Helper():
                    return False
        return True


class _StepPrinter(PythonPrinter):
    """Writes invariant expressions, in float64, with the functions of ``exact_math``."""

    def name(self, name: str) -> ast.Name:
        return ast.Name(own_name(name))

    def write_named(self, node: form.Named) -> ast.expr:
        return ast.Name(f"exact_math.{node.written.rpartition('.')[2]}")

    def write_const(self, node: form.Const) -> ast.expr:
        return ast.Constant(node.value if isinstance(node.value, bool) else float(node.value))

    def write_binary(self, node: form.Binary) -> ast.expr:
        if node.operator == "**":
            return called("exact_math.pow", self.write(node.left), self.write(node.right))
        return super().write_binary(node)

    def write_call(self, node: form.Call) -> ast.expr:
        return called(f"exact_math.{node.name}", *self.write_all(node.arguments))


def _stored(statements: Iterable[form.Statement]) -> Iterable[str]:
    """Each name that is assigned to, as often as it is."""
    for part in form.walk(statements):
        match part:
            case form.Assign(targets=targets):
                yield from (target.id for target in form.walk(targets) if isinstance(target, form.Name))
            case form.Augment(target=form.Name(id=name)) | form.For(name=name):
                yield name
