"""Checks of observers, on the course of a run that goes well."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from neurosim.plugin import Progress, RunObserver
from neurosim.plugin.host.observing import tell
from neurosim.testing.verdicts import Verdict, being_checked, failed, in_turn, noted, passed

EPOCHS, STEPS = 20, 10


def observer_items(record: RunObserver) -> list[Verdict]:
    """The items of an observer: ``calls``, ``determinism``, ``course``; of a log, which stops no run, the first."""
    checks: dict[str, Callable[[], Verdict]] = {"calls": lambda: _calls(record)}
    if not record.log:
        checks |= {"determinism": lambda: _determinism(record), "course": lambda: _course(record)}
    return in_turn(checks)


class _Measures(dict[str, Any]):
    """The record of an epoch, which may have been asked for any metric."""

    def __missing__(self, name: str) -> float:
        if name.startswith(("train_", "validation_", "test_")):
            return 0.5
        raise KeyError(name)


def _record(epoch: int) -> Mapping[str, Any]:
    loss, accuracy = 1.0 / epoch, 1.0 - 0.5 / epoch
    measures = {f"{split}_{name}": value for split in ("train", "validation", "test")
                for name, value in (("loss", loss), ("accuracy", accuracy))}  # fmt: skip
    return MappingProxyType(_Measures({"epoch": epoch, **measures, "lr": 0.1, "seconds": 0.01}))


def _parameters() -> Mapping[str, Any]:
    arrays = {"layers.0.weight": np.full((2, 3), 0.5, np.float32), "layers.0.bias": np.zeros(3, np.float32)}
    for array in arrays.values():
        array.flags.writeable = False
    return MappingProxyType(arrays)


def _tell(record: RunObserver, role: str, epoch: int, folder: Path) -> str | None:
    """Its reason to stop after an epoch."""
    records = tuple(map(_record, range(1, epoch + 1)))
    progress = Progress(records, EPOCHS, epoch * STEPS, "checked", 0, folder, _parameters, {"optimizer.lr": 0.1})
    with being_checked():
        return tell(record, list(record.params.values()), role, progress)


def _reasons(record: RunObserver, epochs: Iterable[int]) -> dict[int, str]:
    with tempfile.TemporaryDirectory() as folder:
        found = {epoch: _tell(record, "epoch", epoch, Path(folder)) for epoch in epochs}
    return {epoch: reason for epoch, reason in found.items() if reason}


def _calls(record: RunObserver) -> Verdict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for epochs, last in ((0, "left"), (EPOCHS, "ended")):
            _tell(record, "started", 0, folder)
            for epoch in range(1, epochs + 1):
                _tell(record, "part", epoch - 1, folder)
                _tell(record, "epoch", epoch, folder)
            _tell(record, last, epochs, folder)
    return passed("calls", f"{', '.join(record.functions)}: called through {EPOCHS} epochs")


def _determinism(record: RunObserver) -> Verdict:
    forward, backward = _reasons(record, range(1, EPOCHS + 1)), _reasons(record, range(EPOCHS, 0, -1))
    if forward != backward:
        return failed(
            "determinism",
            "whether it stops depends on more than the progress that it is given: keep nothing between calls; "
            "progress.records has all epochs so far",
        )
    return passed("determinism", "same progress, same answer")


def _course(record: RunObserver) -> Verdict:
    reasons = _reasons(record, range(1, EPOCHS + 1))
    if not reasons:
        return noted("course", f"lets a run go on whose loss falls from 1 to {1 / EPOCHS:g} in {EPOCHS} epochs")
    first = min(reasons)
    return noted("course", f"stops a run whose loss falls after epoch {first} of {EPOCHS}: {reasons[first]}")
