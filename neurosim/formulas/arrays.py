"""A formula as text for whole arrays: NumPy, PyTorch, or plain Python for numbers.

What is printed is the straight form (`neurosim.formulas.straight`), as someone would type it: no parentheses but those
that are needed, ``x**2`` for ``x * x``, and the spaces that formatters agree on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from neurosim.formulas import form
from neurosim.formulas.form import Assign, Expression, Name, Statement
from neurosim.formulas.names import names_in
from neurosim.formulas.printer import Printer
from neurosim.formulas.source import MATH_CONSTANTS, MATH_FUNCTIONS

# How tightly an operator binds.
_CHOICE, _COMPARE, _OR, _AND, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(9)
_BINDS = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "//": _PRODUCT, "%": _PRODUCT, "**": _POWER}


@dataclass(frozen=True)
class Library:
    """What a library calls the functions of a formula.

    Attributes
    ----------
    name : str
        For messages.
    functions : mapping of str to str
        Templates of calls by the name of the function in `math`, or of a built-in one.
    constants : str
        What constants of `math` stand behind, such as ``np.``.
    choice : str
        Template of a choice between arrays.
    needed : mapping of str to str
        What has to be defined before it can be called, by function.
    numbers : Library or None
        What is called for numbers, where the functions are for arrays alone.
    wrapped : mapping of str to str
        What makes an array of a number beside one, by the functions that take two arrays only.
    """

    name: str
    functions: Mapping[str, str]
    constants: str
    choice: str
    needed: Mapping[str, str] = field(default_factory=dict)
    numbers: Library | None = None
    wrapped: Mapping[str, str] = field(default_factory=dict)


_ARC = {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_BY_NUMBER = {name: f"{name} = np.vectorize(math.{name})" for name in ("erf", "erfc")}
NUMPY = Library(
    "NumPy",
    {
        **{name: f"np.{_ARC.get(name, name)}({{all}})" for name in MATH_FUNCTIONS},
        "abs": "np.abs({0})",
        "atan2": "np.arctan2({all})",
        "erf": "erf({0})",
        "erfc": "erfc({0})",
        "fabs": "np.abs({0})",
        "float": "{0}",
        "int": "np.trunc({0})",
        "max": "np.maximum({all})",
        "min": "np.minimum({all})",
        "pow": "np.power({all})",
    },
    "np.",
    "np.where({0}, {1}, {2})",
    _BY_NUMBER,
)
PYTHON = Library(
    "Python",
    {
        **{name: f"math.{name}({{all}})" for name in MATH_FUNCTIONS},
        **{name: f"{name}({{all}})" for name in ("abs", "float", "int", "max", "min")},
    },
    "math.",
    "{1} if {0} else {2}",
)
TORCH = Library(
    "PyTorch",
    {
        **{name: f"torch.{name}({{all}})" for name in MATH_FUNCTIONS},
        "abs": "torch.abs({0})",
        "fabs": "torch.abs({0})",
        "float": "{0}",
        "int": "torch.trunc({0})",
        "max": "torch.clamp({0}, min={1})",
        "min": "torch.clamp({0}, max={1})",
    },
    "math.",
    "torch.where({0}, {1}, {2})",
    numbers=PYTHON,
    wrapped=dict.fromkeys(("atan2", "copysign", "fmod", "hypot"), "torch.tensor({})"),
)
KERAS = Library(
    "Keras",
    {
        **{name: f"ops.{_ARC.get(name, name)}({{all}})" for name in MATH_FUNCTIONS},
        "abs": "ops.abs({0})",
        "atan2": "ops.arctan2({all})",
        "copysign": "ops.where(ops.less({1}, 0), -ops.abs({0}), ops.abs({0}))",
        "fabs": "ops.abs({0})",
        "float": "{0}",
        "int": "ops.trunc({0})",
        "max": "ops.maximum({all})",
        "min": "ops.minimum({all})",
        "pow": "ops.power({all})",
    },
    "math.",
    "ops.where({0}, {1}, {2})",
    numbers=PYTHON,
)


class ArrayPrinter(Printer):
    """Writes statements of the straight form.

    Parameters
    ----------
    formula : Formula
        The formula that they are of, for messages.
    library : Library
        What to write for.
    arrays : iterable of str
        Names of arrays; choices on other names are those of Python.

    Attributes
    ----------
    needed : dict
        Definitions that what was printed needs, by name.
    """

    refusal = ("this has no counterpart for whole arrays", "use arithmetic, if and functions of math")

    def __init__(self, formula: form.Formula, library: Library, arrays: Iterable[str] = ()) -> None:
        super().__init__(formula)
        self.library = library
        self.needed: dict[str, str] = {}
        self._arrays = set(arrays)

    def text(self, node: Expression, least: int = _CHOICE) -> str:
        """An expression, in parentheses if it binds less tightly than `least`."""
        text, binds = self.write(node)
        return text if binds >= least else f"({text})"

    def lines(self, statements: Iterable[Statement], longest: int, indent: str = "    ") -> list[str]:
        """Statements as lines; a part of one that is too long gets a name and a line of its own."""
        written: list[str] = []
        for node in statements:
            if isinstance(node, form.If):
                written.append(f"{indent}if {self.text(node.test)}:")
                written += self.lines(node.body, longest, indent + "    ")
                continue
            node, parts = self._short(node, longest - len(indent))
            written += [f"{indent}{self._statement(part)}" for part in (*parts, node)]
        return written

    def _short(self, node: Statement, longest: int) -> tuple[Statement, list[Statement]]:
        """A statement that fits into a line, and those that work out parts of it before."""
        parts: list[Statement] = []
        while len(self._statement(node)) > longest:
            # The longest part that leaves a short line by itself.
            inside = [part for part in form.walk([node]) if isinstance(part, Expression)]
            texts = {self.text(part): part for part in inside if not isinstance(part, Name | form.Tuple)}
            fitting = [text for text in texts if 12 < len(text) <= longest - 10 and text != self.text(inside[-1])]
            best = max(fitting, key=len, default=None)
            taken = texts[best] if best is not None else None
            if taken is None or taken is getattr(node, "value", None):
                raise self.refuse(node)
            name = Name(f"part{len(parts) + 1}")
            if names_in(taken) & self._arrays:
                self._arrays.add(name.id)
            parts.append(Assign((name,), taken))
            node = _replaced(node, taken, name)
        return node, parts

    def _statement(self, node: Statement) -> str:
        match node:
            case Assign((Name(name),), value):
                if names_in(value) & self._arrays:
                    self._arrays.add(name)
                return f"{name} = {self.text(value)}"
            case form.Return(form.Tuple(items)):
                return f"return {', '.join(map(self.text, items))}"
            case form.Return(value) if value is not None:
                return f"return {self.text(value)}"
        raise self.refuse(node)

    # Expressions: the text, and how tightly it binds --------------------------------------------------------

    def write_const(self, node: form.Const) -> tuple[str, int]:
        return number_text(node.value)

    def write_name(self, node: form.Name) -> tuple[str, int]:
        return node.id, _ATOM

    def write_named(self, node: form.Named) -> tuple[str, int]:
        word = node.written.rpartition(".")[2]
        if word in MATH_CONSTANTS and MATH_CONSTANTS[word] == node.value:
            return f"{self.library.constants}{word}", _ATOM
        return number_text(node.value)

    def write_unary(self, node: form.Unary) -> tuple[str, int]:
        if node.operator == "not":
            if self._is_array(node):
                return f"~{self.text(node.operand, _SIGN)}", _SIGN
            return f"not {self.text(node.operand, _COMPARE)}", _CHOICE
        # Formatters put a power behind a sign in parentheses.
        text, binds = self.write(node.operand)
        return f"{node.operator}{text}" if binds in (_SIGN, _ATOM) else f"{node.operator}({text})", _SIGN

    def write_binary(self, node: form.Binary) -> tuple[str, int]:
        operator, left, right = node.operator, node.left, node.right
        if operator == "*" and isinstance(left, Name) and left == right:
            return f"{left.id}**2", _POWER
        binds = _BINDS[operator]
        if operator == "**":
            # On the left of it a sign needs parentheses, on the right it does not.
            first, second = self.text(left, _ATOM), self.text(right, _SIGN)
            space = "" if _is_simple(left) and _is_simple(right) and first[0] != "(" else " "
            return f"{first}{space}**{space}{second}", binds
        # Of three terms, a + b + c is (a + b) + c.
        return f"{self.text(left, binds)} {operator} {self.text(right, binds + 1)}", binds

    def write_bool(self, node: form.Bool) -> tuple[str, int]:
        if not self._is_array(node):
            word, binds = (" and ", _CHOICE + 0) if node.operator == "and" else (" or ", _CHOICE)
            return word.join(self.text(part, _COMPARE) for part in node.operands), binds
        sign, binds = (" & ", _AND) if node.operator == "and" else (" | ", _OR)
        return sign.join(self.text(part, binds + 1) for part in node.operands), binds

    def write_compare(self, node: form.Compare) -> tuple[str, int]:
        sides = [self.text(side, _OR) for side in node.operands]
        pairs = list(zip(sides, node.operators, sides[1:], strict=False))
        if len(pairs) > 1 and self._is_array(node):
            return " & ".join(f"({left} {operator} {right})" for left, operator, right in pairs), _AND
        return sides[0] + "".join(f" {operator} {right}" for _, operator, right in pairs), _COMPARE

    def write_choice(self, node: form.Choice) -> tuple[str, int]:
        arrays = self._is_array(node.test)
        library = self.library if arrays else PYTHON
        parts = [self.text(part, _CHOICE if arrays else _COMPARE) for part in (node.test, node.body, node.orelse)]
        return library.choice.format(*parts), _ATOM if arrays else _CHOICE

    def write_call(self, node: form.Call) -> tuple[str, int]:
        template = self.library.functions.get(node.name)
        if template is None or (len(node.arguments) > 2 and node.name in ("max", "min")):
            raise self.refuse(node)
        if node.name in self.library.needed:
            self.needed[node.name] = self.library.needed[node.name]
        if self.library.numbers is not None and not self._is_array(node):
            template = self.library.numbers.functions[node.name]
        ordered = self._ordered(node)
        arguments = [self.text(part) for part in ordered]
        if self._is_array(node) and (wrapped := self.library.wrapped.get(node.name)):
            pairs = zip(ordered, arguments, strict=True)
            arguments = [text if self._is_array(part) else wrapped.format(text) for part, text in pairs]
        if template == "{0}":
            return self.write(node.arguments[0])  # type: ignore[no-any-return]
        return template.format(*arguments, all=", ".join(arguments)), _ATOM

    def _ordered(self, node: form.Call) -> tuple[Expression, ...]:
        """The arguments of a call, an array before a number where their order does not matter."""
        if len(node.arguments) == 2 and node.name in ("max", "min") and not self._is_array(node.arguments[0]):
            return node.arguments[::-1]
        return node.arguments

    def _is_array(self, node: Expression) -> bool:
        return bool(names_in(node) & self._arrays)


def number_text(value: float) -> tuple[str, int]:
    """A number as someone would write it, and how tightly it binds."""
    if isinstance(value, bool):
        return str(int(value)), _ATOM
    if not math.isfinite(value):
        return f'float("{value}")', _ATOM
    whole = float(value).is_integer() and abs(value) < 1e15
    text = str(int(value)) if whole else repr(float(value)).replace("e-0", "e-")
    return text, _SIGN if value < 0 else _ATOM


def _is_simple(node: Expression) -> bool:
    """Whether formatters put no spaces around a power of it."""
    match node:
        case Name() | form.Const() | form.Named():
            return True
        case form.Unary("-", operand):
            return isinstance(operand, Name | form.Const | form.Named)
    return False


def _replaced(node: Statement, part: Expression, name: Name) -> Statement:
    def change(other: form.Node) -> form.Node:
        return name if other == part else form.rebuilt(other, change)

    changed: Statement = form.rebuilt(node, change)
    return changed
