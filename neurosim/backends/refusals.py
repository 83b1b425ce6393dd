"""What a compiler refuses, told in terms of the author's line."""

from __future__ import annotations

import linecache
import re

from neurosim.errors import PluginError
from neurosim.formulas.float32 import Translator

INSTEAD = (
    "Instead: use scalar arithmetic, if/else, for k in range(...), and functions of the math module; "
    "a name must keep one type (number or index) throughout."
)


def refusal(subject: str, target: str, text: str, translator: Translator, error: Exception) -> PluginError:
    """The error for generated `text` that cannot be compiled for `target`; `subject` where no line is to blame.

    The compiler's own message, which goes on for pages, stays with the traceback.
    """
    lines = re.findall(r'File "[^"]*neurosim_[^"]*", line (\d+)', str(error))
    found = [place for line in lines if (place := translator.origin_of(text, int(line)))]
    where, what = subject, f"cannot be compiled for {target}"
    if found:
        function, line = found[-1]
        code = function.__code__
        source = linecache.getline(code.co_filename, line).strip()
        where = f"{code.co_filename}:{line}: in {function.__name__}"
        what = f"{source!r} {what}" if source else what
    return PluginError(f"{where}: {what}", INSTEAD)
