"""Pictures of a run, drawn from its history and its trained simulator."""

from neurosim.plots.pictures import write_pictures

__all__ = ["write_pictures"]
