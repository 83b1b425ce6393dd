"""What a shell offers to complete the word being typed.

This runs at every press of TAB, so nothing here loads the engine or matplotlib. `neurosim.cli.shells` connects it to
the shells.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.shell_completion import CompletionItem

from neurosim.scenario import by_name
from neurosim.scenario.run_folders import LAST, all_runs, named_scenario

Items: TypeAlias = "list[CompletionItem[str]]"  # older versions of click cannot be subscripted
# A word of this type is unfinished: no space follows it.
OPEN = "open"
# Arguments that name a scenario or a run.
_GIVEN = ("scenarios", "scenario", "runs", "run", "model", "resume")


def scenarios(incomplete: str) -> Items:
    """Shipped scenarios in the order of the course, TOML files, folders that may contain some, and ``last``."""
    return items([*beginning(incomplete, by_name()), *paths(incomplete, ".toml"), *beginning(incomplete, [LAST])])


def runs(incomplete: str) -> Items:
    """``last``, the runs in ``runs/``, newest first, and folders."""
    matching = beginning(incomplete, [LAST, *map(str, all_runs())])
    # A folder whose runs are already offered is not offered itself.
    folders = (
        path for path in paths(incomplete) if not any(run.startswith(path.removesuffix(os.sep)) for run in matching)
    )
    return items([*matching, *folders])


def items(values: Iterable[str]) -> Items:
    """The words as click's items; those that end in ``/`` or ``=`` are unfinished."""
    return [CompletionItem(value, type=OPEN if value.endswith((os.sep, "=")) else "plain") for value in values]


def beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    """The words that begin with the typed text."""
    return [word for word in words if word.startswith(incomplete)]


def paths(incomplete: str, *endings: str) -> Iterator[str]:
    """Folders, and files with one of these endings, whose path begins with the typed text; folders end in ``/``."""
    folder, begun = os.path.split(incomplete)
    try:
        entries = sorted(Path(folder or ".").iterdir())
    except (OSError, ValueError):
        return
    for entry in entries:
        if not entry.name.startswith(begun) or (entry.name.startswith(".") and not begun):
            continue
        if entry.is_dir():
            yield os.path.join(folder, entry.name) + os.sep
        elif endings and entry.name.endswith(endings):
            yield os.path.join(folder, entry.name)


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """For ``--set``: keys of the given scenario, and after ``=`` the possible values of a key.

    Before the first dot, the keys that the scenario has; after it, also those that it could have.
    """
    from neurosim.scenario.keys import setting_keys

    tree = _tree(ctx)
    typed, equals, value = incomplete.partition("=")
    keys = list(setting_keys(tree, _builtins() if typed.startswith(("data.", "optimizer.")) else None))
    if equals:
        return [item for key in keys if key.path == typed for item in _values(key.path, key.choices, key.value, value)]
    matching = [key for key in keys if key.path.startswith(typed) and ("." in typed or key.value is not None)]
    # People often know only the last part of a key.
    matching = matching or [key for key in keys if key.path.rpartition(".")[2].startswith(typed)]
    return [CompletionItem(f"{key.path}=", type=OPEN, help=_help(key.about, key.value)) for key in matching]


def _values(path: str, choices: Iterable[str], now: Any, value: str) -> Items:
    words = list(choices)
    if not words and isinstance(now, int | float | str):
        words = [str(now)]
    return items(f"{path}={word}" for word in beginning(value, words))


def _help(about: str, now: Any) -> str:
    words = about.replace("\n", " ")
    if isinstance(now, int | float | str) and len(str(now)) <= 40:
        return f"now {now}. {words}".strip()
    return words


def variants(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Names of the variants of the given scenario."""
    entries = _tree(ctx).get("variants")
    names = [entry.get("name") for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    return items(beginning(incomplete, (name for name in names if isinstance(name, str))))


def logs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Names of logs, those of installed plugins among them."""
    from neurosim.plugin.host import build_registry

    registry = build_registry(environment=False)
    return items(beginning(incomplete, [entry.name for entry in registry.observers if entry.record.log]))


def pictures(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Names of pictures."""
    from neurosim.scenario.pictures import PICTURES

    return items(beginning(incomplete, PICTURES))


def downloads(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Data sets that can be downloaded."""
    from neurosim.data import DOWNLOADS

    return items(beginning(incomplete, DOWNLOADS))


def plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Installed plugins and what they provide, and Python files."""
    from neurosim.plugin.host import build_registry

    registry = build_registry()
    catalogs = (registry.activations, registry.losses, registry.optimizers, registry.datasets)
    names = dict.fromkeys([plugin.name for plugin in registry.plugins] + [n for c in catalogs for n in c.names()])
    return items([*beginning(incomplete, names), *paths(incomplete, ".py")])


def words(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Glossary terms that are a single word."""
    from neurosim.report.glossary import entries

    return items(beginning(incomplete, [entry.word for entry in entries() if " " not in entry.word]))


def _builtins() -> Any:
    from neurosim.plugin.host import build_registry

    return build_registry(entry_points=False, environment=False)


def _tree(ctx: click.Context) -> dict[str, Any]:
    """The given scenario."""
    params = [ctx.params.get(name) for name in _GIVEN]
    given = [word for value in params for word in (value if isinstance(value, tuple) else [value])]
    # After an option that still lacks its value, click leaves the other words unparsed.
    return first_scenario([*given, *ctx.args])


def first_scenario(words: Iterable[Any]) -> dict[str, Any]:
    """The scenario that the first of these words to name one means; a typical one if none does."""
    from neurosim.errors import NeurosimError
    from neurosim.scenario.keys import tree_of

    for word in words:
        try:
            tree = tree_of(named_scenario(word).path) if isinstance(word, str | Path) else {}
        except NeurosimError:
            continue
        if tree:
            return tree
    return tree_of("xor")
