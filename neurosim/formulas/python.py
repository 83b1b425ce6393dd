"""A formula as plain Python again, with no more parentheses than it needs, exactly as `ast.unparse` has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from neurosim.formulas import form
from neurosim.formulas.printer import Printer

# How tightly an expression binds, numbered as in Python's grammar.
TUPLE, TEST, OR, AND, NOT, COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = 1, 3, 4, 5, 6, 7, 12, 13, 14, 15, 17
_RANKS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "**": POWER}


class Text(NamedTuple):
    """Source text of an expression, and how tightly it binds."""

    text: str
    rank: int = ATOM

    def within(self, rank: int) -> str:
        """The text where nothing looser than `rank` may stand."""
        return self.text if self.rank >= rank else f"({self.text})"


class PythonPrinter(Printer):
    """Writes expressions as `Text`, and statements as lines.

    Attributes
    ----------
    lines : list of (str, int)
        Lines written so far, each with the author's line.
    """

    def __init__(self, formula: form.Formula) -> None:
        super().__init__(formula)
        self.lines: list[tuple[str, int]] = []
        self._depth = 0

    def name(self, name: str) -> str:
        """How a name of the author's is written."""
        return name

    def number(self, node: form.Expression) -> Text:
        """An expression where a number is needed, though the author may have written a truth value."""
        written: Text = self.write(node)
        return written

    def function(self, name: str, params: Iterable[str], body: Iterable[form.Statement]) -> str:
        """The whole function, under a name of its own."""
        self.emit(f"def {name}({', '.join(map(self.name, params))}):", self.formula.line)
        self.block(body)
        return "\n".join(line for line, _ in self.lines)

    def emit(self, text: str, line: int) -> None:
        """Add a line."""
        self.lines.append(("    " * self._depth + text, line))

    def block(self, statements: Iterable[form.Statement]) -> None:
        """Write statements one step further to the right."""
        self._depth += 1
        if not self.write_all(statements):
            self.emit("pass", self.lines[-1][1])
        self._depth -= 1

    # Statements ---------------------------------------------------------------------------------------------

    def write_assign(self, node: form.Assign) -> None:
        targets = [f"{self.target(target).text} = " for target in node.targets]
        self.emit("".join(targets) + self.number(node.value).within(TEST), node.line)

    def target(self, node: form.Expression) -> Text:
        """What is assigned to."""
        match node:
            case form.Name(id=name):
                return Text(self.name(name))
            case form.Tuple(items=items):
                return self.listed([self.target(item) for item in items])
        written: Text = self.write(node)
        return written

    def write_augment(self, node: form.Augment) -> None:
        target = self.target(node.target).text
        self.emit(f"{target} {node.operator}= {self.write(node.value).within(TEST)}", node.line)

    def write_return(self, node: form.Return) -> None:
        self.emit("return" if node.value is None else f"return {self.number(node.value).within(TEST)}", node.line)

    def write_if(self, node: form.If, word: str = "if") -> None:
        self.emit(f"{word} {self.write(node.test).text}:", node.line)
        self.block(node.body)
        match node.orelse:
            case [form.If() as other]:
                self.write_if(other, "elif")
            case [_, *_]:
                self.emit("else:", self.lines[-1][1])
                self.block(node.orelse)

    def write_for(self, node: form.For) -> None:
        bounds = ", ".join(self.integer(bound).text for bound in node.bounds)
        self.emit(f"for {self.name(node.name)} in range({bounds}):", node.line)
        self.block(node.body)

    def write_while(self, node: form.While) -> None:
        self.emit(f"while {self.write(node.test).text}:", node.line)
        self.block(node.body)

    def write_break(self, node: form.Break) -> None:
        self.emit("break", node.line)

    def write_continue(self, node: form.Continue) -> None:
        self.emit("continue", node.line)

    def write_pass(self, node: form.Pass) -> None:
        self.emit("pass", node.line)

    # Expressions --------------------------------------------------------------------------------------------

    def integer(self, node: form.Expression) -> Text:
        """An index, or a bound of a loop."""
        written: Text = self.write(node)
        return written

    def write_const(self, node: form.Const) -> Text:
        return Text(repr(node.value).replace("inf", "1e309"))

    def write_name(self, node: form.Name) -> Text:
        return Text(self.name(node.id))

    def write_named(self, node: form.Named) -> Text:
        return Text(node.written)

    def write_index(self, node: form.Index) -> Text:
        return Text(f"{self.name(node.row)}[{self.integer(node.index).text}]")

    def write_unary(self, node: form.Unary) -> Text:
        if node.operator == "not":
            return Text(f"not {self.write(node.operand).within(NOT)}", NOT)
        return Text(node.operator + self.number(node.operand).within(SIGN), SIGN)

    def write_binary(self, node: form.Binary) -> Text:
        return self.binary(self.number(node.left), node.operator, self.number(node.right))

    def binary(self, left: Text, operator: str, right: Text) -> Text:
        """Two operands that are written."""
        rank = _RANKS[operator]
        first, second = (rank + 1, rank) if operator == "**" else (rank, rank + 1)
        return Text(f"{left.within(first)} {operator} {right.within(second)}", rank)

    def write_bool(self, node: form.Bool) -> Text:
        rank = AND if node.operator == "and" else OR
        # Each operand is held more tightly than the one before, so `a or b and c` has parentheses.
        operands = [self.write(operand).within(min(rank + k, ATOM)) for k, operand in enumerate(node.operands, 1)]
        return Text(f" {node.operator} ".join(operands), rank)

    def write_compare(self, node: form.Compare) -> Text:
        first, *others = (operand.within(COMPARE + 1) for operand in self.write_all(node.operands))
        pairs = zip(node.operators, others, strict=True)
        return Text(first + "".join(f" {operator} {other}" for operator, other in pairs), COMPARE)

    def write_choice(self, node: form.Choice) -> Text:
        test, body, orelse = self.write(node.test), self.number(node.body), self.number(node.orelse)
        return Text(f"{body.within(TEST + 1)} if {test.within(TEST + 1)} else {orelse.within(TEST)}", TEST)

    def write_tuple(self, node: form.Tuple) -> Text:
        return self.listed(self.write_all(node.items))

    def listed(self, items: Sequence[Text]) -> Text:
        """Several, with commas."""
        inner = ", ".join(item.within(TEST) for item in items)
        return Text(inner + "," if len(items) == 1 else inner or "()", TUPLE if items else ATOM)

    def write_call(self, node: form.Call) -> Text:
        return self.called(node.written, self.write_all(node.arguments))

    def write_helper(self, node: form.Helper) -> Text:
        return self.called(node.written, self.write_all(node.arguments))

    def called(self, function: str, arguments: Iterable[Text]) -> Text:
        """A call."""
        return Text(f"{function}({', '.join(argument.within(TEST) for argument in arguments)})")


class _Plain(PythonPrinter):
    """For what stands alone and needs nothing of its formula."""

    def __init__(self) -> None:
        self.lines = []
        self._depth = 0


def plain_text(node: form.Node) -> str:
    """A statement or an expression as the author would write it."""
    printer = _Plain()
    written = printer.write(node)
    return written.text if isinstance(written, Text) else "\n".join(line for line, _ in printer.lines)
