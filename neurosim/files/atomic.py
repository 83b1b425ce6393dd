"""Writing files so that a crash leaves the old version or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from neurosim.errors import DataError
from neurosim.process.interruption import at_sudden_end, unbroken

# The ending of temporary files' names, and of no others.
TEMPORARY = ".neurosim-tmp"
# Folders whose files reach the disk together, see `synced_at_the_end`.
_nameless: set[Path] = set()

_HINTS = {
    errno.ENOSPC: "The disk is full: make room, or choose a folder on another one.",
    errno.EDQUOT: "Your share of the disk is used up: make room, or choose a folder on another one.",
    errno.EROFS: "It is on a read-only disk: choose another folder.",
    errno.EACCES: "You do not have permission: choose another folder, or have its permissions changed.",
    errno.EIO: "The disk may be failing: choose a folder on another one.",
    errno.EFBIG: "Files of this size are not allowed there (ulimit -f, or the file system).",
    errno.ENOENT: "Check how the path is written.",
    errno.ENOTDIR: "There is a file where a folder should be: choose another path.",
    errno.EEXIST: "Something else with this name exists: choose another path.",
    errno.EISDIR: "This is a folder: give the name of a file.",
    errno.ELOOP: "Links lead to each other here: choose another path.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "This process may open more files after  ulimit -n 4096",
}


@unbroken()
def write_atomically(path: Path, content: bytes | str | Sequence[bytes | memoryview]) -> None:
    """Write `content` to `path` through a temporary file in the same folder; signals wait until that is done.

    Of large contents there may be several parts.

    Raises
    ------
    DataError
        If the file cannot be written (folder missing or read-only, disk full).
    """
    # A text may contain a file name, which need not be valid text.
    whole = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    parts = [whole] if isinstance(whole, bytes) else whole
    temporary: Path | None = None
    try:
        if _is_no_file(path):
            # It cannot be replaced.
            path.write_bytes(b"".join(parts))
            return
        # The name may already have the greatest possible length.
        unique = path.parent / f".{path.name[:40]}.{os.urandom(6).hex()}{TEMPORARY}"
        with at_sudden_end(lambda: remove(unique)):
            with open(unique, "xb", opener=_as_the_umask_says) as file:
                temporary = unique
                _keep_private(path, file.fileno())
                file.writelines(parts)
                if path.parent not in _nameless:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        if path.parent not in _nameless:
            _sync_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            remove(temporary)
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def synced_at_the_end(folder: Path) -> Iterator[None]:
    """Inside this, what is written to a folder need not reach the disk; at the end all of it does, once.

    For a folder that gets its name only then: until it has one, nobody counts on what is in it.

    Raises
    ------
    DataError
        If the disk does not take it.
    """
    _nameless.add(folder)
    try:
        yield
    finally:
        _nameless.discard(folder)
    try:
        for path in folder.iterdir():
            _sync(path)
        _sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _as_the_umask_says(path: str, flags: int) -> int:
    """Open a new file with the permissions that all new files of this user get."""
    return os.open(path, flags, 0o666)


def _keep_private(path: Path, descriptor: int) -> None:
    """Give the file that will replace another no permissions that the old one did not have."""
    if os.name != "posix":
        return
    with contextlib.suppress(FileNotFoundError):
        before, now = path.lstat().st_mode & 0o777, os.fstat(descriptor).st_mode & 0o777
        if now & ~before:
            os.fchmod(descriptor, now & before)


def _is_no_file(path: Path) -> bool:
    """Whether `path` is a device or a pipe, or names an open stream such as /dev/stdout, whatever that leads to."""
    streams = path.parent.absolute() in (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))
    return path.exists() and not path.is_dir() and (streams or not path.is_file())


def _sync_folder(folder: Path) -> None:
    """Flush the new name to the disk; where folders cannot be opened (Windows), the system does it."""
    if os.name == "posix":
        _sync(folder)


def _sync(path: Path) -> None:
    # Windows flushes only what may be written to; a folder may only be read.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, older_than: float = 0.0) -> None:
    """Remove temporary files that `write_atomically` left in a folder when it was killed.

    If others may be writing there, `older_than` spares files changed within that many seconds.
    """
    for path in folder.glob(f".*{TEMPORARY}"):
        with contextlib.suppress(OSError):
            if not older_than or time.time() - path.stat().st_mtime > older_than:
                remove(path)


def remove(path: Path) -> None:
    """Remove a file that is no longer needed; if that fails, it stays, and nothing depends on it."""
    with contextlib.suppress(OSError):
        path.unlink()


def must_remove(path: Path) -> None:
    """Remove a file, if it exists, that would be mistaken for something else; raises DataError if that fails."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def make_folder(path: Path) -> Path:
    """Create a folder and its parents; raises DataError if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def missing(path: Path) -> list[Path]:
    """A folder and its parents, as far as they do not exist, innermost first."""
    return list(itertools.takewhile(lambda folder: not os.path.lexists(folder), (path, *path.parents)))


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, innermost first, as long as they are empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # it is not empty, or does not exist
            return


def cannot_write(path: Path, error: OSError) -> DataError:
    """The error for a file or folder that cannot be written."""
    return DataError(f"cannot write {path}: {error.strerror or error}", advice(error))


def advice(error: OSError) -> str:
    """What to do if a file cannot be read or written."""
    return _HINTS.get(error.errno or 0, "Check the path, its permissions and the disk.")
