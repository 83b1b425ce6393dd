"""The runs of a study, drawn together: variants side by side, seeds as bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from neurosim.analysis.failures import RAISED, Failures
from neurosim.analysis.studies import RunOfStudy, StudyFacts, VariantFacts
from neurosim.markup import measure_words
from neurosim.plots.layers import SHARES, WORDS, layer_pictures
from neurosim.plots.lines import LINES, Look, band, fit_accuracy, fit_scale, legend_beside, looks, room_for
from neurosim.plots.panels import boundaries, fits, surfaces
from neurosim.plots.settings import own_settings
from neurosim.plots.style import INK, figure, save, whole_numbers
from neurosim.plots.surfaces import loss_surface
from neurosim.training.recording import Recording

NOTE = "band: smallest to largest of {} seeds"
ENDED = "; thin lines: those that were still training after others had ended"


@own_settings()
def study_figures(facts: StudyFacts, failures: Failures = RAISED) -> dict[str, Figure]:
    """All pictures of a study that there are numbers for, by their names.

    "comparison" always; "against" if every variant has a value; a picture for each recorded quantity; "loss_surface" if
    parameters were recorded; "decision_boundaries", "fitted_surfaces" or "fitted_curves" if inputs can be drawn. An
    exception while one is drawn goes into `failures`.
    """
    made: dict[str, Figure] = {}
    if any(len(run.history) for variant in facts.variants for run in variant.runs):
        with failures.kept("comparison"):
            made["comparison"] = comparison(facts)
    if len(facts.variants) > 1 and all(variant.value is not None for variant in facts.variants):
        with failures.kept("against"):
            made["against"] = against(facts)
    made |= layer_pictures(facts.title, _recorded(facts), looks(facts.variants), failures)
    maps = [(variant.name, variant.runs[0].inputs) for variant in facts.variants if variant.runs]
    shown = [(name, inputs) for name, inputs in maps if inputs is not None]
    if shown and len(facts.variants) > 1:
        flat = [entry for entry in shown if len(entry[1].axes) == 2]
        with_classes = [entry for entry in flat if entry[1].classes]
        name, panels, entries = (
            ("decision_boundaries", boundaries, with_classes) if with_classes
            else ("fitted_surfaces", surfaces, flat) if flat
            else ("fitted_curves", fits, shown)
        )  # fmt: skip
        with failures.kept(name):
            made[name] = panels(facts.title, entries)
    if facts.surface is not None:
        with failures.kept("loss_surface"):
            made["loss_surface"] = loss_surface(facts.surface, facts.title, looks(facts.variants))
    return made


@own_settings()
def comparison_figures(facts: StudyFacts, failures: Failures = RAISED) -> dict[str, Figure]:
    """The curves of runs that were not trained together, and what all of them have recorded, by the pictures' names."""
    made: dict[str, Figure] = {}
    with failures.kept("comparison"):
        made["comparison"] = comparison(facts)
    recorded = _recorded(facts)
    if all(records for _, records in recorded):
        made |= layer_pictures(facts.title, recorded, looks(facts.variants), failures)
    return made


def _recorded(facts: StudyFacts) -> list[tuple[str, list[Recording]]]:
    """The recordings of the runs of each variant."""
    return [(variant.name, [run.recording for run in variant.runs if run.recording]) for variant in facts.variants]


def write_figures(
    figures: Mapping[str, Figure],
    title: str,
    folder: Path,
    formats: Sequence[str] = ("png",),
    failures: Failures = RAISED,
) -> list[Path]:
    """Write each figure that can be rendered under its name; returns the files.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    written: list[Path] = []
    for name, picture in figures.items():
        with failures.kept(name):
            written += [save(picture, folder / f"{name}.{kind}", title) for kind in formats]
    return written


def comparison(facts: StudyFacts) -> Figure:
    """Loss, and accuracy if there is one, over the epochs."""
    runs = [run for variant in facts.variants for run in variant.runs]
    split = "test" if any(_has(run, "test_accuracy") for run in runs) else "train"
    has_accuracy = any(_has(run, f"{split}_accuracy") for run in runs)
    names = [variant.name for variant in facts.variants]
    room = room_for(names) if any(names) else room_for(["train", "test"])
    losses = ["train_loss"]
    if any(names) and facts.measure.endswith("_loss") and facts.measure not in losses:
        losses.append(facts.measure)
    count = len(losses) + has_accuracy
    made, panels = figure((1.0 + 4.2 * count) + room, 4.0, count, facts.title, below=0.2, beside=room)
    if any(names):
        measures = [*losses, *([f"{split}_accuracy"] if has_accuracy else [])]
        for axes, measure in zip(panels, measures, strict=True):
            for variant, look in zip(facts.variants, looks(facts.variants), strict=True):
                _curve(axes, variant, measure, look, variant.name)
    else:
        for axes, kind in zip(panels, ("loss", "accuracy"), strict=False):
            for place, part in enumerate(("train", "test")):
                _curve(axes, facts.variants[0], f"{part}_{kind}", Look(LINES[place], "-"), part)
    for axes, measure in zip(panels, losses, strict=False):
        words = _in_words(measure) if any(names) else "loss"
        fit_scale(axes, [value for run in runs for value in getattr(run.history, measure)], words)
    if has_accuracy:
        measure = f"{split}_accuracy"
        panels[-1].set_ylabel(_in_words(measure) if any(names) else "accuracy")
        fit_accuracy(
            panels[-1], (value for run in runs for value in getattr(run.history, measure) if value is not None)
        )
    for axes in panels:
        axes.set_xlabel("epoch")
        whole_numbers(axes.xaxis)
    legend_beside(made, panels[0], room)
    _note(made, facts, ended=True)
    return made


def _has(run: RunOfStudy, measure: str) -> bool:
    return any(value is not None for value in getattr(run.history, measure))


def _curve(axes: object, variant: VariantFacts, measure: str, look: Look, label: str) -> None:
    longest = max((run.history for run in variant.runs), key=len)
    runs = [getattr(run.history, measure) for run in variant.runs]
    band(axes, longest.epoch, runs, look, label)  # type: ignore[arg-type]


def against(facts: StudyFacts) -> Figure:
    """A final measure against the variants' values, with a line for each group."""
    groups = list(dict.fromkeys(variant.group for variant in facts.variants))
    room = room_for(groups) if len(groups) > 1 else 0.2
    made, (axes,) = figure(6.0 + room, 4.0, 1, facts.title, below=0.2, beside=room)
    drawn: list[float] = []
    for place, group in enumerate(groups):
        own = sorted((v for v in facts.variants if v.group == group), key=lambda v: v.value or 0.0)
        values = [[_at_end(run, facts) for run in variant.runs] for variant in own]
        seeds = [list(column) for column in zip(*values, strict=False)]
        band(
            axes,
            [variant.value or 0.0 for variant in own],
            seeds,
            Look(LINES[place % len(LINES)], "-"),
            group,
            over_time=False,
        )
        drawn += [value for column in values for value in column if value is not None]
    if facts.scale == "logarithmic":
        axes.set_xscale("log")
    ticks = sorted({variant.value or 0.0 for variant in facts.variants})
    if len(ticks) <= 10 and not _crowded(ticks, logarithmic=facts.scale == "logarithmic"):
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(facts.against)
    if facts.measure.endswith("_accuracy") or facts.measure in SHARES:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylim(0.0, 1.02)
        axes.set_ylabel(_words(facts))
    else:
        fit_scale(axes, drawn, _words(facts))
    if len(groups) > 1:
        legend_beside(made, axes, room)
    _note(made, facts)
    return made


def _crowded(ticks: Sequence[float], *, logarithmic: bool) -> bool:
    """Whether labels at the ticks would overlap."""
    places = np.log(ticks) if logarithmic and min(ticks) > 0 else np.array(ticks)
    reach = float(places[-1] - places[0]) or 1.0
    return bool(len(ticks) > 1 and np.diff(places).min() / reach < 0.045)


def _at_end(run: RunOfStudy, facts: StudyFacts) -> float | None:
    if facts.measure in run.final:
        return run.final[facts.measure]
    return run.recording.value(facts.measure, facts.layer) if run.recording is not None else None


def _words(facts: StudyFacts) -> str:
    recorded = WORDS.get(facts.measure)
    return _in_words(facts.measure) if recorded is None else f"{recorded} ({facts.layer} of the layers)"


def _in_words(measure: str) -> str:
    return measure_words(measure).replace("train ", "training ")


def _note(made: Figure, facts: StudyFacts, *, ended: bool = False) -> None:
    seeds = max((len(variant.runs) for variant in facts.variants), default=1)
    lengths = [{len(run.history) for run in variant.runs} for variant in facts.variants]
    note = NOTE.format(seeds) + (ENDED if ended and any(len(own) > 1 for own in lengths) else "")
    if seeds > 1:
        made.text(0.99, 0.01, note, fontsize=8, color=INK, ha="right", va="bottom")
