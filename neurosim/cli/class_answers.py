"""What ``neurosim play --collect`` prints: who in a class has which answer right."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.classroom.answers import collect
from neurosim.cli.columns import columns
from neurosim.cli.door import echo
from neurosim.cli.options import print_json
from neurosim.printable import quoted

if TYPE_CHECKING:
    from neurosim.play.goals import Goals
    from neurosim.scenario import Scenario


def print_answers(scenario: Scenario, folder: Path, goals: Goals | None, *, as_json: bool) -> None:
    """Print what the students of a class have answered; `goals` trains again what they say to have reached."""
    questions = scenario.play.questions if scenario.play is not None else []
    name = scenario.scenario.name
    if not questions:
        asking = "try-hidden-units"
        raise click.UsageError(f"{name} asks no questions. Try: neurosim play {asking} --collect {quoted(folder)}")
    found = collect(folder, name, questions) if goals is None else collect(folder, name, questions, goals.reached)
    if as_json:
        more = {} if goals is None else {"notes": goals.notes}
        print_json({"scenario": name, "students": [dataclasses.asdict(answers) for answers in found], **more})
        return
    if not found:
        click.echo(f"{folder} has no answers yet: no file that ends in .json")
        return
    marks = {True: "right", False: "wrong", None: "-"}
    asked = [str(place + 1) for place in range(len(questions))]
    rows = [("name", *asked, "right", "file")]
    for answers in found:
        if answers.fault:
            rows.append((answers.name, *("" for _ in asked), "", f"{answers.file}: {answers.fault}"))
            continue
        pairs = zip(answers.right, answers.given, strict=True)
        shown = [given if right is None and given else marks[right] for right, given in pairs]
        rows.append((answers.name, *shown, f"{answers.count} of {len(asked)}", answers.file))
    for number, line in enumerate(columns(rows, (0, len(asked) + 2))):
        echo(line, bold=number == 0)
    click.echo()
    for place, question in enumerate(questions, 1):
        click.echo(f"{place}  {question.ask}")
    for note in [] if goals is None else goals.notes:
        click.echo()
        echo(note)
