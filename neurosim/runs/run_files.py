"""Reading the text files of a run, which are believed only where a run can have written what they say."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from neurosim.errors import DataError
from neurosim.runs.folder import METRICS as FILE
from neurosim.runs.folder import SUMMARY, train_again
from neurosim.runs.identity import Identity
from neurosim.training.history import METRICS, History, metrics_in, scheduled_in
from neurosim.training.measures import FINAL_ONLY

LONGEST_LINE = 1000
BACKENDS = ("cpu", "cuda", "reference")
# Every run has these, null without such rows; the ones of validation appear only where there are validation rows.
_ALWAYS = tuple(name for name in METRICS if not name.startswith("validation"))


@dataclass(frozen=True)
class Summary:
    """What ``summary.json`` says of a run.

    Attributes
    ----------
    backend : str
        Where it was trained.
    seed, epochs : int
        Its seed, and how many epochs it trained.
    final : dict of str to float or None
        The measures at the end.
    seconds : dict of str to float
        ``compile``, ``train`` and ``total``.
    rows_sha256 : dict of str to str
        SHA-256 of the rows of each split; empty in runs of older versions.
    identity : Identity or None
        What its numbers belong to; None in runs of older versions.
    mixed : str
        A line saying which epochs were trained differently; empty if none were.
    stopped : str
        Why an observer stopped it; empty if none did.
    parameters : int or None
        How many the network has; None where the summary does not say.
    met : bool or None
        Whether it met all that its scenario expects; None where that is nothing.
    multiply_adds : int or None
        Of one row on its way forward; None in runs of older versions.
    """

    backend: str
    seed: int
    epochs: int
    final: dict[str, float | None]
    seconds: dict[str, float]
    rows_sha256: dict[str, str]
    identity: Identity | None
    mixed: str = ""
    stopped: str = ""
    parameters: int | None = None
    met: bool | None = None
    multiply_adds: int | None = None


@dataclass(frozen=True)
class Failure:
    """What ``failure.json`` says of a run that diverged: where it was trained, in which epoch it ended, and why.

    Runs of older versions have no `identity`.
    """

    backend: str
    epoch: int
    message: str
    identity: Identity | None


def read_history(path: Path) -> History:
    """The epochs of a ``metrics.jsonl``; raises DataError when it cannot be read or is damaged."""
    records = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        written = Written(_parsed(line, path, f"line {number}: "), path, f"line {number}: ")
        if written.whole("epoch") != number:
            written.refuse(f"epoch {written.entry('epoch')} comes where epoch {number} should be")
        there = [name for name in METRICS if name in written.values]
        for name in (*_ALWAYS, "lr", "seconds", *there, *metrics_in(written.values), *scheduled_in(written.values)):
            written.measure(name)
        records.append(written.values)
    return History(records)


def read_summary(path: Path) -> Summary:
    """The ``summary.json`` of a run; raises DataError when it cannot be read or is damaged."""
    written = read_object(path)
    final, seconds = written.part("final"), written.part("seconds")
    measures = [name for name in (*METRICS, *FINAL_ONLY) if name in _ALWAYS or name in final.values]
    measures += metrics_in(final.values)
    rows = written.texts("rows_sha256") if "rows_sha256" in written.values else {}
    if rows and "train" not in rows:
        written.refuse("rows_sha256 lacks the training rows")
    return Summary(
        written.backend(),
        written.whole("seed"),
        written.whole("epochs"),
        {name: final.measure(name) for name in measures},
        {name: seconds.number(name) for name in ("compile", "train", "total")},
        rows,
        written.identity(),
        written.text("mixed") if "mixed" in written.values else "",
        written.line("stopped") if "stopped" in written.values else "",
        written.whole("parameters") if "parameters" in written.values else None,
        written.met(),
        written.whole("multiply_adds") if "multiply_adds" in written.values else None,
    )


def read_object(path: Path) -> Written:
    """The JSON object in a file of a run; raises DataError when it cannot be read or is damaged."""
    return Written(_parsed(_text(path), path), path)


def read_measures(folder: Path) -> tuple[Summary, History]:
    """The summary and the epochs of a finished run; raises DataError where one is damaged or they do not agree."""
    summary, history = read_summary(folder / SUMMARY), read_history(folder / FILE)
    if summary.epochs != len(history):
        raise damaged(folder / FILE, f"it has {len(history)} epochs, and {SUMMARY} says {summary.epochs}")
    return summary, history


def read_failure(path: Path) -> Failure:
    """The ``failure.json`` of a run that diverged; raises DataError when it cannot be read or is damaged."""
    written = read_object(path)
    message = written.entry("message")
    if not isinstance(message, str):
        written.refuse("message is not text")
    return Failure(written.backend(), written.whole("epoch"), str(message), written.identity())


def is_there(path: Path) -> bool:
    """Whether the file exists; raises DataError for anything else of this name."""
    if path.is_file():
        return True
    if path.is_symlink():
        raise DataError(f"{path} is a link to nowhere", "Bring the file back that it leads to, or remove the link.")
    if path.exists():
        raise DataError(f"{path} is not a file", "A run writes a file of this name: remove what is there now.")
    return False


def damaged(path: Path, what: str) -> DataError:
    """The error for a file whose content no run can have written."""
    again = train_again(path.parent)
    return DataError(f"{path} is damaged: {what}", f"It was changed after the run. To train the run again:  {again}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}", "Every run has such a file.") from error
    except ValueError as error:
        raise damaged(path, f"not text in UTF-8: {error}") from error


def _parsed(text: str, path: Path, place: str = "") -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"{place}not JSON: {error}") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number there")


class Written:
    """A JSON object written by a run; its methods raise DataError for entries that no run writes."""

    def __init__(self, values: Any, path: Path, place: str = "") -> None:
        self.values: dict[str, Any] = values
        self._path, self._place = path, place
        if not isinstance(values, dict):
            self.refuse("expected a JSON object with braces")

    def refuse(self, what: str) -> NoReturn:
        """Raise the error for an entry that no run writes."""
        raise damaged(self._path, self._place + what)

    def entry(self, key: str) -> Any:
        """The value of a key, which must be there."""
        if key not in self.values:
            self.refuse(f"there is no {key}")
        return self.values[key]

    def part(self, key: str) -> Written:
        """The object under a key."""
        return Written(self.entry(key), self._path, f"{self._place}{key}: ")

    def text(self, key: str) -> str:
        """A string."""
        if not isinstance(self.entry(key), str):
            self.refuse(f"{key} is not text")
        return str(self.entry(key))

    def line(self, key: str) -> str:
        """A string that is one line, safe to print."""
        text = self.text(key)
        if not text.isprintable() or len(text) > LONGEST_LINE:
            self.refuse(f"{key} is not a line of text")
        return text

    def texts(self, key: str) -> dict[str, str]:
        """The object under a key, whose values must all be strings."""
        texts = self.part(key).values
        if not all(isinstance(text, str) for text in texts.values()):
            self.refuse(f"{key} are not all text")
        return texts

    def backend(self) -> str:
        """The name of a backend under ``backend``."""
        name = self.entry("backend")
        if name not in BACKENDS:
            self.refuse(f"backend is none of {', '.join(BACKENDS)}")
        return str(name)

    def identity(self) -> Identity | None:
        """What its numbers belong to; None in files of older versions, which do not say."""
        if self.values.get("identity") is None:
            return None
        try:
            return Identity.from_json(self.entry("identity"))
        except ValueError as error:
            self.refuse(str(error))

    def met(self) -> bool | None:
        """Whether all ``expectations`` were met; None where there are none."""
        promises = self.values.get("expectations", [])
        if not isinstance(promises, list) or not all(isinstance(promise, dict) for promise in promises):
            self.refuse("expectations is not a list of objects")
        kept = [promise.get("met") for promise in promises]
        if not all(isinstance(one, bool) for one in kept):
            self.refuse("an expectation does not say whether it was met")
        return all(kept) if kept else None

    def whole(self, key: str) -> int:
        """A whole number from 0."""
        number = self.entry(key)
        if type(number) is not int or not 0 <= number < 2**63:
            self.refuse(f"{key} is not a whole number")
        return int(number)

    def number(self, key: str) -> float:
        """A finite number."""
        number = self.entry(key)
        if type(number) not in (int, float) or abs(number) > sys.float_info.max:
            self.refuse(f"{key} is not a number")
        return float(number)

    def measure(self, key: str) -> float | None:
        """A finite number, or null."""
        return None if self.entry(key) is None else self.number(key)
