"""Which plugins a run was trained with, as its folder says."""

from __future__ import annotations

import json
from pathlib import Path

# What a run leaves when it has ended, or diverged.
SUMMARIES = ("summary.json", "failure.json")
_MOST_BYTES = 1 << 24


def trained_plugins(folder: Path) -> list[tuple[str, str]] | None:
    """Names and versions of the plugins of the run in a folder, or of the study that it is part of.

    None where the folder does not say, or is damaged: then a message says less.
    """
    for name in SUMMARIES:
        for path in (folder / name, *sorted(folder.glob(f"*/{name}"))[:1]):
            try:
                with path.open("rb") as file:
                    said = json.loads(file.read(_MOST_BYTES))
                plugins = said["plugins"] if "plugins" in said else said["identity"]["plugins"]
                return [(str(plugin["name"]), str(plugin["version"])) for plugin in plugins]
            except (OSError, ValueError, KeyError, TypeError):
                continue
    return None
