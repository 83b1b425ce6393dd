"""The run folder: what a run leaves behind, for people, for plots and for other tools."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import json
import math
import os
import platform
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.data.arrays import FILE, write_rows
from neurosim.errors import DataError, DivergedError
from neurosim.files.atomic import (
    cannot_write,
    make_folder,
    missing,
    must_remove,
    remove,
    remove_empty,
    sweep,
    write_atomically,
)
from neurosim.files.lock import FolderLock
from neurosim.printable import command, quoted
from neurosim.runs.identity import Identity, plugin_records
from neurosim.runs.model import MODEL, model_bytes
from neurosim.scenario import Scenario
from neurosim.scenario.run_folders import BEGUN as BEGUN
from neurosim.scenario.run_folders import CHECKPOINTS as CHECKPOINTS
from neurosim.scenario.run_folders import RUNS
from neurosim.scenario.run_folders import SCENARIO as SCENARIO
from neurosim.scenario.run_folders import SEEDS as SEEDS
from neurosim.scenario.schema import PATHS
from neurosim.scenario.study import Variant
from neurosim.training.history import COLUMNS, Record, metrics_in
from neurosim.training.recording.recording import FILE as RECORD
from neurosim.training.simulator import Simulator
from neurosim.version import __version__

METRICS = "metrics.jsonl"
SUMMARY = "summary.json"
FAILURE = "failure.json"
# Of a run of many seeds: the outcome of each.
ENSEMBLE = "ensemble.csv"
# Of a replay: where it forks.
FORK = "replay.json"
# Written last.
PAGE = "report.html"
# The networks of a study, each with a run folder of its own.
MEMBERS = "members"
# More runs than this never share a name and a second.
_MOST = 1_000_000
# An encoder of its own: `json.dumps` makes one for each line.
_encoded = json.JSONEncoder(allow_nan=False).encode
_CHECKPOINT = re.compile(r"step-\d{12,}\.safetensors")


def portable(scenario: Scenario, folder: Path | None = None, whole: Path | None = None) -> Scenario:
    """The scenario with absolute paths of data files, so that a copy elsewhere finds them.

    For a copy in `folder`, rows that are kept there, or in the folder of the `whole` study, go with it wherever it is
    moved: they are named from there.
    """
    given = scenario.given
    if given.variants:
        moved = [_portable_variant(variant, scenario.base) for variant in given.variants]
        scenario = replace(scenario, given=given.model_copy(update={"variants": moved}))
    paths = {option: _absolute(path, scenario.base) for option, path in scenario.data.paths.items()}
    if not paths or (scenario.table is not None and folder is None):
        return scenario
    if folder is not None and paths.get("file") == _absolute(FILE, whole or folder):
        paths["file"] = Path(os.path.relpath(paths["file"], folder.resolve())).as_posix()
    return replace(scenario, data=scenario.data.with_paths(paths))


def keep_rows(scenario: Scenario, folder: Path) -> Scenario:
    """Write the rows of a scenario to a folder, if they were given in Python; the scenario that finds them there."""
    if scenario.table is None:
        return scenario
    write_atomically(folder / FILE, write_rows(scenario.table))
    return replace(scenario, base=folder)


def _portable_variant(variant: Variant, base: Path) -> Variant:
    """A variant with an absolute path of its data file, if it has one."""
    moved = variant.model_copy()
    changes = dict(moved.__pydantic_extra__ or {})
    data = changes.get("data")
    for option in PATHS:
        if isinstance(data, dict) and isinstance(data.get(option), str):
            changes["data"] = data = {**data, option: _absolute(data[option], base)}
        if isinstance(changes.get(f"data.{option}"), str):
            changes[f"data.{option}"] = _absolute(changes[f"data.{option}"], base)
    moved.__pydantic_extra__ = changes
    return moved


def _absolute(file: str, base: Path) -> str:
    try:
        return str((base / file).resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a null byte: said when it is to be read
        return str(base / file)


@contextlib.contextmanager
def folder_for(out: Path | None, name: str) -> Iterator[Path]:
    """The folder that a command writes to: `out`, or ``runs/<name>-<UTC time>``, made for it alone.

    If nothing has been written to the folder made here by the end, it is removed again.

    Raises
    ------
    DataError
        When the folder cannot be made.
    """
    if out is not None:
        yield out
        return
    made = missing(RUNS)
    folder = _claimed(f"{name}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}")
    try:
        yield folder
    finally:
        remove_empty([folder, *made])


def _claimed(name: str) -> Path:
    """A new folder below ``runs/``; a number is added where another process, or an earlier run, has the name."""
    number = 1
    while True:
        folder = make_folder(RUNS) / (name if number == 1 else f"{name}-{number}")
        number += 1
        try:
            folder.mkdir()
            return folder
        except OSError as error:
            # Another process may just have removed the parent folder because it was empty.
            if not isinstance(error, FileExistsError | FileNotFoundError) or number > _MOST:
                raise cannot_write(folder, error) from error


@contextlib.contextmanager
def opened(path: Path | None, *, resume: bool = False, study: Path | None = None) -> Iterator[RunFolder | None]:
    """A `RunFolder` that is closed at the end; None where no files are wanted."""
    if path is None:
        yield None
        return
    folder = RunFolder(path, resume=resume, study=study)
    try:
        yield folder
    finally:
        folder.close()


class RunFolder:
    """Writes the files of one run as they become available.

    Parameters
    ----------
    path : Path
        The folder; made if it does not exist.
    resume : bool
        Resume the run in it; else a run in it, finished or not, is refused. Nothing is written before `begin`.
    study : Path, optional
        The study that the run is one of: that is what can be resumed.

    Raises
    ------
    DataError
        When the folder cannot be made or written, already holds a run, or another process writes to it.
    """

    def __init__(self, path: Path, *, resume: bool = False, study: Path | None = None) -> None:
        if path.exists() and not path.is_dir():
            raise DataError(f"{path} is a file, not a folder", "Choose another folder (out=...).")
        # A run that is refused or stopped before anything is written leaves nothing behind.
        self._made = missing(path)
        self.path = make_folder(path)
        self.whole = study or path
        self.metrics_path = path / METRICS
        try:
            self._lock = FolderLock(path, resuming=resume)
        except DataError:
            remove_empty(self._made)
            raise
        # Whether the files there belong to this very run.
        self._own = resume
        if not resume:
            try:
                _refuse_other_run(path)
            except DataError:
                self.close()
                raise

    def close(self) -> None:
        """Let other processes write there; called at the end, however the run ends."""
        self._lock.release()
        remove_empty(self._made)

    def start(self, scenario: Scenario, backend: str, records: list[Record]) -> None:
        """Write the scenario, the backend, and the metrics of the epochs that are done already."""
        self.begin(scenario, {"backend": backend})
        if records:
            self._write_metrics(records)
        else:
            self._empty_metrics()

    def begin(
        self,
        scenario: Scenario,
        begun: Mapping[str, Any],
        *,
        finished: bool = False,
        first: Callable[[], object] | None = None,
    ) -> None:
        """Write the scenario, and first what else must be known; unless all is trained, the run is unfinished again.

        Parameters
        ----------
        scenario : Scenario
            The scenario; data files are named from the root.
        begun : mapping
            What else must be known to resume it before it has kept anything: the ``backend``; for many seeds the
            ``seeds`` as well, and what they belong to.
        finished : bool
            Whether all is trained.
        first : function, optional
            Writes what must be there before the scenario.

        Raises
        ------
        DataError
            When the scenario of another run is there, and the run does not resume that one.
        """
        if scenario.table is not None:
            # Those of a study are in its folder, for all its networks.
            scenario = replace(scenario, base=self.whole)
        there, scenario_text = self.path / SCENARIO, portable(scenario, self.path, self.whole).to_toml()
        if not self._own and there.exists() and not _says(there, scenario_text):
            raise DataError(
                f"{there} is a different scenario from the one to run",
                "Choose another folder (out=...), or remove that file.",
            )
        # Left by a process that was killed while writing; nobody else writes here now.
        sweep(self.path)
        sweep(self.path / CHECKPOINTS)
        if not finished:
            into = SEEDS if "seeds" in begun else BEGUN
            # Left by a different run that was killed here before it had kept anything.
            others = set() if self._own else {METRICS, RECORD, FORK}
            for name in {FAILURE, SUMMARY, BEGUN, SEEDS, ENSEMBLE, *others} - {into}:
                must_remove(self.path / name)
            # Before the scenario: a folder that has one is a run, and it must be known which.
            write_atomically(self.path / into, json.dumps(begun) + "\n")
        if first is not None:
            first()
        if self.whole == self.path:
            keep_rows(scenario, self.path)
        write_atomically(there, scenario_text)
        self._own = True

    def ended(self) -> None:
        """Forget what is needed only while a run is under way."""
        for name in (BEGUN, SEEDS):
            remove(self.path / name)

    def add_epoch(self, record: Record) -> None:
        """Append one epoch to ``metrics.jsonl``."""
        try:
            with self.metrics_path.open("a", encoding="utf-8") as file:
                file.write(metrics_line(record))
        except OSError as error:
            raise cannot_write(self.metrics_path, error) from error

    def _empty_metrics(self) -> None:
        """Begin with no epochs; nothing is lost if that does not reach the disk."""
        must_remove(self.metrics_path)
        try:
            # A new file, never the target of a link.
            self.metrics_path.open("xb").close()
        except OSError as error:
            raise cannot_write(self.metrics_path, error) from error

    def _write_metrics(self, records: Iterable[Record]) -> None:
        write_atomically(self.metrics_path, "".join(metrics_line(record) for record in records))

    def fail(self, simulator: Simulator, error: DivergedError, identity: Identity) -> None:
        """Write why training ended in the epoch after the last complete one; later epochs are dropped."""
        epoch = len(simulator.history) + 1
        # It may have diverged in its measures, after all steps.
        must_remove(self.path / MODEL)
        self._write_metrics(simulator.history)
        words = {
            "kind": "diverged",
            "epoch": epoch,
            "message": error.message,
            "backend": simulator.backend,
            "files_sha256": self._digests(METRICS),
            "identity": identity.as_json(),
        }
        write_atomically(self.path / FAILURE, json.dumps(words, indent=2) + "\n")
        self.ended()

    def _digests(self, *names: str) -> dict[str, str]:
        """SHA-256 of files of the run, so that later changes to them are noticed."""
        return {name: digest(self.path / name) for name in names}

    def keep_model(self, simulator: Simulator, identity: Identity) -> None:
        """Write the model as soon as it is trained: anything after that may fail."""
        write_atomically(self.path / MODEL, model_bytes(simulator, identity))

    def finish(self, simulator: Simulator, summary: Mapping[str, Any], identity: Identity) -> None:
        """Write what was recorded, then the summary, which makes the run finished; the model is there already."""
        if simulator.recording is not None:
            write_atomically(self.path / RECORD, simulator.recording.to_bytes())
        files = self._digests(METRICS, MODEL, *([] if simulator.recording is None else [RECORD]))
        self.conclude({**summary, "files_sha256": files, "identity": identity.as_json()}, simulator.scenario)

    def conclude(self, summary: Mapping[str, Any], scenario: Scenario) -> None:
        """Write the summary, which makes the run finished, with what it may depend on besides the scenario."""
        complete = {**summary, **provenance(scenario)}
        write_atomically(self.path / SUMMARY, json.dumps(complete, indent=2, allow_nan=False) + "\n")
        self.ended()


def _says(path: Path, text: str) -> bool:
    """Whether a file holds exactly this text."""
    try:
        return path.is_file() and path.read_bytes() == text.encode()
    except OSError:
        return False


def digest(path: Path) -> str:
    """SHA-256 of a file's content; raises DataError when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}", "Every run has such a file.") from error


def _refuse_other_run(path: Path) -> None:
    """Raise DataError where a folder has a finished run, or one that can be resumed."""
    if (path / SUMMARY).exists():
        page = "" if (path / PAGE).exists() else f"{command('run', resume=path)}  writes its page. "
        raise DataError(
            f"{path} already holds a finished run", f"{page}Choose another folder (out=...), or remove that one."
        )
    what, how = "", "resumes it"
    if (path / MEMBERS).exists():
        what = "a study that was interrupted"
    elif (path / SEEDS).exists() and (path / SCENARIO).exists():
        what, how = "a run of many seeds that was interrupted", "trains them again"
    elif (path / FAILURE).exists():
        raise DataError(
            f"{path} holds a run that diverged",
            f"neurosim doctor {quoted(path)}  says why; choose another folder (out=...), or remove that one.",
        )
    elif checkpoints_in(path):
        if not (path / SCENARIO).exists():
            raise DataError(
                f"{path} holds a checkpoint without the scenario that it belongs to",
                "Choose another folder (out=...), or remove that one.",
            )
        what = "a run that was interrupted"
    elif (path / MODEL).exists():
        what, how = "a trained network whose run did not finish", "completes it"
    if what:
        raise DataError(
            f"{path} holds {what}",
            f"{command('run', resume=path)}  {how}; or choose another folder (out=...), or remove that one.",
        )


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints of a run folder, the newest last."""
    return sorted(path for path in (folder / CHECKPOINTS).glob("*") if _CHECKPOINT.fullmatch(path.name))


def train_again(folder: Path) -> str:
    """The command that trains the run in a folder again; its user names its data files, if it has any."""
    named = None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        data = tomllib.loads((folder / SCENARIO).read_text(encoding="utf-8"))["data"]
        named = [f"data.{option}={data[option]}" for option in PATHS if data.get(option)]
    return command("run", str(folder / SCENARIO), out="DIR", set=named)


def finite(measures: Mapping[str, Any]) -> dict[str, Any]:
    """The same measures, with None for those that are not finite: JSON has no infinity."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in measures.items()
    }


def metrics_line(record: Record) -> str:
    """An epoch as a line of ``metrics.jsonl``."""
    return _encoded(finite({name: record[name] for name in _in_order(tuple(record))})) + "\n"


@functools.lru_cache
def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of a record as they are written: those of every run, the metrics, then the rest."""
    first = [name for name in COLUMNS[:-2] if name in names]
    return tuple(dict.fromkeys([*first, *metrics_in(names), *names]))


def provenance(scenario: Scenario) -> dict[str, Any]:
    """Versions, machine and the plugins used: what a result may depend on besides its scenario."""
    import numba
    import scipy

    versions = {
        "neurosim": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "scipy": scipy.__version__,
    }
    machine = {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()}
    plugins = [plugin._asdict() for plugin in plugin_records(scenario)]
    return {"versions": versions, "machine": machine, "plugins": plugins}
