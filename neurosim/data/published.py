"""What can be downloaded, and telling a published file from any other.

A file counts as the right one when the SHA-256 of its .gz form is the published one, or when that of the bytes
inside is: mirrors may have compressed the same bytes again.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from neurosim.data.cifar import ARCHIVE as CIFAR_ARCHIVE
from neurosim.data.cifar import RECORD, TEST, TRAINING
from neurosim.data.folders import stored_file

CHUNK = 1 << 16


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
        Number of unpacked bytes, of an archive about; what is read from a mirror, and unpacked, is capped by it.
    size : int
        Number of bytes of the .gz file, where that is published; 0 elsewhere.
    holds : tuple of str
        Files in it that will do in its place, unpacked; empty where it is no archive.
    """

    name: str
    sha256: str
    payload_sha256: str
    payload_size: int
    size: int = 0
    holds: tuple[str, ...] = ()

    @property
    def largest_download(self) -> int:
        """No .gz file of the payload needs more bytes: deflate adds at most 5 in every 16 kB."""
        return self.size or self.payload_size + self.payload_size // 1000 + 4096


@dataclass(frozen=True)
class Download:
    """A data set that can be downloaded: its files, and the addresses of folders that have them all."""

    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]


# Names and unpacked sizes of MNIST's files, which Fashion-MNIST has taken over.
_LIKE_MNIST = (
    ("train-images-idx3-ubyte.gz", 47_040_016),
    ("train-labels-idx1-ubyte.gz", 60_008),
    ("t10k-images-idx3-ubyte.gz", 7_840_016),
    ("t10k-labels-idx1-ubyte.gz", 10_008),
)


def _like_mnist(packed: Sequence[str], payloads: Sequence[str], mirrors: Sequence[str]) -> Download:
    """A download of MNIST's files, by the SHA-256 of each one packed, and unpacked where that is published."""
    hashes = zip(_LIKE_MNIST, packed, payloads or [""] * len(packed), strict=True)
    files = tuple(RemoteFile(name, sha256, payload, size) for (name, size), sha256, payload in hashes)
    return Download(files, tuple(mirrors))


# SHA-256 of the .gz files, sizes and mirrors: TensorFlow Datasets, url_checksums/mnist.txt, fashion_mnist.txt and
# cifar10.txt; further mirrors: torchvision (MNIST), Keras (Fashion-MNIST) and MindSpore (CIFAR-10). The payload hashes
# of MNIST are those of the bytes inside. The page of CIFAR-10 has the archive's MD5, c32a1d4ab5d03f1284b67883e8d87530.
DOWNLOADS: Mapping[str, Download] = MappingProxyType(
    {
        "mnist": _like_mnist(
            packed=(
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
            payloads=(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            mirrors=(
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "http://yann.lecun.com/exdb/mnist/",
            ),
        ),
        "fashion_mnist": _like_mnist(
            packed=(
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
            payloads=(),
            mirrors=(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            ),
        ),
        "cifar10": Download(
            (
                RemoteFile(
                    CIFAR_ARCHIVE,
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                    "",
                    60_000 * RECORD,
                    170_052_171,
                    (*TRAINING, TEST),
                ),
            ),
            (
                "https://www.cs.toronto.edu/~kriz/",
                "https://cave.cs.toronto.edu/kriz/",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
            ),
        ),
    }
)


def missing_files(name: str, folder: Path, downloads: Mapping[str, Download] = DOWNLOADS) -> list[str]:
    """Names of the files of a data set that `folder` does not have, packed or not; contents are not checked."""
    return [
        file.name
        for file in downloads[name].files
        if stored_file(folder, file.name) is None and unpacked_in(folder, file) is None
    ]


def unpacked_in(folder: Path, file: RemoteFile) -> Path | None:
    """The folder in which an archive was unpacked: this one or one in it; None where there is none."""
    if not file.holds:
        return None
    try:
        places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    except OSError:
        return None
    return next((place for place in places if all((place / name).is_file() for name in file.holds)), None)


def damaged_files(name: str, folder: Path, downloads: Mapping[str, Download] = DOWNLOADS) -> list[str]:
    """Names of the files of a data set that are in `folder` and are surely not the published ones."""
    found = ((file, stored_file(folder, file.name)) for file in downloads[name].files)
    return [path.name for file, path in found if path is not None and is_damaged(path, file)]


def is_damaged(path: Path, file: RemoteFile) -> bool:
    """Whether `path` surely does not hold the bytes of `file`.

    An unpacked file of which only the .gz form was published cannot be judged, nor one that cannot be read.
    """
    try:
        return (_is_packed(path, file) or bool(file.payload_sha256)) and not is_right(path, file)
    except OSError:
        return False


def is_right(path: Path, file: RemoteFile) -> bool:
    """Whether `path` holds the bytes of `file`, going by the published hashes.

    They must be packed, unless `path` has the name of `file` without ``.gz``.

    Raises
    ------
    OSError
        When `path` cannot be read.
    """
    with path.open("rb") as stream:
        if _is_packed(path, file):
            return is_right_packed(stream, file)
        return bool(file.payload_sha256) and _sha256(stream, file.payload_size) == file.payload_sha256


def is_right_packed(stream: BinaryIO, file: RemoteFile) -> bool:
    """Whether the stream has the bytes of `file`, packed; no more of them are read or unpacked than it can have."""
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


def _is_packed(path: Path, file: RemoteFile) -> bool:
    return path.name != file.name.removesuffix(".gz")


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
