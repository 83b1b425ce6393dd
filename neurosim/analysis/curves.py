"""The loss and the accuracy over the epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurosim.training.history import History

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator


@dataclass(frozen=True)
class Curves:
    """What the learning curves show.

    Attributes
    ----------
    history : History
        The epochs.
    loss : str
        What the loss is called.
    """

    history: History
    loss: str = "loss"


def curves(simulator: Simulator) -> Curves:
    """The epochs of a trained network."""
    return Curves(simulator.history, "loss of standardized targets" if simulator.data.scales_targets else "loss")
