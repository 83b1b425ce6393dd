"""Which pictures a run gets, by the kind of its problem."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from neurosim.analysis.catalogue import RECORDED
from neurosim.analysis.facts import RunFacts
from neurosim.analysis.failures import Failures, Unforgiven
from neurosim.plots.curves import learning_curves
from neurosim.plots.settings import own_settings
from neurosim.plots.style import save
from neurosim.training.history import History
from neurosim.training.recording import Recording
from neurosim.training.recording.recording import HISTOGRAMS

if TYPE_CHECKING:  # the drawing process never sees one
    from neurosim.training.ensemble import Ensemble


@own_settings()
def rehearse() -> None:
    """Draw a picture for nobody: matplotlib finds fonts and fills its caches at the first one."""
    epochs = [{"epoch": k, "train_loss": 10.0**-k, "train_accuracy": 0.5} for k in (1, 2, 3)]
    learning_curves(History(epochs), "0123456789").savefig(io.BytesIO())


@own_settings()
def write_pictures(
    facts: RunFacts, folder: Path, failures: Failures | None = None, pictures: Sequence[str] | None = None
) -> list[Path]:
    """Draw the pictures that the facts are about, or some of them, under their names; returns the files written.

    What is raised while one is drawn is put into `failures`, or raised where these are left out.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    failures = Unforgiven() if failures is None else failures
    written: list[Path] = []
    for name in facts.pictures if pictures is None else pictures:
        with failures.kept(name):
            made = draw(name, facts)
            written += [save(made, folder / f"{name}.{kind}", facts.title) for kind in facts.formats]
    return written


@own_settings()
def draw(name: str, facts: RunFacts) -> Figure:
    """One picture of a run."""
    title, part = facts.title, facts.part(name)
    if name == "learning_curves":
        return learning_curves(facts.history, title, facts.loss)
    if name in RECORDED:
        return _recorded(name, part, title)
    # Each needs its own module only: loading them all would take longer than drawing.
    module = importlib.import_module(f"neurosim.plots.{_MODULES[name]}")
    made: Figure = getattr(module, name)(part, title)
    return made


_MODULES = {
    "decision_boundary": "inputs",
    "fitted_curve": "inputs",
    "fitted_surface": "inputs",
    "hidden_space": "hidden",
    "unit_maps": "units",
    "network_diagram": "diagram",
    "parameters": "parameters",
    "loss_surface": "surfaces",
    "confusion_matrix": "classification",
    "worst_mistakes": "classification",
    "first_layer_weights": "weights",
    "filters": "weights",
    "feature_maps": "feature_maps",
    "responses": "responses",
}


def _recorded(name: str, recording: Recording, title: str) -> Figure:
    if name in HISTOGRAMS:
        from neurosim.plots.histograms import histograms_over_time

        return histograms_over_time(recording, name, title)
    from neurosim.plots.layers import layer_picture
    from neurosim.plots.lines import PLAIN

    return layer_picture(title, name, [("", [recording])], [PLAIN])


@own_settings()
def write_ensemble_pictures(ensemble: Ensemble, folder: Path, failures: Failures | None = None) -> list[Path]:
    """Draw ``ensemble.png``; returns the files written. Raises DataError when it cannot be written."""
    from neurosim.plots.ensembles import ensemble_histogram

    failures = Unforgiven() if failures is None else failures
    title = f"{ensemble.scenario.scenario.headline} ({len(ensemble.members)} seeds)"
    written: list[Path] = []
    with failures.kept("ensemble"):
        written.append(save(ensemble_histogram(ensemble, title), folder / "ensemble.png", title))
    return written
