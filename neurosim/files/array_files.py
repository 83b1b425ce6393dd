"""Safetensors files of which parts can be read: a checksum for the description, and one for each array.

Unlike those of `sealed.py`, they can be larger than what is wanted of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.files.atomic import advice
from neurosim.files.sealed import MOST_WORDS

_HINT = "It is damaged, or was written by another version: remove it, and what was in it is trained again."
# Errors raised by a damaged description, or by whoever believes it.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError, MemoryError, OverflowError)
_DTYPES = {"<f8": "F64", "<f4": "F32", "<i8": "I64", "|u1": "U8", "<u2": "U16", "<u4": "U32"}


def file_of_arrays(given: Mapping[str, NDArray[Any]], words: Mapping[str, Any]) -> list[bytes | memoryview]:
    """The content of a file with arrays and a description, in parts."""
    arrays = {name: np.ascontiguousarray(array) for name, array in given.items()}
    digests = {name: _sha256(array) for name, array in arrays.items()}
    text = json.dumps({**words, "sha256": digests}, allow_nan=False)
    header: dict[str, Any] = {"__metadata__": {"neurosim": text, "seal": hashlib.sha256(text.encode()).hexdigest()}}
    begin = 0
    # Large numbers first: each then begins at a multiple of its size.
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    for name in order:
        array = arrays[name]
        offsets = [begin, begin + array.nbytes]
        header[name] = {"dtype": _DTYPES[array.dtype.str], "shape": list(array.shape), "data_offsets": offsets}
        begin += array.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    parts = [arrays[name].data.cast("B") for name in order if arrays[name].nbytes]
    return [len(encoded).to_bytes(8, "little") + encoded, *parts]


class ArraysFile:
    """A file that `file_of_arrays` made: its description in `words`, and its arrays as they are asked for.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is called in messages.
    form : str
        The ``format`` that its description must have.

    Raises
    ------
    DataError
        When it cannot be read, is damaged, or has another format; also from its methods.
    """

    def __init__(self, path: Path, what: str, form: str) -> None:
        import safetensors

        opened: Any = safetensors.safe_open
        self.path, self._what = path, what
        try:
            if not path.is_file():
                raise ValueError("it is not a file")
            with path.open("rb") as file:
                if int.from_bytes(file.read(8), "little") > MOST_WORDS:
                    raise ValueError("its header is too long")
            self._file = opened(path, "numpy")
            given = self._file.metadata() or {}
            text = given["neurosim"]
            if hashlib.sha256(text.encode()).hexdigest() != given["seal"]:
                raise ValueError("its description does not match its checksum")
            self.words: dict[str, Any] = json.loads(text)
            if self.words["format"] != form:
                raise ValueError(f"its format is {self.words['format']!r}, not {form!r}")
            self._digests: dict[str, str] = dict(self.words["sha256"])
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}", advice(error)) from error
        except (safetensors.SafetensorError, *UNREADABLE) as error:
            raise self.damaged(error) from error

    def damaged(self, error: object) -> DataError:
        """The error for what nobody can have written."""
        return DataError(f"{self.path} is not a readable {self._what}: {error}", _HINT)

    def array(self, name: str) -> NDArray[Any]:
        """An array by its name."""
        import safetensors

        try:
            array: NDArray[Any] = self._file.get_tensor(name)
            if _sha256(array) != self._digests[name]:
                raise ValueError(f"{name} does not match its checksum")
        except (safetensors.SafetensorError, *UNREADABLE) as error:
            raise self.damaged(error) from error
        return array

    @property
    def array_names(self) -> list[str]:
        """Which arrays there are."""
        return list(self._digests)


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
