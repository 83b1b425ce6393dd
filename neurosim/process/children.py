"""Helper processes of neurosim: how they are started, and how they end when it does."""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

# Seconds between two checks of the parent.
TICK = 0.1


def command_of(module: str) -> list[str]:
    """The command line of a process that runs a module of this package.

    A module of the same name in the current folder is never run instead (``-P``).
    """
    return [sys.executable, "-P", "-m", module, str(os.getpid())]


def environment_of(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python finds this package."""
    paths = [str(Path(__file__).parents[2]), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Within this, processes that `multiprocessing` starts do not run the script of their parent once more.

    Nor do they take a module of the current folder for one of a library: Python looks there first in a process that is
    started with a piece of code.
    """
    main, safe = sys.modules["__main__"], os.environ.get("PYTHONSAFEPATH")
    sys.modules["__main__"] = types.ModuleType("__main__")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if safe is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = safe


def end_with_parent(parent: int | None = None) -> None:
    """Call this first in a helper process: it then ends when its parent ends, for whatever reason.

    `parent` is the id of the parent; left out, what `command_of` has passed on.
    """
    if os.name != "posix" or (parent is None and len(sys.argv) < 2):  # Windows does not tell whether it has ended
        return
    parent = int(sys.argv[1]) if parent is None else parent

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(TICK)
        os._exit(1)

    _thread.start_new_thread(watch, ())
