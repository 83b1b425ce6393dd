"""Logs: observers that write each epoch into the run's folder, for other programs; without a folder they write nothing.

Each file is begun anew, with all epochs so far, where a run begins or resumes: so no epoch is in it twice, whatever a
run that was killed has left there. So it is where a run is left, since one that diverges forgets its last epochs.
Nothing is kept between calls, and no file stays open.
"""

import csv
import io
import time
from contextlib import contextmanager

from neurosim.builtins.event_files import beginning, scalars, text
from neurosim.errors import DataError
from neurosim.plugin import RunObserver, hookimpl

TABLE = "log.csv"
# TensorBoard finds a file by this word in its name, and reads the newest, by name, last.
EVENTS = "events.out.tfevents.{:010.0f}.neurosim"


def csv_started(progress):
    if progress.folder is not None:
        _begin(progress.folder / TABLE, _rows(progress.records, header=True))


def csv_epoch(progress):
    if progress.folder is not None:
        _append(progress.folder / TABLE, _rows([progress.record], header=progress.epoch == 1))


def tensorboard_started(progress):
    if progress.folder is None:
        return
    for old in _event_files(progress.folder):
        with _writing(old):
            old.unlink(missing_ok=True)
    # An epoch of an earlier session is where it was in time, as far as that is known.
    now = time.time() - sum(record["seconds"] for record in progress.records)
    content = beginning(now)
    if progress.settings:
        rows = [f"| {name} | `{value}` |" for name, value in progress.settings.items()]
        content += text("scenario", "\n".join(["| setting | value |", "|---|---|", *rows]), now)
    for record in progress.records:
        now += record["seconds"]
        content += _event(record, now)
    _begin(progress.folder / EVENTS.format(time.time()), content)


def tensorboard_epoch(progress):
    if progress.folder is None:
        return
    there = _event_files(progress.folder) or [progress.folder / EVENTS.format(time.time())]
    _append(there[-1], _event(progress.record, time.time()))


def _rows(records, *, header):
    """Lines of CSV: a record each, with empty cells for measures that the run does not have."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if header and records:
        writer.writerow(records[0])
    writer.writerows(record.values() for record in records)
    return file.getvalue().encode()


def _event(record, when):
    """An epoch as an event: measures of one kind, such as the losses of all splits, stand side by side."""
    values = {}
    for name, value in record.items():
        split, _, measure = name.partition("_")
        if name != "epoch" and value is not None:
            values[f"{measure}/{split}" if split in ("train", "validation", "test") else name] = value
    return scalars(values, record["epoch"], when)


def _event_files(folder):
    return sorted(folder.glob("events.out.tfevents.*.neurosim"))


def _begin(path, content):
    with _writing(path):
        path.unlink(missing_ok=True)
        # A new file, never the target of a link.
        with path.open("xb") as file:
            file.write(content)


def _append(path, content):
    with _writing(path), path.open("ab") as file:
        file.write(content)


@contextmanager
def _writing(path):
    try:
        yield
    except OSError as error:
        raise DataError(f"the log {path} cannot be written: {error.strerror or error}") from error


@hookimpl
def neurosim_observers():
    return [
        RunObserver(
            "csv",
            started=csv_started,
            epoch=csv_epoch,
            left=csv_started,
            log=True,
            source="a log: the epochs as a table, log.csv in the run's folder",
        ),
        RunObserver(
            "tensorboard",
            started=tensorboard_started,
            epoch=tensorboard_epoch,
            left=tensorboard_started,
            log=True,
            source="a log: the epochs as an event file in the run's folder, for TensorBoard",
        ),
    ]
