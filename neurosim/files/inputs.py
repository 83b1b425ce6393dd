"""Opening files that anyone may have made or named: ordinary files only.

Opening a FIFO could wait forever, a device has no end, and merely opening one can have an effect; so each name is
checked before anything is opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from neurosim.errors import DataError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def check_ordinary(path: Path) -> None:
    """Raise DataError unless `path` is an ordinary file, or a link to one; nothing is opened."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file", "Check how the path is written.") from error
    except (OSError, ValueError) as error:  # a loop of links, a null byte, ...
        raise unreadable(path, error) from error
    if not stat.S_ISREG(mode):
        what = next((words for is_kind, words in _KINDS if is_kind(mode)), "something else")
        raise DataError(f"{path} is {what}, not a file", "Give the path of an ordinary file.")


def open_ordinary(path: Path) -> BinaryIO:
    """Open an ordinary file to read its bytes; raises DataError if it is not one, or cannot be opened."""
    check_ordinary(path)
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> DataError:
    """The error for a file that cannot be read."""
    reason = getattr(error, "strerror", None) or error
    return DataError(f"{path} cannot be read: {reason}", "Check the path, the file's permissions and the disk.")


@contextmanager
def faults_in(path: Path) -> Iterator[None]:
    """Name the file in a DataError that does not."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error.message}", error.hint) from error
