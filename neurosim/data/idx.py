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

The header is not believed: memory is reserved only for what a file of that size can hold, and one
byte more than promised is asked for, so that a small file cannot unpack into a flood.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError

UNSIGNED_BYTE = 8
LARGEST = 1 << 30
GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot do better than 1032 to 1 (RFC 1951: 258 bytes from two bits).
BEST_RATIO = 1032
CHUNK = 1 << 20
OTHER_TYPES = {9: "signed bytes", 11: "16-bit integers", 12: "32-bit integers", 13: "floats", 14: "doubles"}


def read_idx(path: Path | str, shape: Sequence[int | None] | None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or compressed with gzip (told by its content).

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
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        with path.open("rb") as file:
            size = path.stat().st_size
            if file.read(2) == GZIP_MAGIC:
                file.seek(0)
                with gzip.GzipFile(fileobj=file) as unpacked:
                    return _read(path, unpacked, shape, size * BEST_RATIO)
            file.seek(0)
            return _read(path, file, shape, size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _damaged(path, f"the gzip data are broken ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _damaged(path: Path, fault: str) -> DataError:
    return DataError(f"{path}: not a usable IDX file: {fault}", "Delete it and get it again.")


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
        raise _damaged(path, f"{promised}, more than a file of this size can hold")
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
    if magic[:2] != b"\0\0":
        raise _damaged(
            path, f"it starts with the bytes {magic.hex(' ')}, expected 00 00 08 and the number of dimensions"
        )
    if magic[2] != UNSIGNED_BYTE:
        kind = OTHER_TYPES.get(magic[2], f"numbers of the unknown type {magic[2]}")
        raise _damaged(path, f"it holds {kind}, expected unsigned bytes")
    if magic[3] == 0:
        raise _damaged(path, "it has no dimensions")
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
