"""Arguments that name a scenario or a run, and how a shell completes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.options import FilePath

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from neurosim.scenario.run_folders import ScenarioSource


class RunPath(FilePath):
    """The folder of a run, or ``last``: the newest one below ``runs/``.

    Parameters
    ----------
    resolved : bool
        Whether to resolve it, as `run_path` does; else it stays as it was typed.
    """

    def __init__(self, *, path_type: type[Any] = Path, resolved: bool = True) -> None:
        super().__init__(path_type=path_type)
        self.resolved = resolved
        self._made = path_type

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as `path_type`."""
        path = super().convert(value, param, ctx)
        # Nothing is said while a shell completes what is typed.
        if not self.resolved or ctx is None or ctx.resilient_parsing:
            return path
        return self._made(run_path(path))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Runs, the newest first, and folders."""
        from neurosim.cli.completion import runs

        return runs(incomplete)


class ScenarioPath(FilePath):
    """A TOML file, the name of a shipped scenario, or a run, for its scenario: see `scenario_source`."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Names of shipped scenarios, TOML files, and folders."""
        from neurosim.cli.completion import scenarios

        return scenarios(incomplete)


class OnnxPath(FilePath):
    """An ONNX file."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """ONNX files, and folders."""
        from neurosim.cli.completion import items, paths

        return items(paths(incomplete, ".onnx"))


class ShippedName(click.types.StringParamType):
    """The name of a shipped scenario."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Names of shipped scenarios."""
        from neurosim.cli.completion import beginning, items
        from neurosim.scenario import by_name

        return items(beginning(incomplete, by_name()))


def scenario_source(given: str, *, quiet: bool = False) -> ScenarioSource:
    """Resolve the scenario that is meant; says what may be surprising about it, unless `quiet`."""
    from neurosim.scenario import by_name
    from neurosim.scenario.run_folders import is_last, named_scenario

    source = named_scenario(given)
    if is_last(given) and not quiet:
        _announce(Path(source.path).parent)
    if given in by_name() and Path(f"{given}.toml").is_file() and not quiet:
        click.echo(f"{given} is the scenario that came with neurosim; the file here is {given}.toml", err=True)
    return source


def run_path(given: Path | str, *, quiet: bool = False) -> Path:
    """Resolve the run that is meant; says which one ``last`` is, unless `quiet`."""
    from neurosim.scenario.run_folders import is_last, named_run

    run = named_run(given)
    if is_last(given) and not quiet:
        _announce(run)
    return run


def _announce(run: Path) -> None:
    click.echo(f"last: {run}", err=True)
