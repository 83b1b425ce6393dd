"""All diseases, looked for in one run; those that others may come from stand first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from neurosim.diagnosis.evidence import Evidence, collect
from neurosim.diagnosis.finding import Finding
from neurosim.diagnosis.layers import (
    dead_units,
    exploding_gradient,
    saturation,
    symmetric_start,
    vanishing_gradient,
)
from neurosim.diagnosis.training import (
    class_collapse,
    overfitting,
    rate_too_high,
    rate_too_low,
    shuffled_labels,
    unscaled_inputs,
)
from neurosim.markup import escape, table
from neurosim.simulator import Simulator

# Causes before what may come of them.
CHECKS: dict[str, Callable[[Evidence], Finding | None]] = {
    "shuffled_labels": shuffled_labels,
    "unscaled_inputs": unscaled_inputs,
    "symmetric_start": symmetric_start,
    "exploding_gradient": exploding_gradient,
    "vanishing_gradient": vanishing_gradient,
    "rate_too_high": rate_too_high,
    "saturation": saturation,
    "dead_units": dead_units,
    "rate_too_low": rate_too_low,
    "overfitting": overfitting,
    "class_collapse": class_collapse,
}
CAUSES = {
    "exploding_gradient": ("unscaled_inputs",),
    "vanishing_gradient": ("symmetric_start", "unscaled_inputs", "exploding_gradient"),
    "rate_too_high": ("unscaled_inputs", "exploding_gradient"),
    "saturation": ("unscaled_inputs", "exploding_gradient", "rate_too_high"),
    "dead_units": ("unscaled_inputs", "exploding_gradient", "symmetric_start", "rate_too_high"),
    "rate_too_low": ("symmetric_start", "vanishing_gradient", "saturation", "dead_units", "shuffled_labels"),
    "overfitting": ("shuffled_labels",),
    "class_collapse": (
        "shuffled_labels", "unscaled_inputs", "symmetric_start", "exploding_gradient", "vanishing_gradient",
        "rate_too_high", "saturation", "dead_units", "rate_too_low",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Diagnosis:
    """What was found in a run.

    Attributes
    ----------
    evidence : Evidence
        What it was found from.
    findings : tuple of Finding
        The diseases, causes before what may come of them; none where nothing is wrong.
    """

    evidence: Evidence
    findings: tuple[Finding, ...]

    def _repr_html_(self) -> str:
        """What was found, for notebooks."""
        head = f"<p><b>{escape(self.evidence.scenario.scenario.title)}</b></p>"
        if not self.findings:
            return f"{head}<p>Nothing wrong found.</p>"
        rows = [
            [one.title, f"{one.number:.3g}", f"{one.threshold:g}", one.measure, ", ".join(one.settings)]
            for one in self.findings
        ]
        words = "".join(f"<li>{escape(one.words)}</li>" for one in self.findings)
        return f"{head}<ol>{words}</ol>{table(['', 'measured', 'limit', 'of what', 'change'], rows, (1, 2))}"


def diagnose(run: Any) -> Diagnosis:
    """Look for every disease in a trained network.

    Parameters
    ----------
    run : Simulator, or a result of `neurosim.run`
        The network. Its start is made again from its scenario and seed.
    """
    trained: Simulator = getattr(run, "simulator", run)
    return judge(collect(trained.fresh(), trained))


def judge(evidence: Evidence) -> Diagnosis:
    """Look for every disease in the evidence."""
    found: dict[str, Finding] = {}
    for name, check in CHECKS.items():
        finding = check(evidence)
        if finding is not None:
            causes = [found[cause] for cause in CAUSES.get(name, ()) if cause in found]
            if causes:
                # What takes the first cause away takes away what comes of it.
                first = causes[0]
                titles = tuple(cause.title for cause in causes)
                finding = replace(finding, follows=titles, settings=first.settings, expect=first.expect)
            found[name] = finding
    return Diagnosis(evidence, tuple(found.values()))
