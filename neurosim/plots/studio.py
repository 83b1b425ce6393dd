"""Drawing in a process of its own, so that matplotlib is loaded while the network trains.

For a network that trains in milliseconds, drawing is most of the wait. `Studio` starts
``python -m neurosim.plots.studio``, which loads matplotlib at once and then reads the facts of the
run from its standard input. If that fails for any reason, the pictures are drawn in this process.
"""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.analysis.failures import RAISED, Failures
from neurosim.files.atomic import sweep
from neurosim.process.children import command_of, end_with_parent, environment_of
from neurosim.process.interruption import at_sudden_end
from neurosim.process.unasked import say_what_is_ignored, unseen

if TYPE_CHECKING:
    from neurosim.analysis.facts import RunFacts

DONE = b"drawn"
MODULE = "neurosim.plots.studio"


class Studio:
    """Draws the pictures of one run; a context manager.

    Parameters
    ----------
    own_process : bool
        Whether to start a process at once; otherwise everything happens in `draw`.
    """

    def __init__(self, *, own_process: bool) -> None:
        self.own_process = own_process
        # The process, until its work is done; the thread that waits for it, and the folder that it draws into.
        self._process: subprocess.Popen[bytes] | None = None
        self._asker: threading.Thread | None = None
        self._folder: Path | None = None
        self._end = contextlib.ExitStack()

    def __enter__(self) -> Studio:
        say_what_is_ignored(drawing=True)
        if not self.own_process:
            return self
        pipe = subprocess.PIPE
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                command_of(MODULE),
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.DEVNULL,
                env=environment_of(os.environ),
            )
            self._end.enter_context(at_sudden_end(self._stop))
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()
        self._end.close()

    def _stop(self) -> None:
        """End the process, whatever it is doing, and remove files that it has left half written."""
        if self._process is None:
            return
        self._process.kill()
        if self._asker is None:
            self._process.communicate()
        else:
            self._asker.join()
        if self._folder is not None:
            sweep(self._folder)
        self._process = None

    def draw(self, facts: RunFacts, folder: Path, failures: Failures = RAISED) -> list[Path]:
        """Draw the pictures of a run into its folder, as `write_pictures` does."""
        return self.begin(facts, folder, failures)()

    def begin(self, facts: RunFacts, folder: Path, failures: Failures = RAISED) -> Callable[[], list[Path]]:
        """Begin to draw the pictures of a run into its folder.

        Returns a function that waits for them and returns what `write_pictures` does.
        """
        process = self._process
        answers: list[bytes] = []
        asker = None
        order = _order(facts, folder) if process is not None else b""
        if process is not None and self._asker is None and order:
            asker = threading.Thread(target=lambda: answers.append(process.communicate(order)[0]), daemon=True)
            self._asker, self._folder = asker, folder
            asker.start()

        def finish() -> list[Path]:
            drawn: list[Path] = []
            if process is not None and asker is not None:
                asker.join()
                self._process = None
                lines = answers[0].splitlines() if answers else []
                if process.returncode == 0 and lines and lines[-1] == DONE:
                    drawn = [folder / line.decode() for line in lines[:-1]]
            missing = [name for name in facts.pictures if name not in {path.stem for path in drawn}]
            if missing:
                from neurosim.plots.pictures import write_pictures

                drawn += write_pictures(facts, folder, failures, missing)
            return sorted(drawn, key=lambda path: facts.pictures.index(path.stem))

        return finish


def _order(facts: RunFacts, folder: Path) -> bytes:
    """The order for the other process; empty if the facts cannot be packed."""
    try:
        # A folder may have a line break in its name, but no zero byte.
        return os.fsencode(folder.resolve()) + b"\0" + facts.to_bytes()
    except TypeError:
        return b""


def main() -> None:
    """Load matplotlib, read an order, draw, and print the names of the pictures."""
    end_with_parent()
    gc.disable()
    from neurosim.analysis.facts import RunFacts
    from neurosim.plots.pictures import rehearse
    from neurosim.plots.sharing import write_shared

    rehearse()
    # What is loaded stays: to look for garbage in it would take time, and forks a copy of it.
    gc.freeze()
    gc.set_threshold(100_000)
    gc.enable()
    folder, _, facts = sys.stdin.buffer.read().partition(b"\0")
    # What fails here is drawn once more in the process of the run, which can say why.
    written = write_shared(RunFacts.from_bytes(facts), Path(os.fsdecode(folder)))
    sys.stdout.buffer.write(b"".join(path.name.encode() + b"\n" for path in written) + DONE)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    with unseen():
        main()
