"""What a run measured, epoch by epoch."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from neurosim.markup import OWN_MEASURES, measure, measure_words, table

Record = dict[str, Any]
METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
# Epochs in the table of a notebook.
SHOWN = 10
COLUMNS = ("epoch", *METRICS, "lr", "seconds")
SPLITS = ("train", "validation", "test")
_OF_SPLIT = re.compile(f"({'|'.join(SPLITS)})_([a-z][a-z0-9_]*)")


def metrics_in(measures: Iterable[str]) -> list[str]:
    """Those of some measures, by name, that ``training.metrics`` has asked for: what no run has by itself."""
    return [name for name in measures if _was_asked_for(name)]


@functools.lru_cache
def _was_asked_for(measure: str) -> bool:
    match = _OF_SPLIT.fullmatch(measure)
    return match is not None and match[2] not in OWN_MEASURES


def scheduled_in(record: Iterable[str]) -> list[str]:
    """The keys of a record that say what schedules have made of other settings than the learning rate."""
    return [name for name in record if "." in name]


class History(Sequence[Record]):
    """Per-epoch records; each column is also an attribute, such as ``history.train_loss``.

    ``train_loss`` and ``train_accuracy`` are measured on each batch just before its update, with
    dropout on; the other measures are taken at the end of the epoch, with dropout off. A measure
    that a run does not have is None. What ``training.metrics`` asks for is among them, such as
    ``history.test_f1``, and taken at the end of the epoch. ``epoch`` counts from 1, ``seconds`` is the
    training time of the epoch, ``lr`` the learning rate of its last step. What else a schedule changes is in the
    records too, by its key: ``record["optimizer.momentum"]``.
    """

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._records = list(records)

    def append(self, record: Record) -> None:
        """Add the record of one more epoch."""
        self._records.append(record)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @property
    def measures(self) -> list[str]:
        """The names of all measures that it may have: those of every run, and those of the metrics."""
        return [*METRICS, *metrics_in(self._records[0] if self._records else ())]

    @property
    def _columns(self) -> list[str]:
        return ["epoch", *self.measures, "lr", "seconds"]

    @property
    def _on_other_splits(self) -> set[str]:
        """What the metrics are called on splits that this run does not have: there, as for the loss, all is None."""
        return {f"{split}_{name.partition('_')[2]}" for name in metrics_in(self.measures) for split in SPLITS}

    def __getattr__(self, name: str) -> list[Any]:
        # Where a copy is being made there are no records yet.
        if name.startswith("_") or name not in (*self._columns, *self._on_other_splits):
            raise AttributeError(f"this history has {', '.join(self._columns)}, not {name!r}")
        return [record.get(name) for record in self._records]

    def _repr_html_(self) -> str:
        """The first and the last epochs as a table, for notebooks."""
        there = [name for name in self.measures if any(value is not None for value in getattr(self, name))]
        rows = [[str(record["epoch"]), *(measure(name, record.get(name)) for name in there)] for record in self]
        if len(rows) > SHOWN:
            rows = [*rows[: SHOWN // 2], ["…"] * (len(there) + 1), *rows[-SHOWN // 2 :]]
        header = ["epoch", *map(measure_words, there)]
        return table(header, rows, range(len(header)), f"{len(self)} epochs")

    def __repr__(self) -> str:
        return f"<History of {len(self)} epochs: {', '.join(self._columns)}>"
