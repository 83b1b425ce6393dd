"""An author's formula as a JavaScript function, so that the page can evaluate the network itself.

All numbers are float64 there, as in the reference backend.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.assignment import stored_rows
from neurosim.formulas.bounds import Bounds
from neurosim.formulas.guards import MOST_ROUNDS, is_ours
from neurosim.formulas.lifting import lifted
from neurosim.formulas.printer import Printer
from neurosim.formulas.reader import read
from neurosim.formulas.rows import put_in_order
from neurosim.formulas.source import MATH_FUNCTIONS
from neurosim.formulas.trees import Trees, add_tree

_FUNCTIONS = {
    **{name: f"Math.{name}({{all}})" for name in (*MATH_FUNCTIONS, "abs", "max", "min")},
    **{name: f"lacking.{name}({{all}})" for name in ("copysign", "erf", "erfc")},
    "fabs": "Math.abs({0})",
    "float": "Number({0})",
    "fmod": "({0} % {1})",
    "int": "Math.trunc({0})",
    "isfinite": "Number.isFinite({0})",
    "isinf": "(Math.abs({0}) === Infinity)",
    "isnan": "Number.isNaN({0})",
    "len": "{0}.length",
}
_OPERATORS = {"==": "===", "!=": "!==", "and": "&&", "or": "||", "not": "!"}
_ARITHMETIC = {"**": "Math.pow({0}, {1})", "//": "Math.floor({0} / {1})", "%": "lacking.floormod({0}, {1})"}


@dataclass
class Script:
    """Functions written so far; each is an entry of the object ``FORMULAS``.

    What machine code can be made of is in ``TREES`` too, by the same name.
    """

    texts: dict[str, str] = field(default_factory=dict)
    trees: Trees = field(default_factory=dict)
    _names: dict[Callable[..., Any], str] = field(default_factory=dict)

    def add(self, function: Callable[..., Any]) -> str:
        """Write a function unless that is done; returns its name.

        Raises
        ------
        PluginError
            For what JavaScript does not have.
        """
        if function not in self._names:
            # A name of our own: nothing that an author has written becomes a word of the script.
            name = self._names[function] = f"f{len(self._names)}"
            self.texts[name] = JavaScriptPrinter(read(function), self).function()
            add_tree(self.trees, name, read(function), self.add)
        return self._names[function]

    def add_update(self, function: Callable[..., Any], columns: int, flag: int | None, results: int) -> dict[str, str]:
        """Write a function of an optimizer; returns the names of its parts.

        ``update`` is a loop over all numbers, ``constants`` works out those of a step, and ``each`` has the tree of
        what is done with a number and these.

        The loop is called with the columns ``x`` of numbers, those ``y`` of results, the range ``from`` to ``to``, the
        number of argument `flag`, the step and the params. What depends on these two alone is worked out before it.
        """
        formula = read(function)
        step, *params = formula.params[columns:]
        split = lifted(formula, [step, *params])
        printer = JavaScriptPrinter(split.rest, self, results)
        name = self.add_text(printer.function())
        add_tree(self.trees, name, split.rest, self.add)
        worked_out = [*split.statements, *split.constants.items()]
        before = "".join(f"const {_name(key)} = {printer.write(value)};\n" for key, value in worked_out)
        numbers = ["flag" if place == flag else f"x{place}[i]" for place in range(columns)]
        given = ", ".join([*numbers, *map(_name, split.rest.params[columns:]), "o"])
        stored = " ".join(f"y{place}[i] = o[{place}];" for place in range(results))
        taken = f"const [{', '.join(map(_name, params))}] = p;\n{before}"
        constants = enumerate(map(_name, split.rest.params[columns:]))
        update = self.add_text(
            f"function (x, y, from, to, flag, {_name(step)}, p) {{\n{taken}"
            f"const [{', '.join(f'x{place}' for place in range(columns))}] = x;\n"
            f"const [{', '.join(f'y{place}' for place in range(results))}] = y;\n"
            f"const o = new Float64Array({results});\nfor (let i = from; i < to; i += 1) {{\n"
            f"FORMULAS.{name}({given});\n{stored}\n}}\n}}"
        )
        kept = " ".join(f"c[{place}] = {constant};" for place, constant in constants)
        of_step = self.add_text(f"function ({_name(step)}, p, c) {{\n{taken}{kept}\n}}")
        return {"update": update, "constants": of_step, "each": name}

    def add_text(self, text: str) -> str:
        """Add a function that is written already, such as a loop around one of these; returns its name."""
        name = next((name for name, known in self.texts.items() if known == text), f"g{len(self.texts)}")
        self.texts[name] = text
        return name

    @property
    def source(self) -> str:
        """The objects as JavaScript."""
        functions = "".join(f"{name}: {text},\n" for name, text in self.texts.items())
        trees = json.dumps(self.trees, separators=(",", ":"))
        return f"const FORMULAS = {{\n{functions}}};\nconst TREES = {trees};\n"


class JavaScriptPrinter(Printer):
    """Writes one function; those that it calls are added to the script."""

    refusal = ("this cannot be written in JavaScript", "use arithmetic, if and functions of math")

    def __init__(self, formula: form.Formula, script: Script, results: int = 0) -> None:
        super().__init__(formula)
        self._script = script
        # Where there are some, they are stored in a last argument, which takes no memory, unlike an array to return.
        self._results = results
        self._unlimited = set() if is_ours(formula) else Bounds(formula, set()).unlimited

    def function(self) -> str:
        """The function as an expression, without a name."""
        params = self.formula.params
        others = [_name(name) for name in self.formula.local if name not in params]
        declared = f"let {', '.join(others)};\n" if others else ""
        declared += "let rounds = 0;\n" if self._unlimited else ""
        given = [*map(_name, params), *(["o"] if self._results else [])]
        return f"function ({', '.join(given)}) {{\n{declared}{self._block(self.formula.body)}}}"

    def _block(self, statements: Iterable[form.Statement]) -> str:
        return "".join(f"{text}\n" for text in self.write_all(statements))

    # Statements ---------------------------------------------------------------------------------------------

    def write_assign(self, node: form.Assign) -> str:
        return " = ".join(self.write_all([*node.targets, node.value])) + ";"

    def write_sorted(self, node: form.Sorted) -> str:
        fill = (
            f"FORMULAS.{self._script.add(put_in_order)}({_name(node.row)}, {_name(node.name)}, {int(node.descending)})"
        )
        return f"{_name(node.name)} = new Array({_name(node.row)}.length).fill(0);\n{fill};"

    def write_do(self, node: form.Do) -> str:
        return f"{self.write(node.call)};"

    def write_return(self, node: form.Return) -> str:
        if node.value is None:
            return "return;"
        if not self._results:
            return f"return {self.write(node.value)};"
        if isinstance(node.value, form.Tuple):
            made = " ".join(f"o[{place}] = {text};" for place, text in enumerate(self.write_all(node.value.items)))
        elif self._results == 1:
            made = f"o[0] = {self.write(node.value)};"
        else:
            made = f"o.set({self.write(node.value)});"
        return f"{made} return;"

    def write_if(self, node: form.If) -> str:
        rest = f" else {{\n{self._block(node.orelse)}}}" if node.orelse else ""
        return f"if ({self.write(node.test)}) {{\n{self._block(node.body)}}}{rest}"

    def write_while(self, node: form.While) -> str:
        return f"while ({self.write(node.test)}) {{\n{self._limit(node)}{self._block(node.body)}}}"

    def write_for(self, node: form.For) -> str:
        bounds = self.write_all(node.bounds)
        first, last, step = (["0", *bounds, "1"] if len(bounds) == 1 else [*bounds, "1"])[:3]
        # The name keeps its last value, as in Python.
        name = _name(node.name)
        test = f"({step}) > 0 ? k{name} < {last} : k{name} > {last}"
        head = f"for (let k{name} = {first}; {test}; k{name} += {step})"
        return f"{head} {{\n{name} = k{name};\n{self._limit(node)}{self._block(node.body)}}}"

    def _limit(self, node: form.Statement) -> str:
        """The end of a function whose loops take too long, which gives NaN as on the backends."""
        if id(node) not in self._unlimited:
            return ""
        filled = "".join(f"{_name(row)}.fill(NaN); " for row in stored_rows(self.formula))
        return f"rounds += 1;\nif (rounds > {MOST_ROUNDS}) {{ {filled}return NaN; }}\n"

    def write_jump(self, node: form.Jump) -> str:
        return "" if node.word == "pass" else f"{node.word};"

    # Expressions --------------------------------------------------------------------------------------------

    def write_const(self, node: form.Const) -> str:
        return _number(int(node.value) if isinstance(node.value, bool) else node.value)

    def write_name(self, node: form.Name) -> str:
        return _name(node.id)

    def write_named(self, node: form.Named) -> str:
        return _number(node.value)

    def write_index(self, node: form.Index) -> str:
        row, index = _name(node.row), self.write(node.index)
        match node.index:
            case form.Unary(operator="-", operand=form.Const()):  # counted from the end
                return f"{row}[{row}.length + {index}]"
        return f"{row}[{index}]"

    def write_entry(self, node: form.Entry) -> str:
        return f"lacking.entry([{', '.join(map(_number, node.values))}], {self.write(node.index)})"

    def write_unary(self, node: form.Unary) -> str:
        return f"({_OPERATORS.get(node.operator, node.operator)}{self.write(node.operand)})"

    def write_binary(self, node: form.Binary) -> str:
        template = _ARITHMETIC.get(node.operator, f"({{0}} {node.operator} {{1}})")
        return template.format(self.write(node.left), self.write(node.right))

    def write_bool(self, node: form.Bool) -> str:
        return "(" + f" {_OPERATORS[node.operator]} ".join(self.write_all(node.operands)) + ")"

    def write_compare(self, node: form.Compare) -> str:
        sides = self.write_all(node.operands)
        operators = [_OPERATORS.get(operator, operator) for operator in node.operators]
        return "(" + " && ".join(f"{a} {op} {b}" for a, op, b in zip(sides, operators, sides[1:], strict=False)) + ")"

    def write_choice(self, node: form.Choice) -> str:
        return f"({self.write(node.test)} ? {self.write(node.body)} : {self.write(node.orelse)})"

    def write_tuple(self, node: form.Tuple) -> str:
        return f"[{', '.join(self.write_all(node.items))}]"

    def write_call(self, node: form.Call) -> str:
        if node.name not in _FUNCTIONS:
            raise self.refuse(node)
        arguments = self.write_all(node.arguments)
        return _FUNCTIONS[node.name].format(*arguments, all=", ".join(arguments))

    def write_helper(self, node: form.Helper) -> str:
        arguments = ", ".join(self.write_all(node.arguments))
        return f"FORMULAS.{self._script.add(node.function)}({arguments})"


def _name(name: str) -> str:
    # Behind an underscore no name is a reserved word of JavaScript; other letters than ASCII are allowed there.
    return f"_{name}"


def _number(value: float) -> str:
    if math.isfinite(value):
        return json.dumps(value) if value >= 0 else f"({json.dumps(value)})"
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "(-Infinity)"
