"""Which backends there are, and making one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from neurosim.backends.base import Backend, Rows
from neurosim.errors import BackendError, UsageError
from neurosim.network import Network, Training
from neurosim.suggestions import unknown

if TYPE_CHECKING:
    from neurosim.backends.cpu.ensembles import SmallEnsemble

NAMES = ("reference", "cpu", "cuda")


def make_backend(name: str, network: Network, training: Training, seed: int, threads: int | None = None) -> Backend:
    """A backend by name.

    Raises
    ------
    BackendError
        For a backend that is not available.
    UsageError
        For an unknown name, and for fewer than one thread.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    if name == "reference":
        from neurosim.backends.reference import ReferenceBackend

        return ReferenceBackend(network, training, seed, threads)
    if name == "cpu":
        from neurosim.backends.cpu.backend import CpuBackend

        return CpuBackend(network, training, seed, threads)
    if name == "cuda":
        raise BackendError("this version of neurosim has no CUDA backend", "Use --backend cpu.")
    raise UsageError(*unknown("backend", name, NAMES))


def make_small_ensemble(backend: Backend, seeds: Sequence[int], rows: Sequence[Rows]) -> SmallEnsemble | None:
    """What trains many networks like that of `backend` side by side; None where they are too large.

    `rows` are the training rows of each, or of all.
    """
    if backend.name != "cpu" or len({(entry.count, entry.features.shape[1]) for entry in rows}) != 1:
        return None
    from neurosim.backends.cpu.backend import CpuBackend
    from neurosim.backends.cpu.ensembles import SmallEnsemble
    from neurosim.backends.cpu.groups import is_small

    if not isinstance(backend, CpuBackend) or not is_small(backend.network):
        return None
    return SmallEnsemble(backend, seeds, rows)


@contextmanager
def on_compilation(notify: Callable[[], None]) -> Iterator[None]:
    """Call `notify` once if anything has to be compiled, as opposed to being found in the cache."""
    from numba.core import event

    class Listener(event.Listener):
        def __init__(self) -> None:
            self.told = False

        def on_start(self, event: object) -> None:
            if not self.told:
                self.told = True
                notify()

        def on_end(self, event: object) -> None:
            pass

    listener = Listener()
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
