"""Pictures that several commands draw, and what they say about those that could not be drawn."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.door import echo
from neurosim.cli.failures import failure_of

if TYPE_CHECKING:
    from neurosim.analysis.failures import Failures
    from neurosim.report.comparison import Comparison
    from neurosim.runs import Result
    from neurosim.scenario import Scenario


def draw_study(
    scenario: Scenario, results: Sequence[Result], folder: Path, failures: Failures, kind: str | None = None
) -> list[Path]:
    """Draw the pictures of a study, in the formats that its scenario asks for or as this `kind` of file."""
    from neurosim.analysis.studies import study_facts
    from neurosim.plots.studies import study_figures, write_figures

    facts = study_facts(scenario, [(result.simulator, result.metrics) for result in results], failures)
    formats = [kind] if kind else scenario.plots.formats
    return write_figures(study_figures(facts, failures), facts.title, folder, formats, failures)


def draw_comparison(found: Comparison, title: str, folder: Path) -> list[Path]:
    """Draw the pictures of several runs, and say which could not be drawn."""
    from neurosim.analysis.failures import Failures
    from neurosim.files.atomic import make_folder
    from neurosim.plots.studies import comparison_figures, write_figures
    from neurosim.report.comparison import comparison_facts

    failures = Failures()
    figures = comparison_figures(comparison_facts(found, title), failures)
    pictures = write_figures(figures, title, make_folder(folder), failures=failures)
    say_failures(failures)
    return pictures


def say_failures(failures: Mapping[str, Exception]) -> None:
    """One line on standard error for each picture that failed; with ``--debug``, the traceback too."""
    options = click.get_current_context().obj or {}
    for name, error in failures.items():
        if options.get("debug"):
            traceback.print_exception(error)
        failure = failure_of(error)
        why = " ".join(part for part in (_sentence(failure.message), failure.hint) if part)
        echo(f"No picture {name}: {' '.join(why.split())}", fg="red", err=True)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
