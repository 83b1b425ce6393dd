"""The binary version of CIFAR-10: six files of records, each a byte for the class and 32x32 pixels, plane by plane.

They are read from the published archive, or from a folder in which it was unpacked. The archive is not believed: it is
read as a stream with an end, nothing of it is written anywhere, and members other than the six files are passed over.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.files.inputs import open_ordinary, unreadable

ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE, CHANNELS = 32, 3
RECORD = 1 + SIDE * SIDE * CHANNELS
# Records of a file, of which the published ones have 10,000, and bytes of the archive beside the files, unpacked.
MOST_RECORDS = 20_000
MOST_BESIDE = 1 << 20
MOST_MEMBERS = 100
GZIP_MAGIC = b"\x1f\x8b"


def read_archive(path: Path) -> dict[str, NDArray[np.uint8]]:
    """The records (rows, 3073) of each file in the archive, by its name.

    Raises
    ------
    DataError
        When the archive is damaged, has more than it can have, or lacks a file.
    """
    # No other data set needs it, and every run imports this module.
    import tarfile

    found: dict[str, NDArray[np.uint8]] = {}
    with open_ordinary(path) as file:
        try:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            stream = _Limited(path, gzip.GzipFile(fileobj=file) if packed else file)
            with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
                for count, member in enumerate(archive):
                    if count >= MOST_MEMBERS:
                        raise tarfile.ReadError(f"it has more than {MOST_MEMBERS} members")
                    name = PurePosixPath(member.name).name
                    if name in (*TRAINING, TEST) and member.isfile() and name not in found:
                        stream.allow(member.size)
                        content = archive.extractfile(member)
                        assert content is not None  # it is a file
                        found[name] = _records(f"{path}: {name}", content)
        # Numbers in headers may be anything, too.
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, IndexError) as error:
            raise DataError(f"{path}: not a usable archive: {error}", "Delete it and get it again.") from error
        except OSError as error:
            raise unreadable(path, error) from error
    lacking = [name for name in (*TRAINING, TEST) if name not in found]
    if lacking:
        raise DataError(f"{path}: it does not hold {', '.join(lacking)}", "Delete it and get it again.")
    return found


def read_folder(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """The records (rows, 3073) of each file in a folder, by its name; raises DataError for one that is damaged."""
    found = {}
    for name in (*TRAINING, TEST):
        with open_ordinary(folder / name) as file:
            try:
                found[name] = _records(str(folder / name), file)
            except OSError as error:
                raise unreadable(folder / name, error) from error
    return found


def images_of(records: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels of records, (rows, height * width * channels): the colors of a pixel side by side."""
    planes = records[:, 1:].reshape(len(records), CHANNELS, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)).reshape(len(records), RECORD - 1)


def _records(what: str, file: IO[bytes]) -> NDArray[np.uint8]:
    content = file.read(MOST_RECORDS * RECORD + 1)
    if not content or len(content) % RECORD or len(content) > MOST_RECORDS * RECORD:
        size = f"more than {MOST_RECORDS * RECORD:,}" if len(content) > MOST_RECORDS * RECORD else f"{len(content):,}"
        raise DataError(
            f"{what}: it has {size} bytes, which is not 1 to {MOST_RECORDS:,} records of {RECORD:,}",
            "Delete it and get it again.",
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    wrong = np.flatnonzero(records[:, 0] >= len(CLASSES))
    if len(wrong):
        raise DataError(
            f"{what}: record {wrong[0]} has the class {records[wrong[0], 0]}, expected 0 to {len(CLASSES) - 1}",
            "Delete it and get it again.",
        )
    return records


class _Limited:
    """The stream of an archive, of which little more is read than what the six files have."""

    def __init__(self, path: Path, stream: BinaryIO | gzip.GzipFile) -> None:
        self._path = path
        self._stream = stream
        self._left = MOST_BESIDE

    def allow(self, size: int) -> None:
        """Let so many bytes more be read, but no more than a file can have."""
        self._left += min(size, MOST_RECORDS * RECORD)

    def read(self, size: int) -> bytes:
        part = self._stream.read(min(size, self._left + 1))
        self._left -= len(part)
        if self._left < 0:
            raise DataError(
                f"{self._path}: beside its six files it has more than the {MOST_BESIDE:,} bytes that are read",
                "Delete it and get it again.",
            )
        return part
