"""``neurosim run`` of one network."""

from __future__ import annotations

from contextlib import ExitStack

import click

from neurosim.analysis.catalog import why_not
from neurosim.analysis.facts import run_facts
from neurosim.analysis.failures import Failures
from neurosim.cli.arguments import as_options
from neurosim.cli.both_futures import draw_missing_futures
from neurosim.cli.options import Output, Presentation, print_json
from neurosim.cli.pictures import say_failures
from neurosim.cli.progress import progress_display
from neurosim.cli.summary import print_next, print_summary, report_missed
from neurosim.plots.studio import Studio
from neurosim.runs import Result, RunOptions, run
from neurosim.runs.keeper import trained
from neurosim.scenario import Scenario
from neurosim.training.observer import Observer


def run_single(scenario: Scenario, options: RunOptions, shown: Presentation, studio: Studio) -> Result:
    """Train a network and present the outcome."""
    with progress_display(silent=shown.output.silent) as progress, ExitStack() as stack:
        observer: Observer = progress
        if shown.live:
            from neurosim.cli.live import live

            observer = stack.enter_context(live(progress))
        result = run(scenario, options, observer=observer)
    folder = options.target
    assert folder is not None
    failures = Failures()
    with trained(folder):
        facts = run_facts(result.simulator, failures=failures)
        drawn = studio.begin(facts, folder, failures)
        # Of a replay that was killed.
        both = [] if options.resume is None else draw_missing_futures(result, folder, failures)
        if shown.report:
            from neurosim.report.run import prepare_run_page, write_run_page

            # While the pictures are drawn in another process.
            prepared = prepare_run_page(result)
            pictures = both + drawn()
            page = write_run_page(prepared, pictures, folder)
        else:
            pictures, page = both + drawn(), None
        say_failures(failures)
        for name in set(scenario.plots.pictures or ()) - set(facts.pictures) - set(failures):
            click.echo(f"No picture {name}: {as_options(why_not(name, result.simulator))}", err=True)
        if shown.output is Output.JSON:
            print_json(result.as_json())
        elif shown.output is Output.ALL:
            print_summary(result, pictures, page)
            print_next(scenario)
        report_missed(result.expectations, shown)
    return result
