"""Where a replay forks, as its folder says, and how the original run continued from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim.errors import DataError
from neurosim.runs.folder import FORK, METRICS, digest
from neurosim.runs.run_files import is_there, read_history, read_object
from neurosim.training.history import History

_FILES = "files_sha256"


@dataclass(frozen=True)
class Fork:
    """Where two futures of a run part.

    Attributes
    ----------
    epoch : float
        After how many epochs.
    change : str
        What was changed, in words.
    was : History
        The epochs of the run as it was.
    """

    epoch: float
    change: str
    was: History


def change_in_words(settings: Mapping[str, Any]) -> str:
    """What a replay has changed, as ``--set`` takes it."""
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in settings.items()
    }
    return ", ".join(f"{key}={text}" for key, text in texts.items()) or "again"


def files_of(origin: Path) -> dict[str, Any]:
    """What ``replay.json`` says of the run in a folder, which identifies its epochs; empty where there are none."""
    metrics = origin / METRICS
    return {_FILES: {METRICS: digest(metrics)}} if metrics.is_file() else {}


def read_fork(folder: Path) -> Fork | None:
    """Where the replay in a folder forks; None where there is none, or one of a run without a folder.

    Raises
    ------
    DataError
        When the run that it is of is no longer where it was, or ``replay.json`` is damaged.
    """
    if not is_there(folder / FORK):
        return None
    written = read_object(folder / FORK)
    if _FILES not in written.values:
        return None
    metrics = Path(written.text("run")) / METRICS
    if not metrics.is_file() or written.texts(_FILES).get(METRICS) != digest(metrics):
        raise DataError(
            f"{metrics.parent}, which was replayed, is no longer there as it was",
            "Both futures can only be drawn together with it.",
        )
    settings = written.part("settings").values
    return Fork(written.number("epoch"), change_in_words(settings), read_history(metrics))
