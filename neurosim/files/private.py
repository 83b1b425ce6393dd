"""A folder whose files nobody but the user can have written, whatever others do with the folders above it.

The way there is checked from ``/`` on: whoever may write to a folder may rename what is in it, and put something else
in its place. Then the folder is opened once, and every file is opened through that descriptor, which stays with the
folder when a path no longer does. Where folders have neither owners nor descriptors (Windows), paths are used.
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
    """A folder of the user's own, which is made with its parents where it is missing.

    Attributes
    ----------
    path : Path
        Where it is, for people; files are opened through the folder itself.

    Raises
    ------
    OSError
        When it cannot be made or opened; a PermissionError when it, or a folder on the way to it, is open to others.
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
            found = os.fstat(descriptor)
            self._place = found.st_dev, found.st_ino
            _check_own(str(path), found)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def __del__(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)

    def is_there(self) -> bool:
        """Whether the folder has not been removed since it was opened."""
        if self._descriptor is None:
            return self.path.is_dir()
        with contextlib.suppress(OSError):
            return os.fstat(self._descriptor).st_nlink > 0
        return False

    def read(self, name: str) -> bytes | None:
        """The content of a file, or None where there is none of this name.

        Raises
        ------
        OSError
            When it cannot be read; a PermissionError when folder or file are not, or no longer, the user's alone.
        """
        try:
            # A pipe of this name, which is refused, is not waited for.
            with self._opened(name, "rb", os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)) as file:
                return file.read()
        except FileNotFoundError:
            return None

    @unbroken()
    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all, before any signal is heeded; raises as `read` does."""
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
        """Remove, once in a process, what processes that were killed while writing have left."""
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
        """Remove a file; raises as `read` does."""
        os.unlink(self._named(name), dir_fd=self._checked())

    def _opened(self, name: str, mode: str, flags: int) -> IO[bytes]:
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._named(name), flags, 0o600, dir_fd=self._checked())
        try:
            if self._descriptor is not None:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise _refused(str(self.path / name), "is not a file")
                _check_own(str(self.path / name), found)
            return os.fdopen(descriptor, mode)
        except BaseException:
            os.close(descriptor)
            raise

    def _named(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.path / name)

    def _checked(self) -> int | None:
        """The descriptor, after checking that it is still that of a private folder."""
        if self._descriptor is not None:
            found = os.fstat(self._descriptor)
            if (found.st_dev, found.st_ino) != self._place:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            _check_own(str(self.path), found)
        return self._descriptor


def _walk(path: Path) -> str:
    """The path with links followed and each folder on it checked; missing folders are made, for the user alone."""
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
            found = os.lstat(entry)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # another process is as quick
                os.mkdir(entry, 0o700)
            found = os.lstat(entry)
        _check_parent(entry, found)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = Path(os.readlink(entry))
            here = os.sep if target.is_absolute() else here
            rest += reversed([part for part in target.parts if part != os.sep])
        else:
            here = entry
    return here


def _check_parent(path: str, found: os.stat_result) -> None:
    """Raise unless only the user and root can change what is in a folder, or where a link leads."""
    if found.st_uid not in (0, os.geteuid()):
        raise _refused(path, "belongs to another user")
    # What lies in a sticky folder, such as /tmp, can be renamed by its owner alone.
    if stat.S_ISLNK(found.st_mode) or found.st_mode & stat.S_ISVTX:
        return
    if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _is_group_of_one(found.st_gid)):
        raise _refused(path, "can be changed by other users")


def _check_own(path: str, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise _refused(path, "belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _refused(path, "can be changed by other users")


def _is_group_of_one(group: int) -> bool:
    """Whether a group is the user's own, as many systems give one to each: their folders may be open to it."""
    import grp
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return user.pw_gid == group and found.gr_name == user.pw_name and set(found.gr_mem) <= {user.pw_name}


def _refused(path: str, reason: str) -> PermissionError:
    return PermissionError(errno.EPERM, f"{path} {reason}")
