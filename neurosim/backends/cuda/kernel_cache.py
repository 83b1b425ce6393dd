"""Machine code of kernels for other processes: each kernel is compiled once for a kind of GPU, and loaded from then on.

numba-cuda's own cache is not used, for the reasons that `neurosim.backends.cpu.kernel_cache` gives; and it keeps all
that compiling leaves behind, many times as large as the machine code. Here the machine code is kept alone, with the
name of the kernel in it: a file holds no pickle. What determines the machine code is in the name of the file; the text
of a generated kernel, with its formulas, stands in the name of its module.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from typing import Any

from numba.core import event

from neurosim.backends.cache import source_stamp, tell_what_is_compiled
from neurosim.backends.cuda import toolkit
from neurosim.backends.kept_files import keep, load_kept

_WORDS = {"train_epoch": "an epoch", "train_networks": "small networks", "run": "the phases of a step"}


def kept_between_processes(kernel: Any, check_compiler: Callable[[], Any]) -> Any:
    """The kernel of numba-cuda, which from now on is loaded, if it has been compiled before, and kept if not.

    Those who listen to Numba are told of a compilation, as numba-cuda does not; `check_compiler` is called before it.
    """
    compile_now = kernel.compile

    def load_or_compile(types: Any) -> Any:
        if types in kernel.overloads:
            return kernel.overloads[types]
        name = _name(kernel, types)
        found = None if name is None else load_kept(name, lambda content: _rebuilt(content, types))
        if found is not None:
            kernel.add_overload(found, types)
            return found
        check_compiler()
        function = kernel.py_func.__name__
        tell_what_is_compiled(f"GPU kernel: {_WORDS.get(function, function.replace('_', ' '))}")
        with event.trigger_event("numba:compile"):
            made = compile_now(types)
        content = None if name is None else _content(made)
        if name is not None and content is not None:
            keep(name, content)
        return made

    kernel.compile = load_or_compile
    return kernel


def _name(kernel: Any, types: Any) -> str | None:
    """The name of the file, with a hash of everything that determines the machine code; None if that is not known."""
    function = kernel.py_func
    stamp = source_stamp(function)
    if stamp is None or function.__closure__:
        return None
    try:
        known = toolkit.facts(), _module("api").get_current_device().compute_capability
    except Exception:  # of any kind: a part of the toolkit is missing, or has changed; compiling will tell
        return None
    how = sorted(kernel.targetoptions.items()), kernel.flushing
    parts = (stamp, function.__module__, function.__qualname__, types, *how, *known)
    digest = hashlib.sha256(repr(parts).encode() + function.__code__.co_code)
    return f"{function.__module__.rpartition('.')[2][:80]}.{function.__name__[:60]}-{digest.hexdigest()[:32]}.cuda"


def _content(made: Any) -> bytes | None:
    """A compiled kernel as bytes; None if it needs more than its machine code."""
    library = made._codelibrary
    if library._linking_files or library.referenced_objects or made.launch_config_sensitive:
        return None
    header = {"name": made.entry_name, "cooperative": made.cooperative}
    return json.dumps(header).encode() + b"\n" + bytes(library.get_cubin().code)


def _rebuilt(content: bytes, types: Any) -> Any:
    """The kernel of `_content`, on the GPU; raises whatever the driver does if it is none."""
    header, _, code = content.partition(b"\n")
    facts = json.loads(header)
    name, cooperative = facts["name"], facts["cooperative"]
    library = _module("codegen").CUDACodeLibrary(None, name, entry_name=name)
    cubin = importlib.import_module("cuda.core").ObjectCode.from_cubin(code, name=name)
    library._cubin_cache[library._ensure_cc(None)] = cubin
    library._finalized, library.use_cooperative = True, cooperative
    numba_types = _module("types")
    signature = _module("typing").signature(numba_types.void, *types)
    kernel = _module("dispatcher")._Kernel._rebuild(cooperative, name, signature, library, False, False, None, [])
    kernel.bind()
    return kernel


def _module(name: str) -> Any:
    # As text, since `target` is the only module that imports numba.cuda.
    return importlib.import_module(f"numba.cuda.{name}")
