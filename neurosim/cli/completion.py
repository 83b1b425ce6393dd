"""What a shell offers for the word that is being typed.

Called at each press of TAB: nothing here loads the engine or draws.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from click.shell_completion import CompletionItem

from neurosim.run_folders import LAST, all_runs
from neurosim.scenario import shipped

Items = list[CompletionItem[str]]


def scenarios(incomplete: str) -> Items:
    """Shipped scenarios in the order of the course, TOML files, and folders on the way to some."""
    return items([*beginning(incomplete, shipped()), *paths(incomplete, ".toml"), *beginning(incomplete, [LAST])])


def runs(incomplete: str) -> Items:
    """``last``, the runs below ``runs/``, the newest first, and folders."""
    found = [*beginning(incomplete, [LAST, *map(str, all_runs())])]
    return items([*found, *(path for path in paths(incomplete) if path.removesuffix(os.sep) not in found)])


def items(values: Iterable[str]) -> Items:
    """Words as click takes them."""
    return [CompletionItem(value) for value in values]


def beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    """The words that begin with what is typed."""
    return [word for word in words if word.startswith(incomplete)]


def paths(incomplete: str, *endings: str) -> Iterator[str]:
    """Folders, and files with one of these endings, whose path begins with what is typed; a folder ends in ``/``."""
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
        elif entry.name.endswith(endings) and endings:
            yield os.path.join(folder, entry.name)
