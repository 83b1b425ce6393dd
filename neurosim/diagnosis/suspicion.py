"""What a look at the evidence gives: a finding without a cure yet, and what may be one."""

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
        What is said of it.
    remedies : tuple of Remedy
        What may help, the likeliest first.
    rates : bool
        Whether the learning rate that suits the network best is to be tried before these.
    goal : Goal
        What must become better.
    confirm : bool
        Whether the evidence alone proves nothing: it is a finding only if one of the remedies helps.
    note : bool
        Whether it is worth knowing, of a run that has learned, rather than something wrong.
    advice : str
        What to do where nothing of this helps.
    """

    finding: Finding
    remedies: tuple[Remedy, ...] = ()
    rates: bool = False
    goal: Goal = "learn"
    confirm: bool = False
    note: bool = False
    advice: str = ""
