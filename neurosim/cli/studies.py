"""``neurosim run`` of a scenario with variants or repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import click

from neurosim.analysis.failures import Failures
from neurosim.cli.columns import columns
from neurosim.cli.door import echo
from neurosim.cli.options import Output, Presentation, print_json
from neurosim.cli.pictures import draw_study, say_failures
from neurosim.cli.progress import progress_display
from neurosim.cli.summary import print_files, print_lesson, print_met, print_next, report_missed
from neurosim.markup import measure_words
from neurosim.report.comparison import compare
from neurosim.runs import RunOptions, Study, study
from neurosim.runs.folder import SUMMARY
from neurosim.runs.keeper import trained
from neurosim.scenario import Scenario
from neurosim.training.history import METRICS
from neurosim.training.success import verdict

# Greatest number of diverged networks that are listed.
SHOWN = 10


def run_study(scenario: Scenario, options: RunOptions, shown: Presentation) -> Study:
    """Train all of a study and present the outcome."""
    count = max(len(scenario.variants), 1) * scenario.scenario.repeats
    with progress_display(silent=shown.output.silent, counting=f"{count:,} networks") as observer:
        outcome = study(scenario, options, observer=observer)
    folder = options.target
    assert folder is not None
    failures = Failures()
    page = None
    with trained(folder):
        pictures = draw_study(scenario, outcome.results, folder, failures)
        if shown.report and len(outcome.results) > 1:
            from neurosim.report.comparison_page import write_study_page

            page = write_study_page(scenario, outcome.results, pictures, folder)
    if shown.output is Output.JSON:
        print_json(outcome.as_json())
    elif shown.output is Output.ALL:
        _print(outcome, pictures, page)
        print_next(scenario)
    say_failures(failures)
    for member, fault in list(outcome.diverged.items())[:SHOWN]:
        echo(f"Diverged: {shown.prefix}{member}: {fault}", fg="red", err=True)
    if len(outcome.diverged) > SHOWN:
        click.echo(f"... and {len(outcome.diverged) - SHOWN} more; {folder / SUMMARY} has all of them", err=True)
    report_missed(outcome.expectations, shown)
    return outcome


def _print(outcome: Study, pictures: Sequence[Path], page: Path | None) -> None:
    scenario = outcome.scenario.scenario
    click.echo()
    echo(scenario.headline, bold=True)
    click.echo()
    for line in _table(outcome):
        click.echo(f"  {line}")
    for line in _verdicts(outcome):
        click.echo(f"  {line}")
    for what, words in outcome.results[0].remarks.items():
        click.echo(f"  {what}: {words}")
    for remark in compare(outcome.results, of_one_study=True).remarks:
        click.echo(f"  {remark}")
    click.echo()
    seconds = outcome.seconds
    parts = f"training {seconds['train']:.1f} s (all networks added up), compiling {seconds['compile']:.2f} s"
    click.echo(f"  {'time':<11} {seconds['total']:.1f} s; {parts}")
    print_met(outcome.expectations)
    print_lesson(outcome.scenario, missed=not outcome.met)
    print_files(outcome.folder, pictures, page)


def _table(outcome: Study) -> list[str]:
    """One line for each variant: measures at the end, their spread where there are several seeds, and the time."""
    names = [*METRICS, *(name for name in outcome.final_only if name.endswith("_r2")), *outcome.metrics]
    measures = [name for name in names if any(outcome.spread(variant, name) for variant in outcome.names)]
    repeats = outcome.scenario.scenario.repeats
    named = bool(outcome.scenario.variants)
    header = [*(["variant"] if named else []), *map(measure_words, measures), "s/epoch"]
    rows = [header]
    for variant in outcome.names:
        cells = [_cell(outcome.spread(variant, name), name, repeats) for name in measures]
        times = [value for result in outcome[variant] for value in result.history.seconds]
        per_epoch = f"{sum(times) / len(times):.2g}" if times else "-"
        rows.append([*([variant] if named else []), *cells, per_epoch])
    lines = columns(rows, (0,) if named else ())
    if repeats > 1:
        lines.append(f"(mean and standard deviation of {repeats} seeds)")
    return lines


def _verdicts(outcome: Study) -> list[str]:
    """Of several seeds, how many networks of each variant met what it expects."""
    summaries = {
        variant: outcome.summary(variant) for variant in outcome.names if outcome.scenario.scenario.repeats > 1
    }
    return [
        f"{variant}: {verdict(summary)}" if variant else verdict(summary)
        for variant, summary in summaries.items()
        if summary["successes"] is not None
    ]


def _cell(spread: tuple[float, float] | None, measure: str, repeats: int) -> str:
    if spread is None or not math.isfinite(spread[0]):
        return "-"
    mean, deviation = spread
    if measure.endswith("_accuracy"):
        return f"{mean:.2%}" + (f" ± {100 * deviation:.2f}" if repeats > 1 else "")
    return f"{mean:.4g}" + (f" ± {deviation:.2g}" if repeats > 1 else "")
