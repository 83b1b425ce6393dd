"""Pictures of a run, drawn from its history and its trained simulator."""

from neurosim.plots.pictures import write_ensemble_pictures, write_pictures

__all__ = ["write_ensemble_pictures", "write_pictures"]
