"""How a run is made: one set of options that the functions for notebooks, studies and the command line share."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from neurosim.runs.notebook import in_notebook
from neurosim.runs.observers import ResultObserver, StudyObserver
from neurosim.scenario import Scenario
from neurosim.training.observer import EpochObserver, Observer, observer_of

Source = Scenario | Path | str
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_FIRST = """\
scenario : Scenario, path, name of a shipped scenario, or folder of a run
    What to run; of a run its scenario, "last" being the newest one.
options : RunOptions, optional
    How to run it; what is given by name comes first.
"""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a scenario is run.

    Parameters
    ----------
    backend : {"cpu", "cuda", "reference"}
        Where to run it.
    data : pair (X, y), or Table, optional
        Rows to use in place of the scenario's own data set: arrays, or a table of pandas, polars or pyarrow, where y
        may be the name of a column. What ``[data]`` says of splits and scaling holds for them.
    validation : pair (X, y), optional
        Rows to monitor the training with, beside `data`.
    test : pair (X, y), optional
        Rows for the final test, beside `data`.
    seed : int, optional
        Instead of the scenario's.
    overrides : mapping, optional
        Values to put in place of the scenario's, such as ``{"training.epochs": 200}``.
    threads : int, optional
        Threads of the CPU backend; all processors by default.
    out : path, optional
        Folder for the files of the run; without it nothing is written.
    plugins : sequence of paths
        Plugin files to load, and folders of plugin files.
    data_dir : path, optional
        Folder with data sets.
    resume : path, optional
        Folder of a run to resume from its newest checkpoint, or one of its checkpoints. A run that was killed before
        its first checkpoint is trained from its start; one that is finished is read, and nothing is trained.
    force : bool
        Resume even where scenario, rows, plugins, versions or the kind of processor have changed since the checkpoint.
    observer : Observer or function, optional
        Receives progress. A plain function is called with the record of each epoch, such as
        ``lambda record: print(record["train_loss"])``; in a study, with the result of each network when it is done.
        Left out, a notebook shows progress.
    log : sequence of str
        Logs to write into the run's folder besides: ``["csv"]``, ``["tensorboard"]``, or those of plugins.
    variant : str, optional
        Name of the variant to run, for a scenario that has some.
    for_report : bool
        Record what `neurosim report` shows, besides what the scenario asks for. A study records only the latter.
    """

    backend: str = "cpu"
    data: object = None
    validation: object = None
    test: object = None
    seed: int | None = None
    overrides: Mapping[str, Any] | None = None
    threads: int | None = None
    out: Path | str | None = None
    plugins: Sequence[Path | str] = ()
    data_dir: Path | str | None = None
    resume: Path | str | None = None
    force: bool = False
    observer: Observer | Callable[..., Any] | None = None
    log: Sequence[str] = ()
    variant: str | None = None
    for_report: bool = False

    @property
    def target(self) -> Path | None:
        """The folder to write to; None where nothing is written."""
        path = self.out if self.resume is None else self.resume
        return None if path is None else Path(path)

    def run_observer(self) -> Observer:
        """What receives the progress of a single run."""
        return observer_of(self.observer, Observer, EpochObserver) or in_notebook() or Observer()

    def study_observer(self) -> StudyObserver:
        """What receives the progress of a study."""
        return observer_of(self.observer, StudyObserver, ResultObserver) or in_notebook() or StudyObserver()


class TakesOptions(Protocol[P, R_co]):
    """A function of a scenario that takes `RunOptions`, whole or by the names of its fields."""

    def __call__(self, scenario: Source, options: RunOptions | None = None, *args: P.args, **changes: P.kwargs) -> R_co:
        """Call it; fields given by name replace those of `options`."""


def takes(
    made_by: Callable[P, RunOptions],
) -> Callable[[Callable[[Source, RunOptions], R]], TakesOptions[P, R]]:
    """Decorate a function so that it can be called with the fields of `RunOptions`, which `made_by` makes, by name.

    They stand in its signature, and in its docstring with `scenario` and `options` in place of ``{parameters}``.
    """

    def decorate(function: Callable[[Source, RunOptions], R]) -> TakesOptions[P, R]:
        @functools.wraps(function)
        def called(scenario: Source, options: RunOptions | None = None, **changes: Any) -> R:
            return function(
                scenario, RunOptions(**changes) if options is None else dataclasses.replace(options, **changes)
            )

        own, fields = inspect.signature(function), inspect.signature(made_by)
        scenario, options = own.parameters.values()
        both = [scenario, options.replace(default=None, annotation="RunOptions | None"), *fields.parameters.values()]
        called.__signature__ = own.replace(parameters=both)  # type: ignore[attr-defined]
        if function.__doc__ and made_by.__doc__:
            described = _FIRST + inspect.cleandoc(made_by.__doc__).partition("----------\n")[2]
            called.__doc__ = inspect.cleandoc(function.__doc__).replace("{parameters}", described)
        return called  # type: ignore[return-value]

    return decorate
