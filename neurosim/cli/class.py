"""``neurosim class``: homework for a class, and what came back."""

from __future__ import annotations

from pathlib import Path

import click

from neurosim.cli.columns import columns
from neurosim.cli.door import echo
from neurosim.cli.given import ScenarioPath
from neurosim.cli.options import DATA_DIR, JSON, FilePath, print_json
from neurosim.cli.sources import Sources, with_sources
from neurosim.cli.values import Whole
from neurosim.printable import command as typed

# A student's network may train for so many times the epochs of the scenario that was handed out.
TIMES = 10


@click.group("class")
def command() -> None:
    """Homework for a class: a network and a worksheet for each student, and marks of what comes back."""


@command.command("new")
@click.argument("folder", type=FilePath(), metavar="NAME")
@click.option("--students", type=FilePath(), required=True, metavar="FILE.csv", help="Who: columns id and name.")
@click.option("--scenario", type=ScenarioPath(path_type=str), required=True, help="What is trained and explained.")
@click.option("--step", "steps", type=Whole(0), default=0, metavar="K", help="The worksheet is about the step after K.")
@click.option("--path", is_flag=True, help="A short worksheet: one path through the network, and back.")
@click.option("--due", metavar="TIME", default="", help="What is changed later is late: 2026-12-24, or with T18:00.")
@click.option("--epochs", type=Whole(1), metavar="N", help="Most epochs of a student's network; by default, 10 times "
              "those of the scenario.")  # fmt: skip
@click.option("--parameters", type=Whole(1), default=100_000, show_default=True, help="Most parameters it may have.")
@click.option("--tolerance", type=float, default=0.01, show_default=True,
              help="How far from a number its answer may be, as a share of it.")  # fmt: skip
@with_sources(DATA_DIR)
def new(
    folder: Path,
    students: Path,
    scenario: str,
    steps: int,
    path: bool,
    due: str,
    epochs: int | None,
    parameters: int,
    tolerance: float,
    sources: Sources,
) -> None:
    """Make the folder NAME of a class: what each student gets, and the solutions.

    \b
    neurosim class new class-7b --students students.csv --scenario xor --path
    """
    from neurosim.classroom.handout import SOLUTIONS, STUDENTS, Course, check_name, make_class, moment
    from neurosim.classroom.roster import read_students

    if not 0 <= tolerance <= 1:
        raise click.UsageError(f"--tolerance is a share from 0 to 1, not {tolerance:g}")
    name = folder.absolute().name
    check_name(name)
    if due:
        moment(due)
    given = sources.scenario(scenario)
    about = given.scenario.name
    entries = tuple(read_students(students, name, about))
    most = TIMES * given.training.epochs if epochs is None else epochs
    course = Course(name, about, entries, steps, path, due, most, parameters, tolerance)
    make_class(folder, course, given, sources.data_dir)
    click.echo(f"{len(entries)} students: hand out the folders in {folder / STUDENTS}")
    click.echo(f"Solutions: {folder / SOLUTIONS}")
    click.echo(f"When their folders are back in {folder / STUDENTS}: {typed('class', 'collect', folder)}")


@command.command("collect")
@click.argument("folder", type=FilePath(), metavar="FOLDER")
@click.option("--returned", type=FilePath(), metavar="DIR", help="Where the students' folders are, if elsewhere.")
@click.option("--due", metavar="TIME", help="What was changed later is late; in place of the class's own date.")
@click.option("--seconds", type=Whole(1), default=60, show_default=True, help="Most processor time of each network.")
@click.option("--memory", type=Whole(64), default=1024, show_default=True, help="Most memory of each, in MiB.")
@click.option("--page", type=FilePath(), metavar="FILE", help="The page; by default, marks.html in FOLDER.")
@click.option("--csv", "csv_file", type=FilePath(), metavar="FILE", help="The table; by default, marks.csv in FOLDER.")
@JSON
@with_sources(DATA_DIR)
def collect_command(
    folder: Path,
    returned: Path | None,
    due: str | None,
    seconds: int,
    memory: int,
    page: Path | None,
    csv_file: Path | None,
    as_json: bool,
    sources: Sources,
) -> None:
    """Mark what the students of the class in FOLDER have handed in, and train their networks.

    Each network is trained from its student's seed, in a process with limits. Whatever else is in a student's folder
    is not opened; what is broken, missing or late is a remark in the table.
    """
    import math

    from neurosim.classroom.handout import STUDENTS, moment, read_class
    from neurosim.classroom.marking import as_csv, collect, records
    from neurosim.classroom.returned import SCENARIO
    from neurosim.classroom.training import Limits, Trainer
    from neurosim.files.atomic import make_folder, write_atomically
    from neurosim.report.class_page import class_page

    course, given = read_class(folder)
    until = due or course.due
    place = folder / STUDENTS if returned is None else returned
    if not place.is_dir():
        raise click.UsageError(f"{place} is no folder: where are the students' folders? --returned says so")
    limits = Limits(seconds, memory, course.epochs, course.parameters)
    trainer = Trainer(folder / SCENARIO, limits, sources.data_dir)
    marks = collect(
        place, course, given, trainer, moment(until) if until else math.inf, data_dir=sources.data_dir,
        heard=lambda student: click.echo(f"{student.folder} ...", err=True),
    )  # fmt: skip
    rows = records(marks)
    page, csv_file = page or folder / "marks.html", csv_file or folder / "marks.csv"
    words = f"Scenario {course.scenario}" + (f", due {until}" if until else "") + "."
    if marks.measure:
        words += " The best network is first; each was trained again from its student's own seed."
    files: dict[Path, str | bytes] = {
        page: class_page(f"Class {course.name}", words, rows, marks.strangers),
        csv_file: as_csv(rows),
    }
    for path, content in files.items():
        make_folder(path.parent)
        write_atomically(path, content)
    if as_json:
        print_json({"class": course.name, "measure": marks.measure, "students": rows, "strangers": marks.strangers})
        return
    shown = [("", "student", "worksheet", marks.measure or "measure", "late", "remarks")]
    for row in rows:
        value = "" if row["value"] is None else f"{row['value']:.5g}"
        answers = f"{row['answers_right']} of {row['answers_asked']}"
        late = "late" if row["late"] else ""
        shown.append((str(row["rank"] or ""), row["folder"], answers, value, late, row["remarks"]))
    for number, line in enumerate(columns(shown, (1, 5))):
        echo(line, bold=number == 0)
    for path in files:
        click.echo(str(path))
