"""Where a command finds plugins and data, and how it loads scenarios and reads runs with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.cli.given import scenario_source
from neurosim.cli.options import PLUGIN, PLUGINS_DIR, Decorator, say_left_out, say_mixed

if TYPE_CHECKING:
    from neurosim.plugin.host import Registry
    from neurosim.runs.reading import ReadRun
    from neurosim.scenario import Scenario


@dataclass(frozen=True)
class Sources:
    """What the options name that commands share.

    Attributes
    ----------
    plugins, plugin_folders : tuple of Path
        Plugin files, and folders of plugin files.
    data_dir : Path or None
        Folder of data sets.
    force : bool
        Whether runs in which something has changed since their training are read all the same.
    """

    plugins: tuple[Path, ...] = ()
    plugin_folders: tuple[Path, ...] = ()
    data_dir: Path | None = None
    force: bool = False

    @functools.cached_property
    def registry(self) -> Registry:
        """What there is, with the plugins, which are loaded when this is first asked for."""
        from neurosim.plugin.host import build_registry

        return build_registry(self.plugins, plugin_folders=self.plugin_folders)

    def scenario(self, given: str, settings: Sequence[str] = (), *, own: bool = False, quiet: bool = False) -> Scenario:
        """Load the scenario that is meant, with its settings changed; `own` as for `neurosim.load_scenario`."""
        from neurosim.scenario import load_scenario
        from neurosim.scenario.overrides import parse_overrides

        path, is_run = scenario_source(given, quiet=quiet)
        return load_scenario(path, overrides=parse_overrides(settings), registry=self.registry, own=own or is_run)

    def run(self, folder: str | Path, *, some: bool = True) -> ReadRun:
        """Read the run in a folder; see `neurosim.runs.reading.read_run`."""
        from neurosim.runs.reading import read_run

        return read_run(folder, self.registry, data_dir=self.data_dir, some=some, force=self.force)

    def runs(self, folders: Iterable[str]) -> list[ReadRun]:
        """Read several runs, and say what has changed in them and which networks are left out."""
        read = [self.run(folder) for folder in folders]
        say_mixed(*(remark for run in read for remark in run.remarks))
        say_left_out([left for run in read for left in run.diverged])
        return read


def with_sources(*more: Decorator) -> Decorator:
    """Give a command ``--plugin``, ``--plugins-dir`` and `more` of the options, as one argument: `sources`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def called(
            *arguments: Any,
            plugins: tuple[Path, ...],
            plugin_folders: tuple[Path, ...],
            data_dir: Path | None = None,
            force: bool = False,
            **others: Any,
        ) -> Any:
            return command(*arguments, sources=Sources(plugins, plugin_folders, data_dir, force), **others)

        decorated: Callable[..., Any] = called
        options: list[Decorator] = [PLUGIN, PLUGINS_DIR, *more]
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
