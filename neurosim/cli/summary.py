"""What ``neurosim run`` prints at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from neurosim.cli.columns import text_width
from neurosim.cli.door import echo, style
from neurosim.cli.options import Presentation
from neurosim.markup import measure, measure_words
from neurosim.report.glossary import mentions
from neurosim.runs import Expectation, Result
from neurosim.scenario import Scenario
from neurosim.scenario.course import next_lesson
from neurosim.training.measures import SPLITS, measured


def print_summary(result: Result, pictures: Sequence[Path], report: Path | None = None) -> None:
    """Print the outcome, expectations, the lesson, and where the files are."""
    scenario = result.scenario.scenario
    click.echo()
    echo(scenario.headline, bold=True)
    click.echo()
    names = measured(result.metrics)
    for split in SPLITS:
        cells = [(measure_words(name), measure(name, result.metrics.get(f"{split}_{name}"))) for name in names]
        if result.metrics.get(f"{split}_loss") is not None:
            click.echo(f"  {split:<11} " + " ".join(f"{name} {text:<10}" for name, text in cells).rstrip())
    for what, words in result.remarks.items():
        click.echo(f"  {what:<11} {words}")
    for what, words in result.simulator.watch.messages.items():
        click.echo(f"  {what:<11} {words}")
    seconds = result.seconds
    click.echo(f"  {'time':<11} training {seconds['train']:.2f} s, compiling {seconds['compile']:.2f} s")
    print_met(result.expectations)
    print_lesson(result.scenario, missed=not result.met)
    print_files(result.folder, pictures, report)


def print_files(folder: Path | str | None, pictures: Sequence[Path], report: Path | None) -> None:
    """Print where the files are, and which of them to open."""
    click.echo(f"Files: {folder}")
    if pictures:
        click.echo("Pictures: " + ", ".join(picture.name for picture in pictures))
    if report is not None:
        click.echo(f"All on one page: {report}")


def print_next(scenario: Scenario) -> None:
    """Print the command that runs the next lesson, if this one is part of the course."""
    following = next_lesson(scenario.scenario.name) if scenario.is_shipped else None
    if following is not None:
        click.echo(f"next: neurosim run {following}")


def print_met(expectations: Sequence[Expectation]) -> None:
    """Print the promises that were kept."""
    for expectation in expectations:
        if expectation.met:
            click.echo(f"  {'expected':<11} {expectation.text}: " + style("met", fg="green"))


def print_lesson(scenario: Scenario, *, missed: bool) -> None:
    """Print the lesson in paragraphs that fit the terminal, between empty lines.

    If what was run is not what the lesson is about, a note says so first.
    """
    click.echo()
    lesson = scenario.scenario.lesson.strip()
    if not lesson:
        return
    width = text_width()
    note = scenario.lesson_note(missed=missed)
    if note:
        echo(textwrap.fill(note, width, break_on_hyphens=False), fg="yellow")
        click.echo()
    for paragraph in lesson.split("\n\n"):
        click.echo(textwrap.fill(" ".join(paragraph.split()), width, break_on_hyphens=False))
        click.echo()
    word = next((entry.word for *_, entry in mentions(lesson)), None)
    if word is not None:
        click.echo(f"Is a word new to you? Try: neurosim glossary {word}")


def report_missed(expectations: Sequence[Expectation], shown: Presentation) -> None:
    """Say on standard error which promises were missed."""
    missed = [expectation for expectation in expectations if not expectation.met]
    for expectation in missed:
        value = "there is no such measure" if expectation.value is None else f"it is {expectation.value:.6g}"
        echo(f"Missed: {shown.prefix}expected {expectation.text}, but {value}", fg="red", err=True)
    if missed and shown.changed:
        click.echo("These are the promises of the scenario as it was written; --set has changed it.", err=True)
