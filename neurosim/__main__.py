"""``python -m neurosim``: the command line."""

import os
import sys


def leave_out_current_folder() -> None:
    """Stop Python from looking for libraries in the current folder first; the command ``neurosim`` never does that."""
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        here = ""
    if not sys.flags.safe_path and sys.path[:1] in ([""], [here]):
        del sys.path[0]


if __name__ == "__main__":
    leave_out_current_folder()
    from neurosim.cli import main

    main()
