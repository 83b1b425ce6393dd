"""The command line: one file a command, each loaded only when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; see `neurosim.cli.application`."""
    from neurosim.cli.application import execute

    sys.exit(execute(list(sys.argv[1:] if arguments is None else arguments), helper_processes=True))
