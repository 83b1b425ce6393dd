"""The names of the backends, and creating one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from neurosim.backends.base import Backend
from neurosim.backends.surroundings import check_core_type
from neurosim.backends.together import Numbers, Together
from neurosim.data.rows import Rows
from neurosim.errors import NeurosimError, UsageError
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.suggestions import unknown

NAMES = ("reference", "cpu", "cuda")


def make_backend(name: str, network: Network, training: Training, seed: int, threads: int | None = None) -> Backend:
    """Create a backend by name.

    Raises
    ------
    BackendError
        For a backend that is not available.
    UsageError
        For an unknown name, and for fewer than one thread.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    check_core_type()
    if name == "reference":
        from neurosim.backends.reference.backend import ReferenceBackend

        return ReferenceBackend(network, training, seed, threads)
    if name == "cpu":
        from neurosim.backends.cpu.backend import CpuBackend

        return CpuBackend(network, training, seed, threads)
    if name == "cuda":
        from neurosim.backends.cuda.backend import CudaBackend

        return CudaBackend(network, training, seed, threads)
    raise UsageError(*unknown("backend", name, NAMES))


def describe_gpu() -> str:
    """The GPU that the CUDA backend would use, or the reason why there is none."""
    try:
        from neurosim.backends.cuda.target import device_words, find_device

        find_device()
    except NeurosimError as error:
        return f"none: {error.message}"
    return device_words()


def make_small_ensemble(
    backend: Backend, seeds: Sequence[int], rows: Sequence[Rows], own: Sequence[Numbers] = ()
) -> Together | None:
    """An ensemble that trains many networks like that of `backend` side by side; None if that is not possible.

    They must be small, and the learning rate must not depend on the progress of each of them.

    `rows` are the training rows of each, or those that all share, and `own` what each has of its own besides its seed,
    or nothing.
    """
    first = Numbers(backend.network, backend.training)
    if not all(one.go_beside(first) for one in {(id(one.network), id(one.training)): one for one in own}.values()):
        return None
    if backend.training.needs_feedback or len({(entry.count, entry.features.shape[1]) for entry in rows}) != 1:
        return None
    if backend.name == "cpu":
        from neurosim.backends.cpu.backend import CpuBackend
        from neurosim.backends.cpu.ensembles import SmallEnsemble
        from neurosim.backends.cpu.groups import go_side_by_side

        assert isinstance(backend, CpuBackend)
        fits = go_side_by_side(backend.network, backend.training, len(seeds))
        return SmallEnsemble(backend, seeds, rows, own) if fits else None
    if backend.name == "cuda":
        from neurosim.backends.cuda.backend import CudaBackend
        from neurosim.backends.cuda.ensemble import GpuEnsemble

        assert isinstance(backend, CudaBackend)
        return GpuEnsemble(backend, seeds, rows) if backend.is_small and not own else None
    return None


@contextmanager
def on_compilation(notify: Callable[[], None], each: Callable[[str], None] | None = None) -> Iterator[None]:
    """Call `notify` once if anything has to be compiled rather than loaded from the cache.

    `each` is called with the name of each kernel of the CPU when it is about to be compiled, in words.
    """
    from numba.core import event

    from neurosim.backends.cache import telling

    class Listener(event.Listener):
        def __init__(self) -> None:
            self.notified = False

        def on_start(self, event: object) -> None:
            if not self.notified:
                self.notified = True
                notify()

        def on_end(self, event: object) -> None:
            pass

    listener = Listener()
    event.register("numba:compile", listener)
    try:
        with telling(each) if each is not None else nullcontext():
            yield
    finally:
        event.unregister("numba:compile", listener)
