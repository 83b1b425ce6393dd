"""The columns of a table, and which inputs of a network each becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a table, and the inputs of a network that it becomes.

    Parameters
    ----------
    name : str
        Its name.
    categories : tuple of str
        What its fields may be; empty for a column of numbers. Each becomes an input of its own, 1 where it is the
        value of a row and else 0 ("one-hot").
    indices : bool
        Instead of that a single input: the place of the category, from 0.
    fills : bool
        Numbers: whether values may be missing, nan in the features. The mean of the training rows takes their places.
    mean : float or None
        That mean, once it is known.
    """

    name: str
    categories: tuple[str, ...] = ()
    indices: bool = False
    fills: bool = False
    mean: float | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs: its own, or such as ``color=red``."""
        if self.indices or not self.categories:
            return (self.name,)
        return tuple(f"{self.name}={category}" for category in self.categories)


def input_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """Names of the inputs that these columns become, one after the other."""
    return tuple(name for column in columns for name in column.inputs)
