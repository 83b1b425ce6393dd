"""The checked form of a formula: a small tree that `read` makes of an author's function, for printers to write from.

It keeps what the author wrote: every operation in its order, every name, and the line each part stands in. What is
not part of it (classes, exceptions, calls of anything but `math` and functions of the same kind) has been refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from neurosim.errors import PluginError
from neurosim.formulas.source import refuse


@dataclass(frozen=True)
class Node:
    """A statement or an expression, and the author's line; 0 where no author wrote it."""

    line: int = field(default=0, kw_only=True, compare=False)


# Expressions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expression(Node):
    """Something with a value."""


@dataclass(frozen=True)
class Const(Expression):
    """A literal number, or True or False."""

    value: float | int | bool


@dataclass(frozen=True)
class Name(Expression):
    """A name of the function's own: an argument or one that it assigns to."""

    id: str


@dataclass(frozen=True)
class Named(Expression):
    """A number from outside the function, such as ``math.pi`` or a constant of its module, as it is written there."""

    written: str
    value: float | int


@dataclass(frozen=True)
class Index(Expression):
    """An entry of a row: ``row[index]``."""

    row: str
    index: Expression


@dataclass(frozen=True)
class Entry(Expression):
    """An entry of a tuple of the module's, ``TABLE[index]``; NaN where the index is outside."""

    written: str
    values: tuple[float | int, ...]
    index: Expression


@dataclass(frozen=True)
class Unary(Expression):
    """``-x``, ``+x`` or ``not x``."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """Arithmetic with two operands; the operator is one of ``+ - * / // % **``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Bool(Expression):
    """``x and y and ...``, or the same with ``or``."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Compare(Expression):
    """``x < y``, or a chain such as ``x < y <= z`` with one operator fewer than operands."""

    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Choice(Expression):
    """``body if test else orelse``."""

    test: Expression
    body: Expression
    orelse: Expression


@dataclass(frozen=True)
class Tuple(Expression):
    """``x, y``: several results, or several targets of an assignment."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Call(Expression):
    """A call of a function of `math`, or of a built-in one, by the name it has there.

    `written` is how the author calls it: ``m.exp`` after ``import math as m``.
    """

    name: str
    arguments: tuple[Expression, ...]
    written: str


@dataclass(frozen=True)
class Helper(Expression):
    """A call of another function of the author's, which is a formula too."""

    function: Callable[..., Any]
    arguments: tuple[Expression, ...]
    written: str


# Statements -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement(Node):
    """Something that is done."""


@dataclass(frozen=True)
class Assign(Statement):
    """``x = value``, also to an entry of a row or to several names at once; usually there is one target."""

    targets: tuple[Expression, ...]
    value: Expression


@dataclass(frozen=True)
class Augment(Statement):
    """``x += value``."""

    target: Name | Index
    operator: str
    value: Expression

    @property
    def plain(self) -> Assign:
        """The same as ``x = x + value``."""
        return Assign((self.target,), Binary(self.operator, self.target, self.value, line=self.line), line=self.line)


@dataclass(frozen=True)
class Sorted(Statement):
    """``name = sorted(row)``: a row of the function's own, with the numbers of another one in order."""

    name: str
    row: str
    descending: bool


@dataclass(frozen=True)
class Zeros(Statement):
    """``name = [0.0] * len(row)``: a row of the function's own. Derived functions have some, those of authors none."""

    name: str
    row: str


@dataclass(frozen=True)
class Do(Statement):
    """A call of another function of the author's, which fills rows that it is given."""

    call: Helper


@dataclass(frozen=True)
class Return(Statement):
    """The end of the function, with a result or, where it fills a row, without."""

    value: Expression | None


@dataclass(frozen=True)
class If(Statement):
    """``if test: ... else: ...``; an ``elif`` is an If that stands alone in `orelse`."""

    test: Expression
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...]


@dataclass(frozen=True)
class For(Statement):
    """``for name in range(*bounds)``."""

    name: str
    bounds: tuple[Expression, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class While(Statement):
    """``while test``."""

    test: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Jump(Statement):
    """``break``, ``continue`` or ``pass``."""

    word: str


# The whole --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Formula:
    """A function that has been read.

    Attributes
    ----------
    function : function
        The author's.
    name : str
        Its name.
    params : tuple of str
        Names of its arguments.
    body : tuple of Statement
        What it does, without its docstring.
    local : tuple of str
        All names of its own, the arguments first.
    outside : mapping of str to object
        The other names that it sees.
    line : int
        The author's line of its ``def``.
    """

    function: Callable[..., Any]
    name: str
    params: tuple[str, ...]
    body: tuple[Statement, ...]
    local: tuple[str, ...]
    outside: Mapping[str, Any]
    line: int

    def refuse(self, line: int, what: str, instead: str) -> PluginError:
        """The error for a part of it that is not possible, and what to write instead."""
        return refuse(self.function, line, what, instead)


# An empty formula, for parts that are printed by themselves.
NOTHING = Formula(len, "", (), (), (), {}, 0)


def parts(node: Node) -> Iterator[Node]:
    """What a node is made of, in the order in which it is written down here."""
    for name in _attributes(node):
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (part for part in value if isinstance(part, Node))


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """All nodes, each before its parts."""
    for node in nodes:
        yield node
        yield from walk(parts(node))


def rebuilt(node: Node, change: Callable[[Node], Any]) -> Any:
    """The node with each of its parts changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(changed, value))
        return change(value) if isinstance(value, Node) else value

    return replace(node, **{name: changed(getattr(node, name)) for name in _attributes(node)})


def _attributes(node: Node) -> tuple[str, ...]:
    """What a node has besides its line."""
    kind = type(node)
    if kind not in _ATTRIBUTES:
        _ATTRIBUTES[kind] = tuple(entry.name for entry in fields(kind) if entry.name != "line")
    return _ATTRIBUTES[kind]


_ATTRIBUTES: dict[type[Node], tuple[str, ...]] = {}
