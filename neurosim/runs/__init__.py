"""One run from start to end: training, promises, the run folder and its checkpoints, and reading it again."""

from neurosim.runs.expectations import Expectation
from neurosim.runs.fitting import fit
from neurosim.runs.logs import logged
from neurosim.runs.observers import StudyObserver
from neurosim.runs.options import RunOptions
from neurosim.runs.results import Result, Study
from neurosim.runs.running import run
from neurosim.runs.scenarios import one_variant
from neurosim.runs.seeds import run_ensemble
from neurosim.runs.study import study
from neurosim.training.observer import Observer

__all__ = [
    "Expectation",
    "Observer",
    "Result",
    "RunOptions",
    "Study",
    "StudyObserver",
    "fit",
    "logged",
    "one_variant",
    "run",
    "run_ensemble",
    "study",
]
