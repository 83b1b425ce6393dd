"""The runs of a study, drawn together."""

from __future__ import annotations

from pathlib import Path

from neurosim.analysis.studies import StudyFacts
from neurosim.plots.style import COLOURS, figure, save


def write_study_pictures(facts: StudyFacts, folder: Path) -> list[Path]:
    """Draw what can be drawn of a study; returns the files written."""
    made, (axes,) = figure(7.0, 4.2, 1, facts.title, beside=1.8)
    for place, variant in enumerate(facts.variants):
        for number, run in enumerate(variant.runs):
            label = variant.name if number == 0 else None
            axes.plot(run.history.epoch, run.history.train_loss, color=COLOURS[place % len(COLOURS)], label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    made.legend(loc="center right", frameon=False, fontsize=9)
    return [save(made, folder / "comparison.png", facts.title)]
