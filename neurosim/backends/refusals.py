"""Compiler errors, reported in terms of the author's line."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable

from neurosim.errors import PluginError
from neurosim.formulas.float32 import Generated

INSTEAD = (
    "Instead: use scalar arithmetic, if/else, for k in range(...), and functions of the math module; "
    "a name must keep one type (number or index) throughout."
)


def refusal(subject: str, target: str, generated: Generated, error: Exception) -> PluginError:
    """The error for generated text that cannot be compiled for `target`; `subject` where no line is to blame.

    The compiler's own message, which is pages long, stays with the traceback.
    """
    lines = re.findall(r'File "[^"]*neurosim_[^"]*", line (\d+)', str(error))
    where, source = blamed(generated, map(int, lines)) or (subject, "")
    what = f"cannot be compiled for {target}"
    return PluginError(f"{where}: {source!r} {what}" if source else f"{where}: {what}", INSTEAD)


def blamed(generated: Generated, lines: Iterable[int]) -> tuple[str, str] | None:
    """Where the author's part of generated text is that the last of `lines` comes from, and what stands there."""
    places = generated.origins_of(lines)
    if not places:
        return None
    function, line = places[-1]
    code = function.__code__
    source = linecache.getline(code.co_filename, line).strip()
    return f"{code.co_filename}:{line}: in {function.__name__}", source
