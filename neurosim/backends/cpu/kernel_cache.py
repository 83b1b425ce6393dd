"""A cache of compiled functions for other processes. It may fail; whatever is damaged is compiled again.

Numba's own cache files are not used: they are opened by path, Numba raises if one is truncated or the disk is full,
and it would run machine code with a flipped bit. Here each compiled function is one file, written by `kept_files`.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from neurosim.backends.cache import kernel_folder, source_stamp, tell_what_is_compiled
from neurosim.backends.cpu.linking import know_runtime, know_symbols, symbols_of
from neurosim.backends.kept_files import keep, load_kept
from neurosim.backends.own_numba import SET_UP_OTHERWISE, load_array_functions

_WORDS = {
    # Of generated modules, beside what the module is for.
    "forward": ", forward",
    "backward": ", backward",
    "update": ", update",
    "step_constants": ", constants of a step",
    "engine.train": "the loop over an epoch, which takes longest",
    "lanes.train": "the loop over an epoch, which takes longest",
    "engine.evaluate": "evaluation",
    "lanes.evaluate": "evaluation",
    "large_products.product": "products of matrices",
    "lane_products.product": "products of matrices",
    "row_products.forward": "weighted sums, forward",
    "row_products.backward": "weighted sums, backward",
    "lane_sums.forward": "weighted sums, forward",
    "lane_sums.backward": "weighted sums, backward",
}


class KernelCache(NullCache):
    """The cache of one function, as Numba uses it.

    Parameters
    ----------
    function : callable
        The function to compile.
    stamp : str
        Stands for the source of the function and of everything it calls.
    """

    def __init__(self, function: Callable[..., Any], stamp: str) -> None:
        self._function = function
        self._stamp = stamp

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function from the cache; None if there is none, or none that can be used."""
        found = self._found(sig, target_context)
        if found is None:
            load_array_functions()
            tell_what_is_compiled(words_of(self._function))
        return found

    def _found(self, sig: Any, target_context: Any) -> Any:
        def rebuild(content: bytes) -> Any:
            symbols, parts = pickle.loads(content)
            know_runtime()
            know_symbols(target_context.codegen(), symbols)
            return CompileResult._rebuild(target_context, *parts)

        return load_kept(self._name(sig, target_context.codegen()), rebuild)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store the compiled function, if possible."""
        if kernel_folder() is None or data.lifted or data.library.has_dynamic_globals:
            return
        *parts, environments = data._reduce()
        # Those without constants are never looked into; with them, modules would be loaded.
        used = tuple(environment for environment in environments if environment.consts)
        keep(self._name(sig, data.codegen), dumps((symbols_of(data.library), (*parts, used))))

    def _name(self, signature: Any, codegen: Any) -> str:
        """The name of the file: the function, then a hash of everything that determines its machine code."""
        function = self._function
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        parts = (self._stamp, function.__module__, function.__qualname__, signature, codegen.magic_tuple())
        digest = hashlib.sha256(repr(parts).encode() + function.__code__.co_code + (dumps(cells) if cells else b""))
        return f"{function.__module__.rpartition('.')[2][:80]}.{function.__name__[:60]}-{digest.hexdigest()[:32]}.nbc"


def words_of(function: Callable[..., Any]) -> str:
    """What a kernel is, in a few words: ``activation tanh, backward``."""
    module = function.__module__.rpartition(".")[2]
    if module.startswith("neurosim_"):  # generated: its kind, its name, a hash
        words = module.removeprefix("neurosim_").rpartition("_")[0].replace("_", " ")
        return words + _WORDS.get(function.__name__, "")
    return _WORDS.get(f"{module}.{function.__name__}", function.__name__.replace("_", " "))


def kernel_cache(function: Any) -> Any:
    """The cache of a function; one that stores nothing if the function's source is not in a file."""
    stamp = source_stamp(function)
    if stamp is None or SET_UP_OTHERWISE:
        load_array_functions()
        return NullCache()
    return KernelCache(function, stamp)
