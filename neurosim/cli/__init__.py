"""The command line: one file a command, each loaded only when it is called."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its status; see `neurosim.cli.application`."""
    # Loading libraries makes hundreds of thousands of objects that all stay: looking for garbage
    # among them at the usual intervals takes a tenth of a second.
    gc.set_threshold(100_000)
    from neurosim.cli.application import execute

    status = execute(list(sys.argv[1:] if arguments is None else arguments), helper_processes=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # All files are closed by now; taking the interpreter and the compiler down properly would only take time.
    os._exit(status)
