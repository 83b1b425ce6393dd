"""The command line: one file a command, each loaded only when it is called."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurosim.cli.ending import Ending

UNWRITTEN = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its status; see `neurosim.cli.application`."""
    from neurosim.cli.ending import Ending

    # Loading libraries makes hundreds of thousands of objects that all stay: looking for garbage
    # among them at the usual intervals takes a tenth of a second.
    gc.set_threshold(300_000)
    ending = Ending()
    status = ending.run(lambda: _main(list(sys.argv[1:] if arguments is None else arguments), ending))
    # All files are closed by now; taking the interpreter and the compiler down properly would only take time.
    os._exit(status)


def _main(arguments: list[str], ending: Ending) -> int:
    from neurosim.cli.streams import finish, make_lasting

    make_lasting()
    from neurosim.cli.application import execute
    from neurosim.process.unasked import unseen

    with unseen():
        status = execute(arguments, helper_processes=True, ending=ending)
    failure = finish(sys.stdout)
    if failure is not None:
        sys.stderr.write(
            f"Error: cannot write standard output: {failure.strerror}\n"
            "Hint: not everything was printed; files are written as usual.\n"
        )
        status = status or UNWRITTEN
    finish(sys.stderr)
    return status
