"""Standard streams that a run survives losing: a reader may quit, the terminal close, the disk fill up."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

import click

# Whether the line with the ``^C`` on the terminal has been ended.
_ended = False


def end_line(*, again: bool = False) -> None:
    """After Ctrl-C, end the line on which the terminal shows ``^C``: once, or `again` for another one."""
    global _ended
    if (again or not _ended) and sys.stderr.isatty():
        click.echo(err=True)
    _ended = True


def line_ended() -> None:
    """Note that the live display has ended that line itself."""
    global _ended
    _ended = True


class LastingFile(io.FileIO):
    """Writes to an open descriptor until that fails; from then on it drops everything and raises nothing.

    Attributes
    ----------
    error : OSError or None
        Why not everything was written; None also if nobody reads it any more.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.name: Any = name
        self.error: OSError | None = None
        self._over = False
        # Nobody misses what is not written to a pipe without a reader, or to a terminal that is gone.
        self._unread = (errno.EPIPE, errno.EIO) if os.isatty(descriptor) else (errno.EPIPE,)

    def write(self, data: Any) -> int:
        """Write some of the data, or drop all of it; returns the number of bytes that are done with."""
        while not self._over:
            try:
                count = super().write(data)
            except OSError as error:
                self._over = True
                self.error = None if error.errno in self._unread else error
            else:
                if count is not None:
                    return count
                # Another program that shares the descriptor has made it non-blocking.
                select.select([], [self], [])
        return memoryview(data).nbytes


def open_descriptors() -> None:
    """Open whichever of the descriptors 0 to 2 are closed, so that no file gets one and is printed into."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
        os.set_inheritable(descriptor, True)


def lasting(stream: TextIO | None, descriptor: int, name: str) -> TextIO:
    """A stream like `stream` that never raises when it is written to; `finish` says what happened."""
    if stream is None:
        # It was closed when Python started.
        return io.TextIOWrapper(io.BufferedWriter(LastingFile(descriptor, name)), "utf-8", "backslashreplace")
    buffer = getattr(stream, "buffer", None)
    if type(getattr(buffer, "raw", buffer)) is not io.FileIO:
        return stream  # a console of Windows, or what an embedding program has put there
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(LastingFile(stream.fileno(), name)),
        encoding=stream.encoding,
        # Nor may a character that the terminal lacks end a run.
        errors="backslashreplace" if stream.errors == "strict" else stream.errors,
        line_buffering=bool(getattr(stream, "line_buffering", False) or getattr(stream, "write_through", False)),
    )


def make_lasting() -> None:
    """Replace the standard streams of this process by such streams."""
    open_descriptors()
    sys.stdout = lasting(sys.stdout, 1, "<stdout>")
    sys.stderr = lasting(sys.stderr, 2, "<stderr>")
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)


def finish(stream: TextIO) -> OSError | None:
    """Flush a stream; returns why its reader did not get everything, if so."""
    stream.flush()
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.error if isinstance(raw, LastingFile) else None
