"""Optuna's study of a sweep, in a journal in its folder: any process can report to it, and Optuna itself opens it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim.errors import DataError, NeurosimError, UsageError
from neurosim.training.history import Record
from neurosim.training.observer import Observer

JOURNAL = "optuna.journal"
_LOCK = f".{JOURNAL}.lock"
# A trial that is pruned is asked about so many times at the most: each time costs a write to the disk.
REPORTS = 30
STOPPED = "stopped early"


class StoppedEarlyError(NeurosimError):
    """A trial was behind the others, and was not trained to its end."""


@dataclass(frozen=True)
class Asked:
    """A trial that a study has asked for.

    Attributes
    ----------
    journal : Path
        The file of the study.
    study : str
        Its name.
    number : int
        The number of the trial.
    measure : str
        What decides.
    epochs : int
        How many epochs the scenario has.
    prune : str or None
        Which trials are stopped early.
    """

    journal: Path
    study: str
    number: int
    measure: str
    epochs: int
    prune: str | None = None

    def observer(self) -> Observer:
        """What hears of the epochs of the trial, and stops it where it is behind."""
        return Observer() if self.prune is None else _Pruned(self, self.prune)


class _Pruned(Observer):
    """Reports the epochs of a trial, now and then."""

    def __init__(self, asked: Asked, prune: str) -> None:
        optuna = import_optuna()
        if not asked.journal.is_file():
            raise UsageError(
                f"what trains cannot read {asked.journal}, through which trials are stopped early",
                "Choose a folder that all machines share, or stop no trial early.",
            )
        self._asked = asked
        self._every = max(1, asked.epochs // REPORTS)
        with quietly():
            study = optuna.load_study(
                study_name=asked.study, storage=_storage_of(asked.journal), pruner=_pruner(prune, asked.epochs)
            )
            frozen = study.get_trials(deepcopy=False)[asked.number]
            # A trial that was under way when its sweep was killed has come so far before.
            self._known = max(frozen.intermediate_values, default=0)
            self._trial = optuna.trial.Trial(study, frozen._trial_id)

    def epoch(self, record: Record) -> None:
        """An epoch has ended; raises StoppedEarlyError where the trial is behind."""
        epoch = record["epoch"]
        value = record.get(self._asked.measure)
        if epoch % self._every or epoch >= self._asked.epochs or epoch < self._known or value is None:
            return
        with quietly():
            if epoch > self._known:
                self._trial.report(value, epoch)
            stops = self._trial.should_prune()
        if stops:
            raise StoppedEarlyError(f"{STOPPED} after {epoch:,} epoch{'s' * (epoch != 1)}")


def import_optuna() -> Any:
    """Optuna, which is imported only where it is needed."""
    try:
        import optuna
        import optuna.storages.journal
    except ImportError as error:
        raise UsageError(
            "the searches tpe and cmaes are Optuna's, which is not installed", 'pip install "neurosim-edu[sweep]"'
        ) from error
    return optuna


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Within this Optuna does not say what neurosim says itself, and not what it calls experimental."""
    optuna = import_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def open_study(journal: Path, name: str, *, largest: bool, about: Mapping[str, Any]) -> Any:
    """A study in a journal, as it was left or new; raises DataError where the journal is damaged."""
    optuna = import_optuna()
    _mend(journal)
    try:
        with quietly():
            study = optuna.create_study(
                study_name=name,
                storage=_storage_of(journal),
                direction="maximize" if largest else "minimize",
                load_if_exists=True,
            )
            for key, value in about.items():
                if study.user_attrs.get(key) != value:
                    study.set_user_attr(key, value)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{journal} cannot be read: {error}",
            "Move it away: the trials that have been trained stay, and the search begins anew.",
        ) from error
    return study


def sampler(search: str, seed: int) -> Any:
    """What chooses a point; a new one for each, so that what it draws does not depend on when it began."""
    samplers = import_optuna().samplers
    with quietly():
        if search == "tpe":
            # Trials that are under way count as bad, so that processes do not all try the same.
            return samplers.TPESampler(seed=seed, constant_liar=True)
        try:
            import cmaes  # noqa: F401
        except ImportError as error:
            raise UsageError(
                "the search cmaes needs the package cmaes, which is not installed",
                'pip install "neurosim-edu[sweep]"',
            ) from error
        return samplers.CmaEsSampler(
            seed=seed, warn_independent_sampling=False, independent_sampler=samplers.RandomSampler(seed=seed)
        )


def _pruner(prune: str, epochs: int) -> Any:
    pruners = import_optuna().pruners
    if prune == "median":
        return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=epochs // 10)
    return pruners.HyperbandPruner(min_resource=max(1, epochs // 27), max_resource=max(1, epochs))


def _storage_of(journal: Path) -> Any:
    """The storage of a journal: one for each file and process, since it remembers what it has read."""
    path = journal.resolve()
    if path not in _storages:
        optuna = import_optuna()
        backend = optuna.storages.journal.JournalFileBackend(str(path), lock_obj=_lock(path))
        _storages[path] = optuna.storages.journal.JournalStorage(backend)
    return _storages[path]


_storages: dict[Path, Any] = {}


def forget(journal: Path) -> None:
    """Forget what this process knows of a journal: another may have written to it, or removed it."""
    _storages.pop(journal.resolve(), None)


def _lock(journal: Path) -> Any:
    """A lock that ends with its process, unlike Optuna's, which others wait half a minute for if it was killed."""
    optuna = import_optuna()
    try:
        import fcntl
    except ImportError:  # Windows
        return optuna.storages.journal.JournalFileOpenLock(str(journal))

    class Lock:
        def __init__(self) -> None:
            self._file: Any = None

        def acquire(self) -> bool:
            self._file = journal.with_name(_LOCK).open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            return True

        def release(self) -> None:
            self._file.close()

    return Lock()


def _mend(journal: Path) -> None:
    """Take away the end of a line that a power cut has left without the rest."""
    forget(journal)
    if not journal.is_file():
        return
    lock = _lock(journal.resolve())
    lock.acquire()
    try:
        with journal.open("r+b") as file:
            text = file.read()
            whole = text.rfind(b"\n") + 1
            if whole < len(text):
                file.truncate(whole)
    finally:
        lock.release()
