"""Sweeps on a Dask cluster: what its workers need is sent to them, and what they have trained comes back as files.

The workers train into folders of their own. Whole trials come back, and this process alone writes them: the machines
need no folder in common, and a worker that dies leaves nothing half done.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.backends.arithmetic import arithmetic_of, compiler_of
from neurosim.errors import DataError, NeurosimError, UsageError
from neurosim.files.atomic import make_folder, synced_at_the_end, write_atomically
from neurosim.runs.folder import SCENARIO, portable
from neurosim.sweeps.executors import Connect, Task
from neurosim.sweeps.packs import packs_in
from neurosim.sweeps.storage import whole
from neurosim.sweeps.trials import Maker, Recipe
from neurosim.sweeps.worker import Ended, Worker
from neurosim.version import __version__

# Seconds in which a scheduler has to answer, and to have a worker.
PATIENCE = 10
_ADDRESS = re.compile(r"(?:dask|tcp|tls)://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Parcel:
    """What a worker needs to make the trials of a sweep.

    Attributes
    ----------
    name : str
        A hash of all the rest.
    files : mapping of str to bytes
        The scenario, the files of data that it names, and the plugin files, by the paths that they get there.
    plugins : tuple of str
        Which of them are plugins.
    out : str
        The folder of the sweep.
    data_dir : str
        Where the user says that data sets are, here and there; empty: wherever they are on each machine.
    backend : str
        Where to train.
    versions : mapping of str to str
        What decides the last bits here, as in the identity of a run.
    """

    name: str
    files: Files
    plugins: tuple[str, ...]
    out: str
    data_dir: str
    backend: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Trained:
    """What has become of a task, and the files of its trials, by their paths in the folder of the sweep."""

    ended: list[Ended]
    files: Files


def parcel_of(maker: Maker, out: Path) -> Parcel:
    """What the workers need for the trials that `maker` makes, which will be in the folder `out`.

    Raises
    ------
    DataError
        When a file that they need cannot be read.
    """
    scenario, recipe = maker.scenario, maker.recipe
    files: dict[str, bytes] = {}
    paths = {}
    for option, path in portable(scenario).data.paths.items():
        place = f"data/{option}/{Path(path).name}"
        files |= _read(Path(path), place)
        paths[option] = place
    plugins = []
    for number, plugin in enumerate(plugin for plugin in scenario.plugins if plugin.origin.endswith(".py")):
        if not plugin.version:  # of an installed package the worker has its own
            place = f"plugins/{number}/{Path(plugin.origin).name}"
            files |= _read(Path(plugin.origin), place)
            plugins.append(place)
    files[SCENARIO] = replace(scenario, data=scenario.data.with_paths(paths)).to_toml().encode()
    data_dir = "" if recipe.data_dir is None else str(recipe.data_dir.absolute())
    digest = hashlib.sha256(repr((str(out), data_dir, recipe.backend, plugins)).encode())
    for place, content in sorted(files.items()):
        digest.update(place.encode() + b"\0" + hashlib.sha256(content).digest())
    name = f"neurosim-{digest.hexdigest()[:24]}"
    return Parcel(name, files, tuple(plugins), str(out), data_dir, recipe.backend, _versions(recipe.backend))


def _read(path: Path, place: str) -> dict[str, bytes]:
    """A file, or all files of a folder, each with the path that it gets."""
    try:
        if not path.is_dir():
            return {place: path.read_bytes()}
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        return {f"{place}/{file.relative_to(path).as_posix()}": file.read_bytes() for file in files}
    except OSError as error:
        raise DataError(f"cannot read {path}, which the workers need: {error.strerror}") from error


def _versions(backend: str) -> dict[str, str]:
    return {"neurosim": __version__, "NumPy": np.__version__, **compiler_of(backend), **arithmetic_of(backend)}


class Cluster:
    """The workers of a Dask cluster; an `neurosim.sweeps.executors.Executor`.

    Parameters
    ----------
    address : str
        ``dask://HOST:PORT`` of its scheduler, or ``tls://HOST:PORT``; certificates are those of Dask's configuration.
    maker : Maker
        Makes the scenarios here.
    out : Path
        The folder of the sweep.

    Raises
    ------
    UsageError
        When this is no address, or Dask is not installed.
    DataError
        When nobody answers there, or there is no worker.
    """

    def __init__(self, address: str, maker: Maker, out: Path) -> None:
        check_address(address)
        self._distributed = distributed = _import_distributed()
        self._address, self._out = address, out
        parcel = parcel_of(maker, out)
        # It says in the middle of our lines what is said here in a sentence.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            host, _, port = address.partition("://")[2].rpartition(":")
            # Where nobody is, Dask tries again and again.
            socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._client = distributed.Client(
                    re.sub("^dask:", "tcp:", address), timeout=PATIENCE, set_as_default=False
                )
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"no Dask scheduler answers at {address}: {_first_line(error)}",
                "Check the address, that it runs, and for tls:// the certificates in Dask's configuration.",
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except Exception as error:
            self._client.close()
            raise DataError(
                f"the Dask scheduler at {address} has no workers", "Start some:  dask worker HOST:PORT"
            ) from error
        self._pool = self._client.get_executor(pure=False, retries=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the parcel is large
            # It is the result of a task rather than scattered: what was scattered is lost with the workers that had it.
            self._parcel = self._client.submit(_same, parcel, key=parcel.name)

    @property
    def jobs(self) -> int:
        """Threads of all workers that are there now."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def submit(self, task: Task) -> Future[list[Ended]]:
        """Hand out a task. If its worker dies, Dask gives it to another one."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                future: Future[list[Ended]] = self._pool.submit(_train, self._parcel, task)
            except RuntimeError as error:
                raise self._gone(error) from error
        return future

    def lost(self) -> tuple[type[BaseException], ...]:
        """So many workers have died of one task that Dask gives it to no other."""
        return (self._distributed.scheduler.KilledWorker,)

    def result(self, future: Future[Any]) -> list[Ended]:
        """What has come back, which is written into the folder of the sweep."""
        try:
            trained: Trained = future.result()
        except NeurosimError:
            raise
        except Exception as error:
            if isinstance(error, self.lost()):
                raise
            raise self._gone(error) from error
        keep(trained.files, self._out)
        return trained.ended

    def close(self, *, at_once: bool) -> None:
        """Leave the cluster as it was."""
        self._pool.shutdown(wait=not at_once)
        self._client.close()

    def _gone(self, error: BaseException) -> DataError:
        return DataError(
            f"the Dask cluster at {self._address} cannot train: {_first_line(error)}",
            "Check that its scheduler runs, and that it and all workers have this version of neurosim.",
        )


def check_address(address: str) -> None:
    """Raise UsageError unless this is the address of a scheduler."""
    if not _ADDRESS.fullmatch(address) or int(address.rpartition(":")[2]) > 65535:
        raise UsageError(f"{address!r} is not the address of a Dask scheduler", "For example: dask://localhost:8786")


def _import_distributed() -> Any:
    """Dask's scheduler, which is imported only where it is needed."""
    try:
        import distributed
    except ImportError as error:
        raise UsageError(
            "a cluster is reached by Dask, which is not installed", 'pip install "neurosim-edu[cluster]"'
        ) from error
    return distributed


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def keep(files: Files, out: Path) -> None:
    """Write trials that have come back: each folder whole or not at all, as if it had been trained here.

    Raises
    ------
    DataError
        When they cannot be written.
    """
    folders: dict[str, dict[str, bytes]] = {}
    for place, content in files.items():
        name, _, file = place.partition("/")
        if file:
            folders.setdefault(name, {})[file] = content
        else:
            write_atomically(out / name, content)
    for name, own in folders.items():
        with whole(out / name) as path:
            make_folder(path)
            with synced_at_the_end(path):
                for file, content in own.items():
                    write_atomically(path / file, content)


def _same(parcel: Parcel) -> Parcel:
    return parcel


_own = threading.local()


def _train(parcel: Parcel, task: Task) -> Trained:
    """Train a task on a worker."""
    import distributed

    refuse_others(parcel)
    local = Path(distributed.get_worker().local_directory)
    maker: Maker | None = getattr(_own, "maker", None)
    if maker is None or _own.name != parcel.name:
        maker = Maker(_recipe(parcel, local / parcel.name))
        _own.maker, _own.name = maker, parcel.name
    with tempfile.TemporaryDirectory(dir=local) as folder:
        out = Path(folder)
        ended = Worker(maker, out, shown=Path(parcel.out)).train(task).kept()
        return Trained(ended, {path.relative_to(out).as_posix(): path.read_bytes() for path in _kept(out, ended)})


def _kept(out: Path, ended: list[Ended]) -> list[Path]:
    folders = [out / one.trial.name for one in ended if (out / one.trial.name).is_dir()]
    return [*packs_in(out), *(file for folder in folders for file in sorted(folder.iterdir()))]


def refuse_others(parcel: Parcel) -> None:
    """Raise UsageError where this worker would train other bits."""
    here = _versions(parcel.backend)
    for what in parcel.versions.keys() | here.keys():
        wanted, there = parcel.versions.get(what, "none"), here.get(what, "none")
        if wanted != there:
            raise UsageError(
                f"a worker has {what} {there} in place of {wanted}, and would train other bits",
                "Install the same versions on all machines, and use processors of the same kind.",
            )


def _recipe(parcel: Parcel, folder: Path) -> Recipe:
    """How this worker makes the scenarios; the files are written first, unless another thread has."""
    if not folder.is_dir():
        temporary = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for place, content in parcel.files.items():
                make_folder((temporary / place).parent)
                (temporary / place).write_bytes(content)
            try:
                temporary.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    plugins = tuple(folder / place for place in parcel.plugins)
    data_dir = Path(parcel.data_dir) if parcel.data_dir and os.path.isdir(parcel.data_dir) else None
    return Recipe(folder / SCENARIO, {}, plugins, (), data_dir, parcel.backend, own=True)


def on(address: str) -> Connect:
    """What connects a sweep with the cluster at an address; raises UsageError when it is none."""
    check_address(address)
    _import_distributed()
    return lambda maker, out: Cluster(address, maker, out)
