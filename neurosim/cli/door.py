"""The single door through which text reaches the terminal, pipe or file behind a standard stream.

Titles, names of classes, columns and files, and messages from plugins may contain anything: codes that set a window's
title, clear the screen, hide earlier output. They are shown as text (see `neurosim.printable`). Only text that `style`
has colored gets codes, and only on a terminal.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO

import click

from neurosim.printable import printable

# Unknown outside this process, so that no user's text can ask for a code.
_SECRET = os.urandom(8).hex()
_MARK = f"<{_SECRET}:([0-9;]*)>"
# Back to the beginning of the line, to overwrite it.
RETURN = f"<{_SECRET}:>"
_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def style(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    """The text, colored or bold if it goes to a terminal, and plain anywhere else."""
    codes = [_CODES[fg]] if fg else []
    codes += ["1"] if bold else []
    marked = codes and isinstance(sys.stdout, Door)
    return f"<{_SECRET}:{';'.join(codes)}>{text}<{_SECRET}:0>" if marked else text


def echo(text: str, *, fg: str | None = None, bold: bool = False, err: bool = False) -> None:
    """Print a line, colored or bold if it goes to a terminal."""
    click.echo(style(text, fg=fg, bold=bold), err=err)


class Door:
    """A standard stream that shows everything written to it as text.

    Parameters
    ----------
    stream : text stream
        The stream behind it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the printable form of a text; returns the length of the text."""
        self.stream.write(self._shown(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def _shown(self, text: str) -> str:
        text = printable(text)
        if _SECRET not in text:
            return text
        colored = self.stream.isatty()
        return re.sub(_MARK, lambda mark: f"\x1b[{mark[1]}m" * colored if mark[1] else "\r", text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            # Bytes would bypass it.
            raise AttributeError(name)
        return getattr(self.stream, name)


@contextmanager
def doors() -> Iterator[None]:
    """Put a door before each standard stream of this process."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_door(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _door(stream: TextIO) -> Any:
    return stream if isinstance(stream, Door) else Door(stream)


def behind(stream: IO[str]) -> IO[str]:
    """The stream behind a door: for code that moves the cursor itself and shows nothing unprintable."""
    while isinstance(stream, Door):
        stream = stream.stream
    return stream
