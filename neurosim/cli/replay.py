"""``neurosim replay``: a run from one of its steps on, with one thing changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.door import echo
from neurosim.cli.given import RunPath
from neurosim.cli.options import (
    DATA_DIR,
    FORCE,
    JSON,
    SET,
    THREADS,
    FilePath,
    print_json,
    say_mixed,
    say_notes,
)
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import Value
from neurosim.process.interruption import kept

if TYPE_CHECKING:
    from neurosim.runs.replay import Origin, Replay


class Place(Value):
    """A number of steps, or of epochs as in ``epoch:3``."""

    name = "step"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """("step" or "epoch", number)."""
        unit, _, number = str(value).rpartition(":")
        if unit not in ("", "step", "epoch") or not number.isdecimal():
            self.fail(f"{value!r} is neither a number of steps, such as 120, nor of epochs: epoch:3", param, ctx)
        return unit or "step", int(number)


@click.command()
@click.argument("run", required=False, type=RunPath(path_type=str), metavar="RUN")
@click.option(
    "--from",
    "place",
    type=Place(),
    metavar="STEP",
    help="Fork after this many steps, or after N epochs: epoch:N; 0 is the start.",
)
@SET
@THREADS
@click.option("--out", type=FilePath(), metavar="DIR", help="Folder to write to; runs/<name>-<time> by default.")
@with_sources(DATA_DIR, FORCE)
@JSON
def command(
    run: str | None,
    place: tuple[str, int] | None,
    settings: tuple[str, ...],
    threads: int | None,
    out: Path | None,
    sources: Sources,
    as_json: bool,
) -> None:
    """Go back to a step of RUN and train on from there with a setting changed: the same weights, the same batches.

    \b
    neurosim replay last --from epoch:20 --set optimizer.lr=0.5

    RUN is the folder of a run, or "last" for the newest.

    Without --set the same future comes out, to the bit. Both futures are drawn, from the fork on.
    """
    example = "neurosim replay last --from epoch:20 --set optimizer.lr=0.5"
    if run is None:
        raise click.UsageError(f"which run? Try: {example}")
    if place is None:
        raise click.UsageError(f"from which step? Try: {example}")
    from neurosim.cli.progress import progress_display
    from neurosim.cli.what_is_kept import what_is_kept
    from neurosim.runs import RunOptions
    from neurosim.runs.folder import folder_for
    from neurosim.runs.keeper import trained
    from neurosim.runs.replay import read_origin, run_replay
    from neurosim.scenario.overrides import parse_overrides

    origin = read_origin(run, sources.registry)
    changes = parse_overrides(settings)
    name = f"{origin.scenario.scenario.name}-replay"
    with (
        folder_for(out, name) as folder,
        progress_display(silent=as_json) as observer,
        kept(lambda: what_is_kept(folder)),
    ):
        options = RunOptions(
            out=folder, threads=threads, data_dir=sources.data_dir, observer=observer, force=sources.force
        )
        found = run_replay(origin, place, changes, options)
    say_mixed(found.mixed)
    say_notes(found.branch.scenario)
    with trained(folder), kept(lambda: what_is_kept(folder)):
        pictures = _pictures(found, folder)
        report = _report(found, pictures, folder)
    if as_json:
        print_json({**found.branch.as_json(), "replay": found.as_json()})
        return
    _print(found, origin, settings)
    from neurosim.cli.summary import print_files

    print_files(folder, pictures, report)


def _pictures(found: Replay, folder: Path) -> list[Path]:
    from neurosim.analysis.catalog import usual_pictures
    from neurosim.analysis.facts import run_facts
    from neurosim.analysis.failures import Failures
    from neurosim.cli.both_futures import draw_futures
    from neurosim.cli.pictures import say_failures
    from neurosim.plots.pictures import write_pictures
    from neurosim.runs.fork import Fork
    from neurosim.scenario.pictures import PICTURES

    failures = Failures()
    fork = Fork(found.epoch, found.change, found.origin.history)
    written = draw_futures(found.origin.scenario.scenario.headline, fork, found.branch, folder, failures)
    simulator = found.branch.simulator
    # What was recorded is in the report.
    names = [name for name in usual_pictures(simulator) if not PICTURES[name].by_layer]
    written += write_pictures(run_facts(simulator, names, failures=failures), folder, failures)
    say_failures(failures)
    return written


def _report(found: Replay, pictures: list[Path], folder: Path) -> Path:
    from neurosim.report.run import prepare_run_page, write_run_page

    return write_run_page(prepare_run_page(found.branch), pictures, folder)


def _print(found: Replay, origin: Origin, settings: tuple[str, ...]) -> None:
    """Both futures in numbers."""
    click.echo()
    echo(origin.scenario.scenario.headline, bold=True)
    click.echo()
    again = f"; {found.trained_again} of them trained again" if found.trained_again else ""
    click.echo(f"  forked after step {found.step} (epoch {found.epoch:g}){again}")
    click.echo(f"  changed: {', '.join(settings) or 'nothing'}")
    click.echo()
    for name, was, changed in [["last epoch", "as it was", "changed"], *found.last_epochs]:
        click.echo(f"  {name:<20} {was:>12} {changed:>12}")
    click.echo()
