"""A run as a script of another library, or as a file for other programs, and what lies beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from neurosim.errors import UsageError
from neurosim.exchange.keras_script import keras_files
from neurosim.exchange.numpy_script import numpy_files
from neurosim.exchange.onnx_file import onnx_files
from neurosim.exchange.torch_script import torch_files
from neurosim.files.atomic import write_atomically
from neurosim.suggestions import unknown
from neurosim.training.simulator import Simulator

FORMATS: Mapping[str, Callable[[Simulator], dict[str, bytes]]] = {
    "numpy": numpy_files,
    "torch": torch_files,
    "onnx": onnx_files,
    "keras": keras_files,
}
# How the file that is asked for ends, and what it is; others lie beside it.
_ENDINGS = {"onnx": (".onnx", "an ONNX file")}
_SCRIPT = (".py", "a script")


def export(simulator: Simulator, to: str, out: Path) -> list[Path]:
    """Write a network for other programs; returns the files, the one that is called `out` first.

    Parameters
    ----------
    simulator : Simulator
        The network; it is left as it is.
    to : str
        What to write: one of `FORMATS`.
    out : Path
        The script, whose name ends with ``.py``, or the file, with ``.onnx``. What it needs besides is written beside
        it.

    Raises
    ------
    UsageError
        When the file is called otherwise, there is no such format, or something about the run cannot be exported yet.
    DataError
        When a file cannot be written.
    """
    if to not in FORMATS:
        raise UsageError(*unknown("export format", to, FORMATS))
    ending, what = _ENDINGS.get(to, _SCRIPT)
    if out.suffix != ending:
        better = out / f"network{ending}" if out.is_dir() else out.with_suffix(ending)
        raise UsageError(f"{out} is not the name of {what}", f"Call it {better}.")
    files = FORMATS[to](simulator)
    paths = {part: out.with_suffix(part) for part in files}
    # The file that is asked for comes last: where it is, what it needs is there too.
    for part in sorted(files, key=lambda part: part == ending):
        write_atomically(paths[part], files[part])
    return sorted(paths.values(), key=lambda path: path.suffix != ending)
