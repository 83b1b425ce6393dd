"""Download data sets from public mirrors, and keep only what is verified.

A file is received into memory, verified there and only then written, atomically: under its final name it is always
complete, and a download that is broken off leaves nothing behind. It is never resumed but begun again, with the next
mirror: hardly any file has more than 10 MB, and mirrors may have compressed the same bytes in different ways, so that
what one has sent need not be the beginning of what another one sends.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from neurosim.data.folders import VARIABLE, stored_file
from neurosim.data.published import DOWNLOADS, Download, RemoteFile, is_right, is_right_packed
from neurosim.data.receiving import MirrorError, receive
from neurosim.errors import DataError, UsageError
from neurosim.files.atomic import make_folder, sweep, write_atomically
from neurosim.suggestions import unknown

# Seconds after which a temporary file belongs to nobody; another process writes one in far less.
ABANDONED = 3600.0

Progress = Callable[[str, int], None]


def fetch(
    name: str, folder: Path, progress: Progress | None = None, downloads: Mapping[str, Download] = DOWNLOADS
) -> list[Path]:
    """Make sure that the files of a data set are in `folder`, verified.

    Files that are there and right stay as they are; damaged and missing ones are downloaded. Several
    processes may do this at once.

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
    sweep(folder, older_than=ABANDONED)
    return [_ensure(file, downloads[name], name, folder, progress) for file in downloads[name].files]


def _ensure(file: RemoteFile, download: Download, name: str, folder: Path, progress: Progress | None) -> Path:
    present = _present(file, folder)
    if present is not None:
        return present
    with _elsewhere():
        make_folder(folder)
    content = _from_mirrors(file, download, name, folder, progress)
    path = folder / file.name
    with _elsewhere():
        write_atomically(path, content)
    return path


def _present(file: RemoteFile, folder: Path) -> Path | None:
    """The file where it is in the folder and right; one that cannot be read is replaced as a damaged one is."""
    try:
        path = stored_file(folder, file.name)
        return path if path is not None and is_right(path, file) else None
    except OSError:
        return None


def _from_mirrors(file: RemoteFile, download: Download, name: str, folder: Path, progress: Progress | None) -> bytes:
    """The right bytes, from the first mirror that has them."""
    faults = {}
    for mirror in download.mirrors:
        address = mirror.rstrip("/") + "/" + file.name
        try:
            content = receive(
                address, file.largest_download, lambda done: progress(file.name, done) if progress else None
            )
            _check(content, file)
        except MirrorError as error:
            faults[address] = error
        else:
            return content
    raise _no_mirror(file, download, name, folder, faults)


def _check(content: bytes, file: RemoteFile) -> None:
    """Raise MirrorError unless the bytes are those of the file."""
    if is_right_packed(io.BytesIO(content), file):
        return
    if not content:
        raise MirrorError("it sent nothing")
    if content.lstrip()[:1] == b"<":
        raise MirrorError("it sent a web page instead; does this network want you to log in first?")
    raise MirrorError(f"what it sent is not {file.name}: the SHA-256 differs ({len(content)} bytes)")


def _no_mirror(
    file: RemoteFile, download: Download, name: str, folder: Path, faults: Mapping[str, MirrorError]
) -> DataError:
    if all(fault.unreachable for fault in faults.values()):
        names = ", ".join(entry.name for entry in download.files)
        return DataError(
            f"{name} cannot be downloaded: there seems to be no network connection",
            f"Connect and run this again; or get {names} on another machine and copy them into {folder}; "
            f"they are at {download.mirrors[0]}",
        )
    lines = [f"  {address}: {fault}" for address, fault in faults.items()]
    return DataError(
        f"no mirror gave a usable {file.name}:\n" + "\n".join(lines),
        f"Try again later, or get the files of {name} elsewhere and point {VARIABLE} or data_dir=... "
        f"at a folder that has {name}/{file.name}.",
    )


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Say of a folder that cannot be written how to choose another one."""
    try:
        yield
    except DataError as error:
        raise DataError(error.message, f"{error.hint} {VARIABLE} or data_dir=... names another one.") from error
