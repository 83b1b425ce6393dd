"""The records whose functions look at a run while it trains: metrics and observers.

Their functions are ordinary Python on the host and may use NumPy freely. They are given copies that cannot be
written to, so nothing that they do changes the numbers of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from neurosim.markup import OWN_MEASURES
from neurosim.plugin.record import Record, Scalar

AGGREGATES = ("all", "mean", "sum", "root_mean")
# What the functions of an observer are called for.
ROLES = ("started", "part", "epoch", "ended", "left")


@dataclass(frozen=True)
class Metric(Record):
    """How good the answers of a network are, as a number for each epoch and split.

    Parameters
    ----------
    name : str
        How scenarios call it; a run has it as ``train_NAME``, ``validation_NAME`` and ``test_NAME``.
    value : function ``value(outputs, targets, *params) -> float``
        The metric of all rows of a split at once, as NumPy arrays; with another `aggregate` that of a single row.

        With ``targets="classes"`` `outputs` has a column for each class, the largest of which is the answer
        (where a single unit tells two classes apart, neurosim adds the column of class 0), and `targets` the index of
        the right class. With ``targets="values"`` both have a column for each target, in the units of the data set.
    better : "larger" or "smaller"
        Which values are better.
    targets : "classes" or "values"
        What the targets are.
    aggregate : "all", "mean", "sum" or "root_mean"
        "all": `value` gets all rows. Else it gets one row after the other, and the metric is the mean of its values,
        their sum, or the root of their mean.
    params : mapping of str to float or tuple of float
        Parameters and their defaults.
    source : str
        Where the definition comes from.
    """

    kind: ClassVar[str] = "metric"
    name: str
    value: Scalar
    better: Literal["larger", "smaller"]
    targets: Literal["classes", "values"] = "classes"
    aggregate: Literal["all", "mean", "sum", "root_mean"] = "all"
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name in OWN_MEASURES:
            raise self._fault(
                f"neurosim measures {self.name} itself, and a run can have only one measure of that name",
                "Call the metric something else.",
            )
        self._check_word("better", self.better, ("larger", "smaller"))
        self._check_word("targets", self.targets, ("classes", "values"))
        self._check_word("aggregate", self.aggregate, AGGREGATES)
        self._check("value", self.value, "outputs", "targets")


@dataclass(frozen=True)
class Progress:
    """What an observer gets: how far a run is. Nothing in it can be changed.

    Parameters
    ----------
    records : sequence of mappings
        What ``metrics.jsonl`` has of each epoch so far, such as ``records[-1]["train_loss"]``.
    epochs : int
        How many epochs the scenario asks for.
    step : int
        Steps done, those of an epoch that is not complete among them.
    name : str
        Name of the scenario, with its variant where it is one.
    seed : int
        The seed of the run.
    folder : pathlib.Path or None
        The run folder, where there is one.
    look : function, optional
        Returns the parameters, for `parameters`.
    settings : mapping
        What the scenario says, by dotted key: ``settings["optimizer.lr"]``, ``settings["network.layers.0.units"]``.
    """

    records: Sequence[Mapping[str, Any]]
    epochs: int
    step: int
    name: str = ""
    seed: int = 0
    folder: Path | None = None
    look: Callable[[], Mapping[str, Any]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """How many epochs are complete."""
        return len(self.records)

    @property
    def record(self) -> Mapping[str, Any]:
        """The record of the last epoch; empty before the first has ended."""
        return self.records[-1] if self.records else {}

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Read-only copies of the parameters as they are now, by name: ``parameters["layers.0.weight"]``."""
        return {} if self.look is None else self.look()


@dataclass(frozen=True)
class RunObserver(Record):
    """Follows a run, and may stop it; a scenario asks for it in ``training.observers``.

    Each function gets a `Progress` and the parameters. At least one is given.

    Parameters
    ----------
    name : str
        How scenarios call it.
    epoch : function ``epoch(progress, *params) -> None or str``, optional
        Called after each epoch. A text that it returns is the reason to stop training there; None goes on. It depends
        on its arguments only: then a run that was interrupted stops where it would have.
    started : function ``started(progress, *params)``, optional
        Called before training, also where a run resumes.
    part : function ``part(progress, *params)``, optional
        Called now and then within an epoch that takes more than about a second.
    ended : function ``ended(progress, *params)``, optional
        Called when all is trained, with the weights that are kept.
    left : function ``left(progress, *params)``, optional
        Called in place of `ended` where training is left before its end: by Ctrl-C, a divergence or an error.
    log : bool
        Whether it only writes down what it hears, and never stops a run: then ``neurosim run --log NAME`` asks for it
        too, and whether a run has it makes no difference to what is trained.
    params : mapping of str to float or tuple of float
        Parameters and their defaults.
    source : str
        What it is for, or where it comes from.
    """

    kind: ClassVar[str] = "observer"
    name: str
    epoch: Callable[..., str | None] | None = None
    started: Callable[..., None] | None = None
    part: Callable[..., None] | None = None
    ended: Callable[..., None] | None = None
    left: Callable[..., None] | None = None
    log: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.functions:
            raise self._fault("it has no function to call", "Give epoch, started, part, ended or left.")
        if not isinstance(self.log, bool):
            raise self._fault(f"log is {self.log!r}, and it says yes or no", "Give log=True or log=False.")
        for role, function in self.functions.items():
            self._check(role, function, "progress")

    @property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions that it has, by what they are called for."""
        roles = {role: getattr(self, role) for role in ROLES}
        return {role: function for role, function in roles.items() if function is not None}
