"""IDX files, the format of MNIST: a short header, then unsigned bytes.

======  =====================================================
bytes   meaning
======  =====================================================
2       zero
1       type of the numbers: 8 for unsigned bytes
1       number of dimensions d
4 d     the dimensions, big-endian
rest    the numbers, the last dimension running fastest
======  =====================================================

The header is not believed: memory is reserved only for what a file of that size can sensibly hold, and one
byte more than promised is asked for, so that a small file cannot unpack into a flood.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.files.inputs import open_ordinary, unreadable

UNSIGNED_BYTE = 8
LARGEST = 1 << 30
GZIP_MAGIC = b"\x1f\x8b"
# A packed file may hold this much, or more where it is not packed better than this: MNIST is packed 5 to 1, and what
# is made to fill the memory up to 1032 to 1 (RFC 1951: 258 bytes from two bits).
EXPANDED = 1 << 26
EXPANSION = 20
# NumPy has arrays of 32 dimensions, and from its version 2 on of 64.
MOST_DIMENSIONS = 32
CHUNK = 1 << 20
OTHER_TYPES = {9: "signed bytes", 11: "16-bit integers", 12: "32-bit integers", 13: "floats", 14: "doubles"}


def read_idx(path: Path | str, shape: Sequence[int | None] | None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or compressed with gzip (recognized by its content).

    The array has at most 1 GiB, and no more bytes than the file; of a compressed one no more than twenty times the
    file, where that is more than 64 MiB.

    Parameters
    ----------
    path : path
        The file.
    shape : sequence of int or None, or None
        What the dimensions must be, None where any size from 1 will do; None for any number of them.

    Returns
    -------
    array of uint8, C-contiguous, with the dimensions of the file

    Raises
    ------
    DataError
        For a file that is missing, damaged, too short, too long, or not of this type and shape.
    """
    path = Path(path)
    with open_ordinary(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if not packed:
                return _read(path, file, shape, size)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read(path, unpacked, shape, max(EXPANDED, size * EXPANSION))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise _damaged(path, f"the gzip data are broken ({error})") from error
        except OSError as error:
            raise unreadable(path, error) from error


def _damaged(path: Path, fault: str, hint: str = "Delete it and get it again.") -> DataError:
    return DataError(f"{path}: not a usable IDX file: {fault}", hint)


def _read(
    path: Path, file: BinaryIO | gzip.GzipFile, shape: Sequence[int | None] | None, at_most: int
) -> NDArray[np.uint8]:
    found = _read_shape(path, file, None if shape is None else len(shape))
    if shape is not None and any(
        wanted is not None and wanted != got for wanted, got in zip(shape, found, strict=True)
    ):
        raise _damaged(path, f"it holds an array of {_sizes(found)}, expected {_sizes(shape)}")
    count = math.prod(found)
    if count == 0:
        raise _damaged(path, f"it holds no rows ({_sizes(found)})")
    promised = f"the header promises {_sizes(found)} = {count} bytes"
    if count > LARGEST:
        raise _damaged(path, f"{promised}, more than the {LARGEST} that are read")
    if count > at_most:
        hint = "If it is compressed, and nearly all zeros for a good reason, unpack it yourself: gunzip."
        raise _damaged(path, f"{promised}, more than a file of this size should hold", hint)
    values = np.empty(count, dtype=np.uint8)
    filled = 0
    while filled < count:
        part = file.read(min(CHUNK, count - filled))
        if not part:
            raise _damaged(path, f"{promised}, but only {filled} follow")
        values[filled : filled + len(part)] = np.frombuffer(part, dtype=np.uint8)
        filled += len(part)
    # Reading past the end also makes gzip compare its checksum.
    if file.read(1):
        raise _damaged(path, f"{promised}, but more follow")
    return values.reshape(found)


def _read_shape(path: Path, file: BinaryIO | gzip.GzipFile, dimensions: int | None) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4:
        raise _damaged(path, f"it ends after {len(magic)} bytes")
    if magic[:2] == GZIP_MAGIC:
        raise _damaged(path, "it is compressed twice")
    if magic[:2] != b"\0\0":
        raise _damaged(
            path, f"it starts with the bytes {magic.hex(' ')}, expected 00 00 08 and the number of dimensions"
        )
    if magic[2] != UNSIGNED_BYTE:
        kind = OTHER_TYPES.get(magic[2], f"numbers of the unknown type {magic[2]}")
        raise _damaged(path, f"it holds {kind}, expected unsigned bytes")
    if magic[3] == 0:
        raise _damaged(path, "it has no dimensions")
    if magic[3] > MOST_DIMENSIONS:
        raise _damaged(path, f"it has {magic[3]} dimensions, more than the {MOST_DIMENSIONS} that are read")
    if dimensions is None:
        dimensions = magic[3]
    if magic[3] != dimensions:
        raise _damaged(path, f"it has {magic[3]} dimensions, expected {dimensions}")
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise _damaged(path, f"it ends within the header, after {4 + len(sizes)} bytes")
    return struct.unpack(f">{dimensions}I", sizes)


def _sizes(shape: Sequence[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)
