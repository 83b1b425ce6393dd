"""A folder whose files only the user can have written, whatever others do with the folders above it.

The path to it is checked from ``/`` on: anyone who may write to a folder may rename its entries and put something else
in their place. Then the folder is opened once, and every file is opened through that descriptor, which still refers to
the folder when the path no longer does. Where folders have neither owners nor descriptors (Windows), paths are used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from pathlib import Path
from typing import IO

from neurosim.process.interruption import unbroken

_HAS_OWNERS = os.name == "posix"
_MOST_LINKS = 40
_TEMPORARY = ".tmp"
# No file takes this many seconds to write.
_ABANDONED = 3600.0


class PrivateFolder:
    """A private folder of the user, created with its parents if missing.

    Attributes
    ----------
    path : Path
        Its path, for people; files are opened through the folder itself.

    Raises
    ------
    OSError
        If it cannot be created or opened; a PermissionError if it, or a folder on the path to it, is open to others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._swept = False
        self._descriptor: int | None = None
        if not (_HAS_OWNERS and os.open in os.supports_dir_fd):
            path.mkdir(parents=True, exist_ok=True)
            return
        descriptor = os.open(_walk(path), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            status = os.fstat(descriptor)
            self._place = status.st_dev, status.st_ino
            _check_own(str(path), status)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def __del__(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)

    def is_there(self) -> bool:
        """Whether the folder still exists."""
        if self._descriptor is None:
            return self.path.is_dir()
        with contextlib.suppress(OSError):
            return os.fstat(self._descriptor).st_nlink > 0
        return False

    def read(self, name: str) -> bytes | None:
        """The content of a file, or None if there is none with this name.

        Raises
        ------
        OSError
            If it cannot be read; a PermissionError if the folder or the file does not, or no longer, belong to the
            user alone.
        """
        try:
            # Do not wait for a pipe with this name; it is refused.
            with self._opened(name, "rb", os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)) as file:
                return file.read()
        except FileNotFoundError:
            return None

    @unbroken()
    def write(self, name: str, content: bytes) -> None:
        """Write a file, completely or not at all, before any signal is handled; raises like `read`."""
        self._sweep()
        temporary = f"{name[:200]}.{os.urandom(6).hex()}{_TEMPORARY}"
        with self._opened(temporary, "wb", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            try:
                file.write(content)
                file.close()
                at = self._checked()
                os.replace(self._named(temporary), self._named(name), src_dir_fd=at, dst_dir_fd=at)
            except BaseException:
                with contextlib.suppress(OSError):
                    self.remove(temporary)
                raise

    def _sweep(self) -> None:
        """Remove, once per process, temporary files of processes that were killed while writing."""
        if self._swept:
            return
        self._swept = True
        at = self._checked()
        for entry in os.listdir(at if at is not None else self.path):
            if entry.endswith(_TEMPORARY):
                with contextlib.suppress(OSError):
                    if time.time() - os.stat(self._named(entry), dir_fd=at).st_mtime > _ABANDONED:
                        self.remove(entry)

    def remove(self, name: str) -> None:
        """Remove a file; raises like `read`."""
        os.unlink(self._named(name), dir_fd=self._checked())

    def _opened(self, name: str, mode: str, flags: int) -> IO[bytes]:
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._named(name), flags, 0o600, dir_fd=self._checked())
        try:
            if self._descriptor is not None:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise _refused(str(self.path / name), "is not a file")
                _check_own(str(self.path / name), status)
            return os.fdopen(descriptor, mode)
        except BaseException:
            os.close(descriptor)
            raise

    def _named(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.path / name)

    def _checked(self) -> int | None:
        """The descriptor, after checking that it still refers to a private folder."""
        if self._descriptor is not None:
            status = os.fstat(self._descriptor)
            if (status.st_dev, status.st_ino) != self._place:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            _check_own(str(self.path), status)
        return self._descriptor


def _walk(path: Path) -> str:
    """The path with links followed and each folder on it checked; missing folders are created, for the user alone."""
    here = os.sep
    _check_parent(here, os.lstat(here))
    rest, links = list(reversed(path.absolute().parts[1:])), 0
    while rest:
        name = rest.pop()
        if name == os.pardir:
            here = os.path.dirname(here)
            continue
        entry = os.path.join(here, name)
        try:
            status = os.lstat(entry)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.mkdir(entry, 0o700)
            status = os.lstat(entry)
        _check_parent(entry, status)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = Path(os.readlink(entry))
            here = os.sep if target.is_absolute() else here
            rest += reversed([part for part in target.parts if part != os.sep])
        else:
            here = entry
    return here


def _check_parent(path: str, status: os.stat_result) -> None:
    """Raise unless only the user and root can change the entries of a folder, or the target of a link."""
    if status.st_uid not in (0, os.geteuid()):
        raise _refused(path, "belongs to another user")
    # Entries of a sticky folder, such as /tmp, can be renamed only by their owners.
    if stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_ISVTX:
        return
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and not _is_group_of_one(status.st_gid)):
        raise _refused(path, "can be changed by other users")


def _check_own(path: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise _refused(path, "belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _refused(path, "can be changed by other users")


def _is_group_of_one(group: int) -> bool:
    """Whether a group contains only the user, as on systems that give every user a group: folders may be open to it."""
    import grp
    import pwd

    try:
        user, entry = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return user.pw_gid == group and entry.gr_name == user.pw_name and set(entry.gr_mem) <= {user.pw_name}


def _refused(path: str, reason: str) -> PermissionError:
    return PermissionError(errno.EPERM, f"{path} {reason}")
