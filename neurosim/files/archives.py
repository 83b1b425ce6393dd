"""NumPy archives (npz) that anyone may have made: no pickle, and no more memory than their size can stand for."""

from __future__ import annotations

import io
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurosim.files.inputs import open_ordinary

# What NumPy and zipfile raise where a file is damaged.
UNREADABLE = (
    OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, OverflowError, RuntimeError, MemoryError,
    SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
# An archive may hold this much, or more where it is not packed better than this.
EXPANDED = 1 << 27
EXPANSION = 20
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_archive(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays in an archive by name.

    Raises
    ------
    DataError
        When it is no ordinary file, or cannot be opened.
    UNREADABLE
        When it is damaged, or would unpack to more than 128 MiB that are also more than twenty times its size.
    """
    with open_ordinary(path) as stream:
        _check_unpacked(stream)
        with np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}


def archived(arrays: Mapping[str, NDArray[Any]], *, packed: bool = True) -> bytes:
    """The content of an archive that `read_archive` reads; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, allow_pickle=False, **arrays)
    if packed and sum(array.nbytes for array in arrays.values()) > _largest(buffer.tell()) // 2:
        # Nearly all zeros: so packed it could be taken for a file that is meant to fill the memory.
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _largest(packed: int) -> int:
    """How many bytes an archive of `packed` bytes may hold."""
    return max(EXPANDED, packed * EXPANSION)


def _check_unpacked(stream: BinaryIO) -> None:
    """Raise ValueError where an archive, or an array in it, would take more memory than its file can stand for."""
    with zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        total, most = sum(entry.file_size for entry in entries), _largest(os.fstat(stream.fileno()).st_size)
        if total > most:
            raise ValueError(f"it would unpack to {total} bytes, more than the {most} that a file of its size may hold")
        for entry in entries:
            with archive.open(entry) as member:
                header = _HEADERS.get(np.lib.format.read_magic(member))
                if header is None:
                    raise ValueError(f"{entry.filename} is of another version of NumPy's format")
                shape, _, kind = header(member)
                left = entry.file_size - member.tell()
            if math.prod(shape) * max(kind.itemsize, 1) > left:
                raise ValueError(f"{entry.filename} has the shape {shape} and only {left} bytes")
    stream.seek(0)
