"""Drawing in a process of its own, so that loading matplotlib and training happen side by side.

For a network that trains in milliseconds, drawing is most of the wait. `Studio` starts
``python -m neurosim.plots.studio``, which loads matplotlib at once and then reads the facts of the
run from its standard input. Where that fails for whatever reason, the pictures are drawn here.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurosim.analysis.facts import RunFacts

DONE = b"drawn"
MODULE = "neurosim.plots.studio"


class Studio:
    """Draws the pictures of one run; a context manager.

    Parameters
    ----------
    own_process : bool
        Whether to start a process for it, at once; else everything happens in `draw`.
    """

    def __init__(self, *, own_process: bool) -> None:
        self.own_process = own_process
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Studio:
        if not self.own_process:
            return self
        pipe = subprocess.PIPE
        try:
            # This very package, and nothing of that name that may lie in the current folder (-P).
            paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
            )
        except OSError:
            self._process = None
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def draw(self, facts: RunFacts, folder: Path) -> list[Path]:
        """Draw the pictures of a run into its folder; as `write_pictures`."""
        return self.begin(facts, folder)()

    def begin(self, facts: RunFacts, folder: Path) -> Callable[[], list[Path]]:
        """Begin to draw the pictures of a run into its folder.

        Returns a function that waits for them and gives what `write_pictures` does.
        """
        process, self._process = self._process, None
        answers: list[bytes] = []
        asker = None
        if process is not None:
            # A folder may have a line break in its name, but no zero byte.
            order = os.fsencode(folder.resolve()) + b"\0" + facts.to_bytes()
            asker = threading.Thread(target=lambda: answers.append(process.communicate(order)[0]), daemon=True)
            asker.start()

        def finish() -> list[Path]:
            if process is not None and asker is not None:
                asker.join()
                lines = answers[0].splitlines() if answers else []
                if process.returncode == 0 and lines and lines[-1] == DONE:
                    return [folder / line.decode() for line in lines[:-1]]
            from neurosim.plots.pictures import write_pictures

            return write_pictures(facts, folder)

        return finish


def main() -> None:
    """Load matplotlib, read an order, draw, and print the names of the pictures."""
    gc.set_threshold(100_000)
    from neurosim.analysis.facts import RunFacts
    from neurosim.plots.pictures import rehearse, write_pictures

    rehearse()
    folder, _, facts = sys.stdin.buffer.read().partition(b"\0")
    written = write_pictures(RunFacts.from_bytes(facts), Path(os.fsdecode(folder)))
    sys.stdout.buffer.write(b"".join(path.name.encode() + b"\n" for path in written) + DONE)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
