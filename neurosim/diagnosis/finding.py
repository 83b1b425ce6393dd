"""What a diagnosis says: one disease, its number beside the limit, where that is from, and what takes it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurosim.diagnosis.measured import Measured

# What to change, as ``--set`` takes it.
Remedy = tuple[str, ...]


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
    """Numbers over the epochs, or over something else.

    Attributes
    ----------
    title : str
        What is drawn.
    across : tuple of float
        The epochs.
    lines : dict of str to tuple of float or None
        The numbers by what they are of; a line may end before the others.
    mark : float or None
        An epoch to point at.
    label : str
        What is across.
    logarithmic : bool
        Whether that spans many powers of ten.
    """

    title: str
    across: tuple[float, ...]
    lines: dict[str, tuple[float | None, ...]]
    mark: float | None = None
    label: str = "epoch"
    logarithmic: bool = False


@dataclass(frozen=True)
class Trial:
    """A remedy that was tried: the same seed and rows, with something changed.

    Attributes
    ----------
    settings : tuple of str
        What was changed, as ``--set`` takes it.
    steps, epochs : int, float
        How long it was trained.
    whole : bool
        Whether that is the whole training of the scenario.
    before, after : Measured
        What the unchanged scenario came to in as long, and the changed one.
    helped, cured : bool
        Whether it was clearly better, and whether all is well then.
    words : str
        What came of it.
    losses : Lines or None
        The losses epoch by epoch; None where not even two epochs were trained.
    """

    settings: Remedy
    steps: int
    epochs: float
    whole: bool
    before: Measured
    after: Measured
    helped: bool
    cured: bool
    words: str
    losses: Lines | None = None

    def as_json(self) -> dict[str, Any]:
        """The trial as plain data, without its losses."""
        return {
            "settings": list(self.settings),
            "steps": self.steps,
            "epochs": self.epochs,
            "whole": self.whole,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "helped": self.helped,
            "cured": self.cured,
            "words": self.words,
        }


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
    expect : str
        What a cured run shows.
    settings : tuple of str
        The one thing to change, as ``--set`` takes it; empty where no setting is known to cure it.
    tried : Trial or None
        How these settings did when they were tried; None where they were not.
    guess : str
        Why the settings are no more than a guess; empty where they were tried, and helped.
    advice : str
        What to do where no setting helps, or besides.
    attempts : tuple of Trial
        All that were tried, one after the other.
    follows : tuple of str
        Titles of other findings that it may come from; the settings are then those of the first.
    """

    name: str
    title: str
    words: str
    measure: str
    number: float
    threshold: float
    source: str
    picture: Bars | Lines
    expect: str
    settings: Remedy = ()
    tried: Trial | None = None
    guess: str = ""
    advice: str = ""
    attempts: tuple[Trial, ...] = ()
    follows: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding as plain data, without its pictures."""
        return {
            "name": self.name,
            "title": self.title,
            "words": self.words,
            "measure": self.measure,
            "number": self.number if abs(self.number) < float("inf") else None,
            "threshold": self.threshold,
            "source": self.source,
            "settings": list(self.settings),
            "tried": None if self.tried is None else self.tried.as_json(),
            "guess": self.guess,
            "advice": self.advice,
            "attempts": [trial.as_json() for trial in self.attempts],
            "follows": list(self.follows),
        }
