"""``neurosim run --seeds N``: how often does it learn?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from neurosim.analysis.failures import Failures
from neurosim.cli.door import echo
from neurosim.cli.options import Output, Presentation, print_json
from neurosim.cli.pictures import say_failures
from neurosim.cli.progress import progress_display
from neurosim.cli.summary import print_files
from neurosim.errors import UsageError
from neurosim.plots.pictures import write_ensemble_pictures
from neurosim.runs import RunOptions, run_ensemble
from neurosim.runs.checkpoint import tidy
from neurosim.runs.keeper import trained
from neurosim.runs.seeds import ManySeeds, many_seeds, read_ensemble
from neurosim.scenario import Scenario
from neurosim.training.ensemble import Ensemble
from neurosim.training.success import spread_words, verdict


def train_seeds(
    scenario: Scenario, seeds: range, options: RunOptions, shown: Presentation, there: ManySeeds | None
) -> None:
    """Train `scenario` from every seed and present the outcome; `there` is the run to resume, if there is one."""
    out = options.target
    assert out is not None
    if there is not None and there.finished:
        ensemble, result = read_ensemble(out, scenario, there, options.data_dir)
        tidy(out)
    else:
        ensemble = Ensemble(scenario, seeds, options.backend, options.threads, options.data_dir)
        with progress_display(silent=shown.output.silent, counting=f"{len(seeds):,} networks") as observer:
            try:
                result = run_ensemble(ensemble, out, observer, resume=there is not None, force=options.force)
            except UsageError:
                # Another process may have trained them all since.
                now = many_seeds(out) if there is not None else None
                if now is None or not now.finished:
                    raise
                ensemble, result = read_ensemble(out, scenario, now, options.data_dir)
    failures = Failures()
    page = None
    with trained(out):
        pictures = write_ensemble_pictures(ensemble, out, failures)
        if shown.report:
            from neurosim.report.ensemble import write_ensemble_page

            page = write_ensemble_page(scenario, result, pictures, out)
    say_failures(failures)
    if shown.output is Output.JSON:
        print_json(result)
    elif shown.output is Output.ALL:
        _print(scenario, result, pictures, page)


def _print(scenario: Scenario, result: dict[str, Any], pictures: list[Path], page: Path | None) -> None:
    click.echo()
    echo(scenario.scenario.headline, bold=True)
    click.echo()
    first, last = result["seeds"]
    click.echo(f"  {'networks':<18} {result['networks']:,} (seeds {first} to {last})")
    label = "outcome" if result["expects"] == "failure" else "success"
    click.echo(f"  {label:<18} {verdict(result)}")
    for name, words in (("epochs_to_success", "epochs to success"), ("final_train_loss", "final loss")):
        spread = result[name]
        if spread is not None:
            click.echo(f"  {words:<18} {spread_words(spread)}")
    for what, remark in result.get("remarks", {}).items():
        click.echo(f"  {what:<18} {remark}")
    if result["diverged"]:
        click.echo(f"  {'diverged':<18} {result['diverged']:,}")
    seconds = result["seconds"]
    click.echo(f"  {'time':<18} training {seconds['train']:.2f} s, compiling {seconds['compile']:.2f} s")
    click.echo()
    print_files(f"{result['run_dir']} (one row for each seed in ensemble.csv)", pictures, page)
