"""What messages of the library say of arguments in Python, as options of the command line.

The library knows no options: its hints speak of arguments, such as ``force=True``, and of overrides. Here these
become what is typed in a shell.
"""

from __future__ import annotations

import json
import re
from typing import Any

from neurosim.printable import quoted

# Arguments whose options have another name.
_OTHER_NAMES = {"overrides": "set", "plugin_folders": "plugins-dir", "plugins": "plugin"}
_ARGUMENT = re.compile(
    r"(?<![\w.\"'/-])(backend|data_dir|force|format|out|overrides|plugin_folders|plugins|resume|seed|seeds|variant)="
    r"(?=True\b|\.\.\.|[\[{\"\d-])"
)
# Where a value was set, at the beginning of a line about it.
_OVERRIDE = re.compile(r"(?m)^over(ride)? (?=\S+[=:])")
_DECODER = json.JSONDecoder()


def as_options(text: str) -> str:
    """A message, or a hint, in terms of the command line."""
    parts, place = [], 0
    for found in _ARGUMENT.finditer(text):
        if found.start() < place:
            continue
        name = f"--{_OTHER_NAMES.get(found[1], found[1].replace('_', '-'))}"
        try:
            option, end = _option(name, text, found.end())
        except ValueError:  # only begins like an argument
            continue
        parts += [text[place : found.start()], option]
        place = end
    return _OVERRIDE.sub(lambda found: "--set " if found[1] else "--over ", "".join([*parts, text[place:]]))


def _option(name: str, text: str, start: int) -> tuple[str, int]:
    """The option with the value at a place of a text, and where the value ends; ValueError where there is none."""
    for without_value in ("True", "..."):
        if text.startswith(without_value, start):
            return name, start + len(without_value)
    value, end = _DECODER.raw_decode(text, start)
    if isinstance(value, dict):
        values = [f"{key}={_written(entry)}" for key, entry in value.items()]
    else:
        values = value if isinstance(value, list) else [value]
    return " ".join(f"{name} {quoted(entry)}" for entry in values), end


def _written(value: Any) -> str:
    """A value as ``--set`` reads it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
