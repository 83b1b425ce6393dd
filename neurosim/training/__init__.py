"""Running a scenario from start to end: progress, expectations, the run folder, checkpoints."""

from neurosim.training.ensembles import EnsembleObserver, run_ensemble
from neurosim.training.expectations import Expectation
from neurosim.training.runs import Observer, Result, run

__all__ = ["EnsembleObserver", "Expectation", "Observer", "Result", "run", "run_ensemble"]
