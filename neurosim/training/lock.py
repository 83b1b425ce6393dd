"""One process at a time writes to a run folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

from neurosim.errors import DataError
from neurosim.files import cannot_write, remove

NAME = ".lock"


class FolderLock:
    """Holds a folder until it is released or the process ends, however it ends.

    Raises
    ------
    DataError
        When another process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        try:
            self._file: IO[str] | None = self._path.open("a+", encoding="utf-8")
        except OSError as error:
            raise cannot_write(self._path, error) from error
        if not _hold(self._file):
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            self._file = None
            raise DataError(
                f"another neurosim (process {holder}) is writing to {folder}", "Wait for it, or choose another --out."
            )
        try:
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()
        except OSError as error:
            self.release()
            raise cannot_write(self._path, error) from error

    def release(self) -> None:
        """Let others write there."""
        if self._file is not None:
            # Removed while it is held, so that nobody else's is removed.
            remove(self._path)
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def _hold(file: IO[str]) -> bool:
    """Whether the file could be locked for this process alone."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    # The one who held it before may have removed the file that is open here.
    try:
        return os.fstat(file.fileno()).st_ino == os.stat(file.name).st_ino
    except OSError:
        return False
