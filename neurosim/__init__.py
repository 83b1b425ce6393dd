"""neurosim: a laboratory bench for studying how neural networks learn.

The names below are loaded when they are first used, so that importing neurosim is fast: it loads neither Numba nor
matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from neurosim.supplied import SUPPLIED as _SUPPLIED
from neurosim.version import __version__

if TYPE_CHECKING:
    from neurosim.errors import NeurosimError as NeurosimError
    from neurosim.formulas.rows import argmax as argmax
    from neurosim.formulas.rows import argmin as argmin
    from neurosim.interactive import animate as animate
    from neurosim.interactive import compare as compare
    from neurosim.interactive import diagnose as diagnose
    from neurosim.interactive import explain as explain
    from neurosim.interactive import export as export
    from neurosim.interactive import import_onnx as import_onnx
    from neurosim.interactive import plot as plot
    from neurosim.interactive import replay as replay
    from neurosim.interactive import write_report as write_report
    from neurosim.plugin import Activation as Activation
    from neurosim.plugin import DataRequest as DataRequest
    from neurosim.plugin import Dataset as Dataset
    from neurosim.plugin import Every as Every
    from neurosim.plugin import FeedbackSchedule as FeedbackSchedule
    from neurosim.plugin import FromLogits as FromLogits
    from neurosim.plugin import Gate as Gate
    from neurosim.plugin import Initializer as Initializer
    from neurosim.plugin import Loss as Loss
    from neurosim.plugin import Metric as Metric
    from neurosim.plugin import Optimizer as Optimizer
    from neurosim.plugin import Outline as Outline
    from neurosim.plugin import Progress as Progress
    from neurosim.plugin import RowActivation as RowActivation
    from neurosim.plugin import RunObserver as RunObserver
    from neurosim.plugin import Schedule as Schedule
    from neurosim.plugin import Table as Table
    from neurosim.plugin import hookimpl as hookimpl
    from neurosim.plugin.host import build_registry as build_registry
    from neurosim.runs import Observer as Observer
    from neurosim.runs import RunOptions as RunOptions
    from neurosim.runs import StudyObserver as StudyObserver
    from neurosim.runs import fit as fit
    from neurosim.runs import run as run
    from neurosim.runs import study as study
    from neurosim.runs.prediction import load_model as load_model
    from neurosim.scenario import Scenario as Scenario
    from neurosim.scenario import load_scenario as load_scenario
    from neurosim.scenario.load import scenario as scenario
    from neurosim.sweeps.calling import rank as rank
    from neurosim.sweeps.calling import sweep as sweep
    from neurosim.training.ensemble import Ensemble as Ensemble
    from neurosim.training.simulator import Simulator as Simulator

_HOME = {
    "Activation": "neurosim.plugin",
    "DataRequest": "neurosim.plugin",
    "Dataset": "neurosim.plugin",
    "Ensemble": "neurosim.training.ensemble",
    "Every": "neurosim.plugin",
    "FeedbackSchedule": "neurosim.plugin",
    "FromLogits": "neurosim.plugin",
    "Gate": "neurosim.plugin",
    "Initializer": "neurosim.plugin",
    "Loss": "neurosim.plugin",
    "Metric": "neurosim.plugin",
    "NeurosimError": "neurosim.errors",
    "Observer": "neurosim.runs",
    "Optimizer": "neurosim.plugin",
    "Outline": "neurosim.plugin",
    "Progress": "neurosim.plugin",
    "RowActivation": "neurosim.plugin",
    "RunObserver": "neurosim.plugin",
    "RunOptions": "neurosim.runs",
    "Scenario": "neurosim.scenario",
    "Schedule": "neurosim.plugin",
    "Simulator": "neurosim.training.simulator",
    "StudyObserver": "neurosim.runs",
    "Table": "neurosim.plugin",
    "animate": "neurosim.interactive",
    "argmax": "neurosim.formulas.rows",
    "argmin": "neurosim.formulas.rows",
    "compare": "neurosim.interactive",
    "diagnose": "neurosim.interactive",
    "explain": "neurosim.interactive",
    "export": "neurosim.interactive",
    "import_onnx": "neurosim.interactive",
    "plot": "neurosim.interactive",
    "replay": "neurosim.interactive",
    "write_report": "neurosim.interactive",
    "build_registry": "neurosim.plugin.host",
    "hookimpl": "neurosim.plugin",
    "load_model": "neurosim.runs.prediction",
    "fit": "neurosim.runs",
    "load_scenario": "neurosim.scenario",
    "rank": "neurosim.sweeps.calling",
    "run": "neurosim.runs",
    "study": "neurosim.runs",
    "sweep": "neurosim.sweeps.calling",
}

# A package that can be called.
_SCENARIO = "scenario"

__all__ = ["__version__", *sorted([*_HOME, _SCENARIO])]


def __getattr__(name: str) -> Any:
    if name == _SCENARIO:
        return importlib.import_module(f"neurosim.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'neurosim' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


# Loaded when they are called.
_SUPPLIED["export"] = lambda *given: __getattr__("export")(*given)
_SUPPLIED["unpacked"] = lambda path: importlib.import_module("neurosim.sweeps.storage").unpacked(path)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
