"""Whether the content of a checkpoint can be a state of the run to resume.

A checkpoint's checksums tell of damage, not of who wrote it: nothing that it says is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.runs.run_files import LONGEST_LINE
from neurosim.training.simulator import Simulator
from neurosim.training.watch import REASON

Arrays = Mapping[str, NDArray[Any]]

# Prefixes of arrays that a simulator does not always have, or not always in the same shape.
_BEST, _BEGUN, _RECORD = "best_", "begun_", "record_"
_SOMETIMES = (_BEST, _BEGUN, _RECORD, REASON)
_BEGUN_ARRAYS = {"begun_steps": (1,), "begun_totals": (-1, 3), "begun_seconds": (1,)}


def check_fit(stored: Arrays, records: Sequence[Any], simulator: Simulator) -> None:
    """Check the arrays and the history of a checkpoint against the simulator that is to have them.

    Raises
    ------
    ValueError
        With what does not fit.
    """
    _check_records(records, simulator)
    own = simulator.state()
    usual = {name for name in own if not name.startswith(_SOMETIMES)}
    for name in usual:
        _check_array(stored, name, own[name].shape, own[name].dtype)
    _check_best(stored, own, simulator)
    _check_steps(stored, simulator.course_after(records).steps(len(records)))
    _check_recorded(stored, own)
    _check_reason(stored, simulator)
    for name in stored:
        if name not in usual and not name.startswith(_SOMETIMES):
            raise ValueError(f"it has {name}, which no run has")


def _check_array(stored: Arrays, name: str, shape: tuple[int, ...], dtype: Any) -> None:
    """Require an array of finite numbers of this shape, in which -1 stands for any length."""
    if name not in stored:
        raise ValueError(f"it has no {name}")
    array = stored[name]
    same = len(array.shape) == len(shape) and all(
        wanted in (-1, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    if not same or array.dtype != dtype:
        raise ValueError(f"its {name} has shape {array.shape} of {array.dtype}, and this run {shape} of {dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"its {name} has numbers that are not finite")


def _check_best(stored: Arrays, own: Arrays, simulator: Simulator) -> None:
    kept = [name for name in stored if name.startswith(_BEST)]
    if kept and simulator.watch.best is None:
        raise ValueError(f"it has {kept[0]}, and this run keeps no best weights")
    for name in kept:
        usual = name.removeprefix(_BEST)
        if usual not in own:
            raise ValueError(f"it has {name}, which no run has")
        _check_array(stored, name, own[usual].shape, own[usual].dtype)


def _check_steps(stored: Arrays, steps: int) -> None:
    """Steps count from 0, and an epoch in progress must be incomplete."""
    done = int(stored["steps_done"][0])
    if done < 0:
        raise ValueError(f"it has done {done} steps")
    if any(name.startswith(_BEGUN) for name in stored):
        for name, shape in _BEGUN_ARRAYS.items():
            _check_array(stored, name, shape, np.int64 if name == "begun_steps" else np.float64)
        begun = int(stored["begun_steps"][0])
        if not 0 < begun < steps or not len(stored["begun_totals"]):
            raise ValueError(f"it has {begun} steps of an epoch of {steps}")


def _check_recorded(stored: Arrays, own: Arrays) -> None:
    """Every recorded array must have one entry for each time; the recorder itself checks the quantities."""
    kept = {name: array for name, array in stored.items() if name.startswith(_RECORD)}
    if not any(name.startswith(_RECORD) for name in own):
        if kept:
            raise ValueError("it has recorded its layers, and this run records nothing")
        return
    if not kept:
        raise ValueError("it has nothing of what was recorded")
    for name, dtype in (("record_epochs", np.float64), ("record_steps", np.int64)):
        _check_array(stored, name, (-1,), dtype)
    times = len(kept["record_epochs"])
    for name, array in kept.items():
        if not array.ndim or len(array) != times or array.dtype.kind not in "fiu":
            raise ValueError(f"its {name} has shape {array.shape} of {array.dtype} for {times} times")


def _check_reason(stored: Arrays, simulator: Simulator) -> None:
    """The reason of an observer is a line of text."""
    if REASON not in stored:
        return
    if not simulator.scenario.training.observers:
        raise ValueError(f"it has a {REASON}, and this run has no observers")
    _check_array(stored, REASON, (-1,), np.uint8)
    text = stored[REASON].tobytes().decode()
    if not text or len(text) > LONGEST_LINE or not text.isprintable():
        raise ValueError(f"its {REASON} is not a line of text")


def _check_records(records: Sequence[Any], simulator: Simulator) -> None:
    """Require one record for each epoch, with a number for every loss."""
    losses = {f"{split}_loss" for split in simulator.splits}
    names = (
        {"train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr", "seconds"}
        | losses
        | simulator.metric_names
    )
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or record.get("epoch") != number:
            raise ValueError(f"its history has no epoch {number} where that should be")
        for name in sorted(names | record.keys() - {"epoch"}):
            # A validation loss may be infinite.
            known = type(record.get(name)) in (int, float) or (name in record and record[name] is None)
            if not known or (name in losses and record[name] is None):
                raise ValueError(f"{name} of epoch {number} of its history is {str(record.get(name))[:40]}")
