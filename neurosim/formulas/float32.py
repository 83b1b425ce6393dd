"""From a plain Python function of scalars to float32 source text that compilers take.

A plugin author writes ordinary Python: ``0.5 * z``, ``len(a)``, ``math.exp``. Taken literally a
compiler would widen half of that to float64, since a Python literal is a double. `Translator` writes
the function again with every number as float32 (``F(0.5)``), module constants put in as literals, and
the functions it calls translated along with it.

Integers are kept where Python needs them: in indices, in ``range`` and in names that only ever
hold integers (loop variables, ``n = len(a)``); everywhere else they are read as float32.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.assignment import check_rows, check_values
from neurosim.formulas.cost import check_cost
from neurosim.formulas.expressions import BUILTINS
from neurosim.formulas.guards import GUARDS, GuardedPrinter
from neurosim.formulas.kinds import (
    ROWS,
    ArgumentKind,
    check_integer,
    check_kinds,
    indexing_arguments,
    integer_names,
    of_integers,
    own_rows,
    short_rows,
)
from neurosim.formulas.python import BINARY, PythonPrinter, called
from neurosim.formulas.reader import read
from neurosim.formulas.rows import PLACES, clear, put_in_order

# Powers of integers up to here are worked out as they are written.
SMALL_POWER = 64


@dataclass(frozen=True)
class Origin:
    """Where a generated function comes from.

    `lines` are the author's lines of its statements, in the order of `ast.walk`.
    """

    function: Callable[..., Any]
    lines: tuple[int, ...]


@dataclass
class Translator:
    """Translates functions into one module; what they share is translated once.

    Names of the author's are told apart from those of the module by an underscore at their end,
    and functions of one name by a number. The text needs the names ``F`` (the float type) and
    ``math``, the decorator ``scalar`` and, where rows are sorted, ``scratch``, which makes a row of
    a length (in CUDA ``WIDEST``, the length of the longest).
    """

    printer: type[Float32Printer] = field(default_factory=lambda: Float32Printer)
    texts: list[str] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)
    guards: set[str] = field(default_factory=set)
    tables: dict[tuple[str, tuple[float | int, ...]], str] = field(default_factory=dict)
    _names: dict[tuple[Callable[..., Any], tuple[ArgumentKind, ...]], str] = field(default_factory=dict)
    _indexing: dict[Callable[..., Any], set[int]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """All functions translated so far."""
        return "\n\n".join(self.texts)

    def add(
        self,
        function: Callable[..., Any],
        arguments: Sequence[ArgumentKind] = (),
        results: int | None = None,
        *,
        part: bool = False,
    ) -> str:
        """Write `function` again with float32 numbers, unless that is done; returns its name.

        Parameters
        ----------
        function : function
            A formula, see `neurosim.formulas.reader`.
        arguments : sequence of {"number", "row", "short", "class"}
            What each argument is; numbers where left out.
        results : int, optional
            How many numbers it must return; 0 where it fills a row.
        part : bool
            Whether it is only called by another function, whose rows it may fill in part.

        Raises
        ------
        PluginError
            Naming file and line, for anything that cannot be compiled.
        """
        missing = function.__code__.co_argcount - len(arguments) if inspect.isfunction(function) else 0
        numbers: list[ArgumentKind] = ["number"] * missing
        kinds = (*arguments, *numbers)
        name = self._names.get((function, kinds))
        if name is not None and name in self.origins:
            return name
        formula = read(function)
        if name is not None:
            what = f"{formula.name} calls itself by way of another function"
            raise formula.refuse(formula.line, what, "use a loop")
        check_kinds(formula, kinds, results)
        check_values(formula)
        rows = [param for param, kind in zip(formula.params, kinds, strict=False) if kind in ROWS]
        output = rows[-1] if results == 0 and rows and not part else ""
        written = self.write(formula, kinds, output)
        if results is not None and not part:
            check_rows(formula, rows, output)
            check_cost(formula)
        return written

    def indexing(self, function: Callable[..., Any]) -> set[int]:
        """Positions of the arguments that a function, or one that it calls, uses as an index."""
        if function not in self._indexing:
            self._indexing[function] = set()  # for one that calls itself, which is refused later
            self._indexing[function] = indexing_arguments(read(function), self.indexing)
        return self._indexing[function]

    def add_table(self, entry: form.Entry) -> str:
        """Write the function that gives an entry of a tuple, unless that is done; returns its name."""
        known = self.tables.get((entry.written, entry.values))
        if known is not None:
            return known
        table = f"{entry.written}_{len(self.tables)}_table"
        count = len(entry.values)
        numbers = ", ".join(ast.unparse(float_literal(value)) for value in entry.values)
        place = f"k + {count} if k < 0 else k"
        self.texts += [
            f"{table} = ({numbers},)",
            f"@scalar\ndef {table}_entry(k):\n    k = {place}\n"
            f"    return {table}[k] if k >= 0 and k < {count} else F(math.nan)",
        ]
        name = self.tables[entry.written, entry.values] = f"{table}_entry"
        return name

    def write(self, formula: form.Formula, arguments: tuple[ArgumentKind, ...], output: str = "") -> str:
        """Write a checked function, which fills the row `output` if there is one; returns its name."""
        name = f"{formula.name}_{len(self._names)}_"
        self._names[formula.function, arguments] = name
        printer = self.printer(formula, self, dict(zip(formula.params, arguments, strict=False)), output)
        written = printer.function(name, formula.params, formula.body)
        for guard in sorted(printer.needed - self.guards):
            self.guards.add(guard)
            self.texts.append(f"@scalar\n{GUARDS[guard]}")
        self.texts.append("@scalar\n" + ast.unparse(written))
        self.origins[name] = Origin(formula.function, _lines(written))
        return name

    def origin_of(self, text: str, line: int) -> tuple[Callable[..., Any], int] | None:
        """The author's function and line behind a line of generated module text, if there is one."""
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name in self.origins and line <= (node.end_lineno or 0):
                origin = self.origins[node.name]
                places = zip(_lines(node), origin.lines, strict=True)
                before = [(ours, theirs) for ours, theirs in places if ours <= line]
                return (origin.function, max(before)[1]) if before else None
        return None


@dataclass(frozen=True)
class Generated:
    """Text of a module, and the translator that knows whose functions are in it."""

    text: str
    translator: Translator

    def origins_of(self, lines: Iterable[int]) -> list[tuple[Callable[..., Any], int]]:
        """The authors' functions and lines behind lines of the text, where there are any."""
        return [place for line in lines if (place := self.translator.origin_of(self.text, line))]


def _lines(function: ast.FunctionDef) -> tuple[int, ...]:
    return tuple(part.lineno for part in ast.walk(function) if isinstance(part, ast.stmt))


class Float32Printer(GuardedPrinter):
    """Writes one function so that every number outside an index is of the float type.

    Parameters
    ----------
    formula : Formula
        Checked.
    translator : Translator
        Gets the functions that it calls.
    kinds : mapping of str to {"number", "row", "short", "class", "integer"}
        What its arguments are; numbers where left out.
    output : str
        The row that it fills, if any.
    """

    # Functions of two numbers that stand in for built-in ones of any number of arguments.
    of_two: ClassVar[dict[str, str]] = {}

    def __init__(
        self, formula: form.Formula, translator: Translator, kinds: dict[str, ArgumentKind], output: str
    ) -> None:
        self.rows = {name for name, kind in kinds.items() if kind in ROWS} | own_rows(formula)
        self.short = short_rows(formula, (name for name, kind in kinds.items() if kind == "short"))
        classes = {name for name, kind in kinds.items() if kind == "class"}
        super().__init__(formula, classes, self.rows, output, self.short)
        self.translator = translator
        self._counts = _counts(formula)
        self.integers = integer_names(formula, classes | {name for name, kind in kinds.items() if kind == "integer"})

    def name(self, name: str) -> ast.Name:
        return ast.Name(own_name(name))

    def number(self, node: form.Expression) -> Any:
        """An expression where a number is needed; a truth value becomes 0 or 1."""
        truth = isinstance(node, form.Compare | form.Bool) or (isinstance(node, form.Unary) and node.operator == "not")
        return called("F", self.write(node)) if truth else self.write(node)

    def integer(self, node: form.Expression) -> Any:
        return _IntegerPrinter(self).write(node)

    def write_assign(self, node: form.Assign) -> Any:
        match node.targets:
            case [form.Name(id=name)] if name in self.integers:
                return ast.Assign([self.name(name)], self.integer(node.value))
        return super().write_assign(node)

    def write_augment(self, node: form.Augment) -> Any:
        if isinstance(node.target, form.Name) and node.target.id in self.integers:
            if node.operator not in "+-":
                return self.write(node.plain)
            return ast.AugAssign(self.name(node.target.id), BINARY[node.operator](), self.integer(node.value))
        return super().write_augment(node)

    def write_sorted(self, node: form.Sorted) -> Any:
        made, row = self.name(node.name), self.name(node.row)
        kinds: list[ArgumentKind] = ["row", "row", "number"]
        fill = called(self.translator.add(put_in_order, kinds, 0, part=True), row, made, float_literal(node.descending))
        return [ast.Assign([made], self.scratch(row)), ast.Expr(fill)]

    def write_zeros(self, node: form.Zeros) -> Any:
        made = self.name(node.name)
        fill = called(self.translator.add(clear, ["row"], 0, part=True), made)
        return [ast.Assign([made], self.scratch(self.name(node.row))), ast.Expr(fill)]

    def scratch(self, row: ast.expr) -> ast.expr:
        """A new row, as long as another one."""
        return called("scratch", called("len", row))

    def write_do(self, node: form.Do) -> ast.stmt:
        return ast.Expr(self.helper(node.call, results=0))

    def write_return(self, node: form.Return) -> ast.stmt:
        if self.formula.function in PLACES and node.value is not None:
            return ast.Return(self.integer(node.value))
        return super().write_return(node)

    def write_const(self, node: form.Const) -> ast.expr:
        return ast.Constant(node.value) if isinstance(node.value, bool) else float_literal(node.value)

    def write_name(self, node: form.Name) -> ast.expr:
        return called("F", self.name(node.id)) if node.id in self.integers else self.name(node.id)

    def write_named(self, node: form.Named) -> ast.expr:
        return float_literal(node.value)

    def write_binary(self, node: form.Binary) -> ast.expr:
        match node:
            case form.Binary(operator="**", left=left, right=right) if (
                self.is_whole(left) and self.is_whole(right) and not _is_small(right)
            ):
                return self.guard("power", self.number(left), self.number(right))
            case form.Binary(operator="**", right=form.Const(value=power)) if float(power).is_integer():
                # A whole power stays an integer literal: compilers make multiplications of it.
                return ast.BinOp(self.write(node.left), ast.Pow(), ast.Constant(int(power)))
        return super().write_binary(node)

    def is_whole(self, node: form.Expression) -> bool:
        """Whether Python has an integer there, which may get ever more digits."""
        match node:
            case form.Const(value=value) | form.Named(value=value):
                return isinstance(value, int)
            case form.Name(id=name):
                return name in self.integers or name in self._counts
            case form.Call(name="len" | "int"):
                return True
            case form.Binary(operator="/"):
                return False
            case form.Binary() | form.Unary() | form.Call(name="abs" | "min" | "max"):
                return all(self.is_whole(part) for part in form.parts(node) if isinstance(part, form.Expression))
        return False

    def write_call(self, node: form.Call) -> ast.expr:
        if node.name in ("len", "int"):
            return called("F", self.integer(node))
        first, *others = (self.number(argument) for argument in node.arguments)
        if node.name == "float":
            return first  # type: ignore[no-any-return]
        return self.of_several(("" if node.name in BUILTINS else "math.") + node.name, first, others)

    def of_several(self, name: str, first: ast.expr, others: list[ast.expr]) -> ast.expr:
        """A call of a function that may be one of two numbers in this language."""
        if name in self.of_two:
            return functools.reduce(functools.partial(called, self.of_two[name]), others, first)
        return called(name, first, *others)

    def write_entry(self, node: form.Entry) -> ast.expr:
        return called(self.translator.add_table(node), self.integer(node.index))

    def write_helper(self, node: form.Helper) -> ast.expr:
        """The number that another function of the author's gives."""
        formula = read(node.function)
        if not any(isinstance(part, form.Return) and part.value is not None for part in form.walk(formula.body)):
            what = f"{formula.name} returns nothing"
            raise self.formula.refuse(node.line, what, "end it with return, or call it on a line of its own")
        call = self.helper(node)
        return called("F", call) if node.function in PLACES else call

    def helper(self, node: form.Helper, results: int | None = None) -> ast.expr:
        """A call of another function of the author's, which is translated too."""
        indexing = self.translator.indexing(node.function)
        kinds: list[ArgumentKind] = []
        written: list[ast.expr] = []
        for place, argument in enumerate(node.arguments):
            if isinstance(argument, form.Name) and argument.id in self.rows:
                kinds.append("short" if argument.id in self.short else "row")
                written.append(self.name(argument.id))
            elif place in indexing and of_integers(argument, self.integers):
                check_integer(self.formula.function, argument)
                span = self.bounds.of(argument)
                kinds.append("class" if span is not None and span.is_index else "integer")
                written.append(self.integer(argument))
            else:
                kinds.append("number")
                written.append(self.number(argument))
        return called(self.translator.add(node.function, kinds, results, part=True), *written)


class CudaPrinter(Float32Printer):
    """The same for CUDA, with ``max(x, y, z)`` as ``larger(larger(x, y), z)``.

    Those of CUDA take a number for the larger of it and NaN, or do not compile at all, depending on
    Numba's version and how many arguments there are.
    """

    of_two: ClassVar[dict[str, str]] = {"max": "larger", "min": "smaller"}

    def scratch(self, row: ast.expr) -> ast.expr:
        # Memory of a thread's own has a size that is known when it is compiled.
        return ast.parse(f"cuda.local.array(WIDEST, float32)[:len({ast.unparse(row)})]", mode="eval").body


class _IntegerPrinter(PythonPrinter):
    """Writes indices and bounds of loops, in which names and literals stay as they are."""

    def __init__(self, floats: Float32Printer) -> None:
        super().__init__(floats.formula)
        self._floats = floats

    def name(self, name: str) -> ast.Name:
        return self._floats.name(name)

    def write_named(self, node: form.Named) -> ast.expr:
        return ast.Name(f"({int(node.value)})" if node.value < 0 else str(int(node.value)))

    def write_name(self, node: form.Name) -> ast.expr:
        if node.id not in self._floats.integers and node.id not in self._floats.rows:
            what = f"{node.id} may hold a number that is not whole"
            raise self.formula.refuse(node.line, what, f"int({node.id}), or a name that only ever holds integers")
        return self.name(node.id)

    def write_binary(self, node: form.Binary) -> ast.expr:
        """Arithmetic that cannot be shown to stay within the integers, or not to divide by 0, is that of a guard."""
        guard = {"*": "times", "//": "quotient", "%": "remainder"}.get(node.operator)
        divisor = self._floats.bounds.of(node.right)
        is_known = self._floats.bounds.of(node) is not None or (node.operator != "*" and divisor and divisor.low > 0)
        if guard is None or is_known or self._floats.trusted:
            return super().write_binary(node)
        return self._floats.guard(guard, self.write(node.left), self.write(node.right))

    def write_call(self, node: form.Call) -> ast.expr:
        """The length of a row, the whole part of any number, or the larger of two integers."""
        if node.name == "int" and self._floats.trusted:
            return called("int", self._floats.number(*node.arguments))
        if node.name == "int":
            return self._floats.guard("whole", self._floats.number(*node.arguments))
        first, *others = self.write_all(node.arguments)
        return self._floats.of_several(node.name, first, others)

    def write_helper(self, node: form.Helper) -> ast.expr:
        return self._floats.helper(node)


def _counts(formula: form.Formula) -> set[str]:
    """Names that only ever hold integers that are written out."""
    others = set(formula.params)
    for name, value in assigned_names(formula.body):
        if not (isinstance(value, form.Const) and type(value.value) is int):
            others.add(name)
    return set(formula.local) - others


def _is_small(exponent: form.Expression) -> bool:
    """Whether a power with this exponent has few digits, for any base that an index may have."""
    return isinstance(exponent, form.Const) and exponent.value <= SMALL_POWER


def own_name(name: str) -> str:
    """How a name of the author's is written in generated text; none of ours ends like this."""
    return f"{name}_"


def float_literal(value: float) -> ast.expr:
    """``F(value)``, also for infinity and NaN."""
    if math.isfinite(value):
        return called("F", ast.Constant(float(value)))
    return called("F", ast.Name("math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"))
