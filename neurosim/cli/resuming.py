"""``neurosim run --resume``: what the folder holds, and what is left to do there."""

from __future__ import annotations

from pathlib import Path

import click

from neurosim.cli.options import Presentation
from neurosim.errors import DataError, UsageError
from neurosim.printable import quoted
from neurosim.runs.checkpoint import has_checkpoint
from neurosim.runs.folder import FAILURE, MEMBERS, PAGE
from neurosim.runs.resuming import as_it_was, is_finished, run_folder_of, scenario_file
from neurosim.runs.run_files import is_there
from neurosim.runs.seeds import ManySeeds, many_seeds
from neurosim.scenario.run_folders import no_run


def scenario_there(resume: Path) -> str:
    """The scenario of the run to resume; raises DataError where there is none."""
    path = scenario_file(resume)
    if path is None:
        raise no_run(run_folder_of(resume))
    return str(path)


def seeds_there(resume: Path, seeds: int | None, first: int | None) -> ManySeeds | None:
    """The run of many seeds in a folder, None where there is another run; seeds that are asked for must be the same.

    Raises
    ------
    UsageError
        When `seeds` networks from `first` are asked for, and others are in the folder.
    """
    there = many_seeds(resume)
    if seeds is None:
        if there is not None and first is not None and first != there.seeds[0]:
            raise _other_seeds(resume, there)
        return there
    if there is None:
        raise click.UsageError(
            f"{resume} has no run of many seeds; without --seeds, --resume continues the run that is there"
        )
    if there.seeds != range(first or 0, (first or 0) + seeds):
        raise _other_seeds(resume, there)
    return there


def _other_seeds(resume: Path, there: ManySeeds) -> UsageError:
    options = f"--seeds {len(there.seeds)} --seed {there.seeds[0]}"
    return UsageError(
        f"{resume} is a run of the seeds {there.seeds[0]} to {there.seeds[-1]}, not of these",
        f"{as_it_was(resume, 'it')}; it was made with {options}.",
    )


def about_to_resume(resume: Path, shown: Presentation, many: ManySeeds | None, *, is_study: bool, force: bool) -> None:
    """Say what is not obvious about a run that is to be resumed.

    With `force` networks of a study that diverged are trained on.

    Raises
    ------
    DataError
        When nothing of it is left to do.
    """
    if not resume.is_dir():
        return
    diverged = is_study and any((resume / MEMBERS).rglob(FAILURE))
    finished = (is_finished(resume) if many is None else many.finished) and not (force and diverged)
    if finished and shown.report and is_there(resume / PAGE):
        more = f"\nneurosim plot {quoted(resume)}  draws more pictures." if many is None else ""
        if diverged:
            more = (
                f"\nneurosim doctor {quoted(resume)}  says why a network diverged, as far as can be seen; with a "
                "changed scenario, --force resumes it from its last finite state."
            )
        raise DataError(
            f"the run in {resume} is finished: nothing is left to train, to draw or to write",
            f"Its page is {resume / PAGE}.{more}",
        )
    if shown.output.silent:
        return
    if finished:
        click.echo("all of it is trained; what is missing is made now")
    elif many is not None:
        click.echo("many seeds are trained in one go and nothing was kept: all of them are trained again")
    elif not is_study and not has_checkpoint(resume):
        click.echo("this run ended before its first checkpoint: it is trained from the start")
