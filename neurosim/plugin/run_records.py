"""The records whose functions look at a run while it trains: metrics.

Their functions are ordinary Python on the host and may use NumPy freely. They are given copies that cannot be
written to, so nothing that they do changes the numbers of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from neurosim.plugin.record import Record, Scalar

# What neurosim measures by itself on each split, with and without being asked.
OWN_MEASURES = ("loss", "accuracy", "rmse", "r2", "baseline_rmse", "baseline_accuracy")
AGGREGATES = ("all", "mean", "sum", "root_mean")


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
        (where one unit tells two classes apart, the column of class 0 is neurosim's), and `targets` the index of the
        right class. With ``targets="values"`` both have a column for each target, in the units of the data set.
    better : "larger" or "smaller"
        Which values are better.
    targets : "classes" or "values"
        What the targets are.
    aggregate : "all", "mean", "sum" or "root_mean"
        "all": `value` gets all rows. Else it gets one row after the other, and the metric is the mean of its values,
        their sum, or the root of their mean.
    params : mapping of str to float
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
    params: Mapping[str, float] = field(default_factory=dict)
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

    def _check_word(self, role: str, word: object, words: tuple[str, ...]) -> None:
        if word not in words:
            known = f"{', '.join(map(repr, words[:-1]))} or {words[-1]!r}"
            raise self._fault(f"{role} must be {known}, not {word!r}")
