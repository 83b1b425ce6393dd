"""Why a plugin is broken: any exception as one line, with the line number in the plugin's own source."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from types import FrameType

from neurosim.errors import NeurosimError
from neurosim.formulas.source import LOADED_SOURCE
from neurosim.plugin.host.hooks import HookError
from neurosim.plugin.host.mistakes import explained
from neurosim.printable import escaped

LONGEST = 200


def cause(error: BaseException, own: Mapping[str, str]) -> str:
    """What went wrong, in one printable line.

    Parameters
    ----------
    error : exception
        What loading the plugin, or calling a hook, raised.
    own : mapping of str to str
        The plugin's own files, and how a message calls each; nothing where there is only one.
    """
    file, line, frame = _place(error, own)
    text = _text(error, own, frame, line)
    if not line:
        return text
    return f"{text} ({f'{own[file]}, ' if own[file] else ''}line {line})"


def _text(error: BaseException, own: Mapping[str, str], frame: FrameType | None, line: int) -> str:
    if isinstance(error, HookError):
        return one_line(str(error))
    if isinstance(error, NeurosimError):
        # A hint is whole, or not there.
        hint = one_line(error.hint) if len(error.hint) <= LONGEST else ""
        begins_a_sentence = hint[1:2].islower() or hint[1:2].isspace()
        parts = (one_line(error.message), hint[:1].lower() + hint[1:] if begins_a_sentence else hint)
        return "; ".join(part.rstrip(".") for part in parts if part)
    if isinstance(error, SyntaxError) and error.filename in own:
        # Its text has file and line too.
        return one_line(f"{type(error).__name__}: {error.msg}")
    try:
        if frame is not None and (text := explained(error, _names(frame), _line_text(frame, line))):
            return one_line(text)
        text = one_line(str(error))
    except Exception:  # of an exception class of the author's own
        text = ""
    return one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _place(error: BaseException, own: Mapping[str, str]) -> tuple[str, int, FrameType | None]:
    """The innermost place in the plugin's own files; line 0 where there is none."""
    if isinstance(error, HookError):
        return (error.file, error.line, None) if error.file in own else ("", 0, None)
    if isinstance(error, SyntaxError) and error.filename in own and error.lineno:
        return str(error.filename), error.lineno, None
    place: tuple[str, int, FrameType | None] = ("", 0, None)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in own:
            place = (file, trace.tb_lineno, trace.tb_frame)
        trace = trace.tb_next
    return place


def _names(frame: FrameType) -> list[str]:
    return [*frame.f_locals, *(name for name in frame.f_globals if not name.startswith("__"))]


def _line_text(frame: FrameType, line: int) -> str:
    """A line as it was loaded."""
    loaded = frame.f_globals.get(LOADED_SOURCE)
    lines = linecache.getlines(frame.f_code.co_filename) if loaded is None else loaded.splitlines()
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def one_line(text: str) -> str:
    """The first line that says something, without its middle where it is long, safe to print."""
    return escaped(next((line.strip() for line in text.splitlines() if line.strip()), ""), LONGEST)
