"""What a scenario promises, against what came out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.scenario import Scenario


@dataclass(frozen=True)
class Expectation:
    """One promise of ``[expect]`` and whether it was kept.

    Attributes
    ----------
    name : str
        The measure.
    at_least, at_most : float or None
        The bounds.
    value : float or None
        What came out; None where the run has no such measure.
    """

    name: str
    at_least: float | None
    at_most: float | None
    value: float | None

    @property
    def met(self) -> bool:
        """Whether the value is within its bounds; a measure that is missing is not."""
        if self.value is None:
            return False
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    @property
    def text(self) -> str:
        """The promise in words."""
        parts = [f"at least {self.at_least:g}"] if self.at_least is not None else []
        parts += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        return f"{self.name.replace('_', ' ')} {' and '.join(parts)}"

    def as_json(self) -> dict[str, Any]:
        """The form that ``--json`` and ``summary.json`` use."""
        bounds = {"at_least": self.at_least, "at_most": self.at_most}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        value = self.value if self.value is not None and math.isfinite(self.value) else None
        return {"name": self.name, "value": value, "met": self.met, **given}


def check_expectations(scenario: Scenario, measures: Mapping[str, float | None]) -> list[Expectation]:
    """Hold the final measures against the scenario's ``[expect]``."""
    return [
        Expectation(name, bound.at_least, bound.at_most, measures.get(name)) for name, bound in scenario.expect.items()
    ]
