"""Workers of one session compile each kernel once: the first to ask compiles it, the others wait and load it."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import support

from neurosim.backends.base import Backend
from neurosim.backends.cpu.kernel_cache import KernelCache
from neurosim.data.rows import Rows

try:
    import fcntl
except ImportError:  # Windows: each worker compiles for itself
    fcntl = None


def share(folder: Path) -> None:
    """Take turns with the other workers by locks in a folder that all of them use."""
    load, save = KernelCache.load_overload, KernelCache.save_overload
    held: dict[str, IO[str]] = {}

    def load_or_take_the_turn(self: KernelCache, signature: Any, target: Any) -> Any:
        found = load(self, signature, target)
        name = self._name(signature, target.codegen())
        if found is not None or name in held:
            return found
        lock = (folder / f"{name}.lock").open("a")
        try:
            # Who holds a lock waits for no other, so that no two wait for each other.
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if held else 0))
        except BlockingIOError:
            lock.close()
            return None
        found = load(self, signature, target)
        if found is None:
            held[name] = lock
        else:
            lock.close()
        return found

    def save_and_pass_the_turn(self: KernelCache, signature: Any, compiled: Any) -> None:
        try:
            save(self, signature, compiled)
        finally:
            lock = held.pop(self._name(signature, compiled.codegen), None)
            if lock is not None:
                lock.close()

    if fcntl is not None:
        KernelCache.load_overload = load_or_take_the_turn
        KernelCache.save_overload = save_and_pass_the_turn


def compile_a_part(worker: int) -> None:
    """What nearly all tests need, cut in two: the loop over an epoch, and what it calls for maps or does in lanes."""
    dense, softmax = support.Dense(6, "tanh"), support.Dense(3, "softmax")
    if worker % 2 == 0:
        backend, rows = _trained(4, [dense, support.BatchNorm(), softmax])
        backend.evaluate(rows)
    else:
        _trained(4, [dense, softmax])
        _trained((8, 8, 1), [support.Conv2d(2), support.Pool(), support.Flatten(), softmax])


def _trained(inputs: int | tuple[int, ...], layers: list[Any]) -> tuple[Backend, Rows]:
    network = support.network(inputs, layers, "categorical_cross_entropy")
    backend, rows = support.COMPILED[0].make(network, support.training("adam")), support.rows(20, network.inputs, 3)
    backend.train_epoch(rows, 0)
    return backend, rows
