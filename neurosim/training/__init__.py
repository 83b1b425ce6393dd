"""Running a scenario from start to end: progress, expectations, the run folder, checkpoints."""

from neurosim.training.ensembles import EnsembleObserver, run_ensemble
from neurosim.training.expectations import Expectation
from neurosim.training.observers import Observer
from neurosim.training.runs import Result, one_variant, run
from neurosim.training.study import Study, StudyObserver, study

__all__ = [
    "EnsembleObserver",
    "Expectation",
    "Observer",
    "Result",
    "Study",
    "StudyObserver",
    "one_variant",
    "run",
    "run_ensemble",
    "study",
]
