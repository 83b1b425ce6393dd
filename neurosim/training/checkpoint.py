"""The state of a run between two epochs, so that it can go on as if it had never stopped.

Random numbers are a function of seed, epoch and place, so parameters, optimizer state, the count of
steps and the history are all there is to keep.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from neurosim.errors import DataError
from neurosim.files import make_folder, write_atomically
from neurosim.history import History
from neurosim.simulator import Simulator

FOLDER = "checkpoint"
STATE = "state.safetensors"
FORMAT = "neurosim-checkpoint-1"


def save_checkpoint(folder: Path, simulator: Simulator) -> Path:
    """Write the state of `simulator` into a run folder; returns the file written."""
    import safetensors.numpy

    tensors = {name: np.ascontiguousarray(array) for name, array in simulator.state().items()}
    digests = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in tensors.items()}
    metadata = {
        "format": FORMAT,
        "backend": simulator.backend,
        "seed": str(simulator.seed),
        "history": json.dumps(list(simulator.history)),
        "sha256": json.dumps(digests),
    }
    path = make_folder(folder / FOLDER) / STATE
    write_atomically(path, safetensors.numpy.save(tensors, metadata))
    return path


def load_checkpoint(folder: Path, simulator: Simulator) -> None:
    """Bring `simulator` to the state that a run folder's checkpoint has.

    Raises
    ------
    DataError
        When there is no checkpoint, or it is damaged.
    UsageError
        When it belongs to another network, seed or backend.
    """
    import safetensors

    path = folder / FOLDER / STATE
    if not path.is_file():
        raise DataError(f"no checkpoint in {folder}", "A run that was interrupted leaves one; a finished run has none.")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        digests = json.loads(metadata["sha256"])
        history = History(json.loads(metadata["history"]))
        backend, seed = metadata["backend"], int(metadata["seed"])
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} is not a readable checkpoint: {error}") from error
    for name, array in tensors.items():
        if digests.get(name) != hashlib.sha256(array.tobytes()).hexdigest():
            raise DataError(f"{path} is damaged: {name} does not match its checksum")
    if (backend, seed) != (simulator.backend, simulator.seed):
        raise DataError(
            f"{path} was written by backend {backend} with seed {seed}, "
            f"not by {simulator.backend} with seed {simulator.seed}",
            "Resume with the same --backend and --seed.",
        )
    simulator.restore(tensors, history)


def has_checkpoint(folder: Path) -> bool:
    """Whether a run folder has a checkpoint."""
    return (folder / FOLDER / STATE).is_file()


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a run that has finished."""
    path = folder / FOLDER / STATE
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
