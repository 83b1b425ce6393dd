"""What is made of many runs, and of runs trained again: sweeps, rankings, and whether a run gives the same bits."""

from neurosim.sweeps.outcome import Repeated, Verified
from neurosim.sweeps.verify import verify

__all__ = ["Repeated", "Verified", "verify"]
