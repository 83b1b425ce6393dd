"""Only one process at a time writes to a run folder."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import IO

from neurosim.errors import DataError
from neurosim.files.atomic import cannot_write, make_folder, remove

NAME = ".lock"
_TRIES, _PAUSE = 3, 0.01
# Greatest number of digits of a process id.
_LONGEST = 20


class FolderLock:
    """Holds a folder until it is released or the process ends, however it ends.

    Parameters
    ----------
    folder : Path
        The folder.
    resuming : bool
        Whether the run in it is being resumed, so that another folder would not do.

    Raises
    ------
    DataError
        If another process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path, *, resuming: bool) -> None:
        self._path = folder / NAME
        self._file: IO[str] | None = None
        try:
            self._file = self._held(folder, resuming=resuming)
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()
        except OSError as error:
            self.release()
            raise cannot_write(self._path, error) from error

    def _held(self, folder: Path, *, resuming: bool) -> IO[str]:
        """The lock file, open and locked; raises DataError if another process holds it."""
        while True:
            # Another process that created the folder may remove it again if it writes nothing there.
            make_folder(folder)
            with contextlib.ExitStack() as on_failure:
                try:
                    file = on_failure.enter_context(self._path.open("a+", encoding="utf-8"))
                except FileNotFoundError:
                    if folder.is_dir():
                        raise
                    continue
                if not _hold_soon(file):
                    file.seek(0)
                    raise _held_by(file.read().strip() or "unknown", folder, resuming=resuming)
                # The previous holder may have removed the file that is open here.
                if _is_at(file, self._path):
                    on_failure.pop_all()
                    return file

    def release(self) -> None:
        """Let others write to the folder."""
        if self._file is not None:
            # Removed while locked, so that it cannot be anyone else's.
            remove(self._path)
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def who_holds(folder: Path) -> str:
    """The process that is writing to a folder; empty if none is, or if the system does not say."""
    try:
        import fcntl
    except ImportError:  # Windows
        return ""
    try:
        with (folder / NAME).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(_LONGEST).strip() or "unknown"
    except (OSError, ValueError):  # there is none
        pass
    return ""


def refuse_held(folder: Path) -> None:
    """Raise DataError if another process is writing to a folder whose run is to be resumed."""
    holder = who_holds(folder)
    if holder:
        raise _held_by(holder, folder, resuming=True)


def _held_by(holder: str, folder: Path, *, resuming: bool) -> DataError:
    what = "Wait until it has ended; the same command then does whatever is left."
    return DataError(
        f"another neurosim (process {holder}) is writing to {folder} right now",
        what if resuming else "Wait for it, or choose another folder (out=...).",
    )


def _hold_soon(file: IO[str]) -> bool:
    """Like `_hold`, with a few attempts, since `who_holds` locks it for an instant."""
    for _ in range(_TRIES):
        if _hold(file):
            return True
        time.sleep(_PAUSE)
    return False


def _hold(file: IO[str]) -> bool:
    """Whether the file could be locked for this process alone; raises OSError if files cannot be locked at all."""
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
    except BlockingIOError:
        return False
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether the open file is the one now at the path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
