"""Options that several commands share."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.values import OneOf, Whole
from neurosim.printable import quoted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from neurosim.scenario import Scenario


class FilePath(click.Path):
    """A path; an empty one, usually a shell variable that was not set, is refused: it would mean the current folder."""

    def __init__(self, *, file_okay: bool = True, path_type: type[Any] = Path) -> None:
        super().__init__(file_okay=file_okay, path_type=path_type)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as `path_type`."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


def offered(name: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]:
    """The function of this name in `neurosim.cli.completion`, loaded when a shell asks."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        from neurosim.cli import completion

        offers: list[CompletionItem[str]] = getattr(completion, name)(ctx, param, incomplete)
        return offers

    return complete


PLUGIN = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    type=FilePath(),
    help="Load the plugin in this file; can be given several times.",
)
PLUGINS_DIR = click.option(
    "--plugins-dir",
    "plugin_folders",
    multiple=True,
    metavar="DIR",
    type=FilePath(),
    help="Load every plugin file in this folder; can be given several times.",
)
SET = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    shell_complete=offered("settings"),
    help="Change a setting of the scenario, such as training.epochs=50; can be given several times.",
)
DATA_DIR = click.option(
    "--data-dir",
    type=FilePath(file_okay=False),
    metavar="DIR",
    help="Folder of data sets; by default NEUROSIM_DATA or, if that is not set, the per-user cache.",
)
BACKENDS = OneOf(("cpu", "reference", "cuda"), {"gpu": "cuda", "numpy": "reference"})
BACKEND = click.option(
    "--backend",
    type=BACKENDS,
    default="cpu",
    show_default=True,
    help="Where to compute: compiled on the CPU, in plain NumPy (slow and exact), or on a GPU.",
)
THREADS = click.option("--threads", type=Whole(1), metavar="N", help="Processor threads to use; all by default.")
FORCE = click.option(
    "--force",
    is_flag=True,
    help="Go on even if the scenario, the data or a plugin has changed since the training; what is shown says so.",
)
NO_REPORT = click.option("--no-report", is_flag=True, help="Write no report.html and record nothing for it.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


class Output(enum.Enum):
    """What a run prints on standard output."""

    ALL = "progress and summary"
    PROGRESS = "progress"
    JSON = "one JSON object"
    NOTHING = "nothing"

    @property
    def silent(self) -> bool:
        """Whether no progress is printed."""
        return self in (Output.JSON, Output.NOTHING)


@dataclass(frozen=True)
class Presentation:
    """How the outcome of a run is presented.

    Attributes
    ----------
    output : Output
        What is printed.
    report : bool
        Whether a page is written.
    changed : bool
        Whether settings of the scenario were changed on the command line.
    label : str
        Which of several scenarios it is of; empty for a single one.
    live : bool
        Whether a page shows it while it trains.
    """

    output: Output
    report: bool
    changed: bool
    label: str = ""
    live: bool = False

    @property
    def prefix(self) -> str:
        """What a line on standard error begins with, where there are several scenarios."""
        return f"{self.label}: " if self.label else ""


def say_notes(scenario: Scenario, *, quiet: bool = False) -> None:
    """Say on standard error what to know of how a scenario was loaded, such as settings that another name made void."""
    for note in () if quiet else scenario.notes:
        click.echo(note, err=True)


def say_mixed(*remarks: str) -> None:
    """Say on standard error what has changed since runs read with ``--force`` were trained."""
    for remark in dict.fromkeys(remarks):
        if remark:
            click.echo(f"mixed: {remark}", err=True)


def say_left_out(diverged: Sequence[tuple[str, Path]]) -> None:
    """Say on standard error that runs of a study that was read are not in what is shown of it."""
    if diverged:
        runs = "a run" if len(diverged) == 1 else f"{len(diverged)} runs"
        click.echo(f"left out: {runs} that diverged; neurosim doctor {quoted(diverged[0][1])}  says why", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    import json

    click.echo(json.dumps(value, indent=2, allow_nan=False))


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
