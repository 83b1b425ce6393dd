"""Download data sets from public mirrors, and keep only what is verified.

A file counts as the right one when the SHA-256 of its .gz form is the published one, or when that
of the bytes inside is: mirrors may have compressed the same bytes again. It is written under a
temporary name, checked, flushed to disk and only then renamed, so that a file under its final name
is always complete.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from neurosim.data.folders import VARIABLE, stored_file
from neurosim.errors import DataError, UsageError
from neurosim.suggestions import unknown

CHUNK = 1 << 16
TIMEOUT = 30.0

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class RemoteFile:
    """One file of a download.

    Parameters
    ----------
    name : str
        Its name on every mirror and on disk; ends in ``.gz``.
    sha256 : str
        Published SHA-256 of the .gz file; empty where only the payload is known.
    payload_sha256 : str
        Published SHA-256 of the unpacked bytes; empty where only the .gz file is known.
    payload_size : int
        Number of unpacked bytes; what is read from a mirror, and unpacked, is capped by it.
    """

    name: str
    sha256: str
    payload_sha256: str
    payload_size: int

    @property
    def largest_download(self) -> int:
        """No .gz file of the payload needs more bytes: deflate adds at most 5 in every 16 kB."""
        return self.payload_size + self.payload_size // 1000 + 4096


@dataclass(frozen=True)
class Download:
    """A data set that can be downloaded: its files, and the addresses of folders that have them all."""

    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]


# SHA-256 of the .gz files and mirrors: TensorFlow Datasets, url_checksums/mnist.txt and
# fashion_mnist.txt; further mirrors: torchvision (MNIST) and Keras (Fashion-MNIST). The payload
# hashes of MNIST are those of the bytes inside.
DOWNLOADS: Mapping[str, Download] = MappingProxyType(
    {
        "mnist": Download(
            files=(
                RemoteFile(
                    "train-images-idx3-ubyte.gz",
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                    47_040_016,
                ),
                RemoteFile(
                    "train-labels-idx1-ubyte.gz",
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                    60_008,
                ),
                RemoteFile(
                    "t10k-images-idx3-ubyte.gz",
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                    7_840_016,
                ),
                RemoteFile(
                    "t10k-labels-idx1-ubyte.gz",
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                    10_008,
                ),
            ),
            mirrors=(
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "http://yann.lecun.com/exdb/mnist/",
            ),
        ),
        "fashion_mnist": Download(
            files=(
                RemoteFile(
                    "train-images-idx3-ubyte.gz",
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    "",
                    47_040_016,
                ),
                RemoteFile(
                    "train-labels-idx1-ubyte.gz",
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    "",
                    60_008,
                ),
                RemoteFile(
                    "t10k-images-idx3-ubyte.gz",
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    "",
                    7_840_016,
                ),
                RemoteFile(
                    "t10k-labels-idx1-ubyte.gz",
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                    "",
                    10_008,
                ),
            ),
            mirrors=(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            ),
        ),
    }
)


def fetch(
    name: str, folder: Path, progress: Progress | None = None, downloads: Mapping[str, Download] = DOWNLOADS
) -> list[Path]:
    """Make sure that the files of a data set are in `folder`, verified.

    Files that are there and right stay as they are; damaged and missing ones are downloaded.

    Parameters
    ----------
    name : str
        Name of the data set.
    folder : pathlib.Path
        Where its files belong (see `dataset_folder`); made when it is missing.
    progress : function ``progress(file_name, bytes_so_far)``, optional
        Called while a file is downloaded; `bytes_so_far` starts again at 0 with each mirror.
    downloads : mapping of str to Download
        What can be downloaded.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of `Download.files`.

    Raises
    ------
    UsageError
        For a data set that is not downloaded.
    DataError
        When no mirror gives a right file, and when the folder cannot be written.
    """
    if name not in downloads:
        message, hint = unknown("data set to download", name, downloads)
        raise UsageError(message, hint)
    download = downloads[name]
    return [_ensure(file, download, name, folder, progress) for file in download.files]


def missing_files(name: str, folder: Path, downloads: Mapping[str, Download] = DOWNLOADS) -> list[str]:
    """Names of the files of a data set that `folder` does not have, packed or not; contents are not checked."""
    return [file.name for file in downloads[name].files if stored_file(folder, file.name) is None]


def is_right(path: Path, file: RemoteFile) -> bool:
    """Whether `path` holds the bytes of `file`, going by the published hashes.

    They must be packed, unless `path` has the name of `file` without ``.gz``.

    Raises
    ------
    OSError
        When `path` cannot be read.
    """
    with path.open("rb") as stream:
        if path.name == file.name.removesuffix(".gz"):
            return bool(file.payload_sha256) and _sha256(stream, file.payload_size) == file.payload_sha256
        if file.sha256 and _sha256(stream, file.largest_download) == file.sha256:
            return True
        if not file.payload_sha256:
            return False
        stream.seek(0)
        try:
            with gzip.GzipFile(fileobj=stream) as payload:
                return _sha256(payload, file.payload_size) == file.payload_sha256
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return False


def _sha256(stream: BinaryIO | gzip.GzipFile, at_most: int) -> str:
    """SHA-256 of a stream, or an empty string when it has more than `at_most` bytes."""
    digest = hashlib.sha256()
    while at_most >= 0:
        part = stream.read(min(CHUNK, at_most + 1))
        if not part:
            return digest.hexdigest()
        digest.update(part)
        at_most -= len(part)
    return ""


def _ensure(file: RemoteFile, download: Download, name: str, folder: Path, progress: Progress | None) -> Path:
    try:
        present = stored_file(folder, file.name)
        if present is not None and is_right(present, file):
            return present
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    faults = []
    for mirror in download.mirrors:
        address = mirror.rstrip("/") + "/" + file.name
        partial = folder / f".{file.name}.{secrets.token_hex(6)}.part"
        try:
            with partial.open("xb") as stream:
                fault = _receive(address, stream, file, progress)
            if not fault and not is_right(partial, file):
                fault = f"what it sent is not {file.name}: the SHA-256 differs ({partial.stat().st_size} bytes)"
            if not fault:
                final = folder / file.name
                os.replace(partial, final)
                return final
        except OSError as error:
            raise _unwritable(folder, error) from error
        finally:
            partial.unlink(missing_ok=True)
        faults.append(f"  {address}: {fault}")
    raise DataError(
        f"no mirror gave a usable {file.name}:\n" + "\n".join(faults),
        f"Try again later, or get the files of {name} elsewhere and point {VARIABLE} or --data-dir "
        f"at a folder that has {name}/{file.name}.",
    )


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"{error.filename or folder}: cannot be read or written: {error.strerror or error}",
        f"Choose another folder with {VARIABLE} or --data-dir.",
    )


class _TooLongError(Exception):
    """A mirror sends more than the file can have."""


class _Sink:
    """A file that counts what is written to it, and refuses more than `at_most` bytes."""

    def __init__(self, stream: BinaryIO, at_most: int, count: Callable[[int], None]) -> None:
        self._stream = stream
        self._at_most = at_most
        self._done = 0
        self._count = count
        self.fault: OSError | None = None

    def write(self, part: bytes) -> None:
        self._done += len(part)
        if self._done > self._at_most:
            raise _TooLongError(f"sends more than the {self._at_most} bytes that the file can have")
        try:
            self._stream.write(part)
        except OSError as error:
            self.fault = error
            raise
        self._count(self._done)

    def flush(self) -> None:
        """Called by pooch after each part; the file is flushed once, at the end."""


def _receive(address: str, stream: BinaryIO, file: RemoteFile, progress: Progress | None) -> str:
    """Download `address` into `stream`; return what went wrong with the mirror, or an empty string.

    Raises OSError where writing failed: another mirror would not help.
    """
    import pooch

    sink = _Sink(stream, file.largest_download, lambda done: progress(file.name, done) if progress else None)
    # Without "identity" a server may hand out the file unpacked on the way.
    download = pooch.HTTPDownloader(chunk_size=CHUNK, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"})
    try:
        download(address, sink, None)
    except _TooLongError as error:
        return str(error)
    except (OSError, ValueError) as error:  # all errors of requests are of these two families
        if sink.fault is not None:
            raise sink.fault from None
        return _reason(error)
    stream.flush()
    os.fsync(stream.fileno())
    return ""


REASONS = {
    "ChunkedEncodingError": "the connection broke off",
    "ConnectTimeout": f"no answer within {TIMEOUT:g} s",
    "ConnectionError": "no connection",
    "ReadTimeout": f"no answer within {TIMEOUT:g} s",
}


def _reason(error: Exception) -> str:
    """One line on why a request failed, without the chain of objects that requests puts around it."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"answers {response.status_code} {response.reason}"
    kind = type(error).__name__
    return REASONS.get(kind, f"{kind}: {str(error).partition(chr(10))[0][:200]}")
