"""What a diagnosis reports: a disease, its number and the limit, where the limit comes from, and what cures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurosim.diagnosis.measured import Measured

# What to change, as ``--set`` takes it.
Remedy = tuple[str, ...]


@dataclass(frozen=True)
class Bars:
    """A number for each of several things, such as layers, to be drawn together with the threshold.

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
        The numbers of each line, by its name; a line may end before the others.
    mark : float or None
        An epoch to mark.
    label : str
        What the horizontal axis shows.
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
    """A remedy that was tried: the same seed and rows, with one thing changed.

    Attributes
    ----------
    settings : tuple of str
        What was changed, as ``--set`` takes it.
    steps, epochs : int, float
        How long it was trained.
    whole : bool
        Whether that is the whole training of the scenario.
    before, after : Measured
        What the unchanged and the changed scenario reached in the same time.
    helped, cured : bool
        Whether it was clearly better, and whether all was well then.
    words : str
        The outcome.
    losses : Lines or None
        The losses epoch by epoch; None if fewer than two epochs were trained.
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
    """A disease that was found.

    Attributes
    ----------
    name, title : str
        Its name, as an identifier and in words.
    words : str
        What was observed and what it does, in plain words.
    measure : str
        What the number measures.
    number, threshold : float
        What was measured, and from which value on it is a disease.
    source : str
        Where the threshold comes from.
    picture : Bars or Lines
        The evidence.
    expect : str
        What a cured run shows.
    settings : tuple of str
        The one thing to change, as ``--set`` takes it; empty if no setting is known to cure it.
    tried : Trial or None
        How these settings did when they were tried; None if they were not.
    guess : str
        Why the settings are only a guess; empty if they were tried and helped.
    advice : str
        What to do if no setting helps, or in addition.
    attempts : tuple of Trial
        All remedies that were tried, in order.
    follows : tuple of str
        Titles of other findings that may have caused it; the settings are then those of the first one.
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
