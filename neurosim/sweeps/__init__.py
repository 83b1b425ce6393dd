"""What is made of many runs, and of runs trained again."""

from neurosim.sweeps.verify import Repeated, Verified, verify

__all__ = ["Repeated", "Verified", "verify"]
