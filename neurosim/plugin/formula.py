"""What the records whose functions are compiled have in common: activations, gates, losses and optimizers.

Their functions are plain Python on scalars (or on one row of scalars), with the ``math`` module and ordinary literals,
and are compiled for every backend. Argument names must follow the order given in the docstring of the record. The
records whose functions run as they are stand in `neurosim.plugin.function_records`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurosim.formulas.kinds import ArgumentKind


@dataclass(frozen=True)
class Formula:
    """One compiled function of a record.

    Attributes
    ----------
    role : str
        What it is in its record, such as ``df``.
    function : function
        As the author wrote it, or as it was derived.
    arguments : tuple of {"number", "row", "short", "class"}
        What each argument is: a number, a row of numbers, one with fewer of them, or the index of a class.
    results : int
        How many numbers it returns; 0 where it fills a row instead.
    """

    role: str
    function: Callable[..., Any]
    arguments: tuple[ArgumentKind, ...]
    results: int = 1


def formula(
    role: str, function: Callable[..., Any], arguments: Sequence[ArgumentKind], params: Mapping[str, Any], results: int
) -> Formula:
    """A function of a record with parameters, which come after its other arguments."""
    numbers: list[ArgumentKind] = ["number"] * len(params)
    return Formula(role, function, (*arguments, *numbers), results)
