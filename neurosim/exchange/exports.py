"""A run as a script of another library, and the files beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from neurosim.errors import UsageError
from neurosim.exchange.numpy_script import numpy_files
from neurosim.exchange.torch_script import torch_files
from neurosim.files.atomic import write_atomically
from neurosim.suggestions import unknown
from neurosim.training.simulator import Simulator

FORMATS: Mapping[str, Callable[[Simulator], dict[str, bytes]]] = {"numpy": numpy_files, "torch": torch_files}


def export(simulator: Simulator, to: str, out: Path) -> list[Path]:
    """Write the script that trains a network without neurosim; returns the files, the script first.

    Parameters
    ----------
    simulator : Simulator
        The network; it is left as it is.
    to : str
        What the script is for: one of `FORMATS`.
    out : Path
        The script; its name ends with ``.py``. What it needs besides is written beside it.

    Raises
    ------
    UsageError
        When the file is called otherwise, there is no such format, or something about the run cannot be exported yet.
    DataError
        When a file cannot be written.
    """
    if to not in FORMATS:
        raise UsageError(*unknown("export format", to, FORMATS))
    if out.suffix != ".py":
        raise UsageError(f"{out} is not the name of a script", f"Call it {out.with_suffix('.py')}.")
    files = FORMATS[to](simulator)
    # The script last: where it is, what it needs is there too.
    paths = {ending: out.with_suffix(ending) for ending in files}
    for ending in sorted(files, key=lambda ending: ending == ".py"):
        write_atomically(paths[ending], files[ending])
    return sorted(paths.values(), key=lambda path: path.suffix != ".py")
