"""Which pictures a run gets, by the kind of its problem."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.analysis.facts import RunFacts
from neurosim.history import History
from neurosim.plots.curves import learning_curves
from neurosim.plots.ensembles import ensemble_histogram
from neurosim.plots.inputs import decision_boundary, fitted_curve
from neurosim.plots.layers import layer_pictures
from neurosim.plots.lines import PLAIN
from neurosim.plots.responses import responses
from neurosim.plots.style import save

if TYPE_CHECKING:  # the drawing process never sees one
    from neurosim.ensemble import Ensemble


def rehearse() -> None:
    """Draw a picture for nobody: matplotlib finds fonts and fills its caches at the first one."""
    epochs = [{"epoch": k, "train_loss": 10.0**-k, "train_accuracy": 0.5} for k in (1, 2, 3)]
    learning_curves(History(epochs), "0123456789").savefig(io.BytesIO())


def write_pictures(facts: RunFacts, folder: Path) -> list[Path]:
    """Draw what can be drawn of a run; returns the files written.

    ``learning_curves.png`` always (unless no epoch was trained), ``decision_boundary.png`` for two
    inputs and classes, ``fitted_curve.png`` for one input and one output, ``responses.png`` for
    convolutions, and a picture for each recorded quantity, by its name.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    title, written = facts.title, []
    if len(facts.history) > 0:
        written.append(save(learning_curves(facts.history, title), folder / "learning_curves.png", title))
    if facts.inputs is not None and len(facts.inputs.axes) == 2:
        written.append(save(decision_boundary(facts.inputs, title), folder / "decision_boundary.png", title))
    elif facts.inputs is not None:
        written.append(save(fitted_curve(facts.inputs, title), folder / "fitted_curve.png", title))
    if facts.responses:
        written.append(save(responses(facts.responses, title), folder / "responses.png", title))
    if facts.recording is not None:
        for name, picture in layer_pictures(title, [("", [facts.recording])], [PLAIN]).items():
            written.append(save(picture, folder / f"{name}.png", title))
    return written


def write_ensemble_pictures(ensemble: Ensemble, folder: Path) -> list[Path]:
    """Draw ``ensemble.png``; returns the files written. Raises DataError when it cannot be written."""
    title = f"{ensemble.scenario.scenario.title} ({len(ensemble.members)} seeds)"
    return [save(ensemble_histogram(ensemble, title), folder / "ensemble.png", title)]
