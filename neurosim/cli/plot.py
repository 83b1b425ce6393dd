"""``neurosim plot``: pictures and films of finished runs, and of activations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.given import RunPath
from neurosim.cli.options import DATA_DIR, FORCE, FilePath, offered, say_left_out, say_mixed
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import OneOf
from neurosim.errors import UsageError
from neurosim.printable import quoted
from neurosim.scenario.pictures import FILMS, PICTURES
from neurosim.suggestions import unknown

if TYPE_CHECKING:
    from neurosim.plugin.host import Registry
    from neurosim.runs.reading import ReadRun
    from neurosim.training.recording import Recording
    from neurosim.training.simulator import Simulator

FILM_FORMATS = ("gif", "mp4")


@click.command()
@click.argument("runs", nargs=-1, type=RunPath(path_type=str), metavar="[RUN]...")
@click.option(
    "--only",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=offered("pictures"),
    help="Draw only this picture; may be repeated.",
)
@click.option("--animate", "films", multiple=True, type=OneOf(list(FILMS)), help="Make a film of this instead.")
@click.option(
    "--format",
    "kind",
    type=OneOf(["png", "svg", *FILM_FORMATS]),
    help="Pictures are png or svg; films gif or, if ffmpeg is installed, mp4.",
)
@click.option("--out", type=FilePath(), metavar="DIR", help="Folder to write to; the run's own by default.")
@click.option("--activations", is_flag=True, help="Draw activations instead: those named, or all of them on one sheet.")
@with_sources(DATA_DIR, FORCE)
def command(
    runs: tuple[str, ...],
    names: tuple[str, ...],
    films: tuple[str, ...],
    kind: str | None,
    out: Path | None,
    activations: bool,
    sources: Sources,
) -> int:
    """Draw all pictures that each RUN, the folder of a run or "last", has the numbers for.

    \b
    neurosim plot last
    neurosim plot last --only decision_boundary --format svg
    neurosim plot last --animate boundary
    neurosim plot --activations relu gelu
    """
    if not runs and not activations:
        raise click.UsageError("which run? Try: neurosim plot last  or: neurosim plot --activations")
    if (kind in FILM_FORMATS) != bool(films) and kind is not None:
        raise click.UsageError(f"--format {kind} goes {'with' if not films else 'without'} --animate")

    if activations:
        _activations(runs, sources.registry, out or Path(), kind or "png")
        return 0
    # All are checked before anything is drawn, but not kept: many large ones would not fit in memory.
    for run in runs if len(runs) > 1 else ():
        sources.run(run)
    codes = []
    for run in runs:
        found = sources.run(run)
        say_mixed(*found.remarks)
        folder = found.drawn_to if out is None else out if len(runs) == 1 else out / found.folder.name
        codes.append(_draw_run(found, names, films, kind, folder))
        _say_changed(found)
    return max(codes)


def _say_changed(run: ReadRun) -> None:
    """Say on standard error if the lesson is about something other than what is drawn."""
    missed = not all(result.met for result in run.results)
    note = run.scenario.lesson_note(missed=missed) if run.scenario.scenario.lesson else ""
    if note:
        click.echo(note, err=True)


def _draw_run(run: ReadRun, names: Sequence[str], films: Sequence[str], kind: str | None, folder: Path) -> int:
    """Draw what there is to draw, or what is asked for; returns the exit status."""
    from neurosim.analysis.failures import Failures
    from neurosim.cli.failures import failure_of
    from neurosim.cli.pictures import draw_study, say_failures
    from neurosim.files.atomic import make_folder

    make_folder(folder)
    failures = Failures()
    if run.scenario.is_study:
        if names or films:
            raise UsageError(
                f"{run.folder} is a study of several networks",
                f"Name one of them, such as {run.results[0].folder}; without --only the study itself is drawn.",
            )
        say_left_out(run.diverged)
        _say(draw_study(run.scenario, run.results, folder, failures, kind))
        say_failures(failures)
        _say_page(run.folder)
        return 0
    simulator = run.results[0].simulator
    if films:
        for name in films:
            _film(name, simulator, run.folder, folder, kind or "gif")
        return 0
    from neurosim.analysis.catalog import lacking, why_not
    from neurosim.analysis.facts import run_facts
    from neurosim.plots.pictures import write_pictures

    for name in names:
        if name not in PICTURES:
            raise UsageError(*unknown("picture", name, PICTURES))
    facts_of = run_facts(simulator, names or list(PICTURES), [kind] if kind else None, failures)
    _say(write_pictures(facts_of, folder, failures))
    say_failures(failures)
    drawn = {*facts_of.pictures, *failures}
    missing = {name: why_not(name, simulator) for name in names if name not in drawn}
    if missing:
        raise UsageError("\n".join(f"no picture {name} of {run.folder}: {why}" for name, why in missing.items()))
    if not names:
        _say_missing(lacking(simulator, failures), simulator.recording)
        _say_page(run.folder)
        return 0
    return max((failure_of(error).code for error in failures.values()), default=0)


def _say_page(folder: Path) -> None:
    """Say so if a run has no page, because it was killed before or told not to write one."""
    from neurosim.runs.folder import PAGE

    if not (folder / PAGE).exists():
        click.echo(f"it has no page yet: neurosim report {quoted(folder)}  writes one", err=True)


def _say(written: Sequence[Path]) -> None:
    for path in written:
        click.echo(str(path))


def _say_missing(reasons: dict[str, str], recording: Recording | None) -> None:
    """One line for each picture that is missing; all that were not recorded share one line."""
    recorded = [name for name, reason in reasons.items() if reason.startswith("it was not recorded")]
    for name, reason in reasons.items():
        if name not in recorded:
            click.echo(f"no {name}: {reason}", err=True)
    if recorded:
        # What is recorded already stays recorded.
        quantities = (
            [] if recording is None else [*recording.quantities, *(["parameters"] * bool(recording.parameters))]
        )
        quantities += dict.fromkeys(PICTURES[name].records for name in recorded)
        click.echo(f"not recorded, so not drawn: {', '.join(recorded)}", err=True)
        asked = ", ".join(f'"{name}"' for name in quantities)
        click.echo(f"to have them, run with  --set 'record.quantities=[{asked}]'", err=True)


def _film(name: str, simulator: Simulator, run: Path, folder: Path, kind: str) -> None:
    from neurosim.analysis.catalog import no_film
    from neurosim.analysis.frames import film
    from neurosim.plots.animation import has_ffmpeg, write_film

    reason = no_film(name, simulator)
    if reason:
        raise UsageError(f"no film of the {name.replace('_', ' ')} of {run}: {reason}")
    if kind == "mp4" and not has_ffmpeg():
        raise UsageError("ffmpeg, which writes MP4, is not installed", "Install it, or leave --format out for a GIF.")
    _say([write_film(film(name, simulator), folder / f"{name}.{kind}")])


def _activations(names: Sequence[str], registry: Registry, folder: Path, kind: str) -> None:
    from neurosim.analysis.activations import activation_curves
    from neurosim.files.atomic import make_folder
    from neurosim.plots.activations import activation_figure, activation_sheet
    from neurosim.plots.style import save
    from neurosim.plugin import Activation

    make_folder(folder)
    entries = list(registry.activations) if not names else [registry.activations.entry(name) for name in names]
    records = [entry.record for entry in entries]
    drawn = [record for record in records if isinstance(record, Activation)]
    for record in records:
        if record not in drawn:
            click.echo(f"no {record.name}: it is a function of a whole row, not of one number", err=True)
    curves = [activation_curves(record) for record in drawn]
    if names:
        _say([save(activation_figure(one), folder / f"{one.name}.{kind}", one.name) for one in curves])
    else:
        title = f"{len(curves)} activations and their derivatives"
        _say([save(activation_sheet(curves, title), folder / f"activations.{kind}", title)])
