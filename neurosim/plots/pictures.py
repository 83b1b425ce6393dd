"""Which pictures a run gets, by the kind of its problem."""

from __future__ import annotations

from pathlib import Path

from neurosim.ensemble import Ensemble
from neurosim.plots.curves import learning_curves
from neurosim.plots.ensembles import ensemble_histogram
from neurosim.plots.inputs import decision_boundary, fitted_curve
from neurosim.plots.style import save
from neurosim.simulator import Simulator


def write_ensemble_pictures(ensemble: Ensemble, folder: Path) -> list[Path]:
    """Draw ``ensemble.png``; returns the files written. Raises DataError when it cannot be written."""
    title = f"{ensemble.scenario.scenario.title} ({len(ensemble.members)} seeds)"
    return [save(ensemble_histogram(ensemble, title), folder / "ensemble.png", title)]


def write_pictures(simulator: Simulator, folder: Path) -> list[Path]:
    """Draw what can be drawn of a trained simulator; returns the files written.

    ``learning_curves.png`` always (unless no epoch was trained), ``decision_boundary.png`` for two
    inputs and classes, ``fitted_curve.png`` for one input and one output.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    title = simulator.scenario.scenario.title
    written = []
    if len(simulator.history) > 0:
        written.append(save(learning_curves(simulator.history, title), folder / "learning_curves.png", title))
    data, network = simulator.data, simulator.network
    if network.inputs == 2 and data.classes:
        written.append(save(decision_boundary(simulator, title), folder / "decision_boundary.png", title))
    if network.inputs == 1 and network.outputs == 1 and not data.classes:
        written.append(save(fitted_curve(simulator, title), folder / "fitted_curve.png", title))
    return written
