"""A formula as plain Python again: nodes of `ast`, which `ast.unparse` makes text of."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.printer import Printer

BINARY: dict[str, type[ast.operator]] = {
    "+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "//": ast.FloorDiv, "%": ast.Mod, "**": ast.Pow,
}  # fmt: skip
UNARY: dict[str, type[ast.unaryop]] = {"-": ast.USub, "+": ast.UAdd, "not": ast.Not}
BOOL: dict[str, type[ast.boolop]] = {"and": ast.And, "or": ast.Or}
COMPARE: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
}  # fmt: skip
JUMPS: dict[str, type[ast.stmt]] = {"break": ast.Break, "continue": ast.Continue, "pass": ast.Pass}


class PythonPrinter(Printer):
    """Writes the syntax tree, in which each statement has its author's line."""

    def write(self, node: form.Node) -> Any:
        """The node of `ast` or, where a statement becomes several, a list of them, which have their lines."""
        written = super().write(node)
        for part in written if isinstance(written, list) else [written]:
            part.lineno = node.line
        return written

    def write_all(self, nodes: Iterable[form.Node]) -> list[Any]:
        """What each becomes, one after the other: a statement may become several."""
        written = super().write_all(nodes)
        return [part for entry in written for part in (entry if isinstance(entry, list) else [entry])]

    def name(self, name: str) -> ast.Name:
        """A name of the author's."""
        return ast.Name(name)

    def target(self, node: form.Expression) -> Any:
        """What is assigned to."""
        return self.name(node.id) if isinstance(node, form.Name) else self.write(node)

    def number(self, node: form.Expression) -> Any:
        """An expression where a number is needed, though the author may have written a truth value."""
        return self.write(node)

    def integer(self, node: form.Expression) -> Any:
        """An index, or a bound of a loop."""
        return self.write(node)

    def function(self, name: str, params: Iterable[str], body: Iterable[form.Statement]) -> ast.FunctionDef:
        """The whole function, under a name of its own."""
        given = [ast.arg(self.name(param).id) for param in params]
        arguments = ast.arguments(posonlyargs=[], args=given, kwonlyargs=[], kw_defaults=[], defaults=[])
        return ast.FunctionDef(name, arguments, self.block(body), [], lineno=self.formula.line)

    def block(self, statements: Iterable[form.Statement]) -> list[Any]:
        """Statements, of which Python needs one at least."""
        return self.write_all(statements) or [ast.Pass()]

    # Statements ---------------------------------------------------------------------------------------------

    def write_assign(self, node: form.Assign) -> Any:
        return ast.Assign([self.target(target) for target in node.targets], self.number(node.value))

    def write_augment(self, node: form.Augment) -> Any:
        return ast.AugAssign(self.target(node.target), BINARY[node.operator](), self.write(node.value))

    def write_sorted(self, node: form.Sorted) -> ast.stmt:
        order = [ast.keyword("reverse", ast.Constant(True))] if node.descending else []
        return ast.Assign([self.name(node.name)], ast.Call(ast.Name("sorted"), [self.name(node.row)], order))

    def write_zeros(self, node: form.Zeros) -> ast.stmt:
        zeros = ast.BinOp(ast.List([ast.Constant(0.0)]), ast.Mult(), called("len", self.name(node.row)))
        return ast.Assign([self.name(node.name)], zeros)

    def write_do(self, node: form.Do) -> ast.stmt:
        return ast.Expr(self.write(node.call))

    def write_return(self, node: form.Return) -> ast.stmt:
        return ast.Return(None if node.value is None else self.number(node.value))

    def write_if(self, node: form.If) -> ast.stmt:
        return ast.If(self.write(node.test), self.block(node.body), self.write_all(node.orelse))

    def write_for(self, node: form.For) -> ast.stmt:
        bounds = [self.integer(bound) for bound in node.bounds]
        return ast.For(self.name(node.name), called("range", *bounds), self.block(node.body), [])

    def write_while(self, node: form.While) -> ast.stmt:
        return ast.While(self.write(node.test), self.block(node.body), [])

    def write_jump(self, node: form.Jump) -> ast.stmt:
        return JUMPS[node.word]()

    # Expressions --------------------------------------------------------------------------------------------

    def write_const(self, node: form.Const) -> ast.expr:
        return ast.Constant(node.value)

    def write_name(self, node: form.Name) -> ast.expr:
        return self.name(node.id)

    def write_named(self, node: form.Named) -> ast.expr:
        return ast.Name(node.written)

    def write_index(self, node: form.Index) -> ast.expr:
        return ast.Subscript(self.name(node.row), self.integer(node.index))

    def write_entry(self, node: form.Entry) -> ast.expr:
        return ast.Subscript(ast.Name(node.written), self.integer(node.index))

    def write_unary(self, node: form.Unary) -> ast.expr:
        operand = self.write(node.operand) if node.operator == "not" else self.number(node.operand)
        return ast.UnaryOp(UNARY[node.operator](), operand)

    def write_binary(self, node: form.Binary) -> ast.expr:
        return ast.BinOp(self.number(node.left), BINARY[node.operator](), self.number(node.right))

    def write_bool(self, node: form.Bool) -> ast.expr:
        return ast.BoolOp(BOOL[node.operator](), self.write_all(node.operands))

    def write_compare(self, node: form.Compare) -> ast.expr:
        left, *others = self.write_all(node.operands)
        return ast.Compare(left, [COMPARE[operator]() for operator in node.operators], others)

    def write_choice(self, node: form.Choice) -> ast.expr:
        return ast.IfExp(self.write(node.test), self.number(node.body), self.number(node.orelse))

    def write_tuple(self, node: form.Tuple) -> ast.expr:
        return ast.Tuple(self.write_all(node.items))

    def write_call(self, node: form.Call) -> ast.expr:
        return called(node.written, *self.write_all(node.arguments))

    def write_helper(self, node: form.Helper) -> ast.expr:
        return called(node.written, *self.write_all(node.arguments))


def called(function: str, *arguments: ast.expr) -> ast.Call:
    """A call of a function by its name."""
    return ast.Call(ast.Name(function), list(arguments), [])


def plain_text(node: form.Node) -> str:
    """A statement or an expression as the author would write it."""
    return ast.unparse(_PLAIN.write(node))


_PLAIN = PythonPrinter(form.NOTHING)
