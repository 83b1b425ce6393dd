"""What is kept of a run when something in it fails, and how to go on."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurosim.errors import add_hint, memory_ended
from neurosim.printable import quoted
from neurosim.runs.checkpoint import Checkpoints, has_checkpoint
from neurosim.runs.folder import PAGE, RunFolder
from neurosim.runs.model import MODEL
from neurosim.runs.texts import is_there
from neurosim.training.simulator import Simulator


def keep(error: Exception, folder: RunFolder, checkpoints: Checkpoints, simulator: Simulator, *, whole: bool) -> None:
    """Keep the state of a run that raised an error, if it is `whole`, and add to the error how to go on."""
    ended = memory_ended(error)
    if ended is not None:
        # What was being worked on holds memory that is needed now.
        traceback.clear_frames(ended.__traceback__)
        traceback.clear_frames(error.__traceback__)
    saved = False
    if whole:
        with contextlib.suppress(Exception):
            checkpoints.save()
            saved = True
    go_on = f"neurosim run --resume {quoted(folder.whole)}"
    if saved and simulator.is_trained:
        add_hint(error, f"The trained network is kept: {go_on}  does what is left, without training again.")
    elif is_there(folder.path / MODEL):
        model = folder.path / MODEL
        add_hint(error, f"The trained network is kept: {model}; {go_on}  trains the rest again, to the same network.")
    elif has_checkpoint(folder.path):
        add_hint(error, f"The last state that was saved is intact: {go_on}  goes on from there.")


@contextmanager
def trained(folder: Path) -> Iterator[None]:
    """Within this everything is trained and kept in a run folder: errors say so, and how to go on."""
    try:
        yield
    except Exception as error:
        if (folder / PAGE).is_file():
            add_hint(error, f"All of the run is kept: {folder / PAGE} shows it.")
        else:
            go_on = f"neurosim run --resume {quoted(folder)}  makes what is missing, without training again"
            add_hint(error, f"What was trained is kept: {go_on}.")
        raise
