"""What each name of a formula is: a number, a row, or the index of a class; mixtures are refused.

Compilers would refuse them too, but in words of their own. These checks speak of the author's line.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal

from neurosim.formulas.source import OF_TWO, math_function, namespace, refuse

ArgumentKind = Literal["number", "row", "class"]


def check_kinds(
    function: Callable[..., Any], node: ast.FunctionDef, arguments: Sequence[ArgumentKind], results: int | None
) -> None:
    """Check the use of rows and numbers, calls, and what is returned.

    Parameters
    ----------
    function : function
        The author's, for the message.
    node : ast.FunctionDef
        Its syntax tree.
    arguments : sequence of {"number", "row", "class"}
        What each argument is.
    results : int or None
        How many numbers it must return; 0 where it fills a row, None where any will do.

    Raises
    ------
    PluginError
        Naming file and line.
    """
    checker = _Checker(function, node, arguments, results)
    checker.block(node.body)
    gives = any(isinstance(part, ast.Return) and part.value is not None for part in ast.walk(node))
    if (results or gives) and not _returns(node.body):
        raise refuse(
            function, node.body[-1], f"{function.__name__} can end without a result", "end every way with return"
        )


class _Checker(ast.NodeVisitor):
    def __init__(
        self,
        function: Callable[..., Any],
        node: ast.FunctionDef,
        arguments: Sequence[ArgumentKind],
        results: int | None,
    ) -> None:
        self.function = function
        self.results = results
        self.outside = namespace(function)
        names = [argument.arg for argument in node.args.args]
        self.rows = {name for name, kind in zip(names, arguments, strict=False) if kind == "row"}
        self.local = set(function.__code__.co_varnames)
        self.known = set(names)

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    # Names --------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.rows:
            if isinstance(node.ctx, ast.Store):
                raise refuse(self.function, node, f"the row {node.id} is assigned to", f"set its entries, {node.id}[k]")
            raise refuse(self.function, node, f"the row {node.id} is used as a number", f"take one entry, {node.id}[k]")
        if isinstance(node.ctx, ast.Store):
            self.known.add(node.id)
        elif node.id in self.local and node.id not in self.known:
            raise refuse(self.function, node, f"{node.id} has no value yet", "assign to it before, on every way")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        match node.value:
            case ast.Name(id=name) if name in self.rows:
                pass
            case ast.Name(id=name) if name in self.local:
                raise refuse(self.function, node, f"{name} is a number, not a row", "use it without an index")
        self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            return  # refused for what they are
        name = math_function(node.func, self.outside, self.local)
        count = len(node.args)
        if name:
            needed = 2 if name in OF_TWO else 1
            if count != needed:
                instead = "math.log(x) / math.log(base)" if name == "log" else f"give it {needed}"
                raise refuse(self.function, node, f"math.{name} takes {_numbers(needed)}, not {count}", instead)
        elif isinstance(node.func, ast.Name) and node.func.id not in self.local:
            if node.func.id == "len":
                return
            self._call(node, self.outside.get(node.func.id))
        for argument in node.args:
            # A helper may be given a whole row.
            if name or not (isinstance(argument, ast.Name) and argument.id in self.rows):
                self.visit(argument)

    def _call(self, node: ast.Call, target: Any) -> None:
        """A call of a built-in or of another function of the author's."""
        count = len(node.args)
        if target in (min, max):
            if count < 2:
                name = target.__name__
                raise refuse(
                    self.function, node, f"{name} takes two numbers or more", f"{name}(x, y), or a loop for a row"
                )
            for argument in node.args:
                self.visit(argument)
        elif inspect.isfunction(target):
            if target is self.function:
                raise refuse(self.function, node, f"{target.__name__} calls itself", "use a loop")
            needed = target.__code__.co_argcount
            if count != needed:
                what = f"{target.__name__} takes {_numbers(needed, 'argument')}, not {count}"
                raise refuse(self.function, node, what, f"give it {needed}")

    # Statements ---------------------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.visit(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
        self.visit(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self._loop(node)

    def visit_While(self, node: ast.While) -> None:
        self._loop(node)
        self.visit(node.test)

    def _loop(self, node: ast.For | ast.While) -> None:
        """A name may have got its value in an earlier round."""
        stored = (part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
        self.known |= {part.id for part in stored}
        self.block(node.body)

    def visit_Return(self, node: ast.Return) -> None:
        found = node.value
        if found is not None:
            self.visit(found)
        count = 0 if found is None else len(found.elts) if isinstance(found, ast.Tuple) else 1
        if self.results is None or count == self.results:
            return
        if self.results == 0:
            raise refuse(self.function, node, "a value is returned", "fill the row that is given; return nothing")
        what = f"{_numbers(count, 'value')} returned, {self.results} expected"
        instead = "return one number" if self.results == 1 else "return the new w, then each slot in its order"
        raise refuse(self.function, node, what, instead)


def _numbers(count: int, what: str = "number") -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _returns(statements: Sequence[ast.stmt]) -> bool:
    """Whether a block returns on every way through it."""
    for statement in statements:
        match statement:
            case ast.Return():
                return True
            case ast.If(body=body, orelse=orelse) if _returns(body) and _returns(orelse):
                return True
            case ast.While(test=ast.Constant(value=True)):
                return True
            case ast.Try() | ast.With() | ast.Raise() | ast.Match():
                return True  # refused for what they are
    return False
