"""What a diagnosis says: one disease, its number beside the threshold, where that is from, and how to prove it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bars:
    """A number for each of several things, such as layers, to be drawn with the threshold.

    Attributes
    ----------
    title : str
        What is drawn.
    names : tuple of str
        The things.
    values : tuple of float
        Their numbers.
    threshold : float or None
        Drawn as a line.
    logarithmic : bool
        Whether the numbers span many powers of ten.
    """

    title: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    threshold: float | None = None
    logarithmic: bool = False


@dataclass(frozen=True)
class Lines:
    """Numbers over the epochs.

    Attributes
    ----------
    title : str
        What is drawn.
    epochs : tuple of int
        The epochs.
    lines : dict of str to tuple of float or None
        The numbers by what they are of.
    mark : int or None
        An epoch to point at.
    """

    title: str
    epochs: tuple[int, ...]
    lines: dict[str, tuple[float | None, ...]]
    mark: int | None = None


@dataclass(frozen=True)
class Finding:
    """One disease that was found.

    Attributes
    ----------
    name, title : str
        What it is called, as a word and in words.
    words : str
        What was seen and what it does, in plain words.
    measure : str
        What the number is of.
    number, threshold : float
        What was measured, and from where on it is a disease.
    source : str
        Where the threshold is from.
    picture : Bars or Lines
        The evidence.
    settings : tuple of str
        The one thing to change, as ``--set`` takes it; empty where no setting can cure it.
    expect : str
        What the changed run will show.
    follows : tuple of str
        Titles of other findings that it may come from.
    """

    name: str
    title: str
    words: str
    measure: str
    number: float
    threshold: float
    source: str
    picture: Bars | Lines
    settings: tuple[str, ...]
    expect: str
    follows: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding as plain data, without its picture."""
        return {
            "name": self.name,
            "title": self.title,
            "words": self.words,
            "measure": self.measure,
            "number": self.number if abs(self.number) < float("inf") else None,
            "threshold": self.threshold,
            "source": self.source,
            "settings": list(self.settings),
            "follows": list(self.follows),
        }
