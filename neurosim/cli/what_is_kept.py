"""What an interrupted run leaves, in a few words, and the command that resumes it."""

from __future__ import annotations

from pathlib import Path

from neurosim.printable import quoted
from neurosim.runs.checkpoint import has_checkpoint
from neurosim.runs.folder import MEMBERS, PAGE, SCENARIO, SEEDS, SUMMARY
from neurosim.runs.run_files import is_there


def what_is_kept(folder: Path) -> str:
    """What is in the folder of a run that was interrupted, at the moment of asking."""
    go_on = f"neurosim run --resume {quoted(folder)}"
    if is_there(folder / SUMMARY):
        if is_there(folder / PAGE):
            return f"everything is in {quoted(folder)}"
        return f"all is trained and kept; draw what is missing with: {go_on}"
    if is_there(folder / SEEDS):
        return f"nothing is kept while many seeds are trained; train them all again with: {go_on}"
    if has_checkpoint(folder) or any((folder / MEMBERS).glob("**/*.safetensors")):
        return f"resume with: {go_on}"
    if is_there(folder / SCENARIO):
        return f"there was nothing to keep yet; start again with: {go_on}"
    return "nothing had been trained yet"
