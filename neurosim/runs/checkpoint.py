"""The state of a run between two epochs, or two parts of one, so that it can continue as if it had never stopped.

Random numbers are a function of seed, epoch and place, so parameters, optimizer state, the count of
steps and the history are all there is to keep. What they belong to is kept with them, so that a run never
continues unnoticed with another scenario, other rows or plugins, or to other bits.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError, UsageError
from neurosim.files.atomic import TEMPORARY, make_folder, must_remove, remove, sweep, write_atomically
from neurosim.files.lock import NAME as LOCK
from neurosim.files.lock import FolderLock
from neurosim.files.sealed import seal, unseal
from neurosim.printable import arguments
from neurosim.runs.belonging import changes
from neurosim.runs.checkpoint_check import check_fit
from neurosim.runs.folder import BEGUN, CHECKPOINTS, SEEDS, checkpoints_in, train_again
from neurosim.runs.identity import Identity, another_run, identity_of
from neurosim.runs.run_files import BACKENDS
from neurosim.training.history import History, Record
from neurosim.training.simulator import Simulator

FORMAT = "neurosim-checkpoint-6"
_HISTORY = "history"
# At most so many lines say what was trained differently.
SHOWN = 4
# How many checkpoints are kept, the newest ones.
KEPT = 2
# Without checkpoint_every a run writes one at the end of an epoch, or of a part of a long one, but no sooner than
# this after the last one.
SECONDS = 5.0
# ... and not before this many times the duration of that write has passed.
RARELY = 30


class Checkpoints:
    """Writes the checkpoints of one run.

    Parameters
    ----------
    folder : Path
        The run folder.
    simulator : Simulator
        Whose state they are.
    mixed : str
        What `load_checkpoint` returned.

    Attributes
    ----------
    identity : Identity
        What they belong to.
    """

    def __init__(self, folder: Path, simulator: Simulator, mixed: str = "") -> None:
        self._folder = folder
        self._mixed = mixed
        self._simulator = simulator
        self._every = simulator.scenario.training.checkpoint_every
        self._next = time.monotonic() + SECONDS
        # Before anything is trained: after that, nothing may stand in the way of keeping it.
        self.identity = identity_of(simulator)

    def after(self, record: Record) -> None:
        """Write one at the end of an epoch, if one is due."""
        due = self._late() if self._every is None else record["epoch"] % self._every == 0
        # The end of the run is kept in its model.
        if due and record["epoch"] < self._simulator.training.epochs:
            self.save()

    def within(self) -> None:
        """Write one within an epoch, if one is due and the scenario does not fix when."""
        if self._every is None and self._late():
            self.save()

    def save(self) -> Path:
        """Write one now; returns the file."""
        begin = time.monotonic()
        path = save_checkpoint(self._folder, self._simulator, self.identity, self._mixed)
        end = time.monotonic()
        self._next = end + max(SECONDS, RARELY * (end - begin))
        return path

    def _late(self) -> bool:
        return time.monotonic() >= self._next


def save_checkpoint(folder: Path, simulator: Simulator, identity: Identity | None = None, mixed: str = "") -> Path:
    """Write the state of `simulator` into a run folder, and remove all but the newest; returns the file written.

    `identity` is that of the simulator, where it is known already, and `mixed` what `load_checkpoint` returned.
    """
    tensors = simulator.state()
    step = int(tensors["steps_done"][0])
    # A tensor of its own, since it grows without bound and a file's header must not.
    tensors[_HISTORY] = np.frombuffer(json.dumps(list(simulator.history)).encode(), np.uint8)
    metadata = {
        "format": FORMAT,
        "backend": simulator.backend,
        "seed": simulator.seed,
        "identity": (identity or identity_of(simulator)).as_json(),
        "mixed": mixed,
    }
    path = make_folder(folder / CHECKPOINTS) / f"step-{step:012d}.safetensors"
    write_atomically(path, seal(tensors, metadata))
    for old in [other for other in checkpoints_in(folder) if other != path][: 1 - KEPT]:
        remove(old)
    return path


def drop_beyond(folder: Path, step: int) -> None:
    """Remove a run folder's checkpoints of later steps: an earlier run left them."""
    for path in checkpoints_in(folder):
        if int(path.stem.split("-")[1]) > step:
            must_remove(path)


def checkpoint_of(source: Path) -> Path:
    """The checkpoint at a path, or the newest in a run folder; raises DataError if there is none."""
    path = source if source.is_file() else newest(source)
    if path is None:
        raise DataError(f"there is no checkpoint in {source}", "A run that was interrupted leaves one in checkpoint/.")
    return path


def backend_of(source: Path) -> str:
    """The backend that wrote a checkpoint, or the newest one of a run folder; raises DataError."""
    path = checkpoint_of(source)
    name = unseal(path, "checkpoint")[1].get("backend")
    if name not in BACKENDS:
        raise DataError(
            f"{path} is not a readable checkpoint: its backend is none of {', '.join(BACKENDS)}", _older(path)
        )
    return str(name)


def load_checkpoint(source: Path, simulator: Simulator, *, force: bool = False) -> str:
    """Bring `simulator` to the state in a checkpoint.

    Returns a line saying which epochs were trained differently from what the simulator would do; empty if none were.

    Parameters
    ----------
    source : Path
        The file, or a run folder, whose newest one it then is.
    simulator : Simulator
        Of the scenario that the checkpoint was written by.
    force : bool
        Resume even where scenario, rows, plugins, versions or arithmetic have changed since; shapes must fit all the
        same.

    Raises
    ------
    DataError
        When there is no checkpoint, or it is damaged.
    UsageError
        When it belongs to another run, see `Identity`, or another network; the message shows what differs.
    """
    path = checkpoint_of(source)
    tensors, records, identity, backend, seed, mixed = _read(path)
    other = (backend, seed) != (simulator.backend, simulator.seed)
    changed = changes(path, identity, identity_of(simulator), bits=True).all_lines
    if changed and not force:
        how = "resume with the same backend=... and seed=..." if other else "resume all the same with force=True"
        raise another_run(path, changed, f"Undo the change, or {how}.")
    if other:
        raise UsageError(
            f"{path} was written by backend {backend} with seed {seed}, "
            f"not by {simulator.backend} with seed {simulator.seed}",
            "Resume with the same backend=... and seed=...: force=True does not change them.",
        )
    try:
        check_fit(tensors, records, simulator)
        simulator.restore(tensors, History(records))
    except (UsageError, ValueError) as error:
        fault = error.message if isinstance(error, UsageError) else error
        raise UsageError(
            f"{path} does not fit the run to resume: {fault}",
            "Start the run anew, or bring its scenario and data back to what they were.",
        ) from error
    done = len(records) + ("begun_steps" in tensors)
    if not changed or not done:
        return mixed
    differing = "; ".join(line.strip() for line in changed[:SHOWN]) + "; ..." * (len(changed) > SHOWN)
    epochs = f"epochs 1 to {done} were" if done > 1 else "epoch 1 was"
    return ", ".join([*([mixed] if mixed else []), f"{epochs} trained differently ({differing})"])


class _Content(NamedTuple):
    """The content of a checkpoint: arrays, the history, and what these belong to."""

    tensors: dict[str, NDArray[Any]]
    records: list[Any]
    identity: Identity
    backend: str
    seed: int
    mixed: str


def _read(path: Path) -> _Content:
    """Read a checkpoint; raises DataError when it is damaged, or of another version."""
    try:
        tensors, metadata = unseal(path, "checkpoint")
        if metadata["format"] != FORMAT:
            raise ValueError(_other_format(str(metadata["format"])))
        records = list(json.loads(tensors.pop(_HISTORY).tobytes()))
        identity = Identity.from_json(metadata["identity"])
        backend, seed, mixed = metadata["backend"], metadata["seed"], metadata["mixed"]
        return _Content(tensors, records, identity, str(backend), int(seed), str(mixed))
    except DataError as error:
        raise DataError(error.message, _older(path)) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        fault = f"it has no {error}" if isinstance(error, KeyError) else error
        raise DataError(f"{path} is not a readable checkpoint: {fault}", _older(path)) from error


def _other_format(written: str) -> str:
    known, _, number = FORMAT.rpartition("-")
    kind, _, other = written.rpartition("-")
    if kind == known and other.isdecimal() and int(other) < int(number):
        return (
            f"it is of an older version of neurosim ({written}), which recorded less about what its numbers belong to"
        )
    return f"its format is {written}, not {FORMAT}"


def newest(folder: Path) -> Path | None:
    """The newest checkpoint of a run folder; None where it has none."""
    files = checkpoints_in(folder)
    return files[-1] if files else None


def has_checkpoint(folder: Path) -> bool:
    """Whether a run folder has a checkpoint."""
    return newest(folder) is not None


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoints of a finished run, and the note that it was begun."""
    for path in (*checkpoints_in(folder), folder / BEGUN):
        remove(path)
    with contextlib.suppress(OSError):  # not there, or something of the user's is in it
        (folder / CHECKPOINTS).rmdir()


def tidy(folder: Path) -> None:
    """Remove leftovers from the folder of a finished run that was killed at the very end.

    Where nothing is left, nothing is written: a finished run can be read in a folder that cannot be changed.

    Raises
    ------
    DataError
        When another process writes to it.
    """
    left = (folder / name for name in (CHECKPOINTS, BEGUN, SEEDS, LOCK))
    if not any(map(os.path.lexists, left)) and not any(folder.glob(f".*{TEMPORARY}")):
        return
    lock = FolderLock(folder, resuming=True)
    try:
        remove_checkpoint(folder)
        for name in (BEGUN, SEEDS):
            remove(folder / name)
        sweep(folder)
    finally:
        lock.release()


def _older(path: Path) -> str:
    """What to use instead of a damaged checkpoint."""
    folder = path.parent.parent
    others = [other for other in checkpoints_in(folder) if other.name < path.name]
    if others:
        return f"The one before it may be intact: {arguments(resume=others[-1])}"
    return f"There is no other one: train the run again with  {train_again(folder)}"
