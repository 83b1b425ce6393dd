"""Reading what a student has handed in: a few files by name, small and ordinary, and never through a link.

Nothing in such a folder is executed, unpacked or unpickled, and no name in it is followed anywhere.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from neurosim.printable import escaped

SCENARIO, ANSWERS, RUN_SUMMARY = "scenario.toml", "answers.csv", "run/summary.json"
MOST_BYTES = {SCENARIO: 100_000, ANSWERS: 200_000, RUN_SUMMARY: 2_000_000}
MOST_ENTRIES, MOST_PAGES, MOST_PAGE = 200, 5, 100_000
LONGEST_NAME = 40


class RefusedError(Exception):
    """Why a file is not read, as words that follow its name."""


@dataclass
class Returned:
    """What a folder holds.

    Attributes
    ----------
    files : dict
        Contents by name: of those that were found, and are as they should be.
    pages : dict
        The same, of the files with answers of the page that trains.
    remarks : list of str
        What is wrong.
    changed : float
        When the newest of the files was changed, in seconds since 1970; 0 where there is none.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    changed: float = 0.0


def read_folder(folder: Path) -> Returned:
    """Read a student's folder; whatever is in it, nothing is raised."""
    found = Returned()
    try:
        mode = os.lstat(folder).st_mode
    except (OSError, ValueError):
        found.remarks.append("nothing came back")
        return found
    if not stat.S_ISDIR(mode):
        what = "a link" if stat.S_ISLNK(mode) else "no folder"
        found.remarks.append(f"what came back is {what}")
        return found
    for name, most in MOST_BYTES.items():
        _take(folder, name, most, found.files, found)
    for name in _pages(folder, found):
        _take(folder, name, MOST_PAGE, found.pages, found)
    return found


def _take(folder: Path, name: str, most: int, files: dict[str, bytes], found: Returned) -> None:
    try:
        content, changed = _read(folder, name, most)
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        found.remarks.append(f"{shown(name)} cannot be read")
    except RefusedError as reason:
        found.remarks.append(f"{shown(name)} {reason}")
    else:
        files[name] = content
        found.changed = max(found.changed, changed)


def _read(folder: Path, name: str, most: int) -> tuple[bytes, float]:
    """The content of a file and when it was changed; raises OSError or RefusedError."""
    path = folder
    for part in name.split("/"):
        path = path / part
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            raise RefusedError("is a link")
    if not stat.S_ISREG(mode):
        raise RefusedError("is not an ordinary file")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as stream:
        about = os.fstat(stream.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise RefusedError("is not an ordinary file")
        if about.st_size > most:
            raise RefusedError(f"is too large: {about.st_size:,} bytes")
        content = stream.read(most + 1)
    if len(content) > most:
        raise RefusedError("is too large")
    return content, about.st_mtime


def _pages(folder: Path, found: Returned) -> Iterator[str]:
    """Names of the files that may be answers of the page that trains."""
    try:
        with os.scandir(folder) as listed:
            names = [entry.name for entry in itertools.islice(listed, MOST_ENTRIES + 1)]
    except OSError:
        found.remarks.append("the folder cannot be read")
        return
    if len(names) > MOST_ENTRIES:
        found.remarks.append(f"the folder has more than {MOST_ENTRIES} files")
    pages = sorted(name for name in names[:MOST_ENTRIES] if name.endswith(".json"))
    if len(pages) > MOST_PAGES:
        found.remarks.append(f"more than {MOST_PAGES} files with answers of the page")
    yield from pages[:MOST_PAGES]


def shown(name: str) -> str:
    """A stranger's name of a file, short and printable."""
    return escaped(name, LONGEST_NAME)
