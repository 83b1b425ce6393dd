"""The one door through which text reaches a terminal, a pipe or a file behind the standard streams.

Titles, names of classes, columns and files, and what plugins say may hold anything: codes that set a window's title,
clear the screen, hide what came before. They are shown as text (see `neurosim.printable`). Only what `style` has
coloured gets codes, and only on a terminal.
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
# To the beginning of the line, to write over it.
RETURN = f"<{_SECRET}:>"
_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def style(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    """The text, coloured or bold where it goes to a terminal, and plain anywhere else."""
    codes = [_CODES[fg]] if fg else []
    codes += ["1"] if bold else []
    marked = codes and isinstance(sys.stdout, Door)
    return f"<{_SECRET}:{';'.join(codes)}>{text}<{_SECRET}:0>" if marked else text


def echo(text: str, *, fg: str | None = None, bold: bool = False, err: bool = False) -> None:
    """Print a line, coloured or bold where it goes to a terminal."""
    click.echo(style(text, fg=fg, bold=bold), err=err)


class Door:
    """A standard stream that shows all that is written to it as text.

    Parameters
    ----------
    stream : text stream
        What it leads to.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write what can be shown of a text; returns how long the text is."""
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
        coloured = self.stream.isatty()
        return re.sub(_MARK, lambda mark: f"\x1b[{mark[1]}m" * coloured if mark[1] else "\r", text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            # Bytes would go past it.
            raise AttributeError(name)
        return getattr(self.stream, name)


@contextmanager
def doors() -> Iterator[None]:
    """Put one before each standard stream of this process."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_door(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _door(stream: TextIO) -> Any:
    return stream if isinstance(stream, Door) else Door(stream)


def behind(stream: IO[str]) -> IO[str]:
    """The stream behind a door: for what moves the cursor itself and shows nothing unprintable."""
    while isinstance(stream, Door):
        stream = stream.stream
    return stream
