"""What printers have in common: one method for each kind of node.

A printer writes formulas for one target. It defines ``write_binary``, ``write_if`` and so on, one for each class of
`neurosim.formulas.form` that the target has; a formula that needs one that is missing is refused. Nothing else has to
know of a new printer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from neurosim.formulas.form import Augment, Formula, Node


class Printer:
    """Writes one formula.

    Attributes
    ----------
    refusal : (str, str)
        What is said of a part that the target does not have, and what to write instead.
    """

    refusal: ClassVar[tuple[str, str]] = ("this cannot be printed", "use arithmetic, if and functions of math")

    def __init__(self, formula: Formula) -> None:
        self.formula = formula

    def write(self, node: Node) -> Any:
        """What a statement or an expression becomes."""
        method = getattr(self, f"write_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.refuse(node)
        return method(node)

    def write_all(self, nodes: Iterable[Node]) -> list[Any]:
        """What each of several becomes."""
        return [self.write(node) for node in nodes]

    def write_augment(self, node: Augment) -> Any:
        """``x += y`` is ``x = x + y`` where the target has nothing shorter."""
        return self.write(node.plain)

    def refuse(self, node: Node) -> Exception:
        """The error for a part that the target does not have."""
        return self.formula.refuse(node.line, *self.refusal)
