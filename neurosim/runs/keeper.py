"""What a run keeps in its folder while it trains, at its end, and when something in it fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from neurosim.errors import DataError, DivergedError, add_hint
from neurosim.printable import command, quoted
from neurosim.process.reserve import make_room
from neurosim.runs.checkpoint import Checkpoints, drop_beyond, has_checkpoint, remove_checkpoint
from neurosim.runs.folder import PAGE, SCENARIO, RunFolder
from neurosim.runs.model import MODEL
from neurosim.runs.results import Result, counted, result_of
from neurosim.runs.run_files import is_there
from neurosim.training.history import Record
from neurosim.training.simulator import Simulator


class Keeper:
    """Keeps a run in its folder while it trains.

    Parameters
    ----------
    folder : RunFolder
        Where to.
    simulator : Simulator
        What is trained.
    mixed : str
        What `load_checkpoint` returned.
    """

    def __init__(self, folder: RunFolder, simulator: Simulator, mixed: str) -> None:
        self._folder, self._simulator, self._mixed = folder, simulator, mixed
        folder.start(simulator.scenario, simulator.backend, list(simulator.history))
        drop_beyond(folder.path, simulator.steps_done)
        self._checkpoints = Checkpoints(folder.path, simulator, mixed)

    def epoch(self, record: Record) -> None:
        """Keep an epoch that has ended, and a checkpoint where it is time."""
        self._folder.add_epoch(record)
        self._checkpoints.after(record)

    def part(self) -> None:
        """Keep a checkpoint within an epoch, where it is time."""
        self._checkpoints.within()

    def save(self) -> None:
        """Keep a checkpoint now."""
        self._checkpoints.save()

    def finish(self, begin: float) -> Result:
        """Keep what is trained, the model first, and return the result; `begin` is when the run began."""
        identity, simulator = self._checkpoints.identity, self._simulator
        self._folder.keep_model(simulator, identity)
        result = result_of(simulator, self._folder.path, time.perf_counter() - begin)
        result = replace(result, identity=identity, mixed=self._mixed)
        self._folder.finish(simulator, result.as_json(), identity)
        remove_checkpoint(self._folder.path)
        return result

    def diverged(self, error: DivergedError) -> DivergedError:
        """Keep what was last finite, so that a smaller learning rate can resume from there; the error says how."""
        return DivergedError(error.message, f"{error.hint}\n{self._keep_finite(error)}")

    def _keep_finite(self, error: DivergedError) -> str:
        path = self._folder.path
        try:
            self._checkpoints.save()
            self._folder.fail(self._simulator, error, self._checkpoints.identity)
        except DataError as failure:
            return f"Not all of its last finite state could be kept: {failure.message}"
        # What was finite last may be far from anything useful: the cause comes first.
        epochs = len(self._simulator.history)
        what = (
            f"The weights as they were after {counted(epochs, 'epoch')} are kept, too: to continue from there, and not "
            "from the start,"
            if epochs
            else "No epoch was completed: to start this run again,"
        )
        return (
            f"neurosim doctor {quoted(path)}  says what to change. {what} change {path / SCENARIO}, then  "
            f"{command('run', resume=path, force=True)}"
        )

    def failed(self, error: Exception, *, whole: bool) -> None:
        """Keep the state of a run that raised an error, if it is `whole`, and add to the error how to resume."""
        make_room(error)
        saved = False
        if whole:
            with contextlib.suppress(Exception):
                self._checkpoints.save()
                saved = True
        path, resume = self._folder.path, command("run", resume=self._folder.whole)
        if saved and self._simulator.is_trained:
            add_hint(error, f"The trained network is kept: {resume}  does what is left, without training again.")
        elif is_there(path / MODEL):
            again = "trains the rest again, to the same network"
            add_hint(error, f"The trained network is kept: {path / MODEL}; {resume}  {again}.")
        elif has_checkpoint(path):
            add_hint(error, f"The last state that was saved is intact: {resume}  resumes from there.")


@contextmanager
def trained(folder: Path) -> Iterator[None]:
    """Within this everything is trained and kept in a run folder: errors say so, and how to go on."""
    try:
        yield
    except Exception as error:
        make_room(error)
        if (folder / PAGE).is_file():
            add_hint(error, f"All of the run is kept: {folder / PAGE} shows it.")
        else:
            resume = f"{command('run', resume=folder)}  makes what is missing, without training again"
            add_hint(error, f"What was trained is kept: {resume}.")
        raise
