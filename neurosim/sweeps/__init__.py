"""What is made of many runs, and of runs trained again: sweeps, rankings, and whether a run gives the same bits."""

from neurosim.sweeps.verify import Repeated, Verified, verify

__all__ = ["Repeated", "Verified", "verify"]
