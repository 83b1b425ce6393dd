"""Where data files are looked for and downloaded to."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "NEUROSIM_DATA"


def data_root(data_dir: Path | str | None = None) -> Path:
    """The folder that holds one folder for each data set with files; it need not exist.

    Parameters
    ----------
    data_dir : path, optional
        Wins when given (the command line's ``--data-dir``); then the environment variable
        ``NEUROSIM_DATA``; then ``data`` in the per-user cache folder.
    """
    chosen = data_dir or os.environ.get(VARIABLE)
    return Path(chosen).expanduser() if chosen else _cache()


def is_own(folder: Path) -> bool:
    """Whether a data set's folder is in the per-user cache, which neurosim alone fills."""
    return folder.parent == _cache()


def _cache() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("neurosim", appauthor=False)) / "data"


def dataset_folder(name: str, data_dir: Path | str | None = None) -> Path:
    """The folder of the data set called `name`: ``<data folder>/<name>``."""
    return data_root(data_dir) / name


def stored_file(folder: Path, name: str) -> Path | None:
    """The file `name` (which ends in ``.gz``) in `folder`, or its unpacked form, or None if neither is there."""
    for candidate in (folder / name, folder / name.removesuffix(".gz")):
        if candidate.is_file():
            return candidate
    return None
