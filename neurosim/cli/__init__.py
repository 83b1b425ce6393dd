"""The command line: one file a command, each loaded only when it is called."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
UNWRITTEN = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its status; see `neurosim.cli.application`."""
    # Loading libraries makes hundreds of thousands of objects that all stay: looking for garbage
    # among them at the usual intervals takes a tenth of a second.
    gc.set_threshold(100_000)
    try:
        status = _main(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # before the commands are loaded, or while the last lines wait for their reader
        status = INTERRUPTED
    # All files are closed by now; taking the interpreter and the compiler down properly would only take time.
    os._exit(status)


def _main(arguments: list[str]) -> int:
    from neurosim.cli.streams import finish, make_lasting

    make_lasting()
    from neurosim.cli.application import execute

    status = execute(arguments, helper_processes=True)
    failure = finish(sys.stdout)
    if failure is not None:
        sys.stderr.write(
            f"Error: cannot write standard output: {failure.strerror}\n"
            "Hint: not everything was printed; files are written as usual.\n"
        )
        status = status or UNWRITTEN
    finish(sys.stderr)
    return status
