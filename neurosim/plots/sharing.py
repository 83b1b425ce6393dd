"""Drawing the pictures of a run on several processors.

The process that draws forks once matplotlib is loaded and the facts are read, so that its forks have both. Pictures are
dealt out one by one. Forks hand over what they have drawn: only the first process writes files, so that nothing is
written once it has been ended.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from neurosim.analysis.facts import RunFacts
from neurosim.analysis.failures import Failures
from neurosim.files.atomic import write_atomically
from neurosim.plots.pictures import picture_files
from neurosim.process.children import end_with_parent

Files = dict[str, bytes]


def write_shared(facts: RunFacts, folder: Path) -> list[Path]:
    """Draw the pictures that the facts are about into a folder; returns the files, without those that failed.

    It is for a process that does nothing else, and has no threads that hold locks.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    deck = _deck(len(facts.pictures))
    forks = [fork for fork in (_fork(facts, deck) for _ in range(_processors(facts) - 1)) if fork is not None]
    written = []
    for name, content in _drawn(facts, deck):
        written.append(folder / name)
        write_atomically(written[-1], content)
    for process, pipe in forks:
        with open(pipe, "rb") as stream:
            received = _received(stream.read())
        os.waitpid(process, 0)
        for name, content in received.items():
            written.append(folder / name)
            write_atomically(written[-1], content)
    return written


def _processors(facts: RunFacts) -> int:
    """How many processes are to draw: one where forks are not known to be safe beside the system's libraries."""
    return min(len(os.sched_getaffinity(0)), len(facts.pictures)) if sys.platform == "linux" else 1


def _deck(count: int) -> int:
    """A pipe with a byte for each picture, of which each process takes the next one."""
    deck, filler = os.pipe()
    os.write(filler, bytes(range(count)))
    os.close(filler)
    return deck


def _drawn(facts: RunFacts, deck: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files of those pictures that this process takes."""
    failures = Failures()
    while place := os.read(deck, 1):
        name = facts.pictures[place[0]]
        with failures.kept(name):
            yield from picture_files(name, facts)


def _fork(facts: RunFacts, deck: int) -> tuple[int, int] | None:
    """Another process that draws: its id, and the pipe in which it hands over its files; None if there can be none."""
    parent = os.getpid()
    pipe, into = os.pipe()
    try:
        with warnings.catch_warnings():
            # That threads are not forked: the only ones here watch the parent, or wait in BLAS.
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()
    except OSError:
        os.close(pipe)
        os.close(into)
        return None
    if process:
        os.close(into)
        return process, pipe
    try:
        # Whoever reads the parent's output must not wait for this process too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        end_with_parent(parent)
        with open(into, "wb") as stream:
            stream.write(_packed(dict(_drawn(facts, deck))))
    finally:
        os._exit(0)


def _packed(files: Files) -> bytes:
    """A line with the names and sizes of the files, then their contents."""
    sizes = json.dumps({name: len(content) for name, content in files.items()})
    return b"\n".join((sizes.encode(), b"".join(files.values())))


def _received(packed: bytes) -> Files:
    """What was packed; nothing if the process ended before it had sent everything."""
    head, end, content = packed.partition(b"\n")
    sizes = json.loads(head) if end else {}
    files, start = {}, 0
    for name, size in sizes.items():
        files[name], start = content[start : start + size], start + size
    return files if start == len(content) else {}
