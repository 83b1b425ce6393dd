"""The outcome of a comparison: rows of the table, missing contenders, disagreements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from measure import Samples


class DisagreementError(Exception):
    """Contenders did not compute the same thing, so their times mean nothing."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    work : str
        What was compared.
    value : float or None
        The measured value; None if a peer is missing.
    target : float or None
        What it should be, at least or, with ``at_most``, at most; None for a line without a target.
    unit : str
        Written after the numbers.
    ours, theirs : str
        The medians and spreads behind the ratio, or another explanation of the value.
    """

    work: str
    value: float | None
    target: float | None
    unit: str
    at_most: bool = False
    ours: str = ""
    theirs: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None if there is no value or no target."""
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass
class Outcome:
    """Everything about one benchmark."""

    rows: list[Row] = field(default_factory=list)
    samples: dict[str, Samples] = field(default_factory=dict)
    first_seconds: dict[str, float] = field(default_factory=dict)
    validation: dict[str, object] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def agree(ours: Mapping[str, float], theirs: Mapping[str, float], tolerances: Mapping[str, tuple[str, float]]) -> None:
    """Raise DisagreementError unless each measure is within its tolerance.

    Parameters
    ----------
    tolerances : dict
        By measure: ``("relative", 0.05)`` or ``("absolute", 0.01)``.
    """
    for name, (kind, tolerance) in tolerances.items():
        difference = abs(ours[name] - theirs[name])
        limit = tolerance * abs(ours[name]) if kind == "relative" else tolerance
        # A NaN is a disagreement too.
        if not difference <= limit:
            raise DisagreementError(f"{name}: {ours[name]:.5g} and {theirs[name]:.5g} differ by more than {limit:.2g}")


def agree_each(ours: Sequence[float], theirs: Sequence[float], tolerance: float, share: float = 1.0) -> float:
    """Raise DisagreementError unless enough numbers agree; returns the share that does."""
    if len(ours) != len(theirs):
        raise DisagreementError(f"{len(ours)} numbers and {len(theirs)}")
    close = [abs(a - b) <= tolerance and math.isfinite(a) for a, b in zip(ours, theirs, strict=True)]
    reached = sum(close) / len(close)
    if reached < share:
        raise DisagreementError(f"only {reached:.1%} of the values agree within {tolerance}, not {share:.1%}")
    return reached
