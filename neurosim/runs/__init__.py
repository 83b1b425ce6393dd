"""One run from start to end: training, promises, the run folder and its checkpoints, and reading it again."""

from neurosim.runs.ensembles import EnsembleObserver, run_ensemble
from neurosim.runs.expectations import Expectation
from neurosim.runs.observers import Observer
from neurosim.runs.running import Result, one_variant, run
from neurosim.runs.study import Study, StudyObserver, study

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
