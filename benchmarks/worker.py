"""A contender in a separate process, driven over a pipe.

Each library has its own thread pool and its own BLAS, and their settings interfere with each other. So every contender
lives in a new process, whose number of threads is set before anything is imported, and which sleeps until it is told
to work.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

# OPENBLAS: NumPy and SciPy. OMP, MKL: PyTorch. NPROC: the thread pool of XLA.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")


class WorkerError(Exception):
    """A contender could not be created, or failed at work."""


class Worker:
    """One contender.

    Parameters
    ----------
    factory : str
        ``"module:class"``, called in the new process with `options`. The object has ``run()``, the work to be timed;
        ``units``, the number of units in it; ``repeats``, how many times a round does it; ``setup()``, called before
        each run and not timed; and ``validate()``, which trains from the common initial values and returns the
        results.
    threads : int
        Threads for the libraries; also given to the factory.
    processors : int
        The process is limited to this many processors.
    """

    def __init__(self, factory: str, threads: int, processors: int, **options: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, factory, processors, {"threads": threads, **options})
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        with _environment(threads):
            self._process.start()
        theirs.close()
        try:
            self.first_seconds: float = self._answer()
        except WorkerError:
            self._process.join()
            raise

    def validate(self) -> dict[str, Any]:
        self._pipe.send("validate")
        return self._answer()

    def round(self) -> float:
        self._pipe.send("round")
        return self._answer()

    def close(self) -> None:
        self._pipe.close()
        self._process.join()

    def _answer(self) -> Any:
        try:
            done, value = self._pipe.recv()
        except EOFError:
            raise WorkerError("the process died") from None
        if not done:
            raise WorkerError(value)
        return value


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Settings that a child process inherits."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def keep_to(processors: int) -> None:
    """Limit this process to this many processors, where the system supports it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])


def _serve(pipe: Connection, factory: str, processors: int, options: dict[str, Any]) -> None:
    keep_to(processors)
    try:
        start = time.perf_counter()
        module, name = factory.split(":")
        contender = getattr(importlib.import_module(module), name)(**options)
        contender.setup()
        contender.run()
        pipe.send((True, time.perf_counter() - start))
    except ImportError as error:
        pipe.send((False, f"{error.name or error} is not installed"))
        return
    except Exception as error:
        pipe.send((False, _in_short(error)))
        return
    while True:
        try:
            order = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((True, contender.validate() if order == "validate" else _timed_round(contender)))
        except Exception as error:
            pipe.send((False, _in_short(error)))


def _timed_round(contender: Any) -> float:
    seconds = 0.0
    for _ in range(contender.repeats):
        contender.setup()
        start = time.perf_counter()
        contender.run()
        seconds += time.perf_counter() - start
    return seconds / (contender.repeats * contender.units)


def _in_short(error: Exception) -> str:
    first_line = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first_line[:200]}"
