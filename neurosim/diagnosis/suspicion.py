"""What the evidence suggests: a finding whose cure is not known yet, and remedies that may cure it."""

from __future__ import annotations

from dataclasses import dataclass

from neurosim.diagnosis.finding import Finding, Remedy
from neurosim.diagnosis.trials import Goal


@dataclass(frozen=True)
class Suspicion:
    """A disease that a run seems to have, and remedies to try.

    Attributes
    ----------
    finding : Finding
        What is reported of it.
    remedies : tuple of Remedy
        What may help, most likely first.
    rates : bool
        Whether to try the learning rate that suits the network best before these.
    goal : Goal
        What must improve.
    confirm : bool
        Whether the evidence alone proves nothing: it becomes a finding only if one of the remedies helps.
    note : bool
        Whether it is merely worth knowing about a run that has learned.
    advice : str
        What to do if none of this helps.
    """

    finding: Finding
    remedies: tuple[Remedy, ...] = ()
    rates: bool = False
    goal: Goal = "learn"
    confirm: bool = False
    note: bool = False
    advice: str = ""
