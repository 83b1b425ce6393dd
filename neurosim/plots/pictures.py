"""Drawing the pictures of a run, each as its record says."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from neurosim.analysis.curves import Curves
from neurosim.analysis.facts import RunFacts
from neurosim.analysis.failures import RAISED, Failures
from neurosim.files.atomic import write_atomically
from neurosim.plots.curves import learning_curves
from neurosim.plots.settings import own_settings
from neurosim.plots.style import rendered, save
from neurosim.process.reserve import require_memory
from neurosim.scenario.pictures import PICTURES
from neurosim.training.history import History

if TYPE_CHECKING:  # the drawing process never sees one
    from neurosim.training.ensemble import Ensemble

# What drawing takes at most for the pictures of one run, in bytes.
MEMORY = 64 << 20


@own_settings()
def rehearse() -> None:
    """Draw a picture for nobody: with the first one, matplotlib finds fonts and fills its caches."""
    epochs = [{"epoch": k, "train_loss": 10.0**-k, "train_accuracy": 0.5} for k in (1, 2, 3)]
    learning_curves(Curves(History(epochs)), "0123456789").savefig(io.BytesIO())


@own_settings()
def write_pictures(
    facts: RunFacts, folder: Path, failures: Failures = RAISED, pictures: Sequence[str] | None = None
) -> list[Path]:
    """Draw the pictures that the facts are about, or some of them, under their names; returns the files.

    An exception while one is drawn goes into `failures`.

    Raises
    ------
    DataError
        When a file cannot be written.
    MemoryError
        When what matplotlib needs is not to be had.
    """
    require_memory(MEMORY, "drawing")
    written: list[Path] = []
    for name in facts.pictures if pictures is None else pictures:
        with failures.kept(name):
            for file, content in picture_files(name, facts):
                written.append(folder / file)
                write_atomically(written[-1], content)
    return written


@own_settings()
def picture_files(name: str, facts: RunFacts) -> list[tuple[str, bytes]]:
    """The files of one picture of a run, in all formats asked for: their names and contents."""
    made = draw(name, facts)
    return [(f"{name}.{kind}", rendered(made, kind, facts.title)) for kind in facts.formats]


@own_settings()
def draw(name: str, facts: RunFacts) -> Figure:
    """One picture of a run."""
    picture = PICTURES[name]
    # A quantity of the layers is one of several in the same facts.
    quantity = [picture.records] * picture.by_layer
    made: Figure = function(picture.drawing)(facts.part(name), *quantity, facts.title)
    return made


def function(reference: str) -> Any:
    """The function of `neurosim.plots` that a record names; only its module is loaded, for all would take longer."""
    module, _, name = reference.rpartition(".")
    return getattr(importlib.import_module(f"neurosim.plots.{module}"), name)


@own_settings()
def write_ensemble_pictures(ensemble: Ensemble, folder: Path, failures: Failures = RAISED) -> list[Path]:
    """Draw ``ensemble.png``; returns the files written. Raises DataError when it cannot be written."""
    from neurosim.plots.ensembles import ensemble_histogram

    title = f"{ensemble.scenario.scenario.headline} ({len(ensemble.members)} seeds)"
    written: list[Path] = []
    with failures.kept("ensemble"):
        written.append(save(ensemble_histogram(ensemble, title), folder / "ensemble.png", title))
    return written
