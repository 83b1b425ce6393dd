"""Splits an optimizer's update into what is the same for every parameter and what is not.

``m / (1 - beta1**t)`` is written per parameter, as in the paper, but ``1 - beta1**t`` is one number
a step. `split_update` takes the largest expressions of `t` and `params` out of the update. They are
worked out once a step in float64, which also saves them from float32 (where 1 - 0.999**1 has lost
four digits), and reach the update as float32 constants. A division by such an expression becomes a
multiplication by its reciprocal.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from neurosim.formulas import form
from neurosim.formulas.assignment import check_values
from neurosim.formulas.cost import check_cost
from neurosim.formulas.float32 import Translator, own_name
from neurosim.formulas.kinds import ArgumentKind, check_kinds
from neurosim.formulas.lifting import assigned_names, lifted
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
    invariant = [*formula.params[varying:], *flags]
    reassigned = sorted({*assigned_names(formula)} & {*invariant})
    if reassigned:
        what = f"{reassigned[0]} is assigned to"
        raise formula.refuse(formula.line, what, "give the changed value a name of its own")
    split = lifted(formula, invariant, reciprocals=True)
    translator = Translator() if translator is None else translator
    name = translator.write(split.rest, ())
    check_cost(formula)
    printer = _StepPrinter(formula)
    lines = [f"{own_name(made)} = {ast.unparse(printer.write(value))}" for made, value in split.statements]
    constants = [ast.unparse(printer.write(value)) for value in split.constants.values()]
    lines += [f"out[{k}] = F({text})" for k, text in enumerate(constants)]
    reductions = tuple(name for name in part.helpers if name not in flags)
    step, count = own_name(formula.params[varying]), len(constants)
    return SplitUpdate(lines, step, translator, name, count, reductions, (*optimizer.params, *flags))


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
